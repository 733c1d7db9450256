"""Commands that read texts of a model: `--extract`, warnings, and JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Runner, message_of

ANSWERS = {
    "1.jpg": "It is a tabby, or perhaps a tiger cat.",
    "2.jpg": "Two tiger cats",
    "3.jpg": "A crane, or a flamingo",
    "4.jpg": "I cannot tell.",
    "5.jpg": "I cannot tell.",
}
WRONG = "2 texts without a class, counted as wrong: 'I cannot tell.' (2); 1 ambiguous name, counted as wrong: crane (1)"


@pytest.fixture
def zoo(folder: Path) -> Path:
    """A benchmark with two classes named crane, and the texts of a model."""
    (folder / "zoo").mkdir()
    (folder / "zoo" / "classes.csv").write_text(
        "id,wnid,name\n0,n02123045,tabby\n1,n02123159,tiger cat\n2,n02012849,crane\n3,n03126707,crane\n"
        "4,n02007558,flamingo\n"
    )
    truths = {"1.jpg": [1], "2.jpg": [1], "3.jpg": [4], "4.jpg": [0], "5.jpg": [0]}
    (folder / "zoo" / "labels.json").write_text(json.dumps(truths))
    lines = [json.dumps({"image": image, "text": text, "model": "vlm"}) for image, text in ANSWERS.items()]
    Path("answers.jsonl").write_text("\n".join(lines))
    return folder


def results(run: Runner, *argv: str) -> Any:
    """Return the results of a command that warns about unknown texts."""
    result = run(*argv, "--json")
    assert result.code == 0
    return json.loads(result.out)["results"]


@pytest.mark.parametrize(
    ("options", "hits"),
    [
        ([], {"1": 1}),
        (["--extract", "last"], {"1": 3}),
        (["--extract", "all", "--top-k", "1,5"], {"1": 1, "5": 3}),
        (["--extract", "all", "--unknown-class", "drop", "--top-k", "1"], {"1": 2}),
    ],
)
def test_extract_decides_which_class_counts(zoo: Path, run: Runner, options: list[str], hits: dict[str, int]) -> None:
    (result,) = results(run, "evaluate", "answers.jsonl", "--benchmark", "zoo", *options)
    assert {k: accuracy["hits"] for k, accuracy in result["real"].items()} == hits


def test_json_lists_texts_and_ambiguous_names(zoo: Path, run: Runner) -> None:
    (result,) = results(run, "evaluate", "answers.jsonl", "--benchmark", "zoo")
    assert result["free_text"] == {
        "extract": "first",
        "with_several_names": 2,
        "without_class": 2,
        "texts_without_class": [{"text": "I cannot tell.", "images": 2}],
        "ambiguous_names": [{"name": "crane", "images": 1}],
    }
    assert result["unknown_classes"] == {"predictions": 3, "names": 2}
    assert result["detected"].startswith(
        f"jsonl, image names from 'image', first class in 'text' (2 texts with several classes); {WRONG}"
    )


def test_files_without_texts_have_no_such_key(zoo: Path, run: Runner) -> None:
    Path("ids.csv").write_text("image,prediction\n1.jpg,1\n")
    documents = results(run, "evaluate", "answers.jsonl", "ids.csv", "--benchmark", "zoo", "--ignore-unknown")
    assert {result["file"]: "free_text" in result for result in documents} == {"answers.jsonl": True, "ids.csv": False}


def test_next_command_reads_the_texts_in_the_same_way(zoo: Path, run: Runner) -> None:
    output = run("evaluate", "answers.jsonl", "--benchmark", "zoo", "--extract", "last").out
    assert "\nnext: reassess report answers.jsonl --benchmark zoo --extract last -o report.html\n" in output


def test_commands_read_texts_alike(zoo: Path, run: Runner) -> None:
    Path("other.jsonl").write_text(Path("answers.jsonl").read_text().replace("tabby, or perhaps a ", ""))
    for options, difference in ([], 1), (["--extract", "last"], 0):
        (pair,) = results(run, "compare", "answers.jsonl", "other.jsonl", "--benchmark", "zoo", *options)["pairs"]
        assert sorted((pair["only_a"], pair["only_b"])) == [0, difference]
    assert (
        "answers.jsonl: 4 flamingo (valid)"
        in run("show", "3.jpg", "answers.jsonl", "--benchmark", "zoo", "--extract", "last").out
    )


def test_error_suggests_the_option(zoo: Path, run: Runner) -> None:
    text = message_of(run("evaluate", "answers.jsonl", "--benchmark", "zoo", "--unknown-class", "error"))
    assert text.startswith("Error: texts name no class, or an ambiguous class\n")
    assert text.rstrip().endswith("or add synonyms to it, or --unknown-class wrong")


def test_class_list_without_names_is_an_error(folder: Path, run: Runner) -> None:
    Path("labels.json").write_text('{"1.jpg": [0], "2.jpg": [1]}')
    Path("p.jsonl").write_text('{"image": "1.jpg", "text": "a tabby"}\n{"image": "2.jpg", "text": "a cat"}\n')
    text = message_of(run("evaluate", "p.jsonl", "--labels", "labels.json"))
    assert text.startswith("Error: one file has class names, another has class ids\n")
