"""Names: what identifies an image, the join of two lists of images, and how names that are not found would fit."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.image_names import check_image_names, image_keys, join, suggest_match, validation_names
from reassess.text import composed
from tests.helpers import Refused

VALIDATION_IMAGES = 50_000

names = (
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
    .filter(lambda name: "ILSVRC" not in name)
    .map(composed)
)
name_lists = st.lists(names, max_size=12, unique=True)
folders = st.sampled_from(["", "val/", "val/n01751748/", "/data/val/", "C:\\val\\", "a b/c,d/"])
endings = st.sampled_from([".JPEG", ".png", "", "_n01751748.JPEG", "_n01751748", ".tar.gz"])


@given(st.integers(1, VALIDATION_IMAGES), folders, endings, st.sampled_from(["path", "name", "stem"]))
def test_a_validation_image_is_known_by_number_whatever_its_folder_suffix_or_extension(
    number: int, folder: Any, ending: Any, match: str
) -> None:
    name = f"{folder}ILSVRC2012_val_{number:08d}{ending}"
    assert image_keys([name], match) == (f"ILSVRC2012_val_{number:08d}",)


def test_validation_names_count_from_1_to_50000() -> None:
    names = validation_names()
    assert (names[0], names[-1]) == ("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00050000.JPEG")
    assert len(set(image_keys(names))) == VALIDATION_IMAGES


@pytest.mark.parametrize(
    "name",
    [
        "ILSVRC2012_val_0000001.JPEG",  # 7 digits
        "ILSVRC2012_val_000000012.JPEG",  # 9 digits
        "ILSVRC2012_val_0000000٣.JPEG",  # 7 digits, and one of another script
        "n01440764_10026.JPEG",
        "00012.png",
        " a , b.png",
    ],
)
def test_any_other_name_is_left_as_it_is(name: str) -> None:
    assert image_keys([name]) == (name,)


@pytest.mark.parametrize("match", ["path", "name", "stem"])
def test_a_name_is_the_same_whether_its_accents_are_characters_of_their_own_or_not(
    refused: Refused, match: Any
) -> None:
    apart, together = "chats/me\u0301o.jpg", "chats/m\u00e9o.jpg"
    assert join([apart], ["tom.jpg", together], match=match).tolist() == [1]
    assert join([together], [apart], match=match).tolist() == [0]
    assert refused(check_image_names, [apart, together], "here") == "duplicate-image at here"


@pytest.mark.parametrize(("match", "key"), [("path", "cats/tom.1.jpg"), ("name", "tom.1.jpg"), ("stem", "tom.1")])
def test_a_match_says_which_part_of_a_name_counts(refused: Refused, match: str, key: str) -> None:
    for name in ("cats/tom.1.jpg", "cats\\tom.1.jpg"):
        assert image_keys([name], match) == (key,)
    assert refused(image_keys, ["a.png"], "folder") == "unknown-name"


@given(name_lists, st.randoms())
def test_a_join_finds_each_image_where_it_is(names: Any, random: Random) -> None:
    wanted = random.sample(names, len(names))
    rows = join(wanted, names)
    assert [names[row] for row in rows] == wanted
    assert np.array_equal(join(names, wanted)[rows], np.arange(len(names)))  # joined back, it is the identity


@given(name_lists, name_lists, st.randoms())
def test_the_order_of_either_list_does_not_matter(wanted: Any, names: Any, random: Random) -> None:
    rows = dict(zip(wanted, join(wanted, names).tolist(), strict=True))
    other = random.sample(names, len(names))
    again = random.sample(wanted, len(wanted))
    for name, row in zip(again, join(again, other).tolist(), strict=True):
        assert (row < 0) == (rows[name] < 0) == (name not in names)
        assert row < 0 or other[row] == names[rows[name]]


def test_an_image_that_is_not_known_is_minus_1_and_two_that_nobody_asks_for_do_no_harm() -> None:
    assert join(["b.png", "c.png", "ILSVRC2012_val_00000002"], ["a.png", "b.png"]).tolist() == [1, -1, -1]
    assert (join([], ["a"]).tolist(), join(["a"], []).tolist()) == ([], [-1])
    assert join(["x.png"], ["a/tom.png", "b/tom.png", "x.jpg"], match="stem").tolist() == [2]


def test_one_image_under_two_names_is_an_error_that_names_both(refused_text: Refused) -> None:
    double = ["a/ILSVRC2012_val_00000001.png", "b.png", "ILSVRC2012_val_00000001.JPEG"]
    expected = (
        "image is listed twice\n  where:   the predictions\n"
        "  found:   a/ILSVRC2012_val_00000001.png and ILSVRC2012_val_00000001.JPEG\n  fix:     keep one row per image"
    )
    assert refused_text(lambda: join(double, ["b.png"])) == expected
    assert refused_text(lambda: check_image_names(double, "the predictions")) == expected


@pytest.mark.parametrize(("match", "second"), [("name", "b/tom.png"), ("stem", "a/tom.jpg")])
def test_two_images_that_a_match_cannot_tell_apart_are_an_error(refused: Refused, match: str, second: str) -> None:
    assert refused(lambda: join(["a/tom.png", second], [], match=match)) == "duplicate-image at the predictions"


def test_what_fits_two_known_images_is_an_error_that_names_both_and_an_empty_name_is_one(
    refused: Refused, refused_text: Refused
) -> None:
    assert refused_text(lambda: join(["x.png", "tom"], ["a/tom.png", "b/tom.png", "x.jpg"], match="stem")) == (
        "image stem fits several images\n  where:   the label set\n  found:   tom fits a/tom.png, b/tom.png\n"
        '  fix:     join by the whole path (match="path")'
    )
    assert "  fix:     keep one entry for each image" in refused_text(lambda: join(["a"], ["a", "b", "a"]))
    assert (
        refused(lambda: check_image_names(["a", "", "b"], "the questions")) == "missing-value at the questions, row 1"
    )


PERCENT = "they match if %20 and similar codes are decoded: write the names without codes"


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        (["x/1.png", "x/2.png"], ["1.png", "2.png"], "they match by name: match=\"name\""),
        (["x/1.jpg", "x/2.jpg"], ["y/1.png", "y/2.png"], "they match by stem: match=\"stem\""),
        (["x/1.png", "x/2.png", "x/7.png"], ["1.png", "2.png"], "2 of 3 match by name: match=\"name\""),
        (["x/1.png", "x/7.png"], ["1.png", "2.png"], None),  # no more than half
        (["x/1.png", "y/1.png"], ["1.png"], None),  # two names would be one image
        (["1.png", "2.png"], ["x/1.png", "y/1.png", "2.png"], None),  # so would two of the known ones
        (["Cat 1.PNG"], ["cat 1.png"], "they match ignoring case: use the same spelling"),
        (["cat%201.png"], ["cat 1.png"], PERCENT),
        (["x\\1.png"], ["1.png", "1.png"], "they match by name: match=\"name\""),  # one name twice is one image
        (["other.png"], ["1.png"], None),
    ],
)  # fmt: skip
def test_the_first_way_that_fits_more_than_half_is_advised(names: list[str], known: list[str], expected: str) -> None:
    fix = suggest_match(names, known)
    assert (None if fix is None else str(fix)) == expected


def test_only_the_lost_names_are_counted_and_all_must_stay_apart() -> None:
    """A stray copy at the top of a folder is no reason to join by name: in its folder there is an image called so."""
    names = ["cat/1.png", "cat/2.png", "1.png"]
    assert suggest_match(names, ["cat/1.png", "cat/2.png"], missing=["1.png"]) is None
    assert str(suggest_match(["cat/1.png", "x/2.png"], ["cat/1.png", "2.png"], missing=["x/2.png"])) == (
        'they match by name: match="name"'
    )


def test_another_match_than_the_one_that_was_used_is_advised() -> None:
    assert str(suggest_match(["1.jpg"], ["1.png"], match="name")) == 'they match by stem: match="stem"'
    assert str(suggest_match(["x/1.png"], ["x/1.png"], match="stem", setting="benchmark.json")) == (
        'they match by path: match="path", or "match": "path" in benchmark.json'
    )


NAMES = st.lists(st.sampled_from(["a.png", "x/a.png", "x/a.jpg", "A.png", "y/b.png", "b", "x/c%20.png", "c .png"]))


@given(NAMES, NAMES)
def test_an_advised_match_joins_most_names_and_none_with_two(names: list[str], known: list[str]) -> None:
    advice = suggest_match(names, known)
    if advice is None or "match" not in advice.arguments:
        return
    match = str(advice.arguments["match"]).strip('"')
    unique, known = list(dict.fromkeys(names)), list(dict.fromkeys(known))
    rows = join(unique, known, match=match)
    assert 2 * (rows >= 0).sum() > len(unique)
    assert len(set(image_keys(known, match))) == len(known)
