"""An LSTM learns to continue a generated series, trained by LBFGS on the whole of it."""

import sys

import torch
from torch import nn

SMALL = "--small" in sys.argv
STEPS, SERIES, LENGTH = (2, 4, 30) if SMALL else (12, 24, 200)


class Forecast(nn.Module):
    """Predicts the next value of each series, then goes on with its own predictions."""

    def __init__(self, hidden=20):
        super().__init__()
        self.cell1 = nn.LSTMCell(1, hidden)
        self.cell2 = nn.LSTMCell(hidden, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, series, future=0):
        first = second = None
        outputs = []
        value = None
        for i in range(series.shape[1] + future):
            seen = series[:, i : i + 1] if i < series.shape[1] else value
            first = self.cell1(seen, first)
            second = self.cell2(first[0], second)
            value = self.head(second[0])
            outputs.append(value)
        return torch.cat(outputs, dim=1)


def generated():
    """Sums of two waves with random phases."""
    phase = torch.rand(SERIES, 2, 1, dtype=torch.float64) * 6.28
    t = torch.arange(LENGTH, dtype=torch.float64)
    return 0.7 * torch.sin(t / 8 + phase[:, 0]) + 0.3 * torch.sin(t / 3 + phase[:, 1])


def main():
    torch.manual_seed(0)
    data = generated()
    train, test = data[1:], data[:1]
    model = Forecast().double()
    criterion = nn.MSELoss()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=6 if SMALL else 20)
    for step in range(STEPS):

        def closure():
            optimizer.zero_grad()
            loss = criterion(model(train[:, :-1]), train[:, 1:])
            loss.backward()
            return loss

        loss = optimizer.step(closure)
        with torch.no_grad():
            guess = model(test[:, :-1], future=5)
            print(
                f"step {step}: loss {loss.item():.6f}, "
                f"test {criterion(guess[:, :-5], test[:, 1:]).item():.6f}"
            )
    print("next values:", [round(v, 4) for v in guess[0, -5:].tolist()])


if __name__ == "__main__":
    main()
