"""What `reassess annotate status` prints."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reassess.cli.common import Call, percent, percents
from reassess.cli.screen import print_table, say
from reassess.text import counted, some

if TYPE_CHECKING:
    from reassess.annotation import Progress, RaterProgress

__all__ = ["print_progress", "states_in_words"]

_EXPLAINED = {
    "uninformative": "the 95 % interval of what a vote tells of the truth includes 0",
    "one answer": "one answer makes up 99 % of the votes, which are 20 or more",
    "few": "fewer than 20 votes on golden questions of one truth, or on 20 images",
}


def print_progress(call: Call, progress: "Progress") -> None:
    """Print how far a campaign is, a line each, and a table with a row for each of its people."""
    for line in _summary(progress):
        say(line)
    if not progress.raters:
        call.tell("nobody has been invited yet")
        return
    rows = [_row(one, progress.golden) for one in progress.raters]
    columns = ["name", "role", "stage", "votes", "seconds", "golden", "right %", "95 %", "last answer", "flags"]
    practised = any(one.practice for one in progress.raters)
    if practised:
        columns.insert(3, "practice")
        for row, one in zip(rows, progress.raters, strict=True):
            row.insert(3, _practice(one))
    print_table(columns, rows, text_columns=3)
    call.note(
        "seconds: the median time of an answer; golden: answers to golden questions; right: of those; a maybe is never "
        "right"
    )
    if practised:
        call.note("practice: right answers of the practice round, of which a maybe is one half")
    if any(one.role == "expert" and one.given and one.last is None for one in progress.raters):
        call.note("an expert without a last answer: the answers came with the campaign")
    if any(one.stage == "failed" and not one.excluded for one in progress.raters):
        call.note(
            "failed: who did not reach the bar in the practice round is asked nothing until an owner lets them in"
        )
    for flag, why in _EXPLAINED.items():
        if any(flag in one.flags for one in progress.raters):
            call.note(f"{flag}: {why}")


def states_in_words(progress: "Progress") -> str:
    """How many questions are open, and how many are closed by what."""
    closed = f"{progress.closed_by_votes:,} with all their votes"
    if progress.closed_by_rule:
        closed = f"{progress.closed_by_rule:,} closed by the stop rule, {closed}"
    return f"{progress.open:,} open, {closed}"


def _summary(progress: "Progress") -> Iterator[str]:
    yield f"{counted(progress.questions, 'question')}: {states_in_words(progress)}"
    known = progress.golden_invalid + progress.golden_valid
    if known or progress.golden_unknown:
        truths = f"{progress.golden_valid:,} valid, {progress.golden_invalid:,} invalid"
        unknown = f", {progress.golden_unknown:,} without enough answers of experts" if progress.golden_unknown else ""
        yield f"golden: {truths}{unknown}"
    if split := progress.golden_split:
        yield f"experts are not sure, or do not agree, on {counted(split, 'golden question')}: see the owner's page"
    yield (
        f"{counted(progress.votes, 'vote')}, {progress.last_hour:,} in the last hour, {progress.last_day:,} in the "
        f"last 24 hours; at most {progress.wanted:,} more are wanted"
    )
    if progress.skipped:
        named = some([name for name, _ in progress.skipped], most=3)
        yield f"{counted(len(progress.skipped), 'image')} that somebody could not judge: {named}"
    if progress.paused:
        yield "paused: nothing is asked now"
    if progress.waiting:
        waiting = counted(
            progress.waiting,
            "question waits for somebody who has not answered it",
            "questions wait for somebody who has not answered them",
        )
        yield f"more raters needed: {waiting}"
    elif not progress.paused and progress.wanted and progress.ends is not None:
        yield f"at the pace of the last 24 hours, or since the first vote, all are expected by {_time(progress.ends)}"


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
    return f"{one.practice.right:g} of {one.practice.asked:,}{passed}"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
