"""The figure of the mistakes of labels: its words, and the same bytes for the same input."""

from pathlib import Path

import numpy as np
import pytest

from reassess.core import Classes, LabelNoise
from reassess.report import draw_noise
from tests.helpers import message

pytestmark = pytest.mark.usefixtures("report_extra")


def test_the_figure_names_the_mistakes_the_most_frequent_first(tmp_path: Path) -> None:
    counts = np.array([[80.0, 15.0, 5.0], [0.0, 60.0, 0.0], [25.0, 1.0, 14.0]])
    noise = LabelNoise(0.23, counts, 1.0, Classes(3, names=("ant", "b$e$e", "cat")))
    draw_noise(tmp_path / "a.svg", noise)
    text = (tmp_path / "a.svg").read_text()
    words = [
        "cat, called ant: 25 (62.50 % of the class)",
        "ant, called b$e$e: 15 (15.00 % of the class)",
        "ant, called cat: 5 (5.00 % of the class)",
        "cat, called b$e$e: 1 (2.50 % of the class)",
    ]
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    assert "23.00 % of all labels are wrong, by the estimate" in text
    draw_noise(tmp_path / "b.svg", noise)
    assert (tmp_path / "b.svg").read_bytes() == (tmp_path / "a.svg").read_bytes()


def test_only_the_twenty_most_frequent_are_drawn(tmp_path: Path) -> None:
    counts = np.arange(1.0, 37.0).reshape(6, 6)
    draw_noise(tmp_path / "a.svg", LabelNoise(0.5, counts, 1.0, Classes(6)))
    description = (tmp_path / "a.svg").read_text().partition("</metadata>")[0]
    assert description.count("% of the class)") == 20


def test_without_a_mistake_there_is_nothing_to_draw(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    assert message(draw_noise, path, LabelNoise(0.0, np.eye(2), 1.0, Classes(2))) == (
        f"there is no mistake to draw\n  where:   {path}\n  found:   no label is wrong, by the estimate"
    )
    assert not path.exists()
