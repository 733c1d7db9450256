"""Label Studio: exports become votes, and tasks go out and come back as votes on the same questions."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reassess import aggregate
from reassess.core import Classes, Questions, Sample, Votes
from reassess.errors import ReassessWarning
from reassess.formats import read_vote_file, write_tasks
from reassess.formats.label_studio import find_image_name
from reassess.proposals import make_tasks
from tests.helpers import Refused, Runner

PETS = Classes(3, names=("cat", "dog", "cup, beaker"))


def choice(value: str | list[str], control: str = "choice", **value_keys: Any) -> dict[str, Any]:
    choices = [value] if isinstance(value, str) else value
    return {
        "from_name": control,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": choices, **value_keys},
    }


def annotation(rater: Any, *results: dict[str, Any], seconds: float | None = None, **keys: Any) -> dict[str, Any]:
    facts = {"was_cancelled": False, "ground_truth": False, "lead_time": seconds}
    return {"id": 1, "completed_by": rater, "result": list(results), **facts, **keys}


def task(number: int, image: str, *annotations: dict[str, Any], **keys: Any) -> dict[str, Any]:
    data = {"image": f"/data/upload/3/{number:08x}-{image}"}
    return {"id": number, "data": data, "annotations": list(annotations), "drafts": [], "predictions": [], **keys}


EXPORT = [
    task(
        11,
        "a.png",
        annotation(1, choice("cat"), seconds=4.5),
        annotation(2, choice("dog"), choice("blurred", "quality")),
        annotation(3, was_cancelled=True),
        annotation(4, choice("cat"), ground_truth=True),
        predictions=[7, 8],
    ),
    task(12, "b.png", annotation(1, choice("beaker")), annotation(2), drafts=[5]),
    task(13, "c.png"),
]


def save(folder: Path, document: Any) -> Path:
    path = folder / "export.json"
    path.write_text(json.dumps(document))
    return path


def rows_of(votes: Votes) -> list[tuple[str, Any, Any]]:
    return [(votes.describe_item(row), *vote) for row in range(len(votes.items)) for vote in votes.votes_on(row)]


def read(path: Path, classes: Classes | None = None, **options: Any) -> tuple[Votes, str]:
    with pytest.warns(ReassessWarning) as caught:
        votes = read_vote_file(path, classes=classes, **options)
    return votes, str(caught[0].message).removeprefix(f"{path}: ")


def test_export_has_votes_for_classes_and_all_else_is_counted(tmp_path: Path) -> None:
    votes, message = read(save(tmp_path, EXPORT), PETS)
    assert rows_of(votes) == [
        ("image a.png", 1, "cat"),
        ("image a.png", 2, "dog"),
        ("image b.png", 1, "cup, beaker"),
    ]
    assert votes.seconds is not None
    np.testing.assert_array_equal(votes.seconds, [4.5, np.nan, np.nan])
    assert message == (
        "not used: 1 draft, 2 predictions, 1 skipped annotation, 1 ground truth annotation (golden answers), "
        "1 task without annotations, 1 value of 'quality', 1 annotation without an answer"
    )


def test_ground_truth_is_read_as_golden_answers_only(tmp_path: Path, refused: Refused) -> None:
    assert rows_of(read_vote_file(save(tmp_path, EXPORT), classes=PETS, golden=True)) == [("image a.png", 4, "cat")]
    path = save(tmp_path, EXPORT[1:])
    assert refused(read_vote_file, path, golden=True) == "missing-votes at export.json"


def test_golden_answers_are_of_the_same_kind_as_votes(tmp_path: Path) -> None:
    export = [
        task(1, "a.png", annotation(1, choice(["cat", "dog"])), annotation(4, choice("cat"), ground_truth=True)),
    ]
    assert rows_of(read_vote_file(save(tmp_path, export), classes=PETS, golden=True)) == [
        ("image a.png, class cat", 4, "yes"),
        ("image a.png, class dog", 4, "no"),
    ]


def test_minimal_export_gives_the_same_votes(tmp_path: Path, refused: Refused) -> None:
    full = [task(n, f"{n}.png", annotation(1, choice("cat")), annotation(2, choice("dog"))) for n in (1, 2)]
    rows = [
        {**record["data"], "id": record["id"], "choice": value["result"][0]["value"]["choices"][0]}
        | {"annotator": value["completed_by"], "annotation_id": 5, "lead_time": None}
        for record in full
        for value in record["annotations"]
    ]
    expected = rows_of(read_vote_file(save(tmp_path, full), classes=PETS))
    assert rows_of(read_vote_file(save(tmp_path, rows), classes=PETS)) == expected
    assert refused(read_vote_file, save(tmp_path, rows), golden=True) == "missing-votes at export.json"


def test_several_choices_answer_a_question_per_class(tmp_path: Path) -> None:
    export = [
        task(1, "a.png", annotation(1, choice(["cat", "dog"]), seconds=6), annotation(2, choice("dog"))),
        task(2, "b.png", annotation(1)),
    ]
    votes = read_vote_file(save(tmp_path, export), classes=PETS)
    assert rows_of(votes) == [
        ("image a.png, class cat", 1, "yes"),
        ("image a.png, class cat", 2, "no"),
        ("image a.png, class dog", 1, "yes"),
        ("image a.png, class dog", 2, "yes"),
        ("image b.png, class cat", 1, "no"),
        ("image b.png, class dog", 1, "no"),
    ]
    assert votes.seconds is not None
    assert votes.seconds[[0, 2]].tolist() == [3, 3]


def test_answers_to_the_class_of_a_task_are_votes_on_questions(tmp_path: Path) -> None:
    export = [task(1, "a.png", annotation(1, choice("yes"))), task(2, "a.png", annotation(1, choice("no")))]
    for record, name in zip(export, ("cat", "dog"), strict=True):
        record["data"] = {"image": "https://example.com/a.png", "class": name}
    votes = read_vote_file(save(tmp_path, export), classes=PETS)
    assert rows_of(votes) == [("image a.png, class cat", 1, "yes"), ("image a.png, class dog", 1, "no")]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/data/upload/3/0a1b2c3d-cat_0.png", "cat_0.png"),
        ("/data/upload/cat.png", "cat.png"),
        ("http://localhost:8080/data/local-files/?d=cat/a%20b.png", "cat/a b.png"),
        ("/data/local-files/?d=images/%C3%BC.png", "images/ü.png"),
        ("s3://bucket/cat/100%.png", "cat/100%.png"),
        ("https://example.com/cat/0%201.png?size=2#x", "cat/0 1.png"),
        ("cat/0.png", "cat/0.png"),
    ],
)
def test_image_is_named_by_its_address(url: str, name: str) -> None:
    assert find_image_name(url) == name


def test_annotators_are_numbers_or_hashes_without_addresses(tmp_path: Path) -> None:
    people = ["ann@example.com", {"id": 7, "email": "bo@example.com"}, {"email": "Ann@Example.com"}, None]
    export = [task(n, f"{n}.png", annotation(rater, choice("cat"))) for n, rater in enumerate(people)]
    votes, message = read(save(tmp_path, export))
    assert votes.raters == ("rater-71d4f55f72fa", 7)
    assert message == "not used: 1 annotation without completed_by"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"data": {}}, "wrong-json at export.json"),
        ([{"data": {"image": "a.png"}, "predictions": []}], "wrong-json at export.json, task 1"),
        ([{"id": 3, "annotations": [], "data": {"text": "a"}}], "missing-image at export.json, task 3"),
        ([task(1, "a.png", annotation(1, choice("cow")))], "unknown-class at export.json"),
        (
            [task(1, "a.png", annotation(1, choice("cat")), annotation(1, choice("dog")))],
            "two-annotations at export.json, task 1, annotator 1",
        ),
        (
            [task(1, "a.png", annotation(1, choice("cat"))), task(2, "a.png", annotation(1, choice("dog")))],
            "duplicate-image at export.json, task 2",
        ),
        (
            [task(1, "a.png", annotation(1, choice("cat"), choice("dog", "second")))],
            "several-controls at export.json",
        ),
        ([task(1, "a.png", annotation(1, choice("yes")))], "missing-column at export.json"),
        ([task(1, "a.png", annotation(1, {"type": "rectanglelabels", "value": {}}))], "missing-votes at export.json"),
        ([task(1, "a.png", annotation(1, choice("cat", x=1, y=2)))], "missing-votes at export.json"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, refused: Refused, document: Any, expected: str) -> None:
    assert refused(read_vote_file, save(tmp_path, document), classes=PETS) == expected


def test_unusual_controls_and_durations_are_counted(tmp_path: Path) -> None:
    questions = [{"class": "cat", "name": "cat"}]
    long_name = "answer_" + 5000 * "9"  # too many digits for an integer
    answers = [choice("yes", "answer_0"), choice("no", "answer_00"), choice("no", long_name)]
    export = [task(1, "a.png", annotation(1, *answers, seconds=-3.0))]
    export[0]["data"]["questions"] = questions
    votes, message = read(save(tmp_path, export), PETS)
    assert len(votes) == 1
    assert "1 lead_time that is not a duration" in message
    assert "1 value of 'answer_00'" in message


def test_wrong_choices_of_a_minimal_export_are_not_empty_choices(tmp_path: Path, refused: Refused) -> None:
    record = {"annotator": 1, "annotation_id": 1}
    export = [
        {"id": 1, "image": "a.png", "choice": {"choices": ["cat", "dog"]}, **record},
        {"id": 2, "image": "b.png", "choice": {"choices": 3}, **record},
    ]
    assert refused(read_vote_file, save(tmp_path, export), classes=PETS) == "wrong-json at export.json, task 2"


def test_large_file_is_refused_before_it_is_parsed(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path, EXPORT)
    monkeypatch.setenv("REASSESS_MAX_BYTES", "100")
    assert refused(read_vote_file, path) == "too-large at export.json"


def test_export_is_votes_and_golden_answers_of_a_benchmark(
    tmp_path: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pets").mkdir()
    Path("pets/classes.txt").write_text("cat\ndog\ncup\n")
    for name in ("votes", "golden"):
        save(Path("pets"), EXPORT[:1]).rename(f"pets/{name}.json")
    parts = json.loads(run("status", "pets", "--json").out)["results"]["parts"]
    counts = {part["part"]: part["counts"] for part in parts}
    assert (counts["votes"]["votes"], counts["golden"]["votes"]) == (2, 1)
    result = run("aggregate", "--benchmark", "pets", "--method", "majority", "-o", "scores.csv", "--json")
    assert json.loads(result.out)["results"]["votes"] == 2
    tasks = ["tasks", "candidates.csv", "--golden", "none", "-o", "pets.labelstudio.json"]
    Path("candidates.csv").write_text("image,class\nb.png,cat\n")
    Path("pets.labelstudio.xml").write_text("mine")
    assert run(*tasks).error == "output-exists"
    assert run(*tasks, "--force").code == 0
    assert run(*tasks[:-1], "pets.json").error == "wrong-suffix"


# --- tasks go out and come back -------------------------------------------------------------------------------------


def make_questions() -> Questions:
    images = ["cat/0 ü.png", "cat/0 ü.png", "dog/1.png", "dog/1.png", "dog/1.png"]
    return Questions.from_columns(images, np.array([0, 1, 0, 1, 2]), PETS)


def answer_in_label_studio(tasks: list[dict[str, Any]], votes: Votes) -> list[dict[str, Any]]:
    """Return the export of a project where raters gave the answers of `votes`."""
    answer_of = {(votes.describe_item(row), r): a for row in range(len(votes.items)) for r, a in votes.votes_on(row)}
    export = []
    for number, record in enumerate(tasks, 1):
        data = record["data"]
        ids = [PETS.id_of(question["class"], where="") for question in data["questions"]]
        asked = Questions.from_columns([data["image_name"]] * len(ids), np.array(ids), PETS)
        named = [asked.describe_question(row) for row in range(len(asked))]
        annotations = [
            annotation(r, *(choice(str(answer_of[item, r]), f"answer_{n}") for n, item in enumerate(named)), seconds=3)
            for r in votes.raters
        ]
        export.append({"id": number, "data": data, "annotations": annotations})
    return export


def test_tasks_come_back_as_votes_with_the_same_scores(tmp_path: Path) -> None:
    questions = make_questions()
    answers = np.random.default_rng(0).integers(0, 3, (5, 4))
    own = Votes.from_columns(
        questions,
        np.repeat(np.arange(5), 4),
        np.tile(np.arange(4), 5),
        answers.ravel(),
        (1, 2, 3, 4),
        ("no", "maybe", "yes"),
    )
    path = tmp_path / "pets.labelstudio.json"
    write_tasks(path, make_tasks(questions, size=2))
    export = answer_in_label_studio(json.loads(path.read_text()), own)
    votes = read_vote_file(save(tmp_path, export), classes=PETS)
    assert sorted(rows_of(votes)) == sorted(rows_of(own))
    expected, result = (
        {scores.questions.describe_question(row): value for row, value in enumerate(scores.values.tolist())}
        for scores in (aggregate(own, "em").scores, aggregate(votes, "em").scores)
    )
    assert result == pytest.approx(expected, abs=1e-12)


def test_configuration_names_the_controls_of_tasks_and_predictions(tmp_path: Path) -> None:
    questions = make_questions()
    machine = Votes.from_columns(questions, [0, 4], [0, 0], [1, 0], ("m@1",), ("no", "yes"))
    path = tmp_path / "pets.labelstudio.json"
    write_tasks(path, make_tasks(questions), model_votes=machine)
    first, second = json.loads(path.read_text())
    assert first["data"]["image"] == "/data/local-files/?d=images/cat/0%20%C3%BC.png"
    assert first["data"]["questions"] == [{"class": "cat", "name": "cat"}, {"class": "dog", "name": "dog"}]
    assert first["predictions"][0]["model_version"] == "m@1"
    assert [row["from_name"] for row in second["predictions"][0]["result"]] == ["answer_2"]
    root = ElementTree.parse(path.with_suffix(".xml")).getroot()
    control = next(root.iter("Choices"))
    assert control.attrib["name"] == "answer_{{idx}}"
    assert [value.attrib["value"] for value in control] == ["no", "maybe", "yes"]
    names = {f"${key}" for key in first["data"]}
    assert {re.sub(r"\[.*", "", tag.attrib["value"]) for tag in root.iter("Image")} <= names


def test_existing_configuration_and_drawn_tasks_are_refused(tmp_path: Path, refused: Refused) -> None:
    tasks = make_tasks(make_questions())
    path = tmp_path / "pets.labelstudio.json"
    path.with_suffix(".xml").write_text("mine")
    assert refused(write_tasks, path, tasks) == "output-exists at pets.labelstudio.xml"
    assert not path.exists()
    sample = Sample(("dog/1.png",), np.array([0.5]), ("all",), "golden", 0, ("ab12",))
    assert refused(write_tasks, path, tasks.mark_sample_as_golden(sample), force=True) == (
        "sampled-tasks at pets.labelstudio.json"
    )
