"""`reassess annotate export`: what is written, what is left out, and the line that makes labels of it."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.given_answers import skip_task
from reassess.annotation.store.people import find_person
from reassess.annotation.store.turns import last_turn
from reassess.data.loading import load_labels, load_votes
from tests.helpers import Run, document_of

Export = Callable[..., Run]


@pytest.fixture
def export(create: Callable[..., Run], run: Callable[..., Run], work: Callable[..., None]) -> Export:
    """Export a campaign with two raters into the folder rated; it is made with some options."""

    def call(*options: str, made: tuple[str, ...] = ("--golden-rate", "0.9"), votes: bool = True) -> Run:
        if not Path("pets.db").exists():
            assert create(*made).code == 0
            assert run("annotate", "invite", "pets.db", "ann", "bob").code == 0
            if votes:
                work()
        return run("annotate", "export", "pets.db", "-o", "rated", *options)

    return call


def rebuilt(line: str, run: Callable[..., Run], labels: str = "rated/labels.csv") -> dict[str, frozenset[int]]:
    """The label sets that the printed line makes."""
    for command in line.split(" && "):
        program, *argv = shlex.split(command)
        result = run(*argv)
        assert (program, result.code) == ("reassess", 0), result.err
    return dict(load_labels(labels).sets())


def test_the_votes_are_written_and_the_printed_line_makes_labels_of_them(
    export: Export, run: Callable[..., Run]
) -> None:
    result = export()
    assert (result.code, result.err) == (0, "")
    *lines, labels = result.out.splitlines()
    assert lines == [
        "rated: 16 votes by 2 raters on 8 questions",
        "golden: 8 votes by experts",
        "golden: 16 votes by raters",
    ]
    assert labels == (
        "labels: reassess aggregate --benchmark rated -o rated/scores.npz && "
        "reassess labels --benchmark rated -o rated/labels.csv --threshold 0.8"
    )
    sets = rebuilt(labels.removeprefix("labels: "), run)
    assert sets == {f"{number}.png": frozenset({0}) for number in range(8)}  # of the last four, the original label


def test_labels_are_those_of_the_same_votes_given_as_files(export: Export, run: Callable[..., Run]) -> None:
    line = export("--names").out.splitlines()[-1].removeprefix("labels: ")
    sets = rebuilt(line, run)
    for part in ("votes", "golden", "rater-golden"):
        votes = load_votes(f"rated/{part}.parquet")
        rows = (
            f"{votes.items.images[image]},{votes.items.classes.label(class_id)},{rater},{answer}\n"
            for row, (image, class_id) in enumerate(
                zip(votes.items.image_ids.tolist(), votes.items.class_ids.tolist(), strict=True)
            )
            for rater, answer in votes.on(row)
        )
        Path(f"pets/{part}.csv").write_text("image,class,rater,answer\n" + "".join(rows))
    assert run("aggregate", "--benchmark", "pets", "-o", "pets/scores.npz").code == 0
    assert run("labels", "--benchmark", "pets", "-o", "pets/labels.csv", "--threshold", "0.8").code == 0
    assert dict(load_labels("pets/labels.csv").sets()) == sets


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (("--golden", "none"), ""),
        (("--golden-rate", "0"), " --golden none"),  # no rater was measured
        (("--golden-rate", "0.9", "--golden-at-least", "1"), " --golden-at-least 1"),
        (("--golden-rate", "0.9", "--original-votes"), " --original rated/original.csv"),
    ],
)
def test_the_line_makes_labels_by_the_rules_of_the_campaign(
    export: Export, run: Callable[..., Run], made: tuple[str, ...], expected: str
) -> None:
    line = export(made=made).out.splitlines()[-1]
    assert line.startswith(f"labels: reassess aggregate --benchmark rated -o rated/scores.npz{expected} && ")
    sets = rebuilt(line.removeprefix("labels: "), run)
    assert {f"{number}.png" for number in range(4)} <= set(sets)


def test_golden_questions_that_no_expert_has_judged_yet_are_left_out(
    export: Export, run: Callable[..., Run], pets: Path
) -> None:
    (pets / "pets/golden.csv").write_text("image,class,rater,answer\n5.png,cat,eve,yes\n")
    (pets / "open.csv").write_text("image,class\n5.png,dog\n")  # which stands in the same task
    result = export(made=("--golden-rate", "0.9", "--golden-questions", "open.csv"))
    assert "golden: 1 vote by experts\ngolden: 2 votes by raters\n" in result.out
    assert rebuilt(result.out.splitlines()[-1].removeprefix("labels: "), run)


def test_scores_and_labels_of_an_earlier_export_are_named_and_made_anew_in_their_place(
    export: Export, run: Callable[..., Run]
) -> None:
    rebuilt(export().out.splitlines()[-1].removeprefix("labels: "), run)
    Path("rated/labels.csv").unlink()
    assert run("labels", "--benchmark", "rated", "-o", "rated/labels.json", "--threshold", "0.5").code == 0
    again = export("--force")
    assert again.err == "Warning: rated holds what was made of earlier votes: scores.npz, labels.json\n"
    line = again.out.splitlines()[-1].removeprefix("labels: ")
    assert line == (
        "reassess aggregate --benchmark rated -o rated/scores.npz --force && "
        "reassess labels --benchmark rated -o rated/labels.json --force"
    )  # at the threshold that the folder has by now
    assert rebuilt(line, run, labels="rated/labels.json")


def test_a_benchmark_with_a_threshold_needs_none_in_the_line(
    export: Export, run: Callable[..., Run], pets: Path
) -> None:
    (pets / "pets/benchmark.json").write_text('{"threshold": 0.6, "method": "majority"}')
    line = export().out.splitlines()[-1]
    assert line.endswith(" && reassess labels --benchmark rated -o rated/labels.csv")
    assert json.loads(Path("rated/benchmark.json").read_text())["threshold"] == 0.6
    assert rebuilt(line.removeprefix("labels: "), run)


def test_raters_have_numbers_unless_names_are_asked_for(export: Export) -> None:
    export()
    assert load_votes("rated/votes.parquet").raters == ("rater 2", "rater 3")
    assert export("--names", "--force").code == 0
    assert load_votes("rated/votes.parquet").raters == ("ann", "bob")
    assert load_votes("rated/golden.parquet").raters == ("eve",)


def test_it_says_how_many_answers_are_left_out(export: Export, run: Callable[..., Run]) -> None:
    export()
    assert run("annotate", "exclude", "pets.db", "ann").code == 0
    result = export("--force")
    assert "left out: 8 answers of excluded raters\n" in result.out
    results = document_of(export("--force", "--json"), "annotate")["results"]
    rebuild = results.pop("rebuild")
    assert rebuild.startswith("reassess aggregate ")
    assert results == {
        "output": "rated",
        "votes": 8,
        "questions": 8,
        "raters": 1,
        "golden_votes": 8,
        "rater_golden_votes": 8,
        "suggestions": 0,
        "late": 0,
        "skipped": 0,
        "withdrawn": 0,
        "excluded": 8,
        "practice": 0,
    }


def test_votes_of_experts_for_practice_are_left_out_and_their_image_keeps_its_label(
    export: Export, run: Callable[..., Run], pets: Path
) -> None:
    (pets / "pets/original.csv").write_text("image,class\n" + "".join(f"{number}.png,dog\n" for number in range(8)))
    result = export(made=("--golden-rate", "0.9", "--practice", "1"))
    assert "golden: 6 votes by experts\ngolden: 12 votes by raters\n" in result.out
    assert "left out: 2 answers of experts to questions for practice\n" in result.out
    assert document_of(export("--force", "--json"), "annotate")["results"]["practice"] == 2
    sets = rebuilt(result.out.splitlines()[-1].removeprefix("labels: "), run)
    assert len(sets) == 8
    assert sorted(map(sorted, sets.values())) == [[0]] * 7 + [[1]]


def test_answers_about_pictures_that_somebody_could_not_judge_did_not_come_late(
    export: Export, run: Callable[..., Run]
) -> None:
    export()
    campaign = open_campaign("pets.db")
    ann = find_person(campaign, "ann").id
    last = last_turn(campaign, ann)
    assert last is not None
    skip_task(campaign, ann, last.task, 1e9)
    campaign.close()
    lines = export("--force").out.splitlines()
    assert [line for line in lines if "left out" in line] == [
        "left out: 2 answers about pictures that their rater could not judge"
    ]


def test_a_campaign_without_votes_has_no_line(export: Export) -> None:
    result = export(votes=False)
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "rated: 0 votes by 0 raters on 0 questions",
        "golden: 8 votes by experts",
        "labels: nobody has voted yet",
    ]


def test_a_folder_that_is_not_empty_is_kept_without_force(export: Export) -> None:
    export()
    result = export()
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: output folder is not empty\n  where:   rated\n")
    assert result.err.endswith("fix:     choose another name, or overwrite files in it with --force\n")
