"""`reassess rate`: what it prints, and its errors."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import Runner, message_of, output_of, picture, write_files
from tests.proposals.machines.stub_server import MODEL, Stub, error, obedient, reply, stub_server

TRUTH = {"cat": "yes", "dog": "no", "car": "maybe"}


@pytest.fixture
def stub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A server, and a benchmark with tasks about two images."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    classes = '[{"class": "cat"}, {"class": "dog"}, {"class": "car"}]'
    lines = [f'{{"task": {n}, "image": "{n}.png", "classes": {classes}}}\n' for n in range(2)]
    images = {f"pets/images/{n}.png": picture(n, "PNG") for n in range(2)}
    write_files(folder, {"pets/classes.txt": "cat\ndog\ncar\n", "tasks.jsonl": "".join(lines), **images})
    with stub_server(obedient(TRUTH.__getitem__)) as server:
        yield server


def arguments(stub: Stub, *options: str) -> list[str]:
    return ["rate", "tasks.jsonl", "--benchmark", "pets", "--model", MODEL, "--endpoint", stub.endpoint, *options]


def test_votes_are_aggregated_like_votes_of_people(stub: Stub, run: Runner) -> None:
    result = run(*arguments(stub, "-o", "tiny.csv"))
    rater = Path("tiny.csv").read_text().splitlines()[1].split(",")[2]
    assert output_of(result).partition("inputs: ")[0] == (
        "answer   answers\n────────────────\nno             2\nmaybe          2\nyes            2\n"
        f"tiny.csv: 6 votes by {rater}\ntiny.answers.jsonl: the text of each answer\n"
        "answer format: the server enforces it\nlog-probabilities: in the file of answers\n"
        "6 requests; 700 tokens in requests, 35 in answers\n"
    )
    assert result.out.endswith("next: reassess aggregate tiny.csv --benchmark pets -o scores.parquet\n")
    run("aggregate", "tiny.csv", "--benchmark", "pets", "--method", "mean", "-o", "scores.csv")
    assert Path("scores.csv").read_text().splitlines()[1] == "0.png,cat,1.0"


def test_json_has_all_counts(stub: Stub, run: Runner) -> None:
    result = run(*arguments(stub, "-o", "tiny.csv", "--per", "task", "--repeat", "2", "--json"))
    document = json.loads(result.out)
    rater = document["results"].pop("rater")
    assert rater.startswith(f"{MODEL}#")
    assert document["results"] == {
        "output": "tiny.csv",
        "answers_output": "tiny.answers.jsonl",
        "requests": 4,
        "votes": 6,
        "answers": {"no": 4, "maybe": 4, "yes": 4},
        "questions_with_differing_repeats": 0,
        "tokens": {"requests": 500, "answers": 25},
        "format_enforced": True,
        "logprobs": True,
        "refused_fields": [],
        "first_failure": None,
    }


def test_what_the_server_lacks_is_printed(stub: Stub, run: Runner) -> None:
    def respond(asked):  # type: ignore[no-untyped-def]
        if "temperature" in asked.body:
            return error(400, "temperature must be 1")
        body = json.loads(reply("I cannot see a banana." if asked.number % 2 else "Yes.", logprobs=False).body)
        del body["usage"]
        return type(reply(""))(body=json.dumps(body).encode())

    stub.respond = respond
    out = output_of(run(*arguments(stub, "-o", "tiny.csv", "--concurrency", "1", "--repeat", "2")))
    assert "off the list         6\n" in out
    assert "answer format: not enforced, so answers are read from text\n" in out
    assert "log-probabilities: not sent by the server\n" in out
    assert "fields that the server rejects: temperature\n" in out
    assert "12 requests; the server does not report tokens\n" in out


def test_failures_are_printed(stub: Stub, run: Runner) -> None:
    stub.respond = lambda asked: (
        error(400, "too many pixels") if asked.number == 2 else obedient(TRUTH.__getitem__)(asked)
    )
    out = output_of(run(*arguments(stub, "-o", "tiny.csv")))
    assert "rejected         1\n" in out
    assert "first request without an answer: status 400: too many pixels\n" in out


def test_interrupted_run_continues(stub: Stub, run: Runner) -> None:
    answer = stub.respond
    stub.respond = lambda asked: answer(asked) if asked.number < 4 else error(403, "credit is used up")
    argv = arguments(stub, "-o", "tiny.csv", "--concurrency", "1")
    stopped = run(*argv)
    assert message_of(stopped).startswith("Error: server refuses the request: access is not allowed\n")
    assert stopped.err.endswith(
        "tiny.csv.unfinished contains the finished part; run the same command again to continue.\n"
    )
    stub.respond = answer
    assert run(*argv).out.startswith("tiny.csv.unfinished: continues after 3 of 6 requests\n")


def test_token_budget_names_the_option(stub: Stub, run: Runner) -> None:
    error_text = message_of(run(*arguments(stub, "-o", "tiny.csv", "--max-tokens", "300")))
    assert "found:   210 tokens for 1 of 6 requests\n" in error_text
    assert "run the command again: --max-tokens 1386" in error_text


def test_dry_run_prints_the_first_request_and_asks_nothing(stub: Stub, run: Runner) -> None:
    write_files(Path.cwd(), {"prompt.txt": "Is {class} here?\nSay {answers}.\n"})
    out = output_of(run(*arguments(stub, "-o", "tiny.csv", "--dry-run", "--prompt", "prompt.txt", "--repeat", "3")))
    lines = out.splitlines()
    assert lines[0] in ("first request: 0.png, and this text:", "first request: 1.png, and this text:")
    assert lines[2].removeprefix("Is ").removesuffix(" here?") in TRUTH
    assert lines[3].startswith('Say "')
    assert lines[5] == "18 requests for 6 questions about 2 images"
    document = json.loads(run(*arguments(stub, "-o", "tiny.csv", "--dry-run", "--json")).out)
    assert document["results"]["requests"] == 6
    assert stub.asked == []
    assert not Path("tiny.csv").exists()


def test_benchmark_is_not_needed_if_the_tasks_have_names(stub: Stub, run: Runner) -> None:
    without = ("rate", "tasks.jsonl", "--model", MODEL, "--endpoint", stub.endpoint)
    assert run(*without, "--images", "pets/images", "-o", "a.csv").code == 0
    assert run(*arguments(stub, "-o", "b.csv")).code == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert "benchmark has no images" in message_of(run(*without, "-o", "c.csv"))


def test_outputs_in_the_folder_of_the_benchmark_are_not_parts_of_it(stub: Stub, run: Runner) -> None:
    run(*arguments(stub, "-o", "pets/tiny.csv"))
    assert {"tiny.csv", "tiny.answers.jsonl"} <= {path.name for path in Path("pets").iterdir()}
    assert run("status", "pets").code == 0
    assert run(*arguments(stub, "-o", "pets/golden.csv")).error == "reserved-output"


def test_images_and_classes_are_needed(stub: Stub, run: Runner) -> None:
    Path("pets/images").rename("photos")
    argv = arguments(stub, "-o", "tiny.csv")
    assert "benchmark has no images, which `reassess rate` needs" in message_of(run(*argv))
    assert run(*argv, "--images", "photos").code == 0
    write_files(Path.cwd(), {"ids.jsonl": '{"task": 0, "image": "0.png", "classes": [{"class": 7}]}\n'})
    without = ("rate", "ids.jsonl", "--images", "photos", *argv[4:-1], "ids.csv")
    assert message_of(run(*without)).startswith("Error: classes have no names, which a model needs\n")


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("Is it here?", (), "prompt does not say where to write the class\n"),
        ("Is {classes} here?", (), "found:   {classes}\n"),
        ("Is {class} here?", ("--per", "task"), "prompt does not say where to write the classes\n"),
        ("{class}" + "x" * 100_000, (), "prompt is too long\n"),
    ],
)
def test_prompt_must_have_a_place_for_the_class(
    stub: Stub, run: Runner, text: str, options: tuple[str, ...], problem: str
) -> None:
    Path("prompt.txt").write_text(text)
    error_text = message_of(run(*arguments(stub, "-o", "tiny.csv", "--prompt", "prompt.txt", *options)))
    assert problem in error_text
    assert "where:   prompt.txt\n" in error_text
