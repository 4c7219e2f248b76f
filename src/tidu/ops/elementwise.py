"""How a function of elements is built: from a primitive the general function, with promotion and
`out=`, and over it the eager fast path (`core/fast.py`). Read `unary`, `binary`.
"""

from ..base.dtypes import DEFAULT
from ..base.size import checked_size, mismatch
from ..core import fast
from ..core.handle import TensorBase, element_type, shape_of
from ..primitives import arithmetic as p
from .convert import (
    convert,
    finish,
    finish_found,
    is_short,
    one_node,
    operands,
    promote,
    refuse,
    require_tensor,
    type_of,
    widely,
)  # fmt: skip


def run(prim, *operands, **params):
    try:
        return prim(*operands, **params)
    except ValueError as error:
        failure = error
    shapes = [tuple(shape_of(o)) for o in operands]
    for other in shapes[1:]:
        message = mismatch(shapes[0], other)
        if message:
            raise RuntimeError(message)
    rank = max(map(len, shapes))
    wide = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    checked_size([max(lengths) for lengths in zip(*wide, strict=True)])
    raise failure


_HOME = f"{__package__}.arithmetic"  # of what is built here, unless another module says otherwise

BOOL, INT, COMPLEX = 0, 1, 3  # categories of types, as `refuse` takes them


def unary(prim, name, *, to_float=False, ints_same=False, refused=None, same_type=False):
    """The function of a one-input primitive. `ints_same`: integers come back unchanged;
    `same_type`: `out=` must have the input's type."""
    refused = refused or {}

    def general(input, *, out=None):
        require_tensor(name, input)
        dtype = type_of(input)
        refuse(dtype, refused)
        finish_ = finish_found if same_type and dtype.category < COMPLEX else finish
        if dtype.category < 2:
            if ints_same:
                return finish_(input.clone(), out, input)
            if to_float:
                input = convert(input, DEFAULT.dtype)
        return finish_(prim(input), out, input)

    return dressed(fast.unary(prim, called(general, name, _HOME)), name)


def called(function, name, home=None):
    """The function under its name in a module, `home`, where pickle looks for it."""
    function.__name__ = function.__qualname__ = name
    function.__module__ = home or function.__module__
    return function


def dressed(function, name):
    function.__doc__ = (
        f"torch.{name}: elementwise, the shape of its input (broadcast where there are two).\n\n"
        f"See https://docs.pytorch.org/docs/stable/generated/torch.{name}.html"
    )
    return function


def binary(prim, name, *, to_float=False, check=None, numbers="any", refused=None):
    """The function of a two-input primitive; operands are promoted first."""
    refused = refused or {}

    def general(input, other, *, out=None):
        x, y = operands(name, input, other, numbers)
        if check is not None:
            check(x, y)
        x, y = promote(x, y, to_float=to_float)
        if refused:
            refuse(dtype_of(x, y), refused)
        if prim in _SCALED and _rounds(input, other):
            return finish(wide(input, other), out, input, other)
        return finish(run(prim, x, y), out, input, other)

    @one_node(prim.torch_name)
    def wide(x, y):
        """As `general`, with a number that a 16-bit type cannot hold, which must not be rounded."""
        return widely(lambda a, b: run(prim, a, b), x, y)

    function = dressed(fast.binary(prim, called(general, name, _HOME), numbers != "none"), name)
    function.prim, function.general = prim, general  # What an operator is made of.
    return function


_SCALED = (p.mul, p.div)  # a number added is rounded first, a factor is not


def _rounds(x, y):
    """Whether one is a 16-bit tensor and the other a number that its type cannot hold."""
    tensor, number = (x, y) if isinstance(x, TensorBase) else (y, x)
    if number.__class__ is not float:
        return False
    return is_short(tensor) and float(element_type(tensor).type(number)) != number == number


def dtype_of(x, y):
    return type_of(x if isinstance(x, TensorBase) else y)
