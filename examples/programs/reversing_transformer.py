"""An encoder and a decoder translate: numbers into the same numbers, backwards and one higher."""

import sys

import torch
from torch import nn

SMALL = "--small" in sys.argv
STEPS, LENGTH, WIDTH = (10, 4, 16) if SMALL else (1200, 8, 64)
WORDS, START = 12, 0


class Translator(nn.Module):
    """torch.nn.Transformer between two embeddings and a linear layer."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(WORDS, WIDTH), nn.Embedding(WORDS, WIDTH)
        self.place = nn.Parameter(0.1 * torch.randn(LENGTH + 1, WIDTH))
        self.transformer = nn.Transformer(
            WIDTH, nhead=4, num_encoder_layers=2, num_decoder_layers=2, dim_feedforward=2 * WIDTH,
            dropout=0.0, batch_first=True,
        )  # fmt: skip
        self.out = nn.Linear(WIDTH, WORDS)

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        mixed = self.transformer(
            self.source(source) + self.place[: source.shape[1]],
            self.target(target) + self.place[: target.shape[1]],
            tgt_mask=mask,
        )
        return self.out(mixed)

    @torch.no_grad()
    def translate(self, source):
        target = torch.full((len(source), 1), START)
        for _ in range(LENGTH):
            best = self(source, target)[:, -1].argmax(-1, keepdim=True)
            target = torch.cat([target, best], dim=1)
        return target[:, 1:]


def sentences(count):
    source = torch.randint(1, WORDS - 1, (count, LENGTH))
    return source, source.flip(1) + 1


def main():
    torch.manual_seed(0)
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    for step in range(STEPS):
        source, goal = sentences(32)
        begun = torch.cat([torch.full((32, 1), START), goal[:, :-1]], dim=1)
        loss = criterion(model(source, begun).flatten(0, 1), goal.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % (STEPS // 5) == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    model.eval()
    source, goal = sentences(50)
    right = (model.translate(source) == goal).float().mean().item()
    print(f"words right: {right:.3f}")


if __name__ == "__main__":
    main()
