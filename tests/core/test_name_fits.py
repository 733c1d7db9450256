"""How names that are not found would be: what is advised works, and never takes two images for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.image_names import how_they_fit, image_keys, join

PERCENT = "they fit if %20 and the like are read as characters: write the names as they are"


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        (["x/1.png", "x/2.png"], ["1.png", "2.png"], "they fit by name: match=\"name\""),
        (["x/1.jpg", "x/2.jpg"], ["y/1.png", "y/2.png"], "they fit by stem: match=\"stem\""),
        (["x/1.png", "x/2.png", "x/7.png"], ["1.png", "2.png"], "2 of 3 fit by name: match=\"name\""),
        (["x/1.png", "x/7.png"], ["1.png", "2.png"], None),  # no more than half
        (["x/1.png", "y/1.png"], ["1.png"], None),  # two names would be one image
        (["1.png", "2.png"], ["x/1.png", "y/1.png", "2.png"], None),  # so would two of the known ones
        (["Cat 1.PNG"], ["cat 1.png"], "they fit except for capitals: use the same spelling"),
        (["cat%201.png"], ["cat 1.png"], PERCENT),
        (["x\\1.png"], ["1.png", "1.png"], "they fit by name: match=\"name\""),  # one name twice is one image
        (["other.png"], ["1.png"], None),
    ],
)  # fmt: skip
def test_the_first_way_that_fits_more_than_half_is_advised(names: list[str], known: list[str], expected: str) -> None:
    fix = how_they_fit(names, known)
    assert (None if fix is None else str(fix)) == expected


def test_only_the_lost_names_are_counted_and_all_must_stay_apart() -> None:
    """A stray copy at the top of a folder is no reason to join by name: in its folder there is an image called so."""
    names = ["cat/1.png", "cat/2.png", "1.png"]
    assert how_they_fit(names, ["cat/1.png", "cat/2.png"], lost=["1.png"]) is None
    assert str(how_they_fit(["cat/1.png", "x/2.png"], ["cat/1.png", "2.png"], lost=["x/2.png"])) == (
        'they fit by name: match="name"'
    )


def test_another_match_than_the_one_that_was_used_is_advised() -> None:
    assert str(how_they_fit(["1.jpg"], ["1.png"], match="name")) == 'they fit by stem: match="stem"'
    assert str(how_they_fit(["x/1.png"], ["x/1.png"], match="stem", setting="benchmark.json")) == (
        'they fit by path: match="path", or "match": "path" in benchmark.json'
    )


NAMES = st.lists(st.sampled_from(["a.png", "x/a.png", "x/a.jpg", "A.png", "y/b.png", "b", "x/c%20.png", "c .png"]))


@given(NAMES, NAMES)
def test_an_advised_match_joins_most_names_and_none_with_two(names: list[str], known: list[str]) -> None:
    advice = how_they_fit(names, known)
    if advice is None or "match" not in advice.arguments:
        return
    match = str(advice.arguments["match"]).strip('"')
    unique, known = list(dict.fromkeys(names)), list(dict.fromkeys(known))
    rows = join(unique, known, match=match)
    assert 2 * (rows >= 0).sum() > len(unique)
    assert len(set(image_keys(known, match))) == len(known)
