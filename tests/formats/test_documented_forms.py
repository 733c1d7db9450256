"""Every documented form of a file is read, by string and by path, for each kind of class list."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reassess import data, formats, proposals
from reassess.core import Classes
from reassess.proposals import read_transform
from tests.helpers import message

COUNT = 10
WNIDS = tuple(f"n0000000{number}" for number in range(COUNT))
NAMES = ("tench", "goldfish", "shark", "ray", "rooster", "hen", "ostrich", "cock", "finch", "junco")
CLASS_LISTS = {
    "none": Classes(),
    "count": Classes(COUNT),
    "wnids": Classes(COUNT, wnids=WNIDS),
    "names": Classes(COUNT, names=NAMES),
    "wnids and names": Classes(COUNT, wnids=WNIDS, names=NAMES),
}
# The kinds of class lists, each with a way to write the classes 7 and 3.
SPELLINGS = [
    (kind, pair)
    for kind, classes in CLASS_LISTS.items()
    for pair in (("7", "3"), *((texts[7], texts[3]) for texts in (classes.wnids, classes.names) if texts))
]
FORM = '{"task": 0, "image": "a.png", "classes": [{"class": 7, "name": "cock"}], "reason": "all of the image"}'
# Tables with the classes {0} and {1}, read as CSV, TSV, JSON lines and Parquet.
TABLES: dict[str, tuple[Callable[..., Any], str]] = {
    "labels": (data.read_labels, "image,class\na.png,{0}\na.png,{1}\nb.png,\n"),
    "original": (data.read_original_labels, "image,class\na.png,{0}\nb.png,{1}\n"),
    "reviews": (data.read_labels, "image,class,answer\na.png,{0},valid\na.png,{1},Wrong\nb.png,,problematic\n"),
    "reviews, one row per image": (
        data.read_labels,
        'image,valid,unclear,wrong,problematic\na.png,"{0}","{1}",,false\nb.png,,,"{0},{1}",true\n',
    ),
    "reviews as published": (
        data.read_labels,
        'id,proposed_labels,unclear_multi_labels,wrong_multi_labels,is_problematic\na.png,"{0}","{1}",,0\n',
    ),
    "scores": (data.read_scores, "image,class,score\na.png,{0},0.5\na.png,{1},0.25\n"),
    "probabilities": (data.read_scores, "image,class,probability,golden\na.png,{0},0.5,1\na.png,{1},0.25,0\n"),
    "votes": (data.read_votes, "image,class,rater,answer,seconds\na.png,{0},x,no,1.5\nb.png,{1},y,yes,2\n"),
    "votes for one class": (data.read_votes, "image,rater,answer\na.png,x,{0}\nb.png,y,{1}\n"),
    "counts": (data.read_votes, "image,class,count\na.png,{0},3\na.png,{1},2\n"),
    "counts, one row per image": (data.read_votes, "image,{0},{1}\na.png,3,2\n"),
    "first classes": (formats.read_predictions, "image,prediction\na.png,{0}\nb.png,{1}\n"),
    "best classes": (formats.read_predictions, "image,prediction_1,prediction_2\na.png,{0},{1}\nb.png,{1},{0}\n"),
    "scores of models": (formats.read_predictions, "image,{0},{1}\na.png,0.5,0.25\n"),
    "candidates with sources": (
        formats.read_candidates,
        "image,class,source,rank,probability\na.png,{0},original,,\na.png,{1},vit,2,0.5\n",
    ),
    "candidates": (formats.read_candidates, "image,class\na.png,{0}\nb.png,{1}\n"),
    "groups": (formats.read_groups, "class,group\n{0},birds\n{1},fish\n"),
    "collapsed": (data.read_collapsed_classes, "class,also,reason\n{0},{1},alike\n"),
    "judged": (
        formats.read_judged_mistakes,
        "image,class,category,severity\na.png,{0},Fine-grained,Minor\nb.png,{1},Spurious,Major\n",
    ),
    "hierarchy": (formats.read_hierarchy, "child,parent\n{0},{1}\n{1},animal\n"),
}
DOCUMENTS: dict[str, tuple[Callable[..., Any], str]] = {
    "labels.json": (data.read_labels, '{{"a.png": [{0}, {1}], "b.png": [], "c.png": null}}'),
    "original.json": (data.read_original_labels, '{{"a.png": {0}, "b.png": {1}}}'),
    "reviews.json": (
        data.read_labels,
        '{{"a.png": {{"valid": [{0}], "unclear": [], "wrong": [{1}], "problematic": false}}, "b.png": {{}}}}',
    ),
    "groups.json": (formats.read_groups, '{{"{0}": "birds", "{1}": "fish"}}'),
    "judged.json": (
        formats.read_judged_mistakes,
        '{{"a.png": {{"top_prediction": {0}, "failure category": "Spurious", "failure severity": "Major"}}}}',
    ),
    "tasks.jsonl": (
        formats.read_tasks,
        '{{"task": 0, "image": "a.png", "classes": [{{"class": {0}, "name": "cock"}}], "reason": ""}}\n',
    ),
    "tasks without names.jsonl": (
        formats.read_tasks,
        '{{"task": 0, "image": "a.png", "classes": [{{"class": {0}}}, {{"class": {1}}}]}}\n',
    ),
}
WITHOUT_CLASSES: dict[str, tuple[Callable[..., Any], str]] = {
    "classes.txt": (data.read_classes, "tench\ngoldfish\n"),
    "wnids.txt": (data.read_classes, "n01440764\nn01443537\n"),
    "classes.csv": (
        data.read_classes,
        "id,name,wnid,synonyms,definition\n1,goldfish,n01443537,gold fish;carp,a fish\n0,tench,n01440764,,\n",
    ),
    "clean.txt": (formats.read_clean_list, "a.png\n\nb.png\n"),
    "golden.csv": (
        formats.read_sample,
        "image,class,rater,answer,probability,stratum\na.png,cat,eve,yes,0.5,all\nb.png,dog,eve,no,,\n",
    ),
    "folds.csv": (formats.read_folds, "image,fold\na.png,0\nb.png,1\n"),
    "duplicates.csv": (
        formats.read_duplicates,
        "set,image,group,kind\ntrain,a.png,1,exact\nval,b.png,1,exact\nval,c.png,,tiny\n",
    ),
    "none.csv": (formats.read_duplicates, "set,image,group,kind\n"),
    "models.csv": (formats.read_leaderboard, "model,original,real,img_size,param_count\nvit,80.5,86.1,224,22.05\n"),
    "transform.json": (
        read_transform,
        '{"size": 256, "crop": [224, 224], "mean": [0.5, 0.5, 0.5], "deviation": [1, 1, 1],'
        ' "interpolation": "bicubic"}',
    ),
    "transform.toml": (
        read_transform,
        "size = [256, 300]\ncrop = 224\nmean = [0.5, 0.5, 0.5]\ndeviation = [0.2, 0.2, 0.2]\n",
    ),
    "tasks.jsonl": (formats.read_tasks, FORM),
}


READERS = {read.__name__ for read, _ in (*TABLES.values(), *DOCUMENTS.values(), *WITHOUT_CLASSES.values())}


def check_read(read: Callable[..., Any], path: Path, **options: Any) -> None:
    assert repr(read(path, **options)) == repr(read(str(path), **options))


def test_every_reader_is_tested() -> None:
    """Readers such as `read_label_file` are tested by their function in `data`; of folders and prompts, alone."""
    names = {name for face in (data, formats, proposals) for name in face.__all__ if name.startswith("read_")}
    assert {name for name in names if not name.endswith(("_file", "_pairs", "_folder", "_prompt"))} == READERS


@pytest.mark.parametrize(("kind", "pair"), SPELLINGS)
@pytest.mark.parametrize("form", TABLES)
def test_tables_are_read_as_documented(tmp_path: Path, form: str, kind: str, pair: tuple[str, str]) -> None:
    read, template = TABLES[form]
    (tmp_path / "t.csv").write_text(template.format(*pair))
    table = pl.read_csv(tmp_path / "t.csv")
    table.write_csv(tmp_path / "t.tsv", separator="\t")
    table.write_ndjson(tmp_path / "t.jsonl")
    table.write_parquet(tmp_path / "t.parquet")
    for suffix in ("csv", "tsv", "jsonl", "parquet"):
        check_read(read, tmp_path / f"t.{suffix}", classes=CLASS_LISTS[kind])


@pytest.mark.parametrize(("kind", "pair"), SPELLINGS)
@pytest.mark.parametrize("form", DOCUMENTS)
def test_documents_are_read_as_documented(tmp_path: Path, form: str, kind: str, pair: tuple[str, str]) -> None:
    read, template = DOCUMENTS[form]
    values = pair if pair[0].isdigit() or '"{0}"' in template else tuple(map(json.dumps, pair))
    (tmp_path / form).write_text(template.format(*values))
    check_read(read, tmp_path / form, classes=CLASS_LISTS[kind])


@pytest.mark.parametrize("form", WITHOUT_CLASSES)
def test_files_without_classes_are_read_as_documented(tmp_path: Path, form: str) -> None:
    read, text = WITHOUT_CLASSES[form]
    (tmp_path / form).write_text(text)
    check_read(read, tmp_path / form)


def test_example_task_in_message_is_readable(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("[1]\n")
    assert f"as in {FORM}\n" in message(formats.read_tasks, tmp_path / "t.jsonl")
