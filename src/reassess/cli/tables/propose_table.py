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
from reassess.text import count_noun, join_first, merge_equal_texts

_MAX_PRINTED_MODELS = 10
_SCORE_KINDS = {
    "bounded": "scores in [0, 1] that do not sum to 1 are taken as logits",
    "ids": "only first classes are used, since the N most probable pairs need the scores of all classes",
}


def print_candidate_count(call: Call, output: Path, candidates: Candidates) -> None:
    """Print the number of candidates in the output."""
    images = len(candidates.questions.images)
    mean = f" ({len(candidates) / images:.2f} per image)" if images else ""
    call.print_line(f"{output}: {count_noun(len(candidates), 'candidate')} for {count_noun(images, 'image')}{mean}")


def print_proposal(
    call: Call, result: ProposalResult, detected_formats: Mapping[str, str], *, has_source_table: bool
) -> None:
    """Print images without candidates, candidates by source, and how the files were read."""
    _print_image_counts(call, result)
    if has_source_table:
        _print_source_table(call, result)
    _print_model_notes(call, result, detected_formats)


def _print_image_counts(call: Call, result: ProposalResult) -> None:
    images_text = count_noun(len(result.set_aside_labels), "image needs", "images need")
    call.print_line(f"{images_text} no question: all models agree with the original label")
    if result.n_without_original:
        call.print_line(f"{count_noun(result.n_without_original, 'image')} without an original label")
    if result.n_unseen:
        call.print_line(f"{count_noun(result.n_unseen, 'known image')} not predicted by any model")
    if result.n_without_class:
        images = count_noun(result.n_without_class, "image")
        call.print_line(f"{images} without a candidate: no original label, and only unknown classes predicted")
    call.print_line(
        f"N: the {result.n_pairs_per_model:,} most probable (image, class) pairs of each model; N is chosen for at "
        f"most {result.allowed_candidates_per_image:g} candidates per image on average"
    )


def _print_source_table(call: Call, result: ProposalResult) -> None:
    """Print candidates by source: original labels, then models by candidates that only they have."""
    names = (ORIGINAL_SOURCE, *result.model_names)
    by_source = np.column_stack([result.is_original, result.is_proposed_by_model])
    own_counts = (by_source & (by_source.sum(axis=1) == 1)[:, None]).sum(axis=0)
    kinds = {model.name: model.kind for model in result.models}
    models = sorted(range(1, len(names)), key=lambda column: (-own_counts[column], names[column]))
    printed = models[: call.limit_rows(len(models), _MAX_PRINTED_MODELS, "models, by candidates of only one source")]
    originals = [0] if result.is_original.any() else []
    rows = [
        [names[column], kinds.get(names[column]), f"{by_source[:, column].sum():,}", f"{own_counts[column]:,}"]
        for column in originals + printed
    ]
    print_table(["source", "scores", "candidates", "only from this source"], rows, n_text_columns=2)


def _print_model_notes(call: Call, result: ProposalResult, detected_formats: Mapping[str, str]) -> None:
    """Print how the files were read, and which images are unknown or missing; equal lines once."""
    models = {model.name: model for model in result.models}
    lines_by_model = [
        {name: detected_formats[name] for name in models},
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
    for line in chain.from_iterable(map(merge_equal_texts, lines_by_model)):
        call.print_line(line)


_MAX_PRINTED_SUBSETS = 10
_MAX_PRINTED_NAMES = 3
_SUBSET_HEADINGS = ["subset", "models", "candidates", "per image", "recall", "precision", "without golden"]


def write_model_subsets(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
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


def print_model_choice(call: Call, choice: ModelChoice) -> None:
    """Print the chosen models, a lower bound of their recall, and the best subsets."""
    _print_chosen_models(call, choice)
    call.print_line(
        f"{choice.n_not_candidates:,} of {choice.recall.n:,} golden labels are neither candidates of a model nor "
        "original labels"
    )
    printed = _select_printed_subsets(call, choice)
    titles = {} if choice.chosen is None else {choice.chosen: "chosen"}
    titles[choice.all_models] = "chosen (all)" if choice.all_models in titles else "all models"
    rows = [(titles.get(subset, ""), subset) for subset in printed]
    all_models = choice.all_models.models
    print_table(
        _SUBSET_HEADINGS,
        [[title, _format_model_names(call, subset, all_models), *_subset_cells(subset)] for title, subset in rows],
        n_text_columns=2,
    )
    call.print_line(_describe_subset_search(choice))
    call.add_note(
        f"recall and precision: on the {count_noun(choice.n_check_images, 'golden image')} for checking; "
        f"the subsets were selected on {count_noun(choice.n_search_images, 'other golden image')}"
    )
    if choice.n_set_aside:
        images = count_noun(choice.n_set_aside, "golden image")
        call.print_line(f"{images} where all models agree with the original label, which is the only candidate")
    if choice.n_not_predicted:
        call.print_line(f"{count_noun(choice.n_not_predicted, 'golden image')} not used: without predictions")
    call.add_note("recall: share of valid golden questions that are candidates")
    call.add_note("precision: share of valid questions among candidates with a golden answer")
    call.add_note(
        "without golden: candidates on golden images without a golden answer; not counted in recall and precision"
    )


def _print_chosen_models(call: Call, choice: ModelChoice) -> None:
    chosen_subset = choice.chosen
    if chosen_subset is None:
        call.print_line(f"no models chosen: all models together have recall {_format_share(choice.recall)}")
        call.print_line(f"their recall is at least {format_rounded_down(choice.highest_bound)}, with 90 % confidence")
        return
    call.print_line(f"chosen: {', '.join(chosen_subset.models)}")
    call.print_line(
        f"{count_noun(chosen_subset.n_candidates, 'candidate')} for {count_noun(chosen_subset.n_images, 'image')} "
        f"(with all models: {choice.all_models.n_candidates:,} for {choice.all_models.n_images:,})"
    )
    if chosen_subset.n_missing_images:
        images = count_noun(chosen_subset.n_missing_images, "image")
        call.print_line(f"{images} without candidates: only models that were not chosen have candidates for them")
    if chosen_subset == choice.all_models:
        images = count_noun(choice.n_check_images + choice.n_search_images, "golden image")
        call.print_line(f"on all {images}: recall {_format_share(choice.bounded_recall)}")
    else:
        images = count_noun(choice.n_check_images, "golden image")
        call.print_line(f"on {images} not used in the search:")
        call.print_line(
            f"  recall {_format_share(chosen_subset.recall)}; precision {_format_share(chosen_subset.precision)}"
        )
    call.print_line(f"recall is at least {format_rounded_down(choice.recall_bound or 0)}, with 90 % confidence")


def format_rounded_down(bound: float) -> str:
    """Format a lower bound, rounded down, so that it stays a lower bound."""
    return f"{math.floor(bound * 10_000) / 10_000:.4f}"


def _select_printed_subsets(call: Call, choice: ModelChoice) -> Sequence[ModelSubset]:
    """Return evenly spaced subsets and the chosen subset; with --verbose, all subsets."""
    frontier = choice.frontier
    if call.verbose or len(frontier) <= _MAX_PRINTED_SUBSETS:
        return frontier
    places = {round(place) for place in np.linspace(0, len(frontier) - 1, _MAX_PRINTED_SUBSETS - 1).tolist()}
    places |= {len(frontier) - 1} if choice.chosen is None else {len(frontier) - 1, frontier.index(choice.chosen)}
    suffix = "" if choice.is_exact else " found"
    call.print_line(f"{len(places)} of the {len(frontier):,} best subsets{suffix} (--verbose shows all)")
    return [frontier[place] for place in sorted(places)]


def _format_model_names(call: Call, subset: ModelSubset, all_models: Sequence[str]) -> str:
    """Format the names of a subset's models; without --verbose, a long list is shortened."""
    if call.verbose or len(subset.models) <= _MAX_PRINTED_NAMES:
        return ", ".join(subset.models)
    omitted = [name for name in all_models if name not in subset.models]
    if not omitted:
        return f"all {len(all_models):,}"
    if len(omitted) <= _MAX_PRINTED_NAMES:
        return f"all except {', '.join(omitted)}"
    return join_first(subset.models, max_items=_MAX_PRINTED_NAMES - 1)


def _subset_cells(subset: ModelSubset) -> list[object]:
    mean = None if subset.candidates_per_image is None else f"{subset.candidates_per_image:.2f}"
    shares = [None if part.value is None else f"{part.value:.4f}" for part in (subset.recall, subset.precision)]
    return [f"{subset.n_candidates:,}", mean, *shares, f"{subset.n_without_golden:,}"]


def _format_share(share: Proportion) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,})"


def _describe_subset_search(choice: ModelChoice) -> str:
    subsets = count_noun(choice.n_subsets, "subset")
    if choice.is_exact:
        return f"exact search: all {subsets} measured, with the same N"
    return f"greedy search: {subsets} measured, with the same N; other subsets might be better"


_MAX_PRINTED_CANDIDATES = 10


def unasked_to_json(
    candidates: Candidates, output: Path, top_k: int, limit: int | None, unknown_counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return the results for JSON; `unknown_counts` has the number of unknown images of each file."""
    candidate_counts = dict(zip(candidates.sources, candidates.is_proposed_by_source.sum(axis=0).tolist(), strict=True))
    return {
        "output": str(output),
        "candidates": len(candidates),
        "written": len(range(len(candidates))[:limit]),
        "not_asked": _count_candidates(candidates, NOT_ASKED),
        "unrated": _count_candidates(candidates, UNRATED),
        "top_k": top_k,
        "models": [
            {"file": file, "candidates": candidate_counts[file], "unknown": count}
            for file, count in unknown_counts.items()
        ],
    }


def print_unasked_classes(
    call: Call, candidates: Candidates, output: Path, limit: int | None, unknown_counts: Mapping[str, int]
) -> None:
    """Print the first candidates, and the total."""
    written = range(len(candidates))[:limit]
    if len(candidates):
        printed = call.limit_rows(len(written), _MAX_PRINTED_CANDIDATES, "candidates")
        headings = ["image", "class", "name", "reason", "first class of", "predicted by", "probability"]
        print_table(headings, _unasked_rows(candidates, written[:printed]), n_text_columns=4)
    number = count_noun(len(candidates), "candidate")
    text = number if len(written) == len(candidates) else f"{len(written):,} of {number}"
    call.print_line(f"{output}: {text}{', the most informative first' if len(candidates) else ''}")
    predicted = count_noun(len(candidates), "predicted class is not a label", "predicted classes are not labels")
    call.print_line(
        f"{predicted}, and raters were not asked about {'it' if len(candidates) == 1 else 'them'}: "
        f"{_count_candidates(candidates, NOT_ASKED):,} on rated images, "
        f"{_count_candidates(candidates, UNRATED):,} on unrated images"
    )
    for file, count in unknown_counts.items():
        if count:
            call.print_line(f"{file}: {count_noun(count, 'unknown image')} not used")


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


def _count_candidates(candidates: Candidates, reason: str) -> int:
    return (candidates.reasons or ()).count(reason)
