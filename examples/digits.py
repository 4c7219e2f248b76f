"""Reads handwritten digits: a fully connected and a convolutional network, trained and compared.

An ordinary PyTorch program. It trains on the 1797 digits that come with scikit-learn, saves each
network in a checkpoint, loads that into a fresh network, and draws the loss curves.
"""

import sys
import time
from pathlib import Path

import matplotlib
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split
from tqdm import tqdm

matplotlib.use("Agg")
from matplotlib import pyplot as plt

OUTPUT = Path("demo-output")
WANTED = 0.97


class Perceptron(nn.Module):
    """64 pixels, two hidden layers, 10 digits."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 256),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(256, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, images):
        return self.layers(images)


class Convolutional(nn.Module):
    """Two convolutions with pooling between them, then one linear layer."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.head = nn.Linear(32 * 2 * 2, 10)

    def forward(self, images):
        x = F.max_pool2d(F.relu(self.conv1(images)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.head(x.flatten(1))


def load_data():
    """Training and test loaders; images are (1, 8, 8) with values in [0, 1]."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target, dtype=torch.long)
    data = TensorDataset(images, labels)
    split = torch.Generator().manual_seed(0)
    training, test = random_split(data, [len(data) - 360, 360], generator=split)
    return DataLoader(training, batch_size=64, shuffle=True), DataLoader(test, batch_size=360)


@torch.no_grad()
def accuracy(model, loader):
    """The share of images whose digit is recognised."""
    model.eval()
    right = sum((model(images).argmax(dim=1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def train(model, training, epochs):
    """Trains with Adam and a cosine schedule; returns the loss of each epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    losses = []
    progress = tqdm(range(epochs), desc=type(model).__name__, unit="epoch", file=sys.stderr)
    model.train()
    for _ in progress:
        total = 0.0
        for images, labels in training:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        scheduler.step()
        losses.append(total / len(training.dataset))
        progress.set_postfix(loss=f"{losses[-1]:.4f}")
    return losses


def verify(fresh, checkpoint, test):
    """Loads a checkpoint into a network that was never trained and measures it again."""
    state = torch.load(checkpoint)
    fresh.load_state_dict(state["model"])
    share = accuracy(fresh, test)
    assert share == state["accuracy"], "the loaded network must be the saved one"
    return share


def draw(curves, path):
    """The loss of each network over the epochs, on a logarithmic scale."""
    figure, axes = plt.subplots(figsize=(6, 4))
    for name, losses in curves.items():
        axes.semilogy(range(1, len(losses) + 1), losses, label=name)
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main():
    torch.manual_seed(0)
    OUTPUT.mkdir(exist_ok=True)
    training, test = load_data()
    curves, shares = {}, {}
    for network, epochs in [(Perceptron, 30), (Convolutional, 20)]:
        start = time.perf_counter()
        model = network()
        name = network.__name__
        checkpoint = OUTPUT / f"{name.lower()}.pt"
        curves[name] = train(model, training, epochs)
        state = {"model": model.state_dict(), "accuracy": accuracy(model, test)}
        torch.save(state, checkpoint)
        shares[name] = verify(network(), checkpoint, test)
        weights = sum(parameter.numel() for parameter in model.parameters())
        seconds = time.perf_counter() - start
        print(f"{name}: {weights} weights, {shares[name]:.2%} of the test digits, {seconds:.1f} s")
    draw(curves, OUTPUT / "digits-loss.png")
    print(f"loss curves: {OUTPUT / 'digits-loss.png'}")
    if min(shares.values()) < WANTED:
        sys.exit(f"fewer than {WANTED:.0%} of the digits were recognised")


if __name__ == "__main__":
    main()
