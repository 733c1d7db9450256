"""Vote files: npz archives, tables and exports of Label Studio, by suffix."""

from collections.abc import Callable, Sequence
from pathlib import Path

from reassess.core import Classes, Id, Sample, Votes
from reassess.core.checks import check_type
from reassess.errors import add_error_place
from reassess.formats.files import as_path, check_suffix, write_to_temporary
from reassess.formats.sample_files import make_sample_columns
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.formats.votes.label_studio_votes import read_label_studio_votes
from reassess.formats.votes.other_vote_tables import make_crowdkit_table, make_rater_columns
from reassess.formats.votes.vote_archives import check_fits_archive, read_vote_archive, write_vote_archive
from reassess.formats.votes.vote_tables import make_vote_table, read_vote_table


def read_vote_file(
    path: str | Path,
    *,
    answers: Sequence[Id] | None = None,
    classes: Classes | None = None,
    golden: bool = False,
    raise_if_contradictory: bool = False,
) -> Votes:
    """Read votes; see `reassess.read_votes`."""
    path = as_path(path)
    check_type(Classes, classes, is_optional=True)
    readers: dict[str, Callable[[], Votes]] = {
        ".npz": lambda: read_vote_archive(path, answers, classes),
        **dict.fromkeys(
            TABLE_SUFFIXES,
            lambda: read_vote_table(path, answers, classes, raise_if_contradictory=raise_if_contradictory),
        ),
        ".json": lambda: read_label_studio_votes(
            path, answers, classes, golden=golden, raise_if_contradictory=raise_if_contradictory
        ),
    }
    read = readers[check_suffix(path, readers, "votes")]
    with add_error_place(path):
        return read()


def write_votes(path: str | Path, votes: Votes, *, sample: Sample | None = None, force: bool = False) -> None:
    """Write votes to an npz archive or a table.

    A table of votes without raters has the number of votes for each image and class: columns image, class and count.

    Parameters
    ----------
    path
        npz, csv, tsv, jsonl or parquet. A name that ends in .crowdkit.csv gives the columns task, worker and label of
        crowd-kit, and a name that ends in .cleanlab.csv the matrix of cleanlab: a row per image, a column per rater,
        and class ids (without a class list, positions among the sorted class names). Both contain only items with
        votes.
    votes
        The votes.
    sample
        In a table, the images that were drawn at random: columns probability and stratum.
    force
        Overwrite an existing file.

    Raises
    ------
    OutputError
        The file exists without `force`, or cannot be written; or an archive cannot store these votes: they have items
        without a class, times, or two votes of a rater on an item. A matrix stores only votes for one class per image,
        at most one of each rater on an image.
    DataError
        The raters are unknown, and the file is for crowd-kit or cleanlab.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "votes.csv"
    >>> write_votes(path, Votes.from_columns(["q1"], [0], [0], [1], ("ann",), ("no", "yes")))
    >>> print(path.read_text(), end="")
    item,rater,answer
    q1,ann,yes
    """
    path = as_path(path)
    check_type(Votes, votes)
    if path.suffix.lower() == ".npz":
        check_fits_archive(path, votes)
        with write_to_temporary(path, force=force) as temporary:
            write_vote_archive(temporary, votes)
        return
    tool = path.with_suffix("").suffix.lower()
    if tool == ".cleanlab":
        write_table(path, make_rater_columns(path, votes), force=force)
        return
    table = make_vote_table(votes)
    if sample is not None:
        table = table.with_columns(**make_sample_columns(votes, table["image"], sample))
    write_table(path, make_crowdkit_table(votes, table) if tool == ".crowdkit" else table, force=force)
