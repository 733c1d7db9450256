"""`reassess raters`: table, notes, JSON and errors."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers import RealFile, Runner, document_of, message_of, output_of, results_of, write_csv

RELEASED = "imagenet-real-raters"


HEADINGS = "image,class,rater,answer"


def sets(tmp_path: Path, *, prefix: str = "") -> tuple[Path, Path, Path]:
    """Main votes, experts' votes and raters' golden votes; 100 golden images: ann is correct, bo always answers yes.

    The images are valid from 60 on. In the main votes, ann calls the golden image 99 invalid.
    """
    names = [f"{prefix}{i:08d}.png" for i in range(200)]
    ann = ["yes" if 60 <= i < 99 or i >= 160 else "no" for i in range(200)]
    main = [(names[i], 1, "ann", ann[i]) for i in range(200)] + [(name, 1, "bo", "yes") for name in names]
    experts = [(names[i], 1, rater, "yes" if i >= 60 and rater != "z" else "no") for i in range(100) for rater in "xyz"]
    golden = [(names[i], 1, "ann", "yes" if i >= 60 else "no") for i in range(100)]
    golden += [(names[i], 1, "bo", "yes") for i in range(100)]
    return (
        write_csv(tmp_path / "votes.csv", HEADINGS, [*main, (names[0], 1, "cy", "maybe")]),
        write_csv(tmp_path / "golden.csv", HEADINGS, experts),
        write_csv(tmp_path / "rater-golden.csv", HEADINGS, golden),
    )


def lines_of(out: str) -> list[str]:
    """Split an output into lines, with single spaces."""
    return [" ".join(line.split()) for line in out.splitlines()]


def test_raters_are_sorted_with_the_least_informative_first(run: Runner, tmp_path: Path) -> None:
    sets(tmp_path)
    out = output_of(run("raters", "--benchmark", tmp_path))
    *summary, heading, _, bo, ann, cy = lines_of(out)[:7]
    assert summary == [
        "Krippendorff's alpha (ordinal): -0.4250",
        "measured on 100 golden items (60 invalid, 40 valid): 200 votes by 2 raters "
        "(valid: more than half of its experts said yes)",
    ]
    assert heading == "rater flags bits per vote 95 % correct % votes no/maybe/yes % if invalid if valid self %"
    assert bo == ("bo uninformative, one answer 0.000 0.000 to 0.000 40.0 200 0/0/100 0/0/100 0/0/100 100.0")
    assert ann.startswith("ann 0.971 0.908 to 1.000 ")  # at most the entropy of 60 and 40 %
    assert ann.endswith(" 100.0 200 60/0/40 100/0/0 0/0/100 99.0")
    assert cy == "cy - - - 1 0/100/0 - - -"
    assert lines_of(out)[12] == "and 2 more notes (--verbose)"
    assert lines_of(run("raters", "--benchmark", tmp_path, "--verbose").out)[12:] == [
        "one answer: at least 99 % of 20 or more votes have the same answer",
        "-: no votes on golden items: cy",
    ]


def test_missing_golden_answers_are_noted(run: Runner, tmp_path: Path) -> None:
    votes, *_ = sets(tmp_path)
    result = run("raters", votes)
    assert result.code == 0
    assert (
        "no golden answers: the truth is estimated from all votes by EM, including the rater's own votes" in result.out
    )
    assert "correct" not in lines_of(result.out)[0]
    results = results_of(run, "raters", votes)
    assert results["truth_from"] == "em"
    assert [rater["golden"] for rater in results["raters"]] == [None] * 3


def test_document_contains_results_and_inputs(run: Runner, tmp_path: Path) -> None:
    votes, golden, rater_golden = sets(tmp_path)
    document = document_of(run("raters", "--benchmark", tmp_path, "--json"), "raters")
    assert [(entry["name"], entry["path"]) for entry in document["inputs"]] == [
        ("votes", str(votes)),
        ("golden", str(golden)),
        ("rater-golden", str(rater_golden)),
    ]
    results = document["results"]
    assert results.keys() == {
        *("truths", "answers", "prior", "truth_from", "sampled_items", "alpha", "raters"),
        *("dependence", "golden_dependence", "shared_errors", "golden"),
    }
    assert (results["truths"], results["answers"]) == (["invalid", "valid"], ["no", "maybe", "yes"])
    assert (results["truth_from"], results["prior"]) == ("golden", [0.6, 0.4])
    shared = {name: results["dependence"].pop(name) for name in ("median", "spread")}
    assert shared == {"median": pytest.approx(0, abs=0.01), "spread": 1}
    assert results["dependence"] == {"level": 0.05, "tested": 0, "untested": 3, "pairs": []}
    bo, ann, cy = results["raters"]
    expected = {"rater": "bo", "votes": 200, "answers": [0, 0, 200], "shares": [0, 0, 1], "seconds": None}
    expected |= {"confusion": [[0, 0, 60], [0, 0, 40]], "matrix": [[0, 0, 1], [0, 0, 1]]}
    expected |= {"information": {"bits": 0, "low": 0, "high": 0}, "flags": ["uninformative", "one answer"]}
    assert {name: bo[name] for name in expected} == expected
    assert (bo["golden"]["hits"], bo["golden"]["n"], bo["self_agreement"]["hits"]) == (40, 100, 100)
    assert ann["information"]["low"] < 0.971 < ann["information"]["high"]
    assert (cy["golden"], cy["information"], cy["matrix"]) == (None, None, [None, None])


def test_seconds_are_printed_if_votes_have_them(run: Runner, tmp_path: Path) -> None:
    rows = [(f"{i}.png", 1, rater, "yes" if i % 2 else "no", i + 1) for i in range(3) for rater in ("ann", "bo")]
    votes = write_csv(tmp_path / "votes.csv", "image,class,rater,answer,seconds", rows)
    result = run("raters", votes)
    _, _, heading, _, *output_text = lines_of(result.out)[:6]
    assert heading.endswith(" seconds")
    assert all(row.endswith(" 2.0 (2.0)") for row in output_text)
    assert "seconds: mean time per vote (median in parentheses)" in result.out


def test_truth_of_items_is_the_answer_of_most_experts(run: Runner, tmp_path: Path) -> None:
    answers = [("cat", "dog")[i % 2] for i in range(50)]
    votes = write_csv(tmp_path / "votes.csv", "item,rater,answer", [(i, "ann", answers[i]) for i in range(50)])
    experts = [(i, expert, answers[i] if expert != "z" else "cat") for i in range(49) for expert in "xyz"]
    tied = [(49, "x", "cat"), (49, "y", "dog")]
    golden = write_csv(tmp_path / "golden.csv", "item,rater,answer", [*experts, *tied])
    result = run("raters", votes, "--golden", golden)
    assert result.code == 0
    assert lines_of(result.out)[:4] == [
        "Krippendorff's alpha (nominal): undefined: no item has two votes, or all votes have the same answer",
        "measured on 49 golden items (25 cat, 24 dog): 49 votes by 1 rater (answer of more than half of the experts)",
        "1 golden item undecided (no answer of more than half of the experts): item 49",
        "rater flags bits per vote 95 % correct % votes cat/dog % if cat if dog",
    ]
    assert "correct: the answer is the truth; share of the rater's golden votes" in result.out
    result = run("raters", votes, "--golden", golden, "--golden-at-least", 1)
    rule = "answer of most experts, and of at least 1"
    assert f"on 49 golden items (25 cat, 24 dog): 49 votes by 1 rater ({rule})" in result.out


def test_shares_of_many_answers_are_only_in_json(run: Runner, tmp_path: Path) -> None:
    scale = ["awful", "bad", "fair", "good", "great"]
    rows = [(i, rater, scale[i % 5]) for i in range(40) for rater in ("ann", "bo")]
    votes = write_csv(tmp_path / "votes.csv", "item,rater,answer", rows)
    result = run("raters", votes, "--answers", ",".join(reversed(scale)))
    assert lines_of(result.out)[2] == "rater flags bits per vote 95 % votes"
    document = document_of(run("raters", votes, "--answers", ",".join(reversed(scale)), "--json"), "raters")
    assert document["results"]["answers"] == scale[::-1]


def test_raters_who_agree_too_often_are_listed(run: Runner, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(400) < 0.3
    answers = np.where(rng.random((12, 400)) < 0.85, truth, ~truth)
    answers[11] = answers[0]
    rows = [(f"{i}.png", 1, r, ("no", "yes")[int(answers[r, i])]) for i in range(400) for r in range(12)]
    result = run("raters", write_csv(tmp_path / "votes.csv", HEADINGS, rows))
    assert result.code == 0
    assert result.err.startswith(
        "Warning: raters are not independent given the truth: in the votes, 1 of 66 pairs agree more often "
        "than their confusion matrices and the other pairs explain: 0 and 11 (400 of 400, "
    )
    lines = lines_of(result.out)
    assert lines[2] == "the first 10 of 12 raters (--verbose shows all)"
    assert lines[15:17] == ["", "raters who agree too often in the votes: 1 of 66 pairs"]
    assert lines[19].startswith("0, 11 400 100.0 ")


# --- inputs and errors ------------------------------------------------------------------------------


def test_golden_answers_are_found_only_for_validation_images(
    run: Runner, tmp_path: Path, no_known_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    votes, golden, rater_golden = sets(tmp_path, prefix="ILSVRC2012_val_")
    sources = {"imagenet-real-golden": golden, "imagenet-real-raters-golden": rater_golden}
    monkeypatch.setattr("reassess.data.find_first_file_of_source", sources.get)

    def read(*argv: object) -> list[str]:
        result = run("raters", votes, *argv, "--json")
        assert result.code == 0
        return [entry["name"] for entry in document_of(result, "raters")["inputs"]]

    assert read() == ["votes", "imagenet-real-golden", "imagenet-real-raters-golden"]
    assert read("--golden", golden) == ["votes", "golden"]
    assert read("--golden", "none") == ["votes"]
    sources.clear()
    assert read() == ["votes"]
    (tmp_path / "own").mkdir()
    votes, *_ = sets(tmp_path / "own")
    sources |= {"imagenet-real-golden": golden}
    assert read() == ["votes"]


def test_item_with_only_different_answers_is_an_error(run: Runner, tmp_path: Path) -> None:
    """EM gives each truth the same probability, which is 0.5 or less."""
    rows = [("x", f"rater {i}", answer) for i, answer in enumerate((7, "zebra"))]
    votes = write_csv(tmp_path / "votes.csv", "item,rater,answer", rows)
    assert message_of(run("raters", votes, "--golden", "none")) == (
        "Error: too few items for EM, so raters cannot be measured\n"
        "  allowed: a truth that EM expects for more than 0.5 items\n"
        "  found:   EM expects each truth for at most 0.5 of 1 item; truths: 7, zebra\n"
        "  fix:     give votes on more items, or golden answers\n"
    )


# --- known votes ---------------------------------------------------------------------------------------------


@pytest.fixture
def known_data(real_file: RealFile, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("raters.npz", "golden.npz", "raters_golden.npz"):
        real_file(name)


def test_known_votes_are_found_by_name(run: Runner, known_data: None) -> None:
    result = run("raters", RELEASED)
    assert result.code == 0
    lines = lines_of(result.out)
    assert lines[:6] == [
        "Krippendorff's alpha (ordinal): 0.5172",
        "measured on 1,135 golden items (887 invalid, 248 valid): 88,530 votes by 78 raters "
        "(valid: more than half of its experts said yes)",
        "effective number of raters if invalid: 78.0 votes per item are worth 3.8 independent votes [3.4 to 4.3]; 5 "
        "votes: 2.5 (correlation of errors 0.25)",
        "effective number of raters if valid: 78.0 votes per item are worth 2.8 independent votes [2.6 to 3.2]; 5 "
        "votes: 2.1 (correlation of errors 0.34)",
        "75 raters err together (mean correlation 0.30): 183, 184, 143, 188, 126 and 70 more",
        "the first 10 of 85 raters (--verbose shows all)",
    ]
    assert lines[8].startswith("145 uninformative, one answer 0.000 0.000 to 0.00")
    assert [row.split()[0] for row in lines[8:18]] == (
        ["145", "104", "183", "144", "103", "102", "157", "149", "165", "164"]
    )
    assert lines[18] == ""
    assert "self: same answer in golden votes and main votes: 4,795 of 5,497 cases" in lines
    assert lines[-1] == "and 3 more notes (--verbose)"
    assert "in the votes, 1 of 1,339 pairs agree more" in result.err
    assert "in the golden votes, 29 of 3,003 pairs agree more" in result.err
