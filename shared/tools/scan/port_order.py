"""In which order to port the files: each after those that it imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet


def port_order(imports: Mapping[str, AbstractSet[str]]) -> list[list[str]]:
    """Returns the modules in groups; a group of more than one is a cycle of imports.

    Each group stands after all groups that it imports: Tarjan's strongly connected components
    (SIAM Journal on Computing 1, 1972), which come in this order. Without recursion, since a chain
    of imports may be longer than Python's stack.

    Args:
        imports: for each module those that it imports; others than the keys are ignored.
    """
    search = _Search({name: sorted(imports[name] & imports.keys()) for name in imports})
    for name in sorted(imports):
        if name not in search.index:
            search.start(name)
    return search.groups


class _Search:
    def __init__(self, edges: Mapping[str, Sequence[str]]) -> None:
        self.edges = edges
        self.index: dict[str, int] = {}
        self.lowest: dict[str, int] = {}
        self.stack: list[str] = []
        self.on_stack: set[str] = set()
        self.groups: list[list[str]] = []

    def start(self, first: str) -> None:
        self.enter(first)
        path = [(first, iter(self.edges[first]))]
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                self.leave(name)
                if path:
                    above = path[-1][0]
                    self.lowest[above] = min(self.lowest[above], self.lowest[name])
            elif following not in self.index:
                self.enter(following)
                path.append((following, iter(self.edges[following])))
            elif following in self.on_stack:
                self.lowest[name] = min(self.lowest[name], self.index[following])

    def enter(self, name: str) -> None:
        self.index[name] = self.lowest[name] = len(self.index)
        self.stack.append(name)
        self.on_stack.add(name)

    def leave(self, name: str) -> None:
        if self.lowest[name] != self.index[name]:
            return
        group: list[str] = []
        while not group or group[-1] != name:
            group.append(self.stack.pop())
            self.on_stack.remove(group[-1])
        self.groups.append(sorted(group))
