"""How many images of each set are repeated where, against pairs one by one."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Duplicates, count_duplicates

SETS = ("a", "b", "c")
MEMBERS = st.tuples(st.sampled_from(SETS), st.sampled_from(["cat", "dog"]))
# The exact groups, some of which are joined by near ones.
GROUPS = st.lists(st.tuples(st.lists(MEMBERS, min_size=1, max_size=5), st.integers(0, 2)), max_size=6)


@given(GROUPS)
def test_counts_are_those_of_all_pairs(groups: list[tuple[list[tuple[str, str]], int]]) -> None:
    members = [
        (name, f"{folder}/{g}-{i}.png", g, near)
        for g, (of_group, near) in enumerate(groups)
        for i, (name, folder) in enumerate(of_group)
    ]
    exact_sizes = {g: len(of_group) for g, (of_group, _) in enumerate(groups)}
    near_sizes = {n: sum(near == n for _, near in groups) for n in range(3)}
    rows = [(name, image, 1 + g, "exact") for name, image, g, _ in members if exact_sizes[g] > 1]
    rows += [(name, image, 100 + near, "near") for name, image, _, near in members if near_sizes[near] > 1]
    duplicates = Duplicates.from_rows(*(zip(*rows, strict=True) if rows else ((), (), (), ())))
    classes = {name: {image: image.split("/")[0] for of, image, *_ in members if of == name} for name in SETS}
    found = {(each.name, each.elsewhere): each for each in count_duplicates(duplicates, classes)}
    assert found.keys() == set(product(SETS, SETS))
    for (name, elsewhere), counts in found.items():
        exact = near = other = 0
        for member in members:
            if member[0] != name:
                continue
            copies = [one for one in members if one is not member and one[0] == elsewhere and one[2] == member[2]]
            alike = [one for one in members if one is not member and one[0] == elsewhere and one[3] == member[3]]
            exact += bool(copies)
            near += bool(alike) and not copies
            other += any(one[1].split("/")[0] != member[1].split("/")[0] for one in copies)
        assert (counts.exact, counts.near, counts.other_class) == (exact, near, other), (name, elsewhere)


def test_classes_are_compared_only_where_both_sets_have_them() -> None:
    duplicates = Duplicates.from_rows(["a", "b"], ["cat/1.png", "2.png"], [1, 1], ["exact", "exact"])
    own, other = count_duplicates(duplicates, {"a": {"cat/1.png": "cat"}, "b": None})[:2]
    assert (own.exact, own.other_class, other.exact, other.other_class) == (0, 0, 1, None)
