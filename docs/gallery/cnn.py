"""A small convolutional network: pooling sends each gradient to the place of the maximum."""

import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, kernel_size=3)
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(3 * 3 * 3, 2)

    def forward(self, image):
        features = F.relu(self.norm(self.conv(image)))
        pooled = F.max_pool2d(features, 2)
        return self.head(pooled.flatten(1))


torch.manual_seed(0)
net = Net()
images = torch.randn(4, 1, 8, 8)
labels = torch.tensor([0, 1, 1, 0])
loss = F.cross_entropy(net(images), labels)
loss.backward()
