"""`reassess aggregate`: from votes to scores."""

from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.aggregation import AUTO, METHODS, parse_method
from reassess.aggregation.em_inputs import POOLING
from reassess.aggregation.stopping import warn_of_stop
from reassess.cli.aggregate_inputs import OF_IMAGENET, MadeScores, make_scores
from reassess.cli.call import Call, Range, call_options
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.options import (
    answers_option,
    benchmark_option,
    golden_at_least_option,
    keep_settings,
    match_option,
    next_labels,
    output_option,
)
from reassess.core import IMAGENET, KNOWN_ANSWERS, USUAL_THRESHOLD, Benchmark, Questions, Votes, classes_of
from reassess.formats import write_posterior, write_scores
from reassess.formats.files import suffix_of, write_atomically
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import counted, some


@click.command(
    cls=Command,
    docs="docs/votes.md",
    examples=[
        "reassess aggregate --method imagenet-real -o scores.npz",
        "reassess aggregate votes.csv --method majority -o scores.csv",
    ],
)
@click.argument("votes", required=False, metavar="[VOTES]")
@benchmark_option
@click.option(
    "--method",
    type=Choice([AUTO, *METHODS]),
    help="; ".join(f"{name}: {method.summary}" for name, method in METHODS.items())
    + "; auto: em, or with golden answers calibrated if it is better on them, or majority for counts of votes.  "
    "[default: the benchmark's, or auto]",
)
@in_benchmark(
    "--golden", metavar="NAME|FILE", help="The experts' answers, or none; em keeps golden items at their truth."
)
@golden_at_least_option
@in_benchmark("--original", metavar="NAME|FILE", help="Count original labels as one more rater, or none.")
@click.option(
    "--pooling",
    type=Range(0, 1e12),
    metavar="K",
    help=f"Votes of the average rater added to each rater's.  [default: {POOLING:g}; 0 for imagenet-real]",
)
@answers_option
@match_option
@output_option("SCORES", "npz, csv, tsv, jsonl or parquet.")
@call_options
def aggregate(
    call: Call, votes: str | None, benchmark: Benchmark | None, method: str | None, output: Path, **given: Any
) -> None:
    """Compute scores from votes.

    A score is the probability that a class is valid, or that an answer is right. VOTES is a file or a known source.

    Votes on images and classes give scores, and so do votes for one class an image, or counts of such; votes on plain
    items give a table of item, answer and probability.

    Votes and golden answers of a --benchmark are used where no option names others; scores that are written into its
    folder are its scores from then on, and its benchmark.json keeps the method.
    """
    if method is None and benchmark is not None and benchmark.method is not None:
        method = parse_method(benchmark.method)[0]
    source = benchmark or (IMAGENET if method == OF_IMAGENET else Benchmark())
    call.check_output(output, (".npz", *TABLE_SUFFIXES), "scores", benchmark=benchmark, part="scores")
    if votes is None and "votes" not in source.sources and benchmark is None:
        raise click.UsageError("Give VOTES, or --benchmark.")
    made = make_scores(
        call, source, votes, None if method == AUTO else method, given, check=partial(_check_output, output)
    )
    result = made.aggregation
    if source.stop is not None and votes is None and METHODS[made.method].is_biased_by_stop:
        warn_of_stop(source.stop, f"their {made.method} is biased; take calibrated or em")
    with write_atomically():
        if isinstance(result.posterior.items, Questions):
            write_scores(output, made.scores, force=call.force)
        else:
            write_posterior(output, result.posterior, force=call.force)
        how = call.reading
        keep_settings(call, benchmark, output, "scores", method=result.method, match=how.match, answers=how.answers)
    if isinstance(result.posterior.items, Questions):
        next_labels(call, benchmark, output, None if benchmark and benchmark.threshold is not None else USUAL_THRESHOLD)
    _report(call, made, output)


def _check_output(output: Path, votes: Votes) -> None:
    """Refuse, before any work, a file that cannot hold the probabilities of plain items."""
    if not isinstance(votes.items, Questions) and votes.classes is None:
        suffix_of(output, TABLE_SUFFIXES, "a table")


def _report(call: Call, made: MadeScores, output: Path) -> None:
    name, votes, result = made.method, made.rated, made.aggregation
    prior = None
    if result.model is not None:
        prior = dict(zip(map(str, result.model.truths), result.model.prior.tolist(), strict=True))
    raters = None if votes.anonymous else len(votes.raters)
    scale = votes.on_full_scale().answers if isinstance(votes.items, Questions) else None
    counts = {"votes": len(votes), "raters": raters, "items": len(votes.items), "answers": scale}
    golden = None if result.by_experts is None else result.by_experts.to_json()
    facts = {"method": name, "output": str(output), **counts, "prior": prior, "golden": golden}
    questions, images = made.by_experts if isinstance(result.posterior.items, Questions) else (0, 0)
    unrated = made.golden_unrated if isinstance(result.posterior.items, Questions) else 0
    facts |= {
        "by_golden_votes": made.by_golden_votes,
        "by_experts": questions,
        "golden_unrated": unrated,
        **result.facts,
    }
    if call.json:
        call.print_document("aggregate", facts)
        return
    items = counted(len(result.posterior), "item" if votes.classes is None else "score")
    by = "unknown raters" if raters is None else counted(raters, "rater")
    call.tell(f"{output}: {items} of {counted(len(votes), 'vote')} by {by}, {name}")
    if repeated := _repeated_votes(votes):
        call.tell(f"{counted(repeated, 'vote')} by a rater who had voted on the same item before; each counts")
    if made.by_golden_votes:
        what = counted(made.by_golden_votes, "golden item has", "golden items have")
        call.tell(f"{what} no other votes: the raters' golden votes count for them")
    if images:
        what = f"{counted(questions, 'golden question')} on {counted(images, 'image')}"
        call.tell(f"experts decide {what}, since raters have not answered all of them")
    if unrated:
        what = counted(unrated, "golden image is", "golden images are")
        call.tell(f"{what} unrated: neither raters nor experts decide all golden questions there")
    if (classes := classes_of(votes)).has_local_ids:
        names = counted(len(classes.texts), "name")
        call.tell(f"classes: the {names} in the votes, sorted: {some(classes.texts, most=5)}")
    if scale is not None and scale != KNOWN_ANSWERS:
        call.tell(f"answers: {some(scale, most=10)}, from what speaks least for the class to what speaks most")
    if prior is not None:
        call.tell("prior: " + ", ".join(f"{truth} {share:.4f}" for truth, share in prior.items()))
    if result.by_experts is not None and result.by_experts.note is not None:
        call.tell(result.by_experts.note)
    for fact, value in result.facts.items():
        if fact != "method":
            call.tell(f"{fact.replace('_', ' ')}: {_in_words(value)}")


def _repeated_votes(votes: Votes) -> int:
    """The number of votes whose rater had voted on the item before."""
    pairs = votes.item_ids * np.int64(len(votes.raters)) + votes.rater_ids
    return 0 if votes.anonymous else len(votes) - np.unique(pairs).size


def _in_words(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, str):
        return value
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
