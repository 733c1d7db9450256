"""Image classifications of FiftyOne: its dataset format with classes and labels, and its JSON with samples."""

import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from reassess.core.checks import check_unicode, find_first_duplicate
from reassess.errors import DataError, ReassessWarning
from reassess.formats.files import write_to_temporary
from reassess.formats.json_files import wrong_json_error
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    import polars as pl


FIFTYONE_SUFFIX = ".fiftyone.json"
_ALLOWED = "a class, an object with label and confidence, or a list of them"
_DATA_FOLDER = "data"  # of the images, beside the file with labels
_NO_CLASS = "-"


def is_fiftyone_document(document: Any) -> bool:
    """Return whether a JSON document is a file of FiftyOne."""
    return isinstance(document, dict) and (
        (isinstance(document.get("labels"), dict) and "classes" in document)
        or isinstance(document.get("samples"), list)
    )


class _Classification(NamedTuple):
    label: str
    confidence: float | None


def read_fiftyone_table(path: Path, document: Mapping[str, Any]) -> "pl.DataFrame":
    """Return the columns image, prediction_1..k and score_1..k; a dash is missing in a shorter list."""
    import polars as pl

    rows = _read_samples(path, document["samples"]) if "samples" in document else _read_labels(path, document)
    predicted = {name: _sort_by_confidence(values) for name, values in rows.items() if values}
    if not predicted:
        raise DataError("empty-file", "file has no predictions", where=path, fix="export the field with predictions")
    if len(predicted) < len(rows):
        without = count_noun(len(rows) - len(predicted), "image")
        warnings.warn(f"{path}: not used: {without} without a prediction", ReassessWarning, stacklevel=2)
    columns: dict[str, Any] = {"image": list(predicted)}
    width = max(map(len, predicted.values()))
    padded = [[*values, *[_Classification(_NO_CLASS, None)] * (width - len(values))] for values in predicted.values()]
    columns |= {f"prediction_{k + 1}": [values[k].label for values in padded] for k in range(width)}
    scores = {f"score_{k + 1}": [values[k].confidence for values in padded] for k in range(width)}
    return pl.DataFrame(columns | {name: pl.Series(values, dtype=pl.Float64) for name, values in scores.items()})


def read_fiftyone_lists(path: Path, document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the names of images with labels, and the list of labels of each image."""
    if "labels" not in document:
        raise DataError(
            "wrong-json",
            "label sets of FiftyOne are read only from its file labels.json",
            where=path,
            fix="export with the type FiftyOneImageClassificationDataset",
        )
    targets = {name: target for name, target in document["labels"].items() if target is not None}
    rows = _read_labels(path, {**document, "labels": targets})
    return list(rows), [[value.label for value in values] for values in rows.values()]


def _sort_by_confidence(values: list[_Classification]) -> list[_Classification]:
    if any(value.confidence is None for value in values):
        return values
    return sorted(values, key=lambda value: -(value.confidence or 0.0))


def _read_labels(path: Path, document: Mapping[str, Any]) -> dict[str, list[_Classification]]:
    """Read the targets of images, which are named by paths without suffixes."""
    classes = document["classes"]
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise wrong_json_error("a class list", classes, where=path, allowed="classes: a list of texts, or null")
    names = _find_image_names(path)
    check_unicode(document["labels"], value_name="an image name", where=path)
    _refuse_duplicates(path, list(document["labels"]), [names.get(key, key) for key in document["labels"]])
    return {
        names.get(key, key): _read_target(f"{path}, image {key}", target, classes)
        for key, target in document["labels"].items()
    }


def _refuse_duplicates(path: Path, stored_names: Sequence[str], images: Sequence[str]) -> None:
    """Raise if two names in a file are the same image."""
    if repeat := find_first_duplicate(images):
        raise DataError(
            "duplicate-image",
            "image is listed twice",
            where=path,
            found=" and ".join(stored_names[place] for place in repeat),
            fix="keep one of them",
        )


def _find_image_names(path: Path) -> dict[str, str]:
    """Return the image in the folder of images of each path without suffix, unless several files have this path."""
    folder = path.parent / _DATA_FOLDER
    files = sorted(Path(root, file) for root, _, names in os.walk(folder) for file in names)
    images = [file.relative_to(folder).as_posix() for file in files]
    keys = [_remove_suffix(name) for name in images]
    counts = Counter(keys)
    return {key: name for key, name in zip(keys, images, strict=True) if counts[key] == 1}


def _remove_suffix(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _read_target(where: str, target: Any, classes: Sequence[str] | None) -> list[_Classification]:
    if target is None:
        return []
    return [_read_classification(where, value, classes) for value in (target if isinstance(target, list) else [target])]


def _read_classification(where: str, value: Any, classes: Sequence[str] | None) -> _Classification:
    label, confidence = (value.get("label"), value.get("confidence")) if isinstance(value, dict) else (value, None)
    is_label = isinstance(label, str | int) and not isinstance(label, bool)
    if not is_label or not (confidence is None or _is_finite_number(confidence)):
        raise wrong_json_error("a classification", value, where=where, allowed=_ALLOWED)
    if isinstance(label, int) and classes is not None:
        if not 0 <= label < len(classes):
            raise DataError(
                "out-of-range", "class id out of range", where=where, allowed=f"0 to {len(classes) - 1}", found=label
            )
        label = classes[label]
    check_unicode([str(label)], value_name="a class name", where=where)
    return _Classification(str(label), None if confidence is None else float(confidence))


def _is_finite_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def _read_samples(path: Path, samples: list[Any]) -> dict[str, list[_Classification]]:
    """Read the field with predictions of each sample."""
    if not all(isinstance(sample, dict) and isinstance(sample.get("filepath"), str) for sample in samples):
        raise wrong_json_error("predictions", samples, where=path, allowed="samples: a list of objects with filepath")
    check_unicode([sample["filepath"] for sample in samples], value_name="an image name", where=path)
    field = _find_field(path, samples)
    names = [sample["filepath"].removeprefix(f"{_DATA_FOLDER}/") for sample in samples]
    _refuse_duplicates(path, [sample["filepath"] for sample in samples], names)
    rows = {}
    for name, sample in zip(names, samples, strict=True):
        label = sample.get(field)
        target = label.get("classifications", label) if isinstance(label, dict) else label
        rows[name] = _read_target(f"{path}, sample {name}", target, None)
    return rows


def _find_field(path: Path, samples: Iterable[Mapping[str, Any]]) -> str:
    """Return the only field with classifications, or the only one of them with confidences."""
    has_confidence: dict[str, bool] = {}
    for sample in samples:
        for name, value in sample.items():
            if isinstance(value, dict) and value.get("_cls") in ("Classification", "Classifications"):
                listed = value.get("classifications")
                values = listed if isinstance(listed, list) else [value]
                found = any(isinstance(row, dict) and row.get("confidence") is not None for row in values)
                has_confidence[name] = has_confidence.get(name, False) or found
    fields = [name for name, has in has_confidence.items() if has] or list(has_confidence)
    if len(fields) != 1:
        raise DataError(
            "ambiguous-column" if fields else "missing-column",
            "several fields could be the predictions" if fields else "samples have no classifications",
            where=path,
            allowed="one field with classifications, or one with confidences",
            found=join_first(fields) or "no field of type Classification or Classifications",
            fix="export only the field with predictions",
        )
    return fields[0]


def write_fiftyone_labels(
    path: Path, images: Sequence[str], targets: Sequence[Any], names: Sequence[str], *, force: bool
) -> None:
    """Write targets of images, whose labels are positions in `names`, as a FiftyOneImageClassificationDataset."""
    keys = list(map(_remove_suffix, images))
    if repeat := find_first_duplicate(keys):
        raise DataError(
            "duplicate-image",
            "two images have the same name without suffix, which FiftyOne uses",
            where=path,
            found=" and ".join(images[place] for place in repeat),
            fix="rename one of the images",
        )
    document = {"classes": list(names) or None, "labels": dict(zip(keys, targets, strict=True))}
    with write_to_temporary(path, force=force) as temporary:
        temporary.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
