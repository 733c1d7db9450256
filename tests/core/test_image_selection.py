"""Image selections: rows of selected images in any order, and errors about unknown images."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import ImageSelection, Match
from tests.helpers import Refused

SELECTION = ImageSelection(("a/1.png", "b/2.png"), ("c/3.png",), "training part of fold 0")
names = st.sets(st.sampled_from([f"{folder}/{stem}.png" for folder in "ab" for stem in "123"])).map(sorted)


@given(names.filter(len), names, st.randoms(use_true_random=False))
def test_rows_are_exactly_the_selected_images(selected: list[str], dataset: list[str], random: object) -> None:
    selection = ImageSelection(tuple(selected))
    rows = [row for row, name in enumerate(dataset) if name in selected]
    positions = [selected.index(name) if name in selected else -1 for name in dataset]
    assert selection.positions_of(dataset).tolist() == positions
    if rows:
        assert selection.selected_rows(dataset).tolist() == rows
        assert selection.images_missing_from(dataset) == tuple(name for name in selected if name not in dataset)


@pytest.mark.parametrize(
    ("match", "names"),
    [
        ("path", ["b\\2.png", "c/3.png", "a/1.png"]),
        ("name", ["/data/2.png", "3.png", "x/1.png"]),
        ("stem", ["2.jpg", "3.webp", "1"]),
    ],
)
def test_names_are_joined_by_match(match: Match, names: Sequence[str]) -> None:
    assert SELECTION.selected_rows(names, match=match).tolist() == [0, 2]
    assert SELECTION.images_missing_from(names[:2], match=match) == ("a/1.png",)


def test_class_at_end_of_stem_is_ignored() -> None:
    selection = ImageSelection(("n01440764_7",))
    names = ["train/n01440764_7_n01440764.JPEG", "n01440764_70.JPEG"]
    assert selection.selected_rows(names, match="stem").tolist() == [0]


SELECTION_2 = ImageSelection(("a/1.png", "b/1.png"))


@pytest.mark.parametrize(
    ("selection", "names", "match", "what", "fix"),
    [
        (
            SELECTION,
            ["a/1.png", "d/4.png", "e/5.png"],
            "path",
            "2 of 3 images are not in the training part of fold 0",
            "correct the names; or skip such images: ignore_unknown=True",
        ),
        (
            SELECTION,
            ["x/a/1.png", "x/b/2.png"],
            "path",
            "2 of 2 images are not in the training part of fold 0",
            'the names match by name; use match="name"; or skip such images: ignore_unknown=True',
        ),
        (
            SELECTION,
            ["c/3.png"],
            "path",
            "no image of the dataset is in the training part of fold 0",
            "use a dataset with the training images",
        ),
        (
            SELECTION,
            ["x/1.png", "y/1.png"],
            "name",
            "two images match the same name in the training part of fold 0",
            'join by the whole path (match="path")',
        ),
        (
            SELECTION_2,
            ["1.png"],
            "name",
            "two images of the list have the same name",
            'join by the whole path (match="path")',
        ),
    ],
)
def test_names_that_do_not_match_raise(
    refused_text: Refused, selection: ImageSelection, names: list[str], match: Match, what: str, fix: str
) -> None:
    lines = refused_text(lambda: selection.selected_rows(names, match=match)).split("\n")
    assert (lines[0], lines[-1]) == (what, f"  fix:     {fix}")


def test_ignore_unknown_skips_unknown_images() -> None:
    assert SELECTION.selected_rows(["d.png", "a/1.png"], ignore_unknown=True).tolist() == [1]


def test_invalid_selection_raises(refused: Refused) -> None:
    assert refused(ImageSelection, ()) == "empty at the list"
    assert refused(ImageSelection, ("a.png",), ("a.png",)) == "duplicate-image at the list"
