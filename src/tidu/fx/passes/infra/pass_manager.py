"""torch.fx.passes.infra.pass_manager: passes one after the other."""

import functools
import inspect

from ....base.errors import hinted
from ...graph_module import GraphModule
from .pass_base import PassResult

__all__ = ["PassManager", "pass_result_wrapper", "this_before_that_pass_constraint"]


def pass_result_wrapper(fn):
    """A pass that changes its module in place and returns nothing, as one that gives a result."""
    if fn is None or getattr(fn, "_gives_result", False):
        return fn

    @functools.wraps(fn)
    def wrapped(gm):
        result = fn(gm)
        return PassResult(gm, True) if result is None else result

    if not inspect.isfunction(fn):
        wrapped.__name__ = type(fn).__name__
    wrapped._gives_result = True
    return wrapped


def this_before_that_pass_constraint(this, that):
    """A constraint: one pass comes before another."""

    def depends_on(a, b):
        return a is not that or b is not this

    return depends_on


class PassManager:
    """Runs passes in order, until none changes anything or `steps` rounds are done.

    Args:
        passes: functions or `PassBase` objects that take a module and give a `PassResult`.
        constraints: what (pass, later pass) must hold; `solve_constraints` puts passes in order.
        steps: how many rounds at most.
        run_checks_after_each_pass: whether `check` is called after each pass.
        suppress_check_failures: whether checks that fail are ignored.

    >>> import tidu as torch
    >>> from tidu.fx.passes.infra.pass_manager import PassManager, pass_result_wrapper
    >>> def f(x):
    ...     torch.exp(x)
    ...     return x
    >>> clean = pass_result_wrapper(lambda gm: gm.graph.eliminate_dead_code() and None)
    >>> result = PassManager([clean])(torch.fx.symbolic_trace(f))
    >>> len(result.graph_module.graph.nodes)
    2
    """

    def __init__(self, passes=None, constraints=None, steps=None,
                 run_checks_after_each_pass=False, suppress_check_failures=False):  # fmt: skip
        self.passes, self.constraints = list(passes or []), list(constraints or [])
        self.steps = steps or 1
        self._validated = not self.constraints
        self.run_checks_after_each_pass = run_checks_after_each_pass
        self.suppress_check_failures = suppress_check_failures

    def add_pass(self, _pass):
        self.passes.append(_pass)
        self._validated = False

    def add_constraint(self, constraint):
        self.constraints.append(constraint)
        self._validated = False

    def validate_constraints(self):
        """Raises RuntimeError where the order of passes is against a constraint."""
        if self._validated:
            return
        for constraint in self.constraints:
            for i, this in enumerate(self.passes):
                for j, that in enumerate(self.passes[i + 1 :], i + 1):
                    if not constraint(this, that):
                        raise RuntimeError(hinted(
                            f"pass schedule constraint violated. Expected {this} before {that} "
                            f"but found {this} at index {i} and {that} at index {j} in pass list.",
                            "solve_constraints() puts the passes in order.",
                        ))  # fmt: skip
        self._validated = True

    def solve_constraints(self):
        """Put the passes in an order that holds all constraints."""
        rest, ordered = list(self.passes), []
        while rest:
            free = [
                one for one in rest
                if all(c(one, other) for c in self.constraints for other in rest if one != other)
            ]  # fmt: skip
            if not free:
                raise RuntimeError("Circular dependency detected among the following passes: "
                                   f"{', '.join([p.__name__ for p in rest])}")  # fmt: skip
            ordered.append(free[0])
            rest.remove(free[0])
        self.passes = ordered
        self._validated = True

    def add_checks(self, check):
        """Have a function of the module called before and after all passes."""
        if len(list(inspect.signature(check).parameters)) != 1:
            raise TypeError("PassManager check function should only take in one variable, a module")
        self.check = check

    def check(self, module):
        """Nothing, unless `add_checks` gave a function or a subclass has one."""

    def __call__(self, module):
        """The module after all passes, as a `PassResult`."""
        self.validate_constraints()
        self.check(module)
        changed = False
        for _ in range(self.steps):
            modified = False
            for i, fn in enumerate(self.passes):
                result = self._run(fn, module, self.passes[:i])
                module, modified = result.graph_module, modified or result.modified
                if isinstance(module, GraphModule):
                    module.recompile()
                if self.run_checks_after_each_pass:
                    self.check(module)
            changed = changed or modified
            if not modified:
                break
        return PassResult(module, changed)

    def _run(self, fn, module, before):
        name = fn.__name__ if inspect.isfunction(fn) else type(fn).__name__
        try:
            result = fn(module)
            if not isinstance(result, PassResult) and not hasattr(result, "graph_module"):
                raise TypeError(
                    f"The result of the pass {name} should be type PassResult. Please wrap it with "
                    "pass_result_wrapper()"
                )
        except Exception as error:
            done = [p.__name__ if inspect.isfunction(p) else type(p).__name__ for p in before]
            raise Exception(
                f"An error occurred when running the '{name}' pass after the following passes: "
                f"{done}"
            ) from error
        return result
