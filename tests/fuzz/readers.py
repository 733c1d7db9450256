"""Every public reader as a target."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import reassess
from reassess.core import Classes
from reassess.data import list_images, open_images
from reassess.formats import read_hierarchy, read_judged_mistakes
from reassess.formats.tables import read_table
from reassess.proposals import read_transform
from tests.fuzz.cases import Case, Target
from tests.fuzz.contents import contents, folders
from tests.fuzz.oracles import (
    check_candidates,
    check_duplicates,
    check_folds,
    check_labels,
    check_predictions,
    check_scores,
    check_table,
    check_tasks,
    check_votes,
)
from tests.fuzz.seeds import CLASSES, IMAGES, archives
from tests.fuzz.tables import Draw

_SHARE = 40
Options = Mapping[str, tuple[Any, ...]]
Check = Callable[[Path, Any], None]

_NAMED = Classes(3, names=CLASSES)
_CLASSES: Options = {"classes": (*[None] * 4, *[_NAMED] * 4, Classes(3), Classes(2, wnids=("n00000001", "n00000002")))}
_WITH_CLASSES: Options = {"classes": _CLASSES["classes"][4:]}
_ANSWERS: Options = {"answers": (*[None] * 9, ("no", "yes"), ("no", "maybe", "yes"), (0, 1), CLASSES)}
_OUTPUTS: Options = {
    "outputs": (*[None] * 20, CLASSES, ("cup", "cat"), ("kitten\tcat", "x\tdog"), ("0", "1"), ("cow", "")),
    "unknown_class": ("wrong", "drop", "error"),
    "image_names": (*[None] * 8, IMAGES[:2], IMAGES, IMAGES[:1] * 6),
}


@st.composite
def _cases(draw: Draw, read: Callable[..., Any], data_type: str, options: Options, check: Check | None) -> Case:
    """Draw a file of a data type, and a call of its reader."""
    suffix, content = draw(contents(data_type))
    path = Path(f"case{suffix}")
    arguments = {name: draw(st.sampled_from(values)) for name, values in options.items()}

    def call() -> None:
        result = read(path, **arguments)
        repr(result)
        if check is not None:
            check(path, result)

    return Case({path.name: content}, call, f"{read.__name__}({path.name!r}, **{arguments})")


def _reader(read: Callable[..., Any], data_type: str, *options: Options, check: Check | None = None) -> Target:
    merged = {name: values for group in options for name, values in group.items()}
    return Target(_cases(read, data_type, merged, check), _SHARE)


@st.composite
def _leaderboards(draw: Draw) -> Case:
    files = {f"{n}{suffix}": content for n, (suffix, content) in enumerate(draw(_FILES))}
    return Case(files, lambda: reassess.read_leaderboard(*files), f"read_leaderboard(*{list(files)})")


_FILES = st.lists(contents("leaderboard"), min_size=1, max_size=2)


@st.composite
def _folder_cases(draw: Draw, read: Callable[[str], object], text: str) -> Case:
    return Case(draw(folders()), lambda: read("b"), text)


def _archive_cases() -> st.SearchStrategy[Case]:
    return st.sampled_from(
        [
            Case({name: content}, lambda name=name: list_images(name), f"list_images({name!r})")
            for name, content in archives().items()
        ]
    )


READERS: Mapping[str, Target] = {
    "list_images": Target(_archive_cases(), _SHARE),
    "open_images": Target(
        _folder_cases(lambda folder: open_images(f"{folder}/original.csv"), "open_images"), _SHARE // 4
    ),
    "open_benchmark": Target(_folder_cases(reassess.open_benchmark, "open_benchmark('b')"), _SHARE // 4),
    "read_classes": _reader(reassess.read_classes, "classes"),
    "read_clean_list": _reader(reassess.read_clean_list, "classes"),
    "read_collapsed_classes": _reader(reassess.read_collapsed_classes, "collapsed", _WITH_CLASSES),
    "read_folds": _reader(reassess.read_folds, "folds", check=check_folds),
    "read_groups": _reader(reassess.read_groups, "groups", _WITH_CLASSES),
    "read_hierarchy": _reader(read_hierarchy, "hierarchy", _WITH_CLASSES),
    "read_judged_mistakes": _reader(read_judged_mistakes, "judged", _CLASSES),
    "read_labels": _reader(reassess.read_labels, "labels", _CLASSES, check=check_labels),
    "reviews": _reader(reassess.read_labels, "multi_labels", _CLASSES),
    "read_leaderboard": Target(_leaderboards(), _SHARE),
    "read_original_labels": _reader(reassess.read_original_labels, "original", _CLASSES),
    "read_candidates": _reader(reassess.read_candidates, "candidates", _CLASSES, check=check_candidates),
    "read_duplicates": _reader(reassess.read_duplicates, "duplicates", check=check_duplicates),
    "read_predictions": _reader(reassess.read_predictions, "predictions", _CLASSES, _OUTPUTS, check=check_predictions),
    "read_scores": _reader(reassess.read_scores, "scores", _CLASSES, check=check_scores),
    "read_table": _reader(
        read_table, "table", {"text_columns": ((), (), ("image",), ("image", "class"))}, check=check_table
    ),
    "read_tasks": _reader(reassess.read_tasks, "tasks", _CLASSES, check=check_tasks),
    "read_transform": _reader(read_transform, "transform"),
    "read_votes": _reader(reassess.read_votes, "votes", _CLASSES, _ANSWERS, check=check_votes),
}
