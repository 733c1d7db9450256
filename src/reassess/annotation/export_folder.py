"""The votes of a campaign as the folder of a benchmark, from which the other commands go on."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.benchmark import Benchmark
from reassess.core.classes import Classes
from reassess.data.benchmark_folders import places_of_parts
from reassess.data.benchmark_outputs import check_place
from reassess.data.benchmark_settings import update_benchmark
from reassess.errors import OutputError
from reassess.formats.class_tables import write_classes
from reassess.formats.files import TEMPORARY, all_or_none, check_output, exists
from reassess.formats.labels import write_labels
from reassess.formats.tables import write_table
from reassess.formats.votes import write_votes
from reassess.text import some

if TYPE_CHECKING:
    import polars as pl

    from reassess.annotation.store.campaigns import Campaign
    from reassess.annotation.store.export import Exported, Suggestion
    from reassess.core.questions import Questions

__all__ = ["write_export"]

_CLASSES, _ORIGINAL, _SUGGESTIONS = "classes.csv", "original.csv", "suggestions.csv"
_VOTES, _GOLDEN, _RATER_GOLDEN = "votes.parquet", "golden.parquet", "rater-golden.parquet"
_FILES = (_CLASSES, _ORIGINAL, _SUGGESTIONS, _VOTES, _GOLDEN, _RATER_GOLDEN)


def write_export(folder: str | Path, exported: "Exported", campaign: "Campaign", *, force: bool = False) -> None:
    """Write what people said as the folder of a benchmark, see `reassess.open_benchmark`.

    Parameters
    ----------
    folder
        It is made if it is not there. Written are benchmark.json, and of classes.csv, votes.parquet, golden.parquet,
        rater-golden.parquet, original.csv and suggestions.csv (image, class, people) those of which there is something.
    exported
        As of `export_votes`.
    campaign
        The campaign.
    force
        Write into a folder that is not empty. Other files in it stay.

    Raises
    ------
    OutputError
        The folder is not empty and `force` is not given; it holds votes, or another part, in a file of another name; or
        it cannot be written. Then nothing is written.
    """
    folder = Path(folder)
    parts = _parts(exported)
    _check_folder(folder, list(parts), force=force)
    is_new = not exists(folder)
    try:
        folder.mkdir(exist_ok=True)
        with all_or_none():
            for name, (write, noun) in parts.items():
                write(folder / name, noun, force=force)
            update_benchmark(folder, **campaign.settings, answers=KNOWN_ANSWERS, stop=campaign.rules.stop)
    except BaseException:
        if is_new:
            with suppress(OSError):  # what was left by a process that was killed
                folder.rmdir()
        raise
    for name in set(_FILES).difference(parts):  # of an earlier export
        (folder / name).unlink(missing_ok=True)


def _parts(exported: "Exported") -> dict[str, tuple[Callable[..., None], Any]]:
    """What each file holds, and how it is written; files of which there is nothing are left out."""
    classes = cast("Questions", exported.votes.items).classes
    parts: dict[str, tuple[Callable[..., None], Any]] = {
        _CLASSES: (write_classes, classes if classes.texts else None),
        _VOTES: (write_votes, exported.votes if len(exported.votes) else None),
        _GOLDEN: (write_votes, exported.golden),
        _RATER_GOLDEN: (write_votes, exported.rater_golden),
        _ORIGINAL: (write_labels, exported.original),
        _SUGGESTIONS: (write_table, _table(exported.suggestions, classes) if exported.suggestions else None),
    }
    return {name: (write, noun) for name, (write, noun) in parts.items() if noun is not None}


def _table(suggestions: "Sequence[Suggestion]", classes: Classes) -> "pl.DataFrame":
    import polars as pl

    class_ids = np.array([one.class_id for one in suggestions])
    columns = {"class": classes.column(class_ids), "people": [one.people for one in suggestions]}
    return pl.DataFrame({"image": [one.image for one in suggestions], **columns})


def _check_folder(folder: Path, names: Sequence[str], *, force: bool) -> None:
    """Refuse a folder that cannot take files of some names."""
    if not exists(folder):
        check_output(folder)
        return
    if not folder.is_dir():
        raise OutputError("the output is a folder, and a file is in its place", where=folder, mend="name a folder")
    held = [path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY)]
    if held and not force:
        raise OutputError(
            "the output folder is not empty",
            where=folder,
            found=some(sorted(held), most=3),
            mend="choose another name, or overwrite files in it with force=True",
        )
    sources = {part: str(places[0]) for part, places in places_of_parts(folder).items()}
    for name in names:
        check_place(folder / name, Benchmark(sources=sources, folder=folder), Path(name).stem)
