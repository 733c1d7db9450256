"""`reassess annotate simulate`: programs rate in a copy of a campaign, and what came of it."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import open_campaign, pause
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.people import find_person, people_of
from reassess.annotation.store.turns import Turn, next_turn
from tests.helpers import Run, document_of

Create = Callable[..., Run]


def votes_of(path: str) -> list[tuple[str, int, tuple[tuple[object, object], ...]]]:
    """Image, class and votes of each question."""
    campaign = open_campaign(path)
    votes = export_votes(campaign, names=True).votes
    campaign.close()
    asked = votes.items
    return [
        (asked.images[asked.image_ids[row]], int(asked.class_ids[row]), tuple(sorted(votes.on(row))))
        for row in range(len(asked))
    ]


def test_programs_rate_a_copy_and_the_campaign_stays_as_it_is(create: Create, run: Callable[..., Run]) -> None:
    create("--votes", "2")
    before = Path("pets.db").read_bytes()
    result = run("annotate", "simulate", "pets.db", "--raters", "2", "--drop", "0.5", "-o", "tried.db")
    assert result.code == 0, result.err
    first, head, _, *rows, states, votes, labels, kept = result.out.splitlines()
    assert first.startswith("2 raters: ")
    assert head.split() == ["request", "times", "median", "ms", "95", "%", "ms", "longest", "ms"]
    assert [row.split("  ")[0] for row in rows] == ["next task", "keep answers"]
    assert states == "questions: 0 open, 8 with all their votes"
    assert re.fullmatch("votes: 16 of at most 16(; \\d+ answers? came when the question had votes enough)?", votes)
    missed = r"8 questions with votes of programs alone; \d valid missed, \d invalid taken"
    assert re.fullmatch(rf"labels at 0\.8: [\d.]+ % as the simulated truth, on {missed}", labels)
    assert kept == "kept: tried.db; go on with reassess annotate status, or export"
    assert Path("pets.db").read_bytes() == before
    campaign = open_campaign("tried.db")
    assert [one.name for one in people_of(campaign) if one.role == "rater"] == ["simulated 1", "simulated 2"]
    campaign.close()
    assert len(votes_of("tried.db")) == 8


def test_a_rater_says_the_same_for_the_same_seed(create: Create, run: Callable[..., Run]) -> None:
    create("--votes", "3")
    said = []
    for seed, path in ((1, "a.db"), (1, "b.db"), (2, "c.db")):
        options = ("--raters", "3", "--seed", str(seed), "--matrix", "0.5,0.2,0.3/0.3,0.2,0.5", "--drop", "0")
        assert run("annotate", "simulate", "pets.db", *options, "-o", path).code == 0
        said.append(votes_of(path))
    assert said[0] == said[1]
    assert said[0] != said[2]


def test_raters_who_are_always_right_say_what_the_labels_say(create: Create, run: Callable[..., Run]) -> None:
    create("--votes", "1")
    options = ("--matrix", "1,0,0/0,0,1", "--labels", "pets/original.csv", "-o", "tried.db")
    assert run("annotate", "simulate", "pets.db", *options).code == 0
    assert {(class_id, answer) for _, class_id, ((_, answer),) in votes_of("tried.db")} == {(0, "yes"), (1, "no")}


def test_labels_of_what_people_voted_on_are_not_held_against_a_simulated_truth(
    create: Create, run: Callable[..., Run], work: Callable[..., None]
) -> None:
    create("--votes", "2")
    run("annotate", "invite", "pets.db", "ann")
    work()
    result = run("annotate", "simulate", "pets.db", "--raters", "1")
    assert "\nvotes: 16 of at most 16\n" in result.out
    assert "labels" not in result.out


def test_programs_are_asked_what_people_hold_and_in_a_campaign_that_is_paused(
    create: Create, run: Callable[..., Run]
) -> None:
    create("--votes", "1", "--golden-rate", "0")
    run("annotate", "invite", "pets.db", "ann")
    campaign = open_campaign("pets.db")
    ann = find_person(campaign, "ann").id
    assert isinstance(next_turn(campaign, ann, time.time()), Turn)
    pause(campaign, time.time())
    campaign.close()
    result = run("annotate", "simulate", "pets.db", "--raters", "1", "--seconds", "5")
    first, second, *_ = result.out.splitlines()
    assert first == "the campaign is paused; its copy was resumed"
    assert second.startswith("1 rater: 4 tasks and 8 answers in ")


def results_of(result: Run) -> Any:
    """What the document of a simulation holds; em may warn of so few votes."""
    assert all(
        line.startswith(("Warning: the votes do not support em", "Warning: em ")) for line in result.err.splitlines()
    )
    return document_of(replace(result, err=""), "annotate")["results"]


def test_the_document_counts_what_was_done(create: Create, run: Callable[..., Run]) -> None:
    create("--votes", "1", "--golden-rate", "0")
    results = results_of(run("annotate", "simulate", "pets.db", "--raters", "1", "--json"))
    assert (results["raters"], results["answers"], list(results["statuses"])) == (1, 8, ["200"])
    assert results["failed"] == 0
    assert results["next_seconds"][0] > 0
    tried = results["campaign"]
    labels = tried.pop("labels")
    states = {"questions": 8, "open": 0, "closed_by_rule": 0, "closed_by_votes": 8}
    assert tried == states | {"votes": 8, "votes_at_most": 8, "late": 0}
    assert (labels["threshold"], labels["voted"]) == (0.8, 8)
    assert labels["right"] + labels["missed"] + labels["mistaken"] == 8


def test_pictures_that_are_not_shown_are_counted_and_told(create: Create, run: Callable[..., Run]) -> None:
    create("--votes", "1", "--golden-rate", "0")
    for image in Path("pets/images").iterdir():
        image.write_bytes(b"no picture")
    simulate = ("annotate", "simulate", "pets.db", "--raters", "1", "--drop", "0")
    results = results_of(run(*simulate, "--json"))
    assert results["not_shown"] == results["statuses"]["404"] >= 4
    result = run(*simulate)
    assert result.code == 0
    assert result.out.splitlines()[-1] == (
        f"no picture was shown in {results['not_shown']} requests: its file is damaged, has changed since the campaign "
        "was made, or is not there"
    )


def test_raters_who_do_not_reach_the_bar_are_counted(create: Create, run: Callable[..., Run]) -> None:
    create("--practice", "1", "--bar", "1", "--votes", "1")
    matrices = ("--matrix", "0,0,1/1,0,0", "--matrix", "1,0,0/0,0,1")
    result = run("annotate", "simulate", "pets.db", "--raters", "2", *matrices, "-o", "tried.db")
    assert result.out.splitlines()[1] == "practice: 1 of 2 raters did not reach the bar, and voted on nothing"
    told = "failed: who did not reach the bar in the practice round is asked nothing until an owner lets them in\n"
    assert told in run("annotate", "status", "tried.db").out
    assert "failed" not in run("annotate", "status", "pets.db").out


def test_images_that_moved_are_found_and_others_are_refused(create: Create, run: Callable[..., Run]) -> None:
    create()
    Path("pets/images").rename("moved")
    simulate = ("annotate", "simulate", "pets.db", "--raters", "1")
    result = run(*simulate)
    assert (result.code, result.err) == (1, run("annotate", "serve", "pets.db").err)
    assert "pets/images" in result.err
    assert run(*simulate, "--images", "moved").code == 0


@pytest.mark.parametrize("matrix", ["x", "1,0", "1,2/3", "0.5,0.2,0.2/0,0,1"])
def test_a_matrix_that_is_none_is_refused(matrix: str, create: Create, run: Callable[..., Run]) -> None:
    create()
    result = run("annotate", "simulate", "pets.db", "--matrix", matrix)
    assert result.code in (1, 2)
    assert "matrix" in result.err
    assert "Traceback" not in result.err


def test_what_is_there_is_not_overwritten(create: Create, run: Callable[..., Run]) -> None:
    create()
    before = Path("tasks.jsonl").read_bytes()
    assert run("annotate", "simulate", "pets.db", "-o", "tasks.jsonl").code == 1
    assert Path("tasks.jsonl").read_bytes() == before


def test_a_campaign_of_another_version_is_named_as_it_was_given(
    create: Create, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    create()
    monkeypatch.setattr(schema, "FORM", "9999")
    result = run("annotate", "simulate", "pets.db")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: the campaign was made by an earlier version of reassess\n"
        "  where:   pets.db\n"
        "  allowed: the form 9999\n"
        "  found:   the form 0001\n"
        "  fix:     reassess annotate upgrade pets.db\n"
    )


def test_what_was_tried_before_is_overwritten_if_forced_and_answers_of_people_are_not(
    create: Create, run: Callable[..., Run], work: Callable[..., None]
) -> None:
    create("--votes", "1")
    simulate = ("annotate", "simulate", "pets.db", "--raters", "1", "--force", "-o")
    for _ in range(2):
        assert run(*simulate, "tried.db").code == 0
    Path("pets.db").rename("empty.db")
    create("--votes", "1")
    run("annotate", "invite", "pets.db", "simulated 1")  # whatever they are called
    work()
    result = run("annotate", "simulate", "empty.db", *simulate[3:], "pets.db")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: file is a campaign with answers, and is not replaced\n")
