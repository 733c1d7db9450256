"""What `reassess status` prints of a benchmark, and its part of the JSON document."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from reassess.cli.screen import error_in_options, in_options, print_table, say
from reassess.data import BenchmarkCheck, NameProblem, PartCheck
from reassess.text import counted, some

_SINGULAR = {"classes": "class"}
_PLURAL = {"class": "classes"}
_MOST_ANSWERS = 10


def print_status(check: BenchmarkCheck) -> None:
    """Print the parts, which commands they are enough for, and the names that do not fit."""
    columns = ("part", "file", "format", "contents", "made from")
    rows = [(one.part, one.source, one.format, _contents(one), _made_from(one)) for one in check.parts]
    shown = len(columns) if any(one.made_from for one in check.parts) else len(columns) - 1
    print_table(columns[:shown], [row[:shown] for row in rows], title=check.name, text_columns=shown)
    say("")
    print_table(
        ("command", "state"),
        [(command, _state(parts)) for command, parts in check.missing_parts.items()],
        text_columns=2,
    )
    for problem in (*check.duplicates, *check.mismatches):
        say(_in_words(problem))
    if check.others:
        say(f"not parts of a benchmark: {_some(check.others, len(check.others))}")


def to_json(check: BenchmarkCheck) -> dict[str, Any]:
    """The results in a JSON document."""
    return {
        "benchmark": check.name,
        "folder": None if check.folder is None else str(check.folder),
        "settings": dict(check.settings),
        "parts": [
            {
                "part": one.part,
                "source": one.source,
                "paths": [str(path) for path in one.paths],
                "format": one.format,
                "counts": dict(one.counts),
                "answers": {str(answer): count for answer, count in one.answers.items()},
                "error": None if one.error is None else error_in_options(one.error),
                "made_by": one.made_by,
                "made_from": list(one.made_from),
                "stale": list(one.stale),
            }
            for one in check.parts
        ],
        "commands": [
            {
                "command": command,
                "ready": not parts,
                "missing": [{"part": one.part, "made_by": one.made_by} for one in parts],
            }
            for command, parts in check.missing_parts.items()
        ],
        "duplicates": list(map(asdict, check.duplicates)),
        "mismatches": [asdict(one) | {"fix": one.fix and in_options(one.fix)} for one in check.mismatches],
        "other_files": list(check.others),
    }


def _contents(one: PartCheck) -> str:
    if one.format is None:
        return f"missing; {one.made_by}"
    counts = ", ".join(counted(count, _SINGULAR.get(thing, thing[:-1]), thing) for thing, count in one.counts.items())
    if one.answers:
        counts += (
            f"; answers {some([f'{answer} {count:,}' for answer, count in one.answers.items()], most=_MOST_ANSWERS)}"
        )
    if one.error is not None:
        return f"{counts}; cannot be read".removeprefix("; ")
    return counts or "not read, since classes cannot be read"


def _made_from(one: PartCheck) -> str | None:
    if not one.made_from:
        return None
    changed = f"; stale: {some(one.stale)} changed later" if one.stale else ""
    return f"{some(one.made_from)}{changed}"


def _state(parts: Iterable[PartCheck]) -> str:
    return "; ".join(f"{one.part} {'cannot be read' if one.error else 'missing'}" for one in parts) or "ready"


def _in_words(problem: NameProblem) -> str:
    fix = f" To fix: {in_options(problem.fix)}." if problem.fix else ""
    count = counted(problem.count, problem.thing, _PLURAL.get(problem.thing))
    return f"{count} {problem.what}: {_some(problem.examples, problem.count)}.{fix}"


def _some(examples: Sequence[str], count: int) -> str:
    shown = examples[:3]
    return ", ".join(shown) + (f" and {count - len(shown):,} more" if count > len(shown) else "")
