"""A small transformer that writes text, one character after the other."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

SMALL = "--small" in sys.argv
STEPS, BLOCK, WIDTH, HEADS, LAYERS = (10, 16, 32, 2, 1) if SMALL else (1500, 48, 96, 4, 3)
TEXT = (
    """
The gradient of a sum is the sum of the gradients, and the gradient of a product is known to all.
A tape remembers what was done; read backwards it says how much each number mattered.
Small steps downhill, taken often, lead to the valley; large steps lead over it and away.
"""
    * 4
)


class Attention(nn.Module):
    """Each place looks at the places before it."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.tril(torch.ones(BLOCK, BLOCK, dtype=torch.bool)))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (
            part.view(b, t, HEADS, c // HEADS).transpose(1, 2)
            for part in self.qkv(x).split(WIDTH, dim=2)
        )
        scores = q @ k.transpose(-2, -1) * (c // HEADS) ** -0.5
        scores = scores.masked_fill(~self.mask[:t, :t], float("-inf"))
        mixed = F.softmax(scores, dim=-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):
    """Attention and a small network, each added to what was there."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Characters to the scores of the next character."""

    def __init__(self, letters):
        super().__init__()
        self.tokens = nn.Embedding(letters, WIDTH)
        self.places = nn.Embedding(BLOCK, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, letters, bias=False)
        self.head.weight = self.tokens.weight
        self.apply(self.initialize)

    @staticmethod
    def initialize(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, ids):
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    @torch.no_grad()
    def write(self, ids, count):
        for _ in range(count):
            scores = self(ids[:, -BLOCK:])[:, -1]
            ids = torch.cat([ids, torch.multinomial(F.softmax(scores, dim=-1), 1)], dim=1)
        return ids


def main():
    torch.manual_seed(0)
    letters = sorted(set(TEXT))
    number = {letter: i for i, letter in enumerate(letters)}
    data = torch.tensor([number[letter] for letter in TEXT])
    model = GPT(len(letters))
    print(sum(p.numel() for p in model.parameters()), "parameters")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        starts = torch.randint(len(data) - BLOCK - 1, (8,))
        x = torch.stack([data[i : i + BLOCK] for i in starts])
        y = torch.stack([data[i + 1 : i + BLOCK + 1] for i in starts])
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    text = model.write(data[:4].view(1, -1), 20 if SMALL else 200)[0]
    print(repr("".join(letters[i] for i in text)) if not SMALL else len(text))


if __name__ == "__main__":
    main()
