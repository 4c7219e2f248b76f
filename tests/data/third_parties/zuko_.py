"""Normalizing flows, trained for a few steps."""

import torch
import zuko

torch.manual_seed(0)
flow = zuko.flows.NSF(3, 2, transforms=2, hidden_features=[16, 16])
optimizer = torch.optim.Adam(flow.parameters(), 1e-2)
for _ in range(6):
    x, context = torch.randn(16, 3), torch.randn(16, 2)
    loss = -flow(context).log_prob(x).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.2f}")
print([f"{value:.2f}" for value in flow(torch.ones(2)).sample((2,)).flatten().tolist()])
