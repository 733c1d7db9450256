"""The output of `reassess propose`: candidates, subsets of models, and unasked classes."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from reassess.cli.call import Call
from reassess.cli.screen import print_table
from reassess.core import NOT_ASKED, ORIGINAL_SOURCE, UNRATED, Candidates, ModelChoice, ModelSubset, ProposalResult
from reassess.formats.tables import write_table
from reassess.numeric import Proportion
from reassess.text import count_noun, join_first, merge_equal

_MOST_MODELS = 10
_SCORE_KINDS = {
    "bounded": "scores in [0, 1] that do not sum to 1 are taken as logits",
    "ids": "only first classes are used, since the N most probable pairs need the scores of all classes",
}


def print_written(call: Call, output: Path, candidates: Candidates) -> None:
    """Print the number of candidates in the output."""
    images = len(candidates.questions.images)
    mean = f" ({len(candidates) / images:.2f} per image)" if images else ""
    call.info(f"{output}: {count_noun(len(candidates), 'candidate')} for {count_noun(images, 'image')}{mean}")


def print_result(call: Call, result: ProposalResult, detected: Mapping[str, str], *, sources: bool) -> None:
    """Print images without candidates, candidates by source, and how the files were read."""
    _print_images(call, result)
    if sources:
        _print_sources(call, result)
    _print_models(call, result, detected)


def _print_images(call: Call, result: ProposalResult) -> None:
    images_text = count_noun(len(result.set_aside_labels), "image needs", "images need")
    call.info(f"{images_text} no question: all models agree with the original label")
    if result.n_without_original:
        call.info(f"{count_noun(result.n_without_original, 'image')} without an original label")
    if result.n_unseen:
        call.info(f"{count_noun(result.n_unseen, 'known image')} not predicted by any model")
    if result.n_without_class:
        images = count_noun(result.n_without_class, "image")
        call.info(f"{images} without a candidate: no original label, and only unknown classes predicted")
    call.info(
        f"N: the {result.n_pairs_per_model:,} most probable (image, class) pairs of each model, for at most "
        f"{result.allowed_candidates_per_image:g} candidates per image"
    )


def _print_sources(call: Call, result: ProposalResult) -> None:
    """Print candidates by source: original labels, then models by candidates that only they have."""
    names = (ORIGINAL_SOURCE, *result.model_names)
    by_source = np.column_stack([result.is_original, result.is_proposed_by_model])
    own_counts = (by_source & (by_source.sum(axis=1) == 1)[:, None]).sum(axis=0)
    kinds = {model.name: model.kind for model in result.models}
    models = sorted(range(1, len(names)), key=lambda column: (-own_counts[column], names[column]))
    printed = models[: call.row_limit(len(models), _MOST_MODELS, "models, by candidates of only one source")]
    originals = [0] if result.is_original.any() else []
    rows = [
        [names[column], kinds.get(names[column]), f"{by_source[:, column].sum():,}", f"{own_counts[column]:,}"]
        for column in originals + printed
    ]
    print_table(["source", "scores", "candidates", "only from this source"], rows, text_columns=2)


def _print_models(call: Call, result: ProposalResult, detected: Mapping[str, str]) -> None:
    """Print how the files were read, and which images are unknown or missing; equal lines once."""
    models = {model.name: model for model in result.models}
    lines_by_model = [
        {name: detected[name] for name in models},
        {name: _SCORE_KINDS.get(model.kind, "") for name, model in models.items()},
        {
            name: f"{count_noun(model.n_unknown_images, 'unknown image')} not used" if model.n_unknown_images else ""
            for name, model in models.items()
        },
        {
            name: f"no predictions for {count_noun(model.n_missing_images, 'image')} of other models"
            if model.n_missing_images
            else ""
            for name, model in models.items()
        },
    ]
    for line in chain.from_iterable(map(merge_equal, lines_by_model)):
        call.info(line)


_MOST_SUBSETS = 10
_MOST_NAMES = 3
_HEADINGS = ["subset", "models", "candidates", "per image", "recall", "precision", "without golden"]


def write_subsets(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Write a row for each of the best subsets of models: its models, candidates, recall and precision.

    In csv and tsv, models are separated by ``; ``. The column search is ``exact`` or ``greedy``; a greedy search may
    miss better subsets.
    """
    import polars as pl

    rows = [
        {
            "models": "; ".join(subset.models) if path.suffix.lower() in (".csv", ".tsv") else list(subset.models),
            "candidates": subset.n_candidates,
            "images": subset.n_images,
            "hits": subset.recall.hits,
            "valid": subset.recall.n,
            "recall": subset.recall.value,
            "judged": subset.precision.n,
            "precision": subset.precision.value,
            "without_golden": subset.n_without_golden,
            "missing": subset.n_missing_images,
            "chosen": subset == choice.chosen,
            "search": choice.search_kind,
        }
        for subset in choice.frontier
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def print_choice(call: Call, choice: ModelChoice) -> None:
    """Print the chosen models, a lower bound of their recall, and the best subsets."""
    _print_chosen(call, choice)
    call.info(
        f"{choice.n_not_candidates:,} of {choice.recall.n:,} golden labels are neither candidates of a model nor "
        "original labels"
    )
    printed = _shown_subsets(call, choice)
    titles = {} if choice.chosen is None else {choice.chosen: "chosen"}
    titles[choice.all_models] = "chosen (all)" if choice.all_models in titles else "all models"
    rows = [(titles.get(subset, ""), subset) for subset in printed]
    all_models = choice.all_models.models
    print_table(
        _HEADINGS,
        [[title, _model_names(call, subset, all_models), *_subset_cells(subset)] for title, subset in rows],
        text_columns=2,
    )
    call.info(_search_in_words(choice))
    call.note(
        f"recall and precision: on the {count_noun(choice.n_check_images, 'golden image')} for checking; "
        f"the subsets were selected on {count_noun(choice.n_search_images, 'other golden image')}"
    )
    if choice.n_set_aside:
        images = count_noun(choice.n_set_aside, "golden image")
        call.info(f"{images} where all models agree with the original label, which is the only candidate")
    if choice.n_not_predicted:
        call.info(f"{count_noun(choice.n_not_predicted, 'golden image')} not used: without predictions")
    call.note("recall: share of valid golden questions that are candidates")
    call.note("precision: share of valid questions among candidates with a golden answer")
    call.note(
        "without golden: candidates on golden images without a golden answer; not counted in recall and precision"
    )


def _print_chosen(call: Call, choice: ModelChoice) -> None:
    chosen = choice.chosen
    if chosen is None:
        call.info(f"no models chosen: all models together have recall {_share(choice.recall)}")
        call.info(f"their recall is at least {round_down(choice.highest_bound)}, with 90 % confidence")
        return
    call.info(f"chosen: {', '.join(chosen.models)}")
    call.info(
        f"{count_noun(chosen.n_candidates, 'candidate')} for {count_noun(chosen.n_images, 'image')}; "
        f"of all models: {choice.all_models.n_candidates:,} for {choice.all_models.n_images:,}"
    )
    if chosen.n_missing_images:
        images = count_noun(chosen.n_missing_images, "image")
        call.info(f"{images} without candidates: predicted only by other models")
    if chosen == choice.all_models:
        images = count_noun(choice.n_check_images + choice.n_search_images, "golden image")
        call.info(f"on all {images}: recall {_share(choice.bounded_recall)}")
    else:
        images = count_noun(choice.n_check_images, "golden image")
        call.info(f"on {images} not used in the search:")
        call.info(f"  recall {_share(chosen.recall)}; precision {_share(chosen.precision)}")
    call.info(f"recall is at least {round_down(choice.recall_bound or 0)}, with 90 % confidence")


def round_down(bound: float) -> str:
    """Format a lower bound, rounded down."""
    return f"{math.floor(bound * 10_000) / 10_000:.4f}"


def _shown_subsets(call: Call, choice: ModelChoice) -> Sequence[ModelSubset]:
    """Select evenly spaced subsets and the chosen one; with --verbose, all."""
    frontier = choice.frontier
    if call.verbose or len(frontier) <= _MOST_SUBSETS:
        return frontier
    places = {round(place) for place in np.linspace(0, len(frontier) - 1, _MOST_SUBSETS - 1).tolist()}
    places |= {len(frontier) - 1} if choice.chosen is None else {len(frontier) - 1, frontier.index(choice.chosen)}
    suffix = "" if choice.is_exact else " found"
    call.info(f"{len(places)} of the {len(frontier):,} best subsets{suffix} (--verbose shows all)")
    return [frontier[place] for place in sorted(places)]


def _model_names(call: Call, subset: ModelSubset, all_models: Sequence[str]) -> str:
    """Name the models of a subset; without --verbose, long lists are shortened."""
    if call.verbose or len(subset.models) <= _MOST_NAMES:
        return ", ".join(subset.models)
    omitted = [name for name in all_models if name not in subset.models]
    if not omitted:
        return f"all {len(all_models):,}"
    if len(omitted) <= _MOST_NAMES:
        return f"all except {', '.join(omitted)}"
    return join_first(subset.models, max_items=_MOST_NAMES - 1)


def _subset_cells(subset: ModelSubset) -> list[object]:
    mean = None if subset.candidates_per_image is None else f"{subset.candidates_per_image:.2f}"
    shares = [None if part.value is None else f"{part.value:.4f}" for part in (subset.recall, subset.precision)]
    return [f"{subset.n_candidates:,}", mean, *shares, f"{subset.n_without_golden:,}"]


def _share(share: Proportion) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,})"


def _search_in_words(choice: ModelChoice) -> str:
    subsets = count_noun(choice.n_subsets, "subset")
    if choice.is_exact:
        return f"exact search: all {subsets} measured, with the same N"
    return f"greedy search: {subsets} measured, with the same N; other subsets might be better"


_MOST_CANDIDATES = 10


def unasked_to_json(
    candidates: Candidates, output: Path, top_k: int, limit: int | None, unknown: Mapping[str, int]
) -> dict[str, Any]:
    """Return the results for JSON; `unknown` has the number of unknown images of each file."""
    candidate_counts = dict(zip(candidates.sources, candidates.is_proposed_by_source.sum(axis=0).tolist(), strict=True))
    return {
        "output": str(output),
        "candidates": len(candidates),
        "written": len(range(len(candidates))[:limit]),
        "not_asked": _count_reason(candidates, NOT_ASKED),
        "unrated": _count_reason(candidates, UNRATED),
        "top_k": top_k,
        "models": [
            {"file": file, "candidates": candidate_counts[file], "unknown": count} for file, count in unknown.items()
        ],
    }


def print_unasked(
    call: Call, candidates: Candidates, output: Path, limit: int | None, unknown: Mapping[str, int]
) -> None:
    """Print the first candidates, and the total."""
    written = range(len(candidates))[:limit]
    if len(candidates):
        printed = call.row_limit(len(written), _MOST_CANDIDATES, "candidates")
        headings = ["image", "class", "name", "reason", "first class of", "predicted by", "probability"]
        print_table(headings, _unasked_rows(candidates, written[:printed]), text_columns=4)
    number = count_noun(len(candidates), "candidate")
    text = number if len(written) == len(candidates) else f"{len(written):,} of {number}"
    call.info(f"{output}: {text}{', the most informative first' if len(candidates) else ''}")
    predicted = count_noun(len(candidates), "predicted class is", "predicted classes are")
    call.info(
        f"{predicted} not labels and were not asked about: {_count_reason(candidates, NOT_ASKED):,} on rated images, "
        f"{_count_reason(candidates, UNRATED):,} on unrated images"
    )
    for file, count in unknown.items():
        if count:
            call.info(f"{file}: {count_noun(count, 'unknown image')} not used")


def _unasked_rows(candidates: Candidates, rows: range) -> list[list[object]]:
    classes, first, mean = candidates.questions.classes, candidates.rank_one_counts, candidates.mean_probabilities
    class_ids, reasons = candidates.questions.class_ids.tolist(), candidates.reasons or ()
    return [
        [
            candidates.image_of(row),
            str(class_ids[row]),
            classes.short_name(class_ids[row]),
            reasons[row],
            f"{first[row]:,}",
            f"{len(candidates.sources_of(row)):,}",
            None if np.isnan(mean[row]) else f"{mean[row]:.3f}",
        ]
        for row in rows
    ]


def _count_reason(candidates: Candidates, reason: str) -> int:
    return (candidates.reasons or ()).count(reason)
