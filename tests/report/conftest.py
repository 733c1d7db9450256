"""What the tests of figures share."""

from typing import Any

import pytest

from reassess.report import figures


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every drawing of the test, once its names are placed."""
    made: list[Any] = []
    words = figures._in_words
    monkeypatch.setattr(figures, "_in_words", lambda drawing: made.append(drawing) or words(drawing))
    return made
