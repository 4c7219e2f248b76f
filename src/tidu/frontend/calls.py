"""Calls of public functions and of Tensor's methods, for those who want to see or change them.

Function modes, classes with `__torch_function__` (`overrides.py`), profiles and autocast are
*interceptors* of calls. Nothing of this is on the way of a call at first. A function that an
interceptor wants keeps its identity and gets other code, which calls its `Seen`; that calls the
interceptors, from the outermost to the innermost, and then the function under its own code. When
the last interceptor has gone, the function has its own code again. Read `Seen.__call__`.
"""

import threading
from functools import lru_cache, partial
from importlib import import_module
from operator import is_
from types import FunctionType

from ..base.process.forks import across
from ..core.handle import TensorBase
from . import late

__all__ = ["ALONE", "FACTORIES", "NAMESPACES", "UNDER", "UNSEEN", "Ignored", "Interceptor", "Seen",
           "intercept", "public_functions", "public_one", "release"]  # fmt: skip

_ROOT = __name__.partition(".")[0]
NAMESPACES = ("", "nn.functional", "linalg", "special", "fft")
# Functions that make tensors from none: no class of an argument could be asked about them.
FACTORIES = frozenset(
    "arange as_tensor asarray empty empty_permuted empty_strided eye from_dlpack from_file "
    "from_numpy frombuffer full kaiser_window linspace logspace ones rand randint randn randperm "
    "range scalar_tensor sparse_coo_tensor tensor tril_indices triu_indices zeros".split()
)
# Functions that set, ask or load, and no tensor's business.
UNSEEN = frozenset(
    "assert_int_or_pair boolean_dispatch broadcast_shapes can_cast compare compile cond diagnose "
    "explain finfo get_autocast_dtype handle_torch_function has_torch_function "
    "has_torch_function_unary has_torch_function_variadic "
    "get_default_device get_default_dtype get_num_threads get_rng_state graph iinfo initial_seed "
    "is_grad_enabled is_inference_mode_enabled is_storage is_tensor load manual_seed promote_types "
    "save scan seed set_default_device set_default_dtype set_default_tensor_type "
    "set_flush_denormal set_num_threads set_printoptions set_rng_state trace_nan typename vmap "
    "while_loop why".split()
)
# The operators: as which method they count, and those that have no other name.
UNDER = {"add": "add", "radd": "add", "sub": "sub", "mul": "mul", "rmul": "mul",
         "matmul": "matmul", "truediv": "div", "mod": "remainder", "pow": "pow", "neg": "neg",
         "abs": "abs", "invert": "bitwise_not", "rand": "bitwise_and", "ror": "bitwise_or",
         "rxor": "bitwise_xor", "iadd": "add_", "isub": "sub_", "imul": "mul_",
         "itruediv": "div_", "ifloordiv": "floor_divide_", "imod": "remainder_",
         "ipow": "pow_"}  # fmt: skip
ALONE = ("rsub rtruediv rpow rmatmul floordiv rfloordiv rmod eq ne lt le gt ge getitem setitem "
         "len and or xor lshift rshift rlshift rrshift iand ior ixor ilshift irshift "
         "pos").split()  # fmt: skip
INSIDE = "inside"  # the namespace of functions that have no public name
# Functions that call the program: what they call there is seen, too.
_CALLING_BACK = frozenset("backward apply_ map_ map2_ triplet_margin_with_distance_loss".split())


class _Thread(threading.local):
    inside = False  # whether a seen function runs: what it calls itself is nobody's business


_THREAD = _Thread()
_LOCK = across(threading.RLock())


class _State:
    interceptors: tuple = ()  # those that are on, the innermost first
    seen: dict = {}  # id(function) -> Seen, of all that were ever wanted
    listed = None  # the public functions when last looked through: all of them are in `seen`


class Seen:
    """A public function or method, its name, the interceptors around it (the innermost first)."""

    def __init__(self, function, name, namespace):
        self.function, self.name, self.namespace = function, name, namespace
        self.shown = _shown(name, namespace)
        self.interceptors = self.deep = ()
        self.looking = None  # code that looks at the arguments' classes first
        self.own = function.__code__
        self.call = call = FunctionType(
            self.own, function.__globals__, function.__name__, function.__defaults__,
            function.__closure__,
        )  # fmt: skip
        call.__kwdefaults__, call.__qualname__ = function.__kwdefaults__, function.__qualname__
        call.__dict__.update(function.__dict__)
        self.code = _exchanged(_template(len(self.own.co_freevars)), self)

    def __call__(self, /, *args, **kwargs):
        if _THREAD.inside:
            call, interceptors = self.call, self.deep
        else:
            call, interceptors = self.within, self.interceptors
        for interceptor in interceptors:
            call = partial(interceptor.around, self, call)
        return call(*args, **kwargs)

    def within(self, /, *args, **kwargs):
        """The function itself; what it calls is seen by no interceptor that is not `deep`."""
        if self.name in _CALLING_BACK:
            return self.call(*args, **kwargs)
        _THREAD.inside = True
        try:
            return self.call(*args, **kwargs)
        finally:
            _THREAD.inside = False

    def _code(self):
        """The function's code, as the interceptors around it ask."""
        if not self.interceptors:
            return self.own
        ignored = self.interceptors[0].ignored
        if len(self.interceptors) > 1 or ignored is None:
            return self.code
        if self.looking is None:
            template = _template(len(self.own.co_freevars), _LOOK + _ASK)
            self.looking = _exchanged(template, self, ignored)
        return self.looking

    def surround(self, interceptors):
        """Have these interceptors around the function."""
        self.interceptors = tuple([each for each in interceptors if each.wants(self)])
        self.deep = tuple([interceptor for interceptor in self.interceptors if interceptor.deep])
        code = self._code()
        if self.function.__code__ is code:
            return
        self.function.__code__ = code
        if self.interceptors:
            self.function.__wrapped__ = self.call  # for those who ask for the signature
        elif "__wrapped__" in self.call.__dict__:
            self.function.__wrapped__ = self.call.__wrapped__
        else:
            del self.function.__wrapped__


# Stand in the code that functions get for what `_exchanged` puts there.
_MARKS = _SEEN, _CALL, _IGNORED, _ONLY = "the Seen", "its call", "ignored classes", "_holds_only"
_ASK = f"""
    seen = {_SEEN!r}
    return seen(*args, **kwargs)
"""
_LOOK = f"""
    ignored = {_IGNORED!r}
    only = {_ONLY!r}
    for value in args:
        if value.__class__ not in ignored and not only(value, ignored):
            break
    else:
        call = {_CALL!r}
        if not kwargs:
            return call(*args)
        for value in kwargs.values():
            if value.__class__ not in ignored and not only(value, ignored):
                break
        else:
            return call(*args, **kwargs)
"""


@lru_cache(None)
def _template(count, body=_ASK):
    """Code of a function with `count` variables of an outer one. A function takes only code with
    as many of them as it has."""
    names = ", ".join([f"free{i}" for i in range(count)])
    inner = f"{body}    {names or None}\n".replace("\n    ", "\n     ")
    text = f"def outer({names}):\n def call(*args, **kwargs):{inner} return call\n"
    (outer,) = [c for c in compile(text, __file__, "exec").co_consts if hasattr(c, "co_consts")]
    (code,) = [c for c in outer.co_consts if hasattr(c, "co_consts")]
    return code


def _holds_only(value, classes):
    """Whether a value is a tuple or a list in which all are of these classes."""
    return value.__class__ in (tuple, list) and classes.issuperset(map(type, value))


def _exchanged(code, seen, ignored=None):
    """A template's code for the function of `seen`."""
    values = dict(zip(_MARKS, (seen, seen.call, ignored, _holds_only), strict=True))
    constants = tuple([values.get(c, c) if c.__class__ is str else c for c in code.co_consts])
    return code.replace(co_consts=constants, co_name=seen.own.co_name)


def _shown(name, namespace):
    """The name PyTorch's function has: linalg_norm, gt, __getitem__."""
    area = namespace.rpartition(".")[2]
    if area in ("linalg", "special", "fft"):
        return f"{area}_{name}"
    return name[2:-2] if name.startswith("__") and name[2:-2] in _COMPARISONS else name


_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")


class Ignored(set):
    """Classes that an interceptor ignores. Code has it as a constant, which must have a hash."""

    __hash__ = object.__hash__  # type: ignore[assignment]


class Interceptor:
    """What stands around calls: `around(seen, call, *args, **kwargs)` takes the place of each.

    `order` tells which interceptor is outside of which; a `deep` one sees what the library's own
    functions call, too; one with `methods` sees Tensor's methods. Where it is alone around a
    function, calls with arguments of `ignored` classes alone do not come to it.
    """

    order, deep, methods = 2, False, True
    ignored: Ignored | None = None

    def wants(self, seen):
        """Whether it stands around this function."""
        return seen.namespace != INSIDE and (self.methods or seen.namespace != "Tensor")

    def around(self, seen, call, /, *args, **kwargs):
        raise NotImplementedError


def intercept(interceptor, more=()):
    """Have an interceptor around the functions it wants, until `release`.

    `more`: other functions it wants, which have no public name: [(function, name)].
    """
    with _LOCK:
        interceptors = sorted([*_State.interceptors, interceptor], key=lambda each: each.order)
        _State.interceptors = tuple(interceptors)
        if _State.listed is not (listed := public_functions()):
            for function, name, namespace in listed:
                _known(function, name, namespace)
            _State.listed = listed
        for function, name in more:
            _known(function, name, INSIDE)
        _surround()


def release(interceptor):
    with _LOCK:
        rest = list(_State.interceptors)
        rest.remove(interceptor)
        _State.interceptors = tuple(rest)
        _surround()


def _known(function, name, namespace):
    seen = _State.seen.get(id(function))
    if seen is None:
        seen = _State.seen[id(function)] = Seen(function, name, namespace)
    return seen


def public_one(function):
    """The public function or method that a function is, or the one of its name: operators count as
    the methods they stand for."""
    seen = _State.seen.get(id(function))
    tensor = TensorBase.handle_class
    if seen is not None and seen.namespace == "Tensor":
        return getattr(tensor, seen.name)
    if seen is not None and seen.namespace != INSIDE:
        return seen.function
    name = function.__name__
    return getattr(import_module(_ROOT), name, None) or getattr(tensor, name, function)


def _surround():
    for seen in _State.seen.values():
        seen.surround(_State.interceptors)


def public_functions():
    """[(function, name, namespace)]: each once, under its own name where it has several."""
    owners = [import_module(f"{_ROOT}.{path}" if path else _ROOT) for path in NAMESPACES]
    owners += TensorBase.handle_class.__mro__
    values = [value for owner in owners for value in vars(owner).values()]
    if len(values) != len(_Listing.values) or not all(map(is_, values, _Listing.values)):
        _Listing.functions, _Listing.values = _list_functions(), values
    return _Listing.functions


class _Listing:
    """The public functions, and all values of the namespaces and classes they were found among."""

    functions: list = []
    values: list = []


def _list_functions():
    found = {}
    for path in NAMESPACES:
        namespace = f"{_ROOT}.{path}" if path else _ROOT
        for name, value in list(vars(import_module(namespace)).items()):
            if _is_function(name, value):
                known = found.get(id(value))
                own = known is not None and known[2] == namespace and name == value.__name__
                if known is None or own:
                    found[id(value)] = value, name, namespace
    tensor = TensorBase.handle_class
    for name in dir(tensor):
        value = getattr(tensor, name)
        if isinstance(value, FunctionType) and _is_method(name) and id(value) not in found:
            public = UNDER.get(name[2:-2], name) if name.startswith("__") else name
            found[id(value)] = value, public, "Tensor"
    return list(found.values())


def _is_function(name, value):
    if name.startswith("_") or name in UNSEEN or not isinstance(value, FunctionType):
        return False
    return value.__module__.partition(".")[0] == _ROOT


def _is_method(name):
    if name.startswith("__"):
        return name[2:-2] in UNDER or name[2:-2] in ALONE
    return not name.startswith("_") and name != "as_subclass"


def _when_loaded(name, value):
    """A public function that is loaded late is seen like the others."""
    if _State.interceptors and _is_function(name, value):
        with _LOCK:
            _known(value, name, _ROOT).surround(_State.interceptors)
    return value


late.GIVEN.open(_when_loaded)
