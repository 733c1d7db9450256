"""Characters missing from the default font come from another font, or give one warning."""

import warnings
from functools import partial
from pathlib import Path

import pytest

from reassess.errors import ReassessWarning
from reassess.report.chart_figures import Stacks, compute_stacks_size, plot_stacks
from reassess.report.figures import _font_characters, render_svg, save_figure

pytestmark = pytest.mark.usefixtures("report_extra")

CHINESE = "模型一二三四五六七"


def remove_from_fonts(letters: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that no font has these letters."""
    monkeypatch.setattr("reassess.report.figures._font_characters", lambda path: _font_characters(path) - set(letters))


def save(path: Path, name: str) -> list[str]:
    """Save a chart whose title and bars have a name; return the warnings."""
    stacks = Stacks([name, f"{name} again"], {"a": [900, 1000]}, "images")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        save_figure(path, partial(plot_stacks, stacks=stacks), title=name, size=compute_stacks_size(stacks))
    assert all(warning.category is ReassessWarning for warning in caught)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_characters_in_no_font_give_one_warning(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_from_fonts(CHINESE, monkeypatch)
    assert save(tmp_path / f"f{suffix}", f"{CHINESE}-net") == [
        "no installed font has 一, 七, 三, 二, 五 and 4 more: the figure shows boxes\n"
        "  fix: install a font with these characters, such as a Noto font"
    ]


@pytest.mark.parametrize("name", ["one", "Café 10²", "a\tb", "модель"])
def test_characters_of_the_default_font_give_no_warning(name: str, tmp_path: Path) -> None:
    assert save(tmp_path / "f.png", name) == []


def test_other_installed_font_is_used_for_missing_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STIX, which comes with matplotlib, has mathematical letters that are missing from DejaVu Sans."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import findfont, fontManager

    # A process of another test may have written a list of fonts without it.
    monkeypatch.setattr(fontManager, "ttflist", list(fontManager.ttflist))
    fontManager.addfont(path := f"{get_data_path()}/fonts/ttf/STIXGeneral.ttf")
    (letter,) = sorted(_font_characters(path) - _font_characters(findfont("DejaVu Sans")))[-1:]
    assert letter.isprintable()
    assert save(tmp_path / "letter.svg", letter) == []
    remove_from_fonts(letter, monkeypatch)
    (warning,) = save(tmp_path / "box.svg", letter)
    assert warning.startswith(f"no installed font has {letter}: ")
    assert (tmp_path / "letter.svg").read_bytes() != (tmp_path / "box.svg").read_bytes()


def test_page_uses_the_fonts_of_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    remove_from_fonts(CHINESE, monkeypatch)
    stacks = Stacks([CHINESE], {"a": [900]}, "images")
    svg, _ = render_svg(partial(plot_stacks, stacks=stacks), size=compute_stacks_size(stacks))
    assert CHINESE in svg
