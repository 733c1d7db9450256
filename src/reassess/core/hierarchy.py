"""A class hierarchy, from general to specific classes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from reassess.core.classes import Classes
from reassess.errors import DataError
from reassess.text import to_nfc

_Node = str | int  # the id of a class, or the name of a group that is not a class


@dataclass(frozen=True)
class Hierarchy:
    """A class hierarchy: the path of names from the root to each class."""

    paths: Mapping[int, tuple[str, ...]]  # by class id: the names from the root to the class
    n_ignored_parents: int = 0  # number of ignored parents, since only the first parent of each child is used

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]], classes: Classes) -> "Hierarchy":
        """Create a hierarchy from (child, parent) pairs: wnids, names or ids of classes, or names of groups.

        If a child has several parents, the first is used. `DataError` if a child is its own ancestor.
        """
        pairs = list(pairs)
        node_of = {text: _find_node(text, classes) for text in dict.fromkeys(chain.from_iterable(pairs))}
        names: dict[_Node, str] = {}
        for text, node in node_of.items():
            names.setdefault(node, to_nfc(text.strip()))
        parent: dict[_Node, _Node] = {}
        ignored = set()
        for child, above in pairs:
            if parent.setdefault(node_of[child], node_of[above]) != node_of[above]:
                ignored.add((node_of[child], node_of[above]))
        paths = {
            node: tuple(names[at] for at in _path_from_root(node, parent, names))
            for node in names
            if isinstance(node, int)
        }
        return cls(paths, len(ignored))

    def path_from_root(self, class_id: int) -> tuple[str, ...]:
        """Return the names from the root to a class; empty if the class is not in the hierarchy."""
        return self.paths.get(class_id, ())


def _find_node(text: str, classes: Classes) -> _Node:
    class_id = classes.id_of(text, where="the hierarchy")
    return class_id if class_id >= 0 else to_nfc(text.strip())


def _path_from_root(node: _Node, parent: Mapping[_Node, _Node], names: Mapping[_Node, str]) -> Sequence[_Node]:
    """List the nodes from the root to a node."""
    path: list[_Node] = [node]
    visited = {node}
    while (above := parent.get(path[-1])) is not None:
        if above in visited:
            raise DataError(
                "circle",
                "hierarchy has a cycle",
                found=" is a ".join(names[at] for at in [*path[path.index(above) :], above]),
                fix="remove one of these rows",
            )
        path.append(above)
        visited.add(above)
    return path[::-1]
