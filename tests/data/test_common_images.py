"""Files that are used together must share an image; the error names both files, and a match that would join them."""

from pathlib import Path

import numpy as np
import pytest

from reassess.core import Benchmark, DataWithClasses, LabelSets, Questions, Scores
from reassess.data import check_common_images, warn_about_unknown_images
from tests.helpers import Refused, message, votes_of, warned

PART_PAIRS = (
    ("labels", "original"),
    ("labels", "labels 2"),
    ("labels", "scores"),
    ("labels", "votes"),
    ("labels", "golden"),
    ("scores", "original"),
    ("scores 1", "golden"),
    ("votes", "golden"),
    ("golden", "rater-golden"),
)


def noun(part: str, *images: str) -> DataWithClasses:
    """Make a small noun for a part."""
    questions = Questions.from_columns(images, np.zeros(len(images), int))
    kind = part.split()[0]
    if kind in ("labels", "original"):
        return LabelSets.from_lists(images, [[0]] * len(images))
    if kind == "scores":
        return Scores(questions, np.full(len(images), 0.5))
    return votes_of([(row, 0, 1) for row in range(len(images))], questions, ("x",), ("no", "yes"))


def check(parts: dict[str, DataWithClasses], benchmark: Benchmark | None = None) -> None:
    files = {part: f"{part.replace(' ', '')}.csv" for part in parts}
    check_common_images(parts, files, benchmark or Benchmark(), all_files_share_images="labels 2" in parts)


@pytest.mark.parametrize(("first", "second"), PART_PAIRS)
def test_two_files_without_a_common_image_raise(refused_text: Refused, first: str, second: str) -> None:
    parts = {first: noun(first, "a/1.png", "a/2.png", "a/3.png"), second: noun(second, "1.png", "2.png")}
    places = [f"{part.replace(' ', '')}.csv ({part.split()[0]})" for part in (first, second)]
    assert refused_text(check, parts) == (
        "two files have no image in common\n"
        f"  where:   {' and '.join(places)}\n"
        "  found:   a/1.png, a/2.png and 1 more; and 1.png, 2.png\n"
        '  fix:     the names match by name; use match="name"'
    )
    check(parts | {second: noun(second, "1.png", "a/3.png")})


def test_fix_for_a_benchmark_folder_names_its_settings_file(tmp_path: Path) -> None:
    parts = {"labels": noun("labels", "1.png"), "scores": noun("scores", "1.jpg")}
    assert 'match="stem", or "match": "stem" in benchmark.json' in message(check, parts, Benchmark(folder=tmp_path))


def test_names_without_a_match_are_shown() -> None:
    parts = {"labels": noun("labels", "1.png"), "scores": noun("scores", "2.png")}
    assert message(check, parts).endswith(
        "  found:   1.png; and 2.png\n  fix:     use files about the same images, or use only one of them"
    )  # fmt: skip


def test_golden_images_can_differ_from_voted_images_with_rater_golden_votes() -> None:
    parts = {"votes": noun("votes", "1.png"), "golden": noun("golden", "g.png")}
    assert "votes.csv (votes) and golden.csv (golden)" in message(check, parts)
    check(parts | {"rater-golden": noun("rater-golden", "g.png")})
    assert "golden.csv (golden) and rater-golden.csv (rater-golden)" in message(
        check, parts | {"golden": noun("golden", "1.png"), "rater-golden": noun("rater-golden", "h.png")}
    )


def test_label_sets_can_overlap_in_a_chain() -> None:
    """Each label set shares an image with another one, and other files share an image with any label set."""
    parts = {
        "labels": noun("labels", "1.png", "2.png"),
        "labels 2": noun("labels", "2.png", "3.png"),
        "labels 3": noun("labels", "3.png", "4.png"),
        "scores": noun("scores", "4.png"),
    }
    check(parts)
    assert "labels.csv (labels) and labels3.csv (labels)" in message(
        check, parts | {"labels 3": noun("labels", "4.png")}
    )
    check_common_images(parts | {"labels 3": noun("labels", "4.png")}, {}, Benchmark())


def test_plain_items_are_compared_only_with_plain_items(refused_text: Refused) -> None:
    votes = votes_of([(0, 0, 1)], range(1000), ("x",), ("no", "yes"))
    golden = votes_of([(0, 0, 1)], (1000, 2000), ("x",), ("no", "yes"))
    assert refused_text(check, {"votes": votes, "golden": golden}) == (
        "two files have no item in common\n  where:   votes.csv (votes) and golden.csv (golden)\n"
        "  found:   0, 1 and 998 more; and 1000, 2000\n"
        "  fix:     use files about the same items, or add the raters' votes on golden questions to the benchmark, "
        "as rater-golden"
    )
    check({"votes": votes, "golden": votes_of([(0, 0, 1)], (1000, 7), ("x",), ("no", "yes"))})
    check({"votes": votes, "golden": noun("golden", "1.png")})


def test_empty_file_does_not_raise() -> None:
    check(
        {"labels": LabelSets.from_lists([], []), "scores": noun("scores", "1.png"), "golden": noun("golden", "1.png")}
    )


def test_images_missing_from_the_folder_are_counted_and_named(tmp_path: Path) -> None:
    names = tuple(f"{number}.png" for number in range(5))
    benchmark = Benchmark(name="pets", folder=tmp_path, load_images=lambda: names)
    parts = {"votes": noun("votes", "0.png", "a.png", "b.png", "c.png", "d.png"), "labels": noun("labels", *names)}
    with warned("pets/votes.csv: 4 of 5 images not in the image folder of pets: a.png, b.png, c.png and 1 more"):
        warn_about_unknown_images(parts, {"votes": "pets/votes.csv", "labels": "pets/labels.csv"}, benchmark)
    warn_about_unknown_images(parts, {}, Benchmark(folder=tmp_path))  # the folder has no images
    warn_about_unknown_images(parts, {}, Benchmark(load_images=lambda: names))
