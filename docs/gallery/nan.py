"""Where did the NaN come from? A distance of zero under a square root."""

import torch

points = torch.tensor([[0.0, 1.0], [2.0, 3.0], [2.0, 3.0]], requires_grad=True)
difference = points[1:] - points[:-1]
squares = (difference**2).sum(1)
distance = squares.sqrt()
loss = (distance * torch.tensor([1.0, 0.0])).sum()
loss.backward()
print(points.grad)
