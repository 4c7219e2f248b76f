"""Gradients through steps of optimizers."""

import higher
import torch
from torch import nn

for name, options in (("SGD", {"momentum": 0.9}), ("Adam", {}), ("RMSprop", {}), ("Adagrad", {})):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.1, **options)
    x, y = torch.randn(8, 2), torch.randn(8, 1)
    with higher.innerloop_ctx(model, optimizer, copy_initial_weights=False) as (inner, steps):
        for _ in range(3):
            steps.step(((inner(x) - y) ** 2).mean())
        loss = ((inner(x) - y) ** 2).mean()
        loss.backward()
    print(name, f"{loss.item():.3f}", [f"{p.grad.norm().item():.2g}" for p in model.parameters()])
