"""The votes of a campaign as a benchmark folder."""

import os
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from reassess.core import KNOWN_ANSWERS, USUAL_THRESHOLD, Benchmark, Classes
from reassess.data import check_place
from reassess.data.benchmark_folders import places_of_parts, single_place
from reassess.data.benchmark_settings import SETTINGS_FILE, read_settings, write_settings
from reassess.errors import Fix, OutputError, ReassessWarning
from reassess.formats import write_classes, write_labels, write_votes
from reassess.formats.files import TEMPORARY_PREFIX, check_output, exists, write_atomically
from reassess.formats.tables import write_table
from reassess.text import join_first

if TYPE_CHECKING:
    import polars as pl

    from reassess.annotation.store.campaigns import Campaign
    from reassess.annotation.store.export import Exported, QuestionState, Suggestion
    from reassess.core import Questions


_CLASSES, _ORIGINAL, _SUGGESTIONS, _QUESTIONS = "classes.csv", "original.csv", "suggestions.csv", "question-states.csv"
_VOTES, _GOLDEN, _RATER_GOLDEN = "votes.parquet", "golden.parquet", "rater-golden.parquet"
_FROM_VOTES = ("scores", "labels")
_FILES = frozenset({_CLASSES, _ORIGINAL, _SUGGESTIONS, _QUESTIONS, _VOTES, _GOLDEN, _RATER_GOLDEN})
_STATES = {None: "open", "rule": "closed by the stop rule", "votes": "has all votes"}


def export_campaign(
    campaign: "Campaign",
    folder: str | Path,
    *,
    names: bool = False,
    force: bool = False,
    now: float | None = None,
    by: int | None = None,
) -> "Exported":
    """Write the votes of a campaign as a benchmark folder, and note the export in the log.

    All files are written, or none. They are benchmark.json, question-states.csv, and the other parts that the campaign
    has. With `force`, the folder may contain other files, which stay; a warning names scores and labels made from
    earlier votes. With `names`, raters keep their names. `by` is the number of the owner who exports; None for the
    command line.
    """
    from reassess.annotation.store.export import export_votes, note_export

    folder = Path(folder)
    _check_folder(folder, force=force)
    exported = export_votes(campaign, names=names)
    parts = _parts(exported, campaign, folder, read_settings(folder))
    _check_other_parts(folder, parts)
    is_new = not exists(folder)
    if not is_new:
        _warn_of_older_parts(folder)
    try:
        folder.mkdir(exist_ok=True)
        with write_atomically():
            for name, (write, content) in parts.items():
                write(folder / name, content, force=force)
            note_export(campaign, time.time() if now is None else now, by, names=names)
    except BaseException:
        if is_new:
            with suppress(OSError):  # the folder may contain a file of a killed process
                folder.rmdir()
        raise
    return exported


def _check_other_parts(folder: Path, parts: Collection[str]) -> None:
    """Raise if the folder contains another part, which would seem to belong to this export."""
    surplus = sorted(name for name in _FILES.difference(parts) if exists(folder / name))
    if surplus:
        raise OutputError(
            "output-has-other-part",
            "folder contains a part that the campaign does not have",
            where=folder,
            found=join_first(surplus, max_items=3),
            fix="remove it, or choose another folder",
        )


def _warn_of_older_parts(folder: Path) -> None:
    """Warn about scores and labels in the folder that were made from earlier votes."""
    places = places_of_parts(folder)
    if earlier := [path.name for part in _FROM_VOTES for path in places.get(part, [])]:
        warnings.warn(
            f"{folder} contains parts made from earlier votes: {', '.join(earlier)}", ReassessWarning, stacklevel=3
        )


def _parts(
    exported: "Exported", campaign: "Campaign", folder: Path, settings: Mapping[str, Any]
) -> dict[str, tuple[Callable[..., None], Any]]:
    """Return the writer and content of each file."""
    # The folder keeps its own settings, except settings of the votes. A new folder gets the usual threshold. If the
    # images are elsewhere, the folder stores their place.
    classes = cast("Questions", exported.votes.items).classes
    stop = campaign.rules.stop
    vote_settings = {"answers": list(KNOWN_ANSWERS), "stop": None if stop is None else [stop.low, stop.high]}
    images = {"images": _place_of_images(campaign.images, folder)}
    new_settings = {"threshold": USUAL_THRESHOLD, **campaign.settings, **images, **settings, **vote_settings}
    suggestions = exported.suggestions
    people = {"people": [suggestion.people for suggestion in suggestions]}
    states: dict[str, list[Any]] = {
        "votes": [question.votes for question in exported.questions],
        "state": [_STATES[question.ended] for question in exported.questions],
        "probability": [question.valid for question in exported.questions],
    }
    parts: dict[str, tuple[Callable[..., None], Any]] = {
        SETTINGS_FILE: (write_settings, {key: value for key, value in new_settings.items() if value is not None}),
        _CLASSES: (write_classes, classes if classes.texts else None),
        _VOTES: (write_votes, exported.votes if len(exported.votes) else None),
        _GOLDEN: (partial(write_votes, sample=exported.sample), exported.golden),
        _RATER_GOLDEN: (write_votes, exported.rater_golden),
        _ORIGINAL: (write_labels, exported.original),
        _SUGGESTIONS: (write_table, _table(suggestions, classes, people) if suggestions else None),
        _QUESTIONS: (write_table, _table(exported.questions, classes, states)),
    }
    return {name: (write, content) for name, (write, content) in parts.items() if content is not None}


def _place_of_images(images: str | None, folder: Path) -> str | None:
    """Return the path from a folder to images outside it (absolute if on another drive), or None."""
    if images is None or Path(images).is_relative_to(folder.resolve()):
        return None
    try:
        return Path(os.path.relpath(images, folder.resolve())).as_posix()
    except ValueError:
        return images


def _table(
    rows: "Sequence[Suggestion | QuestionState]", classes: Classes, columns: Mapping[str, Sequence[Any]]
) -> "pl.DataFrame":
    """Make a table with the columns image and class, and further columns."""
    import polars as pl

    class_ids = classes.to_column(np.array([row.class_id for row in rows]))
    return pl.DataFrame({"image": [row.image for row in rows], "class": class_ids, **columns})


def _check_folder(folder: Path, *, force: bool) -> None:
    """Raise if the files cannot be written into a folder."""
    if not exists(folder):
        check_output(folder)
        return
    if not folder.is_dir():
        raise OutputError(
            "output-exists", "output is a folder, but a file has this name", where=folder, fix="choose another name"
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
    sources = {part: str(single_place(folder, part, places)) for part, places in places_of_parts(folder).items()}
    for name in sorted(_FILES):
        check_output(folder / name, force=force)
        check_place(folder / name, Benchmark(sources=sources, folder=folder), Path(name).stem)
