"""Common fixture of the tests of torchvision datasets."""

from importlib import import_module
from types import ModuleType

import pytest

from tests.helpers import Needs


@pytest.fixture(scope="session")
def tv(needs: Needs) -> ModuleType:
    """The torchvision integration; the test is skipped if torchvision is not installed."""
    needs("torchvision")
    return import_module("reassess.integrations.torchvision")
