"""Small input files for every command."""

import struct
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from reassess.core import Classes, Questions, Tasks

_IMAGES = [f"{letter}.png" for letter in "abcdef"]
_NUMBERED = [f"{i}.png" for i in range(120)]
_CLASSES = ("cat", "dog", "cup")
# Image, class, is valid.
_QUESTIONS = [(image, (i + k) % 3, k == 0) for i, image in enumerate(_IMAGES) for k in range(2)]


def _table(heading: str, rows: Iterable[Iterable[object]]) -> str:
    return "".join(f"{','.join(map(str, row))}\n" for row in ([heading], *rows))


def _votes(raters: str, wrong: int) -> str:
    """Return a vote of each rater on each question; every `wrong`-th vote is wrong."""
    votes = [(*question, rater) for question in _QUESTIONS for rater in raters]
    rows = [
        (image, _CLASSES[k], rater, "yes" if valid == (n % wrong > 0) else "no")
        for n, (image, k, valid, rater) in enumerate(votes)
    ]
    return _table("image,class,rater,answer", rows)


def _classes(heading: str, shift: int) -> str:
    """Return a class per image: the original class plus `shift`."""
    return _table(f"image,{heading}", ((image, _CLASSES[(i + shift) % 3]) for i, image in enumerate(_IMAGES)))


# A BMP image of two pixels.
_IMAGE = b"BM" + struct.pack("<IIIIIIHH24x8B", 62, 0, 54, 40, 2, 1, 1, 24, *range(6), 0, 0)


def _campaign() -> bytes:
    """Return a campaign with one vote; empty if its packages are not installed."""
    if find_spec("sqlalchemy") is None:
        return b""
    from reassess.annotation import (
        CampaignPlan,
        GivenAnswer,
        add_person,
        begin_next_turn,
        create_campaign,
        save_answers,
        use_campaign,
    )

    questions = Questions.from_columns(["a.png", "b.png"], np.array([0, 1]), Classes(2, names=("cat", "dog")))
    with TemporaryDirectory() as folder:
        path = Path(folder, "c.db")
        create_campaign(path, CampaignPlan(Tasks(questions, np.arange(3), np.arange(2), ["all of the image"] * 2)))
        with use_campaign(path) as campaign:
            rater = add_person(campaign, "bob")
            turn = begin_next_turn(campaign, rater, 1e9)
            save_answers(campaign, rater, [GivenAnswer(turn.questions[0].question_id, 2, 1.5)], 1e9)
        return path.read_bytes()


INPUTS: Mapping[str, str | bytes] = {
    "one.csv": _classes("prediction", 0),
    "two.csv": _classes("prediction", 2),
    "held-out.csv": _table(  # only the last image is not predicted as its label
        "image,cat,dog,cup",
        ((image, *(0.9 if k == i % 3 * (i < 5) else 0.05 for k in range(3))) for i, image in enumerate(_IMAGES)),
    ),
    "shifted.csv": _table("image,prediction", ((image, (i + 1) % 12) for i, image in enumerate(_NUMBERED))),
    "numbered.csv": _table("image,class", ((image, i % 12) for i, image in enumerate(_NUMBERED))),
    "board.csv": _table("model,original,real", ((f"m{n}", 70.5 + n, 80.25 + n) for n in range(6))),
    "items.csv": _table(
        "item,rater,answer", (("x", "a", "no"), ("x", "b", "yes"), ("y", "a", "yes"), ("y", "b", "yes"))
    ),
    "b/classes.csv": _table("name", zip(_CLASSES, strict=True)),
    "b/original.csv": _classes("class", 0),
    "b/labels.csv": _classes("class", 0),
    "b/scores.csv": _table(
        "image,class,score", ((image, _CLASSES[k], 0.9 if valid else 0.2) for image, k, valid in _QUESTIONS)
    ),
    "b/votes.csv": _votes("ABC", 5),
    "b/golden.csv": _votes("XY", 50),
    "b/rater-golden.csv": _votes("ABC", 7),
    "ask.jsonl": '{"task": 0, "image": "a.png", "classes": [{"class": "cup"}]}\n',
    "c.db": _campaign(),
    "rated/notes.txt": "an export keeps other files of its folder\n",
    "train/a.bmp": _IMAGE,
    "val/b.bmp": _IMAGE,
    "b/benchmark.json": '{"name": "pets", "threshold": 0.5}\n',
}
