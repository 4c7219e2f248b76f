"""The name that was meant: "did you mean ...?"."""

__all__ = ["suggest"]


def suggest(name, candidates):
    """The candidate most like `name`, or None; for "did you mean" hints."""
    best, best_score = None, 0.0
    for candidate in candidates:
        score = _likeness(name, candidate)
        if score > best_score:
            best, best_score = candidate, score
    return best if best_score >= 0.7 else None


def _likeness(a, b):
    """2·matches / total length, letters matched in order in a short window."""
    if not a or not b:
        return 0.0
    used = [False] * len(b)
    matches = 0
    for i, letter in enumerate(a):
        for j in range(max(0, i - 2), min(len(b), i + 3)):
            if not used[j] and b[j] == letter:
                used[j] = True
                matches += 1
                break
    prefix = sum(1 for x, y in zip(a, b, strict=False) if x == y)
    return (1.8 * matches + 0.2 * prefix) / (len(a) + len(b))
