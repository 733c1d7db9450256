"""Forked processes read and write tables only if polars had no threads before the fork."""

import sys
from pathlib import Path

import pytest

from tests.helpers import python

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks by default")

CODE = """
import os, sys, warnings
from pathlib import Path
import polars
from reassess.errors import DataError
from reassess.formats.predictions.prediction_tables import read_json_table
from reassess.formats.tables import read_table, write_table

warnings.simplefilter("ignore")  # Python warns about threads and forks
path = Path("t.csv")
path.write_text("image,class\\na,1\\nb,2\\n")
Path("t.json").write_text('{"a": {"index": 1}}')
table = read_table(path) if BEFORE else polars.DataFrame({"a": [1]})
CALLS = [lambda: read_table(path), lambda: read_json_table(Path("t.json")), lambda: write_table(Path("o.csv"), table)]
for call in CALLS:
    child = os.fork()
    if not child:
        try:
            call()
            print("done")
        except DataError as error:
            print(error)
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""
REFUSED = (
    "this process was forked after its parent read or wrote a table, so it cannot read or write tables\n"
    "  allowed: processes that are not forked\n"
    '  fix:     multiprocessing.get_context("spawn"), or multiprocessing_context="spawn" of a DataLoader\n'
)


@pytest.mark.parametrize(("before", "output"), [(True, REFUSED * 3), (False, "done\n" * 3)])
def test_fork_after_use_of_polars_raises(tmp_path: Path, before: bool, output: str) -> None:
    assert python("-c", CODE.replace("BEFORE", str(before)), cwd=tmp_path).out == output
