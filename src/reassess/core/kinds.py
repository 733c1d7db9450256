"""Whether what was given is of the kind that a function takes; if not, how to come by it."""

from reassess.core.benchmark import Benchmark
from reassess.core.checks import check_instance
from reassess.core.labels import LabelSets
from reassess.core.scores import Scores
from reassess.core.votes import Votes

__all__ = ["check_kind"]

_KINDS: dict[type, tuple[str, str]] = {
    Benchmark: ("parts of a benchmark", "reassess.open_benchmark(NAME or FOLDER)"),
    LabelSets: ("label sets", "reassess.load_labels(NAME or FILE); of multi-label sets, their judging"),
    Scores: ("scores", "reassess.load_scores(NAME or FILE)"),
    Votes: ("votes", "reassess.load_votes(NAME or FILE)"),
}


def check_kind(kind: type, *given: object, optional: bool = False) -> None:
    """Raise `DataError` unless each of some values is of a kind, or None where that is `optional`.

    >>> check_kind(LabelSets, "labels.json")
    Traceback (most recent call last):
        ...
    reassess.errors.DataError: these are no label sets
      allowed: LabelSets
      found:   str
      fix:     reassess.load_labels(NAME or FILE); of multi-label sets, their judging
    """
    what, fix = _KINDS[kind]
    for value in given:
        if value is not None or not optional:
            check_instance(value, kind, what=what, fix=fix)
