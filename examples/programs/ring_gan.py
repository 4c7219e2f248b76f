"""Two networks, one making points and one judging them, until the points lie on a ring."""

import math
import sys
from itertools import pairwise

import torch
from torch import nn

SMALL = "--small" in sys.argv
STEPS, BATCH = (20, 16) if SMALL else (3000, 128)


def ring(count):
    angle = torch.rand(count) * 2 * math.pi
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * torch.randn(count, 2)


def network(sizes, last):
    layers = []
    for a, b in pairwise(sizes[:-1]):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]), *last)


def main():
    torch.manual_seed(0)
    maker = network([4, 32, 32, 2], [])
    judge = network([2, 32, 32, 1], [nn.Sigmoid()])
    criterion = nn.BCELoss()
    of_maker = torch.optim.Adam(maker.parameters(), lr=2e-3, betas=(0.5, 0.999))
    of_judge = torch.optim.Adam(judge.parameters(), lr=2e-3, betas=(0.5, 0.999))
    real, false = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    for step in range(STEPS):
        made = maker(torch.randn(BATCH, 4))
        of_judge.zero_grad()
        judged = criterion(judge(ring(BATCH)), real) + criterion(judge(made.detach()), false)
        judged.backward()
        of_judge.step()
        of_maker.zero_grad()
        fooled = criterion(judge(made), real)
        fooled.backward()
        of_maker.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: judge {judged.item():.4f}, maker {fooled.item():.4f}")
    maker.eval()
    with torch.no_grad():
        radius = maker(torch.randn(200, 4)).norm(dim=1)
    print(f"radius {radius.mean().item():.3f} +- {radius.std().item():.3f}")


if __name__ == "__main__":
    main()
