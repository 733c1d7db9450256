"""The output of `reassess status`: the state of a benchmark or a campaign."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reassess.cli.command_run import CommandRun, format_interval_cell, format_percent_cell
from reassess.cli.screen import format_fix, format_message, print_table, print_text
from reassess.data import BenchmarkCheck, NameProblem, PartCheck
from reassess.errors import ReassessWarning
from reassess.text import count_noun, join_first

if TYPE_CHECKING:
    from reassess.annotation import PracticeRound, Progress, RaterProgress

BALANCED_ACCURACY_MEANING = "mean of the accuracy on valid and on invalid questions; maybe counts half"
_IRREGULAR_SINGULARS = {"classes": "class"}
_IRREGULAR_PLURALS = {"class": "classes"}
_MAX_PRINTED_ANSWERS = 10


def print_status(check: BenchmarkCheck) -> None:
    """Print the parts of a benchmark, the commands that can run, and names that differ between parts."""
    is_named = check.folder is None or check.folder.resolve().name == check.name
    print_text(check.name if is_named else f"{check.name}, in {check.folder}")
    columns = ("part", "file", "format", "contents", "made from")
    is_without_classes = any(part.part == "classes" and not part.format for part in check.parts)
    rows = [
        (
            part.part,
            part.source,
            part.format,
            _describe_contents(part, is_without_classes=is_without_classes),
            _describe_changed_inputs(part),
        )
        for part in check.parts
        if part.format
    ]
    n_columns = len(columns) if any(part.made_from for part in check.parts) else len(columns) - 1
    if rows:
        print_table(columns[:n_columns], [row[:n_columns] for row in rows], n_text_columns=n_columns)
        print_text("")
    if missing_parts := [(part.part, part.made_by) for part in check.parts if not part.format]:
        print_table(("missing", "how to get it"), missing_parts, n_text_columns=2)
        print_text("")
    if commands_ready := [command for command, parts in check.missing_parts.items() if not parts]:
        print_text(f"ready: {', '.join(commands_ready)}")
    commands_waiting: dict[str, list[str]] = {}
    for command, parts in check.missing_parts.items():
        if parts:
            commands_waiting.setdefault(_describe_missing_parts(parts), []).append(command)
    if commands_waiting:
        grouped = [f"{', '.join(commands)} ({state})" for state, commands in commands_waiting.items()]
        print_text(f"not ready: {'; '.join(grouped)}")
    for problem in (*check.repeated_names, *check.mismatches):
        print_text(_describe_problem(problem))
    if not check.errors and check.next_command is None:
        print_text(f"to begin: put images into {check.folder}/images, in class folders if the classes are known")
    if check.unrecognized_files:
        print_text(f"other files: {_join_examples(check.unrecognized_files, len(check.unrecognized_files))}")


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
        "repeated_names": list(map(_problem_to_dict, check.repeated_names)),
        "mismatches": list(map(_problem_to_dict, check.mismatches)),
        "other_files": list(check.unrecognized_files),
    }


def _problem_to_dict(problem: NameProblem) -> dict[str, object]:
    return {
        "thing": problem.name_kind,
        "what": problem.description,
        "count": problem.count,
        "examples": problem.examples,
        "fix": problem.fix and format_fix(problem.fix),
    }


def _describe_contents(check: PartCheck, *, is_without_classes: bool) -> str:
    counts = ", ".join(
        count_noun(count, _IRREGULAR_SINGULARS.get(content_name, content_name[:-1]), content_name)
        for content_name, count in check.counts.items()
    )
    if check.answers:
        answers = [f"{answer} {count:,}" for answer, count in check.answers.items()]
        counts += f"; answers {join_first(answers, max_items=_MAX_PRINTED_ANSWERS)}"
    if check.error is not None:
        return f"{counts}; cannot be read".removeprefix("; ")
    reason = "class names are missing" if is_without_classes else "classes cannot be read"
    return counts or f"not read, because the {reason}"


def _describe_changed_inputs(check: PartCheck) -> str | None:
    if not check.made_from:
        return None
    changed = f"; stale: {join_first(check.stale)} changed later" if check.stale else ""
    return f"{join_first(check.made_from)}{changed}"


def _describe_missing_parts(checks: Iterable[PartCheck]) -> str:
    return ", ".join(f"{part.part} {'cannot be read' if part.error else 'missing'}" for part in checks)


def _describe_problem(problem: NameProblem) -> str:
    fix = f" To fix: {format_fix(problem.fix)}." if problem.fix else ""
    count = count_noun(problem.count, problem.name_kind, _IRREGULAR_PLURALS.get(problem.name_kind))
    return f"{count} {problem.description}: {_join_examples(problem.examples, problem.count)}.{fix}"


def _join_examples(examples: Sequence[str], total: int) -> str:
    first_examples = examples[:3]
    return ", ".join(first_examples) + (
        f" and {total - len(first_examples):,} more" if total > len(first_examples) else ""
    )


def print_progress(run: CommandRun, progress: "Progress") -> None:
    """Print the progress of a campaign, and a table of its people."""
    for line in _describe_progress(progress):
        print_text(line)
    if not progress.people:
        run.print_line("nobody is invited yet")
        return
    rows = [_make_person_row(person, progress.n_golden) for person in progress.people]
    columns = ["name", "role", "stage", "votes", "seconds", "golden", "balanced %", "95 %", "last answer", "flags"]
    has_practice = any(person.practice_result for person in progress.people)
    if has_practice:
        columns.insert(3, "practice %")
        for row, person in zip(rows, progress.people, strict=True):
            row.insert(3, _format_practice(person))
    print_table(columns, rows, n_text_columns=3)
    run.add_note("seconds: median time per answer; golden: answers to golden questions")
    run.add_note(f"balanced{', practice' if has_practice else ''}: {BALANCED_ACCURACY_MEANING}")
    run.add_note("95 %: interval over questions (Newcombe's hybrid score method)")
    if any(
        person.role == "expert" and person.n_answers and person.last_answer_time is None for person in progress.people
    ):
        run.add_note(
            'column "last answer": empty for experts whose answers come from a file given to `annotate create`'
        )
    if any(person.stage == "failed" and not person.is_excluded for person in progress.people):
        run.add_note("failed: below the pass mark in the practice round; an owner can admit these raters")
    for note in progress.flag_notes:
        run.add_note(note)


def describe_practice(practice: "PracticeRound") -> Iterator[str]:
    """Tell why practice cannot begin yet, or how likely raters are to pass practice by guessing."""
    if practice.reason_raters_cannot_begin is not None:
        yield f"raters cannot begin practice: {practice.reason_raters_cannot_begin}"
    elif practice.is_skipped:
        yield "experts skipped all practice tasks, so raters begin without practice"
    if (chances := practice.pass_probabilities_by_strategy) is not None:
        n_valid, n_invalid = practice.n_valid_questions, practice.n_invalid_questions
        questions = f"{n_valid + n_invalid:,} questions, {n_valid:,} valid, {n_invalid:,} invalid"
        yield f"practice: {questions}; pass mark {practice.pass_mark:g} (balanced accuracy)"
        constant = max(chance for name, chance in chances.items() if name.startswith("always"))
        printed = {name: chance for name, chance in chances.items() if not name.startswith("always")}
        texts = [
            f"{name} {format_percent_cell(chance)} %"
            for name, chance in {**printed, "always the same": constant}.items()
        ]
        yield f"chance to pass without looking at the images: {', '.join(texts)}"


def warn_if_practice_is_easy(practice: "PracticeRound", *, has_begun: bool = False) -> None:
    """Warn if a practice round is easy to pass without looking at the images."""
    if practice.best_strategy_without_looking is not None:
        name, chance = practice.best_strategy_without_looking
        n_tasks = practice.n_tasks_needed
        option_text = "" if n_tasks is None else f"--golden {practice.n_golden_needed} --practice {n_tasks}, or "
        text = f"practice is easy to pass without looking at the images: {name}, {format_percent_cell(chance)} %"
        fix = "look at the balanced accuracy on golden questions too"
        if not has_begun:
            fix = f"annotate create with {option_text}a higher --bar"
        warnings.warn(ReassessWarning(text, fix), stacklevel=2)


def describe_question_states(progress: "Progress") -> str:
    """Describe the numbers of open and closed questions."""
    closed = f"{progress.n_questions_closed_by_votes:,} with all their votes"
    if progress.n_questions_closed_by_rule:
        closed = f"{progress.n_questions_closed_by_rule:,} closed by the stop rule, {closed}"
    return f"{progress.n_open_questions:,} open, {closed}"


def _describe_progress(progress: "Progress") -> Iterator[str]:
    yield f"{count_noun(progress.n_questions, 'question')}: {describe_question_states(progress)}"
    if progress.n_golden:
        n_unknown = progress.n_golden_unknown
        first = (
            f", {n_unknown:,} with too few experts' answers: send the experts their links first" if n_unknown else ""
        )
        yield f"golden: {progress.n_golden_valid:,} valid, {progress.n_golden_invalid:,} invalid{first}"
    if progress.n_golden_without_majority:
        disagreement = count_noun(progress.n_golden_without_majority, "golden question")
        yield f"experts disagree on {disagreement}: see the owner page"
    if progress.n_tempering_questions:
        golden_questions = count_noun(progress.n_tempering_questions, "golden question")
        yield f"tempering power: {progress.tempering_power:.2f} (by {golden_questions})"
    yield from describe_practice(progress.practice_round)
    yield (
        f"{count_noun(progress.n_votes, 'vote')}, {progress.n_votes_last_hour:,} in the last hour, "
        f"{progress.n_votes_last_day:,} in the last 24 hours; "
        f"at most {count_noun(progress.max_votes_needed, 'more vote')} needed"
    )
    if progress.skipped_images:
        names = join_first([name for name, _ in progress.skipped_images], max_items=3)
        yield f"{count_noun(len(progress.skipped_images), 'image')} skipped: {names}"
    if progress.is_paused:
        yield "paused: raters get no questions"
    if progress.n_questions_without_rater:
        open_questions = count_noun(progress.n_questions_without_rater, "open question")
        yield f"more raters needed: nobody is left to answer {open_questions}"
    elif not progress.is_paused and progress.max_votes_needed and progress.expected_end is not None:
        yield f"expected to finish: {_format_utc_time(progress.expected_end)}"


def _make_person_row(person: "RaterProgress", n_golden_questions: int) -> list[str | None]:
    return [
        person.name,
        person.role,
        "excluded" if person.is_excluded else person.stage,
        f"{person.n_votes:,}",
        None if person.median_seconds is None else f"{person.median_seconds:.1f}",
        f"{person.n_answers:,} of {n_golden_questions:,}"
        if person.role == "expert"
        else f"{person.golden_accuracy.n:,}",
        format_percent_cell(person.golden_accuracy.value),
        format_interval_cell(person.golden_accuracy.interval),
        None if person.last_answer_time is None else _format_utc_time(person.last_answer_time),
        ", ".join(person.flags),
    ]


def _format_practice(person: "RaterProgress") -> str | None:
    if person.practice_result is None:
        return None
    passed = {True: ", passed", False: ", failed", None: ""}[person.practice_result.has_passed]
    accuracy = person.practice_result.accuracy
    if accuracy.interval is None:  # questions of one truth
        return f"{accuracy.n_correct_on_invalid + accuracy.n_correct_on_valid:g} of {accuracy.n:,}{passed}"
    value, low, high = (f"{100 * share:.0f}" for share in (accuracy.value or 0.0, *accuracy.interval))
    return f"{value} ({low} to {high}){passed}"


def _format_utc_time(unix_seconds: float) -> str:
    return f"{datetime.fromtimestamp(unix_seconds, UTC):%Y-%m-%d %H:%M} UTC"
