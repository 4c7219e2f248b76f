"""A module of LLVM text as several, for several threads and for less memory at a time.

Each has some of the functions, and declares what they use of the others: no function is local to a
piece then. A text that has more than functions, declarations and constants stays whole.
"""

import re

__all__ = ["pieces"]

_FUNCTION = re.compile(r"^define [^\n]*\{\n.*?^\}$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"@[\w.$]+")
_SHARED = re.compile(r"(?:declare |@[\w.$]+ = (?:external |(?:internal|private) constant )).*")
_LOCAL = re.compile(r"^define internal ", re.MULTILINE)
_END = re.compile(r" *(?:noinline)? *\{$")  # of a function's first line


def pieces(text, size):
    """Texts of about so many characters, the longest first; [text] where it cannot be divided."""
    functions = _FUNCTION.findall(text) if len(text) >= 2 * size else ()
    if len(functions) < 2:
        return [text]
    rest = [line for line in _FUNCTION.sub("", text).split("\n") if line.strip()]
    if not all(map(_SHARED.fullmatch, rest)):
        return [text]
    known = {_NAME.search(line).group(): line for line in rest}
    known.update(map(_declared, functions))
    parts = [_piece(group, known) for group in _groups(functions, size)]
    return sorted(parts, key=len, reverse=True)


def _declared(function):
    """(name, declaration) of what is defined elsewhere."""
    head = _LOCAL.sub("define ", function.partition("\n")[0])
    return _NAME.search(head).group(), _END.sub("", head).replace("define ", "declare ", 1)


def _groups(functions, size):
    """Functions that follow one another, as many as make up this size."""
    group, length = [], 0
    for function in functions:
        if group and length + len(function) > size:
            yield group
            group, length = [], 0
        group.append(function)
        length += len(function)
    yield group


def _piece(functions, known):
    body = _LOCAL.sub("define ", "\n".join(functions))
    own = {_NAME.search(function).group() for function in functions}
    used = dict.fromkeys(_NAME.findall(body))
    for name in list(used):  # constants may hold addresses
        used.update(dict.fromkeys(_NAME.findall(known[name])))
    return "\n".join([*[known[name] for name in used if name not in own], body])
