"""The networks of the workloads, as functions of the module that stands for torch."""

from itertools import pairwise


def perceptron(torch, *sizes):
    """Linear layers with ReLU between them."""
    layers = []
    for inputs, outputs in pairwise(sizes):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def convolutional(torch):
    """Two convolutions, one pooling, two linear layers, for images of 28 x 28."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def lstm_classifier(torch, inputs, hidden, classes):
    """One LSTM layer; the last state is classified."""
    nn = torch.nn

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(inputs, hidden, batch_first=True)
            self.head = nn.Linear(hidden, classes)

        def forward(self, x):
            states, _ = self.lstm(x)
            return self.head(states[:, -1])

    return Classifier()


def attention_block(torch, width, heads):
    """Causal self-attention, then a feed-forward layer; both normalised before, added after."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            batch, length, _ = x.shape
            parts = self.qkv(self.norm1(x)).split(width, dim=2)
            q, k, v = [p.view(batch, length, heads, -1).transpose(1, 2) for p in parts]
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    return Block()


def attention_model(torch, vocabulary, length, width, heads, layers):
    """A small GPT: embeddings of tokens and places, blocks, a linear layer to the vocabulary."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens = nn.Embedding(vocabulary, width)
            self.places = nn.Embedding(length, width)
            self.blocks = nn.Sequential(
                *[attention_block(torch, width, heads) for _ in range(layers)]
            )
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, vocabulary, bias=False)

        def forward(self, text):
            places = torch.arange(text.shape[1])
            x = self.tokens(text) + self.places(places)
            return self.head(self.norm(self.blocks(x)))

    return Model()


def deep_perceptron(torch, width, layers):
    """`layers` linear layers of one width with tanh."""
    pairs = [[torch.nn.Linear(width, width), torch.nn.Tanh()] for _ in range(layers)]
    return torch.nn.Sequential(*[torch.nn.Sequential(*pair) for pair in pairs])
