"""The least cut of a network: which edges to give up, at the lowest price, so that nothing flows.

Dinic's algorithm: in turns, levels by distance from the source, then flow along shortest ways.
"""

from collections import deque

__all__ = ["ENDLESS", "Network"]

ENDLESS = 1 << 60  # the capacity of an edge that is never cut


class Network:
    """Edges with whole capacities between points, which are anything that can be a key."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.edges = {source: [], sink: []}  # of each point: [to, what is left, its reverse]

    def add(self, start, end, capacity):
        there, back = [end, capacity, None], [start, 0, None]
        there[2], back[2] = back, there
        self.edges.setdefault(start, []).append(there)
        self.edges.setdefault(end, []).append(back)

    def within(self):
        """The points on the source's side of a least cut."""
        while self.sink in (levels := self._levels()):
            waiting = {point: iter(edges) for point, edges in self.edges.items()}
            while way := self._way(levels, waiting):
                most = min(edge[1] for edge in way)
                for edge in way:
                    edge[1] -= most
                    edge[2][1] += most
        return set(levels)

    def _levels(self):
        """{point: its distance from the source} of those that something may still flow to."""
        levels, waiting = {self.source: 0}, deque([self.source])
        while waiting:
            point = waiting.popleft()
            for end, left, _ in self.edges[point]:
                if left and end not in levels:
                    levels[end] = levels[point] + 1
                    waiting.append(end)
        return levels

    def _way(self, levels, waiting):
        """Edges from source to sink, each one level on; [] when there are no more. `waiting`: of
        each point, the edges that were not tried yet."""
        way, point = [], self.source
        while point != self.sink:
            for edge in waiting[point]:
                if edge[1] and levels.get(edge[0]) == levels[point] + 1:
                    way.append(edge)
                    point = edge[0]
                    break
            else:
                if not way:
                    return []
                way.pop()
                point = way[-1][0] if way else self.source
        for edge in way:  # it may have room for more
            waiting[edge[2][0]] = iter(self.edges[edge[2][0]])
        return way
