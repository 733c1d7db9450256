"""What `reassess report` reads: models, what judges them, and what else the benchmark contains."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from reassess.cli.call import FILE, Call, refuse_repeated, tracked
from reassess.cli.judges import Judges, load_judges
from reassess.cli.options import joining_options, judge_options, prediction_options
from reassess.cli.part_inputs import find_part
from reassess.cli.prediction_inputs import each_prediction, short_names
from reassess.comparison import Findings
from reassess.core import IMAGENET, Benchmark
from reassess.data import collapsed_classes
from reassess.formats import read_groups, read_leaderboard

_SCORES = ("scores", IMAGENET.sources["scores"])


def findings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is read."""
    leaderboard = click.option(
        "--leaderboard",
        "tables",
        type=FILE,
        multiple=True,
        metavar="TABLE",
        help="Public results to place the models among, as for leaderboard; repeatable.",
    )
    for option in (joining_options, prediction_options, judge_options, leaderboard):
        command = option(command)
    return command


def load_findings(
    call: Call,
    files: tuple[Path, ...],
    *,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    tables: tuple[Path, ...],
) -> Findings:
    """Read all that `findings_options` name; a model has the short name of its file."""
    refuse_repeated(files)
    judges = load_judges(call, benchmark, labels, original, None, votes=None)
    score_sources = [str(entry["name"]) for entry in call.inputs if entry["name"] in _SCORES]
    names = short_names([str(path) for path in files]).values()
    given = each_prediction(call, files, judges)
    return Findings.from_predictions(
        ((name, predictions) for name, (_, predictions) in zip(names, given, strict=True)),
        judges.labels,
        **judges.known,
        threshold=judges.threshold(None),
        score_source=score_sources[0] if score_sources else _SCORES[0],
        in_sample=judges.in_sample,
        leaderboard=read_leaderboard(*(call.read("leaderboard", path) for path in tables)) if tables else None,
        track=lambda items: tracked(call, items, "resampling raters"),
        **load_class_tables(call, judges),
        **judges.joining(call),
    )


def load_class_tables(call: Call, judges: Judges) -> dict[str, Any]:
    """Which classes are one, and the group of each, by the benchmark's files; None where there is no file."""
    classes = judges.labels.classes
    path = find_part(call, judges.benchmark, "groups", None)
    return {
        "collapsed": collapsed_classes(judges.benchmark, classes=classes),
        "groups": None if path is None else read_groups(path, classes),
    }
