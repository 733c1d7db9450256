"""Small valid contents of each kind of file, the starting points of cases."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.fuzz.tables import Table
from tests.helpers import picture

CLASSES = ("cat", "dog", "cup")
IMAGES = tuple(f"{letter}.png" for letter in "abcdef")
_TRUTHS = (0, 1, 2, 0, 1, 2)
_SCORES = np.linspace(0, 1, 18).reshape(6, 3)


def _table(headings: str, *rows: object) -> Table:
    return Table(headings.split(), [list(row) for row in rows])


def _votes(raters: str, wrong: int) -> list[list[object]]:
    """Return votes of each rater on two classes per image; every `wrong`-th vote is wrong."""
    questions = [(image, k) for image, truth in zip(IMAGES, _TRUTHS, strict=True) for k in (truth, (truth + 1) % 3)]
    return [
        [image, CLASSES[k], rater, "yes" if (k == _TRUTHS[IMAGES.index(image)]) == (n % wrong > 0) else "no"]
        for n, ((image, k), rater) in enumerate((q, rater) for q in questions for rater in raters)
    ]


_NAMED = list(zip(IMAGES, [CLASSES[k] for k in _TRUTHS], strict=True))
_PAIRS = [[image, CLASSES[k]] for image in IMAGES for k in range(3)]

# The tables of each data type.
TABLES: Mapping[str, tuple[Table, ...]] = {
    "labels": (
        _table("image class", *_NAMED, ["g.png", None]),
        _table("image class", *zip(IMAGES, _TRUTHS, strict=True)),
    ),
    "original": (_table("image class", *_NAMED), _table("image class", *zip(IMAGES, _TRUTHS, strict=True))),
    "multi_labels": (
        _table(
            "image class answer", ["a.png", "cat", "valid"], ["a.png", "dog", "wrong"], ["b.png", None, "problematic"]
        ),
        _table(
            "id valid unclear wrong is_problematic", ["a.png", "0, 1,", "2", None, "False"], ["b.png", "", "", "1", 1]
        ),
        _table("image proposed_labels wrong_multi_labels", ["a.png", "cat, dog", "cup"], ["b.png", "cup", None]),
        Table(["Image Number", "Correct ID"], [[1, 1], [2, -1], [3, 0]]),
    ),
    "scores": (
        _table("image class score", *([*pair, n / 18] for n, pair in enumerate(_PAIRS))),
        _table("image class probability golden", ["a.png", 0, 0.75, 1], ["a.png", 1, 0.25, 1], ["b.png", 1, 1.0, 0]),
    ),
    "votes": (
        _table("image class rater answer", *_votes("ABC", 5)),
        _table("item rater answer seconds", ["x", "ann", "no", 1.5], ["x", "bo", "yes", None], ["y", "ann", "yes", 2]),
        _table("task worker label", [1, 7, 0], [1, 8, 1], [2, 7, 1], [3, None, None]),
        _table("image rater answer", ["a.png", "ann", "cat"], ["a.png", "bo", "dog"], ["b.png", "bo", "cup"]),
        _table("image class count", ["a.png", "cat", 3], ["a.png", "dog", 0], ["b.png", "cup", 2]),
        _table("image class cat dog cup", ["a.png", "cat", 3, 1, 0], ["b.png", "dog", 0, 5, 0]),
    ),
    "golden": (_table("image class rater answer", *_votes("XY", 50)),),
    "predictions": (
        _table("image prediction", *_NAMED),
        _table(
            "image prediction_1 prediction_2 score_1 score_2", ["a.png", 0, 1, 0.5, 0.25], ["b.png", 1, 2, 0.5, 0.5]
        ),
        _table("filename cat dog cup", *([image, *row] for image, row in zip(IMAGES, _SCORES.tolist(), strict=True))),
        _table("index label prob", ["a.png", "[0 1]", "[0.75 0.25]"], ["b.png", "[2 1]", "[0.5 0.5]"]),
        _table("image text", ["a.png", "A cat, or a dog."], ["b.png", "no idea"], ["c.png", None]),
        _table("0 1 2", *_SCORES.tolist()),
    ),
    "classes": (
        _table("id name wnid synonyms", [1, "dog", "n00000002", "hound;pup"], [0, "cat", "n00000001", None]),
        _table("name", *([name] for name in CLASSES)),
    ),
    "collapsed": (_table("class also", ["cat", "dog"], ["cup", "cat"]),),
    "groups": (_table("class group", ["cat", "animal"], ["dog", "animal"], ["cup", "thing"]),),
    "hierarchy": (_table("child parent", ["cat", "animal"], ["dog", "animal"], ["animal", "thing"], ["cup", "thing"]),),
    "judged": (
        _table("image class category severity", ["a.png", "cat", "x", "Minor"], ["b.png", "dog", "y", "Major"]),
    ),
    "candidates": (
        _table(
            "image class source rank probability",
            *([image, CLASSES[k], "original", None, None] for image, k in zip(IMAGES, _TRUTHS, strict=True)),
            *([image, CLASSES[k], "vit", k + 1, 0.25 * k] for image in IMAGES for k in range(3)),
        ),
        _table(
            "image class reason", ["a.png", 0, "not asked about"], ["a.png", 2, "not asked about"], ["b.png", 1, ""]
        ),
        _table("source class image", ["vit", 1, "a.png"], ["bit", 1, "a.png"]),
    ),
    "folds": (_table("image fold", *([image, number % 2] for number, image in enumerate(IMAGES))),),
    "duplicates": (
        _table(
            "set image group kind",
            ["train", "a.png", 1, "exact"],
            ["b", "b.png", 1, "exact"],
            ["b", "c.png", 2, "near"],
            ["train", "d.png", 2, "near"],
            ["b", "e.png", None, "tiny"],
        ),
    ),
    "leaderboard": (
        _table("model original real param_count", *([f"m{n}", 70.5 + n, 80.25 + n, n] for n in range(6))),
        _table("model img_size top1", ["a", 224, 76.5], ["b", 288, 79.5]),
        _table("model img_size top1 top1_diff", ["a", 224, 82.5, 6.0], ["b", 288, 84.5, 5.0]),
    ),
}
_RESULT = {"real": {"1": {"hits": 8, "n": 10}}, "original": {"1": {"hits": 7, "n": 10}}}
_CHOICE = {"from_name": "pet", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
_ANNOTATION = {"completed_by": 1, "result": [_CHOICE], "lead_time": 2.5, "ground_truth": False}
_QUESTIONS = {"image": "/data/local-files/?d=a.png", "image_name": "a.png", "questions": [{"class": 0}, {"class": 2}]}
_ANSWERS = [{**_CHOICE, "from_name": f"answer_{n}", "value": {"choices": [a]}} for n, a in enumerate(("no", "yes"))]
DOCUMENTS: Mapping[str, tuple[Any, ...]] = {
    "labels": (
        {"a.png": ["cat"], "b.png": ["dog", "cup"], "c.png": []},
        {"a.png": [0], "b.png": [1, 2], "c.png": []},
        {"classes": ["cat", "dog", "cup"], "labels": {"a": [0, 2], "b": {"label": 1}, "c": []}},
    ),
    "votes": (
        [{"id": 3, "data": {"image": "/data/upload/3/0a1b2c3d-a.png"}, "annotations": [_ANNOTATION], "drafts": []}],
        [{"id": 4, "data": _QUESTIONS, "annotations": [{"completed_by": {"id": 2}, "result": _ANSWERS}]}],
        [{"id": 5, "image": "s3://pets/a.png", "pet": "cat", "annotator": 1, "annotation_id": 7, "lead_time": 2}],
    ),
    "original": ({"a.png": "cat", "b.png": "dog"}, {"a.png": 0, "b.png": 1}),
    "multi_labels": ({"a.png": {"valid": [0, 1], "wrong": [2]}, "b.png": {"problematic": True, "unclear": [1]}},),
    "groups": (
        {"cat": "animal", "dog": "animal", "cup": "thing"},
        [
            {"category": [2, 6], "classes": {"0": "cat, house cat", "1": "dog"}},
            {"category": [1], "classes": {"2": "cup"}},
        ],
    ),
    "judged": ({"a.png": {"top_prediction": 1, "failure category": "x", "failure severity": "Minor"}},),
    "leaderboard": (
        {
            "schema": "reassess/evaluate",
            "version": 1,
            "results": [{"file": "a.csv", **_RESULT}, {"file": "b.csv", **_RESULT, "label_set": "ReaL"}],
        },
    ),
    "predictions": (
        {"a.png": {"label": [0, 1], "prob": [0.75, 0.25]}, "b.png": {"label": [2, 1], "prob": [0.5, 0.5]}},
        {"columns": ["filename", "label"], "data": [["a.png", 0], ["b.png", 1]]},
        {"filename": "a.png", "label": 0, "prob": 0.5},
        {"classes": ["cat", "dog", "cup"], "labels": {"a": {"label": 0, "confidence": 0.5}, "b": [2, 1]}},
        {"samples": [{"filepath": "a.png", "model": {"_cls": "Classification", "label": "cat", "confidence": 0.5}}]},
    ),
    "transform": (
        {"size": 256, "crop": 224, "mean": [0.5, 0.5, 0.5], "deviation": [0.25, 0.25, 0.25]},
        {"size": [8, 9], "crop": [8, 7], "mean": [0, 0, 0], "deviation": [1, 1, 1], "interpolation": "bicubic"},
    ),
    "settings": ({"name": "pets", "threshold": 0.5, "method": "em", "match": "path", "answers": ["no", "yes"]},),
}
# Documents of files with one document per line.
LINES: Mapping[str, tuple[Any, ...]] = {
    "tasks": (
        {
            "task": 0,
            "image": "a.png",
            "classes": [{"class": 0, "name": "cat"}, {"class": 2}],
            "reason": "each pair on 2 images or more",
        },
        {"task": 1, "image": "b.png", "classes": [{"class": "dog", "name": "dog"}], "reason": "all of the image"},
    )
}
TEXTS: Mapping[str, tuple[str, ...]] = {
    "classes": ("cat\ndog\ncup\n", "n00000001\nn00000002\nn00000003\n"),
    "original": ("0\n1\n2\n", "cat\ndog\n"),
}
_INFO = np.array(_PAIRS[:4])
_TENSOR = np.array([[[1, 0, 0]] * 4, [[0, 0, 1]] * 4, [[0, 0, 0]] * 4], np.int64)
ARRAYS: Mapping[str, tuple[Mapping[str, npt.NDArray[Any]], ...]] = {
    "predictions": (
        {"scores": _SCORES.astype(np.float32), "names": np.array(IMAGES)},
        {"ids": np.array(_TRUTHS)},
        {"ids": np.array([[0, 1], [2, 1]]), "paths": np.array([b"a.png", b"b.png"])},
    ),
    "scores": (
        {"tensor": np.array([0.1, 0.9, 0.5, 0.25]), "info": _INFO},
        {
            "probability": np.array([0.75, 0.25]),
            "info": np.array([["a", "0"], ["a", "12"]]),
            "golden": np.array([1, 1]),
        },
    ),
    "votes": (
        {"tensor": _TENSOR, "info": _INFO, "ids": np.arange(3)},
        {"tensor": _TENSOR[..., :2], "info": _INFO, "ids": np.array(["x", "y", "z"]), "answers": np.array(["n", "y"])},
    ),
}


def archives() -> dict[str, bytes]:
    """Return a zip and a tar archive of images in class folders."""
    images = {f"{folder}/{image}": picture(n) for n, (image, folder) in enumerate(_NAMED)}
    zip_bytes, tar_bytes = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zip_bytes, "w") as zip_file, tarfile.open(fileobj=tar_bytes, mode="w") as tar_file:
        for name, content in images.items():
            zip_file.writestr(zipfile.ZipInfo(name), content)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar_file.addfile(info, io.BytesIO(content))
    return {"images.zip": zip_bytes.getvalue(), "images.tar": tar_bytes.getvalue()}
