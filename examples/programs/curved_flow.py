"""A normalizing flow: points of a curved cloud, from a bell curve by maps that can be undone."""

import math
import sys

import torch
from torch import nn

SMALL = "--small" in sys.argv
STEPS, BATCH, LAYERS = (20, 32, 2) if SMALL else (3000, 256, 6)


def banana(count):
    x = torch.randn(count)
    return torch.stack([x, 0.5 * x**2 - 1 + 0.3 * torch.randn(count)], dim=1)


class Coupling(nn.Module):
    """One coordinate is scaled and moved by functions of the other."""

    def __init__(self, kept, width=32):
        super().__init__()
        self.kept = kept
        self.net = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 2))

    def forward(self, x):
        same, other = x[:, self.kept], x[:, 1 - self.kept]
        scale, move = self.net(same[:, None]).unbind(1)
        scale = torch.tanh(scale)
        other = other * scale.exp() + move
        return self.joined(same, other), scale

    def inverse(self, y):
        same, other = y[:, self.kept], y[:, 1 - self.kept]
        scale, move = self.net(same[:, None]).unbind(1)
        return self.joined(same, (other - move) * torch.exp(-torch.tanh(scale)))

    def joined(self, same, other):
        pair = [same, other] if self.kept == 0 else [other, same]
        return torch.stack(pair, dim=1)


class Flow(nn.Module):
    """Couplings in turn; the logarithm of the density follows from their scales."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Coupling(i % 2) for i in range(LAYERS))

    def log_density(self, x):
        total = torch.zeros(len(x))
        for layer in self.layers:
            x, scale = layer(x)
            total = total + scale
        return total - 0.5 * (x**2).sum(1) - math.log(2 * math.pi)

    @torch.no_grad()
    def sample(self, count):
        x = torch.randn(count, 2)
        for layer in reversed(self.layers):
            x = layer.inverse(x)
        return x


def main():
    torch.manual_seed(0)
    flow = Flow()
    optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
    for step in range(STEPS):
        loss = -flow.log_density(banana(BATCH)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: negative log-likelihood {loss.item():.4f}")
    made = flow.sample(500)
    print("mean", [round(v, 3) for v in made.mean(0).tolist()])
    print("bend", round((made[:, 0] ** 2 * made[:, 1]).mean().item(), 3))


if __name__ == "__main__":
    main()
