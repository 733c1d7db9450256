"""A table of all calls that write or print: commands with each output, and public writers.

A row is a command, or a function and its path. No row depends on the time, so that each run writes the same bytes.
"""

import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

import reassess
from reassess import formats, report
from reassess.__main__ import entry
from reassess.aggregation import MeasuredCurve, replay_stops
from reassess.core import VALIDITY, RaterModel, StopRule
from reassess.data import SOURCES, KnownFile, Source, sources
from reassess.errors import ReassessError
from reassess.report import (
    save_calibration_figure,
    save_curve_figure,
    save_leaderboard_figure,
    save_model_choice_figure,
    save_replay_figure,
)
from tests.helpers import CURVE, GOOD, GOOD_SHA

# Their own tests stop them: predict and rate store finished parts in a folder, and release replaces a whole folder.
RESUMED = ("predict", "rate", "release")
# Their own tests stop them, or their output is the output of `scan` and of `aggregate` on a folder.
TESTED_ELSEWHERE = ("scan_images", "write_score_folder", "write_release")
# They run a server until they are stopped; simulate writes its campaign like backup.
SERVING = ("annotate demo", "annotate serve", "annotate simulate")

_MODELS = "one.csv two.csv --benchmark b"
PRINTING = (
    f"compare {_MODELS} --json",
    "fetch",
    "status b",
    f"evaluate {_MODELS} --json",
    "show a.png one.csv --benchmark b",
    "annotate invite c.db ann",
    "annotate exclude c.db bob",
    "status c.db",
)
WRITING = (
    "aggregate --benchmark b --method calibrated -o out.npz",
    "aggregate items.csv --method majority -o out.parquet",
    "aggregate --benchmark b --method em -o b/scores.csv --force",
    "annotate backup c.db -o out.db",
    "annotate create out.db ask.jsonl --benchmark b --seed 1",
    "annotate export c.db -o rated --force",
    "clean one.csv --benchmark b --method consistent -o out.txt --details out.csv",
    "clean held-out.csv --benchmark b -o out.csv",
    "clean held-out.csv --benchmark b --method consistent --page out.html --images train -o out.txt",
    "curve b/scores.csv --golden b/golden.csv -o out.tsv",
    "curve b/scores.csv --golden b/golden.csv -o out.svg",
    "fetch imagenet-real",
    "fetch imagenet-train-clean",
    "evaluate shifted.csv --labels numbered.csv --details out.parquet",
    f"evaluate {_MODELS} -o out.csv",
    f"compare {_MODELS} -o out.tex",
    f"compare {_MODELS} --details out.csv",
    "folds --benchmark b --k 2 -o out.parquet",
    "labels b/scores.csv --threshold 0.5 -o out.json",
    "labels b/scores.csv --threshold 0.5 -o out.fiftyone.json",
    "labels --benchmark b -o b/labels.csv --details out.csv --force",
    "leaderboard board.csv -o out.pdf",
    f"report {_MODELS} --chart label-count -o out.png",
    f"propose {_MODELS} --per-image 3 -o out.parquet",
    f"sample {_MODELS} --for accuracy --size 6 --seed 0 -o out.jsonl",
    f"propose {_MODELS} --choose recall=0.5 --details out.svg -o out.csv",
    f"propose {_MODELS} --unasked -o out.jsonl",
    "raters --benchmark b -o out.csv",
    "scan train val --workers 0 -o out.csv",
    f"report {_MODELS} -o out.html",
    f"report {_MODELS} --short -o out.html",
    "tasks b/scores.csv --benchmark b --golden none -o out.jsonl",
    "tasks b/scores.csv --benchmark b --golden none -o out.labelstudio.json",
)
FUNCTIONS = (
    "create_campaign out.db",
    "save_calibration_figure out.svg",
    "save_model_choice_figure out.svg",
    "save_curve_figure out.svg",
    "save_leaderboard_figure out.png",
    "save_replay_figure out.svg",
    "update_benchmark b",
    "write_chart out.pdf",
    "write_clean_list out.txt",
    "write_noise out.csv",
    "write_cleaning_details out.parquet",
    "write_folds out.csv",
    "write_label_errors out.csv",
    "write_posterior out.csv",
    "write_labels out.json",
    "write_candidates out.csv",
    "write_predictions out.npy",
    "write_predictions out.tsv",
    "write_classes out.csv",
    "write_duplicates out.parquet",
    "write_report out.html",
    "write_sample_report out.html",
    "write_scores out.npz",
    "write_tasks out.jsonl",
    "write_votes out.npz",
    "write_votes out.jsonl",
    "write_wrong_label_page out.html",
)


def needed_by(row: str) -> tuple[str, ...]:
    """Return the optional packages that a row needs."""
    if row.startswith(("report", "write_report", "write_sample_report", "write_wrong_label_page")) or "--page" in row:
        return ("jinja2", "matplotlib")
    if row.startswith("scan"):
        return ("PIL",)
    if row.startswith(("annotate", "status", "create_campaign")):
        return ("sqlalchemy", "alembic", "PIL")
    draws = row.startswith("draw_") or any(word.endswith((".svg", ".pdf", ".png")) for word in row.split())
    return ("matplotlib",) if draws else ()


def run_row(row: str, *, force: bool) -> None:
    """Run a command or call a function; our errors end the process."""
    if row in FUNCTIONS:
        try:
            _call(*row.split(), force)
        except ReassessError as error:
            sys.exit(f"Error: {error}")
        return
    for name, digest in {"imagenet-real": GOOD_SHA, "imagenet-train-clean": None}.items():
        files = (KnownFile(f"{name}.txt", digest, "https://toy.invalid"),)
        SOURCES[name] = Source(name, "a toy", files, "CC0-1.0", "nobody")
    _replace(sources, "download", _download)
    if row.startswith("annotate"):
        _make_deterministic()
    sys.argv = ["reassess", *row.split(), *(["--force"] if force and not row.startswith("fetch ") else [])]
    entry()


def _call(name: str, path: str, force: bool) -> None:
    if name == "update_benchmark":
        reassess.update_benchmark(path, threshold=0.75)
    elif name == "create_campaign":
        from reassess.annotation import CampaignPlan, create_campaign

        questions = reassess.Questions.from_columns(["a.png", "b.png"], np.array([0, 1]), reassess.Classes(2))
        tasks = reassess.Tasks(questions, np.arange(3), np.arange(2), ["all of the image"] * 2)
        _make_deterministic()
        create_campaign(path, CampaignPlan(tasks), force=force)
    elif name == "save_calibration_figure":
        save_calibration_figure(Path(path), {"one": CURVE.calibration()}, force=force)
    elif name == "save_curve_figure":
        save_curve_figure(Path(path), [MeasuredCurve("one", CURVE)], force=force)
    elif name == "save_model_choice_figure":
        images, ids = ["a.png", "b.png"], {"one": [1, 2], "two": [1, 0]}
        original = reassess.LabelSets.from_lists(images, [[0], [0]])
        models = {model: reassess.Predictions.from_ids(class_ids, images) for model, class_ids in ids.items()}
        golden = reassess.GoldenQuestions(reassess.Questions.from_columns(images, np.array([1, 2])), np.ones(2, bool))
        choice = reassess.choose_models(reassess.propose(models, original), golden)
        save_model_choice_figure(Path(path), choice, force=force)
    elif name == "save_replay_figure":
        questions = reassess.Questions.from_columns(["a.png"], np.array([1]))
        zeros, matrix = np.zeros(3, np.int64), np.array([[0.9, 0.1], [0.2, 0.8]])
        votes = reassess.Votes.from_columns(questions, zeros, zeros, zeros, ("ann",), ("no", "yes"))
        model = RaterModel((), VALIDITY, votes.answers, matrix[None][:0], matrix, np.ones(2) / 2)
        save_replay_figure(
            Path(path), {"one": replay_stops(votes, model, [StopRule(0.1, 0.9)], threshold=0.8)}, force=force
        )
    elif name == "save_leaderboard_figure":
        board = reassess.read_leaderboard("board.csv")
        save_leaderboard_figure(Path(path), reassess.fit_trend(board), force=force)
    else:
        from tests.formats.test_paths import WRITERS  # the arguments of each writer

        face = next(face for face in (formats, report) if name in face.__all__)
        getattr(face, name)(path, *WRITERS[name][1], force=force)


def _make_deterministic() -> None:
    """Make campaigns independent of time, random numbers and the order of sets."""
    from reassess.annotation.store import creation, export, people, schema

    # An export would log itself in its campaign, but its rows are only about the folder.
    _replace(export, "log_export", lambda *_, **__: None)
    for table in schema.metadata.tables.values():
        table.indexes = sorted(table.indexes, key=lambda index: str(index.name))
    numbers = count()
    _replace(creation, "token_hex", lambda _: f"{next(numbers)}")
    _replace(creation, "randbelow", lambda _: next(numbers))
    _replace(people, "token_urlsafe", lambda _: f"{next(numbers)}")
    for command in ("create", "invite", "exclude"):
        module = import_module(f"reassess.cli.commands.annotate.{command}_command")
        _replace(module, "time", SimpleNamespace(time=lambda: 1e9))


def _replace(module: ModuleType, name: str, value: object) -> None:
    """Replace a name of a module until the process ends; the name must exist."""
    mock.patch.object(module, name, value).start()


def _download(url: str, path: Path, **_: Any) -> None:
    """Write a file in two parts, instead of downloading it."""
    with path.open("wb") as file:
        for part in (GOOD[:5], GOOD[5:]):
            file.write(part)
            file.flush()
