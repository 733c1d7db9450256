"""A hierarchy of classes: what each is a kind of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from reassess.core.classes import Classes
from reassess.errors import DataError
from reassess.text import composed

_Node = str | int  # a class by its id, or what is no class by its name


@dataclass(frozen=True)
class Hierarchy:
    """For each class in the hierarchy, the names on the way from the root to the class."""

    paths: Mapping[int, tuple[str, ...]]  # by class id: the names, the class itself last
    further_parents: int = 0  # how many parents were left out, since only the first of each child counts

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]], classes: Classes) -> "Hierarchy":
        """A hierarchy from children and their parents: classes, by wnid, name or id, or names of other things.

        Of several parents of a child the first counts. `DataError` if something is its own ancestor.
        """
        pairs = list(pairs)
        node_of = {text: _node(text, classes) for text in dict.fromkeys(chain.from_iterable(pairs))}
        names: dict[_Node, str] = {}
        for text, node in node_of.items():
            names.setdefault(node, composed(text.strip()))
        parent: dict[_Node, _Node] = {}
        further = set()
        for child, above in pairs:
            if parent.setdefault(node_of[child], node_of[above]) != node_of[above]:
                further.add((node_of[child], node_of[above]))
        paths = {node: tuple(names[at] for at in _way(node, parent, names)) for node in names if isinstance(node, int)}
        return cls(paths, len(further))

    def path(self, class_id: int) -> tuple[str, ...]:
        """The names from the root to a class; none for a class that stands nowhere."""
        return self.paths.get(class_id, ())


def _node(text: str, classes: Classes) -> _Node:
    class_id = classes.id_of(text, where="the hierarchy")
    return class_id if class_id >= 0 else composed(text.strip())


def _way(node: _Node, parent: Mapping[_Node, _Node], names: Mapping[_Node, str]) -> Sequence[_Node]:
    """The nodes from the root to one."""
    way: list[_Node] = [node]
    met = {node}
    while (above := parent.get(way[-1])) is not None:
        if above in met:
            raise DataError(
                "circle",
                "hierarchy has a circle",
                found=" is a ".join(names[at] for at in [*way[way.index(above) :], above]),
                fix="leave out one of these rows of the hierarchy",
            )
        way.append(above)
        met.add(above)
    return way[::-1]
