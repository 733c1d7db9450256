"""Changes in the order of models from one label set to another, on images with labels in all label sets.

Symbols: S label sets, M models, P = M (M - 1) / 2 pairs of models, N images. The lead of model a over model b is the
hits of a minus the hits of b. On one image it is -1, 0 or 1, so from one label set to another it changes by -2 to 2.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.differences import SIGNIFICANCE_LEVEL, format_p_value, sum_hit_differences_of_model_pairs
from reassess.comparison.panel import Panel
from reassess.core.image_names import match_images
from reassess.errors import DataError
from reassess.evaluation import Outcomes
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze, rank_descending
from reassess.numeric.proportions import adjust_p_values, sign_flip_p_values
from reassess.text import Printable, count_noun, format_percent, join_first

_MAX_IN_TEXT = 5  # pairs of models, or models of an order, in a text
_TEST_DESCRIPTION = "exact sign flips over images, Holm's correction over all pairs of models and of label sets"
_NO_ORDER_REASON = "all models are equal by a label set"
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class OrderChange(Printable):
    """The change in the order of models from a first label set to a second, on the same images."""

    first_label_set: str  # name of the first label set
    second_label_set: str  # name of the second label set
    models: tuple[str, ...]  # names, shape (M,)
    n_images: int  # number of images
    # int64, shape (P, 2): the lead in images by the first and by the second label set, for the pairs (0, 1), (0, 2),
    # ..., (M - 2, M - 1)
    leads: _Ints
    p_values: npt.NDArray[np.float64]  # float64, shape (P,): exact p-value of the change of each lead
    holm_p_values: npt.NDArray[np.float64]  # float64, shape (P,): p-values with Holm's correction for all tests

    def __post_init__(self) -> None:
        freeze(self, "leads", "p_values", "holm_p_values")

    @property
    def tau_b(self) -> float | None:
        """Kendall's tau-b of the two orders, in [-1, 1]; None if all models are equal by a label set.

        Its denominator is sqrt(P1 P2), where P1 and P2 are the pairs without a tie by each label set. Source: Kendall
        (1945), Biometrika 33.
        """
        signs = np.sign(self.leads)
        first, second = np.count_nonzero(signs, axis=0).tolist()
        return int(signs.prod(axis=1).sum()) / math.sqrt(first * second) if first and second else None

    @property
    def has_changed_leader(self) -> _Bools:
        """Whether the label sets disagree about which model of a pair is ahead; bool, shape (P,)."""
        return np.asarray(np.sign(self.leads).prod(axis=1) < 0)

    @property
    def is_significant(self) -> _Bools:
        """Whether a pair's lead differs significantly between the label sets (Holm p below 0.05); bool, shape (P,)."""
        return np.asarray(self.holm_p_values < SIGNIFICANCE_LEVEL)

    def __str__(self) -> str:
        return "\n".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        changes_places, is_significant = self.has_changed_leader, self.is_significant
        pairs = [0] if len(self.models) == 2 else np.flatnonzero(changes_places).tolist()
        if len(self.models) > 2:
            tau = f"no tau-b ({_NO_ORDER_REASON})" if self.tau_b is None else f"Kendall's tau-b {self.tau_b:.3f}"
            places, significant, both = map(
                np.count_nonzero, (changes_places, is_significant, changes_places & is_significant)
            )
            names = f"{self.first_label_set} and {self.second_label_set}"
            yield f"{names}: {tau}, {places:,} of {len(changes_places):,} pairs change places"
            yield f"significant changes of a lead: {significant:,}; in {both:,} of these, the pair changes places"
        if pairs:
            yield f"who is ahead by {self.first_label_set}, then by {self.second_label_set}; Holm p of the change:"
        pairs = sorted(pairs, key=self.p_values.__getitem__)
        yield from (f"  {self._describe_pair(pair)}" for pair in pairs[:_MAX_IN_TEXT])
        if len(pairs) > _MAX_IN_TEXT:
            yield f"  and {len(pairs) - _MAX_IN_TEXT:,} more"

    def _describe_pair(self, pair: int) -> str:
        a, b = (self.models[place] for place in _list_model_pairs(len(self.models))[pair].tolist())
        before, after = (
            f"{a if lead > 0 else b} by {100 * abs(lead) / self.n_images:.2f}" if lead else "neither"
            for lead in self.leads[pair].tolist()
        )
        verdict = "significant" if self.is_significant[pair] else "not significant"
        p_value = f"p {format_p_value(float(self.holm_p_values[pair]))}"
        return f"{before}, then {after} points: {verdict}, {p_value}"

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output, with pairs that swap places or change significantly."""
        rows = np.flatnonzero(self.has_changed_leader | self.is_significant)
        pairs = _list_model_pairs(len(self.models))[rows].tolist()
        return {
            "first": self.first_label_set,
            "second": self.second_label_set,
            "tau_b": self.tau_b,
            **({"tau_b_reason": _NO_ORDER_REASON} if self.tau_b is None else {}),
            "pairs": len(self.leads),
            "change_places": int(np.count_nonzero(self.has_changed_leader)),
            "significant": int(np.count_nonzero(self.is_significant)),
            "changed": [
                {
                    "a": self.models[a],
                    "b": self.models[b],
                    "first_difference": first / self.n_images,
                    "second_difference": second / self.n_images,
                    "p_value": p_value,
                    "holm": holm_p_value,
                    "changes_places": first * second < 0,
                }
                for (a, b), (first, second), p_value, holm_p_value in zip(
                    pairs,
                    self.leads[rows].tolist(),
                    self.p_values[rows].tolist(),
                    self.holm_p_values[rows].tolist(),
                    strict=True,
                )
            ],
        }


@dataclass(frozen=True, eq=False, repr=False)
class ModelOrders(Printable):
    """The order of models by several label sets, on the images that have labels in all of them."""

    label_sets: tuple[str, ...]  # names, shape (S,)
    models: tuple[str, ...]  # names, shape (M,)
    images: tuple[str, ...]  # names, shape (N,): images in all predictions, with a valid class in all label sets
    n_scored: _Ints  # int64, shape (S,): number of images in all predictions with a valid class in each label set
    hits: _Ints  # int64, shape (S, M): number of the N images where the model's top class is valid
    order_changes: tuple[OrderChange, ...]  # one for each pair of label sets, in their order

    def __post_init__(self) -> None:
        freeze(self, "n_scored", "hits")

    def accuracy(self, label_set: str, model: str) -> Proportion:
        """Return the top-1 accuracy of a model by a label set, on the N images."""
        row, column = self.label_sets.index(label_set), self.models.index(model)
        return Proportion(hits=int(self.hits[row, column]), n=len(self.images))

    def ranked_models(self, label_set: str) -> tuple[str, ...]:
        """Return the models in order of accuracy by a label set, the best first; tied models by name."""
        return tuple(sorted(self.models, key=lambda model: (-self.accuracy(label_set, model).hits, model)))

    def __str__(self) -> str:
        return "\n".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        yield f"top-1 accuracy on {count_noun(len(self.images), 'image')} that all models and all label sets share:"
        for name in self.label_sets:
            order = [
                f"{model} {format_percent(self.accuracy(name, model).value or 0)} %"
                for model in self.ranked_models(name)
            ]
            yield f"{name}: {join_first(order, max_items=_MAX_IN_TEXT)}"
        yield from (str(change) for change in self.order_changes if change.leads.size)

    def to_json(self) -> dict[str, Any]:
        """Return a dict for JSON output."""
        by_label_set = []
        for name, scored, hits in zip(self.label_sets, self.n_scored.tolist(), self.hits, strict=True):
            rank_of = dict(zip(self.models, rank_descending(hits).tolist(), strict=True))
            models = [
                {"file": model, "rank": rank_of[model]} | self.accuracy(name, model).to_json()
                for model in self.ranked_models(name)
            ]
            by_label_set.append({"labels": name, "scored": scored, "models": models})
        return {
            "images": len(self.images),
            "interval": "95 %, Wilson, over images",
            "test": _TEST_DESCRIPTION,
            "label_sets": by_label_set,
            "changes": [change.to_json() for change in self.order_changes],
        }


def compare_orders(outcomes: Mapping[str, Mapping[str, Outcomes]]) -> ModelOrders:
    """Compare the order of models by several label sets, on the images that have labels in all of them.

    Parameters
    ----------
    outcomes
        The results of `find_outcomes`, by name of the label set and then of the model. Each label set evaluates the
        same models, with the same class list. An image is used only if every label set has a valid class for it.

    Returns
    -------
    ModelOrders
        The orders by top-1 accuracy.

    Raises
    ------
    DataError
        There are fewer than two label sets; their models or predictions differ; the models have no image in common; or
        no image has labels in all label sets.

    Examples
    --------
    >>> from reassess import LabelSets, find_outcomes
    >>> images = ["a.png", "b.png", "c.png", "d.png"]
    >>> old = LabelSets.from_lists(images, [[0], [1], [2], [3]])
    >>> new = LabelSets.from_lists(images, [[0, 4], [4], [2], []])
    >>> models = {"one": np.array([0, 1, 2, 0]), "two": np.array([4, 4, 2, 0])}
    >>> orders = compare_orders(
    ...     {
    ...         name: {model: find_outcomes(ids, labels) for model, ids in models.items()}
    ...         for name, labels in {"old": old, "new": new}.items()
    ...     }
    ... )
    >>> print(orders)
    top-1 accuracy on 3 images that all models and all label sets share:
    old: one 100.0 %, two 33.33 %
    new: two 100.0 %, one 66.67 %
    who is ahead by old, then by new; Holm p of the change:
      one by 66.67, then two by 33.33 points: not significant, p = 0.5

    Notes
    -----
    The test of a change of a lead: under the null hypothesis, the change on each image has either sign with equal
    probability. If the lead changes by at most 1, this is McNemar's test. Holm's correction covers all pairs of models
    and of label sets.

    Limits: a significant change does not mean that the two models differ significantly by each label set; see `compare`
    for that. And a lead may shrink only because all models are less often correct.

    Sources: Kendall (1945), Biometrika 33, for tau-b; Fisher (1935), The Design of Experiments, for the test; Holm
    (1979), Scandinavian Journal of Statistics 6, for the correction.
    """
    if len(outcomes) < 2:
        raise DataError("too-few", "too few label sets to compare rankings", allowed="2 or more", found=len(outcomes))
    panels = {name: Panel.from_outcomes(outcomes_by_model) for name, outcomes_by_model in outcomes.items()}
    first = next(iter(panels.values()))
    models = first.models
    columns_of = {name: _match_images_of_panels(panel, first, label_set=name) for name, panel in panels.items()}
    scored = {name: np.append(panel.is_scored, False)[columns_of[name]] for name, panel in panels.items()}
    common = np.flatnonzero(np.logical_and.reduce(list(scored.values())))
    if not common.size:
        raise DataError(
            "nothing-in-common", "no image has labels in all label sets", fix="use label sets of the same images"
        )
    hits: dict[str, _Bools] = {}
    for name, panel in panels.items():
        rows, columns = [panel.models.index(model) for model in models], columns_of[name][common]
        if (panel.top1[rows][:, columns] != first.top1[:, common]).any():
            raise DataError(
                "different-predictions",
                "label sets were used to evaluate different predictions",
                where=name,
                fix="evaluate the same predictions with each label set",
            )
        hits[name] = panel.is_valid[rows][:, columns]
    return ModelOrders(
        label_sets=tuple(panels),
        models=models,
        images=tuple(first.images[row] for row in common.tolist()),
        n_scored=np.array([np.count_nonzero(panel.is_scored) for panel in panels.values()]),
        hits=np.stack([np.count_nonzero(label_set_hits, axis=1) for label_set_hits in hits.values()]),
        order_changes=_test_order_changes(models, hits),
    )


def _match_images_of_panels(panel: Panel, first_panel: Panel, label_set: str) -> _Ints:
    """Return the position in `panel` of each image of `first_panel`; -1 if the image is missing."""
    if set(panel.models) != set(first_panel.models):
        raise DataError(
            "different-models",
            "label sets were used to evaluate different models",
            where=label_set,
            allowed=join_first(first_panel.models),
            found=join_first(panel.models),
        )
    return match_images(
        first_panel.images, panel.images, match=first_panel.match, where="the first label set", known_where=label_set
    )


def _test_order_changes(models: tuple[str, ...], hits_by_label_set: Mapping[str, _Bools]) -> tuple[OrderChange, ...]:
    """Test, for each pair of label sets, how the lead of each pair of models changes."""
    set_pairs = list(combinations(hits_by_label_set, 2))
    # On an image, a model gains a hit, loses one, or neither.
    gains_and_losses = (
        (hits_by_label_set[second] & ~hits_by_label_set[first], hits_by_label_set[first] & ~hits_by_label_set[second])
        for first, second in set_pairs
    )
    p_values = [
        sign_flip_p_values(*sum_hit_differences_of_model_pairs(gains, losses)) for gains, losses in gains_and_losses
    ]
    holm_p_values = np.split(adjust_p_values(np.concatenate(p_values)), np.cumsum([p.size for p in p_values])[:-1])
    return tuple(
        OrderChange(
            first_label_set=first,
            second_label_set=second,
            models=models,
            n_images=hits_by_label_set[first].shape[1],
            leads=np.stack(
                [
                    _compute_leads_of_model_pairs(hits_by_label_set[first]),
                    _compute_leads_of_model_pairs(hits_by_label_set[second]),
                ],
                axis=1,
            ),
            p_values=exact,
            holm_p_values=corrected,
        )
        for (first, second), exact, corrected in zip(set_pairs, p_values, holm_p_values, strict=True)
    )


def _compute_leads_of_model_pairs(hits: _Bools) -> _Ints:
    """Return the lead in hits of each pair of models; int64, shape (P,)."""
    totals, pairs = np.count_nonzero(hits, axis=1), _list_model_pairs(len(hits))
    return np.asarray(totals[pairs[:, 0]] - totals[pairs[:, 1]])


def _list_model_pairs(n_models: int) -> _Ints:
    """Return the pairs (0, 1), (0, 2), ... of models; int64, shape (pairs, 2)."""
    return np.stack(np.triu_indices(n_models, 1), axis=1)
