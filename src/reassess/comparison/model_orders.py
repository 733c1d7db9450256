"""How the order of models moves from one label set to another, on the images that all label sets score.

Symbols: S label sets, M models, P = M (M - 1) / 2 pairs of models, N images. The lead of model a over model b is the
hits of a less those of b. On one image it is -1, 0 or 1, so that from one label set to another it changes by -2 to 2.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.comparison.differences import LEVEL, p_text, sums_of_pairs
from reassess.comparison.panel import Panel
from reassess.core.image_names import join
from reassess.errors import DataError
from reassess.evaluation import Outcomes
from reassess.numeric import Proportion
from reassess.numeric.arrays import freeze, ranks
from reassess.numeric.proportions import holm, sign_flips
from reassess.text import Shown, counted, percent, some

_MOST = 5  # pairs of models, or models of an order, that a text names
_TEST = "exact sign flips over images, Holm's correction over all pairs of models and of label sets"
_NO_ORDER = "a label set puts no model before another"
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class OrderChange(Shown):
    """How the order of models changes from a first label set to a second, on the same images."""

    # first, second: Names of the label sets
    first: str
    second: str
    models: tuple[str, ...]  # Names, shape (M,)
    images: int  # Number of images
    # int64, shape (P, 2): the lead of the one model over the other by the first and by the second label set, in
    # images; of pairs (0, 1), (0, 2), ..., (M - 2, M - 1)
    leads: _Ints
    # p_values, holm: float64, shape (P,): exact p-value of the change of each lead, as it is and corrected for
    # all tests
    p_values: npt.NDArray[np.float64]
    holm: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        freeze(self, "leads", "p_values", "holm")

    @property
    def tau_b(self) -> float | None:
        """Kendall's tau-b of the two orders, in [-1, 1]; None where a label set puts no model before another.

        Source: Kendall (1945), Biometrika 33: ties count in the denominator of the label set that has none.
        """
        signs = np.sign(self.leads)
        first, second = np.count_nonzero(signs, axis=0).tolist()
        return int(signs.prod(axis=1).sum()) / math.sqrt(first * second) if first and second else None

    @property
    def changes_places(self) -> _Bools:
        """Whether one model of a pair is ahead by the first label set and the other by the second; shape (P,)."""
        return np.asarray(np.sign(self.leads).prod(axis=1) < 0)

    @property
    def significant(self) -> _Bools:
        """Whether the lead changes at all, by Holm's p-value below 0.05; shape (P,)."""
        return np.asarray(self.holm < LEVEL)

    def __str__(self) -> str:
        return "\n".join(self._in_words())

    def _in_words(self) -> Iterator[str]:
        changed, beyond = self.changes_places, self.significant
        shown = [0] if len(self.models) == 2 else np.flatnonzero(changed).tolist()
        if len(self.models) > 2:
            tau = f"no tau-b, as {_NO_ORDER}" if self.tau_b is None else f"Kendall's tau-b {self.tau_b:.3f}"
            places, significant, both = (np.count_nonzero(which) for which in (changed, beyond, changed & beyond))
            yield f"{self.first} and {self.second}: {tau}, {places:,} of {len(changed):,} pairs change places"
            yield f"leads that change significantly: {significant:,}, {both:,} of them of pairs that change places"
        if shown:
            yield f"ahead by {self.first}, then by {self.second}; p of the change, by Holm:"
        surest = sorted(shown, key=self.p_values.__getitem__)
        yield from (f"  {self._pair_in_words(pair)}" for pair in surest[:_MOST])
        if len(surest) > _MOST:
            yield f"  and {len(surest) - _MOST:,} more"

    def _pair_in_words(self, pair: int) -> str:
        a, b = (self.models[place] for place in _pairs(len(self.models))[pair].tolist())
        before, after = (
            f"{a if lead > 0 else b} by {100 * abs(lead) / self.images:.2f}" if lead else "neither"
            for lead in self.leads[pair].tolist()
        )
        verdict = "significant" if self.significant[pair] else "not significant"
        p_value = f"p {p_text(float(self.holm[pair]))}"
        return f"{before}, then {after} points: {verdict}, {p_value}"

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold: of the pairs, those that change places or change significantly."""
        shown = np.flatnonzero(self.changes_places | self.significant)
        pairs = _pairs(len(self.models))[shown].tolist()
        return {
            "first": self.first,
            "second": self.second,
            "tau_b": self.tau_b,
            **({"tau_b_reason": _NO_ORDER} if self.tau_b is None else {}),
            "pairs": len(self.leads),
            "change_places": int(np.count_nonzero(self.changes_places)),
            "significant": int(np.count_nonzero(self.significant)),
            "changed": [
                {
                    "a": self.models[a],
                    "b": self.models[b],
                    "first_difference": first / self.images,
                    "second_difference": second / self.images,
                    "p_value": p_value,
                    "holm": corrected,
                    "changes_places": first * second < 0,
                }
                for (a, b), (first, second), p_value, corrected in zip(
                    pairs,
                    self.leads[shown].tolist(),
                    self.p_values[shown].tolist(),
                    self.holm[shown].tolist(),
                    strict=True,
                )
            ],
        }


@dataclass(frozen=True, eq=False, repr=False)
class ModelOrders(Shown):
    """The order of models by each of several label sets, on the images that all of them score."""

    label_sets: tuple[str, ...]  # Names, shape (S,)
    models: tuple[str, ...]  # Names, shape (M,)
    # Names of the images, shape (N,): all models have seen them, and all label sets have a valid class for them
    images: tuple[str, ...]
    # int64, shape (S,): on how many of the images that all models have seen each label set has a valid class
    scored: _Ints
    hits: _Ints  # int64, shape (S, M): images of N for which the class that a model puts first is valid
    changes: tuple[OrderChange, ...]  # For every two label sets, in their order

    def __post_init__(self) -> None:
        freeze(self, "scored", "hits")

    def accuracy(self, label_set: str, model: str) -> Proportion:
        """Top-1 accuracy of a model by a label set, on the images that all label sets score."""
        row, column = self.label_sets.index(label_set), self.models.index(model)
        return Proportion(hits=int(self.hits[row, column]), n=len(self.images))

    def order(self, label_set: str) -> tuple[str, ...]:
        """The models, the best by a label set first; equals in the order of their names."""
        return tuple(sorted(self.models, key=lambda model: (-self.accuracy(label_set, model).hits, model)))

    def __str__(self) -> str:
        return "\n".join(self._in_words())

    def _in_words(self) -> Iterator[str]:
        images = counted(len(self.images), "image")
        yield f"top-1 accuracy on the {images} of all models that all label sets score:"
        for name in self.label_sets:
            order = [f"{model} {percent(self.accuracy(name, model).value or 0)} %" for model in self.order(name)]
            yield f"{name}: {some(order, most=_MOST)}"
        yield from (str(change) for change in self.changes if change.leads.size)

    def to_json(self) -> dict[str, Any]:
        """The object that JSON documents hold."""
        by_label_set = []
        for name, scored, hits in zip(self.label_sets, self.scored.tolist(), self.hits, strict=True):
            rank_of = dict(zip(self.models, ranks(hits).tolist(), strict=True))
            models = [
                {"file": model, "rank": rank_of[model]} | self.accuracy(name, model).to_json()
                for model in self.order(name)
            ]
            by_label_set.append({"labels": name, "scored": scored, "models": models})
        return {
            "images": len(self.images),
            "interval": "95 %, Wilson, over images",
            "test": _TEST,
            "label_sets": by_label_set,
            "changes": [change.to_json() for change in self.changes],
        }


def compare_orders(outcomes: Mapping[str, Mapping[str, Outcomes]]) -> ModelOrders:
    """Compare the order of models by one label set with that by others, on the images that all label sets score.

    Parameters
    ----------
    outcomes
        By the name of the label set and then of the model, the outcomes of `find_outcomes`: the same models, of one
        list of classes, by each label set. Images without a valid class by any of the label sets are not used.

    Returns
    -------
    ModelOrders
        By the accuracy of the classes that models put first.

    Raises
    ------
    DataError
        There are fewer than two label sets; they did not evaluate the same models, or the same predictions; the models
        have no image in common; or no image is scored by all label sets.

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
    top-1 accuracy on the 3 images of all models that all label sets score:
    old: one 100.0 %, two 33.33 %
    new: two 100.0 %, one 66.67 %
    ahead by old, then by new; p of the change, by Holm:
      one by 66.67, then two by 33.33 points: not significant, p = 0.5

    Notes
    -----
    Whether the lead of one model over another changes from one label set to another is tested by giving the change on
    each image either sign, with the same chance, which is McNemar's test where the lead changes by 1 at most. Holm's
    correction is for all pairs of models and of label sets. A change beyond noise does not mean that each label set by
    itself tells the two apart: for that see `compare`; and a lead may shrink where all models are right less often.
    Sources: Kendall (1945), Biometrika 33; Fisher (1935), The Design of Experiments; Holm (1979), Scandinavian
    Journal of Statistics 6.
    """
    if len(outcomes) < 2:
        raise DataError("too-few", "too few label sets to compare rankings", allowed="2 or more", found=len(outcomes))
    panels = {name: Panel.from_outcomes(of_models) for name, of_models in outcomes.items()}
    first = next(iter(panels.values()))
    models = first.models
    places = {name: _places(name, panel, first) for name, panel in panels.items()}
    scored = {name: np.append(panel.scored, False)[places[name]] for name, panel in panels.items()}
    common = np.flatnonzero(np.logical_and.reduce(list(scored.values())))
    if not common.size:
        raise DataError(
            "nothing-in-common", "no image is scored by all label sets", fix="give label sets of the same images"
        )
    hits: dict[str, _Bools] = {}
    for name, panel in panels.items():
        rows, columns = [panel.models.index(model) for model in models], places[name][common]
        if (panel.top1[rows][:, columns] != first.top1[:, common]).any():
            raise DataError(
                "different-predictions",
                "label sets evaluated different predictions",
                where=name,
                fix="give all the same models",
            )
        hits[name] = panel.valid[rows][:, columns]
    return ModelOrders(
        label_sets=tuple(panels),
        models=models,
        images=tuple(first.images[row] for row in common.tolist()),
        scored=np.array([np.count_nonzero(panel.scored) for panel in panels.values()]),
        hits=np.stack([np.count_nonzero(of_set, axis=1) for of_set in hits.values()]),
        changes=_changes(models, hits),
    )


def _places(name: str, panel: Panel, first: Panel) -> _Ints:
    """Position in a panel of each image of the first; -1 where it is not there."""
    if set(panel.models) != set(first.models):
        raise DataError(
            "different-models",
            "label sets evaluated different models",
            where=name,
            allowed=some(first.models),
            found=some(panel.models),
        )
    return join(first.images, panel.images, match=first.match, where="the first label set", known_where=name)


def _changes(models: tuple[str, ...], hits: Mapping[str, _Bools]) -> tuple[OrderChange, ...]:
    twos = list(combinations(hits, 2))
    # On an image a model gains a hit, loses one, or neither.
    gains_and_losses = ((hits[second] & ~hits[first], hits[first] & ~hits[second]) for first, second in twos)
    p_values = [sign_flips(*sums_of_pairs(*of_two)) for of_two in gains_and_losses]
    corrected = np.split(holm(np.concatenate(p_values)), np.cumsum([p.size for p in p_values])[:-1])
    return tuple(
        OrderChange(
            first=first,
            second=second,
            models=models,
            images=hits[first].shape[1],
            leads=np.stack([_leads(hits[first]), _leads(hits[second])], axis=1),
            p_values=raw,
            holm=by_holm,
        )
        for (first, second), raw, by_holm in zip(twos, p_values, corrected, strict=True)
    )


def _leads(hits: _Bools) -> _Ints:
    totals, pairs = np.count_nonzero(hits, axis=1), _pairs(len(hits))
    return np.asarray(totals[pairs[:, 0]] - totals[pairs[:, 1]])


def _pairs(count: int) -> _Ints:
    """The pairs (0, 1), (0, 2), ... of so many things; int64, shape (pairs, 2)."""
    return np.stack(np.triu_indices(count, 1), axis=1)
