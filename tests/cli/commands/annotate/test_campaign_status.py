"""`reassess status` of a campaign: whole outputs, JSON, and the next step."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reassess import annotation
from tests.helpers import Run, Runner, document_of, output_of

HOUR = 3600.0


@pytest.fixture
def status(create: Runner, run: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Run status on a campaign with two raters, some hours after the time 10^9."""
    monkeypatch.setattr("time.time", lambda: 1e9 - HOUR)
    assert create("--per-question", "3", "--golden-share", "0.9").code == 0
    assert run("annotate", "invite", "pets.db", "ann", "bob").code == 0

    def call(*options: str, hours: float = 0) -> Run:
        monkeypatch.setattr("time.time", lambda: 1e9 + hours * HOUR)
        return run("status", "pets.db", *options)

    return call


def test_status_shows_progress_and_raters(status: Runner, work: Callable[..., None], run: Runner) -> None:
    lines = status().out.splitlines()
    assert lines[2] == "0 votes, 0 in the last hour, 0 in the last 24 hours; at most 24 more votes needed"
    assert lines[-1] == "next: reassess annotate serve pets.db"
    work()
    assert (
        output_of(status(hours=4))
        == """\
8 questions: 8 open, 0 with all their votes
golden: 4 valid, 4 invalid
16 votes, 0 in the last hour, 16 in the last 24 hours; at most 8 more votes needed
more raters needed: nobody is left to answer 8 open questions
name   role     stage    votes   seconds   golden   balanced %             95 %            last answer   flags
──────────────────────────────────────────────────────────────────────────────────────────────────────────────
eve    expert   rating       0         -   8 of 8            -                -                      -
ann    rater    rating       8       3.0        8        100.0   65.36 to 100.0   2001-09-09 01:46 UTC     few
bob    rater    rating       8       3.0        8        100.0   65.36 to 100.0   2001-09-09 01:46 UTC     few
seconds: median time per answer; golden: answers to golden questions
balanced: mean of the accuracy on valid and on invalid questions; maybe counts half
95 %: interval over questions (Newcombe's hybrid score method)
column "last answer": empty for experts whose answers come from a file given to `annotate create`
few: under 20 golden votes for one truth, or on under 20 images
next: reassess annotate invite pets.db NAME...
"""
    )
    run("annotate", "invite", "pets.db", "cy")
    assert status(hours=4).out.splitlines()[3] == "expected to finish: 2001-09-09 07:46 UTC"
    run("annotate", "exclude", "pets.db", "ann")
    (ann,) = [line.split() for line in status().out.splitlines() if line.startswith("ann")]
    assert ann[:4] == ["ann", "rater", "excluded", "0"]


def test_next_step_of_a_campaign(create: Runner, run: Runner, work: Callable[..., None]) -> None:
    create("--golden", "none", "--per-question", "1")
    for change, expected in (
        (lambda: None, "invite pets.db NAME..."),
        (lambda: run("annotate", "invite", "pets.db", "ann"), "serve pets.db"),
        (work, "export pets.db -o rated"),
    ):
        change()
        assert document_of(run("status", "pets.db", "--json"), "status")["next"] == f"reassess annotate {expected}"


def test_status_shows_practice_and_disagreeing_experts(create: Runner, run: Runner, work: Callable[..., None]) -> None:
    golden = Path("pets/golden.csv")
    golden.write_text(golden.read_text() + "4.png,cat,abe,no\n5.png,dog,abe,no\n")
    assert create("--practice", "2", "--bar", "0.9", "--seed", "1").code == 0
    assert run("annotate", "invite", "pets.db", "ann").code == 0
    easy = "Warning: practice is easy to pass without looking at the images: no or yes at random, 6.25 %\n"
    advice = "  fix: annotate create with --golden 16 --practice 4, or a higher --bar\n"
    assert run("status", "pets.db").err == easy + advice
    work()
    result = run("status", "pets.db")
    assert result.err == f"{easy}  fix: look at the balanced accuracy on golden questions too\n"
    lines = result.out.splitlines()
    assert lines[2] == "experts disagree on 1 golden question: see the owner page"
    (heading,) = [line for line in lines if line.startswith("name")]
    (ann,) = [line for line in lines if line.startswith("ann")]
    cell = "83 (38 to 97), failed"
    column = slice(heading.index("practice %") + len("practice %") - len(cell), heading.index("practice %") + 10)
    assert ann[column] == cell
    assert "practice: 4 questions, 1 valid, 3 invalid; pass mark 0.9 (balanced accuracy)" in lines


def test_document_has_everything(status: Runner, work: Callable[..., None]) -> None:
    work()
    results = document_of(status("--json", hours=4), "status")["results"]
    raters = results.pop("raters")
    assert results == {
        "name": "pets",
        "paused": False,
        "now": 1e9 + 4 * HOUR,
        "ends": None,
        "tempering_power": 1.0,
        "tempering_questions": 0,
        "skipped": [],
        "questions": 8,
        "open": 8,
        "closed_by_rule": 0,
        "closed_by_votes": 0,
        "votes": 16,
        "votes_needed": 8,
        "waiting": 8,
        "last_hour": 0,
        "last_day": 16,
        "golden_invalid": 4,
        "golden_valid": 4,
        "golden_unknown": 0,
        "golden_split": 0,
        "practice": dict.fromkeys(["tasks", "unanswered", "n_invalid", "n_valid"], 0)
        | dict.fromkeys(["bar", "waits_for", "blind_chances"]),
    }
    ann = {"id": 2, "name": "ann", "role": "rater", "stage": "rating", "excluded": False, "linked": True}
    ann |= {"answers": [4, 0, 4], "votes": 8, "n_answers": 16, "seconds": 3.0, "practice": None, "flags": ["few"]}
    assert {name: raters[1][name] for name in ann} == ann


def test_skipped_images_are_named(status: Runner) -> None:
    with annotation.use_campaign("pets.db") as campaign:
        ann = annotation.find_person(campaign, "ann").id
        turn = annotation.begin_next_turn(campaign, ann, 1e9)
        name = annotation.read_image_names_by_address(campaign)[turn.image_address]
        annotation.skip_task(campaign, ann, turn.task_id, 1e9)
    assert f"1 image skipped: {name}" in status().out.splitlines()
