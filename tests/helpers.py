"""What several files of tests share: small inputs, refusals, documents of commands, and fresh processes."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess.core.classes import Classes
from reassess.core.items import Items
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.scores import Scores
from reassess.core.votes import Votes
from reassess.errors import DataError

WORDS = ("no", "maybe", "yes")


def message(call: Callable[[], object]) -> str:
    """The whole message with which a call is refused."""
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def labels_of(sets: Mapping[str, Iterable[int]], classes: Classes | None = None) -> LabelSets:
    """The valid classes of each image."""
    return LabelSets.from_lists(list(sets), [list(ids) for ids in sets.values()], classes)


def scores_of(values: Mapping[tuple[str, int], float]) -> Scores:
    """The score of each pair of an image and a class."""
    images, classes = [image for image, _ in values], np.array([class_id for _, class_id in values], np.int64)
    return Scores(Questions.from_columns(images, classes), np.array(list(values.values()), np.float64))


def votes_of(
    rows: Sequence[Sequence[int]],
    items: Items = ("x", "y", "z"),
    raters: Sequence[Hashable] = ("ann", "bo"),
    answers: Sequence[Hashable] = WORDS,
    **options: Any,
) -> Votes:
    """Votes from rows of an item, a rater and an answer, each by its place."""
    return Votes.from_columns(items, *np.array(rows, np.int64).reshape(-1, 3).T, raters, answers, **options)


def validation_name(number: int, suffix: str = ".JPEG") -> str:
    """The file name of a validation image of ImageNet."""
    return f"ILSVRC2012_val_{number:08d}{suffix}"


def picture(number: int, kind: str = "JPEG") -> bytes:
    """An image of 32 x 32 whose colour is that of the number, so that a mix-up shows."""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (32, 32), (20 * number, 255 - 20 * number, 77)).save(file, kind)
    return file.getvalue()


def number_of(image: npt.ArrayLike) -> int:
    """The number whose picture this is."""
    red, _, blue = np.asarray(image).reshape(-1, 3).mean(axis=0)
    assert blue == pytest.approx(77, abs=4)
    return round(red / 20)


@dataclass(frozen=True)
class Run:
    """What a command gave back."""

    code: int
    out: str
    err: str


def document_of(result: Run, command: str) -> Any:
    """The document of a command that went well: strict JSON, and of the schema of this command."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert (result.code, result.err) == (0, "")
    document = json.loads(result.out, parse_constant=refuse)
    assert (document["schema"], document["version"]) == (f"reassess/{command}", 1)
    return document


def python(*argv: str | Path, code: int = 0, cwd: Path | None = None, **environment: str) -> Run:
    """Run Python in a process of its own, which must end with this code."""
    command, variables = [sys.executable, *map(str, argv)], {**os.environ, **environment}
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=variables)
    assert result.returncode == code, result.stdout + result.stderr
    return Run(result.returncode, result.stdout, result.stderr)
