"""Natural gradients by Kronecker factors (K-FAC), gathered with hooks on the layers."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

SMALL = "--small" in sys.argv
STEPS, BATCH = (10, 32) if SMALL else (150, 256)
DAMPING, MEMORY = 1e-2, 0.9


class Factors:
    """Of one linear layer: the mean squares of what comes in and of the gradients going back."""

    def __init__(self, layer):
        self.layer = layer
        self.inputs = torch.eye(layer.in_features + 1)
        self.gradients = torch.eye(layer.out_features)
        layer.register_forward_pre_hook(self.see_input)
        layer.register_full_backward_hook(self.see_gradient)

    def see_input(self, layer, inputs):
        if torch.is_grad_enabled():
            x = inputs[0].detach()
            x = torch.cat([x, torch.ones(len(x), 1)], dim=1)
            self.inputs = MEMORY * self.inputs + (1 - MEMORY) * (x.T @ x) / len(x)

    def see_gradient(self, layer, grad_input, grad_output):
        g = grad_output[0].detach() * len(grad_output[0])
        self.gradients = MEMORY * self.gradients + (1 - MEMORY) * (g.T @ g) / len(g)

    @torch.no_grad()
    def precondition(self):
        together = torch.cat([self.layer.weight.grad, self.layer.bias.grad[:, None]], dim=1)
        left = self.gradients + DAMPING * torch.eye(len(self.gradients))
        right = self.inputs + DAMPING * torch.eye(len(self.inputs))
        step = torch.linalg.solve(right, torch.linalg.solve(left, together).T).T
        self.layer.weight.grad.copy_(step[:, :-1])
        self.layer.bias.grad.copy_(step[:, -1])


def spirals(count):
    kind = torch.randint(2, (count,))
    way = 0.5 + 2 * torch.rand(count)
    angle = 2.5 * way + torch.pi * kind
    points = torch.stack([way * angle.cos(), way * angle.sin()], dim=1)
    return points + 0.05 * torch.randn(count, 2), kind


def trained(curved):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(),
                          nn.Linear(32, 2))  # fmt: skip
    factors = [Factors(layer) for layer in model if isinstance(layer, nn.Linear)] if curved else []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03 if curved else 0.3)
    for step in range(STEPS):
        x, kind = spirals(BATCH)
        loss = F.cross_entropy(model(x), kind)
        optimizer.zero_grad()
        loss.backward()
        for factor in factors:
            factor.precondition()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"  step {step}: loss {loss.item():.4f}")


def main():
    for curved in (False, True):
        print("with curvature:" if curved else "plain gradient:")
        trained(curved)


if __name__ == "__main__":
    main()
