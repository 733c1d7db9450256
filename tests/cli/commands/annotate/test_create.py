"""`reassess annotate create`: the parts of a campaign, its output, and invalid calls."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select

from reassess import annotation
from reassess.annotation.store import schema
from reassess.annotation.store.shown_items import read_class_infos
from tests.helpers import Runner, document_of, message_of, output_of, picture, write_files


def rows(table: Any) -> list[Any]:
    with annotation.use_campaign("pets.db") as campaign, campaign.engine.connect() as connection:
        return list(connection.execute(select(table)))


def test_output_names_the_next_step(create: Runner) -> None:
    *lines, inputs, following = output_of(create()).splitlines()
    assert lines == [
        "pets.db: 4 tasks, 8 questions, 40 votes (5 per question)",
        "golden: 4 tasks, 8 questions (8 answered by experts)",
        "golden images are not in the raters' tasks: answers to golden questions decide their labels",
        "images: 8, hashed in pets/images",
    ]
    assert "tasks tasks.jsonl (sha256 " in inputs
    assert following == "next: reassess annotate invite pets.db NAME..."


def test_campaign_has_options_and_folder_parts(create: Runner, pets: Path) -> None:
    write_files(
        pets, {"pets/consent.md": "We keep your votes.\nYou may leave.\n", "pets/benchmark.json": '{"name": "Cats?"}'}
    )
    write_files(pets, {"pets/examples/cat/a.png": picture(9, "PNG"), "pets/examples/dog/b.jpg": picture(10)})
    write_files(pets, {"pets/hierarchy.csv": "child,parent\npet,animal\ncat,pet\ndog,pet\n"})
    options = ["--per-question", "3", "--stop", "0.05,0.95", "--golden-share", "0.25", "--practice", "1"]
    options += ["--bar", "0.75", "--seed", "7", "--original", "pets/original.csv"]
    result = create(*options)
    assert result.out.splitlines()[:6] == [
        "pets.db: 4 tasks, 8 questions, at most 24 votes (at most 3 per question)",
        "golden: 4 tasks, 8 questions (8 answered by experts), 1 task for practice",
        "golden images are not in the raters' tasks: answers to golden questions decide their labels",
        "practice: 2 questions, 1 valid, 1 invalid; pass mark 0.75 (balanced accuracy)",
        "chance to pass without looking at the images: answers at random 33.33 %, no or yes at random 25.00 %, "
        "always the same "
        "0.00 %",
        "images: 8, hashed in pets/images, 2 example images",
    ]
    assert result.err == (
        "Warning: practice is easy to pass without looking at the images: answers at random, 33.33 %\n"
        "  fix: annotate create with --golden 28 --practice 7, or a higher --bar\n"
    )
    with annotation.use_campaign("pets.db") as campaign:
        rules = campaign.rules
        assert (rules.votes_per_question, rules.golden_share, rules.seed) == (3, 0.25, 7)
        assert (rules.stop_rule.low, rules.stop_rule.high) == (0.05, 0.95)
        assert (campaign.name, campaign.consent_text, campaign.practice_bar) == (
            "Cats?",
            "We keep your votes.\nYou may leave.",
            0.75,
        )
        assert (campaign.min_experts, campaign.has_original_votes, campaign.settings) == (None, True, {"name": "Cats?"})
        assert [len(info.examples) for info in read_class_infos(campaign)] == [1, 1]
        assert [info.ancestor_numbers for info in read_class_infos(campaign)] == [(0, 1), (0, 1)]
    assert [row.kind for row in rows(schema.tasks)].count("practice") == 1
    assert {(row.name, row.sha256, row.original) for row in rows(schema.images)} == {
        (f"{number}.png", hashlib.sha256(picture(number, "PNG")).hexdigest(), 0) for number in range(8)
    }


def test_seed_is_random_and_not_printed(create: Runner) -> None:
    seeds = set()
    for _ in range(2):
        results = document_of(create("--json", "--force"), "annotate")["results"]
        seeds.add(rows(schema.campaign)[0].seed)
    assert len(seeds) == 2
    counts = {"tasks": 4, "questions": 8, "images": 8, "votes_at_most": 40, "golden_tasks": 4, "practice_tasks": 0}
    expected = counts | {"campaign": "pets.db", "name": "pets", "stop": None}
    assert {name: results[name] for name in expected} == expected


def test_tasks_name_classes_known_only_by_wnid(create: Runner) -> None:
    Path("pets/classes.txt").write_text("n02123045\nn02110958\n")
    for file in ("pets/original.csv", "pets/golden.csv"):
        text = Path(file).read_text()
        Path(file).write_text(text.replace(",cat", ",n02123045").replace(",dog", ",n02110958"))
    task = {"task": 0, "image": "0.png", "classes": [{"class": "n02123045", "name": "tabby"}]}
    Path("tasks.jsonl").write_text(json.dumps(task) + "\n")
    assert output_of(create()).startswith("pets.db: 1 task, 1 question, ")


@pytest.mark.parametrize("tasks", ["tasks.jsonl", "TASKS.JSONL", "proposals.csv"])
def test_golden_questions_are_drawn_from_tasks_or_candidates(create: Runner, tasks: str) -> None:
    Path("TASKS.JSONL").write_text(Path("tasks.jsonl").read_text())
    assert output_of(create("--golden", "3", "--seed", "1", tasks=tasks)).splitlines()[:2] == [
        "pets.db: 2 tasks, 4 questions, 20 votes (5 per question)",
        "golden: 6 tasks, 12 questions (8 answered by experts)",
    ]
    golden = {row.image for row in rows(schema.tasks) if row.kind == "golden"}
    assert golden.isdisjoint(row.image for row in rows(schema.tasks) if row.kind == "main")
    assert create("--golden", "8", "--force", tasks=tasks).err.startswith(
        "Error: too many golden questions: no questions would be left for the raters\n"
    )


def test_new_draw_ends_earlier_probabilities_and_raters_need_tasks(create: Runner) -> None:
    golden = Path("pets/golden.csv")
    header, *lines = golden.read_text().splitlines()
    golden.write_text(f"{header},probability\n" + "".join(f"{line},0.5\n" for line in lines))
    assert create("--golden", "3").err == (
        "Warning: 4 images drawn earlier lose their probability: two draws are not one sample\n"
    )
    header, *lines = golden.read_text().splitlines()
    names = {line.split(",")[0] for line in lines}
    tasks = Path("tasks.jsonl").read_text().splitlines()
    for name, lost in ((min(names), 3), ("0.png", 4)):  # an image of the earlier draw, or another
        drawn = [f'{{"task": 9, "image": "{name}", "classes": [{{"class": "cat"}}], "golden": true, "probability": 1}}']
        Path("drawn.jsonl").write_text("\n".join([line for line in tasks if name not in line] + drawn))
        result = create("--force", tasks="drawn.jsonl")
        assert result.err == (
            f"Warning: {lost} images drawn earlier lose their probability: two draws are not one sample\n"
        )
        questions = 2 if lost == 3 else 1
        assert f"golden, drawn at random: {questions} question{'s' * (questions > 1)} on 1 image\n" in result.out
    Path("golden.jsonl").write_text("".join(line[:-1] + ', "golden": true}\n' for line in tasks))
    refused = create("--force", tasks="golden.jsonl")
    assert (refused.code, refused.error) == (1, "all-golden")
    assert "all questions are golden, so raters have no tasks\n  where:   golden.jsonl\n" in refused.err


def test_golden_questions_keep_their_probability_until_export(
    create: Runner, run: Runner, work: Callable[..., None]
) -> None:
    """Also those for practice, and those that no expert has answered."""
    Path("pets/golden.csv").unlink()
    argv = ["tasks", "proposals.csv", "--benchmark", "pets", "--golden", "4", "-o", "drawn.jsonl", "--seed", "0"]
    assert "golden, for experts: 4 questions on 2 images\n" in output_of(run(*argv))
    lines = [json.loads(line) for line in Path("drawn.jsonl").read_text().splitlines()]
    digest = hashlib.sha256(Path("proposals.csv").read_bytes()).hexdigest()
    assert lines[0] == {"sample": {"for": "golden", "seed": 0, "images": 2, "questions": 4, "predictions": [digest]}}
    golden = [task for task in lines[1:] if task.get("golden")]
    assert [(task["probability"], task["stratum"]) for task in golden] == [(0.5, "all")] * 2
    assert create("--golden", "2", tasks="drawn.jsonl").err.endswith(
        "drawn.jsonl has golden questions already: remove --golden 2.\n"
    )
    assert output_of(create("--practice", "1", "--bar", "0.7", tasks="drawn.jsonl")).splitlines()[1:6] == [
        "golden: 2 tasks, 4 questions (0 answered by experts), 1 task for practice",
        "golden, drawn at random: 4 questions on 2 images",
        "golden images are not in the raters' tasks: answers to golden questions decide their labels",
        "raters cannot begin practice: experts have not answered 1 of 1 practice task",
        "after experts have answered, `reassess status` prints how likely raters pass practice by guessing",
    ]
    assert run("annotate", "invite", "pets.db", "ann", "ida:expert").code == 0
    work()
    assert run("status", "pets.db").out.splitlines()[2].startswith("raters cannot begin practice: experts have not ")
    with annotation.use_campaign("pets.db") as campaign:
        ida = annotation.find_person(campaign, "ida").id
        turn = annotation.begin_next_turn(campaign, ida, 1e9)
        given = [annotation.GivenAnswer(row.question_id, 0 if row.class_id else 2) for row in turn.questions]
        annotation.save_answers(campaign, ida, given, 1e9)
    assert run("annotate", "export", "pets.db", "-o", "half").code == 0
    half = pl.read_parquet("half/golden.parquet")
    assert half.select("probability", "stratum").rows() == [(0.5, "all")] * 4
    assert half["answer"].null_count() == 2
    with annotation.use_campaign("pets.db") as campaign:
        while isinstance(turn := annotation.begin_next_turn(campaign, ida, 1e9), annotation.Turn):
            new_answers = [annotation.GivenAnswer(row.question_id, 0 if row.class_id else 2) for row in turn.questions]
            annotation.save_answers(campaign, ida, new_answers, 1e9)
    work()
    assert output_of(run("annotate", "export", "pets.db", "-o", "rated")).startswith("rated: 4 votes by 1 rater ")
    table = pl.read_parquet("rated/golden.parquet")
    assert table.select("probability", "stratum").rows() == [(0.5, "all")] * 4


def test_golden_tasks_of_a_file_stay_whole_unless_raters_could_recognise_them(create: Runner) -> None:
    Path("pets/golden.csv").unlink()
    Path("pets/classes.txt").write_text("cat\ndog\nfox\nowl\n")
    groups = (["cat", "owl"], ["dog", "fox"])

    def write(*main: str) -> None:
        tasks = [("0.png", list(main), False), *(("1.png", names, True) for names in groups)]
        lines = (
            {"task": number, "image": image, "classes": [{"class": name} for name in names], "golden": golden}
            for number, (image, names, golden) in enumerate(tasks)
        )
        Path("own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def golden() -> set[tuple[int, ...]]:
        tasks = {row.id for row in rows(schema.tasks) if row.kind == "golden"}
        asked = [(row.task, row.class_id) for row in rows(schema.questions) if row.task in tasks]
        return {tuple(sorted(class_id for task, class_id in asked if task == one)) for one in tasks}

    write("cat", "dog")
    assert create(tasks="own.jsonl").code == 0
    assert golden() == {(0, 3), (1, 2)}
    write("cat")
    assert create("--force", tasks="own.jsonl").code == 0
    assert golden() == {(0,), (1,), (2,), (3,)}


def test_golden_questions_can_have_answers(create: Runner) -> None:
    assert create("--golden", "none").out.splitlines()[1] == (
        "no golden questions: rater accuracy cannot be measured (--golden N draws questions for experts)"
    )
    write_files(Path(), {"pets/images/8.png": picture(8, "PNG"), "more.csv": "image,class\n7.png,cat\n0.png,fish\n"})
    assert "fish" in create("--golden", "more.csv", "--force").err
    Path("more.csv").write_text("image,class\n7.png,cat\n8.png,cat\n8.png,dog\n")
    Path("votes.csv").write_text("image,class,rater,answer\n4.png,cat,fay,yes\n")
    for golden, line in (
        ("more.csv", "golden: 5 tasks, 10 questions (8 answered by experts)"),
        ("votes.csv", "golden: 1 task, 1 question (1 answered by experts)"),
    ):
        assert output_of(create("--golden", golden, "--force")).splitlines()[1] == line
    Path("pets/golden.csv").unlink()
    lines = create("--golden", "more.csv", "--stop", "0.1,0.9", "--force").out.splitlines()
    assert [lines[1], lines[3]] == [
        "golden: 2 tasks, 3 questions (0 answered by experts)",
        "the stop rule works only after experts have answered: invite them first",
    ]
    assert lines[-1] == "next: reassess annotate invite pets.db NAME:expert..."


def test_disagreeing_experts_are_counted(create: Runner) -> None:
    more = "4.png,cat,fay,no\n5.png,cat,fay,maybe\n6.png,cat,fay,no\n6.png,cat,gus,yes\n"
    Path("pets/golden.csv").write_text(Path("pets/golden.csv").read_text() + more)
    assert output_of(create()).splitlines()[3] == (
        "experts disagree on 2 golden questions: a class is valid if more than half of the experts answered yes"
    )
    assert document_of(create("--force", "--json"), "annotate")["results"]["golden_split"] == 2


def test_contradicting_expert_is_named_with_both_lines(create: Runner) -> None:
    golden = Path("pets/golden.csv")
    golden.write_text(golden.read_text() + "5.png,cat,eve,yes\n4.png,dog,eve,Yes\n")
    assert "\n  where:   pets/golden.csv, line 3\n  found:   no, and Yes in line 11\n" in message_of(create())
    assert not Path("pets.db").exists()


def test_without_benchmark_raters_see_class_names_of_tasks(pets: Path, run: Runner) -> None:
    argv = ["annotate", "create", "pets.db", "tasks.jsonl", "--force"]
    assert "images: 4, no hashes: serve needs --images\n" in output_of(run(*argv))
    assert [row.name for row in rows(schema.classes)] == ["cat", "dog"]
    Path("tasks.jsonl").write_text('{"task": 0, "image": "0.png", "classes": [{"class": 7}]}\n')
    result = run(*argv)
    assert result.code == 0
    assert result.err == (
        "Warning: tasks.jsonl: class names are missing, so raters will see class ids: give --benchmark FOLDER with "
        "classes\n"
    )


def test_without_class_list_classes_are_names_in_files(create: Runner, pets: Path) -> None:
    (pets / "pets/classes.txt").unlink()
    (pets / "pets/original.csv").unlink()
    write_files(pets, {"pets/golden.csv": "image,class,rater,answer\n4.png,dog,eve,yes\n4.png,ant,eve,no\n"})
    output_of(create())
    with annotation.use_campaign("pets.db") as campaign:
        assert [(info.id, info.name) for info in read_class_infos(campaign)] == [(0, "ant"), (1, "cat"), (2, "dog")]
        exported = annotation.export_votes(campaign)
    assert exported.golden_votes.items.class_ids.tolist() == [0, 2]
    assert exported.golden_votes.counts().tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--golden", "none", "--stop", "0.01,0.99"], 1, "a stop rule needs golden questions"),
        (["--practice", "4"], 1, "no golden task is left for raters who passed practice"),
        (["--bar", "0.5"], 2, "Error: --bar needs --practice.\n"),
        (
            ["--per-question", "1", "--stop", "0.01,0.99"],
            2,
            "--stop needs at least 2 votes per question: give --per-question 2",
        ),
        (["--golden", "none", "--golden-share", "0.1"], 2, "Error: --golden-share needs golden questions.\n"),
        (["--golden", "0"], 2, "0 is not a whole number from 1 to 1,000,000,000, or a file."),
        (["--golden", "-1"], 2, "-1 is not a whole number from 1 to 1,000,000,000, or a file."),
        (["--golden", "1.5"], 2, "1.5 is not a whole number from 1 to 1,000,000,000, or a file."),
        (["--golden", "1e2"], 2, "1e2 is not a whole number from 1 to 1,000,000,000, or a file."),
        (["--golden", "9" * 5_000], 2, " is not a whole number from 1 to 1,000,000,000, or a file."),
        (["--golden", "proposals.csv"], 1, "question is both golden and in the tasks"),
        (["--golden", "items.csv"], 1, "golden answers are not about (image, class) questions"),
        (["--golden", "scale.csv"], 1, "unknown answer"),
    ],
)
def test_invalid_options_raise(create: Runner, options: list[str], code: int, expected: str) -> None:
    Path("items.csv").write_text("item,rater,answer\nx,eve,yes\n")
    Path("scale.csv").write_text("image,class,rater,answer\n4.png,cat,eve,1\n4.png,dog,eve,0\n")
    assert expected in message_of(create(*options), code)
    assert not Path("pets.db").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"pets/consent.md": " \n\n"}, "consent file is empty\n  where:   pets/consent.md\n"),
        ({"pets/benchmark.json": '{"name": "a\\nb"}'}, "name contains an unusual character\n"),
        ({"pets/examples/cat/x.png": picture(0, "PNG")}, "example image is also in the campaign\n"),
    ],
)
def test_invalid_folder_parts_raise(create: Runner, content: dict[str, Any], expected: str) -> None:
    write_files(Path(), content)
    assert message_of(create()).startswith(f"Error: {expected}")
    assert not Path("pets.db").exists()


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("there.db", [], "output file exists"),
        ("pets.db-wal", [], "campaign name cannot end in -wal"),
        ("tasks.jsonl", ["--force"], "output file is also an input"),
        ("pets/labels.csv", [], "pets/labels.csv"),
    ],
)
def test_invalid_outputs_raise_before_images_are_hashed(
    pets: Path, run: Runner, monkeypatch: pytest.MonkeyPatch, path: str, options: list[str], expected: str
) -> None:
    monkeypatch.setattr("reassess.annotation.hash_images", None)
    Path("there.db").write_text("")
    error = message_of(run("annotate", "create", path, "tasks.jsonl", "--benchmark", "pets", *options))
    assert expected in error
    assert "Traceback" not in error


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_campaign_with_answers_is_not_replaced(
    create: Runner, run: Runner, work: Callable[..., None], force: tuple[str, ...]
) -> None:
    Path("pets.db").write_text("replaced with --force only")
    assert create().code == 1
    assert create("--force").code == 0
    assert create("--golden-share", "0", "--force").code == 0  # experts' answers from a file are not lost
    run("annotate", "invite", "pets.db", "ann")
    work()
    before = Path("pets.db").read_bytes()
    assert message_of(create(*force)).startswith(
        "Error: existing file is a campaign with answers, so it is not replaced\n"
    )
    assert Path("pets.db").read_bytes() == before
