"""The votes of a campaign as a benchmark folder."""

import os
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from reassess.core import KNOWN_ANSWERS, USUAL_THRESHOLD, Benchmark, Classes
from reassess.data import check_output_path
from reassess.data.benchmark_folders import find_part_paths, require_single_path
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings, write_settings
from reassess.errors import Fix, OutputError, ReassessWarning
from reassess.formats import write_classes, write_labels, write_tasks, write_votes
from reassess.formats.files import TEMPORARY_PREFIX, atomic_writes, check_output, exists
from reassess.formats.tables import write_table
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl

    from reassess.annotation.store.campaigns import Campaign
    from reassess.annotation.store.export import CampaignExport, QuestionState, Suggestion
    from reassess.core import Questions


_CLASSES_FILE, _ORIGINAL_FILE, _SUGGESTIONS_FILE, QUESTION_STATES_FILE = (
    "classes.csv",
    "original.csv",
    "suggestions.csv",
    "question-states.csv",
)
_VOTES_FILE, _GOLDEN_FILE, _RATER_GOLDEN_FILE = "votes.parquet", "golden.parquet", "rater-golden.parquet"
_SAMPLE_FILE = "sample.jsonl"
_PARTS_FROM_VOTES = ("scores", "labels")
_EXPORTED_FILES = frozenset(
    {
        _CLASSES_FILE,
        _ORIGINAL_FILE,
        _SUGGESTIONS_FILE,
        QUESTION_STATES_FILE,
        _VOTES_FILE,
        _GOLDEN_FILE,
        _RATER_GOLDEN_FILE,
        _SAMPLE_FILE,
    }
)
STATE_TEXTS = {
    None: "open",
    "rule": "closed by the stop rule",
    "votes": "has all votes",
    "skipped": "skipped by all raters",
}


def export_campaign(
    campaign: "Campaign",
    folder: str | Path,
    *,
    with_rater_names: bool = False,
    force: bool = False,
    now: float | None = None,
    actor_id: int | None = None,
) -> "CampaignExport":
    """Write the votes of a campaign into a benchmark folder, and log the export.

    All files are written, or none. They are benchmark.json, question-states.csv, and one file for everything else that
    the campaign has, such as votes and golden votes. With `force`, the folder may contain other files, which are not
    changed; a warning names scores and labels made from earlier votes. With `with_rater_names`, raters keep their
    names. `actor_id` is the id of the owner who exports; None for the command line.
    """
    from reassess.annotation.store.export import export_votes, log_export

    folder = Path(folder)
    _check_output_folder(folder, force=force)
    exported = export_votes(campaign, with_rater_names=with_rater_names)
    files = _collect_files(exported, campaign, folder, read_settings(folder))
    _refuse_unexpected_files(folder, files)
    is_new = not exists(folder)
    if not is_new:
        _warn_about_outdated_files(folder)
    try:
        folder.mkdir(exist_ok=True)
        with atomic_writes():
            for name, file in files.items():
                file.write(folder / name, file.content, force=force)
            log_export(campaign, time.time() if now is None else now, actor_id, with_rater_names=with_rater_names)
    except BaseException:
        if is_new:
            with suppress(OSError):  # the folder may contain a file of a killed process
                folder.rmdir()
        raise
    return exported


def _refuse_unexpected_files(folder: Path, file_names: Collection[str]) -> None:
    """Raise `OutputError` if the folder has a benchmark file that this export does not write."""
    surplus = sorted(name for name in _EXPORTED_FILES.difference(file_names) if exists(folder / name))
    if surplus:
        raise OutputError(
            "output-has-other-part",
            "folder contains a benchmark file that this campaign does not write",
            where=folder,
            found=join_first(surplus, max_items=3),
            fix="remove it, or choose another folder",
        )


def _warn_about_outdated_files(folder: Path) -> None:
    """Warn about scores and labels in the folder that were made from earlier votes."""
    places = find_part_paths(folder)
    if earlier := [path.name for part in _PARTS_FROM_VOTES for path in places.get(part, [])]:
        warnings.warn(
            f"{folder} contains benchmark files made from earlier votes: {', '.join(earlier)}",
            ReassessWarning,
            stacklevel=3,
        )


class _OutputFile(NamedTuple):
    """The content of a file of an export, and the function that writes it."""

    write: Callable[..., None]  # takes the path, the content and `force`
    content: Any


def _collect_files(
    exported: "CampaignExport", campaign: "Campaign", folder: Path, settings: Mapping[str, Any]
) -> dict[str, _OutputFile]:
    """Return a dict with the files of an export, by file name."""
    # The folder keeps its own settings, except settings of the votes. A new folder gets the usual threshold. If the
    # images are elsewhere, the folder stores their path.
    classes = cast("Questions", exported.votes.items).classes
    stop = campaign.rules.stop_rule
    vote_settings = {"answers": list(KNOWN_ANSWERS), "stop": None if stop is None else [stop.low, stop.high]}
    images = {"images": _relative_images_path(campaign.images_path, folder)}
    new_settings = {"threshold": USUAL_THRESHOLD, **campaign.settings, **images, **settings, **vote_settings}
    suggestions = exported.suggestions
    people = {"people": [suggestion.n_people for suggestion in suggestions]}
    states: dict[str, list[Any]] = {
        "votes": [question.n_votes for question in exported.question_states],
        "state": [STATE_TEXTS[question.close_reason] for question in exported.question_states],
        "probability": [question.valid_probability for question in exported.question_states],
    }
    files: dict[str, tuple[Callable[..., None], Any]] = {
        SETTINGS_FILE: (write_settings, {key: value for key, value in new_settings.items() if value is not None}),
        _CLASSES_FILE: (write_classes, classes if classes.wnids_or_names else None),
        _VOTES_FILE: (write_votes, exported.votes if len(exported.votes) else None),
        _GOLDEN_FILE: (partial(write_votes, sample=exported.sample), exported.golden_votes),
        _RATER_GOLDEN_FILE: (write_votes, exported.rater_golden_votes),
        _ORIGINAL_FILE: (write_labels, exported.original_labels),
        _SUGGESTIONS_FILE: (write_table, _make_table(suggestions, classes, people) if suggestions else None),
        QUESTION_STATES_FILE: (write_table, _make_table(exported.question_states, classes, states)),
        _SAMPLE_FILE: (write_tasks, exported.sample_tasks),
    }
    return {name: _OutputFile(write, content) for name, (write, content) in files.items() if content is not None}


def _relative_images_path(images: str | None, folder: Path) -> str | None:
    """Return the relative path from a folder to images outside it; None if images are inside or unknown."""
    if images is None or Path(images).is_relative_to(folder.resolve()):
        return None
    try:
        return Path(os.path.relpath(images, folder.resolve())).as_posix()
    except ValueError:
        return images


def _make_table(
    rows: "Sequence[Suggestion | QuestionState]", classes: Classes, columns: Mapping[str, Sequence[Any]]
) -> "pl.DataFrame":
    """Make a table with the columns `image` and `class`, and with further columns."""
    import polars as pl

    class_ids = classes.to_column(np.array([row.class_id for row in rows]))
    return pl.DataFrame({"image": [row.image_name for row in rows], "class": class_ids, **columns})


def _check_output_folder(folder: Path, *, force: bool) -> None:
    """Raise `OutputError` if the export cannot be written into a folder."""
    if not exists(folder):
        check_output(folder)
        return
    if not folder.is_dir():
        raise OutputError(
            "output-exists", "output path must be a folder, but it is a file", where=folder, fix="choose another name"
        )
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY_PREFIX))
    if names and not force:
        raise OutputError(
            "output-exists",
            "output folder is not empty",
            where=folder,
            found=join_first(names, max_items=3),
            fix=Fix("choose another name, or replace files in it with {force}", force=True),
        )
    sources = {part: str(require_single_path(folder, part, places)) for part, places in find_part_paths(folder).items()}
    for name in sorted(_EXPORTED_FILES):
        check_output(folder / name, force=force)
        check_output_path(folder / name, Benchmark(sources=sources, folder=folder), Path(name).stem)
