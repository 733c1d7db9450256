"""The output of `reassess status`: the state of a benchmark or a campaign."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reassess.cli.call import Call, interval_cell, percent_cell
from reassess.cli.screen import format_fix, format_message, print_table, print_text
from reassess.data import BenchmarkCheck, NameProblem, PartCheck
from reassess.errors import ReassessWarning
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    from reassess.annotation import PracticeRound, Progress, RaterProgress

BALANCED = "mean of the accuracy on valid and on invalid questions; maybe counts half"
_SINGULAR = {"classes": "class"}
_PLURAL = {"class": "classes"}
_MOST_ANSWERS = 10


def print_status(check: BenchmarkCheck) -> None:
    """Print existing and missing parts, the commands that can run, and names that do not fit."""
    is_named = check.folder is None or check.folder.resolve().name == check.name
    print_text(check.name if is_named else f"{check.name}, in {check.folder}")
    columns = ("part", "file", "format", "contents", "made from")
    rows = [
        (part.part, part.source, part.format, _contents(part), _made_from(part)) for part in check.parts if part.format
    ]
    columns_used = len(columns) if any(part.made_from for part in check.parts) else len(columns) - 1
    if rows:
        print_table(columns[:columns_used], [row[:columns_used] for row in rows], text_columns=columns_used)
        print_text("")
    if missing := [(part.part, part.made_by) for part in check.parts if not part.format]:
        print_table(("missing", "how to get it"), missing, text_columns=2)
        print_text("")
    if ready := [command for command, parts in check.missing_parts.items() if not parts]:
        print_text(f"ready: {', '.join(ready)}")
    waiting: dict[str, list[str]] = {}
    for command, parts in check.missing_parts.items():
        if parts:
            waiting.setdefault(_missing_in_words(parts), []).append(command)
    if waiting:
        grouped = [f"{', '.join(commands)} ({state})" for state, commands in waiting.items()]
        print_text(f"not ready: {'; '.join(grouped)}")
    for problem in (*check.repeated_names, *check.mismatches):
        print_text(_problem_in_words(problem))
    if not check.errors and check.next_command is None:
        print_text(f"to begin: put images into {check.folder}/images, in class folders if the classes are known")
    if check.others:
        print_text(f"other files: {_join_examples(check.others, len(check.others))}")


def to_json(check: BenchmarkCheck) -> dict[str, Any]:
    """Return the results for JSON."""
    return {
        "benchmark": check.name,
        "folder": None if check.folder is None else str(check.folder),
        "settings": dict(check.settings),
        "parts": [
            {
                "part": part.part,
                "source": part.source,
                "paths": [str(path) for path in part.paths],
                "format": part.format,
                "counts": dict(part.counts),
                "answers": {str(answer): count for answer, count in part.answers.items()},
                "error": None if part.error is None else format_message(part.error),
                "made_by": part.made_by,
                "made_from": list(part.made_from),
                "stale": list(part.stale),
            }
            for part in check.parts
        ],
        "commands": [
            {
                "command": command,
                "ready": not parts,
                "missing": [{"part": part.part, "made_by": part.made_by} for part in parts],
            }
            for command, parts in check.missing_parts.items()
        ],
        "repeated_names": list(map(asdict, check.repeated_names)),
        "mismatches": [asdict(part) | {"fix": part.fix and format_fix(part.fix)} for part in check.mismatches],
        "other_files": list(check.others),
    }


def _contents(part: PartCheck) -> str:
    counts = ", ".join(
        count_noun(count, _SINGULAR.get(thing, thing[:-1]), thing) for thing, count in part.counts.items()
    )
    if part.answers:
        counts += (
            "; answers "
            f"{join_first([f'{answer} {count:,}' for answer, count in part.answers.items()], max_items=_MOST_ANSWERS)}"
        )
    if part.error is not None:
        return f"{counts}; cannot be read".removeprefix("; ")
    return counts or "not read, because the classes cannot be read"


def _made_from(part: PartCheck) -> str | None:
    if not part.made_from:
        return None
    changed = f"; stale: {join_first(part.stale)} changed later" if part.stale else ""
    return f"{join_first(part.made_from)}{changed}"


def _missing_in_words(parts: Iterable[PartCheck]) -> str:
    return ", ".join(f"{part.part} {'cannot be read' if part.error else 'missing'}" for part in parts)


def _problem_in_words(problem: NameProblem) -> str:
    fix = f" To fix: {format_fix(problem.fix)}." if problem.fix else ""
    count = count_noun(problem.count, problem.thing, _PLURAL.get(problem.thing))
    return f"{count} {problem.what}: {_join_examples(problem.examples, problem.count)}.{fix}"


def _join_examples(examples: Sequence[str], count: int) -> str:
    first = examples[:3]
    return ", ".join(first) + (f" and {count - len(first):,} more" if count > len(first) else "")


def print_progress(call: Call, progress: "Progress") -> None:
    """Print the progress of a campaign, and a table of its people."""
    for line in _summary(progress):
        print_text(line)
    if not progress.raters:
        call.info("nobody is invited yet")
        return
    rows = [_row(person, progress.golden) for person in progress.raters]
    columns = ["name", "role", "stage", "votes", "seconds", "golden", "balanced %", "95 %", "last answer", "flags"]
    practised = any(person.practice for person in progress.raters)
    if practised:
        columns.insert(3, "practice %")
        for row, person in zip(rows, progress.raters, strict=True):
            row.insert(3, _practice(person))
    print_table(columns, rows, text_columns=3)
    call.note("seconds: median time per answer; golden: answers to golden questions")
    call.note(f"balanced{', practice' if practised else ''}: {BALANCED}")
    call.note("95 %: interval over questions (Newcombe's hybrid score method)")
    if any(person.role == "expert" and person.n_answers and person.last is None for person in progress.raters):
        call.note("experts without a last answer: their answers were read by annotate create")
    if any(person.stage == "failed" and not person.excluded for person in progress.raters):
        call.note("failed: below the bar in practice; an owner can admit them")
    for note in progress.flag_notes:
        call.note(note)


def practice_in_words(practice: "PracticeRound") -> Iterator[str]:
    """Describe why practice cannot begin, or the chance to pass it without looking at the images."""
    if practice.waits_for is not None:
        yield f"raters cannot begin practice: {practice.waits_for}"
    elif practice.is_skipped:
        yield "experts skipped all practice tasks, so raters begin without practice"
    if (chances := practice.blind_chances) is not None:
        questions = f"{practice.n_valid + practice.n_invalid:,} questions, {practice.n_valid:,} valid"
        yield f"practice: {questions}, {practice.n_invalid:,} invalid; bar {practice.bar:g} (balanced accuracy)"
        constant = max(chance for name, chance in chances.items() if name.startswith("always"))
        printed = {name: chance for name, chance in chances.items() if not name.startswith("always")}
        texts = [
            f"{name} {percent_cell(chance)} %" for name, chance in {**printed, "always the same": constant}.items()
        ]
        yield f"chance to pass without looking at the images: {', '.join(texts)}"


def warn_of_easy_practice(practice: "PracticeRound", *, has_begun: bool = False) -> None:
    """Warn about a practice round that is easy to pass without looking at the images."""
    if practice.easiest is not None:
        name, chance = practice.easiest
        enough = practice.enough_tasks
        more = "" if enough is None else f"--golden {practice.questions_for} --practice {enough}, or "
        text = f"practice is easy to pass without looking at the images: {name}, {percent_cell(chance)} %"
        fix = "look at the balanced accuracy on golden questions too"
        if not has_begun:
            fix = f"annotate create with {more}a higher --bar"
        warnings.warn(ReassessWarning(text, fix), stacklevel=2)


def states_in_words(progress: "Progress") -> str:
    """Describe the number of questions in each state."""
    closed = f"{progress.closed_by_votes:,} with all their votes"
    if progress.closed_by_rule:
        closed = f"{progress.closed_by_rule:,} closed by the stop rule, {closed}"
    return f"{progress.open:,} open, {closed}"


def _summary(progress: "Progress") -> Iterator[str]:
    yield f"{count_noun(progress.questions, 'question')}: {states_in_words(progress)}"
    if progress.golden:
        unknown = progress.golden_unknown
        first = f", {unknown:,} with too few experts' answers: send the experts their links first" if unknown else ""
        yield f"golden: {progress.golden_valid:,} valid, {progress.golden_invalid:,} invalid{first}"
    if progress.golden_split:
        yield f"experts disagree on {count_noun(progress.golden_split, 'golden question')}: see the owner page"
    yield from practice_in_words(progress.practice)
    yield (
        f"{count_noun(progress.votes, 'vote')}, {progress.last_hour:,} in the last hour, {progress.last_day:,} in the "
        f"last 24 hours; at most {count_noun(progress.votes_needed, 'more vote')} needed"
    )
    if progress.skipped:
        names = join_first([name for name, _ in progress.skipped], max_items=3)
        yield f"{count_noun(len(progress.skipped), 'image')} skipped: {names}"
    if progress.paused:
        yield "paused: raters get no questions"
    if progress.waiting:
        yield f"more raters needed: nobody is left to answer {count_noun(progress.waiting, 'open question')}"
    elif not progress.paused and progress.votes_needed and progress.ends is not None:
        yield f"expected to finish: {_format_time(progress.ends)}"


def _row(person: "RaterProgress", golden: int) -> list[str | None]:
    return [
        person.name,
        person.role,
        "excluded" if person.excluded else person.stage,
        f"{person.votes:,}",
        None if person.seconds is None else f"{person.seconds:.1f}",
        f"{person.n_answers:,} of {golden:,}" if person.role == "expert" else f"{person.golden.n:,}",
        percent_cell(person.golden.value),
        interval_cell(person.golden.interval),
        None if person.last is None else _format_time(person.last),
        ", ".join(person.flags),
    ]


def _practice(person: "RaterProgress") -> str | None:
    if person.practice is None:
        return None
    passed = {True: ", passed", False: ", failed", None: ""}[person.practice.passed]
    accuracy = person.practice.accuracy
    if accuracy.interval is None:  # questions of one truth
        return f"{accuracy.points_on_invalid + accuracy.points_on_valid:g} of {accuracy.n:,}{passed}"
    value, low, high = (f"{100 * share:.0f}" for share in (accuracy.value or 0.0, *accuracy.interval))
    return f"{value} ({low} to {high}){passed}"


def _format_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
