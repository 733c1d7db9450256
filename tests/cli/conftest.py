"""Fixtures of the tests of commands."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_known_data: None) -> Path:
    """An empty working folder, on a machine without known data."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
