"""The output of `reassess propose`: candidates, subsets of models, and unasked classes."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from reassess.cli.command_run import CommandRun
from reassess.cli.screen import print_table
from reassess.core import NOT_ASKED, ORIGINAL_SOURCE, UNRATED, Candidates, ModelChoice, ModelSubset, ProposalResult
from reassess.formats.tables import write_table
from reassess.numeric import Proportion
from reassess.text import count_noun, group_files_with_same_text, join_first

_MAX_PRINTED_MODELS = 10
_SCORE_KINDS = {
    "bounded": "scores in [0, 1] that do not sum to 1 are taken as logits",
    "ids": "only first classes are used, since the N most probable pairs need the scores of all classes",
}


def print_candidate_count(run: CommandRun, output: Path, candidates: Candidates) -> None:
    """Print the number of candidates in the output file."""
    images = len(candidates.questions.images)
    mean = f" ({len(candidates) / images:.2f} per image)" if images else ""
    run.print_line(f"{output}: {count_noun(len(candidates), 'candidate')} for {count_noun(images, 'image')}{mean}")


def print_proposal(
    run: CommandRun, result: ProposalResult, detected_formats: Mapping[str, str], *, has_source_table: bool
) -> None:
    """Print the images without candidates, the candidates by source, and how the files were read."""
    _print_image_counts(run, result)
    if has_source_table:
        _print_candidate_counts_by_source(run, result)
    _print_model_notes(run, result, detected_formats)


def _print_image_counts(run: CommandRun, result: ProposalResult) -> None:
    images_text = count_noun(len(result.set_aside_labels), "image needs", "images need")
    run.print_line(f"{images_text} no question: all models agree with the original label")
    if result.n_without_original_label:
        run.print_line(f"{count_noun(result.n_without_original_label, 'image')} without an original label")
    if result.n_without_prediction:
        run.print_line(f"{count_noun(result.n_without_prediction, 'known image')} not predicted by any model")
    if result.n_without_class:
        images = count_noun(result.n_without_class, "image")
        run.print_line(f"{images} without a candidate: no original label, and only unknown classes predicted")
    run.print_line(
        f"N = {result.n_pairs_per_model:,} most probable (image, class) pairs of each model: the largest N with at "
        f"most {result.allowed_candidates_per_image:g} candidates per image on average"
    )


def _print_candidate_counts_by_source(run: CommandRun, result: ProposalResult) -> None:
    """Print the number of candidates from each source: the original labels, and each model.

    Models with the most candidates that no other source has come first.
    """
    names = (ORIGINAL_SOURCE, *result.model_names)
    by_source = np.column_stack([result.is_original, result.is_proposed_by_model])
    own_counts = (by_source & (by_source.sum(axis=1) == 1)[:, None]).sum(axis=0)
    kinds = {model.name: model.kind for model in result.models}
    models = sorted(range(1, len(names)), key=lambda column: (-own_counts[column], names[column]))
    printed = models[
        : run.limit_printed_rows(len(models), _MAX_PRINTED_MODELS, "models, by candidates of only one source")
    ]
    originals = [0] if result.is_original.any() else []
    rows = [
        [names[column], kinds.get(names[column]), f"{by_source[:, column].sum():,}", f"{own_counts[column]:,}"]
        for column in originals + printed
    ]
    print_table(["source", "scores", "candidates", "only from this source"], rows, n_text_columns=2)


def _print_model_notes(run: CommandRun, result: ProposalResult, detected_formats: Mapping[str, str]) -> None:
    """Print how each file was read, and its numbers of unknown and missing images."""
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
    for line in chain.from_iterable(map(group_files_with_same_text, lines_by_model)):
        run.print_line(line)


_MAX_PRINTED_SUBSETS = 10
_MAX_PRINTED_NAMES = 3
_SUBSET_HEADINGS = ["subset", "models", "candidates", "per image", "recall", "precision", "without golden"]


def write_model_subsets(path: Path, choice: ModelChoice, *, force: bool = False) -> None:
    """Write a row for each of the best subsets of models: models, candidates, recall and precision.

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
            "without_golden": subset.n_without_golden_answer,
            "missing": subset.n_missing_images,
            "chosen": subset == choice.chosen,
            "search": choice.search_method,
        }
        for subset in choice.frontier
    ]
    write_table(path, pl.DataFrame(rows), force=force)


def print_model_choice(run: CommandRun, choice: ModelChoice) -> None:
    """Print the chosen models, a lower bound of their recall, and the best subsets."""
    _print_chosen_models(run, choice)
    run.print_line(
        f"{choice.n_valid_not_candidates:,} of {choice.recall_of_all_models.n:,} golden labels are neither candidates "
        "of a model nor original labels"
    )
    printed = _select_printed_subsets(run, choice)
    titles = {} if choice.chosen is None else {choice.chosen: "chosen"}
    titles[choice.all_models] = "chosen (all)" if choice.all_models in titles else "all models"
    rows = [(titles.get(subset, ""), subset) for subset in printed]
    all_models = choice.all_models.models
    print_table(
        _SUBSET_HEADINGS,
        [
            [title, _format_model_names(run, subset, all_models), *_format_subset_cells(subset)]
            for title, subset in rows
        ],
        n_text_columns=2,
    )
    run.print_line(_describe_subset_search(choice))
    run.add_note(
        f"recall and precision: on the {count_noun(choice.n_check_images, 'golden image')} for checking; "
        f"the subsets were selected on {count_noun(choice.n_search_images, 'other golden image')}"
    )
    if choice.n_set_aside:
        images = count_noun(choice.n_set_aside, "golden image")
        run.print_line(f"{images} where all models agree with the original label, which is the only candidate")
    if choice.n_not_predicted:
        run.print_line(f"{count_noun(choice.n_not_predicted, 'golden image')} not used: without predictions")
    run.add_note("recall: of the valid golden questions, the share that are candidates")
    run.add_note("precision: of the candidates with a golden answer, the share that are valid")
    run.add_note(
        "without golden: candidates without a golden answer, on images where other classes have one; not counted in "
        "recall and precision"
    )


def _print_chosen_models(run: CommandRun, choice: ModelChoice) -> None:
    chosen_subset = choice.chosen
    if chosen_subset is None:
        recall = _format_share(choice.recall_of_all_models)
        run.print_line(f"no models chosen: even with all models, recall is too low: {recall}")
        target = format_rounded_down(choice.highest_target)
        run.print_line(f"recall of the candidates of all models together is at least {target}, with 90 % confidence")
        return
    run.print_line(f"chosen: {', '.join(chosen_subset.models)}")
    run.print_line(
        f"{count_noun(chosen_subset.n_candidates, 'candidate')} for {count_noun(chosen_subset.n_images, 'image')} "
        f"(with all models: {choice.all_models.n_candidates:,} for {choice.all_models.n_images:,})"
    )
    if chosen_subset.n_missing_images:
        images = count_noun(chosen_subset.n_missing_images, "image")
        run.print_line(f"{images} without candidates of chosen models; other models have candidates for these images")
    if chosen_subset == choice.all_models:
        images = count_noun(choice.n_check_images + choice.n_search_images, "golden image")
        run.print_line(f"on all {images}: recall {_format_share(choice.recall_of_chosen_or_all_models)}")
    else:
        images = count_noun(choice.n_check_images, "golden image")
        run.print_line(f"on {images} not used in the search:")
        run.print_line(
            f"  recall {_format_share(chosen_subset.recall)}; precision {_format_share(chosen_subset.precision)}"
        )
    run.print_line(f"recall is at least {format_rounded_down(choice.recall_bound or 0)}, with 90 % confidence")


def format_rounded_down(bound: float) -> str:
    """Format a lower bound, rounded down, so that it stays a lower bound."""
    return f"{math.floor(bound * 10_000) / 10_000:.4f}"


def _select_printed_subsets(run: CommandRun, choice: ModelChoice) -> Sequence[ModelSubset]:
    """Return all subsets with --verbose; otherwise, return evenly spaced subsets and the chosen subset."""
    frontier = choice.frontier
    if run.verbose or len(frontier) <= _MAX_PRINTED_SUBSETS:
        return frontier
    positions = {round(position) for position in np.linspace(0, len(frontier) - 1, _MAX_PRINTED_SUBSETS - 1).tolist()}
    positions |= {len(frontier) - 1} if choice.chosen is None else {len(frontier) - 1, frontier.index(choice.chosen)}
    suffix = "" if choice.is_exact else " found"
    run.print_line(f"{len(positions)} of the {len(frontier):,} best subsets{suffix} (--verbose shows all)")
    return [frontier[position] for position in sorted(positions)]


def _format_model_names(run: CommandRun, subset: ModelSubset, all_models: Sequence[str]) -> str:
    """Format the names of a subset's models. Without --verbose, a long list is shortened."""
    if run.verbose or len(subset.models) <= _MAX_PRINTED_NAMES:
        return ", ".join(subset.models)
    omitted = [name for name in all_models if name not in subset.models]
    if not omitted:
        return f"all {len(all_models):,}"
    if len(omitted) <= _MAX_PRINTED_NAMES:
        return f"all except {', '.join(omitted)}"
    return join_first(subset.models, max_items=_MAX_PRINTED_NAMES - 1)


def _format_subset_cells(subset: ModelSubset) -> list[object]:
    mean = None if subset.mean_candidates_per_image is None else f"{subset.mean_candidates_per_image:.2f}"
    shares = [None if share.value is None else f"{share.value:.4f}" for share in (subset.recall, subset.precision)]
    return [f"{subset.n_candidates:,}", mean, *shares, f"{subset.n_without_golden_answer:,}"]


def _format_share(share: Proportion) -> str:
    value = "none" if share.value is None else f"{share.value:.4f}"
    return f"{value} ({share.hits:,} of {share.n:,})"


def _describe_subset_search(choice: ModelChoice) -> str:
    subsets = count_noun(choice.n_subsets, "subset")
    if choice.is_exact:
        return f"exact search: all {subsets} measured, with the same N"
    return f"greedy search: {subsets} measured, with the same N; other subsets might be better"


_MAX_PRINTED_CANDIDATES = 10


def candidates_not_asked_to_json(
    candidates: Candidates, output: Path, top_k: int, limit: int | None, unknown_image_counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return the results for JSON. `unknown_image_counts` has the number of unknown images by file."""
    candidate_counts = dict(zip(candidates.sources, candidates.is_proposed_by_source.sum(axis=0).tolist(), strict=True))
    return {
        "output": str(output),
        "candidates": len(candidates),
        "written": len(range(len(candidates))[:limit]),
        "not_asked": _count_candidates_with_reason(candidates, NOT_ASKED),
        "unrated": _count_candidates_with_reason(candidates, UNRATED),
        "top_k": top_k,
        "models": [
            {"file": file, "candidates": candidate_counts[file], "unknown": count}
            for file, count in unknown_image_counts.items()
        ],
    }


def print_unasked_classes(
    run: CommandRun, candidates: Candidates, output: Path, limit: int | None, unknown_image_counts: Mapping[str, int]
) -> None:
    """Print the first candidates, and the number of all candidates."""
    written = range(len(candidates))[:limit]
    if len(candidates):
        printed = run.limit_printed_rows(len(written), _MAX_PRINTED_CANDIDATES, "candidates")
        headings = ["image", "class", "name", "reason", "first class of", "predicted by", "probability"]
        print_table(headings, _make_unasked_rows(candidates, written[:printed]), n_text_columns=4)
    number = count_noun(len(candidates), "candidate")
    text = number if len(written) == len(candidates) else f"{len(written):,} of {number}"
    run.print_line(f"{output}: {text}{', the most informative first' if len(candidates) else ''}")
    predicted = count_noun(
        len(candidates), "predicted class that is not a label", "predicted classes that are not labels"
    )
    run.print_line(
        f"raters were not asked about {predicted}: "
        f"{_count_candidates_with_reason(candidates, NOT_ASKED):,} on rated images, "
        f"{_count_candidates_with_reason(candidates, UNRATED):,} on unrated images"
    )
    for file, count in unknown_image_counts.items():
        if count:
            run.print_line(f"{file}: {count_noun(count, 'unknown image')} not used")


def _make_unasked_rows(candidates: Candidates, rows: range) -> list[list[object]]:
    classes = candidates.questions.classes
    first, mean = candidates.n_models_ranking_first, candidates.mean_probabilities
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


def _count_candidates_with_reason(candidates: Candidates, reason: str) -> int:
    return (candidates.reasons or ()).count(reason)
