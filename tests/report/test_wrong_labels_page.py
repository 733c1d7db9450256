"""The page of labels that are probably wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reassess.core import Classes, Cleaning
from reassess.report import GalleryCounts, write_wrong_label_page
from tests.helpers import code_of

pytestmark = pytest.mark.usefixtures("report_extra")
CLASSES = Classes(3, names=("cat", "dog", "<eel>"))


def cleaning(kept: list[bool], label_quality: list[float], suggested: list[int]) -> Cleaning:
    images = tuple(f"{letter}.png" for letter in "abcd"[: len(kept)])
    columns = np.zeros(len(kept), np.int32), np.array(kept), np.array(label_quality), np.array(suggested, np.int32)
    return Cleaning(images, *columns, ("1 of 3 held-out predictions are the label",) * len(kept), CLASSES)


def is_in_order(html: str, *texts: str) -> bool:
    positions = [html.index(text) for text in texts]
    return positions == sorted(positions)


@pytest.fixture
def write_html(tmp_path: Path) -> Callable[..., str]:
    def write(cleaning: Cleaning, **options: object) -> str:
        path = tmp_path / "page.html"
        write_wrong_label_page(path, cleaning, tmp_path, **options)
        return path.read_text(encoding="utf-8")

    return write


def test_least_likely_labels_come_first_and_kept_labels_are_missing(write_html: Callable[..., str]) -> None:
    html = write_html(cleaning([False, True, False, False], [0.3, 0.9, 0.00001, 0.1], [1, 0, 2, 1]))
    assert is_in_order(html, "c.png", "less than 0.01 %", "d.png", "10.00 %", "a.png", "30.00 %")
    assert "b.png" not in html
    assert "3 of 3 wrong labels, the least likely first." in html
    assert "<dd>&lt;eel&gt;</dd>" in html


def test_checked_and_uncertain_labels_have_their_own_texts(write_html: Callable[..., str]) -> None:
    html = write_html(cleaning([False] * 3, [0.0, 0.3, 0.9], [1, 1, 0]))
    assert is_in_order(html, "a.png", "no, by people who checked it", "b.png", "c.png")
    assert html.count("not certain enough") == 1


def test_number_of_labels_is_limited(write_html: Callable[..., str]) -> None:
    html = write_html(cleaning([False] * 3, [0.3, 0.2, 0.1], [1, 1, 1]), max_images=1)
    assert "1 of 3 wrong labels" in html
    assert ("c.png" in html, "a.png" in html) == (True, False)


def test_without_probabilities_the_reason_is_shown(write_html: Callable[..., str]) -> None:
    html = write_html(cleaning([False, False], [np.nan, np.nan], [1, -1]))
    assert is_in_order(html, "a.png", "1 of 3 held-out predictions are the label", "b.png")
    assert "The label is right" not in html
    assert "probability" not in html
    assert "2 of 2 wrong labels." in html
    assert "This may be far off if the model is poor or has learned the mistakes." in html


def test_page_contains_images_and_counts_missing_ones(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    counts = write_wrong_label_page(tmp_path / "page.html", cleaning([False] * 2, [0.1, 0.2], [1, 1]), tmp_path)
    assert counts == GalleryCounts(n_images=2, n_thumbnails=1, n_missing=1, n_unreadable=0)
    html = (tmp_path / "page.html").read_text()
    assert html.count("<img src=") == 1
    assert "Images not shown: 1 missing from the image folder." in html


def test_page_without_wrong_labels_raises(tmp_path: Path) -> None:
    correct = cleaning([True], [0.9], [0])
    assert code_of(write_wrong_label_page, tmp_path / "page.html", correct, tmp_path) == "nothing-to-show"
    assert not (tmp_path / "page.html").exists()
