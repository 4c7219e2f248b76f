"""A training step of a small network, which several tests take."""

import tidu as torch


def training(optimizer=torch.optim.SGD, **options):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    model.double()
    x, y = torch.randn(5, 3).double(), torch.randn(5, 1).double()
    updates = optimizer(model.parameters(), lr=0.1, **options)

    def step():
        updates.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        updates.step()
        return loss

    return model, updates, step
