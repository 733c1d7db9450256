"""`reassess annotate create`: what a campaign is made of, what is said of it, and what is refused."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select

from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign, open_campaign
from reassess.annotation.store.export import export_votes
from reassess.annotation.store.shown_items import shown_classes
from tests.helpers import Run, document_of, picture, write_files

Create = Callable[..., Run]
# Image, expert and what they say of cats, of which another expert says yes.
DISAGREED = [("4.png", "fay", "no"), ("5.png", "fay", "maybe"), ("6.png", "fay", "no"), ("6.png", "gus", "yes")]


def opened() -> Campaign:
    return open_campaign("pets.db")


def rows(table: Any) -> list[Any]:
    campaign = opened()
    with campaign.engine.connect() as connection:
        found = list(connection.execute(select(table)))
    campaign.close()
    return found


def test_it_says_what_was_made_and_what_comes_next(create: Create) -> None:
    result = create()
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[:-1] == [
        "pets.db: 4 tasks with 8 questions, 40 votes, 5 a question",
        "golden: 4 tasks with 8 questions, of which experts have answered 8",
        "images: 8, hashed in pets/images",
        "next: reassess annotate invite pets.db NAME...",
        "then: reassess annotate serve pets.db",
    ]
    assert result.out.splitlines()[-1].startswith("read: tasks tasks.jsonl, sha256 ")


@pytest.mark.parametrize("called", ["n02123045", 0])
def test_tasks_name_classes_that_the_benchmark_knows_by_wnid_alone(create: Create, called: str | int) -> None:
    Path("pets/classes.txt").write_text("n02123045\nn02110958\n")
    for file in ("pets/original.csv", "pets/golden.csv"):
        text = Path(file).read_text()
        Path(file).write_text(text.replace(",cat", ",n02123045").replace(",dog", ",n02110958"))
    task = {"task": 0, "image": "0.png", "classes": [{"class": called, "name": "tabby"}]}
    Path("tasks.jsonl").write_text(json.dumps(task) + "\n")
    result = create()
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("pets.db: 1 task with 1 question, ")


@pytest.mark.parametrize(
    ("path", "options", "expected"),
    [
        ("there.db", [], "output file exists"),
        ("loop.db", [], "output file cannot be written"),
        (f"{'n' * 300}.db", [], "output file cannot be written"),
        ("nowhere/pets.db", [], "folder of the output file does not exist"),
        ("pets.db-wal", [], "a campaign cannot have a name that ends in -wal"),
        ("pets.db", ["--name", "a\nb"], "name"),
        ("tasks.jsonl", ["--force"], "output file is also an input"),
    ],
)
def test_what_cannot_be_made_is_refused_before_images_are_hashed(
    pets: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, path: str, options: list[str], expected: str
) -> None:
    monkeypatch.setattr("reassess.annotation.hash_images", None)
    Path("there.db").write_text("")
    Path("loop.db").symlink_to("loop.db")
    result = run("annotate", "create", path, "--benchmark", "pets", "--tasks", "tasks.jsonl", *options)
    assert result.code == 1
    assert expected in result.err
    assert "Traceback" not in result.err


def test_a_name_with_a_space_is_quoted_in_what_comes_next(pets: Path, run: Callable[..., Run]) -> None:
    told = run("annotate", "create", "my pets.db", "--benchmark", "pets", "--tasks", "tasks.jsonl").out.splitlines()
    assert told[3:5] == [
        "next: reassess annotate invite 'my pets.db' NAME...",
        "then: reassess annotate serve 'my pets.db'",
    ]


def test_a_text_to_agree_to_is_not_empty(create: Create) -> None:
    Path("consent.txt").write_text(" \n\n")
    result = create("--consent", "consent.txt")
    assert (result.code, result.err) == (
        1,
        "Error: consent text is empty\n  where:   consent.txt\n  fix:     leave out --consent\n",
    )


def test_the_campaign_holds_what_was_asked_for(create: Create) -> None:
    Path("consent.txt").write_text("We keep your votes.\nYou may leave.\n")
    options = ["--votes", "3", "--stop", "0.05,0.95", "--golden-rate", "0.25", "--practice", "1", "--bar", "0.75"]
    options += ["--consent", "consent.txt", "--name", "Cats?", "--seed", "7", "--golden-at-least", "1"]
    assert create(*options, "--original-votes").out.splitlines()[:2] == [
        "pets.db: 4 tasks with 8 questions, at most 24 votes, at most 3 a question",
        "golden: 4 tasks with 8 questions, of which experts have answered 8; 1 task for practice",
    ]
    campaign = opened()
    rules = campaign.rules
    assert (rules.per_question, rules.stop.low, rules.stop.high, rules.golden_share, rules.seed) == (3, 0.05, 0.95, 0.25, 7)
    assert (campaign.name, campaign.consent, campaign.bar) == ("Cats?", "We keep your votes.\nYou may leave.", 0.75)
    assert (campaign.at_least, campaign.original_votes, campaign.settings) == (1, True, {"name": "pets"})
    assert [row.kind for row in rows(schema.tasks)].count("practice") == 1
    campaign.close()


def test_it_says_if_more_tasks_are_for_practice_since_all_of_an_image_are(pets: Path, run: Callable[..., Run]) -> None:
    """Tasks have one question each, so that a golden image has two."""
    assert run("tasks", "proposals.csv", "--benchmark", "pets", "--size", "1", "-o", "one.jsonl").code == 0
    made = ["annotate", "create", "pets.db", "--benchmark", "pets", "--tasks", "one.jsonl", "--practice", "1"]
    assert run(*made).out.splitlines()[1] == (
        "golden: 8 tasks with 8 questions, of which experts have answered 8; 2 tasks for practice, all of an "
        "image (1 given)"
    )
    assert document_of(run(*made, "--force", "--json"), "annotate")["results"]["practice_tasks"] == 2
    assert len({row.image for row in rows(schema.tasks) if row.kind == "practice"}) == 1


def test_the_seed_is_drawn_and_the_document_does_not_tell_it(create: Create) -> None:
    seeds = set()
    for _ in range(2):
        results = document_of(create("--json", "--force"), "annotate")["results"]
        campaign = opened()
        seeds.add(campaign.rules.seed)
        campaign.close()
    assert len(seeds) == 2
    assert results == {
        "campaign": "pets.db",
        "name": "pets",
        "tasks": 4,
        "questions": 8,
        "images": 8,
        "hashed_images": 8,
        "votes_at_most": 40,
        "stop": None,
        "golden_tasks": 4,
        "golden_questions": 8,
        "answered_by_experts": 8,
        "golden_split": 0,
        "practice_tasks": 0,
        "example_pictures": 0,
    }


def test_every_image_is_kept_with_its_hash_and_original_label(create: Create) -> None:
    create()
    assert {(row.name, row.sha256, row.original) for row in rows(schema.images)} == {
        (f"{number}.png", hashlib.sha256(picture(number, "PNG")).hexdigest(), 0) for number in range(8)
    }


def test_images_elsewhere_are_called_as_they_are_there(create: Create, pets: Path) -> None:
    write_files(pets, {f"moved/cats/{number}.png": picture(number, "PNG") for number in range(8)})
    result = create("--images", "moved", "--match", "name")
    assert (result.code, result.err) == (0, "")
    assert {row.name for row in rows(schema.images)} == {f"cats/{number}.png" for number in range(8)}
    exported = export_votes(opened())
    assert len(exported.original) == len(exported.golden) == 8
    assert [row.truth for row in rows(schema.questions)].count(1) == 4


def test_an_image_that_is_missing_is_an_error_that_names_it(create: Create) -> None:
    Path("pets/images/3.png").unlink()
    result = create()
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith(
        "Error: images of the campaign are missing\n"
        "  where:   pets/images\n"
        "  found:   without 1 image: 3.png\n"
        "  fix:     put them there, or give the folder, zip or tar that holds all of them\n"
    )
    assert not Path("pets.db").exists()


def test_images_that_cannot_be_shown_are_an_error_that_names_them(create: Create) -> None:
    for name, content in (("0.png", b""), ("3.png", b"<svg/>"), ("5.png", picture(5, "PNG")[:60])):
        Path("pets/images", name).write_bytes(content)
    result = create()
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: images of the campaign cannot be shown\n"
        "  where:   pets/images\n"
        "  found:   3 images: 0.png: image cannot be read: file is empty, 3.png: image cannot be read: "
        "this is no picture of a known format, 5.png: image cannot be read: Truncated File Read\n"
        "  fix:     replace their files; or leave them out of the tasks and the golden questions\n"
    )
    assert not Path("pets.db").exists()


def test_tasks_that_a_page_does_not_show_are_refused(create: Create, pets: Path) -> None:
    names = "abcdefghi"
    classes = ", ".join(f'{{"class": "{name}"}}' for name in names)
    Path("tasks.jsonl").write_text(f'{{"task": 4, "image": "0.png", "classes": [{classes}]}}\n')
    (pets / "pets/classes.txt").write_text("".join(f"{name}\n" for name in ("cat", "dog", *names)))
    result = create()
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: task has more classes than a page shows\n"
        "  where:   task 4, image 0.png\n"
        "  allowed: up to 8 classes\n"
        "  found:   9 classes; 1 such of 1 task\n"
        "  fix:     make smaller tasks: reassess tasks --size 8\n"
    )


def test_without_a_benchmark_a_campaign_is_made_and_what_raters_could_not_read_is_said(
    pets: Path, run: Callable[..., Run]
) -> None:
    argv = ["annotate", "create", "pets.db", "--tasks", "tasks.jsonl", "--images", "pets/images", "--force"]
    result = run(*argv)
    assert (result.code, result.err) == (0, "")
    assert [row.name for row in rows(schema.classes)] == ["cat", "dog"]
    Path("tasks.jsonl").write_text('{"task": 0, "image": "0.png", "classes": [{"class": 7}]}\n')
    result = run(*argv)
    assert result.code == 0
    assert result.err == (
        "Warning: tasks.jsonl: raters will read numbers, since no list of classes names them: give one by --benchmark\n"
    )


def test_golden_questions_are_asked_in_tasks_no_larger_than_the_others(create: Create) -> None:
    text = Path("tasks.jsonl").read_text().splitlines()
    single = [line.replace(', {"class": "dog"', ', {"not": "dog"').split(', {"not"')[0] + "]}" for line in text]
    Path("tasks.jsonl").write_text("".join(f"{line}\n" for line in single))
    assert "golden: 8 tasks with 8 questions" in create().out


def test_golden_questions_without_answers_are_left_to_experts(create: Create) -> None:
    Path("more.csv").write_text("image,class\n7.png,cat\n0.png,fish\n")
    assert "a class is not one of the benchmark's" in create("--golden-questions", "more.csv").err
    Path("pets/images/8.png").write_bytes(picture(8, "PNG"))
    Path("more.csv").write_text("image,class\n7.png,cat\n8.png,cat\n8.png,dog\n")
    for golden, line in (
        ([], "golden: 5 tasks with 10 questions, of which experts have answered 8"),
        (["--golden", "none"], "golden: 2 tasks with 3 questions, of which experts have answered 0"),
    ):
        result = create("--golden-questions", "more.csv", *golden, "--force")
        assert (result.code, result.err) == (0, "")
        assert result.out.splitlines()[1] == line


def test_names_of_experts_and_of_the_campaign_are_one_line_of_text(create: Create) -> None:
    wrong = create("--name", "a\nb")
    assert (wrong.code, wrong.err.splitlines()[0]) == (1, "Error: name contains an unusual character")
    golden = Path("pets/golden.csv")
    golden.write_text(golden.read_text().replace("eve", "e" * 300))
    wrong = create()
    assert (wrong.code, wrong.err.splitlines()[:2]) == (
        1,
        ["Error: name is too long", "  where:   the experts' votes"],
    )
    golden.write_text(golden.read_text().replace("e" * 300, "eve").replace("7.png,dog,eve", "7.png,dog,Eve"))
    assert "  where:   the experts' votes\n  found:   Eve, beside eve\n" in create().err
    assert not Path("pets.db").exists()


def test_it_says_on_how_many_golden_questions_experts_disagree_and_what_becomes_of_them(
    create: Create, run: Callable[..., Run]
) -> None:
    more = "".join(f"{image},cat,{expert},{said}\n" for image, expert, said in DISAGREED)
    Path("pets/golden.csv").write_text(Path("pets/golden.csv").read_text() + more)
    for options, rule in (
        ([], "more than half"),
        (["--golden-at-least", "1"], "1 or more"),
    ):
        result = create(*options, "--force")
        assert (result.code, result.err) == (0, "")
        assert result.out.splitlines()[2] == (
            "experts are not sure, or do not agree, on 2 golden questions: a class counts as valid if "
            f"{rule} of its experts said yes, and else as invalid"
        )
    assert document_of(create("--force", "--json"), "annotate")["results"]["golden_split"] == 2
    assert "experts are not sure, or do not agree, on 2 golden questions" in run("annotate", "status", "pets.db").out


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_expert_who_says_two_things_of_a_question_is_named_with_both_lines(create: Create, suffix: str) -> None:
    golden = Path("pets/golden.csv")
    golden.write_text(golden.read_text() + "5.png,cat,eve,yes\n4.png,dog,eve,Yes\n")
    table = pl.read_csv(golden)
    golden.unlink()
    {"csv": table.write_csv, "jsonl": table.write_ndjson, "parquet": table.write_parquet}[suffix](
        f"pets/golden.{suffix}"
    )
    first, again = {"csv": ("line 3", "line 11"), "jsonl": ("line 2", "line 10"), "parquet": ("row 2", "row 10")}[
        suffix
    ]
    result = create()
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: rater gives two answers to one question\n"
        f"  where:   pets/golden.{suffix}, {first}\n"
        f"  found:   no, and Yes in {again}\n"
        "  fix:     leave out the one that does not hold\n"
    )
    assert not Path("pets.db").exists()


def test_golden_questions_without_answers_are_led_to_their_option(create: Create) -> None:
    Path("ask.csv").write_text("image,class\n7.png,cat\n")
    result = create("--golden", "ask.csv")
    assert (result.code, result.out) == (1, "")
    assert result.err.endswith(
        "  fix:     give questions that experts are to answer in the campaign with --golden-questions\n"
    )


def test_it_says_what_golden_questions_are_not_good_for_yet(create: Create) -> None:
    Path("more.csv").write_text("image,class\n7.png,cat\n6.png,dog\n")
    result = create("--golden", "none", "--golden-questions", "more.csv", "--stop", "0.1,0.9")
    assert (result.code, result.err) == (0, "")
    told = result.out.splitlines()
    assert told[2] == "the stop rule closes nothing before experts have answered: invite them first"
    assert "next: reassess annotate invite pets.db NAME... --role expert" in told
    assert told[-1] == (
        "4 tasks have more questions than any golden task, so that raters can tell golden ones by their size; reassess "
        "tasks --size makes smaller tasks"
    )


def test_without_golden_questions_it_says_what_will_not_be_known(create: Create) -> None:
    assert create("--golden", "none").out.splitlines()[1] == (
        "golden: none, so that it will not be known how far each rater can be trusted"
    )


def test_example_pictures_are_kept(create: Create, pets: Path) -> None:
    write_files(pets, {"show/cat/a.png": picture(9, "PNG"), "show/dog/b.jpg": picture(10)})
    assert "images: 8, hashed in pets/images, 2 example pictures\n" in create("--examples", "show").out
    campaign = opened()
    assert [len(one.examples) for one in shown_classes(campaign)] == [1, 1]
    campaign.close()
    write_files(pets, {"show/cat/0.png": picture(0, "PNG")})  # of another name there, and of the same content
    result = create("--examples", "show", "--force")
    assert result.code == 1
    assert result.err.startswith("Error: example image is also an image to rate\n")


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--golden", "none", "--stop", "0.01,0.99"], 1, "a stop rule needs golden questions, by which"),
        (["--practice", "4"], 1, "no golden task is left for raters who passed practice"),
        (["--bar", "0.5"], 2, "Error: --bar goes with --practice.\n"),
        (
            ["--votes", "1", "--stop", "0.01,0.99"],
            2,
            "Error: --stop closes no question before 2 votes: give --votes 2 or more.\n",
        ),
        (
            ["--golden", "none", "--golden-rate", "0.1"],
            2,
            "Error: --golden-rate goes with golden questions, and there are none.\n",
        ),
        (
            ["--golden", "none", "--golden-at-least", "2"],
            2,
            "Error: --golden-at-least goes with golden questions, and there are none.\n",
        ),
        (["--votes", "1" + "0" * 30], 2, "is not in the range 1<=x<=1000."),
        (["--golden-at-least", "1" + "0" * 30], 1, "number of experts out of range\n  allowed: 1 to 1000\n"),
        (["--practice", "1" + "0" * 30], 1, "no golden task is left for raters who passed practice"),
        (["--seed", "9223372036854775808"], 2, "is not in the range 0<=x<=9223372036854775807."),
        (["--stop", "0.99"], 2, "'0.99' is not a stop rule: LOW,HIGH: two probabilities"),
        (["--golden-questions", "proposals.csv"], 1, "question is both golden and to be voted on"),
        (["--name", " "], 2, "--name is empty: give a text, or leave it out."),
        (["--golden", "items.csv"], 1, "golden answers are not on (image, class) questions, as tasks are"),
        (["--golden", "scale.csv"], 1, "unknown answer"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    create: Create, options: list[str], code: int, expected: str
) -> None:
    Path("items.csv").write_text("item,rater,answer\nx,eve,yes\n")
    Path("scale.csv").write_text("image,class,rater,answer\n4.png,cat,eve,1\n4.png,dog,eve,0\n")
    result = create(*options)
    assert (result.code, result.out) == (code, "")
    assert expected in result.err
    assert not Path("pets.db").exists()


@pytest.mark.parametrize("part", ["name", "images"])
def test_a_name_or_a_folder_that_is_no_text_is_refused(create: Create, part: str) -> None:
    given = "b\udcff"
    if part == "images":
        shutil.copytree("pets/images", given)
    result = create(f"--{part}", given)
    what, found = (
        ("path of the images", str(Path(given).resolve())) if part == "images" else ("name of the campaign", given)
    )
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"Error: the {what} holds half of a character\n"
        "  allowed: text that UTF-8 can write\n"
        f"  found:   {found!r}\n"
        "  fix:     spell it anew\n"
    )
    assert not Path("pets.db").exists()


def test_a_file_that_exists_is_kept_without_force(create: Create) -> None:
    Path("pets.db").write_text("kept")
    result = create()
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: output file exists\n  where:   pets.db\n  fix:     choose another name, or overwrite it with --force\n"
    )
    assert Path("pets.db").read_text() == "kept"
    assert create("--force").code == 0


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_campaign_that_holds_answers_is_kept_also_with_force(
    create: Create, run: Callable[..., Run], work: Callable[..., None], force: tuple[str, ...]
) -> None:
    create()
    assert create("--golden-rate", "0", "--force").code == 0  # what experts said before is no answer that would be lost
    run("annotate", "invite", "pets.db", "ann")
    work()
    before = Path("pets.db").read_bytes()
    result = create(*force)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: file is a campaign with answers, and is not replaced\n"
        "  where:   pets.db\n"
        "  found:   8 answers\n"
        "  fix:     choose another name, or delete the file\n"
    )
    assert Path("pets.db").read_bytes() == before


def test_a_name_that_is_too_long_for_a_file_is_an_error(pets: Path, run: Callable[..., Run]) -> None:
    result = run("annotate", "create", f"{'x' * 300}.db", "--tasks", "tasks.jsonl", "--benchmark", "pets")
    assert (result.code, result.out) == (1, "")
    assert "  found:   File name too long\n" in result.err


def test_the_campaign_takes_no_place_of_what_was_read(create: Create, run: Callable[..., Run]) -> None:
    argv = ["annotate", "create", "tasks.jsonl", "--tasks", "tasks.jsonl", "--benchmark", "pets", "--force"]
    assert run(*argv).err.startswith("Error: output file is also an input\n")
    assert "is another part of it" in run(*[*argv[:2], "pets/labels.csv", *argv[3:]]).err


def test_a_server_that_cannot_be_reached_is_said_without_its_password(
    pets: Path, run: Callable[..., Run], needs: Callable[[str], None]
) -> None:
    needs("psycopg")
    address = "postgresql://eve:secret@127.0.0.1:1/pets"
    result = run("annotate", "create", address, "--tasks", "tasks.jsonl", "--benchmark", "pets")
    assert (result.code, result.out) == (1, "")
    assert "where:   postgresql://eve:***@127.0.0.1:1/pets\n" in result.err
    assert "fix:     check the address, and that the server runs" in result.err
    assert "secret" not in result.err


def test_without_a_list_the_classes_are_the_names_in_the_files(create: Create, pets: Path) -> None:
    (pets / "pets/classes.txt").unlink()
    (pets / "pets/original.csv").unlink()
    write_files(pets, {"pets/golden.csv": "image,class,rater,answer\n4.png,dog,eve,yes\n4.png,ant,eve,no\n"})
    result = create()
    assert (result.code, result.err) == (0, "")
    assert [(one.id, one.name) for one in shown_classes(opened())] == [(0, "ant"), (1, "cat"), (2, "dog")]
    exported = export_votes(opened())
    assert exported.golden.items.class_ids.tolist() == [0, 2]
    assert exported.golden.counts().tolist() == [[1, 0, 0], [0, 0, 1]]
