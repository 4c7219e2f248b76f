"""Views, strides and in-place writes in corners where gradients once went wrong.

Each program returns plain data, and `data/autograd_regressions.json` has what PyTorch returned. An
error is its type and the start of its message. Running this file as a script records anew.
"""

import contextlib
import importlib
import json
import warnings
from pathlib import Path

import pytest

import tidu

RECORDED = Path(__file__).parent / "data" / "autograd_regressions.json"
PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


def outcome(torch, function):
    try:
        return _plain(function(torch))
    except (RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0][:56]}"


def _plain(value):
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, complex):
        return [value.real, value.imag]
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def grid(torch):
    return torch.arange(6.0).reshape(2, 3).requires_grad_()


def row(torch, n=6):
    return torch.arange(float(n)).requires_grad_()


def weights(torch, *shape):
    return (torch.arange(6.0) + 1).reshape(*shape)


# --- writes through views of bases with other strides -------------------------------------------


@program
def write_through_a_reshaped_view_of_a_transposed_base(torch):
    x = grid(torch)
    a = x.t() * 2
    a.t().view(-1).mul_(3)
    a.sum().backward()
    return x.grad


@program
def write_through_a_slice_of_a_flat_view_twice_differentiated(torch):
    x = grid(torch)
    a = x.t() * x.t()
    a.t().view(-1)[1:4].mul_(torch.tensor([1.0, 10.0, 100.0]))
    (g,) = torch.autograd.grad((a * a).sum(), x, create_graph=True)
    g.sum().backward()
    return g, x.grad


@program
def forward_and_batched_writes_through_a_flat_view(torch):
    def f(x):
        a = x.t() * 2
        a.t().reshape(-1)[:2].mul_(3)
        return a

    x = torch.arange(6.0).reshape(2, 3)
    batched = torch.func.vmap(f)(torch.arange(12.0).reshape(2, 2, 3))
    return torch.func.jvp(f, (x,), (torch.ones(2, 3),))[1], batched


# --- as_strided ---------------------------------------------------------------------------------


@program
def as_strided_of_a_transposed_base(torch):
    x = grid(torch)
    y = (x * 1).t()
    (y.as_strided((2,), (1,)) * torch.tensor([1.0, 10.0])).sum().backward()
    return x.grad


@program
def as_strided_reads_outside_its_input(torch):
    x = row(torch)
    y = (x * 1)[2:]
    y.as_strided((2,), (1,), 1).sum().backward()
    return x.grad


@program
def write_through_as_strided(torch):
    x = row(torch)
    a = x * 2
    a.as_strided((2,), (2,), 1).mul_(5)
    a.sum().backward()
    return x.grad


@program
def write_through_as_strided_of_a_transposed_base(torch):
    x = grid(torch)
    a = x.t() * 2
    a.as_strided((2,), (3,), 1).mul_(5)
    a.sum().backward()
    return x.grad


@program
def as_strided_with_overlaps_twice_differentiated(torch):
    x = row(torch)
    windows = (x * x).as_strided((4, 3), (1, 1))
    (g,) = torch.autograd.grad((windows * windows).sum(), x, create_graph=True)
    g.sum().backward()
    return g, x.grad


@program
def as_strided_of_an_expanded_input(torch):
    x = row(torch, 3)
    y = (x * 1).expand(2, 3)
    (y.as_strided((3,), (1,)) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    return x.grad


# --- t_ and its kin -----------------------------------------------------------------------------


@program
def write_after_transposing_a_view_in_place(torch):
    x = grid(torch)
    a = x * 1
    v = a[:, :2]
    v.t_()
    v.mul_(torch.tensor([1.0, 10.0]))
    (a * torch.arange(6.0).reshape(2, 3)).sum().backward()
    return x.grad


@program
def write_to_a_row_after_transposing_in_place(torch):
    x = row(torch)
    v = (x * 1).view(3, 2)
    v.t_()
    v[0].mul_(5)
    (v * weights(torch, 2, 3)).sum().backward()
    return x.grad


@program
def write_to_a_view_whose_base_was_transposed_in_place(torch):
    x = grid(torch)
    a = x * 1
    v = a[0]
    a.t_()
    v.mul_(5)
    (a * torch.arange(6.0).reshape(3, 2)).sum().backward()
    return x.grad


@program
def write_to_a_view_whose_base_gained_an_axis_in_place(torch):
    x = grid(torch)
    a = x * 1
    v = a[0]
    a.unsqueeze_(1)
    a.mul_(2)
    v.mul_(5)
    return torch.autograd.grad(v.sum() + a.sum(), x)


@program
def squeeze_in_place_then_write(torch):
    x = grid(torch)
    a = x * 1
    v = a[:1]
    v.squeeze_()
    v.mul_(torch.tensor([1.0, 2.0, 3.0]))
    a.sum().backward()
    return list(v.shape), x.grad


@program
def transposing_a_leaf_in_place(torch):
    return torch.ones(2, 3, requires_grad=True).t_()


# --- complex parts ------------------------------------------------------------------------------


def _pair(torch):
    return torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)


@program
def write_to_the_real_part(torch):
    z = _pair(torch)
    a = z * 1
    a.real.mul_(2)
    (a.real.sum() + a.imag.sum()).backward()
    return a.detach(), z.grad


@program
def write_to_the_imaginary_part(torch):
    z, x = _pair(torch), row(torch, 2)
    a = z * 1
    a.imag.copy_(x * x)
    (a.real.sum() + (a.imag * torch.tensor([1.0, 5.0])).sum()).backward()
    return z.grad, x.grad


@program
def write_through_view_as_real(torch):
    z = _pair(torch)
    a = z * 1
    torch.view_as_real(a)[0].mul_(torch.tensor([3.0, 4.0]))
    (a.real.sum() + a.imag.sum()).backward()
    return a.detach(), z.grad


@program
def write_through_view_as_complex(torch):
    x = torch.arange(4.0).reshape(2, 2).requires_grad_()
    a = x * 1
    torch.view_as_complex(a).mul_(2 + 1j)
    (a * torch.tensor([[1.0, 2.0], [3.0, 4.0]])).sum().backward()
    return a.detach(), x.grad


@program
def complex_views_share_memory(torch):
    a, b = torch.tensor([1 + 2j, 3 + 4j]), torch.ones(2, 2)
    torch.view_as_real(a).mul_(2)
    torch.view_as_complex(b).mul_(1j)
    return a, b


@program
def view_as_complex_of_separated_pairs(torch):
    return torch.view_as_complex(torch.ones(2, 4).t())


@program
def view_as_complex_of_odd_strides(torch):
    return torch.view_as_complex(torch.ones(3, 3)[:, :2])


@program
def view_as_complex_of_an_odd_offset(torch):
    return torch.view_as_complex(torch.ones(9)[1:].view(4, 2))


@program
def complex_views_under_transforms(torch):
    def f(x):
        z = torch.view_as_complex(x)
        return torch.view_as_real(z * z).sum()

    x = torch.arange(4.0).reshape(2, 2)
    return (
        torch.func.grad(f)(x),
        torch.func.vmap(f)(torch.stack([x, 2 * x])),
        torch.func.jvp(f, (x,), (torch.ones(2, 2),)),
    )


# --- views made in no_grad, or several at once --------------------------------------------------


def _no_grad_view(torch, y):
    with torch.no_grad():
        return y[:2]


@program
def write_to_a_view_made_in_no_grad(torch):
    return _no_grad_view(torch, row(torch) * 1).mul_(2)


@program
def write_to_a_view_of_a_view_made_in_no_grad(torch):
    v = _no_grad_view(torch, row(torch) * 1)
    with contextlib.suppress(RuntimeError):
        v[:1].mul_(2)
        return "written"
    return "refused"


@program
def write_to_a_view_of_a_leaf_made_in_no_grad(torch):
    return _no_grad_view(torch, row(torch)).mul_(2)


@program
def write_of_a_tracked_value_to_a_view_made_in_no_grad(torch):
    return _no_grad_view(torch, torch.ones(6)).mul_(row(torch, 2))


@program
def a_view_made_in_no_grad_requires_grad(torch):
    v = _no_grad_view(torch, row(torch) * 1)
    return v.requires_grad, v.is_leaf, v.grad_fn is None, repr(v)


@program
def a_view_of_a_constant_made_in_no_grad_may_be_written(torch):
    y = torch.ones(4)
    v = _no_grad_view(torch, y)
    v.mul_(2)
    return v.requires_grad, y


@program
def write_to_an_output_of_unbind(torch):
    return (grid(torch) * 1).unbind(0)[1].mul_(2)


@program
def write_to_an_output_of_split(torch):
    return (row(torch) * 1).split(3)[0].mul_(2)


@program
def write_to_an_output_of_split_with_sizes(torch):
    return (row(torch) * 1).split([4, 2])[1].mul_(2)


@program
def write_to_an_output_of_chunk(torch):
    return (row(torch) * 1).chunk(2)[0].add_(2)


@program
def write_to_an_output_of_unbind_of_a_leaf(torch):
    return grid(torch).unbind(0)[0].mul_(2)


@program
def write_to_a_row_while_iterating(torch):
    for part in grid(torch) * 1:
        part.mul_(2)


@program
def write_to_a_slice_of_an_output_of_split(torch):
    return (grid(torch) * 1).split(1)[1][:, 1:].mul_(2)


@program
def write_of_a_tracked_value_to_an_output_of_unbind(torch):
    return torch.ones(2, 3).unbind()[0].mul_(row(torch, 3))


@program
def write_to_untracked_outputs_of_unbind(torch):
    y = torch.ones(2, 3)
    for part in y:
        part.mul_(2)
    return y


@program
def write_to_an_output_of_tensor_split(torch):
    x = row(torch)
    y = x * 1
    y.tensor_split(2)[0].mul_(2)
    y.sum().backward()
    return x.grad


@program
def write_to_an_output_of_unbind_inside_grad(torch):
    def f(x):
        y = x * 1
        y.unbind(0)[0].mul_(2)
        return y.sum()

    return torch.func.grad(f)(torch.ones(2, 3))


# --- operands that overlap what is written ------------------------------------------------------


def _overlap(write):
    def overlap(torch):
        y = torch.arange(9.0).reshape(3, 3)
        write(y)
        return y

    return overlap


def _assign(y):
    y[1:] = y[:-1]


def _assign_element(y):
    y[:] = y[1, 1]


def _assign_by_index(y):
    y[[1, 2]] = y[:2]


PROGRAMS.update(
    {
        "overlap_" + name: _overlap(write)
        for name, write in {
            "add": lambda y: y[1:].add_(y[:-1]),
            "assign": _assign,
            "assign_element": _assign_element,
            "assign_by_index": _assign_by_index,
            "copy_element": lambda y: y.copy_(y[0, 0]),
            "copy_row": lambda y: y.copy_(y[1]),
            "copy": lambda y: y[1:].copy_(y[:-1]),
            "addcmul": lambda y: y[1:].addcmul_(y[:-1], y[:-1]),
            "pow": lambda y: y[1:].pow_(y[:-1]),
            "transposed": lambda y: y.add_(y.t()),
            "row": lambda y: y.mul_(y[0]),
            "element": lambda y: y.mul_(y[0, 0]),
            "same": lambda y: y.add_(y),
            "same_as_view": lambda y: y.mul_(y.view(3, 3)),
            "other_rows": lambda y: y[1:].mul_(y[0]),
            "columns_too_hard_to_tell": lambda y: y[:, :1].add_(y[:, 1:2]),
        }.items()
    }
)


@program
def overlap_of_tracked_tensors(torch):
    y = row(torch) * 1
    y[1:] += y[:-1]


# --- gradients that are kept --------------------------------------------------------------------


@program
def accumulating_changes_a_grad_that_was_used(torch):
    x, w = row(torch), row(torch)
    (x * x).sum().backward()
    y = (w * x.grad).sum()
    (x * x).sum().backward()
    y.backward()


@program
def accumulating_changes_a_scalar_grad_that_was_used(torch):
    x, w = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    (x * x).backward()
    y = w * x.grad
    (x * x).backward()
    y.backward()


def _retained(change):
    def retained(torch):
        y = torch.ones(4, requires_grad=True) * 1
        y.retain_grad()
        seen = []
        y.register_hook(lambda g: seen.append(g.tolist()))
        v = y[:2]
        v.retain_grad()
        change(y, v)
        (y.sum() + v.sum() * 10).backward()
        return y.grad, v.grad, seen, y.retains_grad

    return retained


PROGRAMS.update(
    {
        "retained_" + name: _retained(change)
        for name, change in {
            "then_multiplied": lambda y, v: y.mul_(3),
            "then_multiplied_twice": lambda y, v: y.mul_(3).mul_(2),
            "then_written_through_a_view": lambda y, v: v.mul_(3),
            "then_a_slice_was_written": lambda y, v: y[1:3].mul_(3),
            "then_overwritten": lambda y, v: y.zero_(),
        }.items()
    }
)


# --- out= and texts -----------------------------------------------------------------------------


@program
def out_in_no_grad(torch):
    a, p = row(torch, 2), torch.zeros(2, requires_grad=True)
    with torch.no_grad():
        torch.add(a, 1, out=p)
        torch.exp(a * 0, out=a)
    return p.requires_grad, p.detach(), a.detach()


@program
def out_while_recording(torch):
    with contextlib.suppress(RuntimeError):
        torch.add(row(torch, 2), 1, out=torch.zeros(2))
        return "computed"
    return "refused"


@program
def text_after_a_write_through_a_view(torch):
    y = row(torch, 2) * 1
    y[0] = 2
    return repr(y), y.grad_fn.name(), type(y.grad_fn).__name__


# --- strides ------------------------------------------------------------------------------------


def _layouts(torch):
    return (
        torch.ones(2, 3).t(), torch.ones(2, 3, 4).permute(2, 0, 1), torch.ones(4, 6)[:, ::2],
        torch.ones(4, 6).t()[::2], torch.ones(3, 1).expand(3, 4), torch.ones(2, 3),
    )  # fmt: skip


@program
def strides_of_clones(torch):
    return [(x.clone().stride(), x.contiguous().stride()) for x in _layouts(torch)]


@program
def clone_in_order(torch):
    return torch.ones(2, 3).t().clone(memory_format=torch.contiguous_format).stride()


@program
def view_of_a_clone_of_a_transpose(torch):
    return torch.ones(2, 3).t().clone().view(-1)


@program
def strides_of_grad(torch):
    found = []
    for x in _layouts(torch)[:4]:
        for f in (lambda x: x * x, lambda x: x.exp(), lambda x: x):
            leaf = x.detach().requires_grad_()
            f(leaf).sum().backward()
            first = leaf.grad.stride()
            f(leaf).sum().backward()
            found.append((first, leaf.grad.stride()))
    return found


@program
def strides_of_a_hooked_grad(torch):
    leaf = torch.ones(2, 3).t().requires_grad_()
    leaf.register_hook(lambda g: (g * 2).contiguous())
    leaf.sum().backward()
    return leaf.grad.stride()


@pytest.fixture(scope="module")
def recorded():
    return json.loads(RECORDED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.filterwarnings("ignore")
def test_as_pytorch(name, recorded):
    assert outcome(tidu, PROGRAMS[name]) == recorded[name]


def record():
    warnings.simplefilter("ignore")
    reference = importlib.import_module("torch")
    results = {name: outcome(reference, function) for name, function in PROGRAMS.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in results.items()]
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    record()
