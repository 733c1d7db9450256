"""Every reader and command on mutated files raises our own error, or returns the numbers in the file."""

import os
import sys
from pathlib import Path

import pytest

import reassess
from reassess.cli import root_command
from tests.fuzz.bad_targets import TARGETS as BAD_TARGETS
from tests.fuzz.cases import case_of
from tests.fuzz.commands import COMMANDS
from tests.fuzz.readers import READERS
from tests.fuzz.runs import Progress, jobs_of, run
from tests.fuzz.targets import TARGETS
from tests.fuzz.workers import Failure, Job, Worker
from tests.helpers import leaves, python

CASES = 2_500
OUTSIDE_REASSESS = {  # readers that are not names of `reassess`
    "list_images",
    "open_images",
    "read_hierarchy",
    "read_judged_mistakes",
    "read_table",
    "read_transform",
    "reviews",
}
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses limits of Linux")


def test_every_reader_and_command_is_a_target() -> None:
    public = {name for name in dir(reassess) if name.startswith("read_") or name == "open_benchmark"}
    assert READERS.keys() - OUTSIDE_REASSESS == public
    assert COMMANDS.keys() == {" ".join(words) for words in leaves(root_command)}


def test_no_case_fails() -> None:
    failures = [
        failure for _, job_failures in run(jobs_of(CASES), min(2, os.cpu_count() or 1)) for failure in job_failures
    ]
    kinds = {failure.kind: failure for failure in reversed(failures)}
    assert not kinds, "\n\n".join(map(str, kinds.values()))


@pytest.mark.parametrize("name", ["read_votes", "read_predictions", "evaluate"])
def test_case_is_reproducible_from_its_number(name: str) -> None:
    first, same, different = (case_of(name, TARGETS[name], number) for number in (7, 7, 8))
    assert (first.files, first.text) == (same.files, same.text)
    assert first.files != different.files


def test_run_reports_every_bad_target_and_continues() -> None:
    with Worker("tests.fuzz.bad_targets", cpu_seconds=1) as worker:
        found = {name: [failure.how.split("\n")[-1] for failure in _failures(worker, name)] for name in BAD_TARGETS}
    assert found == {
        "good": [],
        "refuses": [],
        "warns": [],
        "raises": ["KeyError: 'wrong'"],
        "warns of other things": ["UserWarning: not ours"],
        "aborts": ["ended by SIGABRT"],
        "exits": ["ended with code 3"],
        "hangs": ["took too long"],
        "takes memory": ["MemoryError"],
    }


def _failures(worker: Worker, name: str) -> list[Failure]:
    """Run case 3, and then a case of the good target."""
    return [*worker.run(Job(name, 3, 4)), *worker.run(Job("good", 4, 5))]


def test_failure_prints_its_replay_command() -> None:
    assert str(Failure("annotate demo", 5, "KeyError")) == (
        "KeyError\nreplay: python -m tests.fuzz replay 'annotate demo' 5"
    )


def test_replay_keeps_the_files_of_the_case(tmp_path: Path) -> None:
    result = python("-m", "tests.fuzz", "replay", "read_collapsed_classes", 12, cwd=tmp_path, PYTHONPATH=str(ROOT))
    (name,) = case_of("read_collapsed_classes", TARGETS["read_collapsed_classes"], 12).files
    assert f"in .fuzz/read_collapsed_classes-12: {name}" in result.out
    assert (tmp_path / ".fuzz" / "read_collapsed_classes-12" / name).exists()


def test_progress_is_read_back(tmp_path: Path) -> None:
    done = [(Job("read_votes", 0, 160), [Failure("read_votes", 7, "KeyError")]), (Job("evaluate", 0, 32), [])]
    progress = Progress(tmp_path / "new" / "progress.jsonl")
    for job, failures in done:
        progress.add(job, failures)
    assert Progress(tmp_path / "new" / "progress.jsonl").done == done


def test_more_cases_only_append_jobs() -> None:
    few, many = jobs_of(1), jobs_of(20_000)
    assert many[: len(few)] == few
    assert 20_000 <= sum(job.stop - job.start for job in many) < 25_000
