"""An operation of torch.library as an autograd.Function: its gradient and its batches.

Functions take tensors; operations take lists of them, too. A `Plan` keeps how arguments and results
are built from the tensors that the Function sees.
"""

from .. import ops
from ..autograd.function import Function, apply_function
from ..base import tree
from ..base.errors import hinted
from ..core.handle import TensorBase

__all__ = ["generated_class", "run_recorded"]


class Plan:
    """How (args, kwargs), and then the result, are built from their tensors."""

    def __init__(self, operation, spec):
        self.operation, self.spec, self.result = operation, spec, None

    def arguments(self, flat):
        return tree.unflatten(self.spec, flat)

    def taken_apart(self, result):
        """The parts of a result, whose form is kept."""
        parts, self.result = tree.flatten(result, _whole)
        return tuple(parts)


def _whole(value):
    """Whether a value is one leaf: everything but tuples, and lists of tensors."""
    if isinstance(value, dict):
        return False
    if isinstance(value, (tuple, list)):
        tensors = all(v is None or isinstance(v, TensorBase) for v in value)
        return isinstance(value, list) and not tensors
    return True


def run_recorded(operation, args, kwargs):
    """One application, on the tape and under whatever transforms run."""
    flat, spec = tree.flatten((args, kwargs), _whole)
    plan = Plan(operation, spec)
    parts = apply_function(operation.generated, (plan, *flat))[0]
    return tree.unflatten(plan.result, list(parts))


def generated_class(operation):
    """The Function of an operation; what is registered later is found when it is called."""
    name = f"GeneratedBackwardFor_{operation._namespace}_{operation._opname}_"
    return type(name + operation._overloadname, (_Generated,), {"_operation": operation})


class _Generated(Function):
    @staticmethod
    def forward(plan, *flat):
        return plan.taken_apart(plan.operation.compute(*plan.arguments(flat)))

    @staticmethod
    def setup_context(ctx, inputs, output):
        plan, *flat = inputs
        ctx.plan, operation = plan, plan.operation
        setup = operation.formula[1] if operation.formula else None
        if setup is None:
            return
        args, kwargs = plan.arguments(flat)
        options = {"inputs": args, "output": tree.unflatten(plan.result, list(output))}
        if operation._schema.has_keywords:
            options["keyword_only_inputs"] = kwargs
        needed = ctx.needs_input_grad
        ctx.needs_input_grad = _shaped(plan, needed[1:])
        setup(ctx=ctx, **options)
        ctx.needs_input_grad = needed

    @staticmethod
    def backward(ctx, *grads):
        plan = ctx.plan
        formula = plan.operation.formula
        if not formula or formula[0] is None:
            raise RuntimeError(hinted(
                f"Trying to backward through {plan.operation} but no autograd formula was "
                "registered. Please use register_autograd to add one.",
                f'torch.library.register_autograd("{plan.operation.name()}", backward, '
                "setup_context=...).",
            ))  # fmt: skip
        shaped = tree.unflatten(plan.result, list(grads))
        needed, ctx.needs_input_grad = ctx.needs_input_grad, None
        try:
            ctx.needs_input_grad = _shaped(plan, needed[1:])
            given = formula[0](ctx, *(shaped if isinstance(shaped, tuple) else (shaped,)))
        finally:
            ctx.needs_input_grad = needed
        return (None, *_flat_gradients(plan, given))

    @staticmethod
    def vmap(info, in_dims, plan, *flat):
        rule = plan.operation.batch_rule
        axes = list(in_dims[1:])
        args, kwargs = plan.arguments(flat)
        if rule is None:
            return _one_by_one(info, axes, plan, flat)
        dims, _ = tree.unflatten(plan.spec, axes)
        result, out_dims = rule(info, dims, *args, **kwargs)
        parts = plan.taken_apart(result)
        if len(parts) == 1 and not isinstance(out_dims, (tuple, list)):
            return parts, (out_dims,)
        return parts, tuple(tree.flatten(out_dims, lambda d: d is None)[0])


def _one_by_one(info, axes, plan, flat):
    """Without a rule of its own: each example of the batch by itself."""
    rows = []
    for i in range(info.batch_size):
        row = [v if a is None else v.select(a, i) for v, a in zip(flat, axes, strict=True)]
        args, kwargs = plan.arguments(row)
        rows.append(plan.taken_apart(plan.operation(*args, **kwargs)))
    stacked = tuple([_stacked(column) for column in zip(*rows, strict=True)])
    return stacked, tuple([0 if isinstance(p, TensorBase) else None for p in stacked])


def _stacked(column):
    return ops.stack(column) if isinstance(column[0], TensorBase) else column[0]


def _shaped(plan, needed):
    """needs_input_grad in the form of the positional arguments."""
    return tree.unflatten(plan.spec, list(needed))[0]


def _flat_gradients(plan, given):
    """One gradient for each leaf of the arguments; those by keyword have none."""
    given = given if isinstance(given, tuple) else (given,)
    args_spec, kwargs_spec = plan.spec.children()
    children = args_spec.children()
    if len(given) != len(children):
        raise RuntimeError(hinted(
            f"function {plan.operation.generated.__name__}Backward returned an incorrect number of "
            f"gradients (expected {len(children)}, got {len(given)})",
            "return one gradient, or None, for each positional argument.",
        ))  # fmt: skip
    found = []
    for gradient, child in zip(given, children, strict=True):
        if child.is_leaf():
            found.append(gradient)
        else:
            found += [None] * child.num_leaves if gradient is None else list(gradient)
    return [*found, *[None] * kwargs_spec.num_leaves]
