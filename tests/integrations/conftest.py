"""What the tests of torchvision's datasets share."""

from importlib import import_module
from types import ModuleType

import pytest

from tests.helpers import Needs


@pytest.fixture(scope="session")
def tv(needs: Needs) -> ModuleType:
    """The module of torchvision's datasets; the test is skipped where torchvision is not installed."""
    needs("torchvision")
    return import_module("reassess.integrations.torchvision")
