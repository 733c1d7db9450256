"""Image names: keys, joins of two image lists, and suggestions for names that do not match."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core.image_names import (
    check_image_names,
    image_keys,
    match_images,
    suggest_match_fix,
    validation_image_names,
)
from reassess.text import to_nfc
from tests.helpers import Refused

VALIDATION_IMAGES = 50_000

names = (
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda name: "ILSVRC" not in name).map(to_nfc)
)
name_lists = st.lists(names, max_size=12, unique=True)
folders = st.sampled_from(["", "val/", "val/n01751748/", "/data/val/", "C:\\val\\", "a b/c,d/"])
endings = st.sampled_from([".JPEG", ".png", "", "_n01751748.JPEG", "_n01751748", ".tar.gz"])


@given(st.integers(1, VALIDATION_IMAGES), folders, endings, st.sampled_from(["path", "name", "stem"]))
def test_validation_image_is_identified_by_number(number: int, folder: Any, ending: Any, match: str) -> None:
    name = f"{folder}ILSVRC2012_val_{number:08d}{ending}"
    assert image_keys([name], match) == (f"ILSVRC2012_val_{number:08d}",)


def test_validation_names_count_from_1_to_50000() -> None:
    names = validation_image_names()
    assert (names[0], names[-1]) == ("ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00050000.JPEG")
    assert len(set(image_keys(names))) == VALIDATION_IMAGES


@pytest.mark.parametrize(
    "name",
    [
        "ILSVRC2012_val_0000001.JPEG",  # 7 digits
        "ILSVRC2012_val_000000012.JPEG",  # 9 digits
        "ILSVRC2012_val_0000000٣.JPEG",  # 7 ASCII digits and an Arabic one
        "n01440764_10026.JPEG",
        "00012.png",
        " a , b.png",
    ],
)
def test_other_names_are_unchanged(name: str) -> None:
    assert image_keys([name]) == (name,)


@pytest.mark.parametrize("match", ["path", "name", "stem"])
def test_unicode_forms_of_an_image_name_are_equal(refused: Refused, match: Any) -> None:
    nfd, nfc = "chats/me\u0301o.jpg", "chats/m\u00e9o.jpg"
    assert match_images([nfd], ["tom.jpg", nfc], match=match).tolist() == [1]
    assert match_images([nfc], [nfd], match=match).tolist() == [0]
    assert refused(check_image_names, [nfd, nfc], "here") == "duplicate-image at here"


@pytest.mark.parametrize(("match", "key"), [("path", "cats/tom.1.jpg"), ("name", "tom.1.jpg"), ("stem", "tom.1")])
def test_match_selects_part_of_the_name(refused: Refused, match: str, key: str) -> None:
    for name in ("cats/tom.1.jpg", "cats\\tom.1.jpg"):
        assert image_keys([name], match) == (key,)
    assert refused(image_keys, ["a.png"], "folder") == "unknown-name"


@given(name_lists, st.randoms())
def test_join_returns_position_of_each_image(names: Any, random: Random) -> None:
    shuffled = random.sample(names, len(names))
    rows = match_images(shuffled, names)
    assert [names[row] for row in rows] == shuffled
    assert np.array_equal(match_images(names, shuffled)[rows], np.arange(len(names)))  # the joins are inverses


@given(name_lists, name_lists, st.randoms())
def test_join_does_not_depend_on_order(names: Any, known: Any, random: Random) -> None:
    rows = dict(zip(names, match_images(names, known).tolist(), strict=True))
    shuffled_names, shuffled_known = random.sample(names, len(names)), random.sample(known, len(known))
    for name, row in zip(shuffled_names, match_images(shuffled_names, shuffled_known).tolist(), strict=True):
        assert (row < 0) == (rows[name] < 0) == (name not in known)
        assert row < 0 or shuffled_known[row] == known[rows[name]]


def test_unknown_image_is_minus_1_and_unused_duplicates_are_ignored() -> None:
    assert match_images(["b.png", "c.png", "ILSVRC2012_val_00000002"], ["a.png", "b.png"]).tolist() == [1, -1, -1]
    assert (match_images([], ["a"]).tolist(), match_images(["a"], []).tolist()) == ([], [-1])
    assert match_images(["x.png"], ["a/tom.png", "b/tom.png", "x.jpg"], match="stem").tolist() == [2]


def test_error_about_duplicate_image_shows_both_names(refused_text: Refused) -> None:
    double = ["a/ILSVRC2012_val_00000001.png", "b.png", "ILSVRC2012_val_00000001.JPEG"]
    expected = (
        "image is listed twice\n  where:   the predictions\n"
        "  found:   a/ILSVRC2012_val_00000001.png and ILSVRC2012_val_00000001.JPEG\n  fix:     keep one row per image"
    )
    assert refused_text(lambda: match_images(double, ["b.png"])) == expected
    assert refused_text(lambda: check_image_names(double, "the predictions")) == expected


@pytest.mark.parametrize(("match", "second"), [("name", "b/tom.png"), ("stem", "a/tom.jpg")])
def test_two_images_with_the_same_key_raise(refused: Refused, match: str, second: str) -> None:
    assert refused(lambda: match_images(["a/tom.png", second], [], match=match)) == "duplicate-image at the predictions"


def test_ambiguous_or_empty_image_name_raises(refused: Refused, refused_text: Refused) -> None:
    assert refused_text(lambda: match_images(["x.png", "tom"], ["a/tom.png", "b/tom.png", "x.jpg"], match="stem")) == (
        "image stem matches several images\n  where:   the label set\n  found:   tom matches a/tom.png, b/tom.png\n"
        '  fix:     join by the whole path (match="path")'
    )
    assert "  fix:     keep one entry for each image" in refused_text(lambda: match_images(["a"], ["a", "b", "a"]))
    assert (
        refused(lambda: check_image_names(["a", "", "b"], "the questions")) == "missing-value at the questions, row 1"
    )


PERCENT = "the names match if %20 and similar codes are decoded: write the names without codes"


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        (["x/1.png", "x/2.png"], ["1.png", "2.png"], "the names match by name; use match=\"name\""),
        (["x/1.jpg", "x/2.jpg"], ["y/1.png", "y/2.png"], "the names match by stem; use match=\"stem\""),
        (["x/1.png", "x/2.png", "x/7.png"], ["1.png", "2.png"], "2 of 3 names match by name; use match=\"name\""),
        (["x/1.png", "x/7.png"], ["1.png", "2.png"], None),  # only half
        (["x/1.png", "y/1.png"], ["1.png"], None),  # two names would have the same key
        (["1.png", "2.png"], ["x/1.png", "y/1.png", "2.png"], None),  # two known names would have the same key
        (["Cat 1.PNG"], ["cat 1.png"], "the names match ignoring case: use the same spelling"),
        (["cat%201.png"], ["cat 1.png"], PERCENT),
        (["x\\1.png"], ["1.png", "1.png"], 'the names match by name; use match="name"'),  # one image
        (["other.png"], ["1.png"], None),
    ],
)  # fmt: skip
def test_first_match_of_more_than_half_is_suggested(names: list[str], known: list[str], expected: str) -> None:
    fix = suggest_match_fix(names, known)
    assert (None if fix is None else str(fix)) == expected


def test_suggestion_counts_only_missing_names_and_keeps_keys_unique() -> None:
    """A stray copy of an image is no reason to match by name: a class folder has that name too."""
    names = ["cat/1.png", "cat/2.png", "1.png"]
    assert suggest_match_fix(names, ["cat/1.png", "cat/2.png"], missing=["1.png"]) is None
    assert str(suggest_match_fix(["cat/1.png", "x/2.png"], ["cat/1.png", "2.png"], missing=["x/2.png"])) == (
        'the names match by name; use match="name"'
    )


def test_suggested_match_differs_from_current_match() -> None:
    assert str(suggest_match_fix(["1.jpg"], ["1.png"], match="name")) == 'the names match by stem; use match="stem"'
    assert str(suggest_match_fix(["x/1.png"], ["x/1.png"], match="stem", settings_file="benchmark.json")) == (
        'the names match by path; use match="path", or "match": "path" in benchmark.json'
    )


NAMES = st.lists(st.sampled_from(["a.png", "x/a.png", "x/a.jpg", "A.png", "y/b.png", "b", "x/c%20.png", "c .png"]))


@given(NAMES, NAMES)
def test_suggested_match_joins_most_names_without_ambiguity(names: list[str], known: list[str]) -> None:
    fix = suggest_match_fix(names, known)
    if fix is None or "match" not in fix.arguments:
        return
    match = str(fix.arguments["match"]).strip('"')
    unique, known = list(dict.fromkeys(names)), list(dict.fromkeys(known))
    rows = match_images(unique, known, match=match)
    assert 2 * (rows >= 0).sum() > len(unique)
    assert len(set(image_keys(known, match))) == len(known)
