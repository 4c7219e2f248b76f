"""What the functions of this package share: users' functions as bodies, and the checks of them."""

from ..base import tree
from ..base.dtypes import from_numpy_dtype
from ..base.errors import hinted
from ..core.handle import TensorBase, concrete, element_type, shape_of
from ..transforms.bodies import draws_of
from ..transforms.stage import staged

__all__ = ["Body", "described", "is_known", "specs", "start"]


class Body:
    """A user's function as a graph: `outside` are the tensors from outside that it uses (inputs
    after its own), `spec` is the structure of its result, `outputs` the variables of that, and
    `draws` how many random draws follow them among the outputs of the graph."""

    def __init__(self, name, function, given, spec, what="operands"):
        found = []

        def call(*tensors):
            arguments = tree.unflatten(spec, list(tensors))
            outs, self.spec = tree.flatten(function(*arguments))
            for out in outs:
                if not isinstance(out, TensorBase):
                    raise RuntimeError(_NOT_TENSORS.format(name, what, type(out).__name__))
            found.append(len(outs))
            return outs

        self.graph, self.outside = staged(call, given, _messages(name))
        self.outputs = list(self.graph.outputs)
        drawn = draws_of(self.graph)
        self.graph.outputs = [*self.outputs, *drawn]
        self.draws = len(drawn)

    def with_more(self, before, after, place):
        """Make room at `place` among the inputs for inputs that only another body has."""
        ins = self.graph.inputs
        fresh = [[self.graph.variable(shape_of(h), element_type(h)) for h in handles]
                 for handles in (before, after)]  # fmt: skip
        self.graph.inputs = [*ins[:place], *fresh[0], *ins[place:], *fresh[1]]


def start(name, arguments, refusal):
    """(tensors, specs, structure) of a tuple of arguments; `refusal(leaf)` is the message."""
    leaves, structure = tree.flatten(tuple(arguments))
    for leaf in leaves:
        if not isinstance(leaf, TensorBase):
            raise RuntimeError(refusal(leaf))
    return leaves, specs(leaves), structure


def specs(tensors):
    return [(tuple(shape_of(t)), element_type(t)) for t in tensors]


def is_known(pred):
    """Whether a predicate is memory, whatever transforms it passed; then one may be chosen."""
    value = pred._value
    while value.dtype is None:
        value = getattr(getattr(value, "tensor", None), "_value", None)
        if value is None:
            return False
    return concrete(pred, "bool") is not None


def described(variable):
    return f"{from_numpy_dtype(variable.element_type)} of shape {list(variable.shape)}"


_NOT_TENSORS = (
    "{}: a function must return tensors (in tuples, lists or dictionaries, like its {}), but it "
    "returned an object of type {}."
)


def _messages(name):
    return {
        "value": hinted(
            f"{name}: the value of a tensor was asked for in a function that is recorded once.",
            "it may not branch on values with `if`, nor call item() or print: use torch.where, or "
            "torch.cond inside it.",
        ),
        "write": hinted(
            f"{name}: a function writes in place to a tensor from outside. Higher order ops do "
            "not support input mutation.",
            "return the new value instead, or clone() the tensor before the write.",
        ),
    }
