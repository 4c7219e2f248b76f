"""Sequences of different lengths without padding: nested tensors through attention.

Each sequence holds marks; its class is whether more of them are high than low. The rows of a nested
tensor attend to themselves, their means are classified.
"""

import sys
import warnings

import torch
import torch.nn.functional as F
from torch import nn

warnings.filterwarnings("ignore")


class Reader(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.embed = nn.Linear(2, width)
        self.project = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 2)

    def forward(self, x):
        hidden = F.gelu(self.embed(x))
        parts = [linear(hidden).unflatten(-1, (self.heads, -1)) for linear in self.project]
        q, k, v = [part.transpose(1, 2) for part in parts]
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        rows = self.norm(hidden + mixed).unbind()
        return self.out(torch.stack([row.mean(0) for row in rows]))


def sequences(count, generator):
    rows, labels = [], []
    for _ in range(count):
        length = int(torch.randint(2, 9, (1,), generator=generator))
        row = torch.randn(length, 2, generator=generator)
        rows.append(row)
        labels.append(int((row[:, 0] > 0).float().mean() > 0.5))
    return rows, torch.tensor(labels)


def main(small):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(3)
    rows, labels = sequences(40 if small else 400, generator)
    x = torch.nested.nested_tensor(rows, layout=torch.jagged)
    print(
        "sequences:", x.size(0), "marks:", x.values().shape[0], "longest:", x.offsets().diff().max()
    )
    model = Reader(16, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(40 if small else 200):
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            print(f"step {step}: {loss.item():.4f}")
    with torch.no_grad():
        right = (model(x).argmax(1) == labels).sum().item()
    print("classified rightly:", right, "of", len(labels))

    # Gradients go back to each sequence; padding them gives the same numbers.
    leaves = [row.clone().requires_grad_() for row in rows[:3]]
    nested = torch.nested.as_nested_tensor(leaves, layout=torch.jagged)
    model(nested).sum().backward()
    print("a gradient:", [f"{value:.4f}" for value in leaves[1].grad.flatten().tolist()[:4]])
    padded = nested.detach().to_padded_tensor(0.0)
    print("padded:", tuple(padded.shape), f"{padded.sum():.4f}")


if __name__ == "__main__":
    main("--small" in sys.argv)
