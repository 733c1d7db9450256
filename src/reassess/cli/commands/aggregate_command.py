"""`reassess aggregate`: compute scores from votes."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.aggregation import AUTO, METHODS, parse_method
from reassess.aggregation.em_inputs import DEFAULT_POOLING
from reassess.aggregation.stopping import warn_of_early_stop
from reassess.cli.aggregate_inputs import IMAGENET_METHOD, ScoresSummary, compute_scores, use_stored_method
from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun, FiniteRange, add_common_options
from reassess.cli.help_pages import Choice, Command, benchmark_section_option
from reassess.cli.options import (
    answers_option,
    benchmark_option,
    golden_at_least_option,
    match_option,
    output_option,
    save_settings,
    suggest_making_labels,
)
from reassess.cli.vote_folders import check_folder_options, compute_and_write_folder_scores
from reassess.core import IMAGENET, KNOWN_ANSWERS, USUAL_THRESHOLD, Benchmark, Questions, Votes, classes_of
from reassess.core.items import are_questions
from reassess.formats import write_posterior, write_scores
from reassess.formats.files import atomic_writes, check_suffix
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import count_noun, join_and, join_first, shorten

_MAX_TRUTH_LETTERS = 40  # of a class in the line of the prior


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
    metavar="METHOD",
    help="; ".join(f"{name}: {method.summary}" for name, method in METHODS.items())
    + "; auto: stacking, but calibrated with --original, and majority for counts of votes.  [default: the "
    "benchmark's, or auto]",
)
@benchmark_section_option(
    "--golden",
    metavar="NAME|FILE",
    help="Experts' answers; none: do not use them. Most methods take experts' answers as the truth of golden items.",
)
@golden_at_least_option
@benchmark_section_option(
    "--original", metavar="NAME|FILE", help="Original labels, to count as one more rater; none: do not count them."
)
@click.option(
    "--pooling",
    type=FiniteRange(0, 1e12),
    metavar="K",
    help="Pseudo-votes: how many votes of an average rater are added to the votes of each rater; for ibcc and ebcc, of "
    f"a rater with the same accuracy for all truths.  [default: {DEFAULT_POOLING:g}; 0 for imagenet-real]",
)
@click.option(
    "--tempering",
    is_flag=True,
    default=None,
    help="Make probabilities less or more certain, so that they agree with golden answers. Stacking always does this.",
)
@click.option(
    "--dependence",
    is_flag=True,
    default=None,
    help="With calibrated: votes of raters that err together on golden items count less.",
)
@click.option(
    "--classifier",
    type=INPUT_PATH_TYPE,
    metavar="FILE",
    help="A classifier's scores of the images, to count as one more rater. If it was trained on the labels of these "
    "images, they must be held-out predictions.",
)
@answers_option
@match_option
@output_option("SCORES", "npz, csv, tsv, jsonl or parquet; for a folder of votes, a folder.")
@add_common_options
def aggregate(
    run: CommandRun,
    votes: str | None,
    benchmark: Benchmark | None,
    method: str | None,
    output: Path,
    **method_options: Any,
) -> None:
    """Compute scores from votes.

    A score is the probability that a class is valid, or that an answer is correct. VOTES is a file or a known source:
    votes on (image, class) questions, votes for one class per image, or counts of such votes. If votes are not
    about classes of images, the output is a table of item, answer and probability.

    VOTES can also be a folder of Parquet files, for votes that do not fit in memory. Then SCORES is a folder.

    By default, votes and golden answers come from --benchmark. Scores that are written into the benchmark folder become
    the benchmark's scores, and benchmark.json stores the method.
    """
    if votes is not None and Path(votes).is_dir():
        check_folder_options(run, Path(votes), benchmark, output, method)
        folder_scores = compute_and_write_folder_scores(
            run, Path(votes), None if method == AUTO else method, method_options, output
        )
        if are_questions(folder_scores.votes.items):
            suggest_making_labels(run, None, output, USUAL_THRESHOLD)
        _print_scores(run, folder_scores, output)
        return
    if method is None and benchmark is not None and benchmark.method is not None:
        method, method_options = use_stored_method(benchmark.method, method_options, benchmark)
    source = benchmark or (IMAGENET if method == IMAGENET_METHOD else Benchmark())
    run.check_output(output, (".npz", *TABLE_SUFFIXES), "scores", benchmark=benchmark, part="scores")
    if votes is None and "votes" not in source.sources and benchmark is None:
        raise click.UsageError("Give VOTES, or --benchmark.")
    computed = compute_scores(
        run,
        source,
        votes,
        None if method == AUTO else method,
        method_options,
        check_votes=partial(_require_table_if_votes_have_no_class, output),
    )
    result = computed.aggregation
    if source.stop is not None and votes is None and METHODS[computed.method_name].is_biased_by_early_stopping:
        warn_of_early_stop(source.stop, f"their {computed.method_name} is biased; use another method")
    with atomic_writes():
        if isinstance(result.posterior.items, Questions):
            write_scores(output, computed.scores, force=run.force)
        else:
            write_posterior(output, result.posterior, force=run.force)
        reading_options = run.reading_options
        save_settings(
            run,
            benchmark,
            output,
            "scores",
            method=result.method,
            match=reading_options.match,
            answers=reading_options.answers,
        )
    if isinstance(result.posterior.items, Questions):
        suggest_making_labels(
            run, benchmark, output, None if benchmark and benchmark.threshold is not None else USUAL_THRESHOLD
        )
    _print_scores(run, computed, output)


def _require_table_if_votes_have_no_class(output: Path, votes: Votes) -> None:
    """Raise an error if votes are not about classes and the output file is not a table."""
    if not isinstance(votes.items, Questions) and votes.classes is None:
        check_suffix(output, TABLE_SUFFIXES, "a table")


def _print_scores(run: CommandRun, computed: ScoresSummary, output: Path) -> None:
    votes, result = computed.votes_with_golden, computed.aggregation
    name = parse_method(result.method)[0]
    prior = None
    if result.model is not None:
        prior = dict(zip(map(str, result.model.truths), result.model.prior.tolist(), strict=True))
    raters = None if votes.is_anonymous else len(votes.raters)
    scale = votes.with_no_maybe_yes().answers if are_questions(votes.items) else None
    counts = {"votes": len(votes), "raters": raters, "items": len(votes.items), "answers": scale}
    golden = None if result.expert_truth is None else result.expert_truth.to_json()
    facts = {"method": name, "output": str(output), **counts, "prior": prior, "golden": golden}
    is_on_questions = are_questions(result.posterior.items)
    questions, images = computed.count_golden_decided_by_experts() if is_on_questions else (0, 0)
    unrated = computed.n_golden_images_without_scores if is_on_questions else 0
    facts |= {
        "by_golden_votes": computed.n_items_with_only_golden_votes,
        "by_experts": questions,
        "golden_unrated": unrated,
    }
    facts |= result.facts
    if run.json:
        run.print_json("aggregate", facts)
        return
    item = "question" if are_questions(votes.items) else "item"
    items = count_noun(len(result.posterior), item if votes.classes is None else "score")
    raters_text = "unknown raters" if raters is None else count_noun(raters, "rater")
    run.print_line(f"{output}: {items}, {count_noun(len(votes), 'vote')} by {raters_text}, method {name}")
    if repeated_votes := _count_repeated_votes(votes):
        run.print_line(f"{count_noun(repeated_votes, 'repeated vote')} (same rater and item), all counted")
    if computed.n_items_with_only_golden_votes:
        golden_items = count_noun(computed.n_items_with_only_golden_votes, f"golden {item}")
        run.print_line(f"votes on {golden_items} are from the separate file rater-golden")
    if images:
        decided = f"{count_noun(questions, 'golden question')} on {count_noun(images, 'image')}"
        run.print_line(f"decided by experts: {decided}, since raters have not answered all questions of these images")
    if unrated:
        images_are = count_noun(unrated, "golden image is", "golden images are")
        run.print_line(f"{images_are} unrated: neither raters nor experts have answered all golden questions there")
    if (classes := classes_of(votes)).has_local_ids:
        names = count_noun(len(classes.wnids_or_names), "class name")
        run.print_line(
            f"without a class list, the classes are the {names} in the votes, sorted: "
            f"{join_first(classes.wnids_or_names, max_items=5)}"
        )
    if scale is not None and scale != KNOWN_ANSWERS:
        run.print_line(f"answers, from invalid to valid: {join_first(scale, max_items=10)}")
    if prior is not None:
        shares = [f"{shorten(truth, _MAX_TRUTH_LETTERS)} {share:.4f}" for truth, share in prior.items()]
        run.print_line(f"prior: {', '.join(shares)}")
    if result.expert_truth is not None and result.expert_truth.note is not None:
        run.print_line(result.expert_truth.note)
    for line in _describe_facts(result.facts, item if votes.classes is None else "image"):
        run.print_line(line)
    if name == "stacking" and result.expert_votes is None:
        run.add_note("without golden answers, mistakes that raters share are not visible in the probabilities")


def _describe_facts(facts: Mapping[str, Any], item: str) -> Iterator[str]:
    """Yield a line for each fact that is worth printing."""
    predicted = [
        count_noun(facts[fact], noun)
        for fact, noun in (("predicted_votes", "unseen vote"), ("predicted_golden_items", "golden item"))
        if facts.get(fact)
    ]
    chosen_by = f" (by predictions of {join_and(predicted)})" if predicted else ""
    for fact, value in facts.items():
        if fact == "weights":
            yield "weights: " + ", ".join(f"{method} {weight:.2f}" for method, weight in value.items()) + chosen_by
        elif fact == "tempering_power":
            yield f"tempering power: {value:.2f}" + ("" if "weights" in facts else chosen_by)
        elif fact == "vote_power":
            data = predicted[-1] if facts.get("predicted_golden_items") else "votes"
            yield f"vote power: {value:.2f}; classifier power: {facts['classifier_power']:.2f} (chosen by {data})"
        elif fact in ("without_votes", "without_prediction"):
            if value:
                yield f"{fact.replace('_', ' ')}: {count_noun(value, item)}"
        elif fact == "dependent_groups":
            yield from (_describe_group(group) for group in value) if value else ("no raters err together",)
        elif fact != "classifier_power" and not fact.startswith("predicted_"):
            yield f"{fact.replace('_', ' ')}: {_format_value(value)}"


def _describe_group(group: Mapping[str, Any]) -> str:
    """Describe raters whose votes count less."""
    raters, correlation = group["raters"], group["correlation"]
    names = join_first(raters, max_items=5)
    worth = len(raters) / (1 + (len(raters) - 1) * correlation)
    return f"{count_noun(len(raters), 'rater')} err together, and count as {worth:.1f} if all of them vote: {names}"


def _count_repeated_votes(votes: Votes) -> int:
    """Count votes by a rater on an item that the same rater voted on before."""
    if votes.is_anonymous:
        return 0
    n_repeated = 0
    for _, block in votes.split_into_blocks():
        keys = block.item_ids * np.int64(len(block.raters)) + block.rater_ids
        keys.sort()
        n_repeated += int(np.count_nonzero(keys[1:] == keys[:-1]))
    return n_repeated


def _format_value(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, str):
        return value
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
