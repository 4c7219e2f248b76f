"""Attention written out: who looks at whom, and where the gradient goes."""

import math

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)

    def forward(self, words):
        query, key, value = self.query(words), self.key(words), self.value(words)
        scores = query @ key.T / math.sqrt(words.shape[-1])
        weights = torch.softmax(scores, dim=-1)
        return weights @ value


torch.manual_seed(0)
words = torch.randn(5, 4)
attention = Attention(4)
mixed = attention(words)
loss = (mixed - words).pow(2).mean()
loss.backward()
