"""Small files from which every command can make something."""

from collections.abc import Iterable, Mapping

__all__ = ["INPUTS"]

_IMAGES = [f"{letter}.png" for letter in "abcdef"]
_NUMBERED = [f"{i}.png" for i in range(120)]
_CLASSES = ("cat", "dog", "cup")
_ASKED = [(image, (i + k) % 3, k == 0) for i, image in enumerate(_IMAGES) for k in range(2)]  # image, class, valid


def _table(heading: str, rows: Iterable[Iterable[object]]) -> str:
    return "".join(f"{','.join(map(str, row))}\n" for row in ([heading], *rows))


def _votes(raters: str, wrong: int) -> str:
    """The vote of each rater on each question, of which every `wrong`-th is wrong."""
    asked = [(*question, rater) for question in _ASKED for rater in raters]
    rows = [
        (image, _CLASSES[k], rater, "yes" if valid == (n % wrong > 0) else "no")
        for n, (image, k, valid, rater) in enumerate(asked)
    ]
    return _table("image,class,rater,answer", rows)


def _classes(heading: str, shift: int) -> str:
    """A class of each image, counted on from the original one."""
    return _table(f"image,{heading}", ((image, _CLASSES[(i + shift) % 3]) for i, image in enumerate(_IMAGES)))


# A picture of two pixels.
_PICTURE = (
    b"BM"
    + (54 + 8).to_bytes(4, "little")
    + bytes(4)
    + (54).to_bytes(4, "little")
    + (40).to_bytes(4, "little")
    + (2).to_bytes(4, "little")
    + (1).to_bytes(4, "little")
    + b"\1\0\x18\0"
    + bytes(24)
    + bytes(range(6))
    + bytes(2)
)

INPUTS: Mapping[str, str | bytes] = {
    "one.csv": _classes("prediction", 0),
    "two.csv": _classes("prediction", 2),
    "held-out.csv": _table(  # all but the last are the label
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
        "image,class,score", ((image, _CLASSES[k], 0.9 if valid else 0.2) for image, k, valid in _ASKED)
    ),
    "b/votes.csv": _votes("ABC", 5),
    "b/golden.csv": _votes("XY", 50),
    "b/rater-golden.csv": _votes("ABC", 7),
    "train/a.bmp": _PICTURE,
    "val/b.bmp": _PICTURE,
    "b/benchmark.json": '{"name": "pets", "threshold": 0.5}\n',
}
