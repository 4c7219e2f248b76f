"""Learning to learn: weights from which a few gradient steps fit any sine wave (MAML)."""

import math
import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

SMALL = "--small" in sys.argv
STEPS, TASKS, SHOTS = (5, 2, 5) if SMALL else (2000, 8, 10)
INNER = 0.02


class Wave:
    """One task: a sine wave of its own height and phase."""

    def __init__(self):
        self.height = 0.1 + 4.9 * torch.rand(1)
        self.phase = math.pi * torch.rand(1)

    def points(self, count):
        x = 10 * torch.rand(count, 1) - 5
        return x, self.height * torch.sin(x + self.phase)


def adapted(model, weights, x, y, steps=1, create_graph=True):
    for _ in range(steps):
        loss = F.mse_loss(functional_call(model, weights, x), y)
        gradients = torch.autograd.grad(loss, tuple(weights.values()), create_graph=create_graph)
        weights = {
            name: w - INNER * g for (name, w), g in zip(weights.items(), gradients, strict=True)
        }
    return weights


def main():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(),
                          nn.Linear(40, 1))  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(STEPS):
        optimizer.zero_grad()
        total = 0.0
        for _ in range(TASKS):
            wave = Wave()
            weights = adapted(model, dict(model.named_parameters()), *wave.points(SHOTS))
            x, y = wave.points(SHOTS)
            loss = F.mse_loss(functional_call(model, weights, x), y) / TASKS
            loss.backward()
            total += loss.item()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: loss after adapting {total:.4f}")
    wave = Wave()
    x, y = wave.points(SHOTS)
    seen = wave.points(50)
    for steps in (0, 1, 5):
        weights = adapted(model, dict(model.named_parameters()), x, y, steps, create_graph=False)
        error = F.mse_loss(functional_call(model, weights, seen[0]), seen[1]).item()
        print(f"after {steps} steps: {error:.4f}")


if __name__ == "__main__":
    main()
