"""What `reassess report` and `reassess plot` read: models, what judges them, and what else is known."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from reassess.cli.common import Call, refuse_repeated, tracked
from reassess.cli.inputs import (
    FILE,
    family_option,
    golden_options,
    joining_options,
    judge_options,
    prediction_options,
    threshold_option,
    votes_option,
)
from reassess.cli.judges import Judges, load_judges
from reassess.cli.part_inputs import find_part
from reassess.cli.prediction_inputs import each_prediction, short_names
from reassess.comparison.findings import Findings
from reassess.core.benchmark import IMAGENET, Benchmark
from reassess.data.loading import load_collapsed
from reassess.formats.class_tables import read_collapsed, read_groups
from reassess.formats.leaderboard_files import read_leaderboard

__all__ = ["findings_options", "load_class_tables", "load_findings"]

_SCORES = ("scores", IMAGENET.sources["scores"])


def findings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what is read."""
    options = (
        judge_options,
        votes_option("how sure the labels are, model or label, and mistakes to look at"),
        golden_options,
        threshold_option,
        click.option(
            "--leaderboard",
            "tables",
            type=FILE,
            multiple=True,
            metavar="TABLE",
            help="Public results to place the models among, as for leaderboard; give it twice for two tables.",
        ),
        family_option,
        click.option(
            "--collapsed",
            type=FILE,
            metavar="F",
            help="Classes that are names of one thing.  [default: the package's table, if the images are ImageNet's]",
        ),
        click.option("--groups", type=FILE, metavar="F", help="The group of each class, for kinds of mistakes."),
        prediction_options,
        joining_options,
    )
    for option in reversed(options):
        command = option(command)
    return command


def load_findings(
    call: Call,
    files: tuple[Path, ...],
    *,
    benchmark: Benchmark | None,
    labels: str | None,
    original: str | None,
    scores: str | None,
    votes: str | None,
    golden: str | None,
    rater_golden: str | None,
    threshold: float | None,
    tables: tuple[Path, ...],
    family: re.Pattern[str],
    collapsed: Path | None,
    groups: Path | None,
) -> Findings:
    """Read all that `findings_options` name; a model has the short name of its file."""
    refuse_repeated(files)
    judges = load_judges(
        call,
        benchmark,
        labels,
        original,
        scores,
        votes=votes,
        golden=golden,
        rater_golden=rater_golden,
    )
    score_sources = [str(entry["name"]) for entry in call.inputs if entry["name"] in _SCORES]
    names = short_names([str(path) for path in files]).values()
    joining = judges.joining(call)
    given = each_prediction(call, files, judges)
    return Findings.from_predictions(
        ((name, predictions) for name, (_, predictions) in zip(names, given, strict=True)),
        judges.labels,
        **judges.known,
        threshold=judges.threshold(threshold),
        score_source=score_sources[0] if score_sources else _SCORES[0],
        in_sample=judges.in_sample,
        leaderboard=read_leaderboard(*(call.read("leaderboard", path) for path in tables), family=family)
        if tables
        else None,
        track=lambda items: tracked(call, items, "resampling raters"),
        **load_class_tables(call, judges, collapsed, groups),
        **joining,
    )


def load_class_tables(
    call: Call, judges: Judges, collapsed: Path | None = None, groups: Path | None = None
) -> dict[str, Any]:
    """Which classes are one, and the group of each: as given, or of the benchmark's files; None where there is none."""
    classes = judges.labels.classes
    path = find_part(call, judges.benchmark, "groups", None if groups is None else str(groups))
    return {
        "collapsed": load_collapsed(judges.benchmark, classes=classes)
        if collapsed is None
        else read_collapsed(call.read("collapsed", collapsed), classes),
        "groups": None if path is None else read_groups(path, classes),
    }
