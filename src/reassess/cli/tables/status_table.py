"""What `reassess status` prints of a benchmark or a campaign, and the JSON document of a benchmark."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reassess.cli.call import Call, percent, percents
from reassess.cli.screen import fix_in_options, in_options, print_table, say
from reassess.data import BenchmarkCheck, NameProblem, PartCheck
from reassess.errors import ReassessWarning
from reassess.text import counted, some

if TYPE_CHECKING:
    from reassess.annotation import PracticeRound, Progress, RaterProgress

BALANCED = "mean of the accuracy on valid and on invalid questions; maybe counts half"
_SINGULAR = {"classes": "class"}
_PLURAL = {"class": "classes"}
_MOST_ANSWERS = 10


def print_status(check: BenchmarkCheck) -> None:
    """Print the parts that are there and that are missing, the commands they are enough for, and what does not fit."""
    is_named = check.folder is None or check.folder.resolve().name == check.name
    say(check.name if is_named else f"{check.name}, in {check.folder}")
    columns = ("part", "file", "format", "contents", "made from")
    rows = [(one.part, one.source, one.format, _contents(one), _made_from(one)) for one in check.parts if one.format]
    shown = len(columns) if any(one.made_from for one in check.parts) else len(columns) - 1
    if rows:
        print_table(columns[:shown], [row[:shown] for row in rows], text_columns=shown)
        say("")
    if missing := [(one.part, one.made_by) for one in check.parts if not one.format]:
        print_table(("missing", "how to get it"), missing, text_columns=2)
        say("")
    if ready := [command for command, parts in check.missing_parts.items() if not parts]:
        say(f"ready: {', '.join(ready)}")
    waiting: dict[str, list[str]] = {}
    for command, parts in check.missing_parts.items():
        if parts:
            waiting.setdefault(_state(parts), []).append(command)
    if waiting:
        grouped = [f"{', '.join(commands)} ({state})" for state, commands in waiting.items()]
        say(f"not ready: {'; '.join(grouped)}")
    for problem in (*check.repeated_names, *check.mismatches):
        say(_in_words(problem))
    if not check.errors and check.next_command is None:
        say(f"to begin: put images into {check.folder}/images, in a folder for each class if the classes are known")
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
                "error": None if one.error is None else in_options(one.error),
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
        "repeated_names": list(map(asdict, check.repeated_names)),
        "mismatches": [asdict(one) | {"fix": one.fix and fix_in_options(one.fix)} for one in check.mismatches],
        "other_files": list(check.others),
    }


def _contents(one: PartCheck) -> str:
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
    return ", ".join(f"{one.part} {'cannot be read' if one.error else 'missing'}" for one in parts)


def _in_words(problem: NameProblem) -> str:
    fix = f" To fix: {fix_in_options(problem.fix)}." if problem.fix else ""
    count = counted(problem.count, problem.thing, _PLURAL.get(problem.thing))
    return f"{count} {problem.what}: {_some(problem.examples, problem.count)}.{fix}"


def _some(examples: Sequence[str], count: int) -> str:
    shown = examples[:3]
    return ", ".join(shown) + (f" and {count - len(shown):,} more" if count > len(shown) else "")


def print_progress(call: Call, progress: "Progress") -> None:
    """Print the progress of a campaign in lines, and a table of its people."""
    for line in _summary(progress):
        say(line)
    if not progress.raters:
        call.tell("nobody has been invited yet")
        return
    rows = [_row(one, progress.golden) for one in progress.raters]
    columns = ["name", "role", "stage", "votes", "seconds", "golden", "balanced %", "95 %", "last answer", "flags"]
    practised = any(one.practice for one in progress.raters)
    if practised:
        columns.insert(3, "practice %")
        for row, one in zip(rows, progress.raters, strict=True):
            row.insert(3, _practice(one))
    print_table(columns, rows, text_columns=3)
    call.note("seconds: median time of an answer; golden: answers to golden questions")
    call.note(f"balanced{', practice' if practised else ''}: {BALANCED}")
    call.note("95 %: interval over questions (Newcombe's hybrid score method)")
    if any(one.role == "expert" and one.n_answers and one.last is None for one in progress.raters):
        call.note("an expert without a last answer: the answers came with the campaign")
    if any(one.stage == "failed" and not one.excluded for one in progress.raters):
        call.note("failed: below the bar in practice; an owner can admit them")
    for note in progress.flag_notes:
        call.note(note)


def practice_in_words(practice: "PracticeRound") -> Iterator[str]:
    """What the practice round waits for, or how likely it is passed without looking."""
    if practice.waits_for is not None:
        yield f"raters cannot begin practice: {practice.waits_for}"
    elif practice.is_skipped:
        yield "experts skipped all practice tasks, so raters begin without practice"
    if (chances := practice.blind_chances) is not None:
        questions = f"{practice.n_valid + practice.n_invalid:,} questions, {practice.n_valid:,} valid"
        yield f"practice: {questions}, {practice.n_invalid:,} invalid; bar {practice.bar:g} (balanced accuracy)"
        constant = max(chance for name, chance in chances.items() if name.startswith("always"))
        shown = {name: chance for name, chance in chances.items() if not name.startswith("always")}
        told = [f"{name} {percent(chance)} %" for name, chance in {**shown, "always the same": constant}.items()]
        yield f"chance to pass without looking: {', '.join(told)}"


def warn_of_easy_practice(practice: "PracticeRound", *, has_begun: bool = False) -> None:
    """Warn about a practice round that people often pass without looking."""
    if practice.easiest is not None:
        name, chance = practice.easiest
        more = "" if practice.enough_tasks is None else f"--practice {practice.enough_tasks} or "
        text = f"practice is easy to pass without looking: {name}, {percent(chance)} %"
        fix = "look at the balanced accuracy on golden questions too"
        if not has_begun:
            fix = f"annotate create with {more}a higher --bar"
        warnings.warn(ReassessWarning(text, fix), stacklevel=2)


def states_in_words(progress: "Progress") -> str:
    """The number of questions in each state."""
    closed = f"{progress.closed_by_votes:,} with all their votes"
    if progress.closed_by_rule:
        closed = f"{progress.closed_by_rule:,} closed by the stop rule, {closed}"
    return f"{progress.open:,} open, {closed}"


def _summary(progress: "Progress") -> Iterator[str]:
    yield f"{counted(progress.questions, 'question')}: {states_in_words(progress)}"
    if progress.golden:
        unknown = progress.golden_unknown
        first = f", {unknown:,} that too few experts answered: send the experts' links first" if unknown else ""
        yield f"golden: {progress.golden_valid:,} valid, {progress.golden_invalid:,} invalid{first}"
    if progress.golden_split:
        yield f"experts disagree on {counted(progress.golden_split, 'golden question')}: see the owner page"
    yield from practice_in_words(progress.practice)
    yield (
        f"{counted(progress.votes, 'vote')}, {progress.last_hour:,} in the last hour, {progress.last_day:,} in the "
        f"last 24 hours; at most {counted(progress.votes_needed, 'more vote')} needed"
    )
    if progress.skipped:
        named = some([name for name, _ in progress.skipped], most=3)
        yield f"{counted(len(progress.skipped), 'image')} skipped: {named}"
    if progress.paused:
        yield "paused: raters get no questions now"
    if progress.waiting:
        yield f"more raters needed: nobody is left to answer {counted(progress.waiting, 'open question')}"
    elif not progress.paused and progress.votes_needed and progress.ends is not None:
        yield f"expected to finish: {_time(progress.ends)}"


def _row(one: "RaterProgress", golden: int) -> list[str | None]:
    return [
        one.name,
        one.role,
        "excluded" if one.excluded else one.stage,
        f"{one.votes:,}",
        None if one.seconds is None else f"{one.seconds:.1f}",
        f"{one.n_answers:,} of {golden:,}" if one.role == "expert" else f"{one.golden.n:,}",
        percent(one.golden.value),
        percents(one.golden.interval),
        None if one.last is None else _time(one.last),
        ", ".join(one.flags),
    ]


def _practice(one: "RaterProgress") -> str | None:
    if one.practice is None:
        return None
    passed = {True: ", passed", False: ", failed", None: ""}[one.practice.passed]
    found = one.practice.accuracy
    if found.interval is None:  # questions of one truth
        return f"{found.invalid + found.valid:g} of {found.n:,}{passed}"
    value, low, high = (f"{100 * share:.0f}" for share in (found.value or 0.0, *found.interval))
    return f"{value} ({low} to {high}){passed}"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
