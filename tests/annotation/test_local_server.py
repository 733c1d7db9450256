"""A server in a process of its own: why it does not start is told."""

import sys

from reassess.annotation.local_server import running
from tests.helpers import message


def test_the_whole_error_of_a_server_that_does_not_start_is_told() -> None:
    fails = [sys.executable, "-c", "raise ValueError('no images\\n  where: here')"]
    assert message(running(fails, what="c.db").__enter__) == (
        "server does not start\n  where:   c.db\n  found:   ValueError: no images\n             where: here"
    )
