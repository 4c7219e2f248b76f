"""From what users pass to what primitives take: tensors, numbers, types, and PyTorch's promotion.

`promote(*args)` gives operands of one type; `finish(result, out)` serves `out=`.
"""

import warnings
from functools import wraps
from weakref import ref

import numpy as np

from ..base.dtypes import (
    DEFAULT,
    OF_NUMPY,
    bool_,
    can_cast,
    float32,
    int64,
    promote_types,
    scalar_name,
)  # fmt: skip
from ..base.errors import hinted, type_name
from ..base.frames import user_depth, warn_once
from ..base.size import empty_as
from ..core.handle import (
    LEAF,
    TensorBase,
    edge_of,
    element_type,
    extra_of,
    is_inference,
    shape_of,
    wrap,
)  # fmt: skip
from ..core.modes import LOCAL, grad_enabled
from ..core.node import FREED, VEILED_CAST, Node, name_of, output_node
from ..core.retries import worded
from ..core.versions import clock
from ..primitives.base import HALVES, cast
from ..transforms.mutation import write
from ..transforms.numbers import Number
from ..transforms.trace import Traced, memory_of
from ..transforms.write_checks import check_overlap
from .numbers import require_scalar

__all__ = [
    "DATA", "RESULT", "Held", "Later", "Replay", "as_operand", "composite", "convert",
    "converted_for_user", "finish",
    "from_array", "held", "in_columns", "in_order", "named", "ndim_of", "number_type",
    "promote", "invalid_combination", "is_short", "laid_as", "lie", "one_node", "operands",
    "refuse", "require_tensor", "require_tensors", "result_dtype", "result_type", "showing",
    "type_of", "warn_of_lost_parts", "widely",
]  # fmt: skip

_NUMBERS = (bool, int, float, complex)


def from_array(array):
    """A tensor that shares the memory of `array`."""
    return wrap(array)


def ndim_of(tensor):
    return len(tensor._value.shape)


def type_of(tensor):
    """tidu's dtype of a tensor."""
    return OF_NUMPY[element_type(tensor)]


def require_tensor(function, value, name="input", position=1):
    if not isinstance(value, TensorBase):
        message = (
            f"{function}(): argument '{name}' (position {position}) must be Tensor, "
            f"not {type(value).__name__}"
        )
        raise _no_tensor(message, value)
    return value


def require_tensors(values, argument=0):
    """A list of tensors, which is the argument of this number, checked."""
    for place, value in enumerate(values):
        if not isinstance(value, TensorBase):
            raise _no_tensor(
                f"expected Tensor as element {place} in argument {argument}, but got "
                f"{type_name(value)}", value,
            )  # fmt: skip
    return values


def _no_tensor(message, value):
    asks = hasattr(type(value), "__torch_function__")
    return TypeError(hinted(message, _ASKS) if asks else message)


_ASKS = (
    "the class has __torch_function__; write `import torch.overrides` (or `tidu.overrides`) at the "
    "top of the program, and torch's functions ask it."
)


def is_operand(value):
    """Whether `as_operand` takes the value."""
    return isinstance(value, (TensorBase, *_NUMBERS, np.generic, np.ndarray))


def as_operand(value, function="", position=2, name="other"):
    """A tensor or a Python number; NumPy's scalars and arrays are taken as such."""
    if isinstance(value, TensorBase) or value.__class__ in _NUMBERS:
        return value
    if isinstance(value, np.generic):
        # NumPy's truth values are no bool of Python's: PyTorch takes them for float numbers.
        return float(value) if value.__class__ is np.bool_ else value.item()
    if isinstance(value, np.ndarray):
        return wrap(value)
    if isinstance(value, _NUMBERS):
        return value
    raise _no_tensor(
        f"{function or 'operation'}(): argument '{name}' (position {position}) must be Tensor, "
        f"not {type(value).__name__}",
        value,
    )


def invalid_combination(function, *args):
    """PyTorch's TypeError for arguments of types that no form of a function takes."""
    got = ", ".join([_argument_type(a) for a in args])
    return TypeError(
        hinted(
            f"{function}() received an invalid combination of arguments - got ({got}), but "
            "expected one of:",
            "look up the function's arguments and their order.",
        )
    )


def _argument_type(a):
    return "Tensor" if isinstance(a, TensorBase) else type(a).__name__


def operands(function, x, y, numbers):
    """Both operands checked. `numbers` says which of them may be Python numbers: 'any', 'one',
    'second' or 'none'."""
    if isinstance(x, TensorBase) and isinstance(y, TensorBase):
        return x, y
    if numbers == "none":
        require_tensor(function, x)
        require_tensor(function, y, "other", 2)
    if numbers == "any":
        return as_operand(x, function, 1, "input"), as_operand(y, function)
    if not (is_operand(x) and is_operand(y)):
        raise invalid_combination(function, x, y)
    pair = as_operand(x), as_operand(y)
    allowed = isinstance(pair[0], TensorBase) or (
        numbers == "one" and isinstance(pair[1], TensorBase)
    )
    if not allowed:
        raise invalid_combination(function, x, y)
    return pair


def refuse(dtype, table):
    """Raise what PyTorch says where a type's category is in the table: a kernel or a sentence."""
    said = table.get(dtype.category)
    if isinstance(said, Exception):
        raise said
    if said is not None:
        raise NotImplementedError(
            said if " " in said else f"\"{said}\" not implemented for '{scalar_name(dtype)}'"
        )


def number_type(number):
    if isinstance(number, bool):
        return bool_
    if isinstance(number, int):
        require_scalar(number)
        return int64
    return DEFAULT.dtype.to_complex() if isinstance(number, complex) else DEFAULT.dtype


def _join(a, b):
    return b if a is None else a if b is None else promote_types(a, b)


def _combine(higher, lower):
    """Tensors with axes decide the type; others only if their category is higher."""
    if higher is None or lower is None:
        return higher or lower
    if higher.is_complex:
        return higher
    if higher.is_floating_point:
        return higher.to_complex() if lower.is_complex else higher
    if higher is bool_ or lower.is_floating_point or lower.is_complex:
        return promote_types(higher, lower)
    return higher


def result_dtype(*args):
    """The type in which PyTorch computes with these tensors and numbers together."""
    dims = zeros = numbers = None
    for a in args:
        if isinstance(a, TensorBase):
            if shape_of(a):
                dims = _join(dims, type_of(a))
            else:
                zeros = _join(zeros, type_of(a))
        else:
            numbers = _join(numbers, number_type(a))
    return _combine(dims, _combine(zeros, numbers))


@worded
def result_type(tensor1, tensor2):
    """The dtype that an operation on both arguments would give.

    >>> import tidu as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.5)
    torch.float32
    """
    if not (is_operand(tensor1) and is_operand(tensor2)):
        raise invalid_combination("result_type", tensor1, tensor2)
    return result_dtype(as_operand(tensor1), as_operand(tensor2))


def convert(x, dtype):
    """A tensor as `dtype`, through the tape; the tensor itself if it has it already."""
    have = element_type(x)
    to = dtype.numpy
    return x if have is to else cast(x, to=to, origin=have)


def converted_for_user(x, dtype):
    """`convert` where the user asks for it: of complex numbers only the real parts are left."""
    warn_of_lost_parts(element_type(x), dtype.numpy)
    return convert(x, dtype)


def warn_of_lost_parts(have, to):
    """PyTorch's warning, once in a process, where complex numbers become real ones."""
    if have.kind == "c" and to.kind not in "cb":
        warn_once("Casting complex values to real discards the imaginary part")


def is_short(x):
    """Whether this is a tensor of a 16-bit floating type."""
    return isinstance(x, TensorBase) and element_type(x) in HALVES


def widely(function, *args, **kwargs):
    """function(*args), for 16-bit floats computed in float32 and rounded once, as PyTorch does."""
    kinds = {type_of(a) for a in args if isinstance(a, TensorBase)}
    if len(kinds) != 1 or not any(is_short(a) for a in args):
        return function(*args, **kwargs)
    wide = [convert(a, float32) if isinstance(a, TensorBase) else a for a in args]
    return convert(function(*wide, **kwargs), kinds.pop())


def _fit(number, dtype):
    """A number that NumPy takes as an operand of `dtype`; integers wrap as they do in C."""
    if dtype.category == 1:
        if number.__class__ is bool:
            return int(number)
        info = np.iinfo(dtype.numpy)
        if not info.min <= number <= info.max:
            span = 1 << (8 * dtype.itemsize)
            number = (int(number) - int(info.min)) % span + int(info.min)
        return int(number)
    if dtype.category == 2:
        # Beside bfloat16 NumPy would take a Python number for a float32.
        if dtype.numpy.kind == "V":
            return dtype.numpy.type(number)
        return number if isinstance(number, Number) else float(number)
    if dtype.numpy.kind == "W":  # beside complex32 NumPy would take it for a wider number
        return np.asarray(number, np.complex64).astype(dtype.numpy)[()]
    return number


def promote(*args, to_float=False):
    """The operands in one common type; numbers stay numbers. `to_float`: integers become floats."""
    dtype = result_dtype(*args)
    if to_float and dtype.category < 2:
        dtype = DEFAULT.dtype
    operands = [promoted(a, dtype) if isinstance(a, TensorBase) else _fit(a, dtype) for a in args]
    if not any(isinstance(a, TensorBase) for a in operands):
        operands[0] = wrap(dtype.numpy.type(operands[0]))
    return operands


def promoted(tensor, dtype):
    """The tensor in a type that it is promoted to, which is no step of its own in PyTorch."""
    out = convert(tensor, dtype)
    if out is not tensor:
        if out._node.__class__ is Node:
            out._node.name = VEILED_CAST
        elif is_inference(tensor):  # what a node may not save of the one, it may not of the other
            extra_of(out).inference = True
    return out


def fits_out(kind, out):
    """Whether a result of type `kind` may go into what the user gave as `out=`."""
    return not isinstance(out, TensorBase) or can_cast(kind, type_of(out))


def finish(result, out, *inputs):
    """Store a result in the tensor the user gave as `out=`, as PyTorch does; it may not lie partly
    on the `inputs` of an operation on single elements."""
    if out is None:
        return result
    if not isinstance(out, TensorBase):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    for given in inputs:
        if isinstance(given, TensorBase):
            check_overlap(out, given)
    if grad_enabled() and (out._node is not None or result._node is not None):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad."
        )
    have, want = type_of(result), type_of(out)
    if not can_cast(have, want):
        raise RuntimeError(
            f"result type {scalar_name(have)} can't be cast to the desired output type "
            f"{scalar_name(want)}"
        )
    if tuple(shape_of(out)) != tuple(shape_of(result)):
        if shape_of(out) != (0,) and out._value.size != 0:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape "
                f"{list(shape_of(out))}, which does not match the required output shape "
                f"{list(shape_of(result))}. This behavior is deprecated, and in a future PyTorch "
                "release outputs will not be resized unless they have zero elements. You can "
                "explicitly reuse an out tensor t by resizing it, inplace, to zero elements with "
                "t.resize_(0).", UserWarning, stacklevel=user_depth(),
            )  # fmt: skip
        out._value = np.empty(tuple(shape_of(result)), want.numpy)
    return write(out, result)


_WORDS = {
    "Long": "long int", "Byte": "unsigned char", "Char": "signed char", "Half": "c10::Half",
    "BFloat16": "c10::BFloat16", "ComplexFloat": "c10::complex<float>",
    "ComplexDouble": "c10::complex<double>",
}  # fmt: skip


EXPECTED = "Expected out tensor to have dtype {want_word}, but got {have_word} instead"


def finish_same(result, out, *inputs, message=EXPECTED):
    """`finish` where `out=` must have the very type of the result; `message`: how PyTorch says
    so."""
    if isinstance(out, TensorBase) and type_of(out) is not type_of(result):
        want, have = type_of(result), type_of(out)
        words = {"want_word": dtype_word(want), "have_word": dtype_word(have)}
        sentence = message.format(want=scalar_name(want), have=scalar_name(have), **words)
        hint = f"give a tensor of the result's type: out=torch.empty(0, dtype=torch.{want.name})."
        raise RuntimeError(hinted(sentence, hint))
    return finish(result, out, *inputs)


def finish_found(result, out, *inputs):
    """`finish_same` of functions of single elements."""
    return finish_same(result, out, *inputs, message="Found dtype {have} but expected {want}")


def dtype_word(dtype):
    """The C++ type that some of PyTorch's messages give."""
    name = scalar_name(dtype)
    return _WORDS.get(name, name.lower())


def named(tensor, name, *inputs, **told):
    """Give the node of `tensor` the name PyTorch prints for this operation, and, of a composition,
    the edges it has there: those of `inputs`. Each is a tensor, None, or a step that PyTorch has
    between: ("Expand", input, ...). `told`: settings that the node shows (`_saved_...`)."""
    node = tensor._node
    if node is not None and node.__class__ is Node:
        if (inputs or told) and node.prim.name == "output_of":
            node = node.edges[0]
        if inputs:
            node.shown = tuple(map(_edge, inputs))
            node.given = None, tuple(map(held, inputs)), _settings(told), (Held(tensor),)
        elif told:
            shown = (Held(tensor),) if RESULT in told.values() else ()
            node.given = None, (), _settings(told), shown
        node.name = name
    return tensor


def showing(tensor, name, **told):
    """`named` of one step whose settings are plain: numbers, words, and tuples of them."""
    node = tensor._node
    if node.__class__ is Node:
        node.name, node.given = name, (None, (), told, ())
    return tensor


def _settings(told):
    return {k: v if v.__class__ in _PLAIN else held(v) for k, v in told.items()}


def shown_beyond(tensor, inputs, name, number=None):
    """Let the node of `tensor` be shown without a step between it and a node of that name (ANY:
    whatever is before the step), of which the input is output `number` in PyTorch."""
    node = tensor._node
    if node.__class__ is Node:
        node.shown = tuple([_beyond(edge_of(part), name, number) for part in inputs])
    return tensor


def _beyond(edge, name, number):
    if edge.__class__ is not Node:
        return edge
    own = name is not ANY and name_of(edge) == name
    step = edge if own else edge.edges[0] if len(edge.edges) == 1 else None
    if name is ANY:
        return step
    if step.__class__ is not Node or name_of(step) != name:
        return edge
    if number is None:
        return step
    return output_node(0, step.edges[0] if step.prim.name == "output_of" else step, number)


ANY = "any name"


def _edge(step):
    if step.__class__ is tuple:
        return (step[0], *map(_edge, step[1:]))
    if step.__class__ is dict:  # what the step shows
        return _settings(step)
    return None if step is None else edge_of(step)


def one_node(name=None):
    """Decorates a composition that users see as one node: its name, and its tensors' edges."""

    def decorate(function):
        @wraps(function)
        def wrapper(*args, **kwargs):
            since = clock()
            result = function(*args, **kwargs)
            parts = result if isinstance(result, tuple) else (result,)
            for part in parts:
                node = part._node
                if node is not None and node.__class__ is Node and node.seq > since:
                    _present(node, name, function, args, kwargs, parts)
            return result

        return wrapper

    return decorate


def _gone():
    return None


RESULT = object()  # as a setting that `named` is told: what the operation gives


class Later:
    """As a setting that `named` is told: what a function of tensors gives, once somebody asks."""

    __slots__ = ("args", "function")

    def __init__(self, function, *args):
        self.function, self.args = function, [held(value) for value in args]


DATA = object()  # in the place of a node: the tensor is no part of the tape


class Held:
    """A tensor as long as somebody else holds it or, as a rule does, its memory."""

    __slots__ = ("array", "dtype", "handle", "node", "shape")

    def __init__(self, tensor, node=None):
        value, self.node = tensor._value, node
        self.shape, self.dtype = value.shape, value.dtype
        self.handle = ref(tensor)
        self.array = ref(value) if value.__class__ is np.ndarray else _gone

    def __call__(self, owner):
        """The tensor, or None; `owner` is the node that shows it, which made a result."""
        tensor = self.handle()
        if tensor is None and (array := self.array()) is not None:
            return wrap(array) if self.node is DATA else wrap(array, self.node or owner)
        return tensor


def held(value, shown=None):
    """What a node remembers of an argument: settings and leaves, and other tensors
    as long as somebody else holds them: a loss that is kept keeps no batch. To `shown` the edge of
    a tensor is added, if a gradient may flow there."""
    if isinstance(value, TensorBase):
        if element_type(value).kind not in "fcVW":  # an operation's own: the rules need them too
            return value if shown is None else Held(value, DATA)
        if shown is not None:
            shown.append(edge_of(value))
        node = value._node
        if node is LEAF or LOCAL.replaying:
            return value
        return Held(value, DATA if node is None else node)
    if value.__class__ not in _LISTS or not value:
        return value
    if not isinstance(value[0], TensorBase):
        return None if value[0].__class__ is str else value
    parts = [held(part, shown) if isinstance(part, TensorBase) else part for part in value]
    return tuple(parts) if any(part is not None for part in parts) else None


_LISTS, _PLAIN = (list, tuple), (bool, int, float, str, type(None))


class Replay:
    """Of a node that is several in PyTorch: the function with its steps, and what it was given."""

    __slots__ = ("args", "part", "recipe", "words")

    def __init__(self, recipe, args, words, part):
        self.recipe, self.args, self.words, self.part = recipe, args, words, part


def composite(name=None):
    """`one_node` of a function whose errors about its arguments are PyTorch's."""
    return lambda function: worded(one_node(name)(function))


def _present(node, name, function, args, kwargs, parts):
    """Let the node of a composition show its name, the edges of its inputs and its arguments."""
    if node.prim.name == "output_of":
        node = node.edges[0]
    shown = []
    kept = tuple([held(a, shown) for a in args])
    words = {key: held(a, shown) for key, a in kwargs.items()} if kwargs else kwargs
    results = tuple([_result(part) for part in parts])
    node.shown, node.given = tuple(shown), (function, kept, words, results)
    if name is not None:
        node.name = name


def _result(part):
    """A result as its node remembers it: not the node itself, which would be a cycle."""
    return part if part._node is None else Held(part)


def laid_as(result, model):
    """The result, its axes in memory in the order in which those of `model` lie."""
    like = memory_of(model)
    if like.__class__ is np.ndarray and not like.flags.c_contiguous:
        lie(result, empty_as(like, element_type(result)))
    return result


def in_columns(result):
    """The result, its matrices in memory column by column, as LAPACK leaves them."""
    value = result._value
    *lead, n, m = value.shape
    lie(result, np.empty((*lead, m, n), element_type(result)).swapaxes(-1, -2))
    return result


def in_order(result):
    """The result, its elements in memory in the order of its axes."""
    lying = memory_of(result)
    if lying.__class__ is np.ndarray and not lying.flags.c_contiguous:
        lie(result, np.empty(lying.shape, element_type(result)))
    return result


def lie(handle, fresh):
    """Give a new tensor the same numbers in other memory, which its node may have saved. Where
    they are being recorded, it is to lie as `fresh` does."""
    old = handle._value
    if old.__class__ is Traced:
        old.level.lies(old, fresh)
        handle._view = None
    if old.dtype is None:
        return
    fresh[...] = old
    handle._value, handle._view = fresh, None
    node = handle._node
    if node.__class__ is Node and node.saved is not FREED and node.saved is not None:
        node.saved = type(node.saved)([fresh if s is old else s for s in node.saved])
