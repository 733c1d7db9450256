"""Command line for fuzzing: run many cases, resuming an earlier run, or replay one case.

python -m tests.fuzz run 1000000
python -m tests.fuzz replay read_votes 1234
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

from tests.fuzz.cases import case_of, run_case
from tests.fuzz.runs import Progress, jobs_of, run
from tests.fuzz.targets import TARGETS
from tests.fuzz.workers import CPU_SECONDS, Failure, limits

_FOLDER = Path(".fuzz")


def main() -> int:
    """Run a command; return 1 if a case failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    commands = parser.add_subparsers(required=True)
    run_parser = commands.add_parser("run", help="run N cases, skipping cases of earlier runs")
    run_parser.add_argument("cases", type=int)
    run_parser.set_defaults(call=_run)
    replay_parser = commands.add_parser("replay", help="run one case, and keep its files")
    replay_parser.add_argument("target", choices=TARGETS)
    replay_parser.add_argument("number", type=int)
    replay_parser.set_defaults(call=_replay)
    options = vars(parser.parse_args())
    return options.pop("call")(**options) or 0


def _run(cases: int) -> int:
    progress = Progress(_FOLDER / "progress.jsonl")
    jobs = jobs_of(cases)
    finished = {job for job, _ in progress.done}
    printed = {failure.kind for _, failures in progress.done for failure in failures}
    for job, failures in run([job for job in jobs if job not in finished], os.cpu_count() or 1):
        progress.add(job, failures)
        for failure in failures:
            if failure.kind not in printed:
                printed.add(failure.kind)
                print(f"\n{failure}", flush=True)
        print(f"{len(progress.done):,} of {len(jobs):,} jobs", end="\r", file=sys.stderr)
    return _summary(progress)


def _summary(progress: Progress) -> int:
    """Print the number of cases per target, and each kind of failure with its first case."""
    case_counts: Counter[str] = Counter()
    kinds: dict[str, list[Failure]] = {}
    for job, failures in progress.done:
        case_counts[job.target] += job.stop - job.start
        for failure in failures:
            kinds.setdefault(failure.kind, []).append(failure)
    print(*(f"{name:20}{n:>12,}" for name, n in sorted(case_counts.items())), sep="\n")
    for kind, failures in kinds.items():
        print(f"{len(failures):,} times {kind}: {failures[0].replay}")
    print(f"{case_counts.total():,} cases, {sum(map(len, kinds.values())):,} failures of {len(kinds):,} kinds")
    return 1 if kinds else 0


def _replay(target: str, number: int) -> None:
    case = case_of(target, TARGETS[target], number)
    folder = _FOLDER / f"{target.replace(' ', '-')}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{case.text}\nin {folder}: {', '.join(case.files)}")
    os.environ["REASSESS_DATA"] = ""
    with limits(CPU_SECONDS):
        run_case(case, folder)


if __name__ == "__main__":
    sys.exit(main())
