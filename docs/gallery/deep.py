"""Twelve layers of sigmoids in training: the gradients of the first layers vanish."""

import torch
from torch import nn

torch.manual_seed(0)
layers = []
for _ in range(12):
    layers += [nn.Linear(8, 8), nn.Sigmoid()]
model = nn.Sequential(*layers, nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
data, target = torch.randn(32, 8), torch.randn(32, 1)
for _ in range(60):
    loss = (model(data) - target).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
