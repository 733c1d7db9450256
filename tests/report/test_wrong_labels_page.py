from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reassess.core import Classes, Cleaning
from reassess.report import ShownMistakes, write_wrong_labels
from tests.helpers import code_of

pytestmark = pytest.mark.usefixtures("report_extra")
CLASSES = Classes(3, names=("cat", "dog", "<eel>"))


def cleaning(kept: list[bool], label_quality: list[float], suggested: list[int]) -> Cleaning:
    images = tuple(f"{letter}.png" for letter in "abcd"[: len(kept)])
    columns = np.zeros(len(kept), np.int32), np.array(kept), np.array(label_quality), np.array(suggested, np.int32)
    return Cleaning(images, *columns, ("1 of 3 held-out predictions are the label",) * len(kept), CLASSES)


def in_order(html: str, *texts: str) -> bool:
    places = [html.index(text) for text in texts]
    return places == sorted(places)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    def write(found: Cleaning, **options: object) -> str:
        path = tmp_path / "page.html"
        write_wrong_labels(path, found, tmp_path, **options)
        return path.read_text(encoding="utf-8")

    return write


def test_the_least_likely_labels_come_first_and_kept_ones_not_at_all(written: Callable[..., str]) -> None:
    html = written(cleaning([False, True, False, False], [0.3, 0.9, 0.00001, 0.1], [1, 0, 2, 1]))
    assert in_order(html, "c.png", "less than 0.01 %", "d.png", "10.00 %", "a.png", "30.00 %")
    assert "b.png" not in html
    assert "3 of 3 wrong labels, the least likely first." in html
    assert "<dd>&lt;eel&gt;</dd>" in html


def test_what_people_found_and_what_is_only_uncertain_are_told_apart(written: Callable[..., str]) -> None:
    html = written(cleaning([False] * 3, [0.0, 0.3, 0.9], [1, 1, 0]))
    assert in_order(html, "a.png", "no, by people who checked it", "b.png", "c.png")
    assert html.count("not certain enough") == 1


def test_no_more_are_shown_than_asked_for(written: Callable[..., str]) -> None:
    html = written(cleaning([False] * 3, [0.3, 0.2, 0.1], [1, 1, 1]), most=1)
    assert "1 of 3 wrong labels" in html
    assert ("c.png" in html, "a.png" in html) == (True, False)


def test_without_probabilities_the_reason_is_shown(written: Callable[..., str]) -> None:
    html = written(cleaning([False, False], [np.nan, np.nan], [1, -1]))
    assert in_order(html, "a.png", "1 of 3 held-out predictions are the label", "b.png")
    assert "The label is right" not in html
    assert "probability" not in html
    assert "2 of 2 wrong labels." in html
    assert "This may be far off if the model is poor or has learned the mistakes." in html


def test_a_picture_stands_on_the_page_and_what_is_missing_is_counted(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    shown = write_wrong_labels(tmp_path / "page.html", cleaning([False] * 2, [0.1, 0.2], [1, 1]), tmp_path)
    assert shown == ShownMistakes(images=2, pictures=1, missing=1, unreadable=0)
    html = (tmp_path / "page.html").read_text()
    assert html.count("<img src=") == 1
    assert "1 of these images are not in the image folder" in html


def test_a_page_without_images_is_refused(tmp_path: Path) -> None:
    nothing = cleaning([True], [0.9], [0])
    assert code_of(write_wrong_labels, tmp_path / "page.html", nothing, tmp_path) == "nothing-to-show"
    assert not (tmp_path / "page.html").exists()
