"""Letters that the usual font lacks: from another font, or one sentence."""

import warnings
from functools import partial
from pathlib import Path

import pytest

from reassess.errors import ReassessWarning
from reassess.report.chart_figures import Stacks, size_of_stacks, stacks_on
from reassess.report.figures import _letters_of, figure_as_svg, save_figure

pytestmark = pytest.mark.usefixtures("report_extra")

CHINESE = "模型一二三四五六七"


def without(letters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if no font had some letters."""
    monkeypatch.setattr("reassess.report.figures._letters_of", lambda path: _letters_of(path) - set(letters))


def save(path: Path, name: str) -> list[str]:
    """A chart of a model, in a file; and the warnings."""
    stacks = Stacks([name, f"{name} again"], {"a": [900, 1000]}, "images")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        save_figure(path, partial(stacks_on, stacks=stacks), title=name, size=size_of_stacks(stacks))
    assert all(one.category is ReassessWarning for one in caught)
    return [str(one.message) for one in caught]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_letters_of_no_font_are_told_in_one_sentence(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(CHINESE, monkeypatch)
    assert save(tmp_path / f"f{suffix}", f"{CHINESE}-net") == [
        "no installed font has 一, 七, 三, 二, 五 and 4 more: the figure shows boxes instead; install a font that has "
        "these letters, such as one of the Noto fonts"
    ]


@pytest.mark.parametrize("name", ["one", "Café 10²", "a\tb", "модель"])
def test_of_letters_that_the_usual_font_has_nothing_is_said(name: str, tmp_path: Path) -> None:
    assert save(tmp_path / "f.png", name) == []


def test_another_font_that_is_installed_lends_its_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STIX, which comes with matplotlib, has letters of mathematics that DejaVu Sans lacks."""
    from matplotlib.font_manager import findfont

    (letter,) = sorted(_letters_of(findfont("STIXGeneral")) - _letters_of(findfont("DejaVu Sans")))[-1:]
    assert letter.isprintable()
    assert save(tmp_path / "lent.svg", letter) == []
    without(letter, monkeypatch)
    (words,) = save(tmp_path / "box.svg", letter)
    assert words.startswith(f"no installed font has {letter}: ")
    assert (tmp_path / "lent.svg").read_bytes() != (tmp_path / "box.svg").read_bytes()


def test_a_page_uses_the_fonts_of_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    without(CHINESE, monkeypatch)
    stacks = Stacks([CHINESE], {"a": [900]}, "images")
    svg, _ = figure_as_svg(partial(stacks_on, stacks=stacks), size=size_of_stacks(stacks))
    assert CHINESE in svg
