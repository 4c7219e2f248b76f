"""Lists that a function only appends to (`losses.append(loss)`): each call appends its own.

Nobody needs to watch what is in such a list, and it may grow without end. That it is never read
must be certain: wherever the functions load the name under which the list is known, `append` is
called on it at once, and no other way leads to it. Read `append_only`.
"""

import types

from ...base.instructions import steps

__all__ = ["APPENDED", "Growing", "append_only"]

APPENDED = object()  # the place of what goes to the end of a list


def append_only(reach):
    """The lists that a function reaches and only appends to."""
    wanted = {}
    for thing, known in _names(reach).values():
        if known is not None:
            wanted.setdefault(known, []).append(thing)
    if not wanted or not reach.whole:
        return []
    users = {name: [] for name in wanted}
    for code in [c for f in reach.functions for c in _codes(f.__code__)]:
        for name in _mentioned(code) & wanted.keys():
            users[name].append(code)
    return [thing for name, things in wanted.items() if _only_appended(name, users[name])
            for thing in things]  # fmt: skip


def _mentioned(code):
    """The names that a code may load, and its constants that could be one."""
    return {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars,
            *[c for c in code.co_consts if isinstance(c, str)]}  # fmt: skip


def _names(reach):
    """{id: (list, its one name)} of plain lists; the name is None where there are other ways."""
    found = {}

    def note(thing, name):
        if type(thing) is list:
            again = found.get(id(thing), (thing, name))[1] != name
            found[id(thing)] = thing, None if again else name

    for function in reach.functions:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (),
                              strict=True):  # fmt: skip
            note(_content(cell), name)
        for thing in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            note(thing, None)
    for cell, value in reach.cells:
        if type(cell) is not types.CellType:
            note(value, getattr(cell, "name", None))
    for live, copy in reach.dicts:
        for key, value in copy.items():
            note(value, key if isinstance(key, str) and hasattr(live, "keys") else None)
    for value in [*reach.in_tuples, *[v for _, copy in reach.lists for v in copy]]:
        note(value, None)
    return found


def _content(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _codes(code):
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += _codes(constant)
    return found


def _only_appended(name, codes):
    """Whether each load of the name, in any function, is followed by a call of `append`."""
    appended = False
    for code in codes:
        if name in code.co_consts:
            return False  # getattr(x, "name")
        done = steps(code)
        for step, after in zip(done, [*done[1:], None], strict=True):
            if step.argval != name or not isinstance(step.argval, str):
                continue
            if step.opname in _ASIDE or step.opname.startswith("STORE_"):
                continue
            if not step.opname.startswith("LOAD_") or after is None or after.argval != "append":
                return False
            if after.opname != "LOAD_ATTR":
                return False
            appended = True
    return appended


_ASIDE = ("COPY_FREE_VARS", "MAKE_CELL", "LOAD_CLOSURE")


class Growing:
    """A list during a trial run: what is appended, and to be taken away again."""

    def __init__(self, things):
        self.pairs = [(thing, list(thing)) for thing in things]

    def added(self):
        """[(list, what was appended)]; None where something else was done to one."""
        found = []
        for thing, was in self.pairs:
            if len(thing) < len(was) or any(a is not b for a, b in zip(thing, was, strict=False)):
                return None
            found.append((thing, thing[len(was) :]))
        return found

    def undo(self):
        for thing, was in self.pairs:
            thing[:] = was
