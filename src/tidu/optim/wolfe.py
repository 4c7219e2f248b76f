"""A line search for the strong Wolfe conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6)."""

__all__ = ["strong_wolfe"]

_DECREASE, _CURVATURE = 1e-4, 0.9


def _cubic_minimum(x1, f1, g1, x2, f2, g2, low=None, high=None):
    """The minimum of the cubic through two points with slopes, within bounds."""
    if low is None:
        low, high = min(x1, x2), max(x1, x2)
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if x1 <= x2:
        place = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        place = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(place, low), high)


class _Point:
    """A step length, and loss, gradient and slope there."""

    __slots__ = ("gradient", "length", "loss", "slope")

    def __init__(self, length, loss, gradient, slope):
        self.length, self.loss, self.gradient, self.slope = length, loss, gradient, slope


def strong_wolfe(
    evaluate, length, direction, loss, gradient, slope, tolerance_change=1e-9, max_ls=25
):
    """(loss, gradient, length, evaluations); ``evaluate(length)`` is (loss, gradient)."""
    size = direction.abs().max().item()
    start = _Point(0.0, loss, gradient, slope)

    def at(length):
        loss, gradient = evaluate(length)
        return _Point(length, loss, gradient.clone(), gradient.dot(direction).item())

    bracket, used, done = _bracket(at, start, at(length), max_ls)
    if not done:
        bracket, used = _zoom(at, start, bracket, used, max_ls, tolerance_change, size)
    best = min(bracket, key=lambda point: point.loss) if len(bracket) == 2 else bracket[0]
    return best.loss, best.gradient, best.length, used


def _too_high(point, start):
    return point.loss > start.loss + _DECREASE * point.length * start.slope


def _bracket(at, start, point, max_ls):
    """Lengthen the step until two points have a minimum between them, or one is good."""
    before, used = start, 1
    for i in range(max_ls):
        if _too_high(point, start) or (i > 0 and point.loss >= before.loss):
            return [before, point], used, False
        if abs(point.slope) <= -_CURVATURE * start.slope:
            return [point], used, True
        if point.slope >= 0:
            return [before, point], used, False
        low = point.length + 0.01 * (point.length - before.length)
        longer = _cubic_minimum(
            before.length, before.loss, before.slope, point.length, point.loss, point.slope,
            low, point.length * 10,
        )  # fmt: skip
        before, point = point, at(longer)
        used += 1
    return [start, point], used, False


def _zoom(at, start, bracket, used, max_ls, tolerance_change, size):
    """Narrow the bracket; ``bracket[0]`` is kept the lower of the two."""
    slow = False
    if bracket[0].loss > bracket[-1].loss:
        bracket = bracket[::-1]
    rounds = used
    while rounds <= max_ls:
        a, b = bracket
        if abs(b.length - a.length) * size < tolerance_change:
            break
        length = _cubic_minimum(a.length, a.loss, a.slope, b.length, b.loss, b.slope)
        length, slow = _not_at_the_edge(length, a.length, b.length, slow)
        point = at(length)
        used += 1
        rounds += 1
        if _too_high(point, start) or point.loss >= a.loss:
            bracket = [a, point] if a.loss <= point.loss else [point, a]
            continue
        if abs(point.slope) <= -_CURVATURE * start.slope:
            return [point], used
        if point.slope * (b.length - a.length) >= 0:
            b = a
        bracket = [point, b]
    return bracket, used


def _not_at_the_edge(length, a, b, slow):
    """Steps too near an end of the bracket twice running are moved inward."""
    low, high = min(a, b), max(a, b)
    margin = 0.1 * (high - low)
    if min(high - length, length - low) < margin:
        if slow or length >= high or length <= low:
            near_high = abs(length - high) < abs(length - low)
            return (high - margin if near_high else low + margin), False
        return length, True
    return length, False
