"""The export of a campaign as a benchmark folder: its content, and what it never replaces."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import InternalError, OperationalError, ProgrammingError

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    create_campaign,
    exclude_rater,
    export_campaign,
    export_votes,
    open_campaign,
    suggest_class,
)
from reassess.annotation.store.database import use_engine
from reassess.annotation.store.owner_lists import LogEntry, list_log_entries
from reassess.annotation.store.schema import questions
from reassess.annotation.store.transactions import open_transaction
from reassess.core import LabelSets, Questions, StopRule, Tasks
from reassess.data import open_benchmark, read_original_labels, read_votes, update_benchmark
from tests.annotation.campaigns import CLASSES, NOW, campaign_at, tasks_of, turn_of, vote_on_all
from tests.helpers import code_of, message, warned

OF_VOTES = {"answers": ["no", "maybe", "yes"], "stop": [0.01, 0.99]}


@pytest.fixture
def campaign(path: Path) -> Campaign:
    """A campaign with golden answers, original labels, a suggestion, and votes of one rater."""
    campaign = campaign_at(
        path,
        (3,),
        raters=1,
        stop_rule=StopRule(0.01, 0.99),
        golden_share=0.9,
        original_labels=LabelSets.from_lists(["m0.png", "unasked.png"], [[1], [2]], CLASSES),
        settings={"name": "letters", "threshold": 0.7, "match": "name"},
    )
    suggest_class(campaign, 2, turn_of(campaign, 2).task_id, 5, NOW)
    vote_on_all(campaign, raters=1)
    return campaign


def export(campaign: Campaign, folder: Path, **options: Any) -> list[str]:
    """Export, and return the names of the files in the folder."""
    export_campaign(campaign, folder, **options)
    return sorted(path.name for path in folder.iterdir())


def test_exported_folder_is_benchmark_with_all_votes(campaign: Campaign, tmp_path: Path) -> None:
    assert export(campaign, tmp_path / "rated") == [
        "benchmark.json",
        "classes.csv",
        "golden.parquet",
        "original.csv",
        "question-states.csv",
        "rater-golden.parquet",
        "suggestions.csv",
        "votes.parquet",
    ]
    benchmark = open_benchmark(tmp_path / "rated")
    settings = {"name": "letters", "threshold": 0.7, "match": "name"} | OF_VOTES
    assert json.loads((tmp_path / "rated/benchmark.json").read_text()) == settings
    assert benchmark.classes == CLASSES
    read = {part: read_votes(benchmark.sources[part], classes=CLASSES) for part in ("votes", "golden", "rater-golden")}
    assert {part: (len(votes), votes.raters) for part, votes in read.items()} == {
        "votes": (3, ("rater 2",)),
        "golden": (5, ("expert 1",)),
        "rater-golden": (5, ("rater 2",)),
    }
    assert read["votes"].seconds.tolist() == [2.0] * 3
    assert read_original_labels(benchmark.sources["original"], classes=CLASSES).classes_by_image() == {
        "m0.png": {1},
        "unasked.png": {2},
    }
    text = (tmp_path / "rated/suggestions.csv").read_text()
    assert text.startswith("image,class,people\n")
    assert text.endswith(".png,f,1\n")


def test_states_of_questions_are_exported_as_table(campaign: Campaign, tmp_path: Path) -> None:
    """A rater answered no, yes and no, and suggested a class that waits for other raters."""
    export(campaign, tmp_path / "rated")
    heading, *rows = (tmp_path / "rated/question-states.csv").read_text().splitlines()
    assert heading == "image,class,votes,state,probability"
    cells = [row.split(",") for row in rows]
    assert [row[:4] for row in cells[:3]] == [["m0.png", name, "1", "open"] for name in "abc"]
    assert [row[1:4] for row in cells[3:]] == [["f", "0", "open"]]
    assert [float(row[4]) for row in cells] == [
        question.valid_probability for question in export_votes(campaign).question_states
    ]
    no, yes, other, suggested = (float(row[4]) for row in cells)
    assert no == other < suggested < yes
    with open_transaction(campaign) as change:
        change.connection.execute(update(questions).where(questions.c.class_id == 0).values(ended="rule"))
        change.connection.execute(update(questions).where(questions.c.class_id == 1).values(ended="votes"))
    export(campaign, tmp_path / "rated", force=True)
    again = [row.split(",") for row in (tmp_path / "rated/question-states.csv").read_text().splitlines()]
    assert [row[3] for row in again[1:]] == ["closed by the stop rule", "has all votes", "open", "open"]


def test_export_is_logged_unless_campaign_is_read_only(campaign: Campaign, tmp_path: Path) -> None:
    export(campaign, tmp_path / "one", now=NOW, actor_id=2, with_rater_names=True)
    assert list_log_entries(campaign, 1) == [LogEntry(NOW, 2, "export", {"names": True})]
    event.listen(campaign.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA query_only=ON"))
    assert export(campaign, tmp_path / "two") == export(campaign, tmp_path / "three")
    with pytest.raises(OperationalError):  # an export by an owner must be logged
        export(campaign, tmp_path / "four", now=NOW, actor_id=2)
    assert list_log_entries(campaign, 1)[0].detail == {"names": True}


def test_export_by_owner_fails_if_it_cannot_be_logged(campaign: Campaign, path: Path, tmp_path: Path) -> None:
    event.listen(campaign.engine, "checkout", lambda connection, *_: connection.execute("PRAGMA busy_timeout=1"))
    with use_engine(path) as other, other.begin(), pytest.raises(OperationalError, match="is locked"):
        export_campaign(campaign, tmp_path / "rated", with_rater_names=True)
    assert not (tmp_path / "rated").exists()


@pytest.mark.parametrize(
    "forbid", ["SET default_transaction_read_only = on", "SET ROLE pg_read_all_data"], ids=["read-only", "not granted"]
)
def test_read_only_campaign_on_server_is_exported(database: str, tmp_path: Path, forbid: str) -> None:
    campaign = campaign_at(database, (2,))

    def forbid_writing(connection: Any, _: object) -> None:
        connection.execute(forbid)
        connection.commit()

    event.listen(campaign.engine, "connect", forbid_writing)
    campaign.engine.dispose()
    export_campaign(campaign, tmp_path / "rated")
    assert [entry.action for entry in list_log_entries(campaign, 9)] == ["create"]
    with pytest.raises(ProgrammingError if "ROLE" in forbid else InternalError):
        export_campaign(campaign, tmp_path / "given", actor_id=1)


def test_campaign_with_only_ids_has_no_class_list(path: Path, tmp_path: Path) -> None:
    tasks = tasks_of(2)
    questions = Questions.from_columns(["a.png"] * 2, tasks.questions.class_ids + 7)
    create_campaign(path, CampaignPlan(Tasks(questions, tasks.indptr, tasks.task_numbers, tasks.reasons)))
    # And without votes.
    assert export(open_campaign(path), tmp_path / "rated") == ["benchmark.json", "question-states.csv"]


def test_nonempty_folder_raises_without_force(campaign: Campaign, tmp_path: Path) -> None:
    folder = tmp_path / "rated"
    folder.mkdir()
    (folder / ".reassess-left").touch()  # of a killed process
    export(campaign, folder)
    (folder / "scores.npz").write_bytes(b"kept")
    assert message(export, campaign, folder) == (
        "output folder is not empty\n"
        f"  where:   {folder}\n"
        "  found:   benchmark.json, classes.csv, golden.parquet and 6 more\n"
        "  fix:     choose another name, or replace files in it with force=True"
    )
    with warned(f"{folder} contains benchmark files made from earlier votes: scores.npz"):
        assert export(campaign, folder, force=True)
    exclude_rater(campaign, 2, NOW)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    # A campaign without votes, and without raters' golden answers.
    assert message(export, campaign, folder, force=True) == (
        "folder contains a benchmark file that this campaign does not write\n"
        f"  where:   {folder}\n"
        "  found:   rater-golden.parquet, suggestions.csv, votes.parquet\n"
        "  fix:     remove it, or choose another folder"
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert (folder / "scores.npz").read_bytes() == b"kept"


def test_folder_keeps_settings_except_settings_of_votes(campaign: Campaign, tmp_path: Path) -> None:
    export(campaign, tmp_path / "rated")
    update_benchmark(tmp_path / "rated", threshold=0.5, method="em", stop=StopRule(0.2, 0.8))
    export(campaign, tmp_path / "rated", force=True)
    settings = {"name": "letters", "threshold": 0.5, "method": "em", "match": "name"} | OF_VOTES
    assert json.loads((tmp_path / "rated/benchmark.json").read_text()) == settings


def test_votes_with_another_suffix_in_folder_raise(campaign: Campaign, tmp_path: Path) -> None:
    folder = tmp_path / "rated"
    folder.mkdir()
    (folder / "votes.csv").write_text("image,class,rater,answer\na.png,a,x,yes\n")
    assert code_of(export, campaign, folder, force=True) == "duplicate-part"
    assert [path.name for path in folder.iterdir()] == ["votes.csv"]


def test_file_instead_of_folder_raises(campaign: Campaign, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert code_of(export, campaign, tmp_path / "file", force=True) == "output-exists"
    assert code_of(export, campaign, tmp_path / "nowhere" / "rated") == "folder-not-found"


def test_failed_export_leaves_no_folder(campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("reassess.annotation.export_folder.write_votes", fail)
    with pytest.raises(OSError, match="no room"):
        export(campaign, tmp_path / "rated")
    assert not (tmp_path / "rated").exists()
