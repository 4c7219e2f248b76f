"""Where the parts of a LaTeX text begin and end: brackets, terms, what stands between commas."""

__all__ = ["CASES", "group", "listed", "opening", "outside", "product_end", "terms"]

CASES = (r"\begin{cases}", r"\end{cases}")


def group(text, start):
    """What stands inside the bracket that opens at `start`, and where it has closed."""
    depth = 0
    for end in range(start, len(text)):
        depth += (text[end] in "([{") - (text[end] in ")]}")
        if depth == 0:
            return text[start + 1 : end], end + 1
    raise ValueError(text)


def listed(text):
    """What stands between commas."""
    ends = [k for k in outside(text) if text[k] == ","]
    starts = [0, *[k + 1 for k in ends]]
    return [text[a:b].strip() for a, b in zip(starts, [*ends, len(text)], strict=True)]


def opening(text, end):
    """Where the operand that ends at `end` begins: a bracket, or a place n_{3}."""
    if text[end - 1] != ")":
        return text.rindex("n_{", 0, end)
    depth = 0
    for start in range(end - 1, -1, -1):
        depth += (text[start] in ")]}") - (text[start] in "([{")
        if depth == 0:
            return start
    raise ValueError(text)


def outside(text):
    """The places that are in no bracket, up to where one closes that did not open here."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "\\":
            depth += text.startswith(CASES[0], k) - text.startswith(CASES[1], k)
        if depth < 0:
            return
        if depth == 0:
            yield k


def terms(text):
    """The terms of a sum, each with its sign."""
    ends = [k for k in outside(text) if text.startswith((" + ", " - "), k)]
    starts = [0, *[k + 3 for k in ends]]
    signs = [1, *[-1 if text[k + 1] == "-" else 1 for k in ends]]
    parts = [text[a:b] for a, b in zip(starts, [*ends, len(text)], strict=True)]
    return list(zip(signs, parts, strict=True))


def product_end(text):
    """Where the product after a sum sign ends."""
    inside = list(outside(text))
    stops = [k for k in inside if text[k : k + 3] in (" + ", " - ")]
    return stops[0] if stops else inside[-1] + 1
