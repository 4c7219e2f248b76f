"""The warnings PyTorch gives, in its words, once where it gives them once."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import tidu as torch
from tidu import nn


def told_in_a_process(program):
    """The warnings of a program in a process of its own, where nothing was said before."""
    text = (
        "import warnings, numpy as np, tidu as torch\n"
        "with warnings.catch_warnings(record=True) as told:\n"
        "    warnings.simplefilter('always')\n"
        f"    {program}\n"
        "for one in told:\n"
        "    print(one.filename, str(one.message))\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("program, words", [
    ("torch.ones(2, dtype=torch.complex64).to(torch.float32)", "Casting complex values to real"),
    ("torch.ones(2, dtype=torch.complex64).float()", "Casting complex values to real"),
    ("torch.ones(2).copy_(torch.ones(2, dtype=torch.complex64))", "Casting complex values to real"),
    ("torch.ones(2)[torch.tensor([1, 0], dtype=torch.uint8)]", "indexing with dtype torch.uint8"),
    ("torch.where(torch.tensor([1], dtype=torch.uint8), 1.0, 2.0)", "where received a uint8"),
    ("torch.utils.data.DataLoader([1], num_workers=4096)", "This DataLoader will create 4096"),
    ("torch.nested.nested_tensor([torch.ones(2)])", "The PyTorch API of nested tensors"),
    ("torch.tensor([np.ones(2), np.ones(2)])", "Creating a tensor from a list of numpy.ndarrays"),
    ("torch.set_default_tensor_type(torch.FloatTensor)", "torch.set_default_tensor_type() is"),
    ("torch.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 2), padding='same')",
     "Using padding='same'"),
    ("torch.searchsorted(torch.arange(6.).view(3, 2).T, torch.ones(2, 1))", "torch.searchsorted()"),
    ("torch.ones(1).new_tensor(torch.ones(2))", "To copy construct from a tensor"),
    ("torch.masked.masked_tensor(torch.ones(1), torch.tensor([True]))", "The PyTorch API of"),
    ("torch.zeros(2).index_reduce(0, torch.tensor([0]), torch.ones(1), 'mean')", "index_reduce()"),
    ("torch.add(torch.ones(3), 1, out=torch.ones(2))", "An output with one or more elements"),
    ("torch.autocast('cuda')", "CUDA is not available"),
])  # fmt: skip
def test_told_once_at_the_users_line(program, words):
    (line,) = told_in_a_process(program)
    assert line.startswith(f"<string> {words}")


def test_no_words_about_complex_numbers_that_become_truths():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.ones(2, dtype=torch.complex64).bool().all()
        torch.ones(2, dtype=torch.complex64).to(torch.complex128)


@pytest.mark.parametrize("options, reason", [
    ({}, "encoder_layer.self_attn.batch_first was not True(use batch_first"),
    ({"batch_first": True, "norm_first": True}, "encoder_layer.norm_first was True"),
    ({"batch_first": True, "bias": False}, "encoder_layer.self_attn was passed bias=False"),
])  # fmt: skip
def test_an_encoder_that_does_not_pack_says_why(options, reason):
    layer = nn.TransformerEncoderLayer(8, 2, **options)
    with pytest.warns(UserWarning, match="enable_nested_tensor is True") as told:
        nn.TransformerEncoder(layer, 1)
    assert reason in str(told[0].message) and told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


def test_truths_of_numpy_are_bytes():
    found = np.isnan(torch.tensor([1.0, float("nan")]))
    assert found.dtype is torch.uint8 and found.tolist() == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("program", [
    "torch.tensor([float('inf'), -float('inf')]).cumsum(0)",
    "torch.tensor([float('inf'), -float('inf')]).half().cumsum(0)",
    "x = torch.tensor([3e38, 3e38], requires_grad=True); x.cumsum(0).sum().backward()",
])  # fmt: skip
def test_numpy_says_nothing(program):
    assert told_in_a_process(program) == []


def test_each_line_of_the_program_is_told_once():
    program = (
        "[f(torch.ones(3, 1), torch.ones(3)) for f in (torch.nn.functional.mse_loss,"
        " torch.nn.functional.huber_loss)]"
    )
    told = told_in_a_process(program)
    assert len(told) == 2 and all(line.startswith("<string> Using a target size") for line in told)


def test_steps_before_the_first_schedule_do_not_count():
    parameters = [torch.ones(2, requires_grad=True)]
    optimizer = torch.optim.SGD(parameters, 0.1)
    optimizer.step()
    first = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"Detected call of `lr_scheduler\.step\(\)` before"):
        first.step()
    optimizer.step()
    second = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second.step()
