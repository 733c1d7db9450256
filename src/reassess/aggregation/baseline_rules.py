"""Rules that choose labels without a rater model: one rater, the share of yes votes, the original label."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reassess.aggregation.baselines import compute_class_shares_and_count_ties
from reassess.aggregation.curves import Curve, Point
from reassess.aggregation.golden import GoldenQuestions, convert_to_votes_on_questions
from reassess.aggregation.recipe import original_label_votes
from reassess.core import Id, LabelSets, Votes
from reassess.core.answers import highest_answer
from reassess.core.checks import check_all_valid
from reassess.core.class_votes import count_chosen_classes
from reassess.core.image_names import match_images
from reassess.core.items import find_items, merge_items, require_questions, take_items
from reassess.errors import DataError
from reassess.text import Printable


@dataclass(frozen=True, eq=False, repr=False)
class MeasuredRule(Printable):
    """Precision and recall of a rule that chooses labels: a point for each variant, for example for each rater."""

    name: str
    point_names: tuple[Id, ...]  # a rater's id, or a share of yes votes, for each point
    points: tuple[Point, ...]
    average_precision: float | None = None  # None if the points have no thresholds
    file: str = ""  # the file of the votes, or of the original labels

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        points = zip(self.point_names, self.points, strict=True)
        return {
            "file": self.file,
            "rule": self.name,
            "average_precision": self.average_precision,
            "in_sample": False,
            "points": [{"variant": name} | point.to_json() for name, point in points],
            "chosen": None,
        }


def measure_baseline_rules(
    golden: GoldenQuestions,
    *,
    votes: Votes | None = None,
    rater_golden: Votes | None = None,
    original: LabelSets | None = None,
    files: Mapping[str, str] | None = None,
) -> tuple[MeasuredRule, ...]:
    """Measure the precision and recall of rules that need no rater model.

    `files` has the file names of the arguments, by argument name.
    """
    rules: list[tuple[str, MeasuredRule]] = []
    if rater_golden is not None and not rater_golden.is_anonymous:
        pair_votes = _select_votes_on_golden(rater_golden, golden)
        rules.append(("rater_golden", measure_single_rater_rule(golden, pair_votes, pair_votes.answers[-1:])))
        if pair_votes.counts_by_rater()[:, 1:-1].any():
            rules.append(("rater_golden", measure_single_rater_rule(golden, pair_votes, pair_votes.answers[:0:-1])))
    if votes is not None:
        rules.append(("votes", measure_yes_share_rule(golden, votes)))
    if original is not None:
        rules.append(("original", measure_keep_original_label_rule(golden, original)))
    return tuple(replace(rule, file=(files or {}).get(source, "")) for source, rule in rules)


def _select_votes_on_golden(votes: Votes, golden: GoldenQuestions) -> Votes:
    """Select the votes on golden questions. If raters choose classes, use only the valid and the chosen classes."""
    if votes.classes is not None:
        on_golden = votes.select_items(np.flatnonzero(match_images(votes.images, golden.questions.images) >= 0))
        voted, _ = count_chosen_classes(on_golden)
        pairs, _ = merge_items(voted, take_items(golden.questions, np.flatnonzero(golden.is_valid)))
        votes = convert_to_votes_on_questions(votes, require_questions(pairs))
    return votes.with_no_maybe_yes()


def measure_single_rater_rule(golden: GoldenQuestions, votes: Votes, accepted_answers: Collection[Id]) -> MeasuredRule:
    """Measure the rule "keep a class if one rater gave an accepted answer"; one point per rater."""
    rows = find_items(golden.questions, votes.items)[votes.item_ids]
    is_on_golden = rows >= 0
    raters, is_valid = votes.rater_ids[is_on_golden], golden.is_valid[rows[is_on_golden]]
    is_kept = np.isin(votes.answer_ids[is_on_golden], [votes.answer_id(answer) for answer in accepted_answers])

    counts = (
        np.bincount(raters[part], minlength=len(votes.raters)).tolist()
        for part in (is_kept & is_valid, is_kept, is_valid)
    )
    points = {
        rater: Point(threshold=None, n_hits=n_hits, n_kept_questions=n_kept_questions, n_valid=n_valid)
        for rater, n_hits, n_kept_questions, n_valid in zip(votes.raters, *counts, strict=True)
        if n_kept_questions and n_valid
    }
    either = " or ".join(map(str, accepted_answers))
    if not points:
        raise DataError(
            "missing-golden",
            f"no rater answered {either} to any golden question",
            fix="give all votes of raters on golden questions",
        )
    return MeasuredRule(name=f"one rater: {either}", point_names=tuple(points), points=tuple(points.values()))


def measure_precision_recall_of_yes_share(golden: GoldenQuestions, votes: Votes) -> Curve:
    """Measure precision and recall if the score of a question is its share of yes votes.

    Other answers than no, maybe and yes: the score is the share of the last answer.

    Raises `DataError` if a golden question has no votes.
    """
    if votes.classes is not None:
        shares, _ = compute_class_shares_and_count_ties(votes)
        return Curve(golden, golden.scores_of_questions(shares, "the votes"), in_sample=False)
    rows = golden.find_rows_in(votes.items, "the votes")
    check_all_valid(
        votes.sizes[rows] > 0, value_name="golden questions without votes", name_of=golden.questions.describe_question
    )
    return Curve(golden=golden, golden_scores=votes.count_supporting_votes()[rows] / votes.sizes[rows], in_sample=False)


def measure_yes_share_rule(golden: GoldenQuestions, votes: Votes) -> MeasuredRule:
    """Measure the rule "keep a class if its share of yes votes is at least s"; one point per s above 0."""
    curve = measure_precision_recall_of_yes_share(golden, votes)
    points = tuple(curve.point_at_row(row) for row in np.flatnonzero(curve.thresholds > 0).tolist())
    rows = votes.find_positions(golden.questions if votes.classes is None else golden.questions.images)
    sizes = np.unique(votes.sizes[rows]).tolist()
    yes = highest_answer(votes.answers) if votes.classes is None else "yes"

    def describe_share(share: float) -> str:
        return f"{share * sizes[0]:.0f} of {sizes[0]} {yes}" if len(sizes) == 1 else f"{100 * share:.3g} % {yes}"

    names = tuple(describe_share(float(share)) for share in curve.thresholds[: len(points)])
    return MeasuredRule(
        name=f"share of {yes}", point_names=names, points=points, average_precision=curve.average_precision
    )


def measure_keep_original_label_rule(golden: GoldenQuestions, original: LabelSets) -> MeasuredRule:
    """Measure the rule "keep a class if it is the image's original label"."""
    votes = original_label_votes(golden.questions, original)
    check_all_valid(
        votes.sizes > 0,
        value_name="golden questions on images without an original label",
        name_of=votes.describe_item,
        fix="give the original label of every golden image",
    )
    is_original = votes.count_supporting_votes() > 0
    point = Point(
        threshold=None,
        n_hits=int(np.count_nonzero(is_original & golden.is_valid)),
        n_kept_questions=int(np.count_nonzero(is_original)),
        n_valid=golden.n_valid,
    )
    return MeasuredRule(name="original label", point_names=("original label",), points=(point,))
