"""A trained network as a graph: its batch norms folded into convolutions, its activations
exchanged, its operations counted, and the result trained on."""

import sys

import torch
import torch.nn.functional as F
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

SMALL = "--small" in sys.argv
STEPS, BATCH, SIZE = (8, 8, 8) if SMALL else (200, 64, 16)


class Block(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)) + self.skip(x))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(1, 4), Block(4, 4), Block(4, 8))
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        x = self.blocks(x)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


def batch():
    """Pictures with horizontal or vertical waves, and which."""
    kind = torch.randint(0, 2, (BATCH,))
    wave = torch.sin(torch.arange(SIZE) * 0.8 + torch.rand(BATCH, 1) * 6)
    down = wave[:, :, None].expand(BATCH, SIZE, SIZE)
    pictures = torch.where(kind[:, None, None] > 0, down, down.transpose(1, 2))
    return pictures[:, None] + 0.3 * torch.randn(BATCH, 1, SIZE, SIZE), kind


def train(model, steps, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    losses = []
    for _ in range(steps):
        pictures, kind = batch()
        loss = F.cross_entropy(model(pictures), kind)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def folded(module):
    """The graph without the batch norms that follow a convolution."""
    layers = dict(module.named_modules())
    for node in module.graph.find_nodes(op="call_module"):
        norm, before = layers[node.target], node.args[0]
        if not isinstance(norm, nn.BatchNorm2d) or before.op != "call_module":
            continue
        conv = layers[before.target]
        if isinstance(conv, nn.Conv2d) and len(before.users) == 1:
            module.set_submodule(before.target, fuse_conv_bn_eval(conv, norm))
            node.replace_all_uses_with(before)
            module.graph.erase_node(node)
    module.graph.lint()
    module.delete_all_unused_submodules()
    module.recompile()
    return module


class Smoother(fx.Transformer):
    """The same graph with another activation."""

    def call_function(self, target, args, kwargs):
        if target is F.relu:
            return super().call_function(F.softplus, args, {"beta": 4.0})
        return super().call_function(target, args, kwargs)


class Counter(fx.Interpreter):
    """Runs a graph and counts what its convolutions and products multiply."""

    def __init__(self, module):
        super().__init__(module)
        self.products = {}

    def call_module(self, target, args, kwargs):
        layer = self.fetch_attr(target)
        result = super().call_module(target, args, kwargs)
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            self.products[target] = result[0].numel() * layer.weight[0].numel()
        return result


def main():
    torch.manual_seed(0)
    model = Network()
    losses = train(model, STEPS, 0.05)
    print(f"trained: {losses[0]:.4f} -> {losses[-1]:.4f}")
    model.eval()
    traced = fx.symbolic_trace(model)
    print(traced.graph)
    pictures, _ = batch()
    wanted = model(pictures)
    lean = folded(fx.symbolic_trace(model))
    print(lean.code)
    print(f"folded: {len(traced.graph.nodes)} -> {len(lean.graph.nodes)} nodes,",
          f"same numbers: {torch.allclose(lean(pictures), wanted, atol=1e-4)}")  # fmt: skip
    counter = Counter(lean)
    counter.run(pictures)
    for name, count in counter.products.items():
        print(f"  {name}: {count} products for a picture")
    smooth = Smoother(lean).transform()
    found = fx.replace_pattern(
        smooth,
        lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
        lambda x: x.mean(dim=(2, 3)),
    )
    print(f"pooled otherwise in {len(found)} place")
    print(smooth.code)
    print(f"smooth: {smooth(pictures).mean().item():.4f}")
    losses = train(smooth, STEPS, 0.01)
    print(f"trained on: {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
