"""A variational autoencoder of handwritten digits, scikit-learn's of 8 x 8 pixels."""

import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SMALL = "--small" in sys.argv
EPOCHS, KEPT, HIDDEN, CODE = (2, 256, 32, 4) if SMALL else (40, 1797, 128, 8)


class VAE(nn.Module):
    """Pixels -> mean and spread of a code -> pixels."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, HIDDEN)
        self.mean, self.log_variance = nn.Linear(HIDDEN, CODE), nn.Linear(HIDDEN, CODE)
        self.decoder = nn.Sequential(nn.Linear(CODE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 64))

    def forward(self, x):
        hidden = F.relu(self.hidden(x))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(code), mean, log_variance


def loss_of(logits, x, mean, log_variance):
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return pixels + divergence


def main():
    torch.manual_seed(0)
    images = torch.from_numpy(load_digits().data[:KEPT]).float() / 16
    loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(EPOCHS):
        total = 0.0
        for (batch,) in loader:
            optimizer.zero_grad()
            logits, mean, log_variance = model(batch)
            loss = loss_of(logits, batch, mean, log_variance)
            loss.backward()
            optimizer.step()
            total += loss.item()
        if SMALL or epoch % 8 == 0:
            print(f"epoch {epoch}: loss {total / KEPT:.3f}")
    with torch.no_grad():
        made = torch.sigmoid(model.decoder(torch.randn(16, CODE)))
    print(f"mean brightness of new digits {made.mean().item():.3f}")


if __name__ == "__main__":
    main()
