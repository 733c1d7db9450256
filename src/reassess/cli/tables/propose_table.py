"""What models propose, and what was decided about the images, in words and as a table."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from reassess.cli.common import Call
from reassess.cli.screen import print_table
from reassess.core.proposal_result import ProposalResult
from reassess.core.model_choice import ModelChoice, ModelSubset
from reassess.core.candidates import ORIGINAL_SOURCE, Candidates
from reassess.formats.tables import write_table
from reassess.numeric.proportion import Proportion
from reassess.text import counted, shared, some

__all__ = [
    "lower",
    "print_candidates",
    "print_choice",
    "tell_written",
    "write_frontier",
]

_MOST_MODELS = 10
_SAID_OF = {
    "bounded": "scores in [0, 1] without adding up to 1, so taken for logits",
    "ids": "ids, so first classes alone: N needs the scores of all classes",
}


def tell_written(call: Call, output: Path, candidates: Candidates) -> None:
    """Say what was written."""
    images = len(candidates.questions.images)
    mean = f", {len(candidates) / images:.2f} an image" if images else ""
    call.tell(f"{output}: {counted(len(candidates), 'candidate')} for {counted(images, 'image')}{mean}")


def print_candidates(call: Call, result: ProposalResult, detected: Mapping[str, str], *, sources: bool) -> None:
    """What was decided about the images, who proposes how much, and how the files were read."""
    _tell_images(call, result)
    if sources:
        _print_sources(call, result)
    _tell_models(call, result, detected)


def _tell_images(call: Call, result: ProposalResult) -> None:
    """What was decided about the images, and what was left out."""
    if not result.keep_agreed:
        call.tell(f"{counted(len(result.set_aside), 'image')} set aside: all models agree with the original label")
    if result.without_original:
        call.tell(f"{counted(result.without_original, 'image')} without an original label")
    if result.unseen:
        call.tell(f"{counted(result.unseen, 'known image')} left out, which no model holds")
    if result.without_class:
        images = counted(result.without_class, "image")
        call.tell(f"{images} left out: no original label, and no first class of a model is one of the classes")
    call.tell(
        f"N: the {result.most_probable:,} most probable pairs of each model, for at most "
        f"{result.per_image:g} candidates an image"
    )


def _print_sources(call: Call, result: ProposalResult) -> None:
    """Who proposes how much: the original labels, and the models that propose the most which nobody else does."""
    names = (ORIGINAL_SOURCE, *result.names)
    by_source = np.column_stack([result.are_original, result.proposes])
    alone = (by_source & (by_source.sum(axis=1) == 1)[:, None]).sum(axis=0)
    kinds = {model.name: model.kind for model in result.models}
    models = sorted(range(1, len(names)), key=lambda column: (-alone[column], names[column]))
    shown = models[: call.first_rows(len(models), _MOST_MODELS, "models, by what each proposes alone")]
    originals = [0] if result.are_original.any() else []
    rows = [
        [names[column], kinds.get(names[column]), f"{by_source[:, column].sum():,}", f"{alone[column]:,}"]
        for column in originals + shown
    ]
    print_table(["source", "scores", "candidates", "by it alone"], rows, text_columns=2)


def _tell_models(call: Call, result: ProposalResult, detected: Mapping[str, str]) -> None:
    """How the files were read, what is used of them, and what was left out, equal texts once."""
    models = {model.name: model for model in result.models}
    told = [
        {name: detected[name] for name in models},
        {name: _SAID_OF.get(model.kind, "") for name, model in models.items()},
        {name: f"{model.unknown:,} unknown left out" if model.unknown else "" for name, model in models.items()},
        {
            name: f"no say on {counted(model.missing, 'image')} that others hold" if model.missing else ""
            for name, model in models.items()
        },
    ]
    for line in chain.from_iterable(map(shared, told)):
        call.tell(line)


_MOST_SUBSETS = 10
_MOST_NAMES = 3
_HEADINGS = ["subset", "models", "candidates", "an image", "recall", "precision", "without_golden"]


def write_frontier(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Write the frontier, a subset a row: its models (in csv and tsv separated by ``; ``), and what it reaches.

    The column search is ``exact``, or ``greedy`` where there may be better subsets.
    """
    import polars as pl

    rows = [
        {
            "models": "; ".join(subset.models) if path.suffix.lower() in (".csv", ".tsv") else list(subset.models),
            "candidates": subset.candidates,
            "images": subset.images,
            "hits": subset.recall.hits,
            "valid": subset.recall.n,
            "recall": subset.recall.value,
            "judged": subset.precision.n,
            "precision": subset.precision.value,
            "without_golden": subset.without_golden,
            "missing": subset.missing,
            "chosen": subset == choice.chosen,
            "search": choice.search,
        }
        for subset in choice.frontier
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def print_choice(call: Call, choice: ModelChoice) -> None:
    """The chosen models, the recall that is shown for them, and the subsets that were checked."""
    _tell_chosen(call, choice)
    call.tell(
        f"{choice.not_candidates:,} of {choice.recall.n:,} golden labels are neither proposed by a model nor original"
    )
    shown = _some_of(call, choice)
    titles = {} if choice.chosen is None else {choice.chosen: "chosen"}
    titles[choice.all_models] = "chosen (all)" if choice.all_models in titles else "all models"
    rows = [(titles.get(subset, ""), subset) for subset in shown]
    everyone = choice.all_models.models
    print_table(
        _HEADINGS,
        [[title, _names(call, subset, everyone), *_figures(subset)] for title, subset in rows],
        text_columns=2,
    )
    call.tell(_searched(choice))
    call.note(
        f"recall and precision: on the {counted(choice.check_images, 'golden image')} of the check; "
        f"the subsets were found on {counted(choice.search_images, 'other golden image')}"
    )
    if choice.set_aside:
        images = counted(choice.set_aside, "golden image")
        call.tell(f"{images} set aside by all models: there the original label alone counts as proposed")
    if choice.not_predicted:
        call.tell(f"{counted(choice.not_predicted, 'golden image')} left out: no model says anything of them")
    call.note("recall: of the valid golden pairs, those proposed; precision: of the golden pairs proposed, those valid")
    call.note("without_golden: candidates on golden images that are no golden pairs; they count in neither")


def _tell_chosen(call: Call, choice: ModelChoice) -> None:
    chosen = choice.chosen
    if chosen is None:
        call.tell(f"no models chosen: all together reach a recall of {_share(choice.recall)}")
        call.tell(f"a recall of {lower(choice.highest_bound)} is shown for them, with 90 % confidence")
        return
    call.tell(f"chosen: {', '.join(chosen.models)}")
    call.tell(
        f"{counted(chosen.candidates, 'candidate')} for {counted(chosen.images, 'image')}, of "
        f"{choice.all_models.candidates:,} for {choice.all_models.images:,} by all models"
    )
    if chosen.missing:
        images = counted(chosen.missing, "image")
        call.tell(f"{images} that other models hold and none of these does: nothing is proposed there")
    if chosen == choice.all_models:
        images = counted(choice.check_images + choice.search_images, "golden image")
        call.tell(f"on all {images}: recall {_share(choice.shown_recall)}")
    else:
        images = counted(choice.check_images, "golden image")
        call.tell(f"on {images} without a part in the search:")
        call.tell(f"  recall {_share(chosen.recall)}; precision {_share(chosen.precision)}")
    call.tell(f"a recall of {lower(choice.recall_bound or 0)} is shown, with 90 % confidence")


def lower(bound: float) -> str:
    """A lower bound in words, which rounding must not raise."""
    return f"{math.floor(bound * 10_000) / 10_000:.4f}"


def _some_of(call: Call, choice: ModelChoice) -> Sequence[ModelSubset]:
    """Some of the frontier, evenly, and what was chosen; all of it if asked for."""
    frontier = choice.frontier
    if call.verbose or len(frontier) <= _MOST_SUBSETS:
        return frontier
    places = {round(place) for place in np.linspace(0, len(frontier) - 1, _MOST_SUBSETS - 1).tolist()}
    places |= {len(frontier) - 1} if choice.chosen is None else {len(frontier) - 1, frontier.index(choice.chosen)}
    found = "" if choice.exact else " found"
    call.tell(f"{len(places)} of the {len(frontier):,} best subsets{found} (--verbose shows all)")
    return [frontier[place] for place in sorted(places)]


def _names(call: Call, subset: ModelSubset, everyone: Sequence[str]) -> str:
    """The models of a subset; of many the first, or those that are not in it, unless all are asked for."""
    if call.verbose or len(subset.models) <= _MOST_NAMES:
        return ", ".join(subset.models)
    others = [name for name in everyone if name not in subset.models]
    if not others:
        return f"all {len(everyone):,}"
    if len(others) <= _MOST_NAMES:
        return f"all but {', '.join(others)}"
    return some(subset.models, most=_MOST_NAMES - 1)


def _figures(subset: ModelSubset) -> list[object]:
    mean = None if subset.per_image is None else f"{subset.per_image:.2f}"
    shares = [None if part.value is None else f"{part.value:.4f}" for part in (subset.recall, subset.precision)]
    return [f"{subset.candidates:,}", mean, *shares, f"{subset.without_golden:,}"]


def _share(share: Proportion) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,})"


def _searched(choice: ModelChoice) -> str:
    subsets = counted(choice.subsets, "subset")
    if choice.exact:
        return f"exact search: all {subsets} were measured, with the N of all models"
    return f"greedy search: {subsets} of too many to measure all, with the N of all models; there may be better ones"
