"""What `reassess status` prints about a campaign."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reassess.cli.call import Call, percent, percents
from reassess.cli.screen import print_table, say
from reassess.text import counted, some

if TYPE_CHECKING:
    from reassess.annotation import Progress, RaterProgress


_FLAGS = {
    "uninformative": "95 % interval of bits per vote includes 0",
    "one answer": "99 % of at least 20 votes are the same answer",
    "few": "under 20 golden votes for one truth, or on under 20 images",
}


def print_progress(call: Call, progress: "Progress") -> None:
    """Print the progress of a campaign in lines, and a table of its people."""
    for line in _summary(progress):
        say(line)
    if not progress.raters:
        call.tell("nobody has been invited yet")
        return
    rows = [_row(one, progress.golden) for one in progress.raters]
    columns = ["name", "role", "stage", "votes", "seconds", "golden", "correct %", "95 %", "last answer", "flags"]
    practised = any(one.practice for one in progress.raters)
    if practised:
        columns.insert(3, "practice")
        for row, one in zip(rows, progress.raters, strict=True):
            row.insert(3, _practice(one))
    print_table(columns, rows, text_columns=3)
    call.note(
        "seconds: median time of an answer; golden: answers to golden questions; correct: of those; maybe is wrong"
    )
    if practised:
        call.note("practice: answers that agree with the experts; maybe counts half")
    if any(one.role == "expert" and one.given and one.last is None for one in progress.raters):
        call.note("an expert without a last answer: the answers came with the campaign")
    if any(one.stage == "failed" and not one.excluded for one in progress.raters):
        call.note("failed: below the bar in practice; an owner can admit them")
    for flag, why in _FLAGS.items():
        if any(flag in one.flags for one in progress.raters):
            call.note(f"{flag}: {why}")


def states_in_words(progress: "Progress") -> str:
    """The number of questions in each state."""
    closed = f"{progress.closed_by_votes:,} with all their votes"
    if progress.closed_by_rule:
        closed = f"{progress.closed_by_rule:,} closed by the stop rule, {closed}"
    return f"{progress.open:,} open, {closed}"


def _summary(progress: "Progress") -> Iterator[str]:
    yield f"{counted(progress.questions, 'question')}: {states_in_words(progress)}"
    if progress.golden:
        unknown = f", {progress.golden_unknown:,} that too few experts answered" if progress.golden_unknown else ""
        yield f"golden: {progress.golden_valid:,} valid, {progress.golden_invalid:,} invalid{unknown}"
    if progress.golden_split:
        yield f"experts disagree on {counted(progress.golden_split, 'golden question')}: see the owner page"
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
        f"{one.given:,} of {golden:,}" if one.role == "expert" else f"{one.golden.n:,}",
        percent(one.golden.value),
        percents(one.golden.interval),
        None if one.last is None else _time(one.last),
        ", ".join(one.flags),
    ]


def _practice(one: "RaterProgress") -> str | None:
    if one.practice is None:
        return None
    passed = {True: ", passed", False: ", failed", None: ""}[one.practice.passed]
    return f"{one.practice.correct:g} of {one.practice.asked:,}{passed}"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
