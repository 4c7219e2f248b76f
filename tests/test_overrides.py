"""__torch_function__: subclasses of Tensor and other classes see torch's functions and methods."""

import copy
import operator
import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import tidu as torch
import tidu.overrides  # switches the asking on for classes that are no tensors
from tidu.frontend.calls import public_functions

CALLS: list = []


class Logged(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        CALLS.append(func)
        return super().__torch_function__(func, types, args, kwargs or {})


class Plain(torch.Tensor):
    """Nothing of its own: results are of the class all the same."""


HANDLED: dict = {}


class Diagonal:
    """The example of PyTorch's documentation, with no tensor behind it."""

    def __init__(self, n, value):
        self.n, self.value = n, value

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in HANDLED or not all(issubclass(t, (torch.Tensor, cls)) for t in types):
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))


def handles(function):
    def register(own):
        HANDLED[function] = own
        return own

    return register


@handles(torch.mean)
def mean(input):
    return input.value / input.n


@handles(torch.add)
def add(input, other):
    matrix = lambda t: torch.eye(t.n) * t.value if isinstance(t, Diagonal) else t
    return matrix(input) + matrix(other)


@handles(torch.nn.functional.relu)
def relu(input):
    return Diagonal(input.n, max(input.value, 0))


def test_a_class_that_is_no_tensor():
    d = Diagonal(2, -4.0)
    assert torch.mean(d) == -2.0
    assert torch.add(d, torch.ones(2, 2)).tolist() == [[-3, 1], [1, -3]]
    assert torch.nn.functional.relu(d).value == 0
    with pytest.raises(TypeError, match=r"no implementation found for 'torch\.mul'"):
        torch.mul(d, d)
    assert torch.overrides.has_torch_function((d,)) and torch.overrides.is_tensor_like(d)
    assert not torch.overrides.has_torch_function((torch.ones(1),))


def test_every_call_on_a_subclass_is_seen():
    x = torch.ones(3).as_subclass(Logged)
    tensor = torch.Tensor
    expected = [
        (lambda: x + 1, tensor.add), (lambda: 1 + x, tensor.add), (lambda: x * x, tensor.mul),
        (lambda: x / 2, tensor.div), (lambda: -x, tensor.neg), (lambda: x.mean(), tensor.mean),
        (lambda: x @ x, tensor.matmul), (lambda: torch.ones(3) * x, tensor.mul),
        (lambda: x[0], tensor.__getitem__), (lambda: torch.relu(x), torch.relu),
        (lambda: torch.stack([x, x]), torch.stack), (lambda: x.add_(1), tensor.add_),
        (lambda: torch.nn.functional.softmax(x, 0), torch.nn.functional.softmax),
        (lambda: torch.nn.Parameter(torch.ones(3)) * x, tensor.mul),
    ]  # fmt: skip
    for call, function in expected:
        CALLS.clear()
        result = call()
        assert function == CALLS[0], function
        assert type(result) is Logged, function


def test_results_are_of_the_subclass():
    x = torch.tensor([[3.0, 1.0]]).as_subclass(Plain).requires_grad_()
    values, places = x.max(1)
    assert type(values) is type(places) is type(x.T) is type(x.detach()) is Plain
    assert type(x.max(1)).__name__ == "max" and isinstance(x.shape, torch.Size)
    assert type(x.numpy(force=True)).__name__ == "ndarray" and x.tolist() == [[3.0, 1.0]]
    assert type(torch.nn.Linear(2, 2)(x)) is Plain
    (x * torch.ones(2)).sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0]]
    assert repr(x.detach()) == "Plain([[3., 1.]])"
    assert type(torch.nn.Parameter(torch.ones(1)) + 1) is torch.Tensor
    with torch._C.DisableTorchFunctionSubclass():
        assert type(x + 1) is torch.Tensor
    assert type(copy.deepcopy(x.detach())) is Plain
    assert isinstance(torch.ones(1) + 1, torch.Tensor) and type(torch.ones(1) + 1) is torch.Tensor


def test_functions_stay_themselves():
    assert pickle.loads(pickle.dumps(torch.relu)) is torch.relu
    assert copy.deepcopy({"act": torch.nn.functional.gelu})["act"] is torch.nn.functional.gelu
    assert torch.stack.__name__ == "stack" and "dim" in str(
        __import__("inspect").signature(torch.stack)
    )
    overridable = torch.overrides.get_overridable_functions()
    assert any(f == torch.stack for f in overridable[torch])
    assert torch.tensor in torch.overrides.get_ignored_functions()


def test_subclasses_of_subclasses_come_first():
    seen = []

    class First(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(cls.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

        def mean(self):
            return "own"

    class Second(First):
        pass

    a, b = torch.ones(1).as_subclass(First), torch.ones(1).as_subclass(Second)
    assert type(torch.add(a, b)) is Second and seen[0] == "Second"
    assert b.mean() == "own"


def run(program, *words):
    command = [sys.executable, *words, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True).stdout


DUCK = """
    import {} as torch
    from {} import mean
    class Duck:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__, types == (cls,), len(args), kwargs
"""


@pytest.mark.slow
def test_functions_with_a_short_path_ask_from_the_first_call_on():
    program = (
        DUCK.format("tidu", "tidu")
        + """
    print(torch.sum(Duck(), dim=1), mean(Duck()), torch.cat([Duck()], 0), torch.exp(Duck()))
    print(torch.mul(torch.ones(1), Duck())[:3], torch.add(Duck(), 1)[0], torch.ones(1) + 1)
    """
    )
    assert run(program) == (
        "('sum', True, 1, {'dim': 1}) ('mean', True, 1, {}) ('cat', True, 2, {}) "
        "('exp', True, 1, {})\n('mul', True, 2) add tensor([2.])\n"
    )


OTHERS = """
    x = torch.ones(2)
    print(x + Duck(), x @ Duck(), Duck() - x, x == Duck(), x.add(Duck()), sep="\\n")
    print(torch.add(Duck(), Duck()), torch.sub(Duck(), 1), sep="\\n")
    print(torch.nn.functional.relu(Duck())[0], torch.einsum("i,i", Duck(), Duck())[0])
"""
ANSWERS = """\
('add', True, 2, {})
('matmul', True, 2, {})
('__rsub__', True, 2, {})
('eq', True, 2, {})
('add', True, 2, {})
('add', True, 2, {})
('sub', True, 2, {})
relu einsum
"""


@pytest.mark.slow
def test_operators_and_all_functions_ask():
    assert run(DUCK.format("tidu", "tidu") + OTHERS) == ANSWERS
    assert run(DUCK.format("torch", "torch") + OTHERS, "-m", "tidu", "run") == ANSWERS


@pytest.mark.slow
def test_a_class_that_nobody_saw_coming():
    """A program whose text doesn't name the method, with operators first."""
    head, _, body = DUCK.format("tidu", "tidu").partition("    class")
    program = f"{head}    exec({textwrap.dedent('    class' + body)!r})\n{OTHERS}"
    assert run(program) == ANSWERS


@pytest.mark.slow
@pytest.mark.parametrize(
    "call, name",
    [
        ("einsum('i,i', torch.ones(2), duck)", "einsum"), ("sort(duck)", "sort"),
        ("chain_matmul(duck, duck)", "chain_matmul"), ("block_diag(duck)", "block_diag"),
        ("tensordot(duck, duck)", "tensordot"), ("topk(duck, 1)", "topk"),
        ("index_select(torch.ones(1), 0, duck)", "index_select"), ("cdist(duck, duck)", "cdist"),
    ],
)  # fmt: skip
def test_a_class_that_nobody_saw_coming_is_asked_by_the_very_first_call(call, name):
    head, _, body = DUCK.format("tidu", "tidu").partition("    class")
    hidden = f"{head}    exec({textwrap.dedent('    class' + body)!r})\n    duck = Duck()\n"
    assert run(f"{hidden}    print(torch.{call}[0])") == f"{name}\n"


def test_errors_of_calls_are_raised_as_ever():
    for call in (lambda: torch.einsum("i->", 3), lambda: torch.topk("x", 1)):
        with pytest.raises(TypeError) as caught:
            call()
        assert caught.value.__context__ is None


EVERY_FUNCTION = """
    import os, sys
    import tidu as torch
    from tidu.frontend.calls import FACTORIES, UNSEEN, public_functions

    TEXT = '''class Duck:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return Asked(func)
    class Asked:
        def __init__(self, function):
            self.function = function'''

    def asked(function, hidden):
        scope = {}
        exec(hidden, scope)
        duck = scope["Duck"]()
        for count in range(1, 8):
            try:
                result = function(*[duck] * count)
            except TypeError as error:
                if "missing" in str(error):
                    continue
                return False
            except Exception:
                return False
            return isinstance(result, scope["Asked"]) and result.function is function

    hidden = compile(TEXT, "hidden", "exec")
    quiet = os.open(os.devnull, os.O_WRONLY)
    for function, name, place in public_functions():
        if place == "Tensor" or name in FACTORIES | UNSEEN:
            continue
        sys.stdout.flush()
        child = os.fork()  # each is the first call of its process
        if not child:
            os.dup2(quiet, 2)
            os._exit(0 if asked(function, hidden) else 1)
        if os.waitpid(child, 0)[1]:
            print(name)
"""
# What is no function of tensors, left out altogether, or no name of torch's.
NOBODY_S = {"fftfreq", "rfftfreq", "grouped_mm", "scaled_grouped_mm", "scaled_mm", "late", "view"}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="each call is the first of a process")
def test_every_function_asks_by_the_very_first_call():
    head, text = EVERY_FUNCTION.split("    TEXT = ")
    text = text.replace("__torch_function__", "__{}__")  # the program's text does not name it
    text = text.replace("self.function = function'''", "self.function = function'''.format(NAME)")
    program = f"{head}    NAME = 'torch' + '_function'\n    TEXT = {text}"
    assert set(run(program).split()) == NOBODY_S


class _Own(torch.Tensor):
    pass


def test_as_subclass_is_a_view_through_which_gradients_pass():
    x = torch.ones(2, requires_grad=True)
    own = x.as_subclass(_Own)
    assert type(own) is _Own and own._is_view() and own._base is x and not own.is_leaf
    assert type(own.grad_fn).__name__ == "AliasBackward0"
    (own * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    leaf = torch.ones(2).as_subclass(_Own).requires_grad_()
    (leaf.as_subclass(torch.Tensor) * 2).sum().backward()
    assert leaf.grad.tolist() == [2.0, 2.0]
    written = (x * 2).as_subclass(_Own)
    written.mul_(3)
    x.grad = None
    written.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]
    with pytest.raises(TypeError, match="from a class that does not inherit from Tensor"):
        x.as_subclass(int)


def test_numpy_without_recording_takes_what_requires_a_gradient():
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        assert x.view(-1).numpy().tolist() == np.asarray(x).tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
        x.numpy()
    assert [t.tolist() for t in x.detach().split(split_size=1)] == [[1.0], [1.0]]


def test_public_functions_are_listed_again_only_when_a_name_has_changed(monkeypatch):
    listed = public_functions()
    assert public_functions() is listed
    functional = torch.nn.functional

    def added(x):
        return x

    added.__module__ = functional.__name__
    monkeypatch.setattr(functional, "added", added, raising=False)
    assert (added, "added", "tidu.nn.functional") in public_functions()
    monkeypatch.undo()
    assert {name for _, name, _ in public_functions()} == {name for _, name, _ in listed}


def test_calls_with_plain_arguments_come_to_no_interceptor():
    program = """
        import tidu as torch
        import tidu.overrides
        from tidu.frontend.calls import Seen

        class Other(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                return func.__name__

        x, other = torch.ones(2), Other(2)
        def plain_calls():
            torch.flip(x, (0,)), torch.abs(x), torch.cat([x, x])
            torch.nn.functional.elu(x, alpha=2.0)
            torch.nn.functional.linear(x[None], torch.nn.Parameter(x[None]))

        plain_calls()  # which are plain is known when they were met
        come, through = [], Seen.__call__
        def call(seen, *args, **words):
            come.append(seen.name)
            return through(seen, *args, **words)
        Seen.__call__ = call
        plain_calls()
        print(come, len({torch.abs.__code__}))
        torch.abs(other), torch.cat([x, other]), torch.add(x, other=other)
        print(come)
    """
    assert run(program) == "[] 1\n['abs', 'cat', 'add']\n"


def test_an_operator_is_that_of_the_tensor_on_the_left():
    """Python asks a subclass on the right first."""
    left, other = torch.tensor([5.0, 7.0]), torch.tensor([3.0, 9.0])
    sub = Logged(other)
    names = {"sub": torch.Tensor.sub, "truediv": torch.Tensor.div, "pow": torch.Tensor.pow,
             "mul": torch.Tensor.mul, "add": torch.Tensor.add, "mod": torch.Tensor.remainder,
             "matmul": torch.Tensor.matmul}  # fmt: skip
    for name, func in names.items():
        CALLS.clear()
        found = getattr(operator, name)(left, sub)
        assert CALLS[:1] == [func] and type(found) is Logged, name
        assert found.tolist() == getattr(operator, name)(left, other).tolist()
    CALLS.clear()
    assert (2 - sub).tolist() == [-1.0, -7.0] and CALLS[:1] == [torch.Tensor.__rsub__]


def test_parameters_leave_an_operator_to_the_tensor_on_the_left():
    p, x = torch.nn.Parameter(torch.tensor([3.0, 7.0])), torch.tensor([5.0, 1.0])
    y = (x * 2).requires_grad_() * 1
    for z in (y + p, y - p, y * p, y / p):
        assert z.grad_fn.next_functions[0][0] is y.grad_fn
    assert (x / p).tolist() == (x / p.detach()).tolist()


@pytest.mark.parametrize("part", [
    lambda t: (t * 2).sin() * t, lambda t: t.exp() / t,
    lambda t: t.sin() * t if isinstance(t, torch.nn.Parameter) else t * 2,
])  # fmt: skip
def test_compiled_checkpoints_of_parameters(part):
    """What is saved in the second run is what was saved in the first, in its order."""
    w = torch.nn.Parameter(torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64))

    def run(w):
        return torch.utils.checkpoint.checkpoint(part, w, use_reentrant=False).sum()

    expected = torch.autograd.grad(part(w).sum(), w)[0]
    for function in (run, torch.compile(run, fullgraph=True)):
        torch.testing.assert_close(torch.autograd.grad(function(w), w)[0], expected)


def test_handlers_see_operators_under_their_names():
    """Those that are no methods by another name."""
    x, y = Logged(torch.tensor([5, 6])), torch.tensor([2, 3])
    cases = {"__and__": lambda: x & y, "__or__": lambda: x | y, "__xor__": lambda: x ^ y,
             "__floordiv__": lambda: x // y, "__rsub__": lambda: 2 - x, "__rdiv__": lambda: 2 / x,
             "__rpow__": lambda: 2**x, "__rfloordiv__": lambda: 2 // x, "__rmod__": lambda: 2 % x,
             "__lshift__": lambda: x << y, "__invert__": lambda: ~x,
             "__getitem__": lambda: x[0]}  # fmt: skip
    for name, call in cases.items():
        CALLS.clear()
        assert type(call()) is Logged
        assert CALLS[0].__name__ == name and CALLS[0] is getattr(torch.Tensor, name)


def test_a_plain_subclass_that_comes_later_leaves_operators_to_a_class_that_asks():
    class Later(torch.Tensor):
        __torch_function__ = torch._C._disabled_torch_function_impl

    x, later = Logged(torch.ones(2)), Later(torch.ones(2))
    for call in (lambda: later * x, lambda: x * later, lambda: later - x):
        CALLS.clear()
        assert type(call()) is Logged and CALLS


def test_writes_ask_the_class_of_what_is_written():
    """PyTorch's names, and results of that class in the memory of the tensor on the left."""
    names = {operator.iadd: "add_", operator.isub: "sub_", operator.imul: "mul_",
             operator.ifloordiv: "floor_divide_", operator.imod: "remainder_",
             operator.ipow: "pow_", operator.iand: "__iand__", operator.ior: "__ior__",
             operator.ixor: "__ixor__", operator.ilshift: "__ilshift__",
             operator.irshift: "__irshift__"}  # fmt: skip
    for write, name in names.items():
        t, other = torch.tensor([7, 6]), torch.tensor([2, 3])
        expected, s = write(t.clone(), other), Logged(other.clone())
        CALLS.clear()
        result = write(t, s)
        assert [call.__name__ for call in CALLS] == [name]
        assert type(result) is Logged and result is not t and t.equal(expected)
        assert result.data_ptr() == t.data_ptr()
        CALLS.clear()
        assert write(s, other) is s and [call.__name__ for call in CALLS] == [name]
    for name in ("add_", "copy_", "type_as", "atan2_", "lt_"):
        CALLS.clear()
        assert type(getattr(torch.ones(2), name)(Logged(torch.ones(2)))) is Logged
        assert [call.__name__ for call in CALLS] == [name]


def test_operators_with_a_number_or_a_tensor_on_the_left():
    s, t = Logged(torch.tensor([1, 2])), torch.tensor([7, 6])
    cases = {"bitwise_and": lambda: 2 & s, "bitwise_or": lambda: 2 | s,
             "bitwise_xor": lambda: 2 ^ s,
             "__rlshift__": lambda: 2 << s, "__rrshift__": lambda: 2 >> s,
             "__lshift__": lambda: t << s, "__rshift__": lambda: t >> s,
             "__and__": lambda: t & s, "__eq__": lambda: t == s}  # fmt: skip
    for name, call in cases.items():
        CALLS.clear()
        assert type(call()) is Logged and [c.__name__ for c in CALLS] == [name]


@pytest.mark.parametrize("compiled", [False, True])
def test_shifts(compiled):
    def f(t):
        u = t * 1
        v = u
        u <<= 2
        w = u + 0
        w >>= t
        return 2 << t, 64 >> t, u, v is u, w, True << t

    t = torch.tensor([1, 2])
    found = (torch.compile(f, fullgraph=True) if compiled else f)(t)
    wanted = [[4, 8], [32, 16], [4, 8], True, [2, 2], [2, 4]]
    assert [r.tolist() if isinstance(r, torch.Tensor) else r for r in found] == wanted
    assert (2 << t.to(torch.uint8)).dtype is torch.uint8 and (2 << t.bool()).tolist() == [4, 4]
    with pytest.raises(NotImplementedError, match="\"lshift_cpu\" not implemented for 'Float'"):
        2 << t.float()
