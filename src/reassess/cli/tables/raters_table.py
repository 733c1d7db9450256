"""What `reassess raters` prints: the raters as a whole, each of them, and the pairs that are not independent."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from reassess.aggregation import Dependence, GoldenVotes, Reliability
from reassess.cli.call import Call
from reassess.cli.result_table import ResultTable
from reassess.cli.screen import print_table, print_text
from reassess.core import VALIDITY
from reassess.numeric import Proportion
from reassess.text import counted, some

_MOST_ANSWERS = 4  # of which shares fit a column
_MOST_PAIRS = 10
_MOST_RATERS = 10

_EXPLAINED = {
    "uninformative": "the 95 % interval of the information includes 0: the votes may tell nothing of the truth",
    "one answer": "one answer makes up 99 % of the votes, which are 20 or more",
    "few": "fewer than 20 votes on one of the truths, or on 20 images: the interval is too narrow",
}


def print_reliability(call: Call, result: Reliability, golden: GoldenVotes | None) -> None:
    """How far the raters can be relied on, as measured on golden items or, without them, by what all raters say."""
    for line in _summary(result, golden):
        print_text(line)
    table = raters_table(result)
    shown = call.row_limit(len(result.ranked), _MOST_RATERS, "raters")
    replace(table, rows=table.rows[:shown]).print()
    for line in _footnotes(result):
        call.note(line)
    _print_pairs(result.dependence, "votes")
    _print_pairs(result.golden_dependence, "golden votes")


def raters_table(result: Reliability) -> ResultTable:
    """A row for each rater, those first whose votes tell least; a column that would be empty for all is not shown."""
    answers = " / ".join(str(answer) for answer in result.answers)
    wide = len(result.answers) > _MOST_ANSWERS
    information = [one.information for one in result.ranked]
    columns: dict[str, list[str | None]] = {
        "rater": [str(one.rater) for one in result.ranked],
        "flags": [", ".join(one.flags) for one in result.ranked],
        "bits a vote": [None if part is None else f"{part.bits:.3f}" for part in information],
        "95 %": [None if part is None else f"{part.low:.3f} to {part.high:.3f}" for part in information],
        "right %": [_percent(one.correct) for one in result.ranked],
        "votes": [f"{one.votes:,}" for one in result.ranked],
    }
    if not wide:
        columns[f"{answers} %"] = [_shares(one.shares) for one in result.ranked]
        for row, truth in enumerate(result.truths):
            columns[f"if {truth}"] = [_shares(one.matrix[row]) for one in result.ranked]
    columns["again %"] = [_percent(one.self_agreement) for one in result.ranked]
    columns["seconds"] = [one.seconds and f"{one.seconds[0]:.1f} ({one.seconds[1]:.1f})" for one in result.ranked]
    kept = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}
    return ResultTable(list(kept), list(zip(*kept.values(), strict=True)), text_columns=2)


def _percent(part: Proportion | None) -> str | None:
    return None if part is None or part.value is None else f"{100 * part.value:.1f}"


def _shares(shares: list[float] | None) -> str | None:
    return None if shares is None else " / ".join(f"{100 * share:.0f}" for share in shares)


def _summary(result: Reliability, golden: GoldenVotes | None) -> Iterator[str]:
    """The raters as a whole, and by what they are measured."""
    value = (
        "not defined: no two votes on an item, or one answer only" if result.alpha is None else f"{result.alpha:.4f}"
    )
    yield f"Krippendorff's alpha ({result.metric}): {value}"
    if golden is None:
        yield (
            "no golden answers: the truth is what EM makes of the votes, the rater's own among them, so that a rater "
            "with few votes looks better than they are"
        )
        return
    parts = [f"{np.count_nonzero(golden.truth == i):,} {name}" for i, name in enumerate(result.truths)]
    votes = sum(int(one.confusion.sum()) for one in result.raters)
    measured = [one for one in result.raters if one.information is not None]
    items = counted(int(np.count_nonzero(golden.truth >= 0)), "golden item")
    yield (
        f"measured on {counted(votes, 'vote')} of {counted(len(measured), 'rater')} on {items}: {', '.join(parts)}"
        + (f" ({golden.by_experts.rule})" if golden.by_experts else "")
    )
    if golden.by_experts is not None and golden.by_experts.note is not None:
        yield golden.by_experts.note


def _footnotes(result: Reliability) -> Iterator[str]:
    """What the columns and the flags mean, and why a cell is empty."""
    yield (
        "bits a vote: by how much a vote lowers the entropy of the truth, on average; interval: bootstrap over "
        "images, or plain items"
    )
    if any(one.correct is not None for one in result.raters):
        scale = f"{result.answers[-1]} on valid, {result.answers[0]} on invalid"
        middle = "".join(f"; {answer} is never right" for answer in result.answers[1:-1])
        rule = scale + middle if result.truths == VALIDITY else "the truth's name"
        yield f"right: of all the rater's golden votes ({rule})"
    if len(result.answers) <= _MOST_ANSWERS:
        shares = zip(result.truths, result.prior, strict=True)
        truths = ", ".join(f"if {truth} ({100 * share:.1f} % of items)" for truth, share in shares)
        yield f"{truths}: the rater's answers, in %"
    again = [one.self_agreement for one in result.raters if one.self_agreement is not None]
    if again:
        total = sum(again, Proportion(0, 0))
        yield f"again: same answer to a golden item and in the main votes: {total.hits:,} of {total.n:,} cases"
    if any(one.seconds is not None for one in result.raters):
        yield "seconds: mean and, in brackets, median time a vote"
    for flag, meaning in _EXPLAINED.items():
        if any(flag in one.flags for one in result.raters):
            yield f"{flag}: {meaning}"
    if any(part is not None and part.pairs for part in (result.dependence, result.golden_dependence)):
        yield "standard errors: by how many a pair agrees more than expected, beyond what the median pair does"
    silent = [str(one.rater) for one in result.raters if one.information is None]
    if silent:
        reason = "no votes on golden items" if result.golden else "no votes"
        yield f"-: {reason}: {some(silent, most=10)}"


def _print_pairs(dependent: Dependence | None, where: str) -> None:
    """The pairs that are not independent, the clearest first."""
    if dependent is None or not dependent.pairs:
        return
    rows = [
        [
            f"{pair.raters[0]}, {pair.raters[1]}",
            f"{pair.common:,}",
            f"{100 * pair.agreed / pair.common:.1f}",
            f"{100 * pair.expected / pair.common:.1f}",
            f"{pair.z:.1f}",
        ]
        for pair in dependent.pairs[:_MOST_PAIRS]
    ]
    more = len(dependent.pairs) - len(rows)
    title = f"\nnot independent in the {where}: {len(dependent.pairs):,} of {dependent.tested:,} pairs of raters"
    headings = ["raters", "items in common", "agree %", "expected %", "standard errors"]
    print_table(headings, rows, title=title + (f"; the clearest {len(rows)}" if more else ""))
