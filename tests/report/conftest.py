"""Fixture for tests of figures."""

from typing import Any

import pytest

from reassess.report import figures


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All drawings of the test, with their labels placed."""
    drawings: list[Any] = []
    describe = figures._describe_figure
    monkeypatch.setattr(figures, "_describe_figure", lambda drawing: drawings.append(drawing) or describe(drawing))
    return drawings
