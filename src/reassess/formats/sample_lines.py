"""How images were drawn at random, in task files: the first line, and keys of the lines of drawn images."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reassess.core import Sample, SampleDesign
from reassess.errors import DataError

MAX_NUMBER = 2**63 - 1


@dataclass(frozen=True)
class TaskLine:
    """A task that was read from a line of a file."""

    line_number: int  # from 1
    where: str
    number: int  # of the task
    image: str
    classes: list[int | str]
    names: list[str | None]
    reason: str
    is_golden: bool
    probability: float | None
    stratum: str
    batch: int | None


def make_header(sample: Sample, n_images: int, n_questions: int) -> dict[str, Any]:
    """Return the object that the first line of a task file has under ``sample``."""
    header: dict[str, Any] = {
        "for": sample.purpose,
        "seed": sample.seed,
        "images": n_images,
        "questions": n_questions,
        "predictions": list(sample.input_hashes),
    }
    if (design := sample.design) is not None:
        strata = zip(design.stratum_names, design.stratum_sizes.tolist(), design.is_settled.tolist(), strict=True)
        header |= {
            "planned": design.planned,
            "question_rule": list(design.question_rule),
            "strata": [{"name": name, "images": size, "settled": settled} for name, size, settled in strata],
        }
    return header


def sample_keys(sample: Sample, row: int) -> dict[str, Any]:
    """Return the keys of a task about the image at a position of the sample."""
    keys = {"probability": float(sample.probabilities[row]), "stratum": sample.strata[row]}
    return keys if sample.design is None else keys | {"batch": int(sample.design.batches[row])}


def make_sample(path: Path, lines: Sequence[TaskLine], header: Mapping[str, Any]) -> Sample | None:
    """Make a `Sample` of the images that were drawn at random; None if there are no such images.

    Raise if two lines of an image have different probabilities.
    """
    by_image: dict[str, TaskLine] = {}
    for line in lines:
        first = by_image.setdefault(line.image, line)
        if (first.probability, first.stratum, first.batch) != (line.probability, line.stratum, line.batch):
            raise DataError(
                "two-probabilities",
                "tasks of an image have different probabilities, strata or batches",
                where=line.where,
                allowed=f"{_describe_keys(first)}, as in line {first.line_number}",
                found=_describe_keys(line),
                fix="draw the images again",
            )
    drawn_lines = [line for line in by_image.values() if line.probability is not None]
    n_questions = sum(len(line.classes) for line in lines if line.probability is not None)
    _check_header(path, header, len(drawn_lines), n_questions)
    if not drawn_lines:
        return None
    return Sample(
        images=tuple(line.image for line in drawn_lines),
        probabilities=np.array([line.probability for line in drawn_lines], np.float64),
        strata=tuple(line.stratum for line in drawn_lines),
        purpose=header.get("for", ""),
        seed=header.get("seed"),
        input_hashes=tuple(header.get("predictions", [])),
        design=_make_design(drawn_lines, header) if "strata" in header else None,
    )


def _describe_keys(line: TaskLine) -> str:
    return f"{line.probability}, {line.stratum!r}" + ("" if line.batch is None else f", batch {line.batch}")


def _check_header(path: Path, header: Mapping[str, Any], n_images: int, n_questions: int) -> None:
    """Raise if the first line of a task file does not fit the tasks."""
    purpose, seed = header.get("for", ""), header.get("seed")
    expected = {
        "for": purpose if isinstance(purpose, str) else "golden",
        "seed": seed if seed is None or is_whole_number_up_to(seed, MAX_NUMBER) else 0,
        "images": n_images,
        "questions": n_questions,
        "predictions": _texts_or_empty(header.get("predictions", [])),
    }
    if "strata" in header:
        header = {"planned": None, "question_rule": None, **header}
        planned, strata = header["planned"], header["strata"]
        is_planned = is_whole_number_up_to(planned, MAX_NUMBER) and planned > 0
        are_strata = isinstance(strata, list) and strata and all(map(_is_stratum, strata))
        expected |= {
            "planned": planned if is_planned else n_images,
            "question_rule": _texts_or_empty(header["question_rule"]),
            "strata": strata if are_strata else [{"name": "1", "images": n_images, "settled": False}],
        }
    if wrong := {name: header[name] for name, value in expected.items() if header.get(name, value) != value}:
        raise DataError(
            "wrong-sample",
            "description of the random draw, in the first line, does not fit the tasks",
            where=path,
            allowed=json.dumps({name: expected[name] for name in wrong}),
            found=json.dumps(wrong),
            fix="use the complete file, or draw the tasks again",
        )


def _make_design(drawn_lines: Sequence[TaskLine], header: Mapping[str, Any]) -> SampleDesign:
    """Make the design of a sample from a checked header, and the batches of the drawn images."""
    for line in drawn_lines:
        if line.batch is None:
            raise DataError(
                "wrong-sample",
                "image has no batch",
                where=line.where,
                allowed='"batch": 0, or a later batch',
                fix="use the file as reassess sample wrote it",
            )
    strata = header["strata"]
    return SampleDesign(
        batches=np.array([line.batch for line in drawn_lines], np.int64),
        stratum_names=tuple(stratum["name"] for stratum in strata),
        stratum_sizes=np.array([stratum["images"] for stratum in strata], np.int64),
        is_settled=np.array([stratum["settled"] for stratum in strata], np.bool_),
        planned=header["planned"],
        question_rule=tuple(header["question_rule"]),
    )


def _is_stratum(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and is_whole_number_up_to(value.get("images"), MAX_NUMBER)
        and isinstance(value.get("settled"), bool)
    )


def _texts_or_empty(value: Any) -> list[str]:
    """Return the value if it is a list of texts, otherwise an empty list."""
    return value if isinstance(value, list) and all(isinstance(text, str) for text in value) else []


def is_whole_number_up_to(value: Any, maximum: int) -> bool:
    """Return whether a value of a JSON document is a whole number from 0 to a maximum."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= maximum
