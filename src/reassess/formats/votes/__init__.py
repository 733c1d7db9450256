"""Votes as files, by suffix; `archives`, `tables` and `counts` do the reading and writing."""

from collections.abc import Callable, Sequence
from pathlib import Path

from reassess.core import Classes, Id, Votes
from reassess.core.checks import check_type
from reassess.errors import ReassessError
from reassess.formats.files import as_path, suffix_of, writing
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.formats.votes.vote_archives import check_fits_archive, read_archive, write_archive
from reassess.formats.votes.vote_tables import read_vote_table, vote_table

__all__ = ["read_vote_file", "write_votes"]


def read_vote_file(
    path: str | Path, *, answers: Sequence[Id] | None = None, classes: Classes | None = None, once: bool = False
) -> Votes:
    r"""Votes of a file.

    Parameters
    ----------
    path
        npz with the arrays ``tensor``, numbers of shape (raters, questions, answers), 1 where the rater gave the answer
        and 0 elsewhere; ``info``, text, shape (questions, 2): image name and class; ``ids``, shape (raters,). The
        tensor is read in blocks, and only the votes are kept. Three answers are no, maybe, yes; any other number of
        answers are 0, 1, ... unless the array ``answers`` names them.

        Or a table with a row a vote and the columns image and class, or item (or task, or question), or image alone;
        rater (or worker); answer (or label); perhaps seconds. An item with neither rater nor answer has no votes. Where
        items are images alone, answers are classes: ids, or wnids or names, and `Votes.classes` says of which list.

        Or a table of how many people chose each class, without raters: the columns image, class and count; or a row an
        image, with the column image and one of counts for each class, headed by its id, wnid or name. A column class is
        then the original label, which `read_original` reads, and is no vote.
    answers
        All possible answers in their order. By default: no < maybe < yes; other text and integer codes are sorted;
        classes come by id.
    classes
        The classes of the benchmark, in which wnids and names are looked up; without, they are those that the file
        names, in sorted order.
    once
        Whether it is an error that a rater gives two different answers to a question, which is a vote each else.

    Raises
    ------
    DataError
        The file does not hold votes; the message says where. A count is negative or no whole number, or is given twice;
        answers that are classes are partly names and partly numbers.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "counts.csv"
    >>> _ = path.write_text("image,class,cat,dog\na.png,cat,3,1\nb.png,dog,0,5\n")
    >>> read_vote_file(path)
    Votes(9 votes by unknown raters on 2 images, answers cat, dog)
    """
    path = as_path(path)
    check_type(Classes, classes, optional=True)
    readers: dict[str, Callable[[], Votes]] = {
        ".npz": lambda: read_archive(path, answers, classes),
        **dict.fromkeys(TABLE_SUFFIXES, lambda: read_vote_table(path, answers, classes, once=once)),
    }
    read = readers[suffix_of(path, readers, "votes")]
    try:
        return read()
    except ReassessError as error:
        error.at(path)
        raise


def write_votes(path: str | Path, votes: Votes, *, force: bool = False) -> None:
    """Write votes as an npz archive or a table, by suffix; counts without raters as image, class and count.

    Raises
    ------
    OutputError
        The file exists and `force` is not given, or cannot be written; or an archive cannot hold these votes: plain
        items, times, or two votes of a rater on an item.
    """
    path = as_path(path)
    check_type(Votes, votes)
    if path.suffix.lower() == ".npz":
        check_fits_archive(path, votes)
        with writing(path, force=force) as temporary:
            write_archive(temporary, votes)
        return
    write_table(path, vote_table(votes), force=force)
