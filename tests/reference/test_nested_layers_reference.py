"""Nested tensors in shapes, in attention and in transformers: as PyTorch's."""

import copy
import math
import pickle
import re

import numpy as np
import pytest
import torch

import tidu

LENGTHS = [
    "type(j).__name__", "isinstance(j,int)", "isinstance(j,torch.SymInt)", "str(j), repr(j)",
    'f"{j}"', "j==j", "j==k", "j==j2", "j!=j", "j!=k", "j==3", "j==-1", "3==j", "j!=3", "j>3",
    "j>=3", "j<3", "j<=3", "3<j", "j>0", "j>=0", "j>1", "j>=1", "j>=2", "j>2", "j<1", "j<0", "j>k",
    "j<j", "j<=j", "j>=j", "j>j", "int(j)", "float(j)", "bool(j)", "j+1", "j-1", "j*2", "2*j",
    "j*1", "j*1==j", "j*2==2*j", "j//2", "j/2", "-j", "j%2", "j**2", "abs(j)", "hash(j)==hash(j)",
    "{j:1}[j]", "j in (1,2)", "j in (j,)", "list(range(j))", "[1,2][j]", "x.shape",
    "x.shape==y.shape", "x.shape==z.shape", "x.shape==(2,j,3)", "x.size()", "x.size(1)",
    "x.size(1) is x.size(1)", "x.shape[1] is x.shape[1]", "x.numel()", "tuple(x.shape)",
    "torch.Size([2,j,3])", "x.view(2,j,3,1).shape", "x.reshape(2,-1,3).shape",
    "x.expand(2,j,3).shape", "x.transpose(1,2).shape", "x.stride()", "x.values().shape",
    "(x*2).shape==x.shape", "x.shape[1]==(x*2).shape[1]", "x.detach().shape==x.shape", "max(j,3)",
    "min(j,3)", "j.node", "j is x.size(1)", "sum(x.shape)", "copy.deepcopy(j)==j",
    "pickle.loads(pickle.dumps(x)).shape==x.shape", "j.real", "j & 1", "divmod(j,2)", "round(j)",
    "(j,3)==(j,3)", "j is None", "not j", "j.__index__()", "math.floor(j)", "x.shape[1:]",
    "x.size(-1)", "len(x.shape)", "str(x.shape)", "j+j", "j-j", "2*(j*3)", "j*2==j*3", "(j*2)>j",
    "repr(j*2), type(j*2).__name__", "x.view(-1,j,3).shape",
    "torch.nested.nested_tensor_from_jagged(x.values(), x.offsets()).shape==x.shape",
    "torch.empty_like(x).shape==x.shape", "x.unflatten(-1,[3,1]).shape",
    "x.view(2, j * 1, 3).shape",
]  # fmt: skip
ROWS = "torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=torch.jagged)"


@pytest.mark.parametrize("line", LENGTHS)
@pytest.mark.filterwarnings("ignore")
def test_lengths_of_ragged_axes(line):
    texts = []
    for library in (tidu, torch):
        names = {"torch": library, "copy": copy, "pickle": pickle, "math": math}
        exec(f"x, y = {ROWS}, {ROWS}; z = x * 2; j, k, j2 = (t.shape[1] for t in (x, y, z))", names)
        try:
            text = repr(eval(line, names))
        except Exception as error:
            text = f"{type(error).__name__}: " + re.split(r"\\n|\n|\. ", str(error))[0]
        texts.append(re.sub(r"j\d+", "jN", text))
    assert texts[0] == texts[1]


X = np.cos(np.arange(64, dtype=np.float32) * 0.7).reshape(2, 4, 8)
BEHIND = np.array([[0, 0, 1, 1], [0, 0, 0, 1]], bool)
ODD = np.array([[1, 0, 0, 1], [0, 0, 0, 1]], bool)


def filled(library, module):
    """The same weights in both libraries."""
    with library.no_grad():
        for i, p in enumerate(module.parameters()):
            numbers = np.sin(np.arange(p.numel(), dtype=np.float32) * 0.37 + i) * 0.3
            p.copy_(library.from_numpy(numbers.reshape(tuple(p.shape))))
    return module


ENCODERS = {
    "plain": {}, "no nested": {"enable_nested_tensor": False}, "training": {"train": True},
    "gradients": {"grad": True}, "gaps": {"behind": ODD}, "no padding": {"behind": None},
    "nothing padded": {"behind": BEHIND * False}, "floats": {"floats": True},
    "sequence first": {"batch_first": False}, "norm first": {"norm_first": True},
    "gelu": {"activation": "gelu"}, "norm": {"norm": True}, "no bias": {"bias": False},
    "mask": {"mask": True}, "odd heads": {"nhead": 1}, "one layer": {"layers": 1},
    "unchecked": {"mask_check": False},
}  # fmt: skip


def encoded(library, train=False, grad=False, behind=BEHIND, floats=False, norm=False, mask=False,
            layers=2, nhead=2, batch_first=True, enable_nested_tensor=True, mask_check=True,
            **options):  # fmt: skip
    nn = library.nn
    layer = nn.TransformerEncoderLayer(8, nhead, 16, 0.0, batch_first=batch_first, **options)
    encoder = nn.TransformerEncoder(
        layer, layers, nn.LayerNorm(8) if norm else None, enable_nested_tensor, mask_check
    )
    filled(library, encoder).train(train)
    x = library.tensor(X) if batch_first else library.tensor(X).transpose(0, 1)
    padding = None if behind is None else library.tensor(behind)
    if floats:
        padding = library.where(padding, -math.inf, 0.0)
    masks = library.zeros(4, 4) if mask else None
    with library.set_grad_enabled(grad):
        return encoder(x, mask=masks, src_key_padding_mask=padding).detach().numpy()


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.filterwarnings("ignore")
def test_encoders(name):
    """What stands behind the rows is 0 where PyTorch works on the rows alone."""
    ours, theirs = (encoded(library, **ENCODERS[name]) for library in (tidu, torch))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_choice_changes_something():
    assert not np.allclose(encoded(tidu), encoded(tidu, enable_nested_tensor=False))


def rows_of(library, value):
    if isinstance(value, tuple):
        return [rows_of(library, part) for part in value]
    if value is None or not isinstance(value, library.Tensor):
        return value
    parts = value.unbind() if value.is_nested else [value]
    return [part.detach().numpy() for part in parts]


CALLS = {
    "plain": {}, "no weights": {"need_weights": False}, "each": {"average_attn_weights": False},
    "gradients": {"grad": True}, "training": {"train": True}, "jagged": {"layout": "jagged"},
    "padding": {"padded": True}, "mask": {"mask": True}, "other": {"other": True},
    "sequence first": {"batch_first": False}, "odd heads": {"heads": 1}, "zero": {"zero": True},
}  # fmt: skip


def attended(library, grad=False, train=False, layout="strided", padded=False, mask=False,
             other=False, batch_first=True, heads=2, zero=False, **options):  # fmt: skip
    attention = library.nn.MultiheadAttention(8, heads, batch_first=batch_first, add_zero_attn=zero)
    filled(library, attention).train(train)
    x = library.tensor(X)
    rows = library.nested.nested_tensor([x[0, :2], x[1, :3]], layout=getattr(library, layout))
    try:
        with library.set_grad_enabled(grad):
            return rows_of(library, attention(
                rows, x if other else rows, x if other else rows,
                key_padding_mask=library.tensor(BEHIND) if padded else None,
                attn_mask=library.zeros(3, 3) if mask else None, **options))  # fmt: skip
    except AssertionError as error:
        return " ".join(str(error).split("\n")[0].split())


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_attention_of_nested_tensors(name):
    ours, theirs = (attended(library, **CALLS[name]) for library in (tidu, torch))
    assert type(ours) is type(theirs)
    if isinstance(ours, str):
        assert ours == theirs
        return
    for ours_part, theirs_part in zip(ours, theirs, strict=True):
        assert (ours_part is None) == (theirs_part is None)
        for a, b in zip(ours_part or [], theirs_part or [], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_a_layer_takes_nested_rows():
    found = []
    for library in (tidu, torch):
        layer = library.nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True)
        layer, x = filled(library, layer).eval(), library.tensor(X)
        with library.no_grad():
            made = layer(library.nested.nested_tensor([x[0, :2], x[1, :3]]))
        found.append(rows_of(library, made))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_nested_tensors_of_masks():
    for behind in (BEHIND, ODD):
        found = []
        for library in (tidu, torch):
            x, mask = library.tensor(X), library.tensor(~behind)
            aligned = library._nested_tensor_from_mask_left_aligned(x, mask)
            try:
                found.append([aligned, rows_of(library, library._nested_tensor_from_mask(x, mask))])
            except RuntimeError as error:
                found.append([aligned, str(error).split("\n")[0]])
        assert repr(found[0]) == repr(found[1])
