"""Compute scores from a folder of votes, and write them as a folder."""

import os
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import click
import numpy as np
import numpy.typing as npt

from reassess.aggregation import (
    AUTO,
    METHODS,
    Aggregation,
    GoldenVotesWithTruth,
    aggregate,
    find_allowed_golden_answers,
    golden_votes,
)
from reassess.aggregation.aggregation_result import find_questions_decided_by_experts
from reassess.cli.aggregate_inputs import (
    IMAGENET_METHOD,
    NO_METHOD_OPTIONS,
    GoldenCounts,
    check_method_options,
)
from reassess.cli.command_run import CommandRun
from reassess.cli.part_inputs import NO_SOURCE
from reassess.core import Benchmark, Questions, Scores, Votes
from reassess.core.items import StoredItems, are_questions, require_questions, take_items
from reassess.data import read_votes
from reassess.data.benchmark_settings import SETTINGS_FILE
from reassess.errors import OutputError, add_error_place
from reassess.formats import read_vote_folder, write_score_folder
from reassess.formats.score_folders import check_score_folder
from reassess.formats.votes.vote_batches import list_vote_files


@dataclass(frozen=True)
class ScoredFolder:
    """Votes of a folder, and the scores that a method computed from them."""

    votes: Votes
    aggregation: Aggregation

    @property
    def votes_with_golden(self) -> Votes:
        """The votes, which include votes on golden items: a folder does not store these votes separately."""
        return self.votes

    @cached_property
    def _has_scores(self) -> npt.NDArray[np.bool_]:
        """Whether raters voted on each image of golden questions; bool, shape (images,)."""
        experts = self.aggregation.expert_votes
        if experts is None or not isinstance(experts.items, Questions):
            return np.zeros(0, np.bool_)
        return cast(StoredItems, self.votes.items).contains_images(experts.images)

    @cached_property
    def scores_by_experts(self) -> Scores | None:
        """The scores of golden images without raters' votes, see `Aggregation.scores_with_experts`."""
        experts, truth = self.aggregation.expert_votes, self.aggregation.expert_truth
        if experts is None or truth is None or not isinstance(experts.items, Questions):
            return None
        rows = find_questions_decided_by_experts(experts, truth, self._has_scores)
        return Scores(
            questions=require_questions(take_items(experts.items, rows)),
            values=(truth.truth_ids[rows] == len(self.aggregation.posterior.truths) - 1).astype(np.float64),
            is_golden=np.ones(rows.size, np.bool_),
            method=self.aggregation.method,
        )

    def count_golden_decided_by_experts(self) -> GoldenCounts:
        """Count the golden questions, and their images, whose scores come only from experts' answers."""
        scores = self.scores_by_experts
        return GoldenCounts(0, 0) if scores is None else GoldenCounts(len(scores), len(scores.images))

    @property
    def n_golden_images_without_scores(self) -> int:
        """Number of golden images without scores."""
        return int(np.count_nonzero(~self._has_scores)) - self.count_golden_decided_by_experts().n_images

    @property
    def n_items_with_only_golden_votes(self) -> int:
        """Always 0, since a folder of votes has no separate file of raters' golden votes."""
        return 0


def refuse_benchmark(folder: Path, benchmark: Benchmark | None) -> None:
    """Raise an error if the folder of votes is a benchmark folder, or if --benchmark is given with it."""
    if (folder / SETTINGS_FILE).is_file() or (folder / "images").is_dir():
        raise click.UsageError(
            f"{folder} is a benchmark folder, not a folder of votes: use --benchmark {shlex.quote(str(folder))}."
        )
    if benchmark is not None:
        raise click.UsageError("--benchmark cannot be used with a folder of votes: give --golden.")


def check_folder_options(
    run: CommandRun, folder: Path, benchmark: Benchmark | None, output: Path, method: str | None
) -> None:
    """Raise an error, before any work, if options do not apply to a folder of votes, or the output is invalid."""
    refuse_benchmark(folder, benchmark)
    if method == IMAGENET_METHOD:
        raise click.UsageError(f"Method {method} cannot be used with a folder of votes: use calibrated.")
    if run.reading_options.match not in (None, "path"):
        raise click.UsageError("--match cannot be used with a folder of votes: images are joined by path.")
    votes_path, output_path = Path(os.path.realpath(folder)), Path(os.path.realpath(output))
    if votes_path in (output_path, *output_path.parents) or output_path in votes_path.parents:
        raise OutputError(
            "output-is-input",
            "output folder is the folder of votes, or one of the two folders is in the other",
            where=output,
            fix="choose another folder",
        )
    check_score_folder(output, force=run.force)
    run.add_outputs(output)


def compute_and_write_folder_scores(
    run: CommandRun, folder: Path, method: str | None, options: Mapping[str, Any], output: Path
) -> ScoredFolder:
    """Read a folder of votes, compute scores, and write them to the folder `output`."""
    golden = None if options["golden"] == NO_SOURCE else options["golden"]
    used_options = {**NO_METHOD_OPTIONS, **options, "golden": golden}
    if used_options["original"] not in (None, NO_SOURCE):
        raise click.UsageError("--original cannot be used with a folder of votes.")
    used_options["original"] = None
    for option in ("tempering", "dependence", "classifier"):
        if used_options[option]:
            raise click.UsageError(f"--{option} cannot be used with a folder of votes.")
    name = method or "stacking"
    check_method_options(name, used_options, Benchmark())
    written_path = Path(os.path.realpath(output)) if output.is_symlink() else output
    votes = _read_folder(run, folder, written_path.parent)
    experts = None if golden is None else _read_golden_votes(run, golden, votes)
    arguments = {"experts": experts, "min_experts": used_options["min_experts"], "pooling": used_options["pooling"]}
    arguments = {argument: value for argument, value in arguments.items() if argument in METHODS[name].options}
    with add_error_place(describe_inputs(folder, golden)):
        computed = ScoredFolder(votes, aggregate(votes, method or AUTO, **arguments))
    result = computed.aggregation
    write_score_folder(
        output,
        result.posterior,
        method=result.method,
        is_golden=_find_golden(result),
        further_scores=computed.scores_by_experts,
        force=run.force,
    )
    return computed


def load_folder_and_golden_votes(
    run: CommandRun, folder: Path, golden: str | None, *, min_experts: int | None = None
) -> tuple[Votes, GoldenVotesWithTruth | None]:
    """Read a folder of votes and, with --golden, the experts' truth of the items that they answered."""
    votes = _read_folder(run, folder, Path(tempfile.gettempdir()))
    if golden in (None, NO_SOURCE):
        return votes, None
    experts = _read_golden_votes(run, golden, votes)
    with add_error_place(describe_inputs(folder, golden)):
        return votes, golden_votes(experts, votes, min_experts=min_experts)


def describe_inputs(folder: Path, golden: str | None) -> str:
    """Return the folder of votes, and the file of golden answers if there is one, for messages."""
    return str(folder) if golden in (None, NO_SOURCE) else f"{folder} (votes) and {golden} (golden)"


def _read_folder(run: CommandRun, folder: Path, temporary_folder: Path) -> Votes:
    """Read a folder of votes, with --answers."""
    for path in list_vote_files(folder):
        run.add_input("votes", path)
    return read_vote_folder(
        folder,
        answers=run.reading_options.answers,
        temporary_folder=temporary_folder,
        report=run.print_progress_line,
    )


def _read_golden_votes(run: CommandRun, golden: str, votes: Votes) -> Votes:
    """Read experts' votes. Without --answers, the possible answers are those of the raters' votes."""
    path = run.find_or_download_source("golden", golden)
    return read_votes(path, answers=run.reading_options.answers or find_allowed_golden_answers(votes), golden=True)


def _find_golden(result: Aggregation) -> npt.NDArray[np.bool_] | None:
    """Return whether each question is golden; None without experts' votes or questions."""
    items = result.posterior.items
    if result.expert_votes is None or not are_questions(items):
        return None
    rows = cast(StoredItems, items).find_positions(result.expert_votes.items)
    is_golden = np.zeros(len(items), np.bool_)
    is_golden[rows[rows >= 0]] = True
    return is_golden
