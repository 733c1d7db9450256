"""`reassess annotate export`: the folder, what is not exported, and the command that makes labels."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from reassess import annotation
from reassess.data import open_benchmark, read_labels, read_votes
from tests.helpers import Run, Runner, document_of, message_of, output_of, results_of

GOLDEN = ("--golden-share", "0.9")


@pytest.fixture
def export(create: Runner, run: Runner, work: Callable[..., None]) -> Runner:
    """Export a campaign with two raters into the folder rated; `made` are the options of create."""

    def call(*options: str, made: tuple[str, ...] = GOLDEN, votes: bool = True) -> Run:
        if not Path("pets.db").exists():
            assert create(*made).code == 0
            assert run("annotate", "invite", "pets.db", "ann", "bob").code == 0
            if votes:
                work()
        return run("annotate", "export", "pets.db", "-o", "rated", *options)

    return call


def next_of(result: Run) -> str:
    return result.out.splitlines()[-1].removeprefix("next: ")


def labels_by(line: str, run: Runner, labels: str = "rated/labels.csv") -> dict[str, frozenset[int]]:
    """Return the label sets of the next step."""
    for command in line.split(" && "):
        program, *argv = shlex.split(command)
        result = run(*argv)
        assert (program, result.code) == ("reassess", 0), result.err
    return dict(read_labels(labels).classes_by_image())


def test_next_step_makes_labels(export: Runner, run: Runner) -> None:
    result = export()
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "rated: 16 votes by 2 raters on 8 questions",
        "golden: 8 votes by experts",
        "golden: 16 votes by raters",
        "next: reassess aggregate --benchmark rated -o rated/scores.csv && "
        "reassess labels --benchmark rated -o rated/labels.csv --details changed.csv",
    ]
    sets = labels_by(next_of(result), run)
    assert sets == {f"{number}.png": frozenset({0}) for number in range(8)}  # the last four keep the original label
    assert read_votes("rated/votes.parquet").raters == ("rater 2", "rater 3")
    Path("rated/labels.csv").unlink()
    assert run("labels", "--benchmark", "rated", "-o", "rated/labels.csv", "--threshold", "0.5").code == 0
    again = export("--force", "--rater-names")
    assert again.err == "Warning: rated contains benchmark files made from earlier votes: scores.csv, labels.csv\n"
    assert next_of(again) == (  # at the threshold of the folder
        "reassess aggregate --benchmark rated -o rated/scores.csv --force && "
        "reassess labels --benchmark rated -o rated/labels.csv --force --details changed-2.csv"
    )
    assert labels_by(next_of(again), run, labels="rated/labels.csv")
    assert read_votes("rated/votes.parquet").raters == ("ann", "bob")
    assert read_votes("rated/golden.parquet").raters == ("eve",)
    assert message_of(export()).endswith("fix:     choose another name, or replace files in it with --force\n")


@pytest.mark.parametrize(
    ("made", "settings", "aggregate"),
    [
        (("--golden", "none"), "{}", ""),
        (("--golden-share", "0"), "{}", ""),  # no rater was measured
        (("--golden-share", "0", "--original", "pets/original.csv"), "{}", ""),
        ((*GOLDEN, "--original", "pets/original.csv"), "{}", " --original rated/original.csv"),
        (GOLDEN, '{"threshold": 0.6}', ""),
    ],
)
def test_next_step_follows_the_campaign(
    export: Runner,
    run: Runner,
    pets: Path,
    made: tuple[str, ...],
    settings: str,
    aggregate: str,
) -> None:
    (pets / "pets/benchmark.json").write_text(settings)
    line = next_of(export(made=made))
    assert line == (
        f"reassess aggregate --benchmark rated -o rated/scores.csv{aggregate} && "
        f"reassess labels --benchmark rated -o rated/labels.csv --details changed.csv"
    )
    assert open_benchmark("rated").threshold == json.loads(settings).get("threshold", 0.8)
    sets = labels_by(line, run)
    assert {f"{number}.png" for number in range(4)} <= set(sets)
    again = [*shlex.split(line.split(" && ")[0])[1:], "--force"]
    assert run(*again).code == 0  # the method is in benchmark.json by now
    if made[:2] == ("--golden-share", "0"):
        assert [sets[f"{number}.png"] for number in range(4, 8)] == [frozenset({0})] * 4  # experts decide
        for more in (
            ("--golden", "rated/golden.parquet"),
            ("--golden-at-least", "1"),
            ("--method", "auto"),
            ("--method", "em"),
        ):
            assert run(*again, *more).code == 0
            assert len(pl.read_csv("rated/scores.csv")) == 16
        assert run("raters", "--benchmark", "rated").out.startswith("raters are not measured by golden questions: ")
        assert run("curve", "--benchmark", "rated").error == "missing-golden"
        assert "not ready: curve (rater-golden missing)" in run("status", "rated").out


def test_golden_questions_without_experts_answers_are_exported(export: Runner, run: Runner, pets: Path) -> None:
    (pets / "pets/golden.csv").write_text("image,class,rater,answer\n5.png,cat,eve,yes\n")
    (pets / "open.csv").write_text("image,class\n5.png,dog\n")  # in the same task
    result = export(made=(*GOLDEN, "--golden", "open.csv"))
    assert "golden: 1 vote by experts\ngolden: 4 votes by raters\n" in result.out
    table = pl.read_parquet("rated/golden.parquet").select("image", "class", "rater", "answer")
    assert table.rows() == [("5.png", "cat", "expert 1", "yes"), ("5.png", "dog", None, None)]
    assert next_of(result) == "reassess annotate invite pets.db NAME:expert..."


def test_answers_that_are_not_exported_are_counted(export: Runner, run: Runner, pets: Path) -> None:
    (pets / "pets/original.csv").write_text("image,class\n" + "".join(f"{number}.png,dog\n" for number in range(8)))
    result = export(made=(*GOLDEN, "--practice", "1"))
    assert "golden: 8 votes by experts (2 for practice)\ngolden: 12 votes by raters\n" in result.out
    assert "not exported" not in result.out
    sets = labels_by(next_of(result), run)
    assert sorted(map(sorted, sets.values())) == [[0]] * 8  # experts decide the practice image
    with annotation.use_campaign("pets.db") as campaign:
        bob = annotation.find_person(campaign, "bob").id
        last = annotation.find_previous_turn(campaign, bob)
        annotation.skip_task(campaign, bob, last.task_id, 1e9)
    assert run("annotate", "exclude", "pets.db", "ann").code == 0
    lines = [line for line in export("--force").out.splitlines() if line.startswith("not exported")]
    assert lines == [
        "not exported: 8 answers by excluded raters",
        "not exported: 2 answers about skipped images",
    ]
    result = run("annotate", "export", "pets.db", "-o", "again", "--json")
    document = document_of(result, "annotate")
    assert document["next"].startswith("reassess aggregate ")
    assert document["results"] == {
        "output": "again",
        "votes": 6,
        "questions": 6,
        "raters": 1,
        "golden_votes": 8,
        "golden_drawn": 0,
        "rater_golden_votes": 6,
        "suggestions": 0,
        "not_needed": 0,
        "skipped": 2,
        "withdrawn": 0,
        "excluded": 8,
        "practice": 2,
        "unrated_golden": 0,
        "unrated_images": 0,
    }


def test_without_votes_people_are_asked_next(export: Runner) -> None:
    assert output_of(export(votes=False)).splitlines() == [
        "rated: 0 votes by 0 raters on 0 questions",
        "golden: 8 votes by experts",
        "next: reassess annotate serve pets.db",
    ]


def test_golden_images_without_expert_are_counted(create: Runner, run: Runner, work: Callable[..., None]) -> None:
    """Experts come next if none was invited, and otherwise labels."""
    Path("pets/golden.csv").unlink()
    both = (f"{row}.png,{name}\n" for row in range(8) for name in ("cat", "dog"))
    Path("both.csv").write_text("image,class\n" + "".join(both))
    assert create("--golden", "4", "--seed", "0", tasks="both.csv").code == 0
    assert run("annotate", "invite", "pets.db", "ann").code == 0
    work()
    *_, line, following = output_of(run("annotate", "export", "pets.db", "-o", "rated")).splitlines()
    assert line == "4 golden questions on 2 images have no expert's answer: these images stay unrated"
    assert following == "next: reassess annotate invite pets.db NAME:expert..."
    assert run("annotate", "invite", "pets.db", "ida:expert").code == 0
    assert next_of(run("annotate", "export", "pets.db", "-o", "again")).startswith("reassess aggregate ")
    with annotation.use_campaign("pets.db") as campaign:
        ida = annotation.find_person(campaign, "ida").id
        turn = annotation.begin_next_turn(campaign, ida, 2e9)
        answers = [annotation.GivenAnswer(row.question_id, 2, 3.0) for row in turn.questions]
        annotation.save_answers(campaign, ida, answers, 2e9)
    result = run("annotate", "export", "pets.db", "-o", "third")
    assert "\n2 golden questions on 1 image have no expert's answer: this image stays unrated\n" in result.out


def test_the_folder_remembers_where_the_images_are(export: Runner, run: Runner) -> None:
    """Also if both were moved together. If only the images were moved, the error names the wrong place."""
    assert export().code == 0
    Path("moved").mkdir()
    for folder in ("pets", "rated"):
        Path(folder).rename(Path("moved", folder))
    (images,) = (part for part in results_of(run, "status", "moved/rated")["parts"] if part["part"] == "images")
    assert (images["source"], images["counts"]) == ("moved/pets/images", {"images": 8})
    Path("moved/pets").rename("pets")
    refused = run("scan", "--benchmark", "moved/rated", "-o", "duplicates.csv")
    assert refused.error == "moved-images"
    assert "  found:   '../pets/images', which is moved/pets/images\n" in refused.err
    assert run("status", "moved/rated").code == 1
    settings = Path("moved/rated/benchmark.json")
    settings.write_text(settings.read_text().replace("../pets/images", str(Path("pets/images").resolve())))
    assert run("scan", "--benchmark", "moved/rated", "-o", "duplicates.csv").code == 0
    for place in ("pets/images", str(Path("pets/images").resolve())):  # the names that predict wrote
        Path("model.csv").write_text(f"image,prediction\n{place}/1.png,cat\n")
        argv = ("evaluate", "model.csv", "--labels", "pets/original.csv", "--benchmark", "moved/rated")
        (evaluated,) = results_of(run, *argv)
        assert evaluated["real"]["1"]["hits"] == 1
