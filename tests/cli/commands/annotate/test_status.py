"""`reassess annotate status`: whole outputs, and the same in a document."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.given_answers import skip_task
from reassess.annotation.store.people import find_person
from reassess.annotation.store.shown_items import image_addresses
from reassess.annotation.store.turns import Turn, next_turn
from tests.helpers import Run, document_of

HOUR = 3600.0


@pytest.fixture
def status(create: Callable[..., Run], run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """The status of a campaign with two raters, at the time 10^9 and some hours."""
    monkeypatch.setattr("time.time", lambda: 1e9 - HOUR)
    assert create("--votes", "3", "--golden-rate", "0.9").code == 0
    assert run("annotate", "invite", "pets.db", "ann", "bob").code == 0

    def call(*options: str, hours: float = 0) -> Run:
        monkeypatch.setattr("time.time", lambda: 1e9 + hours * HOUR)
        return run("annotate", "status", "pets.db", *options)

    return call


def test_it_says_how_far_a_campaign_is_and_how_each_rater_does(
    status: Callable[..., Run], work: Callable[..., None]
) -> None:
    work()
    result = status(hours=4)
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == """\
8 questions: 8 open, 0 with all their votes
golden: 4 valid, 4 invalid
16 votes, 0 in the last hour, 16 in the last 24 hours; at most 8 more are wanted
more raters needed: 8 questions wait for somebody who has not answered them
name   role     stage    votes   seconds   golden   right %             95 %            last answer   flags
───────────────────────────────────────────────────────────────────────────────────────────────────────────
eve    expert   rating       0         -   8 of 8         -                -                      -
ann    rater    rating       8       3.0        8     100.0   67.56 to 100.0   2001-09-09 01:46 UTC     few
bob    rater    rating       8       3.0        8     100.0   67.56 to 100.0   2001-09-09 01:46 UTC     few
seconds: the median time of an answer; golden: answers to golden questions; right: of those; a maybe is never right
an expert without a last answer: the answers came with the campaign
few: fewer than 20 votes on golden questions of one truth, or on 20 images
"""
    )


def test_while_somebody_can_answer_what_is_left_the_time_is_given(
    status: Callable[..., Run], work: Callable[..., None], run: Callable[..., Run]
) -> None:
    work()
    run("annotate", "invite", "pets.db", "cy")
    expected = "at the pace of the last 24 hours, or since the first vote, all are expected by 2001-09-09 07:46 UTC"
    assert status(hours=4).out.splitlines()[3] == expected


def test_what_experts_do_not_agree_on_and_how_practice_went_is_told(
    create: Callable[..., Run], run: Callable[..., Run], work: Callable[..., None]
) -> None:
    golden = Path("pets/golden.csv")
    golden.write_text(golden.read_text() + "4.png,cat,abe,no\n5.png,dog,abe,no\n")
    assert create("--practice", "2", "--bar", "0.9", "--seed", "1").code == 0
    assert run("annotate", "invite", "pets.db", "ann").code == 0
    work()
    lines = run("annotate", "status", "pets.db").out.splitlines()
    assert lines[2] == "experts are not sure, or do not agree, on 1 golden question: see the owner's page"
    (heading,) = [line for line in lines if line.startswith("name")]
    (ann,) = [line for line in lines if line.startswith("ann")]
    column = slice(heading.index("practice") + len("practice") - len("3 of 4, failed"), heading.index("practice") + 8)
    assert ann[column] == "3 of 4, failed"
    assert "practice: right answers of the practice round, of which a maybe is one half" in lines


def test_a_campaign_that_nobody_has_begun_says_so(status: Callable[..., Run]) -> None:
    lines = status().out.splitlines()
    assert lines[2] == "0 votes, 0 in the last hour, 0 in the last 24 hours; at most 24 more are wanted"
    assert not any("pace" in line for line in lines)


def test_a_voided_rater_is_shown_as_such(
    status: Callable[..., Run], work: Callable[..., None], run: Callable[..., Run]
) -> None:
    work()
    run("annotate", "exclude", "pets.db", "ann")
    (ann,) = [line.split() for line in status().out.splitlines() if line.startswith("ann")]
    assert ann[:4] == ["ann", "rater", "excluded", "0"]


def test_the_document_holds_all_that_is_told(status: Callable[..., Run], work: Callable[..., None]) -> None:
    work()
    results = document_of(status("--json", hours=4), "annotate")["results"]
    raters = results.pop("raters")
    assert results == {
        "name": "pets",
        "paused": False,
        "now": 1e9 + 4 * HOUR,
        "questions": 8,
        "open": 8,
        "closed_by_rule": 0,
        "closed_by_votes": 0,
        "votes": 16,
        "wanted": 8,
        "waiting": 8,
        "last_hour": 0,
        "last_day": 16,
        "ends": None,
        "skipped": [],
        "golden_invalid": 4,
        "golden_valid": 4,
        "golden_unknown": 0,
        "golden_split": 0,
    }
    assert raters[1] == {
        "id": 2,
        "name": "ann",
        "role": "rater",
        "stage": "rating",
        "excluded": False,
        "linked": True,
        "answers": [4, 0, 4],
        "votes": 8,
        "given": 16,
        "seconds": 3.0,
        "confusion": [[4, 0, 0], [0, 0, 4]],
        "golden": {"hits": 8, "n": 8, "accuracy": 1.0, "low": pytest.approx(0.6756, abs=1e-4), "high": 1.0},
        "practice": None,
        "flags": ["few"],
        "last": 1e9,
    }


def test_images_that_somebody_could_not_judge_are_named(status: Callable[..., Run]) -> None:
    campaign = open_campaign("pets.db")
    ann = find_person(campaign, "ann").id
    turn = next_turn(campaign, ann, 1e9)
    assert isinstance(turn, Turn)
    name = image_addresses(campaign)[turn.image]
    skip_task(campaign, ann, turn.task, 1e9)
    campaign.close()
    assert f"1 image that somebody could not judge: {name}" in status().out.splitlines()
