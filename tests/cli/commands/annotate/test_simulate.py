"""`reassess annotate simulate`: simulated raters, votes, hours and label accuracy."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reassess import annotation
from tests.helpers import Run, Runner, document_of, message_of


@pytest.fixture
def simulate(run: Runner) -> Runner:
    return lambda *options: run("annotate", "simulate", "pets.db", *options)


def votes_of(path: str) -> list[tuple[str, int, tuple[tuple[object, object], ...]]]:
    """Return image, class and votes of each question."""
    with annotation.use_campaign(path) as campaign:
        votes = annotation.export_votes(campaign, with_rater_names=True).votes
    items = votes.items
    return [
        (items.images[items.image_ids[row]], int(items.class_ids[row]), tuple(sorted(votes.votes_on(row))))
        for row in range(len(items))
    ]


def results_of(result: Run) -> Any:
    """Return the results of a simulation; em may warn about few votes."""
    assert all(
        line.startswith(("Warning: the votes do not support em", "Warning: em ")) for line in result.err.splitlines()
    )
    return document_of(replace(result, err=""), "annotate")["results"]


def test_simulated_raters_rate_a_copy(create: Runner, run: Runner, simulate: Runner) -> None:
    create("--per-question", "2", "--golden-share", "0")
    before = Path("pets.db").read_bytes()
    result = simulate("--raters", "2", "--seconds", "900", "-o", "tried.db")
    assert result.code == 0, result.err
    first, states, votes, labels, *last = result.out.splitlines()
    assert re.fullmatch(
        r"2 raters: 8 tasks, 16 answers, [\d.]+ hours of work at 900\.00 seconds per answer; finished after [\d.]+ "
        "hours",
        first,
    )
    assert states == "questions: 0 open, 8 with all their votes"
    assert votes == "votes: 16 of at most 16"
    rest = r"8 simulated questions \(\d valid missed, \d invalid kept\)"
    assert re.fullmatch(rf"labels at 0\.8: [\d.]+ % correct on {rest}", labels)
    assert last == [
        "copy: tried.db",
        "for questions without experts' answers, the truth was drawn at random (to set it: --labels FILE)",
        "next: reassess annotate export tried.db -o simulated",
    ]
    assert Path("pets.db").read_bytes() == before
    with annotation.use_campaign("tried.db") as campaign:
        raters = [rater for rater in annotation.measure_progress(campaign, time.time()).people if rater.role == "rater"]
    assert [one.name for one in raters] == ["simulated 1", "simulated 2"]
    results = results_of(simulate("--raters", "2", "--seconds", "900", "--json"))
    assert (results.pop("labels")["voted"], results.pop("hours") > 2, results.pop("elapsed_hours") > 1) == (
        8,
        True,
        True,
    )
    counts = {"questions": 8, "open": 0, "closed_by_rule": 0, "closed_by_votes": 8, "votes": 16, "votes_at_most": 16}
    assert results == counts | {
        "raters": 2,
        "failed": 0,
        "tasks": 8,
        "answers": 16,
        "not_needed": 0,
        "expert_answers": 0,
    }
    for _ in range(2):
        output = simulate("--raters", "1", "--force", "-o", "tried.db")
        assert (output.code, "8 questions still open: more raters are needed (--raters)\n" in output.out) == (0, True)


def test_simulation_releases_tasks_and_resumes_campaign(create: Runner, run: Runner, simulate: Runner) -> None:
    create("--per-question", "1", "--golden-share", "0")
    run("annotate", "invite", "pets.db", "ann")
    with annotation.use_campaign("pets.db") as campaign:
        ann = annotation.find_person(campaign, "ann").id
        assert isinstance(annotation.begin_next_turn(campaign, ann, time.time()), annotation.Turn)
        annotation.pause(campaign, time.time())
    first, second, *_ = simulate("--raters", "1").out.splitlines()
    assert first == "the campaign is paused, but its copy is not"
    assert second.startswith("1 rater: 4 tasks, 8 answers, ")


def test_raters_below_the_bar_are_counted(create: Runner, run: Runner, simulate: Runner) -> None:
    create("--practice", "1", "--bar", "1", "--per-question", "1")
    result = simulate("--raters", "2", "--matrix", "0,0,1/1,0,0", "--matrix", "1,0,0/0,0,1", "-o", "tried.db")
    assert result.out.splitlines()[1] == "practice: 1 of 2 raters did not reach the pass mark, and gave no votes"
    note = "failed: below the pass mark in the practice round; an owner can admit these raters\n"
    assert note in run("status", "tried.db").out
    assert "failed" not in run("status", "pets.db").out


def test_invalid_calls_raise_and_answers_of_people_stay(
    create: Runner, run: Runner, work: Callable[..., None], simulate: Runner
) -> None:
    create("--per-question", "1")
    before = Path("tasks.jsonl").read_bytes()
    for matrix in ("x", "1,0", "1,2/3", "0.5,0.2,0.2/0,0,1", "-1,1,1/0,0,1"):
        result = simulate("--matrix", matrix)
        assert result.code in (1, 2)
        assert "matrix" in result.err
    for output in ("tasks.jsonl", "pets.db"):
        assert simulate("-o", output).code == 1
    assert Path("tasks.jsonl").read_bytes() == before
    Path("pets.db").rename("empty.db")
    create("--per-question", "1")
    run("annotate", "invite", "pets.db", "simulated 1")  # with any names
    work()
    assert message_of(run("annotate", "simulate", "empty.db", "--raters", "1", "--force", "-o", "pets.db")).startswith(
        "Error: existing file is a campaign with answers, so it is not replaced\n"
    )


def test_a_program_answers_for_experts(create: Runner, simulate: Runner, run: Runner) -> None:
    Path("pets/golden.csv").unlink()
    rows = (f"{row}.png,{name}\n" for row in range(8) for name in ("cat", "dog"))
    Path("both.csv").write_text("image,class\n" + "".join(rows))
    assert create("--golden", "4", tasks="both.csv").code == 0
    lines = simulate().out.replace("\n  ", " ").splitlines()
    assert (
        "experts' answers to 4 golden questions were simulated; in the real campaign, an image with only golden "
        "questions has no labels until experts answer these questions"
    ) in lines
    assert lines[-1] == "next: reassess annotate invite pets.db NAME:expert..."
    assert run("annotate", "invite", "pets.db", "ida:expert").code == 0
    assert "next:" not in simulate("-o", "tried.db", "--quiet").out
    assert "next:" not in simulate().out
    assert "\ngolden: 4 votes by experts\n" in run("annotate", "export", "tried.db", "-o", "tried").out


def test_practice_that_nobody_can_pass_is_named(create: Runner, simulate: Runner) -> None:
    """More raters would not help."""
    Path("pets/golden.csv").unlink()
    Path("both.csv").write_text(
        "image,class\n" + "".join(f"{row}.png,{name}\n" for row in range(8) for name in ("cat", "dog"))
    )
    assert create("--golden", "4", "--practice", "1", "--bar", "0.7").code == 0
    lines = simulate("--labels", "both.csv").out.replace("\n  ", " ").splitlines()
    assert (
        "raters cannot begin practice: no practice question is invalid, so nobody can reach the pass mark; an owner "
        "can admit raters on the owner page"
    ) in lines
    assert not any("--raters" in line for line in lines)
