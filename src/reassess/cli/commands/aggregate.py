"""`reassess aggregate`: from votes to scores."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reassess.aggregation.methods import Aggregation, by_calibration, by_em, by_majority, by_mean, by_recipe
from reassess.cli.common import Call, call_options
from reassess.cli.inputs import FILE, benchmark_option, check_part, from_environment, keep_setting, max_bytes_option
from reassess.cli.judges import find_part, read_classes_of
from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.core.class_lists import classes_of
from reassess.core.items import normal_id
from reassess.core.labels import LabelSets
from reassess.core.questions import Questions
from reassess.core.recipe import REAL_RECIPE
from reassess.core.votes import Votes
from reassess.data.benchmark_folders import part_path
from reassess.data.loading import load_original, load_votes
from reassess.formats.posteriors import write_posterior
from reassess.formats.rater_model import write_rater_model
from reassess.formats.scores import write_scores
from reassess.formats.tables import TABLE_SUFFIXES
from reassess.text import some

__all__ = ["aggregate"]

_PRESETS = {"imagenet-real": IMAGENET}
# The options that a method has a use for: any other is an error, so that none is ignored silently.
_USED = {
    "imagenet-real": ("golden", "rater_golden", "golden_at_least", "original", "smoothing", "model"),
    "calibrated": ("truths", "golden", "rater_golden", "golden_at_least", "original", "smoothing", "model"),
    "em": ("truths", "golden", "golden_at_least", "smoothing", "model"),
    "mean": (),
    "majority": (),
}


@click.command()
@click.argument("votes", required=False, metavar="[VOTES]")
@benchmark_option
@click.option("--preset", type=click.Choice(list(_PRESETS)), help="Make scores as a published set was made.")
@click.option(
    "--method",
    type=click.Choice([name for name in _USED if name not in _PRESETS]),
    help="calibrated: each rater is measured on golden answers; em: Dawid and Skene's EM; mean: of no 0, maybe 0.5, "
    "yes 1; majority: the share of each answer, or class.  [default: the benchmark's; majority where votes are "
    "but counted; calibrated with golden answers, else em]",
)
@click.option(
    "--truths",
    type=click.Choice(["valid", "answers"]),
    help="What an item can be: valid or not, or one of the answers.  [default: valid for votes on images and classes]",
)
@click.option("--golden", metavar="NAME|FILE", help="The experts' answers; em keeps golden items at their truth.")
@click.option("--rater-golden", metavar="NAME|FILE", help="The raters' golden answers.  [default: those in VOTES]")
@click.option(
    "--golden-at-least",
    type=int,
    metavar="M",
    help="How many experts must agree on a golden answer.  [default: more than half]",
)
@click.option("--original", metavar="NAME|FILE", help="Original labels, which vote as one more rater, or none.")
@click.option("--smoothing", type=float, metavar="A", help="Added to each count of each matrix.  [default: 1]")
@click.option("--answers", metavar="A,B,...", help="All answers, in their order.")
@click.option(
    "--seed", type=int, metavar="S", expose_value=False, help="Accepted, and without effect: no method draws."
)
@max_bytes_option
@click.option("-o", "--output", type=FILE, required=True, metavar="SCORES", help="npz, csv, tsv, jsonl or parquet.")
@click.option("--model", type=FILE, metavar="OUT", help="Write the raters' matrices and the prior, npz.")
@call_options
def aggregate(
    call: Call,
    votes: str | None,
    benchmark: Benchmark | None,
    preset: str | None,
    method: str | None,
    answers: str | None,
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
    asked = preset or method or source.method
    name = asked or _usual_method(source, given)
    _refuse_unused(name, given, source)
    _check_outputs(call, output, given["model"])
    check_part(benchmark, output, "scores")
    check_part(benchmark, given["model"])
    read = _Reader(call, source, answers, max_bytes)
    given_votes = read.votes("votes", votes)
    if given_votes is None:
        if benchmark is not None:
            part_path(benchmark, "votes", needed_by="aggregate")
        raise click.UsageError("Give VOTES, --benchmark or --preset.")
    if asked is None and given_votes.anonymous and not any(value is not None for value in given.values()):
        name = "majority"  # no option asks for a rater model, which counts without raters do not give
    result = _METHODS[name](read, given_votes, given)
    call.keep_inputs(output, given["model"])
    if isinstance(result.posterior.items, Questions):
        write_scores(output, result.scores, force=call.force)
    else:
        write_posterior(output, result.posterior, force=call.force)
    if given["model"] and result.model:
        write_rater_model(given["model"], result.model, force=call.force)
    keep_setting(benchmark, output, "scores", method=name)
    _report(call, name, given_votes, result, output)


def _usual_method(benchmark: Benchmark, given: dict[str, Any]) -> str:
    """The method where none is asked for: the preset of a known benchmark, or as there are golden answers."""
    presets = [name for name, preset in _PRESETS.items() if preset is benchmark]
    has_golden = given["golden"] is not None or "golden" in benchmark.sources
    return next(iter(presets), "calibrated" if has_golden else "em")


def _check_outputs(call: Call, output: Path, model: Path | None) -> None:
    """Refuse, before any work, what cannot be written."""
    if output == model:
        raise click.UsageError("-o and --model name one file.")
    call.check_output(output, (".npz", *TABLE_SUFFIXES), "scores")
    call.check_output(model, (".npz",), "a rater model")


class _Reader:
    """Reads the command's files, each as given or as the part of the preset's benchmark."""

    def __init__(self, call: Call, benchmark: Benchmark, answers: str | None, max_bytes: int) -> None:
        self._call = call
        self.benchmark = benchmark
        self._answers = None if answers is None else [normal_id(answer) for answer in answers.split(",")]
        self._max_bytes = max_bytes
        self._classes = read_classes_of(call, benchmark) if benchmark.folder else None

    def votes(self, part: str, given: str | None) -> Votes | None:
        """The votes of one part of the benchmark, or None if there is no such file."""
        source = self.benchmark.sources.get(part) if given is None else given
        if source is None:
            return None
        path = self._call.resolve(part, source)
        return load_votes(path, answers=self._answers, classes=self._classes, max_bytes=self._max_bytes)

    def original(self, given: str | None) -> LabelSets | None:
        """The original labels, or None."""
        source = self.benchmark.sources.get("original") if given is None else given
        path = find_part(self._call, self.benchmark, "original", source)
        return None if path is None else load_original(path, classes=self._classes)


def _refuse_unused(name: str, given: dict[str, Any], benchmark: Benchmark) -> None:
    unused = [option for option, value in given.items() if value is not None and option not in _USED[name]]
    if unused:
        raise click.UsageError(f"{name} has no use for --{unused[0].replace('_', '-')}.")
    if name == "calibrated" and given["golden"] is None and "golden" not in benchmark.sources:
        raise click.UsageError("calibrated measures raters on golden answers: give --golden.")


def _preset(read: _Reader, votes: Votes, given: dict[str, Any]) -> Aggregation:
    experts, rater_golden = read.votes("golden", given["golden"]), read.votes("rater-golden", given["rater_golden"])
    assert experts is not None
    assert rater_golden is not None
    changed = {"experts_at_least": given["golden_at_least"], "smoothing": given["smoothing"]}
    recipe = replace(REAL_RECIPE, **{rule: value for rule, value in changed.items() if value is not None})
    return by_recipe(votes, experts, rater_golden, read.original(given["original"]), recipe=recipe)


def _calibrated(read: _Reader, votes: Votes, given: dict[str, Any]) -> Aggregation:
    experts = read.votes("golden", given["golden"])
    assert experts is not None
    return by_calibration(
        votes,
        experts,
        rater_golden=read.votes("rater-golden", given["rater_golden"]),
        original=None if given["original"] is None else read.original(given["original"]),
        **_options(votes, given),
    )


def _em(read: _Reader, votes: Votes, given: dict[str, Any]) -> Aggregation:
    return by_em(votes, experts=read.votes("golden", given["golden"]), **_options(votes, given))


def _options(votes: Votes, given: dict[str, Any]) -> dict[str, Any]:
    truths = given["truths"] or ("valid" if isinstance(votes.items, Questions) else "answers")
    return {
        "truths_are_answers": truths == "answers",
        "at_least": given["golden_at_least"],
        "smoothing": 1.0 if given["smoothing"] is None else given["smoothing"],
    }


_METHODS: dict[str, Callable[[_Reader, Votes, dict[str, Any]], Aggregation]] = {
    "imagenet-real": _preset,
    "calibrated": _calibrated,
    "em": _em,
    "mean": lambda _, votes, __: by_mean(votes),
    "majority": lambda _, votes, __: by_majority(votes),
}


def _report(call: Call, name: str, votes: Votes, result: Aggregation, output: Path) -> None:
    prior = None
    if result.model is not None:
        prior = dict(zip(map(str, result.model.truths), result.model.prior.tolist(), strict=True))
    raters = None if votes.anonymous else len(votes.raters)
    counts = {"votes": len(votes), "raters": raters, "items": len(votes.items)}
    facts = {"method": name, "output": str(output), **counts, "prior": prior, **result.facts}
    if call.json:
        call.print_document("aggregate", facts)
        return
    items = f"{len(result.posterior):,} items" if votes.classes is None else f"{len(result.posterior):,} scores"
    by = "unknown raters" if raters is None else f"{raters:,} raters"
    call.note(f"{output}: {items} of {len(votes):,} votes by {by}, {name}")
    if (classes := classes_of(votes)).ranked:
        call.note(f"classes: the {classes.count:,} names in the votes, sorted: {some(classes.texts, most=5)}")
    if prior is not None:
        call.note("prior: " + ", ".join(f"{truth} {share:.4f}" for truth, share in prior.items()))
    for fact, value in result.facts.items():
        call.note(f"{fact.replace('_', ' ')}: {_in_words(value)}")


def _in_words(value: bool | int | float) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,.5f}" if isinstance(value, float) else f"{value:,}"
