"""How images were drawn at random, in task files: the first line, and keys of the lines of drawn images."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reassess.core import QuestionFacts, Sample, SampleDesign
from reassess.errors import DataError
from reassess.formats.task_lines import MAX_NUMBER, TaskLine, is_whole_number_up_to

_PURPOSES = ("accuracy", "difference", "labels")
_QUESTION_RULES = ("top-1", "original", "candidates")


def make_header(sample: Sample, facts: QuestionFacts | None, n_images: int, n_questions: int) -> dict[str, Any]:
    """Return the object that the first line of a task file has under ``sample``."""
    header: dict[str, Any] = {
        "for": sample.purpose,
        "seed": sample.seed,
        "images": n_images,
        "questions": n_questions,
        "predictions": list(sample.input_hashes),
    }
    if facts is not None:
        header["models"] = list(facts.models)
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


def class_keys(facts: QuestionFacts, question: int) -> dict[str, Any]:
    """Return the keys of the class of a question."""
    keys: dict[str, Any] = {"models": np.flatnonzero(facts.is_predicted[question]).tolist()}
    if facts.is_original[question]:
        keys["original"] = True
    if (answer := int(facts.answers[question])) >= 0:
        keys["valid"] = answer == 1
    return keys


def make_facts(lines: Sequence[TaskLine], header: Mapping[str, Any]) -> QuestionFacts | None:
    """Return what the lines say about the questions; None if the first line has no models."""
    if "models" not in header:
        return None
    facts = [fact for line in lines for fact in line.facts]
    is_predicted = np.zeros((len(facts), len(header["models"])), np.bool_)
    for question, fact in enumerate(facts):
        is_predicted[question, fact.models] = True
    return QuestionFacts(
        models=tuple(header["models"]),
        is_predicted=is_predicted,
        is_original=np.array([fact.is_original for fact in facts]),
        answers=np.array([-1 if fact.is_valid is None else fact.is_valid for fact in facts], np.int8),
    )


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
    _check_models(lines, len(header.get("models", [])))
    if not drawn_lines:
        return None
    if "strata" in header:
        _check_lines(lines, header)
    return Sample(
        images=tuple(line.image for line in drawn_lines),
        probabilities=np.array([line.probability for line in drawn_lines], np.float64),
        strata=tuple(line.stratum for line in drawn_lines),
        purpose=header.get("for", ""),
        seed=header.get("seed"),
        input_hashes=tuple(header.get("predictions", [])),
        design=_make_design(drawn_lines, header) if "strata" in header else None,
    )


def _check_lines(lines: Sequence[TaskLine], header: Mapping[str, Any]) -> None:
    """Raise if the lines of a sample are not in drawn order, or answers are missing, or known too early."""
    last_batch = max(line.batch or 0 for line in lines)
    for number, line in enumerate(lines):
        has_answers = {fact.is_valid is not None for fact in line.facts}
        problem = ""
        if line.number != number:
            problem = f"task {line.number} is on the line of task {number}: lines are missing, or not in drawn order"
        elif line.probability is None:
            problem = "the image of the task was not drawn"
        elif "models" in header and has_answers != {(line.batch or 0) < last_batch}:
            problem = "only questions of earlier batches have answers (valid), and all of them have one"
        if problem:
            raise DataError(
                "wrong-sample",
                "task does not fit the sample",
                where=line.where,
                found=problem,
                fix="use the complete file as `reassess sample` wrote it",
            )
    has_original = {line.image for line in lines for fact in line.facts if fact.is_original}
    if "models" in header and "original" in header.get("question_rule", []):
        for line in lines:
            if line.image not in has_original:
                raise DataError(
                    "wrong-sample",
                    "no class of an image is its original label",
                    where=line.where,
                    found=f"image {line.image}",
                    fix="use the complete file as `reassess sample` wrote it",
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
    if "models" in header:
        models, n_models = _texts_or_empty(header["models"]), len(_texts_or_empty(header.get("predictions", [])))
        is_named = len(models) == n_models and len(set(models)) == n_models
        expected["models"] = models if is_named else [f"model {number}" for number in range(1, n_models + 1)]
    if "strata" in header:
        expected["for"] = purpose if purpose in _PURPOSES else _PURPOSES[0]
        header = {"planned": None, "question_rule": None, **header}
        strata = header["strata"]
        are_strata = isinstance(strata, list) and strata and all(map(_is_stratum, strata))
        expected |= {
            "planned": n_images,
            "question_rule": _check_rule(header["question_rule"]),
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


def _check_models(lines: Sequence[TaskLine], n_models: int) -> None:
    """Raise if a model is not in the first line, or a model or an original label has two classes of an image."""
    allowed = [*(f"model {number}" for number in range(n_models)), "original"]
    seen: set[tuple[str, str]] = set()
    for line in lines:
        models = [f"model {model}" for fact in line.facts for model in fact.models]
        for source in [*models, *["original" for fact in line.facts if fact.is_original]]:
            is_repeated = (line.image, source) in seen
            if is_repeated or source not in allowed:
                raise DataError(
                    "wrong-sample",
                    "models or original labels of the classes do not fit the first line",
                    where=line.where,
                    allowed=f"once per image: {', '.join(allowed)}",
                    found=f"{source} twice for image {line.image}" if is_repeated else source,
                    fix="use the file as `reassess sample` wrote it",
                )
            seen.add((line.image, source))


def _make_design(drawn_lines: Sequence[TaskLine], header: Mapping[str, Any]) -> SampleDesign:
    """Make the design of a sample from a checked header, and the batches of the drawn images."""
    for line in drawn_lines:
        if line.batch is None:
            raise DataError(
                "wrong-sample",
                "image has no batch",
                where=line.where,
                allowed='"batch": 0, or a later batch',
                fix="use the file as `reassess sample` wrote it",
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


def _check_rule(rule: Any) -> list[str]:
    """Return a question rule if it is valid, otherwise the usual one."""
    names = _texts_or_empty(rule)
    is_valid = "top-1" in names and len(set(names)) == len(names) and set(names) <= set(_QUESTION_RULES)
    return names if is_valid else list(_QUESTION_RULES[:2])


def _texts_or_empty(value: Any) -> list[str]:
    """Return the value if it is a list of texts, otherwise an empty list."""
    return value if isinstance(value, list) and all(isinstance(text, str) for text in value) else []
