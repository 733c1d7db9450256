"""Servers that are slow, fail, refuse, or ignore a part of the protocol; and a key that nobody may see."""

import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from reassess.cli import main
from reassess.proposals import Prompt, read_prompt
from tests.helpers import code_of, message
from tests.proposals.machines.conftest import ALL, TRUTH, Ask, Serve
from tests.proposals.machines.stub_server import MODEL, Asked, Response, error, obedient, reply

ANSWER = obedient(TRUTH.__getitem__)
KEY = "sk-test-d41d8cd98f00b204"


def first_fails(fault: Response) -> Callable[[Asked], Response]:
    """Send a fault the first time that a question is asked, and then the answer."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    def respond(asked: Asked) -> Response:
        key = json.dumps(asked.body["messages"])
        with lock:
            seen[key] += 1
        return ANSWER(asked) if asked.is_probe or seen[key] > 1 else fault

    return respond


FAULTS = {
    "429": error(429, "too fast", Retry_After="0"),
    "429 with a date": error(429, "too fast", Retry_After=formatdate(usegmt=True)),
    "429 without a time": error(429, "too fast"),
    "500": error(500, "out of memory"),
    "503 with a wrong time": error(503, "busy", Retry_After="a while"),
    "502 from a proxy": Response(502, b"<html>bad gateway</html>"),
    "cut off": Response(body=reply('{"answer": "no"}').body, cut=20),
    "half of the JSON": Response(body=b'{"choices": [{"mess'),
    "empty": Response(body=b""),
    "no choice": Response(body=b'{"choices": []}'),
    "error with status 200": Response(body=b'{"error": "no memory"}'),
    "too many tokens": Response(body=reply("{}").body.replace(b"100,", b"1e400,")),
    "number as a text": Response(body=b'{"choices": [{"message": {"content": 3}}]}'),
}


@pytest.mark.parametrize("name", FAULTS)
def test_request_is_repeated_after_a_failure_that_may_pass(ask: Ask, serve: Serve, name: str) -> None:
    stub = serve(first_fails(FAULTS[name]))
    assert ask(stub).answer_counts == ALL
    assert len(stub.questions) == 30


def test_retry_after_pauses_all_requests(ask: Ask, serve: Serve) -> None:
    times: list[float] = []

    def respond(asked: Asked) -> Response:
        times.append(time.monotonic())
        return error(429, "slow down", Retry_After="0.3") if asked.number == 1 else ANSWER(asked)

    assert ask(serve(respond), concurrency=1).answer_counts == ALL
    assert times[2] - times[1] > 0.29


def test_requests_do_not_start_at_the_same_moment_after_a_pause(
    ask: Ask, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reassess.proposals.machines.chat._MAX_JITTER_SECONDS", 0.4)
    answer = first_fails(error(503, "busy", Retry_After="0"))
    times: dict[str, list[float]] = {}  # of the tries of each request

    def respond(asked: Asked) -> Response:
        times.setdefault(json.dumps(asked.body["messages"]), []).append(time.monotonic())
        return answer(asked)

    assert ask(serve(respond)).answer_counts == ALL
    waits = [pair[1] - pair[0] for pair in times.values() if len(pair) == 2]
    assert len(waits) == 15
    assert max(waits) - min(waits) > 0.2


def test_slow_server_gets_as_many_requests_at_a_time_as_asked_for(ask: Ask, serve: Serve) -> None:
    """The first four requests are answered only when the fourth has come."""
    barrier = threading.Barrier(4, timeout=20)

    def respond(asked: Asked) -> Response:
        if 1 <= asked.number <= 4:
            barrier.wait()
        return ANSWER(asked)

    assert ask(serve(respond), concurrency=4).answer_counts == ALL


def test_server_that_does_not_answer_in_time_is_asked_again(
    ask: Ask, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reassess.proposals.machines.chat._TIMEOUT_SECONDS", 0.5)
    release = threading.Event()

    def respond(asked: Asked) -> Response:
        if asked.number == 3:
            release.wait(20)
        return ANSWER(asked)

    stub = serve(respond)
    assert ask(stub).answer_counts == ALL
    release.set()
    assert len(stub.questions) >= 16


def test_run_with_a_request_that_fails_each_time_is_not_complete(ask: Ask, serve: Serve) -> None:
    """Without output, the same command asks only the failed requests again."""
    stub = serve(lambda asked: error(500, "no car") if asked.names[:1] == ["car"] else ANSWER(asked))
    assert message(ask, stub) == (
        f"server failed at each try of 5 requests, so no votes are written\n  where:   {stub.endpoint}\n"
        "  found:   status 500: no car\n"
        "  fix:     check the server, and run the same command again, which asks only what has no answer"
    )
    assert len(stub.questions) == 10 + 5 * 8
    assert [path.name for path in Path().glob("votes*")] == ["votes.csv.unfinished"]
    stub.respond = ANSWER
    assert ask(stub).answer_counts == ALL
    assert len(stub.questions) == 10 + 5 * 8 + 5


def test_request_that_fails_in_two_runs_is_counted(ask: Ask, serve: Serve) -> None:
    stub = serve(lambda asked: error(500, "no car") if asked.names[:1] == ["car"] else ANSWER(asked))
    assert "failed at each try of 5 requests" in message(ask, stub)
    result = ask(stub)
    assert result.answer_counts["failed"] == 5
    assert (len(result.votes), result.first_failure) == (10, "status 500: no car")
    assert len(stub.questions) == 10 + 2 * 5 * 8


def test_requests_that_were_rejected_do_not_keep_a_run_from_continuing(
    ask: Ask, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that were never asked come first, and rejections do not count after an answer."""
    monkeypatch.setattr("reassess.proposals.machines.asking._MIN_FAILURES_IN_A_ROW", 2)
    stub = serve(lambda asked: ANSWER(asked) if asked.is_probe else error(400, "too large"))
    assert "the last 3 requests got no answer" in message(ask, stub, concurrency=1)
    rejected = [asked.body for asked in stub.questions]
    stub.respond = lambda asked: error(400, "too large") if asked.body in rejected else ANSWER(asked)
    result = ask(stub, concurrency=1)
    assert result.answer_counts["rejected"] == 3
    assert sum(result.answer_counts.values()) == 15
    assert [asked.body for asked in stub.questions[-3:]] == rejected


def test_rejected_requests_after_an_answer_do_not_end_a_run(
    ask: Ask, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reassess.proposals.machines.asking._MIN_FAILURES_IN_A_ROW", 2)
    stub = serve(lambda asked: ANSWER(asked) if asked.number < 2 else error(400, "too large"))
    assert ask(stub, concurrency=1).answer_counts["rejected"] == 14


def test_server_that_stops_answering_ends_the_run(ask: Ask, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reassess.proposals.machines.asking._MIN_FAILURES_IN_A_ROW", 2)
    monkeypatch.setattr("reassess.proposals.machines.chat._MAX_TRIES", 2)
    stub = serve(lambda asked: ANSWER(asked) if asked.number < 4 else error(500, "out of memory"))
    assert message(ask, stub, concurrency=2) == (
        f"the last 4 requests got no answer\n  where:   {stub.endpoint}\n  found:   status 500: out of memory\n"
        "  fix:     check the server, and run the same command again"
    )
    stub.respond = ANSWER
    assert ask(stub).answer_counts == ALL


def test_rejected_request_is_counted_without_another_try(ask: Ask, serve: Serve) -> None:
    stub = serve(lambda asked: error(400, "content policy") if asked.names[:1] == ["dog"] else ANSWER(asked))
    result = ask(stub)
    assert result.answer_counts == {"no": 0, "maybe": 5, "yes": 5, "rejected": 5}
    assert result.first_failure == "status 400: content policy"
    assert (len(stub.questions), len(result.votes)) == (15, 10)


def test_refusals_and_answers_off_the_list_are_counted_by_kind_and_are_not_votes(ask: Ask, serve: Serve) -> None:
    odd = iter(
        [
            reply(None, refusal="I can't help with that."),
            reply("", finish="content_filter"),
            reply("I would rather not say."),
            reply('{"answer": "perhaps"}'),
            reply(None),
            reply(" ", finish="length"),
            reply('{"answer": "ye', finish="length"),
            reply('{"answer": "yes"}', finish="length"),
        ]
    )
    result = ask(serve(lambda asked: ANSWER(asked) if asked.is_probe else next(odd, reply('{"answer": "no"}'))))
    counts = {"no": 7, "maybe": 0, "yes": 1, "cut off": 2, "empty": 1, "off the list": 2, "refused": 2}
    assert result.answer_counts == counts
    assert len(result.votes) == 8


def test_model_that_refuses_everything_has_no_votes(ask: Ask, serve: Serve) -> None:
    result = ask(serve(lambda _: reply(None, refusal="no")))
    assert (len(result.votes), result.is_format_enforced) == (0, False)
    assert result.answer_counts == {"no": 0, "maybe": 0, "yes": 0, "refused": 15}
    assert Path("votes.csv").read_text().splitlines()[1] == "0.png,cat,,"


def test_server_that_ignores_the_format_is_found_by_the_probe(ask: Ask, serve: Serve) -> None:
    def respond(asked: Asked) -> Response:
        return reply("banana" if asked.is_probe else f"{TRUTH[asked.names[0]].title()}.")

    ignoring, enforcing = ask(serve(respond), "a.csv"), ask(serve(ANSWER), "b.csv")
    assert (ignoring.is_format_enforced, ignoring.answer_counts) == (False, ALL)
    assert ignoring.rater != enforcing.rater


@pytest.mark.parametrize(
    "unclear",
    [
        reply(None, refusal="no"),
        reply(" "),
        reply('{"answer": "no"', finish="length"),
        reply("<think>a", finish="stop"),
    ],
)
def test_probe_without_an_answer_is_sent_again(ask: Ask, serve: Serve, unclear: Response) -> None:
    plain, enforcing = ask(serve(ANSWER), "a.csv"), serve(lambda asked: unclear if asked.number < 2 else ANSWER(asked))
    result = ask(enforcing, "b.csv")
    assert (result.rater, result.is_format_enforced) == (plain.rater, True)
    assert result.tokens == (plain.tokens[0] + 200, plain.tokens[1] + 10)
    assert [asked.number for asked in enforcing.asked if asked.is_probe] == [0, 1, 2]


def test_probe_without_an_answer_is_sent_three_times(ask: Ask, serve: Serve) -> None:
    stub = serve(lambda asked: reply("") if asked.is_probe else ANSWER(asked))
    assert not ask(stub).is_format_enforced
    assert len(stub.asked) - len(stub.questions) == 3


def test_thoughts_before_the_answer_to_the_probe_do_not_matter(ask: Ask, serve: Serve) -> None:
    thoughtful = reply('<think>A {"banana"}?</think>\n{"answer": "no"}')
    result = ask(serve(lambda asked: thoughtful if asked.is_probe else ANSWER(asked)))
    assert result.is_format_enforced


@pytest.mark.parametrize(
    "logprobs", [{}, {"logprobs": None}, {"logprobs": {"content": []}}, {"logprobs": {"content": [{"token": "a"}]}}]
)
def test_server_without_log_probabilities_is_found_by_the_probe(
    ask: Ask, serve: Serve, logprobs: dict[str, object]
) -> None:
    def respond(asked: Asked) -> Response:
        document = json.loads(ANSWER(asked).body)
        del document["choices"][0]["logprobs"]
        document["choices"][0].update(logprobs)
        return Response(body=json.dumps(document).encode())

    result = ask(serve(respond))
    assert (result.has_logprobs, result.answer_counts) == (False, ALL)
    assert '"logprobs": null' in Path("votes.answers.jsonl").read_text()


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("logprobs", "logprobs are not supported with this model"),
        ("response_format", "This response_format type is unavailable now"),
        ("temperature", "Unsupported value: 'temperature' does not support 0"),
        ("logprobs", "unknown field"),
    ],
)
def test_field_that_the_server_rejects_is_not_sent(ask: Ask, serve: Serve, field: str, text: str) -> None:
    def respond(asked: Asked) -> Response:
        if field in asked.body:
            return error(400, text)
        if "response_format" in asked.body:
            return ANSWER(asked)
        return reply("banana" if asked.is_probe else '{"answer": "yes"}')

    stub = serve(respond)
    result = ask(stub)
    assert result.refused_fields == (field,)
    assert result.is_format_enforced == (field != "response_format")
    assert len(stub.asked) == 17
    assert all(field not in asked.body for asked in stub.questions)


def test_answers_to_a_task_may_have_their_classes_in_another_order(ask: Ask, serve: Serve) -> None:
    def respond(asked: Asked) -> Response:
        document = json.loads(json.loads(ANSWER(asked).body)["choices"][0]["message"]["content"])
        return reply(json.dumps(dict(reversed(document.items()))))

    ask(serve(ANSWER), "a.csv", prompt=read_prompt(None, "task"))
    ask(serve(respond), "b.csv", prompt=read_prompt(None, "task"))
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()


def test_classes_without_an_answer_are_counted(ask: Ask, serve: Serve) -> None:
    stub = serve(lambda asked: ANSWER(asked) if asked.is_probe else reply('{"1": "no", "3": "banana"}'))
    result = ask(stub, prompt=read_prompt(None, "task"))
    assert result.answer_counts == {"no": 5, "maybe": 0, "yes": 0, "missing": 5, "off the list": 5}


def test_unreachable_server_is_named_at_once(ask: Ask, serve: Serve) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        text = message(ask, serve(ANSWER), endpoint=endpoint)
    assert text.startswith(f"server does not answer\n  where:   {endpoint}\n  found:   ")
    assert text.endswith("fix:     start the server, or check its address")
    assert not Path("votes.csv.unfinished").exists()


@pytest.mark.parametrize(
    ("status", "text", "problem"),
    [
        (404, "model 'x' not found", "address or model is not found"),
        (401, "Incorrect API key", "key is missing or wrong"),
        (400, "this model cannot read images", "server rejects a question about an image"),
    ],
)
def test_wrong_model_key_or_kind_of_model_is_named(
    ask: Ask, serve: Serve, status: int, text: str, problem: str
) -> None:
    found = message(ask, serve(lambda _: error(status, text)))
    assert problem in found
    assert f"status {status}: {text}" in found


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:8000", "ftp://host/v1", "http://", "http://host:x/v1", "http://host:99999/v1", "http://[/v1"],
)
def test_endpoint_must_be_an_address(ask: Ask, serve: Serve, endpoint: str) -> None:
    assert code_of(ask, serve(ANSWER), endpoint=endpoint) == "not-an-address"


@pytest.mark.parametrize("address", ["http://me:{}@host/v1", "http://host/v1?key={}", "http://host/v1#{}"])
def test_key_in_the_address_is_an_error_that_does_not_repeat_it(ask: Ask, serve: Serve, address: str) -> None:
    text = message(ask, serve(ANSWER), endpoint=address.format(KEY))
    assert "OPENAI_API_KEY" in text
    assert KEY not in text


@pytest.mark.parametrize("key", ["sk-tést-0123456789", "sk-test 0123456789", "sk-test-0123456789\n"])
def test_key_that_cannot_be_sent_is_an_error_that_does_not_repeat_it(
    ask: Ask, serve: Serve, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    text = message(ask, serve(ANSWER))
    assert text.startswith("key contains characters that cannot be sent\n  where:   OPENAI_API_KEY")
    assert "0123456789" not in text


@pytest.mark.usefixtures("tasks")
def test_key_is_sent_and_appears_in_no_file_and_no_output(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server sends the key back in answers and errors, in a run that works and in runs that fail."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("reassess.proposals.machines.chat._MAX_TRIES", 2)

    def respond(asked: Asked) -> Response:
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        if asked.number == 2:
            return error(500, f"cannot use {KEY}", X_Echo=KEY)
        if asked.number == 3:
            return error(400, f"rejected: {KEY}")
        return ANSWER(asked) if asked.is_probe else reply(f"Yes, {KEY}", refusal=KEY if asked.number == 4 else None)

    stub = serve(respond)
    arguments = ["rate", "tasks.jsonl", "--benchmark", "b", "--model", MODEL, "--endpoint", stub.endpoint, "-o"]
    outputs = []
    for number, option in enumerate(("--quiet", "--json", "--verbose")):
        stub.asked.clear()
        assert main([*arguments, f"{number}.csv", option]) == 0
        outputs.append("".join(capfd.readouterr()))
    assert "status 400: rejected: [key]" in outputs[2]
    for status in (400, 401, 500):
        for n_answered in (0, 3):
            stub.asked.clear()
            stub.respond = lambda asked, status=status, n_answered=n_answered: (
                ANSWER(asked) if asked.number < n_answered else error(status, KEY, Retry_After="0")
            )
            main([*arguments, f"{status}-{n_answered}.csv", "--concurrency", "1"])
            outputs.append("".join(capfd.readouterr()))
            assert "[key]" in outputs[-1]
    assert all(KEY not in text for text in outputs)
    files = [path for path in Path().rglob("*") if path.is_file()]
    assert {"0.answers.jsonl", "run.json", "answers.jsonl"} <= {path.name for path in files}
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert "[key]" in Path("0.answers.jsonl").read_text()


@pytest.mark.parametrize("n_after", [0, 996])
def test_key_in_the_tokens_of_log_probabilities_is_dropped(
    ask: Ask, serve: Serve, monkeypatch: pytest.MonkeyPatch, n_after: int
) -> None:
    """The key is split into tokens; with many tokens after it, only its last part would be kept."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    parts = ["Yes", ", ", *KEY[:-4], KEY[-4:], *["."] * n_after]
    document = json.loads(reply([{"type": "text", "text": part} for part in parts]).body)
    tokens = [{"token": part, "logprob": -0.5, "top_logprobs": []} for part in parts]
    document["choices"][0]["logprobs"] = {"content": tokens}
    body = json.dumps(document).encode()
    result = ask(serve(lambda asked: ANSWER(asked) if asked.is_probe else Response(body=body)))
    assert result.answer_counts["yes"] == 15
    entries = [json.loads(line) for line in Path("votes.answers.jsonl").read_text().splitlines()]
    assert {entry["text"] for entry in entries} == {f"Yes, [key]{'.' * n_after}"}
    assert {entry["logprobs"] for entry in entries} == {None}


def test_server_may_write_anything(ask: Ask, serve: Serve) -> None:
    """A lone surrogate, control characters and infinite log-probabilities are kept in a file that is valid JSON."""
    odd = json.loads(reply("\ud800\x1b[31m\0 Yes").body)
    odd["choices"][0]["logprobs"] = {"content": [{"token": "\ud800", "logprob": float("-inf")}]}
    odd["usage"] = None
    body = json.dumps(odd).encode()
    result = ask(serve(lambda asked: ANSWER(asked) if asked.is_probe else Response(body=body)))
    assert result.answer_counts == {"no": 0, "maybe": 0, "yes": 0, "off the list": 15}
    entries = [json.loads(line) for line in Path("votes.answers.jsonl").read_text().splitlines()]
    assert entries[0]["text"] == "\ud800\x1b[31m\0 Yes"
    assert entries[0]["logprobs"] == [["\ud800", None, {}]]


def test_prompt_may_have_each_field_several_times_and_no_key_is_needed(ask: Ask, serve: Serve) -> None:
    stub = serve(lambda _: reply('{"answer": "no"}'))
    ask(stub, prompt=Prompt("{class}\n{answers} {class} {answers}"))
    assert {asked.text.count("{") for asked in stub.questions} == {0}
    assert os.environ.get("OPENAI_API_KEY") is None
    assert {asked.headers["authorization"] for asked in stub.asked} == {"Bearer none"}
