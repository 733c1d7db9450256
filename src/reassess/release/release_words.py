"""Sentences about a release, which the metadata, the dataset card and the datasheet share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reassess import __version__
from reassess.aggregation import Curve, MeasuredCurve, Reliability, parse_method
from reassess.aggregation.measured_curves import is_made_with_golden, is_method_known
from reassess.aggregation.methods import WEIGHTS
from reassess.core import Id, Questions
from reassess.core.scores import UNKNOWN_METHOD
from reassess.data.release_facts import RELEASE_FACTS, ReleaseFacts
from reassess.errors import MissingResult
from reassess.release.anonymous_names import is_model
from reassess.release.fitting import Fit
from reassess.release.measurements import DOUBTFUL_PROBABILITIES, Doubts, Measurements, VoteCounts
from reassess.release.release_parts import ReleaseParts
from reassess.release.released_tables import ReleasedTable
from reassess.text import count_noun, format_percent, format_percent_interval, join_first

_ROUNDING_DIFFERENCE = 1e-9  # of scores
TODO = "TODO"  # marks what only the owner can say


@dataclass(frozen=True)
class ReleaseContents:
    """Everything that the pages and the metadata of a release are written from."""

    parts: ReleaseParts
    fit: Fit
    measurements: Measurements
    tables: Sequence[ReleasedTable]
    image_suffixes: Sequence[str]  # suffixes of the released images; empty without images

    @property
    def name(self) -> str:
        """The name of the benchmark."""
        return self.parts.benchmark.name

    @property
    def facts(self) -> ReleaseFacts:
        """What the owner says about the release in benchmark.json."""
        facts: ReleaseFacts = self.parts.settings.get("release", {})
        return facts

    @property
    def is_campaign(self) -> bool:
        """Whether `reassess annotate export` wrote the benchmark, so that raters answered on its pages."""
        folder = self.parts.benchmark.folder
        return folder is not None and (folder / "question-states.csv").is_file()

    @property
    def platform(self) -> str:
        """Where raters answered."""
        is_known = self.is_campaign and "platform" not in self.facts
        return "the rating pages of `reassess annotate`" if is_known else str(self.say("platform"))

    @property
    def uses_golden(self) -> bool:
        """Whether the scores were made with golden answers."""
        scores = self.parts.scores
        return scores is not None and is_method_known(scores) and is_made_with_golden(scores)

    @property
    def missing_facts(self) -> tuple[str, ...]:
        """The facts that only the owner can say, and has not said."""
        known = {*self.facts, *(("platform",) if self.is_campaign else ())}
        return tuple(key for key in RELEASE_FACTS if key not in known)

    def say(self, key: str) -> Any:
        """Return a fact of the owner, or a text that says what the owner must write."""
        return self.facts.get(key, f"{TODO}: {RELEASE_FACTS[key].instruction}")

    @property
    def description(self) -> str:
        """The owner's description, or one made from the counts."""
        counts = join_first([f"{table.part} ({table.contents})" for table in self.tables], max_items=9)
        return str(self.facts.get("description", f"Reassessed labels of the benchmark {self.name}: {counts}."))

    @property
    def machines(self) -> list[Id]:
        """The models that answered questions."""
        return [rater for rater in self._raters if is_model(rater)]

    @property
    def has_people(self) -> bool:
        """Whether votes are by people with numbers."""
        return not all(map(is_model, self._raters))

    @property
    def _raters(self) -> list[Id]:
        return list(dict.fromkeys(rater for votes in self.parts.votes_by_part.values() for rater in votes.raters))


def describe_protocol(contents: ReleaseContents) -> list[str]:
    """Say how votes were collected, and how scores and labels were made from them."""
    parts, threshold = contents.parts, contents.parts.threshold
    sentences = []
    if (votes := parts.votes) is not None:
        answers = join_first(votes.answers, max_items=10)
        if isinstance(votes.items, Questions):
            sentences.append(f"Raters answered questions: is this class in the image? Answers: {answers}.")
        else:
            sentences.append("Raters chose one class for each image.")
    if parts.benchmark.stop is not None:
        low, high = parts.benchmark.stop.low, parts.benchmark.stop.high
        sentences.append(
            f"Voting on a question stopped when its class was valid with a probability of at most {low:g} or at least "
            f"{high:g}."
        )
    if parts.scores is not None:
        method = parts.scores.method
        made = "" if method == UNKNOWN_METHOD else f", computed from the votes by the method {_describe_method(method)}"
        sentences.append(f"A score is the probability that a class is valid for an image{made}.")
        unrated = "keep their original label" if contents.fit.keeps_original else "have no label set"
        sentences.append(
            f"The labels of an image are its classes with a score of at least {threshold:g}. Images without scores "
            f"{unrated}."
        )
    return sentences


def _describe_method(text: str) -> str:
    """Return the text of a method; the weights of stacking are rounded."""
    if not (parts := text.partition(f", {WEIGHTS}="))[1]:
        return text
    weights = [f"{name} {weight:.2f}" for name, weight in parse_method(text)[1][WEIGHTS].items()]
    return f"{parts[0]}, with the weights {join_first(weights, max_items=len(weights))}"


def describe_analysis(contents: ReleaseContents) -> list[str]:
    """Say how much raters agree, how accurate raters and labels are, and what changed."""
    measurements, has_stop = contents.measurements, contents.parts.benchmark.stop is not None
    return [
        *_describe_raters(measurements.reliability, has_stop=has_stop),
        *_describe_curve(measurements.curve),
        *_describe_changes(measurements),
        *_describe_doubts(measurements.doubts),
    ]


def describe_votes_per_item(counts: VoteCounts) -> str:
    """Say how many votes the questions or images have."""
    if counts.smallest == counts.largest:
        return f"{count_noun(counts.largest, 'vote')} per {counts.item}"
    return f"{counts.smallest} to {count_noun(counts.largest, 'vote')} per {counts.item}, median {counts.median:g}"


def describe_rebuilding(contents: ReleaseContents) -> str:
    """Say whether the labels can be made again from the released votes."""
    fit = contents.fit
    if fit.reason_scores_not_checked is not None:
        return f"It was not checked how scores and labels were made: {fit.reason_scores_not_checked}."
    difference = fit.max_score_difference or 0.0
    if difference < _ROUNDING_DIFFERENCE:
        return "Scores and label sets made again from the released votes are the same."
    return (
        f"Scores made again from the released votes differ by up to {difference:.2g}, since random choices of the "
        "method depend on image names; all label sets are the same."
    )


def _describe_raters(result: Reliability | MissingResult, *, has_stop: bool) -> Iterator[str]:
    if isinstance(result, MissingResult):
        yield f"Raters were not measured: {result.reason}."
        return
    if result.alpha is not None:
        biased = ", biased because voting stopped early" if has_stop else ""
        yield f"Agreement of raters: Krippendorff's alpha ({result.metric}) {result.alpha:.3f}{biased}."
    accuracies = [rater.accuracy for rater in result.raters if rater.accuracy is not None and rater.accuracy.n]
    if accuracies:
        shares = np.array([100 * accuracy.hits / accuracy.n for accuracy in accuracies])
        hits, n = (sum(getattr(accuracy, name) for accuracy in accuracies) for name in ("hits", "n"))
        yield (
            f"Accuracy on golden questions: {hits:,} of {n:,} answers by {count_noun(len(accuracies), 'rater')} are "
            f"correct ({100 * hits / n:.1f} %); raters from {shares.min():.1f} % to {shares.max():.1f} %, median "
            f"{np.median(shares):.1f} %."
        )
    if flagged := sum(bool(rater.flags) for rater in result.raters):
        of_raters = count_noun(len(result.raters), "rater has", "raters have")
        yield f"{flagged} of {of_raters} few votes, uninformative votes, or almost always the same answer."
    if result.dependence.pairs:
        yield f"{count_noun(len(result.dependence.pairs), 'pair')} of raters agree too often to be independent."


def _describe_curve(measured: MeasuredCurve | MissingResult) -> Iterator[str]:
    if isinstance(measured, MissingResult):
        yield f"Labels were not measured by golden answers: {measured.reason}."
        return
    curve: Curve = measured.curve
    chosen = measured.operating_point
    golden = f"{count_noun(len(curve.golden), 'golden question')}, {curve.golden.n_valid:,} valid"
    sample = " These golden answers also made the scores." if curve.in_sample else ""
    yield f"Average precision of the scores on {golden}: {curve.average_precision:.4f}.{sample}"
    if chosen is not None:
        pairs = (
            ("precision", chosen.point.precision, chosen.precision_interval),
            ("recall", chosen.point.recall, chosen.recall_interval),
        )
        texts = [
            f"{name} {format_percent(share.value)} %"
            + ("" if interval is None else f" (95 %: {format_percent_interval(interval)})")
            for name, share, interval in pairs
            if share.value is not None
        ]
        yield f"At the threshold: {' and '.join(texts)}."


def _describe_changes(measurements: Measurements) -> Iterator[str]:
    changes = measurements.changes
    if isinstance(changes, MissingResult):
        yield f"Changes were not measured: {changes.reason}."
        return
    text = str(changes)
    yield f"{text[0].upper()}{text[1:]}."


def _describe_doubts(doubts: Doubts | None) -> Iterator[str]:
    if doubts is None:
        return
    low, high = DOUBTFUL_PROBABILITIES
    yield (
        f"Doubtful: {doubts.n_doubtful:,} of {count_noun(doubts.n_questions, 'question')} have a score between "
        f"{low:g} and {high:g}, on {count_noun(doubts.n_doubtful_images, 'image')}. If scores are correct "
        f"probabilities, {doubts.n_expected_invalid:,.1f} of {count_noun(doubts.n_labels, 'label')} from scores are "
        "invalid."
    )


def describe_personal_data(contents: ReleaseContents) -> list[str]:
    """Say what a release does with names."""
    sentences = ["People have ids in random order instead of names."] if contents.has_people else []
    if contents.parts.new_image_names:
        sentences.append("Image names are replaced by hashes.")
    return sentences


def made_by_text() -> str:
    """Return the program and version that wrote the release."""
    return f"reassess {__version__}"


def to_one_line(text: str) -> str:
    """Replace line breaks, for a heading."""
    return " ".join(text.split())


def to_list_item(value: Any) -> str:
    """Return a fact of the owner for a list in Markdown. Further lines are indented, so that they stay in the item."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return "\n  ".join(text.splitlines())
