"""What `reassess sample` prints: the strata, what was drawn, and the interval to expect."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.cli.command_run import CommandRun
from reassess.cli.sample_inputs import ModelPredictions
from reassess.cli.screen import print_table
from reassess.comparison.sample_words import VALID_SHARE
from reassess.core import Sample, Tasks
from reassess.evaluation import ImageSample, Purpose, SamplePlan
from reassess.text import count_noun, format_percent

_ESTIMATES = {
    "accuracy": "valid %",
    "difference": "difference in valid %",
    "labels": "share of wrong original labels",
}


@dataclass(frozen=True)
class DrawnTasks:
    """The tasks of a drawn sample, and what is known about them before anybody answers."""

    purpose: Purpose
    models: ModelPredictions
    guesses: npt.NDArray[np.float64]  # (models, images): guessed probability that the first class is valid
    drawn: ImageSample
    strata_ids: npt.NDArray[np.int64]  # (images,): the stratum of each image
    tasks: Tasks
    sample: Sample
    plan: SamplePlan
    n_pilot: int  # images of earlier batches


def to_json(result: DrawnTasks, output: Path) -> dict[str, Any]:
    """Return the results as a dict for JSON output."""
    design, models = result.sample.design, result.models
    assert design is not None
    strata = _describe_strata(result)
    return {
        "output": str(output),
        "for": result.purpose,
        "seed": result.sample.seed,
        "images": len(result.sample),
        "pilot_images": result.n_pilot,
        "all_images": design.n_images,
        "questions": len(result.tasks.questions),
        "tasks": len(result.tasks),
        "question_rule": list(design.question_rule),
        "strata": strata,
        "models": [
            {"name": name, "sha256": sha, "original_accuracy": float(hits.mean()), "has_scores": has_scores}
            for name, sha, hits, has_scores in zip(
                models.panel.models, models.hashes, models.panel.is_original_hit, models.has_scores, strict=True
            )
        ],
        "expected": {"half_width": result.plan.half_width, "plain_images": result.plan.plain_n},
    }


def print_sample(run: CommandRun, result: DrawnTasks, output: Path) -> None:
    """Print the strata, the counts, and the interval to expect."""
    sample, models = result.sample, result.models
    rows = [
        [
            stratum["name"],
            f"{stratum['images']:,}",
            f"{stratum['drawn']:,}",
            format_percent(stratum["agreement"]),
            format_percent(stratum["guessed_valid"]),
        ]
        for stratum in _describe_strata(result)
    ]
    print_table(["stratum", "images", "drawn", "original accuracy %", "guessed valid %"], rows)
    counts = f"{count_noun(len(result.tasks.questions), 'question')}, {count_noun(len(rows), 'stratum', 'strata')}"
    n_all = len(models.panel.images)
    run.print_line(f"{output}: {count_noun(len(sample), 'image')} of {n_all:,}, {counts}")
    if result.n_pilot:
        run.print_line(f"pilot: {count_noun(result.n_pilot, 'image')}, answered already")
    run.print_line(_describe_plan(result))
    run.add_note(f"valid: {VALID_SHARE}")
    if not result.n_pilot and result.plan.half_width > 0:
        run.add_note("the expected interval is a guess, because nobody has answered yet")
    if unscored := [name for name, has in zip(models.panel.models, models.has_scores, strict=True) if not has]:
        names = ", ".join(unscored)
        run.add_note(
            f"{names}: without scores, strata only follow the place of the original label among the first classes"
        )
    if n_not_shared := max(models.panel.n_not_shared):
        run.add_note(
            f"the estimate will be about the {n_all:,} images in all files; up to {n_not_shared:,} images of a file "
            "are not in another file"
        )


def _describe_strata(result: DrawnTasks) -> list[dict[str, Any]]:
    """Describe each stratum by its size, drawn images, and means over models and images."""
    design = result.sample.design
    assert design is not None
    drawn, n = result.drawn.counts().sum(axis=0).tolist(), design.stratum_sizes
    agreement, guessed = (
        (np.bincount(result.strata_ids, weights=values.mean(axis=0)) / n).tolist()
        for values in (result.models.panel.is_original_hit, result.guesses)
    )
    return [
        {
            "name": name,
            "images": size,
            "settled": settled,
            "drawn": drawn[row],
            "agreement": agreement[row],
            "guessed_valid": guessed[row],
        }
        for row, (name, size, settled) in enumerate(
            zip(design.stratum_names, n.tolist(), design.is_settled.tolist(), strict=True)
        )
    ]


def _describe_plan(result: DrawnTasks) -> str:
    """Say how wide the interval will be, and how many images a plain sample would need."""
    n_models = len(result.models.panel.models)
    n_estimates = {"accuracy": n_models, "difference": n_models * (n_models - 1) // 2, "labels": 1}[result.purpose]
    noun = "pairs" if result.purpose == "difference" else "models"
    mean = f", a mean of {n_estimates} {noun}" if n_estimates > 1 else ""
    if result.plan.half_width == 0:
        return "all images are in the sample, so the estimate will be exact"
    half_width = f"{100 * result.plan.half_width:.1f} points (95 % interval{mean})"
    text = f"expected: {_ESTIMATES[result.purpose]} within about {half_width}"
    return f"{text}; a plain sample would need about {_round(result.plan.plain_n):,} images"


def _round(count: int) -> int:
    """Round to two significant digits.

    >>> _round(1623), _round(87)
    (1600, 87)
    """
    return round(count, 2 - len(str(count)))
