"""`reassess tasks`: tasks, estimates, golden questions and errors."""

import json
from pathlib import Path

import pytest

from tests.helpers import Runner, document_of, message_of, output_of, write_files

CANDIDATES = (
    "image,class,source,rank,probability\n"
    + "".join(f"a.png,{name},vit,,\n" for name in ("cat", "dog", "cup", "mug", "fox"))
    + "a.png,cat,original,,\nb.png,mug,vit,,\nb.png,cup,vit,,\n"
)
ARGV = ["tasks", "candidates.csv", "--per-task", "3", "-o", "tasks.jsonl"]


@pytest.fixture
def questions(folder: Path) -> Path:
    """Candidates for two images, votes with seconds, and benchmarks with a class list or a hierarchy."""
    return write_files(
        folder,
        {
            "candidates.csv": CANDIDATES,
            "tree/hierarchy.csv": "child,parent\ncat,animal\ndog,animal\nfox,animal\ncup,vessel\n",
            "votes.csv": "item,rater,answer,seconds\nx,1,no,2\nx,2,no,4\n",
            "pets/classes.txt": "cat\ndog\ncup\nmug\nfox\n",
        },
    )


def lines_of(path: str = "tasks.jsonl") -> list[tuple[int, str, list[str], str]]:
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [(x["task"], x["image"], [c["class"] for c in x["classes"]], x["reason"]) for x in lines]


def test_tasks_are_written_with_an_estimate(questions: Path, run: Runner) -> None:
    assert (
        output_of(run(*ARGV, "--seconds", "36"))
        == """\
classes per task   tasks
────────────────────────
               2       2
               3       1
tasks.jsonl: 3 tasks with 7 questions on 2 images
tasks with all classes of their image: 1; with classes together on several images: 1; \
with two classes together on one image only: 1
35 votes (5 per question): 0.3 hours at 36.00 seconds per vote
next: reassess annotate create campaign.db tasks.jsonl
"""
    )
    assert lines_of() == [
        (0, "a.png", ["cat", "dog", "fox"], "a pair only on this image"),
        (1, "a.png", ["cup", "mug"], "each pair on 2 images or more"),
        (2, "b.png", ["cup", "mug"], "all of the image"),
    ]


def test_hierarchy_groups_classes_and_votes_give_seconds(questions: Path, run: Runner) -> None:
    assert output_of(run(*ARGV, "--seconds", "votes.csv", "--per-question", "3", "--benchmark", "tree")).splitlines()[
        4:
    ] == [
        "tasks.jsonl: 3 tasks with 7 questions on 2 images",
        "tasks with all classes of their image: 1; with classes under a common parent: 1; "
        "with classes without a common parent: 1",
        "21 votes (3 per question): less than 0.1 hours at 2.99 seconds per vote",
        "1 class not in the hierarchy: mug",
        "inputs: hierarchy tree/hierarchy.csv (sha256 73bd6b336013); votes votes.csv (sha256 d663db98692a)",
        "next: reassess annotate create campaign.db tasks.jsonl --benchmark tree",
    ]
    assert lines_of()[:2] == [
        (0, "a.png", ["cat", "dog", "fox"], "under animal"),
        (1, "a.png", ["cup", "mug"], "no common parent"),
    ]


def test_document_contains_everything_that_is_printed(questions: Path, run: Runner) -> None:
    document = document_of(run(*ARGV, "--benchmark", "tree", "--json"), "tasks")
    assert [entry["path"] for entry in document["inputs"]] == ["candidates.csv", "tree/hierarchy.csv"]
    assert document["results"] == {
        "output": "tasks.jsonl",
        "images": 2,
        "tasks": 3,
        "questions": 7,
        "golden": 0,
        "golden_drawn": {"tasks": 0, "questions": 0},
        "votes": 35,
        "seconds_per_vote": None,
        "hours": None,
        "votes_per_question": 5,
        "stop": None,
        "per_task": 3,
        "by_size": {"2": 2, "3": 1},
        "not_in_hierarchy": 1,
        "closed_by_models": None,
    }


GOLDEN_ASKED = "image,class,rater,answer\na.png,cat,eve,yes\nb.png,mug,eve,no\nb.png,cup,eve,no\nc.png,cat,eve,no\n"


@pytest.mark.parametrize("golden", [(), ("--golden", "other.csv")])
def test_golden_questions_are_not_in_tasks(questions: Path, run: Runner, golden: tuple[str, ...]) -> None:
    """From the benchmark or the option; an image with only golden questions has no task."""
    write_files(questions, {"other.csv" if golden else "pets/golden.csv": GOLDEN_ASKED})
    argv = [*ARGV, "--benchmark", "pets", *golden]
    lines = output_of(run(*argv)).splitlines()
    assert lines[3] == "tasks.jsonl: 2 tasks with 4 questions on 1 image"
    assert "3 golden questions are not in the task file: the campaign shows them between its tasks" in lines
    assert [task[1:3] for task in lines_of()] == [("a.png", ["dog", "cup"]), ("a.png", ["mug", "fox"])]
    results = document_of(run(*argv, "--force", "--json"), "tasks")["results"]
    assert (results["questions"], results["golden"]) == (4, 3)
    assert run(*ARGV, "--benchmark", "pets", "--golden", "none", "--force").code == 0
    assert len(lines_of()) == 3


def test_golden_questions_without_answers_are_not_in_tasks(questions: Path, run: Runner) -> None:
    write_files(questions, {"golden.csv": "image,class\nb.png,mug\nb.png,cup\n", "odd.csv": "image,name\nb.png,mug\n"})
    out = output_of(run(*ARGV, "--benchmark", "pets", "--golden", "golden.csv"))
    assert "2 golden questions are not in the task file: the campaign shows them between its tasks" in out
    assert {image for _, image, _, _ in lines_of()} == {"a.png"}
    odd = run(*ARGV, "--benchmark", "pets", "--golden", "odd.csv", "--force")
    assert (odd.code, odd.error) == (1, "missing-column")


def test_drawn_golden_questions_are_marked(questions: Path, run: Runner) -> None:
    """Different seeds draw different images; experts have answered one of them."""
    write_files(questions, {"pets/golden.csv": "image,class,rater,answer\nb.png,mug,ann,no\nb.png,cup,ann,yes\n"})
    drawn_images = {}
    for seed in range(9):
        options = ["--benchmark", "pets", "--golden", "2", "--seed", str(seed), "--force"]
        output_of(run(*ARGV, *options))
        lines = [json.loads(line) for line in Path("tasks.jsonl").read_text().splitlines()]
        golden = {line["image"] for line in lines[1:] if line.get("golden")}
        drawn_images[tuple(sorted(golden))] = {line["image"] for line in lines[1:]}
        assert lines[0]["sample"]["seed"] == seed
        assert {line["probability"] for line in lines[1:] if line.get("golden")} == {0.5}
    assert drawn_images == {("a.png",): {"a.png"}, ("b.png",): {"a.png", "b.png"}}
    seeds = set()
    for _ in range(2):  # without --seed, nobody can predict the draw
        output_of(run(*ARGV, "--benchmark", "pets", "--golden", "2", "--force"))
        seeds.add(json.loads(Path("tasks.jsonl").read_text().splitlines()[0])["sample"]["seed"])
    assert len(seeds) == 2


def test_only_golden_questions_are_an_error(questions: Path, run: Runner) -> None:
    write_files(questions, {"pets/golden.csv": GOLDEN_ASKED, "few.csv": "image,class\na.png,cat\n"})
    result = run("tasks", "few.csv", "--benchmark", "pets", "-o", "tasks.jsonl")
    assert (result.code, result.out, result.error) == (1, "", "all-golden")


EARLIER = "image,class,rater,answer\n" + "".join(
    f"{image}.png,{name},{rater},{answer}\n"
    for image, name, answer in [("x", "cat", "yes"), ("x", "dog", "no"), ("y", "cup", "yes"), ("z", "mug", "no")]
    for rater in ("ann", "bo", "cy", "di")
)
GOLDEN = "image,class,rater,answer\nx.png,cat,eve,yes\nx.png,dog,eve,no\n"


def test_earlier_votes_estimate_votes_under_a_stop_rule(questions: Path, run: Runner) -> None:
    """All raters agree, so each question is closed after two votes: 14 of at most 28 votes."""
    write_files(questions, {"pets/votes.csv": EARLIER, "pets/golden.csv": GOLDEN})
    argv = [*ARGV, "--benchmark", "pets", "--per-question", "4", "--stop", "0.1,0.9"]
    assert "about 14 votes (2.00 per question, stop rule 0.1, 0.9); add --seconds to estimate the hours" in output_of(
        run(*argv)
    )
    results = document_of(run(*argv, "--json", "--force"), "tasks")["results"]
    assert [results[name] for name in ("votes", "votes_per_question", "stop")] == [14, 2.0, [0.1, 0.9]]
    error = message_of(run(*ARGV, "--force", "--per-question", "4", "--stop", "0.1,0.9", "--seconds", "pets/votes.csv"))
    assert "no vote has a time" in error


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (
            "",
            2,
            "--stop estimates the work from a file of earlier votes: give --seconds FILE, or a --benchmark with votes.",
        ),
        ("--seconds earlier.csv --per-question 5", 1, "missing-votes"),
        ("--seconds counts.csv --per-question 1", 1, "missing-rater-model"),
    ],
)
def test_unusable_earlier_votes_are_an_error(questions: Path, run: Runner, argv: str, code: int, error: str) -> None:
    (questions / "earlier.csv").write_text(EARLIER)
    (questions / "counts.csv").write_text("image,class,count\nx.png,cat,2\n")
    result = run(*ARGV, "--stop", "0.1,0.9", *argv.split())
    assert (result.code, result.out) == (code, "")
    assert result.error == error if code == 1 else result.err.endswith(f"{error}\n")
    assert not Path("tasks.jsonl").exists()


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (ARGV[:-2], 2, "Missing option '-o' / '--output'."),
        ([*ARGV, "--per-task", "0"], 2, "0 is not in the range x>=1."),
        ([*ARGV, "--seconds", "nan"], 2, "'nan' is not a number of seconds."),
        ([*ARGV, "--seconds", "soon"], 2, "'soon' is neither a number of seconds nor a file of votes."),
        ([*ARGV, "--benchmark", "circle"], 1, "circle"),
        ([*ARGV, "--seconds", "no-times.csv"], 1, "missing-seconds"),
        ([*ARGV, "--benchmark", "shop"], 1, "unknown-class"),
        (["tasks", "golden.csv", "-o", "tasks.jsonl"], 1, "not-candidates"),
        ([*ARGV, "--golden", "99"], 1, "all-golden"),
        ([*ARGV, "--seed", "1"], 2, "--seed needs --golden N."),
        (["tasks", "old.jsonl", "-o", "tasks.jsonl"], 1, "not-candidates"),
    ],
)
def test_wrong_call_is_one_error(questions: Path, run: Runner, argv: list[str], code: int, error: str) -> None:
    write_files(
        questions,
        {
            "circle/hierarchy.csv": "child,parent\ncat,dog\ndog,cat\n",
            "no-times.csv": "item,rater,answer\nx,1,no\n",
            "shop/classes.txt": "pen\nink\n",
            "golden.csv": "image,class,rater,answer\na.png,0,ann,yes\n",
            "old.jsonl": '{"task": 0, "image": "a.png", "classes": [{"class": 7}]}\n',
        },
    )
    result = run(*argv)
    assert (result.code, result.out) == (code, "")
    assert result.error == error if code == 1 else result.err.endswith(f"{error}\n")
    assert not Path("tasks.jsonl").exists()


def test_images_outside_the_benchmark_give_a_warning(questions: Path, run: Runner) -> None:
    Path("pets/images").mkdir()
    Path("pets/images/a.png").touch()
    text = Path("candidates.csv").read_text().replace("a.png", "pets/images/a.png")
    Path("candidates.csv").write_text(text)
    result = run(*ARGV, "--benchmark", "pets")
    assert result.code == 0
    assert result.err == ("Warning: candidates.csv: 1 of 2 images not in the image folder of pets: b.png\n")
    assert [image for _, image, *_ in lines_of()] == ["b.png", "a.png", "a.png"], "in the order of the file's names"


_N_GOLDEN = 150


@pytest.fixture
def model_files(folder: Path) -> Path:
    """Answers of experts about 150 images, votes of a model on 200, but not on 160.png, and candidates."""
    truth = {f"{number:03}.png": "yes" if number % 2 else "no" for number in range(200)}
    header = "image,class,rater,answer\n"
    votes = {image: answer for image, answer in truth.items() if image != "160.png"}
    return write_files(
        folder,
        {
            "golden.csv": header + "".join(f"{image},cat,eve,{truth[image]}\n" for image in list(truth)[:_N_GOLDEN]),
            "models.csv": header + "".join(f"{image},cat,m,{answer}\n" for image, answer in votes.items()),
            "candidates.csv": "image,class,source\n" + "".join(f"{image},cat,m\n" for image in truth),
        },
    )


def test_models_answer_questions_without_people(model_files: Path, run: Runner) -> None:
    argv = ["tasks", "candidates.csv", "--golden", "golden.csv", "-o", "tasks.jsonl", "--model-votes", "models.csv"]
    out = output_of(run(*argv, "--error", "0.05"))
    assert "tasks.jsonl: 1 task with 1 question on 1 image\n" in out
    assert "150 golden questions are not in the task file" in out
    assert "models answer 49 questions without people, with a probability of at most 0.0" in out
    assert "0 of 150 such golden questions are wrong, so at most 3.47 % are wrong (95 % confidence)" in " ".join(
        out.split()
    )
    assert [image for _, image, _, _ in lines_of()] == ["160.png"]
    closed = document_of(run(*argv, "--error", "0.05", "--force", "--json"), "tasks")["results"]["closed_by_models"]
    bound = 1 - 0.005 ** (1 / _N_GOLDEN)  # Clopper and Pearson's, without errors
    assert closed.pop("limit") < 0.05
    assert closed == {
        "questions": 49,
        "error": 0.05,
        "golden": _N_GOLDEN,
        "golden_closed": _N_GOLDEN,
        "golden_wrong": 0,
        "highest_error": pytest.approx(bound),
        "lowest_supported_error": pytest.approx(bound),
    }
    out = output_of(run(*argv, "--error", "0.03", "--force"))
    assert "models answer no question without people: 150 golden questions with their votes cannot show an error" in out
    assert len(lines_of()) == 50


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        (["--model-votes", "models.csv"], 2, "--model-votes and --error need each other."),
        (["--error", "0.1"], 2, "--model-votes and --error need each other."),
        (["--model-votes", "models.csv", "--error", "0"], 2, "0"),
        (["--model-votes", "models.csv", "--error", "nan"], 2, "nan"),
        (["--model-votes", "models.csv", "--error", "0.1", "--golden", "5"], 2, "so --golden N cannot be used"),
        (["--model-votes", "models.csv", "--error", "0.1", "--golden", "none"], 1, "need golden answers"),
        (["--model-votes", "golden-only.csv", "--error", "0.1"], 1, "no question of the tasks has votes of models"),
        (["--model-votes", "all.csv", "--error", "0.1"], 1, "no question is left for the tasks"),
        (["--model-votes", "other.csv", "--error", "0.1"], 1, "fewer than two golden images have votes"),
    ],
)
def test_unusable_model_votes_raise(
    model_files: Path, run: Runner, options: list[str], code: int, expected: str
) -> None:
    Path("all.csv").write_text(Path("models.csv").read_text() + "160.png,cat,m,no\n")
    Path("golden-only.csv").write_text(Path("golden.csv").read_text().replace("eve", "m"))
    Path("other.csv").write_text("image,class,rater,answer\n180.png,cat,m,yes\n")
    argv = ["tasks", "candidates.csv", "--golden", "golden.csv", "-o", "tasks.jsonl", *options]
    assert expected in message_of(run(*argv), code)
    assert not Path("tasks.jsonl").exists()
