"""`reassess aggregate`: from votes to scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from reassess.aggregation.calibration import POOLING
from reassess.aggregation.golden_items import golden_answers, with_golden_votes
from reassess.aggregation.methods import Aggregation, by_calibration, by_em, by_majority, by_mean, by_recipe
from reassess.aggregation.stopping import warn_of_stop
from reassess.cli.common import Call, Range, call_options
from reassess.cli.help_pages import Choice, Command, in_benchmark
from reassess.cli.inputs import (
    OUTPUT,
    answers_option,
    benchmark_option,
    from_environment,
    keep_settings,
    match_option,
    max_bytes_option,
)
from reassess.cli.judges import (
    NONE,
    find_part,
    joined_parts,
    matched,
    needed_part,
    read_classes_of,
    refuse_two_kinds,
)
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.core.class_lists import Classed, classes_of
from reassess.core.image_names import Match
from reassess.core.items import Id
from reassess.core.questions import Questions
from reassess.core.recipe import REAL_RECIPE
from reassess.core.votes import Votes
from reassess.data.loading import load_original, load_votes
from reassess.errors import DataError
from reassess.formats.archives import MAX_BYTES
from reassess.formats.files import all_or_none
from reassess.formats.posteriors import write_posterior
from reassess.formats.rater_model import write_rater_model
from reassess.formats.scores import write_scores
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import counted, some

__all__ = ["OF_METHODS", "MadeScores", "aggregate", "make_scores"]

_PRESETS = {"imagenet-real": IMAGENET}
# The options that a method has a use for: any other is an error, so that none is ignored silently.
_USED = {
    "imagenet-real": ("golden", "rater_golden", "golden_at_least", "original", "pooling", "smoothing", "model"),
    "calibrated": ("truths", "golden", "rater_golden", "golden_at_least", "original", "pooling", "smoothing", "model"),
    "em": ("truths", "golden", "rater_golden", "golden_at_least", "pooling", "smoothing", "model"),
    "mean": ("rater_golden",),
    "majority": ("rater_golden",),
}
OF_METHODS = tuple(dict.fromkeys(option for options in _USED.values() for option in options))


# The golden answers without which a method cannot be.
_NEEDED = {"imagenet-real": ("golden", "rater-golden"), "calibrated": ("golden",)}


@click.command(
    cls=Command,
    docs="docs/votes.md",
    examples=[
        "reassess aggregate --preset imagenet-real -o scores.npz",
        "reassess aggregate votes.csv --method majority -o scores.csv",
    ],
)
@click.argument("votes", required=False, metavar="[VOTES]")
@benchmark_option
@click.option("--preset", type=Choice(list(_PRESETS)), help="Make scores as a published set was made.")
@click.option(
    "--method",
    type=Choice([name for name in _USED if name not in _PRESETS]),
    help="calibrated: each rater is measured on golden answers; em: Dawid and Skene's EM; mean: of no 0, maybe 0.5, "
    "yes 1; majority: the share of each answer, or class.  [default: the benchmark's; majority where votes are "
    "but counted; calibrated with golden answers, else em]",
)
@click.option(
    "--truths",
    type=Choice(["valid", "answers"]),
    help="What an item can be: valid or not, or one of the answers.  [default: valid for votes on images and classes]",
)
@in_benchmark(
    "--golden", metavar="NAME|FILE", help="The experts' answers, or none; em keeps golden items at their truth."
)
@in_benchmark(
    "--rater-golden",
    metavar="NAME|FILE",
    help="The raters' golden answers, or none; of a golden item without other votes, its score is made of them.  "
    "[default: those in VOTES]",
)
@in_benchmark(
    "--golden-at-least",
    type=int,
    metavar="M",
    help="How many experts must agree on a golden answer.  [default: more than half of those who answered]",
)
@in_benchmark("--original", metavar="NAME|FILE", help="Original labels, which vote as one more rater, or none.")
@click.option(
    "--pooling",
    type=Range(0, 1e12),
    metavar="K",
    help="Votes added to each row of a rater's counts, shared out as all raters' votes are.  "
    f"[default: {POOLING:g}; 0 with --preset]",
)
@click.option(
    "--smoothing",
    type=Range(0, 1e12),
    metavar="A",
    help="Added to each count of each matrix.  [default: 0; 1 with --preset]",
)
@answers_option
@match_option
@max_bytes_option
@click.option("-o", "--output", type=OUTPUT, required=True, metavar="SCORES", help="npz, csv, tsv, jsonl or parquet.")
@click.option("--model", type=OUTPUT, metavar="OUT", help="Write the raters' matrices and the prior, npz.")
@call_options
def aggregate(
    call: Call,
    votes: str | None,
    benchmark: Benchmark | None,
    preset: str | None,
    method: str | None,
    answers: tuple[Id, ...] | None,
    match: Match | None,
    max_bytes: int,
    output: Path,
    **given: Any,
) -> None:
    """Make scores of votes.

    A score is the probability that a class is valid, or that an answer is right. VOTES is a file or a known source.

    Votes on images and classes give scores, and so do votes for one class an image, or counts of such; votes on plain
    items give a table of item, answer and probability.

    Votes and golden answers of a --benchmark are used where no option names others; scores that are written into its
    folder are its scores from then on, and its benchmark.json keeps the method.
    """
    if preset and method:
        raise click.UsageError("Give --preset or --method: a preset has its method.")
    if preset and from_environment(click.get_current_context(), "benchmark"):
        benchmark = None
    if preset and benchmark:
        raise click.UsageError("Give --preset or --benchmark: a preset has its benchmark.")
    source = benchmark or _PRESETS.get(preset or "", Benchmark())
    _check_outputs(call, output, given["model"], benchmark)
    if benchmark is None and preset is None and votes is None:
        raise click.UsageError("Give VOTES, --benchmark or --preset.")
    asked = preset or method or source.method
    made = make_scores(call, source, votes, asked, given, answers=answers, match=match, max_bytes=max_bytes)
    of_votes, result = made.rated, made.aggregation
    if source.stop is not None and votes is None and made.method in ("majority", "mean"):
        warn_of_stop(source.stop, f"their {made.method} is biased; take calibrated or em")
    if given["model"] and result.model is None:
        raise DataError(
            "no matrices of single raters are made of so many classes",
            allowed="up to 256 classes, and raters times classes times classes up to 16,777,216",
            found=f"{len(of_votes.raters):,} raters, {len(of_votes.answers):,} classes",
            mend="leave out --model",
        )
    call.keep_inputs(output, given["model"])
    with all_or_none():
        if isinstance(result.posterior.items, Questions):
            write_scores(output, result.scores, force=call.force)
        else:
            write_posterior(output, result.posterior, force=call.force)
        if given["model"] and result.model:
            write_rater_model(given["model"], result.model, force=call.force)
        keep_settings(benchmark, output, "scores", method=made.method, match=match, answers=answers)
    _report(call, made, output)


@dataclass(frozen=True)
class MadeScores:
    """What came of votes.

    Parameters
    ----------
    method
        The method or preset.
    votes
        The raters' votes.
    rated
        The same, and their golden votes on golden items that have no others.
    aggregation
        What the method made of `rated`.
    """

    method: str
    votes: Votes
    rated: Votes
    aggregation: Aggregation

    @property
    def by_golden_votes(self) -> int:
        """Number of golden items for which the raters' golden votes count."""
        return int(np.count_nonzero(self.rated.sizes) - np.count_nonzero(self.votes.sizes))


def make_scores(
    call: Call,
    benchmark: Benchmark,
    votes: str | None,
    asked: str | None,
    given: dict[str, Any],
    *,
    answers: Sequence[Id] | None = None,
    match: Match | None = None,
    max_bytes: int = MAX_BYTES,
) -> MadeScores:
    """Read the votes and whatever else a method takes, and make scores of them.

    Parameters
    ----------
    call, benchmark
        The command's call; the benchmark, or one without parts.
    votes
        A name or path as given, or None for the benchmark's own.
    asked
        The method or preset that was asked for; None for the usual one.
    given
        The options of methods by name, see `OF_METHODS`.
    answers, match
        As given, or None for the benchmark's own.
    max_bytes
        Larger archives are refused.
    """
    benchmark = _without_none(benchmark, given)
    name = asked or _usual_method(benchmark, given)
    _refuse_unused(name, given, benchmark)
    classes = read_classes_of(call, benchmark) if benchmark.folder else None
    path = needed_part(call, benchmark, "votes", votes)
    order = answers or benchmark.answers
    main = load_votes(path, answers=order, classes=classes, max_bytes=max_bytes)
    if asked is None and main.anonymous and not any(value is not None for value in given.values()):
        name = "majority"  # no option asks for a rater model, which counts without raters do not give
    read: dict[str, tuple[Path, Classed]] = {"votes": (path, main)}
    load = partial(load_votes, answers=order or golden_answers(main), classes=classes, max_bytes=max_bytes)
    for part, place in _further_parts(call, benchmark, name, given).items():
        read[part] = place, load_original(place, classes=classes) if part == "original" else load(place)
    refuse_two_kinds(read)
    parts = joined_parts(read, matched(benchmark, match), classes)
    rated = with_golden_votes(parts["votes"], parts.get("rater-golden"), parts.get("golden"))
    return MadeScores(name, parts["votes"], rated, _METHODS[name](parts | {"votes": rated}, given))


def _without_none(benchmark: Benchmark, given: dict[str, Any]) -> Benchmark:
    """The benchmark without the golden answers of which an option says none; the option is then as if not given."""
    left_out = [part for part in ("golden", "rater-golden") if given[part.replace("-", "_")] == NONE]
    for part in left_out:
        given[part.replace("-", "_")] = None
    if not left_out:
        return benchmark
    return replace(benchmark, sources={part: at for part, at in benchmark.sources.items() if part not in left_out})


def _usual_method(benchmark: Benchmark, given: dict[str, Any]) -> str:
    """The method where none is asked for: the preset of a known benchmark, or as there are golden answers."""
    presets = [name for name, preset in _PRESETS.items() if preset is benchmark]
    has_golden = given["golden"] is not None or "golden" in benchmark.sources
    if given["rater_golden"] is not None and not has_golden:
        raise click.UsageError("--rater-golden goes with --golden, or with a --method.")
    return next(iter(presets), "calibrated" if has_golden else "em")


def _check_outputs(call: Call, output: Path, model: Path | None, benchmark: Benchmark | None) -> None:
    """Refuse, before any work, what cannot be written."""
    if output == model:
        raise click.UsageError("-o and --model name one file.")
    call.check_output(output, (".npz", *TABLE_SUFFIXES), "scores", benchmark=benchmark, part="scores")
    call.check_output(model, (".npz",), "a rater model", benchmark=benchmark)


def _further_parts(call: Call, benchmark: Benchmark, name: str, given: dict[str, Any]) -> dict[str, Path]:
    """The other files that a method takes: as given, or the benchmark's; original labels are a preset's by default."""
    places: dict[str, Path | None] = {}
    for part in ("golden", "rater-golden"):
        if part.replace("-", "_") not in _USED[name]:
            continue
        of_part = given[part.replace("-", "_")]
        if part == "rater-golden" and name not in _NEEDED:  # no rater is measured on it: it is not fetched
            places[part] = find_part(call, benchmark, part, of_part)
        elif (source := benchmark.sources.get(part) if of_part is None else of_part) is not None:
            places[part] = call.resolve(part, source)
    if "golden" not in _USED[name] and places.get("rater-golden") is not None:  # which says what golden images lack
        places["golden"] = find_part(call, benchmark, "golden", None)
    if name in _PRESETS or given["original"] is not None:
        places["original"] = find_part(call, benchmark, "original", given["original"])
    return {part: place for part, place in places.items() if place is not None}


def _refuse_unused(name: str, given: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [option for option, value in given.items() if value is not None and option not in _USED[name]]
    if unused:
        raise click.UsageError(f"{name} has no use for --{unused[0].replace('_', '-')}.")
    for part in _NEEDED.get(name, ()):
        if given[part.replace("-", "_")] is None and part not in benchmark.sources:
            raise click.UsageError(f"{name} measures raters on golden answers: give --{part}.")


def _preset(parts: dict[str, Any], given: dict[str, Any]) -> Aggregation:
    changed = {"experts_at_least": given["golden_at_least"], **{name: given[name] for name in ("pooling", "smoothing")}}
    recipe = replace(REAL_RECIPE, **{rule: value for rule, value in changed.items() if value is not None})
    return by_recipe(parts["votes"], parts["golden"], parts["rater-golden"], parts.get("original"), recipe=recipe)


def _calibrated(parts: dict[str, Any], given: dict[str, Any]) -> Aggregation:
    votes, experts, rater_golden = parts["votes"], parts["golden"], parts.get("rater-golden")
    options = _options(votes, given)
    return by_calibration(votes, experts, rater_golden=rater_golden, original=parts.get("original"), **options)


def _em(parts: dict[str, Any], given: dict[str, Any]) -> Aggregation:
    return by_em(parts["votes"], experts=parts.get("golden"), **_options(parts["votes"], given))


def _options(votes: Votes, given: dict[str, Any]) -> dict[str, Any]:
    truths = given["truths"] or ("valid" if isinstance(votes.items, Questions) else "answers")
    return {
        "truths_are_answers": truths == "answers",
        "at_least": given["golden_at_least"],
        **{name: given[name] for name in ("pooling", "smoothing") if given[name] is not None},
    }


_METHODS: dict[str, Callable[[dict[str, Any], dict[str, Any]], Aggregation]] = {
    "imagenet-real": _preset,
    "calibrated": _calibrated,
    "em": _em,
    "mean": lambda parts, _: by_mean(parts["votes"]),
    "majority": lambda parts, _: by_majority(parts["votes"]),
}


def _report(call: Call, made: MadeScores, output: Path) -> None:
    name, votes, result = made.method, made.rated, made.aggregation
    prior = None
    if result.model is not None:
        prior = dict(zip(map(str, result.model.truths), result.model.prior.tolist(), strict=True))
    raters = None if votes.anonymous else len(votes.raters)
    scale = votes.on_whole_scale().answers if isinstance(votes.items, Questions) else None
    counts = {"votes": len(votes), "raters": raters, "items": len(votes.items), "answers": scale}
    golden = None if result.by_experts is None else result.by_experts.to_json()
    facts = {"method": name, "output": str(output), **counts, "prior": prior, "golden": golden}
    facts |= {"by_golden_votes": made.by_golden_votes, **result.facts}
    if call.json:
        call.print_document("aggregate", facts)
        return
    items = counted(len(result.posterior), "item" if votes.classes is None else "score")
    by = "unknown raters" if raters is None else counted(raters, "rater")
    call.tell(f"{output}: {items} of {counted(len(votes), 'vote')} by {by}, {name}")
    if made.by_golden_votes:
        what = counted(made.by_golden_votes, "golden item has", "golden items have")
        call.tell(f"{what} no other votes: the raters' golden votes count for them")
    if (classes := classes_of(votes)).ranked:
        names = counted(len(classes.texts), "name")
        call.tell(f"classes: the {names} in the votes, sorted: {some(classes.texts, most=5)}")
    if scale is not None and scale != KNOWN_ANSWERS:
        call.tell(f"answers: {some(scale, most=10)}, from what speaks least for the class to what speaks most")
    if prior is not None:
        call.tell("prior: " + ", ".join(f"{truth} {share:.4f}" for truth, share in prior.items()))
    if result.by_experts is not None and result.by_experts.note is not None:
        call.tell(result.by_experts.note)
    for fact, value in result.facts.items():
        call.tell(f"{fact.replace('_', ' ')}: {_in_words(value)}")


def _in_words(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
