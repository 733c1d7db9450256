"""Find names of classes in texts: from left to right, at each place the longest name."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from reassess.core import Classes
from reassess.formats.predictions.text_words import is_word, list_singulars, remove_accents, split_words

_Value = TypeVar("_Value")


class FoundName(NamedTuple):
    """A name that is found in a text, as in the class list but in lower case; several ids if classes share it."""

    name: str
    class_ids: tuple[int, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Whether several classes have this name."""
        return len(self.class_ids) > 1


class _Node:
    """A node of a trie whose edges are words: `names` end here, `looser_names` too if punctuation is left out."""

    __slots__ = ("children", "looser_names", "names")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.names: list[FoundName] = []
        self.looser_names: list[FoundName] = []


class _Cache(dict[str, _Value]):
    """The values of a function; looking up a known value calls no Python code."""

    def __init__(self, compute: Callable[[str], _Value]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: str) -> _Value:
        value = self[key] = self._compute(key)
        return value


class ClassNameFinder:
    """Finds the wnids, names, synonyms and words of names of a class list in texts."""

    def __init__(self, classes: Classes) -> None:
        self._root = _Node()
        self._words: dict[str, set[str]] = defaultdict(set)  # words of names, by their form without accents
        self._plurals: dict[str, set[str]] = defaultdict(set)  # words of names, by their singulars
        self._similar_words = _Cache(self._list_similar_words)
        self._begins_name = _Cache(self._is_first_word)
        for name, class_ids in classes.ids_by_name.items():
            tokens = split_words(name).tokens
            words = [token for token in tokens if is_word(token)]
            if words:
                self._add_path(tokens).names.append(FoundName(name, class_ids))
            if 1 < len(words) < len(tokens):
                self._add_path(words).looser_names.append(FoundName(name, class_ids))

    def _add_path(self, tokens: list[str]) -> _Node:
        node = self._root
        for token in tokens:
            node = node.children.setdefault(token, _Node())
            word = remove_accents(token)
            self._words[word].add(token)
            for singular in list_singulars(word):
                self._plurals[singular].add(token)
        return node

    def find(self, text: str) -> list[FoundName]:
        """Return the names in a text, from left to right; a word belongs to at most one name."""
        tokens, before_hyphen = split_words(text)
        begins_name = self._begins_name
        found: list[FoundName] = []
        end = 0
        for start in [position for position, token in enumerate(tokens) if begins_name[token]]:
            # A name does not begin or end inside a word with hyphens: no lion is in a lion-tailed macaque.
            if start < end or start - 1 in before_hyphen:
                continue
            name, end = self._find_longest(tokens, before_hyphen, start)
            if name is not None:
                found.append(name)
        return found

    def _find_longest(
        self, tokens: list[str], before_hyphen: frozenset[int], start: int
    ) -> tuple[FoundName | None, int]:
        """Return the longest name that begins at `start`, and the position after it; without a name, the next."""
        longest, end = None, start + 1
        exact: _Node | None = self._root
        similar: list[_Node] = []
        for position in range(start, len(tokens)):
            token = tokens[position]
            other_words = self._similar_words[token]
            nodes = similar if exact is None else [*similar, exact]
            similar = [node.children[word] for node in nodes for word in other_words if word in node.children] + [
                node.children[token] for node in similar if token in node.children
            ]
            exact = None if exact is None else exact.children.get(token)
            if exact is None and not similar:
                break
            name = None if position in before_hyphen else _name_at(exact, similar)
            if name is not None:
                longest, end = name, position + 1
        return longest, end

    def _list_similar_words(self, token: str) -> tuple[str, ...]:
        """List the other words of names that differ from the token only by an accent, or by singular and plural."""
        word = remove_accents(token)
        forms = [self._words.get(form, set()) for form in (word, *list_singulars(word))]
        return tuple(set().union(*forms, self._plurals.get(word, set())) - {token})

    def _is_first_word(self, token: str) -> bool:
        return any(word in self._root.children for word in (token, *self._similar_words[token]))


def _name_at(exact: _Node | None, similar: list[_Node]) -> FoundName | None:
    """Return the name that ends at these nodes: an exact name before a similar one."""
    if exact is not None and exact.names:
        return _merge(exact.names)
    nodes = similar if exact is None else [*similar, exact]
    return _merge([name for node in nodes for name in (*node.names, *node.looser_names)])


def _merge(names: Iterable[FoundName]) -> FoundName | None:
    """Return one name with the classes of all names; None without a name."""
    names = list(names)
    if len(names) < 2:
        return names[0] if names else None
    class_ids = {class_id for name in names for class_id in name.class_ids}
    return FoundName(min(name.name for name in names), tuple(sorted(class_ids)))
