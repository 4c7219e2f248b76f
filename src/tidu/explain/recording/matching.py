"""Which expression called which operation, told from the program's text and the graph alone.

`explain(loss)` comes after the forward, when nobody saw the calls. But the operations were made in
an order, and the program evaluates its expressions in an order. All ways to lay one along the other
are considered at once, and of them those that leave least to calls of which nothing is known; a
line is given where these agree, and left open where they do not.
"""

import numpy as np

from ...core.handle import TensorBase
from .sites import AUXILIARY, EXPLAINED, sites_of

__all__ = ["located"]

LARGEST = 3000  # operations


def located(records, explained, frames, source_of):
    """{record id: site or (file, first line, last line)} for the operations whose place is sure.

    `explained` are the records that explain() was called with.
    """
    tokens = sorted([r for r in records if r.kind == "op"], key=lambda r: r.node.seq)
    if not 0 < len(tokens) <= LARGEST:
        return {}
    sites = sites_of(frames, source_of)
    if not sites:
        return {}
    _settle(sites, {r.op for r in tokens})
    costs = _costs(sites, tokens, {record.id for record in explained})
    possible = _possible(sites, tokens, costs)
    found = {}
    for record, row, cost in zip(tokens, possible, costs, strict=True):
        picked = np.flatnonzero(row)
        sure = record.op not in AUXILIARY and not (cost[picked] >= UNSURE).any()
        place = _common([sites[k] for k in picked], sure)
        if place is not None:
            found[record.id] = place
    return found


def _settle(sites, ops):
    """A call of a function that is called as an operation of the graph calls just that one."""
    for site in sites:
        if isinstance(site.names, str):
            known = site.names in ops
            site.names, site.many = (frozenset([site.names]) if known else None), not known


# --- which operation fits which site --------------------------------------------------------------


def _costs(sites, tokens, explained):
    """What it costs to put each operation at each site: 0 if the site says so, inf if it cannot."""
    roots = {}
    for k, site in enumerate(sites):
        if site.target is not None and site.scope.depth == 0:
            roots.setdefault(site.target, []).append(k)
    held = _held(tokens, {id(s.scope): s.scope for s in sites if s.scope.depth == 0}.values())
    table = np.full((len(tokens), len(sites)), np.inf)
    for t, record in enumerate(tokens):
        for k, site in enumerate(sites):
            table[t, k] = _cost(site, record, held)
        names = [EXPLAINED] if record.id in explained and EXPLAINED in roots else record.names
        anchors = [k for name in names for k in roots.get(name, ())]
        if anchors and np.isfinite(table[t, anchors]).any():
            others = np.ones(len(sites), bool)
            others[anchors] = False
            table[t, others] = np.inf
    return table


def _held(tokens, scopes):
    """For each variable assigned once, the record id it holds: by (scope, name)."""
    by_key = {}
    for record in tokens:
        by_key[id(record.node)] = record.id
        for item in record.inputs:
            tensor = getattr(item, "tensor", None)
            if tensor is not None:
                by_key[id(tensor)] = item.id
    found = {}
    for scope in scopes:
        for name, value in scope.values.items():
            if scope.assigned.get(name) == 1 and isinstance(value, TensorBase):
                key = by_key.get(id(value), by_key.get(id(value._node)))
                if key is not None:
                    found[id(scope), name] = key
    return found


UNSURE = 1.0  # the call of something of which nothing is known, or an operation beside another


def _cost(site, record, held):
    if site.names is not None and record.op not in site.names:
        return UNSURE if record.op in AUXILIARY else np.inf
    if site.module is not None:
        return 0.0 if _belongs(record, site.module) else UNSURE
    if site.names is None:
        return UNSURE
    numbers = [i for i in record.inputs if isinstance(i, (int, float))]
    if site.numbers and numbers and not any(n == abs(m) for n in site.numbers for m in numbers):
        return np.inf
    ids = _reached(record)
    for name in site.operands if not site.many else ():
        holds = held.get((id(site.scope), name))
        if holds is not None and holds not in ids:
            return np.inf
    own = held.get((id(site.scope), site.target))
    return 0.0 if own is None or own == record.id or site.loops or site.many else np.inf


def _reached(record):
    """The ids of the inputs, and of what was converted on its way to them, as a in a * z."""
    found, waiting = set(), list(record.inputs)
    while waiting:
        item = waiting.pop()
        found.add(getattr(item, "id", None))
        if getattr(item, "op", None) in AUXILIARY:
            waiting += item.inputs
    return found


def _belongs(record, module):
    """Whether an operation looks like a module's: it uses its parameters, or has its name."""
    mine = {id(p) for p in module.parameters()}
    if mine:
        return any(id(getattr(i, "tensor", None)) in mine for i in record.inputs)
    return record.op.replace("_", "").startswith(type(module).__name__.lower()[:5])


# --- all ways to lay operations along sites -------------------------------------------------------


def _follows(sites):
    """Whether one site can come right after another: later, in the same branch, or in a loop."""
    count = len(sites)
    table = np.zeros((count, count), bool)
    for i, a in enumerate(sites):
        for j, b in enumerate(sites):
            looped = any(loop in b.loops for loop in a.loops)
            apart = any(x == y and p != q for x, p in a.arms for y, q in b.arms)
            table[i, j] = looped or (i < j and not apart) or (i == j and a.many)
    return table


def _possible(sites, tokens, costs):
    """For each operation the sites that some cheapest way through the whole puts it at."""
    follows = _follows(sites)
    stays = follows | np.eye(len(sites), dtype=bool)
    extra = [r.op in AUXILIARY for r in tokens]
    barred = [np.where(stays if extra[t] or extra[t - 1] else follows, 0.0, np.inf)
              for t in range(len(tokens))]  # fmt: skip
    forward = [costs[0]]
    for t in range(1, len(tokens)):
        forward.append(costs[t] + (forward[-1][:, None] + barred[t]).min(0))
    best = forward[-1].min()
    if not np.isfinite(best):
        return np.zeros(costs.shape, bool)  # the text is not what ran
    rest, possible = np.zeros(len(sites)), []
    for t in range(len(tokens) - 1, -1, -1):
        possible.append(forward[t] + rest <= best + 1e-6)
        rest = (barred[t] + (costs[t] + rest)[None, :]).min(1)
    return np.array(possible[::-1])


def _common(sites, sure):
    """What the possible sites agree on: one expression, the lines of one statement, or None."""
    if not sites:
        return None
    if sure and len({id(site.node) for site in sites}) == 1:
        return sites[0]
    if len({id(site.statement) for site in sites}) == 1 and len({s.file for s in sites}) == 1:
        return sites[0].file, sites[0].statement.lineno, _end(sites[0].statement)
    return None


def _end(statement):
    """The last line of a statement's head."""
    body = getattr(statement, "body", None)
    return statement.lineno if isinstance(body, list) else statement.end_lineno
