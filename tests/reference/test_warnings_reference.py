"""What is warned of, in which class and how often, as in PyTorch."""

import math
import warnings

import pytest
import torch

import tidu


def first_sentence(text):
    return text.partition("\n")[0].partition(". ")[0].rstrip(".")


def heard(library, program, times=2):
    """(class, first sentence) of each warning while the program runs several times."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(times):
            program(library)
    return [(w.category.__name__, first_sentence(str(w.message))) for w in caught], [
        w.filename for w in caught
    ]


def tracked(torch, *shape):
    return torch.full(shape, 2.5, requires_grad=True)


def silent(torch, tensor):
    with torch.no_grad():
        float(tensor)


def refused(function, tensor):
    with pytest.raises(ValueError, match="only one element tensors"):
        function(tensor)


NUMBERS = {
    "float": lambda torch: float(tracked(torch)),
    "complex": lambda torch: complex(tracked(torch, 1)),
    "root": lambda torch: math.sqrt(tracked(torch) * 2),
    "too many": lambda torch: refused(float, tracked(torch, 2)),
    "int": lambda torch: int(tracked(torch)),
    "item": lambda torch: tracked(torch).item(),
    "bool": lambda torch: bool(tracked(torch)),
    "format": lambda torch: f"{tracked(torch):.2f}",
    "list": lambda torch: tracked(torch, 2).tolist(),
    "no_grad": lambda torch: silent(torch, tracked(torch)),
    "detached": lambda torch: float(tracked(torch).detach()),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name):
    """Of each kind once in a process, so here each time is asked for."""
    results = []
    for library in (torch, tidu):
        library.set_warn_always(True)
        results.append(heard(library, NUMBERS[name])[0])
        library.set_warn_always(False)
        heard(library, NUMBERS[name])
        assert not heard(library, NUMBERS[name])[0]
    assert results[0] == results[1]
    assert bool(results[0]) == (name in ("float", "complex", "root", "too many"))


def hooks(forward, register="register_full_backward_hook", answer=None, made=None):
    def program(torch):
        module = (made or (lambda torch: torch.nn.Linear(2, 2)))(torch)
        getattr(module, register)(lambda *_: answer)
        forward(torch, module)

    return program


class Answers:
    """Modules of which old hooks on their node miss something."""

    @staticmethod
    def of(forward):
        def made(torch):
            module = torch.nn.Module()
            module.w = torch.nn.Parameter(torch.ones(2))
            module.forward = lambda *args: forward(module.w, *args)
            return module

        return made


def back(torch, module, *args):
    result = module(*(args or (torch.ones(1, 2),)))
    while not hasattr(result, "backward"):
        result = next(iter(result.values())) if isinstance(result, dict) else result[0]
    result.sum().backward()


def back_to_inputs(torch, module):
    back(torch, module, torch.ones(1, 2, requires_grad=True))


HOOKS = {
    "no inputs": hooks(back),
    "no inputs, before": hooks(back, "register_full_backward_pre_hook"),
    "no inputs, nothing": hooks(back, answer=(None,)),
    "inputs": hooks(back_to_inputs),
    "dictionary": hooks(back_to_inputs, made=Answers.of(lambda w, x: {"y": w * x})),
    "old": hooks(back_to_inputs, "register_backward_hook", made=Answers.of(lambda w, x: w * x)),
    "old, several nodes": hooks(back_to_inputs, "register_backward_hook",
                                made=Answers.of(lambda w, x: (w * x).exp())),
    "old, dictionary": hooks(back_to_inputs, "register_backward_hook",
                             made=Answers.of(lambda w, x: {"y": w * x})),
    "old, two results": hooks(back_to_inputs, "register_backward_hook",
                              made=Answers.of(lambda w, x: (w * x, w + x))),
    "old, a number": hooks(lambda torch, m: back(torch, m, torch.ones(2, requires_grad=True), 2),
                           "register_backward_hook", made=Answers.of(lambda w, x, n: w * x)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOOKS)
def test_hooks(name):
    theirs, _ = heard(torch, HOOKS[name])
    ours, files = heard(tidu, HOOKS[name])
    assert ours == theirs
    assert set(files) <= {__file__}


def test_a_gradient_where_no_input_has_one_is_refused():
    for library in (torch, tidu):
        program = hooks(back, answer=(library.ones(1, 2),))
        with pytest.raises(RuntimeError, match="where no input requires gradient should always"):
            heard(library, program)


def test_hooks_without_gradients_leave_the_tensors_alone():
    for library in (torch, tidu):
        module = library.nn.Identity()
        module.register_full_backward_hook(lambda *_: None)
        x = library.ones(2, requires_grad=True)
        with library.no_grad():
            assert module(x) is x


def grown(torch):
    x = torch.ones(2, requires_grad=True)
    (x * x).sum().backward(create_graph=True)


ONCE = {
    "create_graph": grown,
    "meshgrid": lambda torch: torch.meshgrid(torch.ones(2), torch.ones(2)),
    "meshgrid with indexing": lambda torch: torch.meshgrid(torch.ones(2), indexing="xy"),
    "T of a stack": lambda torch: torch.ones(2, 2, 2).T,
    "T of a number": lambda torch: torch.tensor(1.0).T,
    "T of a matrix": lambda torch: torch.ones(2, 3).T,
    "cross": lambda torch: torch.cross(torch.ones(3), torch.ones(3)),
    "cross along": lambda torch: torch.cross(torch.ones(3), torch.ones(3), dim=0),
    "linalg.cross": lambda torch: torch.linalg.cross(torch.ones(3), torch.ones(3)),
    "stft": lambda torch: torch.stft(torch.ones(9), 4, return_complex=True),
    "istft": lambda torch: torch.istft(torch.ones(3, 9) + 0j, 4),
    "stft with a window": lambda torch: torch.stft(
        torch.ones(9), 4, window=torch.ones(4), return_complex=True
    ),
    "qr": lambda torch: torch.qr(torch.eye(2)),
    "cholesky": lambda torch: torch.cholesky(torch.eye(2)),
    "linalg.cholesky": lambda torch: torch.linalg.cholesky(torch.eye(2)),
    "chain_matmul": lambda torch: torch.chain_matmul(torch.eye(2), torch.eye(2)),
    "range": lambda torch: torch.range(0, 2),
    "grid_sample": lambda torch: torch.nn.functional.grid_sample(
        torch.ones(1, 1, 2, 2), torch.zeros(1, 2, 2, 2)
    ),
    "affine_grid": lambda torch: torch.nn.functional.affine_grid(
        torch.ones(1, 2, 3), (1, 1, 2, 2), align_corners=True
    ),
    "amp": lambda torch: torch.cuda.amp.GradScaler(enabled=False),
    "amp on the CPU": lambda torch: torch.cpu.amp.autocast(),
    "no parameters": lambda torch: torch.nn.utils.clip_grad_norm_([], 1.0),
    "no parameters, generated": lambda torch: torch.nn.utils.clip_grad_norm_(iter_of(), 1.0),
    "clip_grad_norm": lambda torch: torch.nn.utils.clip_grad_norm(torch.ones(2), 1.0),
}


def iter_of():
    yield from ()


@pytest.mark.parametrize("name", ONCE)
def test_said(name):
    results = []
    for library in (torch, tidu):
        library.set_warn_always(True)
        always, files = heard(library, ONCE[name])
        library.set_warn_always(False)
        heard(library, ONCE[name])
        results.append((always, heard(library, ONCE[name])[0]))
    assert results[0] == results[1]
    assert set(files) <= {__file__}


REFUSED = {
    "roll": lambda torch: torch.roll(torch.ones(3), (1, 2)),
    "histc": lambda torch: torch.histc(torch.ones(3), min=2, max=1),
    "block_diag": lambda torch: torch.block_diag(3),
    "set_": lambda torch: torch.ones(2).set_(3),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    errors = []
    for library in (torch, tidu):
        with pytest.raises((RuntimeError, TypeError)) as error:
            REFUSED[name](library)
        errors.append((type(error.value), first_sentence(str(error.value))))
    assert errors[0] == errors[1]
