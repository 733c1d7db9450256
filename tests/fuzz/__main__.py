"""The long run, which goes on where it was stopped, and the replay of one case.

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
from tests.fuzz.workers import PROCESSOR, Failure, limits, work

_FOLDER = Path(".fuzz")


def main() -> int:
    """Do what the arguments say; 1 if a case fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="run N cases, but those that were run before")
    running.add_argument("cases", type=int)
    running.set_defaults(call=_run)
    replaying = commands.add_parser("replay", help="run one case; its files stay")
    replaying.add_argument("target", choices=TARGETS)
    replaying.add_argument("number", type=int)
    replaying.set_defaults(call=_replay)
    working = commands.add_parser("work", help="run what standard input says, for run")
    working.add_argument("targets")
    working.add_argument("processor", type=int)
    working.set_defaults(call=work)
    options = vars(parser.parse_args())
    return options.pop("call")(**options) or 0


def _run(cases: int) -> int:
    progress = Progress(_FOLDER / "progress.jsonl")
    jobs = jobs_of(cases)
    before = {job for job, _ in progress.done}
    shown = {failure.kind for _, failures in progress.done for failure in failures}
    for job, failures in run([job for job in jobs if job not in before], os.cpu_count() or 1):
        progress.add(job, failures)
        for failure in failures:
            if failure.kind not in shown:
                shown.add(failure.kind)
                print(f"\n{failure}", flush=True)
        print(f"{len(progress.done):,} of {len(jobs):,} jobs", end="\r", file=sys.stderr)
    return _summary(progress)


def _summary(progress: Progress) -> int:
    """Print how many cases of each target were run, and each kind of failure by its first case."""
    ran: Counter[str] = Counter()
    kinds: dict[str, list[Failure]] = {}
    for job, failures in progress.done:
        ran[job.target] += job.stop - job.start
        for failure in failures:
            kinds.setdefault(failure.kind, []).append(failure)
    print(*(f"{name:20}{n:>12,}" for name, n in sorted(ran.items())), sep="\n")
    for kind, failures in kinds.items():
        print(f"{len(failures):,} times {kind}: {failures[0].replay}")
    print(f"{ran.total():,} cases, {sum(map(len, kinds.values())):,} failures of {len(kinds):,} kinds")
    return 1 if kinds else 0


def _replay(target: str, number: int) -> None:
    case = case_of(target, TARGETS[target], number)
    folder = _FOLDER / f"{target.replace(' ', '-')}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{case.text}\nin {folder}: {', '.join(case.files)}")
    os.environ["REASSESS_DATA"] = ""
    with limits(PROCESSOR):
        run_case(case, folder)


if __name__ == "__main__":
    sys.exit(main())
