import torch
from nflows import distributions, flows, transforms

torch.manual_seed(0)
steps = []
for _ in range(2):
    steps.append(transforms.ReversePermutation(features=2))
    steps.append(transforms.MaskedAffineAutoregressiveTransform(features=2, hidden_features=8))
steps.append(
    transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
        features=2, hidden_features=8, tails="linear", tail_bound=3.0
    )
)
flow = flows.Flow(transforms.CompositeTransform(steps), distributions.StandardNormal([2]))
points = torch.randn(64, 2) * 0.5 + 1
optimizer = torch.optim.Adam(flow.parameters(), 1e-2)
for _ in range(5):
    loss = -flow.log_prob(points).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"{loss.item():.4f}")
print(flow.sample(3).shape)
