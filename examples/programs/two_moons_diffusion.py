"""Diffusion: a network learns to take noise away, and so to make points of two moons."""

import math
import sys

import torch
from torch import nn

SMALL = "--small" in sys.argv
STEPS, LEVELS, SAMPLES = (30, 10, 16) if SMALL else (4000, 50, 500)


def moons(count):
    angle = torch.rand(count) * math.pi
    lower = (torch.rand(count) < 0.5).float()
    x = torch.cos(angle) * (1 - 2 * lower) + lower
    y = torch.sin(angle) * (1 - 2 * lower) + 0.5 * lower
    return torch.stack([x, y], dim=1) + 0.05 * torch.randn(count, 2)


class Denoiser(nn.Module):
    """(noisy point, level) -> the noise in it."""

    def __init__(self, width=64):
        super().__init__()
        self.level = nn.Embedding(LEVELS, width)
        self.point = nn.Linear(2, width)
        self.rest = nn.Sequential(
            nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)
        )

    def forward(self, x, level):
        return self.rest(self.point(x) + self.level(level))


@torch.no_grad()
def sample(model, betas, kept, count):
    x = torch.randn(count, 2)
    for level in reversed(range(LEVELS)):
        noise = model(x, torch.full((count,), level))
        x = (x - betas[level] / (1 - kept[level]).sqrt() * noise) / (1 - betas[level]).sqrt()
        if level:
            x = x + betas[level].sqrt() * torch.randn_like(x)
    return x


def main():
    torch.manual_seed(0)
    betas = torch.linspace(1e-3, 0.2, LEVELS)
    kept = torch.cumprod(1 - betas, dim=0)
    model = Denoiser()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(STEPS):
        x = moons(64)
        level = torch.randint(LEVELS, (64,))
        noise = torch.randn_like(x)
        share = kept[level].unsqueeze(1)
        noisy = share.sqrt() * x + (1 - share).sqrt() * noise
        loss = nn.functional.mse_loss(model(noisy, level), noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    made = sample(model, betas, kept, SAMPLES)
    print("mean", [round(v, 3) for v in made.mean(0).tolist()])
    print("spread", [round(v, 3) for v in made.std(0).tolist()])


if __name__ == "__main__":
    main()
