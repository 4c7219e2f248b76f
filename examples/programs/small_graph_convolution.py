"""A graph convolution finds two communities from one labelled member of each."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

SMALL = "--small" in sys.argv
STEPS, PEOPLE = (30, 12) if SMALL else (200, 40)


def communities():
    """An adjacency matrix: more ties inside each half than between the two."""
    label = torch.arange(PEOPLE) % 2
    chance = torch.where(label[:, None] == label, 0.5, 0.05)
    tie = (torch.rand(PEOPLE, PEOPLE) < chance).float().triu(1)
    return tie + tie.T, label


class GraphConvolution(nn.Module):
    """Features mixed among neighbours, then by a matrix."""

    def __init__(self, size_in, size_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size_in, size_out))
        self.bias = nn.Parameter(torch.zeros(size_out))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, mixing):
        return mixing @ (x @ self.weight) + self.bias


class Network(nn.Module):
    """Two graph convolutions."""

    def __init__(self, size_in, hidden=8):
        super().__init__()
        self.first = GraphConvolution(size_in, hidden)
        self.second = GraphConvolution(hidden, 2)

    def forward(self, x, mixing):
        x = F.dropout(F.relu(self.first(x, mixing)), 0.2, self.training)
        return F.log_softmax(self.second(x, mixing), dim=1)


def main():
    torch.manual_seed(0)
    ties, label = communities()
    ties = ties + torch.eye(PEOPLE)
    scale = ties.sum(1).rsqrt()
    mixing = scale[:, None] * ties * scale
    known = torch.tensor([0, 1])
    model = Network(PEOPLE)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
    for step in range(STEPS):
        model.train()
        optimizer.zero_grad()
        loss = F.nll_loss(model(torch.eye(PEOPLE), mixing)[known], label[known])
        loss.backward()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        found = model(torch.eye(PEOPLE), mixing).argmax(1)
    print(f"right: {(found == label).sum().item()} of {PEOPLE}")


if __name__ == "__main__":
    main()
