"""Descriptions of the changes between two runs."""

from typing import Any

import pytest

from reassess.data.run_records import describe_changes, describe_image_changes

HASH, OTHER = "0123456789abcdef" * 4, "f" * 64
TRANSFORM = {"size": 256, "crop": [224, 224]}


def models(names: str) -> dict[str, Any]:
    return {"models": {name: {} for name in names}}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"batch": 64}, {"batch": 64}, []),
        ({"a": {"weights": HASH}}, {"a": {"weights": OTHER}}, ["a, weights changed"]),
        ({"a": {"weights": HASH[:-1]}}, {"a": {"weights": "0f"}}, [f"a, weights: {HASH[:-1]} before, 0f now"]),
        ({"a": {"weights": HASH}}, {"a": {}}, ["a, weights: 0123456789ab before, none now"]),
        ({"a": {"transform": None}}, {"a": {"transform": TRANSFORM}}, ["a: without transform before, with one now"]),
        ({"a": {"transform": TRANSFORM}}, {"a": {"transform": None}}, ["a: with transform before, without one now"]),
        (models("ab"), models("bac"), ["models new: c"]),
        (models("abcd"), models("ad"), ["models missing: b, c"]),
        (models("ab"), models("ac"), ["models: b before, c now"]),
        ({"models": {}}, {"sets": {}}, ["models before, sets now"]),
        ({}, models("a"), ["new: models"]),
        ({"transform": None}, {"transform": TRANSFORM}, ["without transform before, with one now"]),
        (
            {"a": {"transform": TRANSFORM}},
            {"a": {"transform": TRANSFORM | {"crop": [192, 192]}}},
            ["a, transform, crop: [224, 224] before, [192, 192] now"],
        ),
    ],
)
def test_changes_are_described(before: dict[str, Any], now: dict[str, Any], expected: list[str]) -> None:
    assert list(describe_changes(before, now)) == expected


def test_changed_images_are_counted_and_named() -> None:
    before = {f"{n}.png": n for n in range(5)}
    bigger = {name: size + 1 for name, size in before.items()}
    assert list(describe_image_changes(before, bigger)) == ["5 images changed: 0.png, 1.png, 2.png and 2 more"]
    assert list(describe_image_changes(before, bigger, compares_sizes=False)) == []
    assert list(describe_image_changes(before, dict(reversed(before.items())))) == ["images are in another order"]
    assert list(describe_image_changes(before, before)) == []
    assert list(describe_image_changes({"a": 7, "b": 8}, {"a": 6, "c": 8})) == [
        "1 image changed: a",
        "1 image new: c",
        "1 image missing: b",
    ]
