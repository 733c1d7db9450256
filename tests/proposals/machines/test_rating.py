"""Votes of a model from a server that works, and runs that are interrupted."""

import asyncio
import base64
import io
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reassess.core import Classes, Tasks, Votes
from reassess.data import read_votes
from reassess.formats import read_tasks
from reassess.proposals import Prompt, estimate_rating, rate, read_prompt
from reassess.proposals.machines.prompts import describe_classes
from tests.helpers import message, picture, write_files
from tests.proposals.machines.conftest import ALL, N_IMAGES, TRUTH, Ask, Serve
from tests.proposals.machines.stub_server import MODEL, Asked, Response, error, obedient, reply

ANSWER = obedient(TRUTH.__getitem__)


def entries_of(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def answers_of(votes: Votes) -> dict[str, object]:
    return {votes.describe_item(row): votes.votes_on(row)[0][1] for row in range(len(votes.items))}


def image_of(asked: Asked) -> str:
    return str(asked.body["messages"][0]["content"][0]["image_url"]["url"])


@pytest.mark.parametrize("per", ["question", "task"])
def test_answers_become_votes(ask: Ask, serve: Serve, tasks: Tasks, per: str) -> None:
    stub = serve(ANSWER)
    result = ask(stub, "votes.parquet", prompt=read_prompt(None, per))
    votes = read_votes("votes.parquet", classes=tasks.questions.classes)
    assert votes.raters == (result.rater,)
    assert answers_of(votes) == {f"image {n}.png, class {name}": TRUTH[name] for n in range(N_IMAGES) for name in TRUTH}
    assert result.answer_counts == ALL
    n_requests = N_IMAGES * (1 if per == "task" else 3)
    assert (result.n_requests, len(stub.questions)) == (n_requests, n_requests)
    assert result.tokens == (100 * (n_requests + 1), 5 * (n_requests + 1))
    assert (result.is_format_enforced, result.has_logprobs, result.refused_fields) == (True, True, ())
    assert not Path("votes.parquet.unfinished").exists()


def test_request_has_the_image_first_and_the_class_with_its_synonyms_and_definition(ask: Ask, serve: Serve) -> None:
    stub = serve(ANSWER)
    ask(stub)
    assert {asked.text.splitlines()[1] for asked in stub.questions} == {
        "cat (also called kitty): a small animal",
        "dog",
        "car (also called auto, automobile): with wheels",
    }
    sent = Counter(map(image_of, stub.questions))
    assert list(sent.values()) == [3] * N_IMAGES
    pixels = {
        np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB")).tobytes()
        for url in sent
    }
    expected = {np.asarray(Image.open(f"b/images/{n}.png").convert("RGB")).tobytes() for n in range(N_IMAGES)}
    assert pixels == expected
    for asked in stub.questions:
        assert set(asked.body) == {"model", "messages", "temperature", "logprobs", "top_logprobs", "response_format"}
        schema = asked.body["response_format"]["json_schema"]["schema"]
        assert schema["properties"] == {"answer": {"type": "string", "enum": ["no", "maybe", "yes"]}}


def test_name_is_not_repeated_as_a_synonym() -> None:
    classes = Classes(2, names=("cat", "dog"), synonyms=(("cat", "kitty", "kitty"), ("dog",)))
    assert describe_classes(classes, [0, 1]) == {0: "cat (also called kitty)", 1: "dog"}


def test_request_does_not_say_where_a_question_comes_from(ask: Ask, serve: Serve, tasks: Tasks) -> None:
    """The reason of a task can name models and labels, and golden tasks and drawn images are marked in the file."""
    stub = serve(ANSWER)
    marked = [
        json.loads(line) | {"reason": "original, vit", "golden": True, "probability": 0.5, "stratum": "unsure"}
        for line in Path("tasks.jsonl").read_text().splitlines()
    ]
    sample = {"sample": {"for": "golden", "seed": 7, "images": N_IMAGES, "questions": 15, "predictions": []}}
    Path("marked.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (sample, *marked)))
    marked_tasks = read_tasks("marked.jsonl", tasks.questions.classes)
    assert marked_tasks.is_golden is not None
    rate(marked_tasks, "b/images", "marked.csv", model=MODEL, endpoint=stub.endpoint, concurrency=1)
    ask(stub, concurrency=1)
    with_marks, without_marks = stub.asked[:16], stub.asked[16:]
    assert [asked.body for asked in with_marks] == [asked.body for asked in without_marks]
    assert not any(".png" in asked.text for asked in stub.asked)


def test_requests_about_an_image_follow_one_another_in_an_order_drawn_by_the_seed(ask: Ask, serve: Serve) -> None:
    orders = []
    for number, seed in enumerate((0, 0, 1)):
        stub = serve(ANSWER)
        ask(stub, f"{number}.csv", seed=seed, concurrency=1)
        images = list(map(image_of, stub.questions))
        assert sum(first != second for first, second in pairwise(images)) == N_IMAGES - 1
        orders.append([(image, asked.text) for image, asked in zip(images, stub.questions, strict=True)])
    assert orders[0] == orders[1] != orders[2]
    assert Path("0.csv").read_bytes() == Path("1.csv").read_bytes() == Path("2.csv").read_bytes()


def test_answers_file_has_every_request_in_order_with_log_probabilities(ask: Ask, serve: Serve) -> None:
    ask(serve(ANSWER), prompt=read_prompt(None, "task"), repeats=2)
    entries = entries_of("votes.answers.jsonl")
    assert [entry["request"] for entry in entries] == list(range(2 * N_IMAGES))
    assert {entry["repeat"] for entry in entries} == {0, 1}
    assert all(entry["logprobs"] == [["yes", -0.1, {"no": -2.5}]] for entry in entries)
    assert all(entry["prompt"].startswith("Which of these are in the image?\n1. ") for entry in entries)


def test_repeats_are_asked_in_another_order_and_combined_to_one_vote(ask: Ask, serve: Serve) -> None:
    """A mean halfway between two answers is maybe."""
    seen: Counter[tuple[str, str]] = Counter()
    repeats = {"cat": ["yes", "yes", "yes", "maybe"], "dog": ["yes", "no", "yes", "yes"], "car": ["no"] * 4}

    def respond(asked: Asked) -> Response:
        if asked.is_probe:
            return reply('{"answer": "no"}')
        key = image_of(asked), asked.names[0]
        seen[key] += 1
        return reply(json.dumps({"answer": repeats[asked.names[0]][seen[key] - 1]}))

    stub = serve(respond)
    result = ask(stub, repeats=4, concurrency=1)
    found = {item.split()[-1]: answer for item, answer in answers_of(read_votes("votes.csv")).items()}
    assert found == {"cat": "yes", "dog": "maybe", "car": "no"}
    assert result.n_differing_questions == 2 * N_IMAGES
    requests = Counter((image_of(asked), asked.text) for asked in stub.asked)
    assert set(requests.values()) == {1}, "each repeat has another order of the answers"


def test_classes_of_a_task_are_in_another_order_for_each_repeat(ask: Ask, serve: Serve) -> None:
    stub = serve(ANSWER)
    result = ask(stub, prompt=read_prompt(None, "task"), repeats=6)
    assert len({tuple(asked.names) for asked in stub.questions}) == 6
    assert result.answer_counts == {answer: 6 * n for answer, n in ALL.items()}
    assert len(result.votes) == 3 * N_IMAGES


def test_another_prompt_is_another_rater(ask: Ask, serve: Serve) -> None:
    stub = serve(ANSWER)
    prompt = Prompt("Look well.\n{class}\n\nSay {answers}, never {answer}.")
    first, again = ask(stub, "a.csv", prompt=prompt), ask(stub, "b.csv", prompt=prompt, seed=3, concurrency=2)
    other = ask(stub, "c.csv")
    assert first.rater == again.rater != other.rater
    assert {rater.partition("#")[0] for rater in (first.rater, other.rater)} == {MODEL}
    assert stub.asked[1].text.startswith("Look well.\n")
    assert stub.asked[1].text.endswith(", never {answer}.")


@pytest.mark.parametrize("n_answered", [1, 7])
def test_interrupted_run_continues_without_repeating_an_answered_request(
    ask: Ask, serve: Serve, n_answered: int
) -> None:
    """The interrupted run, with another order of arrival, writes the same bytes as a run without faults."""
    ask(serve(ANSWER), "whole.csv")
    stub = serve(lambda asked: ANSWER(asked) if asked.number <= n_answered else error(401, "key has expired"))
    assert "server refuses the request: key is missing or wrong" in message(ask, stub, concurrency=1)
    n_before = len(stub.asked)
    journal = Path("votes.csv.unfinished/answers.jsonl")
    assert len(journal.read_text().splitlines()) == n_answered + 1
    with journal.open("a") as file:
        file.write('{"request": 3, "te')  # a process was killed while it wrote
    stub.respond = ANSWER
    reports: list[str] = []
    result = ask(stub, concurrency=4, report=reports.append)
    assert reports == [f"votes.csv.unfinished: continues after {n_answered} of 15 requests"]
    assert len(stub.asked) - n_before == 15 - n_answered, "the probe is not repeated either"
    assert result.tokens == (1600, 80)
    for suffix in (".csv", ".answers.jsonl"):
        assert Path("votes").with_suffix(suffix).read_bytes() == Path("whole").with_suffix(suffix).read_bytes()
    assert not Path("votes.csv.unfinished").exists()


def test_run_that_is_stopped_by_the_user_continues(ask: Ask, serve: Serve) -> None:
    def stop(n_answered: int, *_: int) -> None:
        if n_answered == 4:
            raise KeyboardInterrupt

    stub = serve(ANSWER)
    with pytest.raises(KeyboardInterrupt) as caught:
        ask(stub, concurrency=1, progress=stop)
    assert "votes.csv.unfinished contains the finished part" in caught.value.__notes__[0]
    ask(stub, concurrency=1)
    assert len(stub.asked) == 16


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"model": "other"}, f"model: {MODEL} before, other now"),
        ({"seed": 1}, "seed: 0 before, 1 now"),
        ({"repeats": 2}, "repeats: 1 before, 2 now"),
        ({"prompt": Prompt("{class}?")}, "prompt changed"),
    ],
)
def test_other_settings_do_not_continue_a_run(ask: Ask, serve: Serve, options: dict[str, object], found: str) -> None:
    stub = serve(lambda asked: ANSWER(asked) if asked.number < 3 else error(403, "no"))
    message(ask, stub, concurrency=1)
    assert message(ask, stub, **options) == (
        "unfinished run has other settings\n  where:   votes.csv.unfinished\n"
        f"  found:   {found}\n  fix:     use the same settings to continue, or delete the finished part and start "
        "again: rm -r votes.csv.unfinished"
    )


def test_other_tasks_or_images_do_not_continue_a_run(ask: Ask, serve: Serve, tasks: Tasks) -> None:
    stub = serve(lambda asked: ANSWER(asked) if asked.number < 3 else error(403, "no"))
    message(ask, stub, concurrency=1)
    fewer = tasks.select(np.arange(N_IMAGES) < N_IMAGES - 1)
    options = {"model": MODEL, "endpoint": stub.endpoint}
    assert "tasks changed" in message(rate, fewer, "b/images", "votes.csv", **options)
    (answered,) = {entry["image"] for entry in entries_of("votes.csv.unfinished/answers.jsonl")[1:]}
    Path("b/images", answered).write_bytes(picture(30, "PNG"))
    assert f"1 image changed: {answered}\n" in message(ask, stub)


def test_damaged_journal_is_named(ask: Ask, serve: Serve) -> None:
    stub = serve(lambda asked: ANSWER(asked) if asked.number < 3 else error(403, "no"))
    message(ask, stub, concurrency=1)
    journal = Path("votes.csv.unfinished/answers.jsonl")
    text = journal.read_text()
    last = json.loads(text.splitlines()[-1])
    for line in (
        "{}",
        "[1]",
        "x",
        json.dumps(last | {"request": 15}),
        json.dumps(last | {"request": "0"}),
        '{"tried": 15}',
    ):
        journal.write_text(f"{text}{line}\n")
        assert message(ask, stub).startswith(
            "file of an unfinished run is damaged\n  where:   votes.csv.unfinished/answers.jsonl, line 4\n"
        )


def test_model_can_be_asked_in_a_running_event_loop(ask: Ask, serve: Serve) -> None:
    """As in a notebook."""
    stub = serve(ANSWER)

    async def ask_in_notebook() -> dict[str, int]:
        return dict(ask(stub).answer_counts)

    assert asyncio.run(ask_in_notebook()) == ALL


def test_token_budget_stops_the_run_and_a_larger_one_continues_it(ask: Ask, serve: Serve) -> None:
    stub = serve(ANSWER)
    assert message(ask, stub, max_tokens=630) == (
        "token budget is used up\n  allowed: at most 630 tokens\n  found:   630 tokens for 5 of 15 requests\n"
        "  fix:     raise the budget, and run the command again: max_tokens=2079"
    )
    assert len(stub.asked) == 6
    assert "found:   630 tokens" in message(ask, stub, max_tokens=700)
    assert ask(stub, max_tokens=1680).tokens == (1600, 80)
    assert len(stub.asked) == 16


def test_token_budget_needs_a_server_that_reports_tokens(ask: Ask, serve: Serve) -> None:
    def respond(asked: Asked) -> Response:
        document = json.loads(ANSWER(asked).body)
        del document["usage"]
        return Response(body=json.dumps(document).encode())

    stub = serve(respond)
    assert "server does not report how many tokens it uses" in message(ask, stub, max_tokens=1000)
    assert ask(stub).tokens == (0, 0)


def test_estimate_counts_requests_and_sends_none(tasks: Tasks) -> None:
    estimate = estimate_rating(tasks, "b/images", prompt=read_prompt(None, "task"), repeats=2)
    assert (estimate.n_images, estimate.n_questions, estimate.n_requests) == (N_IMAGES, 15, 10)
    assert 10 * 24 < estimate.n_tokens < 10 * 500
    assert estimate.text.startswith("Which of these are in the image?")


def test_image_that_cannot_be_read_is_counted_and_not_asked_about(ask: Ask, serve: Serve) -> None:
    write_files(Path.cwd(), {"b/images/2.png": b"not an image"})
    stub = serve(ANSWER)
    result = ask(stub)
    assert result.answer_counts == {"no": 4, "maybe": 4, "yes": 4, "unreadable image": 3}
    assert result.first_failure == "2.png: not an image in a known format"
    assert (len(stub.questions), len(result.votes)) == (12, 12)
    assert [line for line in Path("votes.csv").read_text().splitlines() if line.startswith("2.png")] == [
        "2.png,cat,,",
        "2.png,dog,,",
        "2.png,car,,",
    ]


def test_missing_image_and_wrong_arguments_are_named_before_the_server_is_asked(ask: Ask, serve: Serve) -> None:
    stub = serve(ANSWER)
    Path("b/images/2.png").unlink()
    problem = "images of the tasks are missing\n  where:   b/images\n  found:   1 image missing: 2.png"
    assert message(ask, stub).startswith(problem)
    for options, text in (
        ({"model": " "}, "name of the model is empty"),
        ({"concurrency": 0}, "number of requests at a time out of range"),
        ({"repeats": 0}, "number of repeats out of range"),
        ({"max_tokens": 0}, "number of tokens out of range"),
        ({"output": "votes.npz"}, "wrong kind of file for votes"),
        ({"output": "none/votes.csv"}, "folder of the output file does not exist"),
    ):
        assert text in message(ask, stub, **options), options
    assert stub.asked == []


def test_existing_output_is_not_replaced_without_force(ask: Ask, serve: Serve) -> None:
    stub = serve(ANSWER)
    Path("votes.answers.jsonl").write_text("")
    assert "output file exists\n  where:   votes.answers.jsonl" in message(ask, stub)
    assert stub.asked == []
    ask(stub, force=True)
    assert len(entries_of("votes.answers.jsonl")) == 15
