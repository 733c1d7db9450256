"""All targets by name."""

from collections.abc import Mapping

from tests.fuzz.cases import Target
from tests.fuzz.commands import COMMANDS
from tests.fuzz.readers import READERS

TARGETS: Mapping[str, Target] = {**READERS, **COMMANDS}
