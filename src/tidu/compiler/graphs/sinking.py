"""Elements that are computed where they are used: what a derivative needs is often known long
before, in the forward pass, but written then and read again it costs more than to be computed from
what lies in memory in any case.

`held_back(graph)` is {equation: equations to compute with it}, for chains of elementwise equations
that this one alone uses and that come from one array, no larger than their result.
"""

from ...program.ir import Variable
from ..loops.elements import in_loops, lowers
from ..loops.layout import VIEWS

__all__ = ["held_back"]

LONGEST = 32  # equations of a chain


def _in_a_nest(e):
    """Whether an equation is elements of a nest, whatever stands around it."""
    return len(e.outs) == 1 and in_loops(e) and lowers(e) and e.prim not in VIEWS


def held_back(graph):
    makers = {e.outs[0]: e for e in graph.equations if _in_a_nest(e)}
    users, found, taken = graph.users(), {}, set()
    places = {e: k for k, e in enumerate(graph.equations)}
    for e in reversed(graph.equations):
        if e in taken or not e.outs or makers.get(e.outs[0]) is not e:
            continue
        chain = []
        for v in dict.fromkeys([i for i in e.ins if isinstance(i, Variable)]):
            chain += _chain(v, e, makers, users, places)
        if chain:
            found[e] = chain
            taken.update(chain)
    return found


def _chain(root, user, makers, users, places):
    """The equations behind `root`, first to last; none where they are to stay where they are."""
    chain, sources, waiting = {}, {}, {root: True}
    while waiting and len(chain) <= LONGEST:
        # The last to be made first: whether all that use it are in the chain is known by then.
        v = max(waiting, key=lambda v: places.get(makers.get(v), -1))
        del waiting[v]
        e = makers.get(v)
        within = e is not None and all(u is user or u in chain for u in users[v])
        if within and v.shape == user.outs[0].shape:
            chain[e] = True
            waiting.update(dict.fromkeys([i for i in e.ins if isinstance(i, Variable)], True))
        elif v.shape:
            sources[v] = True
    size = root.element_type.itemsize
    alike = all(s.shape == root.shape and s.element_type.itemsize <= size for s in sources)
    fits = alike and len(sources) == 1 and len(chain) <= LONGEST
    return list(chain)[::-1] if fits else []
