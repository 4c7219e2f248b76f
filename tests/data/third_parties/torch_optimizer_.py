"""Optimizers written for old and new versions of PyTorch."""

import torch
import torch_optimizer
from torch import nn

NAMES = (
    "AccSGD AdaBound AdaMod AdamP Adahessian AggMo Apollo DiffGrad Lamb MADGRAD NovoGrad PID QHAdam QHM "
    "RAdam Ranger RangerQH RangerVA SGDP SGDW SWATS Shampoo Yogi"
).split()
for name in NAMES:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = getattr(torch_optimizer, name)(model.parameters(), lr=0.01)
    x = torch.randn(16, 4)
    for _ in range(5):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward(create_graph=name == "Adahessian")
        optimizer.step()
    weights = model[0].weight.detach()
    print(f"{name} {loss.item():.3f} {weights.abs().mean().item():.3f}")
