"""`reassess tasks`: in process, on proposals and on open questions; whole outputs."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.helpers import Run, document_of, write_files

PROPOSALS = (
    "image,class,source,rank,probability\n"
    + "".join(f"a.png,{name},vit,,\n" for name in ("cat", "dog", "cup", "mug", "fox"))
    + "a.png,cat,original,,\nb.png,mug,vit,,\nb.png,cup,vit,,\n"
)
ARGV = ["tasks", "proposals.csv", "--size", "3", "-o", "tasks.jsonl"]


@pytest.fixture
def questions(folder: Path) -> Path:
    """Proposals for two images, a hierarchy, votes with times, and a benchmark's list of classes."""
    return write_files(
        folder,
        {
            "proposals.csv": PROPOSALS,
            "is-a.csv": "child,parent\ncat,animal\ndog,animal\nfox,animal\ncup,vessel\n",
            "votes.csv": "item,rater,answer,seconds\nx,1,no,2\nx,2,no,4\n",
            "pets/classes.txt": "cat\ndog\ncup\nmug\nfox\n",
        },
    )


def lines_of(path: str = "tasks.jsonl") -> list[tuple[int, str, list[str], str]]:
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [(x["task"], x["image"], [c["class"] for c in x["classes"]], x["reason"]) for x in lines]


def test_tasks_are_written_with_an_estimate(questions: Path, run: Callable[..., Run]) -> None:
    result = run(*ARGV, "--seconds", "36")
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == """\
classes a task   tasks
──────────────────────
             2       2
             3       1
tasks.jsonl: 3 tasks with 7 questions on 2 images
why classes stand together: all of the image 1, any two together on several images 1, \
some two together on no other image 1
35 votes, 5 a question: 0.3 hours of raters, at 36.00 seconds a vote
"""
    )
    assert lines_of() == [
        (0, "a.png", ["cat", "dog", "fox"], "some two together on no other image"),
        (1, "a.png", ["cup", "mug"], "any two together on 2 images or more"),
        (2, "b.png", ["cup", "mug"], "all of the image"),
    ]


@pytest.mark.parametrize("options", [(), ("--hierarchy", "is-a.csv"), ("--benchmark", "pets")])
def test_rows_in_another_order_give_the_same_bytes(
    questions: Path, run: Callable[..., Run], options: tuple[str, ...]
) -> None:
    head, *rows = PROPOSALS.splitlines()
    made = []
    for seed in range(5):
        Random(seed).shuffle(rows)
        (questions / "proposals.csv").write_text("\n".join([head, *rows]) + "\n")
        assert run(*ARGV, *options, "--force").code == 0
        made.append(Path("tasks.jsonl").read_bytes())
    assert made == made[:1] * 5


def test_a_hierarchy_says_which_classes_belong_together_and_votes_how_long_one_takes(
    questions: Path, run: Callable[..., Run]
) -> None:
    result = run(*ARGV, "--hierarchy", "is-a.csv", "--seconds", "votes.csv", "--votes", "3", "--benchmark", "pets")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[4:] == [
        "tasks.jsonl: 3 tasks with 7 questions on 2 images",
        "why classes stand together: all of the image 1, no common parent 1, under a common parent 1",
        "21 votes, 3 a question: less than 0.1 hours of raters, at 2.99 seconds a vote",
        "1 class not in the hierarchy: mug",
        "read: hierarchy is-a.csv, sha256 73bd6b336013; votes votes.csv, sha256 d663db98692a",
    ]
    assert lines_of()[:2] == [
        (0, "a.png", ["cat", "dog", "fox"], "under animal"),
        (1, "a.png", ["cup", "mug"], "no common parent"),
    ]


def test_the_document_holds_all_that_is_told(questions: Path, run: Callable[..., Run]) -> None:
    document = document_of(run(*ARGV, "--hierarchy", "is-a.csv", "--json"), "tasks")
    assert [entry["path"] for entry in document["inputs"]] == ["proposals.csv", "is-a.csv"]
    assert document["results"] == {
        "output": "tasks.jsonl",
        "images": 2,
        "tasks": 3,
        "questions": 7,
        "golden": 0,
        "votes": 35,
        "seconds_per_vote": None,
        "hours": None,
        "votes_per_question": 5,
        "stop": None,
        "size": 3,
        "by_size": {"2": 2, "3": 1},
        "not_in_hierarchy": 1,
    }


GOLDEN_ASKED = "image,class,rater,answer\na.png,cat,eve,yes\nb.png,mug,eve,no\nb.png,cup,eve,no\nc.png,cat,eve,no\n"


@pytest.mark.parametrize("golden", [(), ("--golden", "other.csv")])
def test_golden_questions_are_in_no_task(questions: Path, run: Callable[..., Run], golden: tuple[str, ...]) -> None:
    """Neither those of the benchmark, nor others that are given; an image of which all are golden has no task."""
    write_files(questions, {"other.csv" if golden else "pets/golden.csv": GOLDEN_ASKED})
    argv = [*ARGV, "--benchmark", "pets", *golden]
    result = run(*argv)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[3] == "tasks.jsonl: 2 tasks with 4 questions on 1 image"
    assert "left out: 3 golden questions, mixed in when people rate" in lines
    assert [(image, classes) for _, image, classes, _ in lines_of()] == [
        ("a.png", ["dog", "cup"]),
        ("a.png", ["mug", "fox"]),
    ]
    results = document_of(run(*argv, "--force", "--json"), "tasks")["results"]
    assert (results["questions"], results["golden"]) == (4, 3)
    assert run(*ARGV, "--benchmark", "pets", "--golden", "none", "--force").code == 0
    assert len(lines_of()) == 3


@pytest.mark.parametrize("answered", [(), ("--golden", "other.csv")])
def test_golden_questions_that_experts_are_to_answer_are_in_no_task(
    questions: Path, run: Callable[..., Run], answered: tuple[str, ...]
) -> None:
    write_files(questions, {"golden.csv": "image,class\nb.png,mug\nb.png,cup\n", "other.csv": GOLDEN_ASKED})
    result = run(*ARGV, "--benchmark", "pets", "--golden-questions", "golden.csv", *answered)
    assert (result.code, result.err) == (0, "")
    assert f"left out: {3 if answered else 2} golden questions, mixed in when people rate" in result.out
    assert {image for _, image, _, _ in lines_of()} == {"a.png"}
    assert "golden questions golden.csv, sha256 " in result.out.splitlines()[-1]


def test_golden_questions_without_answers_are_led_to_their_option(questions: Path, run: Callable[..., Run]) -> None:
    write_files(questions, {"golden.csv": "image,class\nb.png,mug\n", "odd.csv": "image,name\nb.png,mug\n"})
    result = run(*ARGV, "--benchmark", "pets", "--golden", "golden.csv")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: the table has no column for the rater\n"
        "  where:   golden.csv\n"
        "  allowed: rater or worker\n"
        "  found:   image, class\n"
        "  fix:     give questions that experts are to answer in the campaign with --golden-questions\n"
    )
    odd = run(*ARGV, "--benchmark", "pets", "--golden", "odd.csv")
    assert odd.err.endswith("  fix:     rename the column, or add it\n")


def test_golden_questions_alone_are_no_tasks(questions: Path, run: Callable[..., Run]) -> None:
    write_files(questions, {"pets/golden.csv": GOLDEN_ASKED, "few.csv": "image,class\na.png,cat\n"})
    result = run("tasks", "few.csv", "--benchmark", "pets", "-o", "tasks.jsonl")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "Error: all questions are golden, and golden questions are not in the tasks\n"
        "  where:   few.csv\n"
        "  found:   1 question\n"
        "  fix:     give other questions, or --golden none\n"
    )


EARLIER = "image,class,rater,answer\n" + "".join(
    f"{image}.png,{name},{rater},{answer}\n"
    for image, name, answer in [("x", "cat", "yes"), ("x", "dog", "no"), ("y", "cup", "yes"), ("z", "mug", "no")]
    for rater in ("ann", "bo", "cy", "di")
)
GOLDEN = "image,class,rater,answer\nx.png,cat,eve,yes\nx.png,dog,eve,no\n"


def test_earlier_votes_say_how_many_votes_a_stop_rule_takes(questions: Path, run: Callable[..., Run]) -> None:
    """All raters agree, so that each question is closed after two votes: 14 of at most 28."""
    write_files(questions, {"pets/votes.csv": EARLIER, "pets/golden.csv": GOLDEN})
    argv = [*ARGV, "--benchmark", "pets", "--votes", "4", "--stop", "0.1,0.9"]
    result = run(*argv)
    assert (result.code, result.err) == (0, "")
    assert "about 14 votes, 2.00 a question, closed at 0.1, 0.9; how long they take is not known" in result.out
    results = document_of(run(*argv, "--json", "--force"), "tasks")["results"]
    assert {name: results[name] for name in ("votes", "votes_per_question", "stop")} == {
        "votes": 14,
        "votes_per_question": 2.0,
        "stop": [0.1, 0.9],
    }
    of_file = run(*ARGV, "--force", "--votes", "4", "--stop", "0.1,0.9", "--seconds", "pets/votes.csv")
    assert of_file.code == 1
    assert "no vote has a time" in of_file.err


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        ([], 2, "Error: --stop needs earlier votes: give --seconds VOTES, or a --benchmark that has votes.\n"),
        (
            ["--seconds", "earlier.csv", "--votes", "5"],
            1,
            "Error: earlier votes do not give the number of votes per question\n"
            "  allowed: a question with 5 votes or more\n  found:   4 at most\n"
            "  fix:     ask for fewer votes, or give other earlier votes\n",
        ),
        (
            ["--seconds", "counts.csv", "--votes", "1"],
            1,
            "Error: earlier votes give no rater model, which a stop rule needs\n"
            "  found:   counts of votes, without raters\n"
            "  fix:     give votes with raters, or leave out --stop\n",
        ),
        (
            ["--seconds", "votes.csv", "--votes", "1"],
            1,
            "Error: the votes are not on (image, class) questions\n  fix:     give the columns image and class\n",
        ),
    ],
)
def test_what_earlier_votes_cannot_say_is_refused(
    questions: Path, run: Callable[..., Run], argv: list[str], code: int, expected: str
) -> None:
    (questions / "earlier.csv").write_text(EARLIER)
    (questions / "counts.csv").write_text("image,class,count\nx.png,cat,2\n")
    result = run(*ARGV, "--stop", "0.1,0.9", *argv)
    assert (result.code, result.out) == (code, "")
    assert result.err.endswith(expected)
    assert not Path("tasks.jsonl").exists()


def test_open_questions_are_grouped_too_in_the_order_of_their_file(questions: Path, run: Callable[..., Run]) -> None:
    Path("labels.json").write_text('{"1.jpg": ["cat"], "2.jpg": ["dog"]}')
    Path("vit.csv").write_text("image,prediction\n1.jpg,dog\n2.jpg,cup\n")
    Path("bit.csv").write_text("image,prediction\n1.jpg,cat\n2.jpg,cup\n")
    argv = ["questions", "vit.csv", "bit.csv", "--benchmark", "pets", "--labels", "labels.json", "--scores", "none"]
    assert run(*argv, "-o", "questions.jsonl").code == 0
    result = run("tasks", "questions.jsonl", "--benchmark", "pets", "-o", "tasks.jsonl")
    assert (result.code, result.err) == (0, "")
    assert "5 votes" not in result.out
    assert "10 votes, 5 a question; how long they take is not known (--seconds)\n" in result.out
    assert lines_of() == [(0, "2.jpg", ["cup"], "all of the image"), (1, "1.jpg", ["dog"], "all of the image")]


@pytest.mark.parametrize(
    ("argv", "code", "expected"),
    [
        (ARGV[:-2], 2, "Error: Missing option '-o' / '--output'.\n"),
        ([*ARGV, "--size", "0"], 2, "Error: Invalid value for '--size': 0 is not in the range x>=1.\n"),
        ([*ARGV, "--seconds", "nan"], 2, "Error: Invalid value for '--seconds': 'nan' is no number of seconds.\n"),
        ([*ARGV, "--seconds", "-1"], 2, "Error: Invalid value for '--seconds': -1.0 is not in the range x>=0.\n"),
        ([*ARGV, "--seconds", "inf"], 2, "Error: Invalid value for '--seconds': 'inf' is no number of seconds.\n"),
        (
            [*ARGV[:-1], "tasks.csv"],
            1,
            "Error: wrong kind of file for tasks\n  where:   tasks.csv\n  allowed: .jsonl\n  found:   .csv\n",
        ),
        (
            [*ARGV, "--hierarchy", "circle.csv"],
            1,
            "Error: hierarchy has a circle\n  where:   circle.csv\n  found:   cat is a dog is a cat\n"
            "  fix:     leave out one of these rows of the hierarchy\n",
        ),
        (
            [*ARGV, "--seconds", "soon"],
            2,
            "Error: Invalid value for '--seconds': 'soon' is neither a number of seconds nor a file of votes.\n",
        ),
        (
            [*ARGV, "--seconds", "text-times.csv"],
            1,
            "Error: not a number\n  where:   text-times.csv, line 2, column seconds\n  found:   'soon'\n",
        ),
        (
            [*ARGV, "--seconds", "endless.csv"],
            1,
            "Error: seconds of a vote out of range\n  where:   endless.csv, vote 0\n"
            "  allowed: a finite number, 0 or more\n  found:   inf\n",
        ),
        (
            [*ARGV, "--seconds", "no-times.csv"],
            1,
            "Error: no vote has a time\n  where:   no-times.csv\n"
            "  fix:     give votes with a column seconds, or the seconds that a vote takes\n",
        ),
        (
            ["tasks", "twice.csv", "-o", "tasks.jsonl"],
            1,
            "Error: question is asked twice\n  where:   twice.csv, image a.png, class 1\n  found:   rows 0 and 1\n",
        ),
        (
            [*ARGV, "--benchmark", "shop"],
            1,
            "Error: a class is not one of the benchmark's\n  where:   proposals.csv\n"
            "  allowed: names such as 'pen', 'ink'\n  found:   cat, cup, dog and 2 more\n"
            "  fix:     check the spelling, or add the class to the list of classes\n",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(
    questions: Path, run: Callable[..., Run], argv: list[str], code: int, expected: str
) -> None:
    write_files(
        questions,
        {
            "circle.csv": "child,parent\ncat,dog\ndog,cat\n",
            "text-times.csv": "item,rater,answer,seconds\nx,1,no,soon\n",
            "endless.csv": "item,rater,answer,seconds\nx,1,no,inf\n",
            "no-times.csv": "item,rater,answer\nx,1,no\n",
            "twice.csv": "image,class\na.png,1\na.png,1\n",
            "shop/classes.txt": "pen\nink\n",
        },
    )
    result = run(*argv)
    assert (result.code, result.out) == (code, "")
    assert result.err == expected if code == 1 else result.err.endswith(expected)
    assert not Path("tasks.jsonl").exists()


def test_an_output_that_is_an_input_is_refused(questions: Path, run: Callable[..., Run]) -> None:
    Path("proposals.csv").rename("proposals.jsonl")
    Path("proposals.jsonl").write_text('{"image": "a.png", "class": 1, "source": "vit"}\n')
    result = run("tasks", "proposals.jsonl", "-o", "proposals.jsonl", "--force")
    assert (result.code, result.err.splitlines()[0]) == (1, "Error: output file is also an input")


def test_votes_are_no_questions(questions: Path, run: Callable[..., Run]) -> None:
    Path("golden.csv").write_text("image,class,rater,answer\na.png,0,ann,yes\n")
    result = run("tasks", "golden.csv", "-o", "tasks.jsonl")
    assert (result.code, Path("tasks.jsonl").exists()) == (1, False)
    assert result.err == (
        "Error: file has votes, not questions\n  where:   golden.csv, column rater\n"
        "  fix:     give questions, or proposals: votes, and golden ones above all, are no questions to ask\n"
    )


def test_tasks_are_no_questions(questions: Path, run: Callable[..., Run]) -> None:
    assert run(*ARGV).code == 0
    result = run("tasks", ARGV[-1], "-o", "again.jsonl")
    assert (result.code, Path("again.jsonl").exists()) == (1, False)
    assert result.err == (
        f"Error: file has tasks, whose questions are already grouped\n  where:   {ARGV[-1]}\n"
        "  fix:     give what propose or questions wrote\n"
    )


def test_images_that_the_benchmark_lacks_are_warned_of_and_its_own_are_called_as_it_calls_them(
    questions: Path, run: Callable[..., Run]
) -> None:
    Path("pets/images").mkdir()
    Path("pets/images/a.png").touch()
    text = Path("proposals.csv").read_text().replace("a.png", "pets/images/a.png")
    Path("proposals.csv").write_text(text)
    result = run(*ARGV, "--benchmark", "pets")
    assert result.code == 0
    assert result.err == ("Warning: proposals.csv: 1 of 2 images not in the folder of images of pets: b.png\n")
    assert [image for _, image, *_ in lines_of()] == ["b.png", "a.png", "a.png"], "in the order of the file's names"
