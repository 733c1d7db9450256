"""What the page of a rater or an expert asks: the next task, what they answer, and all that they can say besides."""

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reassess.annotation.app.security import whole_number
from reassess.annotation.app.signing_in import Caller, asked, posted
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.given_answers import GivenAnswer, cannot_judge, keep_answers
from reassess.annotation.store.shown_items import find_example, find_image, keep_hash, shown_classes
from reassess.annotation.store.suggestions import suggest
from reassess.annotation.store.turns import Nothing, Turn, last_turn, next_turn
from reassess.errors import DataError

__all__ = ["ROUTES"]

_RATERS = ("rater", "expert")
_MOST_ANSWERS = 500  # of a request
_MOST_HELD = 10
_LARGEST = (1 << 53) - 1  # that JavaScript's numbers hold, as numbers of tasks and questions are
_logger = logging.getLogger("reassess.annotation")


def _next(caller: Caller, said: Mapping[str, Any]) -> Response:
    turn = next_turn(caller.campaign, caller.person.id, caller.now, held=_held(said))
    return JSONResponse({"nothing": turn.why} if isinstance(turn, Nothing) else {"task": _shown(turn)})


def _undo(caller: Caller, said: Mapping[str, Any]) -> Response:
    turn = last_turn(caller.campaign, caller.person.id, held=_held(said))
    return JSONResponse({"nothing": "none"} if turn is None else {"task": _shown(turn)})


def _answers(caller: Caller, said: Mapping[str, Any]) -> Response:
    given = [_given(one) for one in _list(said, "answers", _MOST_ANSWERS)]
    reveal = said.get("reveal") is not False
    truths = keep_answers(caller.campaign, caller.person.id, given, caller.now, reveal=reveal)
    kept = [[one.question, one.revision] for one in given]
    return JSONResponse({"kept": kept, "truths": {str(question): truth for question, truth in truths.items()}})


def _unfit(caller: Caller, said: Mapping[str, Any]) -> Response:
    cannot_judge(caller.campaign, caller.person.id, whole_number(said.get("task"), _LARGEST), caller.now)
    return Response(status_code=204)


def _suggest(caller: Caller, said: Mapping[str, Any]) -> Response:
    task, class_id = whole_number(said.get("task"), _LARGEST), whole_number(said.get("class"))
    suggest(caller.campaign, caller.person.id, task, class_id, caller.now)
    return Response(status_code=204)


def _classes(caller: Caller) -> Response:
    body = _list_of_classes(caller.campaign)
    headers = {"ETag": f'"{sha256(body).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
    if caller.request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _image(caller: Caller) -> Response:
    images = caller.request.app.state.images
    found = find_image(caller.campaign, _address(caller))
    if found is None or images is None:
        raise HTTPException(404, "there is no such picture")
    try:
        content, media_type, digest = images.picture(found.name, found.sha256)
    except DataError as error:  # of which a rater learns nothing, since it names the file
        _logger.error("a picture cannot be shown\n%s", error)
        raise HTTPException(404, "the picture cannot be shown") from error
    if found.sha256 is None:
        keep_hash(caller.campaign, found.name, digest)
    return _picture(content, media_type)


def _example(caller: Caller) -> Response:
    found = find_example(caller.campaign, _address(caller))
    if found is None:
        raise HTTPException(404, "there is no such picture")
    return _picture(found.picture, found.media_type)


def _address(caller: Caller) -> str:
    """The address of a picture, of letters and digits alone: a database refuses some others."""
    address: str = caller.request.path_params["address"]
    if not (address.isascii() and address.isalnum()):
        raise HTTPException(404, "there is no such picture")
    return address


def _picture(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})


def _shown(turn: Turn) -> dict[str, Any]:
    rows = [
        {"question": row.question, "class": row.class_id, "answer": row.answer, "revision": row.revision}
        for row in turn.rows
    ]
    image = f"images/{turn.image}"
    return {"task": turn.task, "image": image, "practice": turn.practice, "number": turn.number, "rows": rows}


def _list_of_classes(campaign: Campaign) -> bytes:
    each = [
        {
            "id": one.id,
            "name": one.name,
            "definition": one.definition,
            "synonyms": one.synonyms,
            "examples": [f"examples/{address}" for address in one.examples],
        }
        for one in shown_classes(campaign)
    ]
    return json.dumps(each, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def _held(said: Mapping[str, Any]) -> list[int]:
    """The tasks that a page has already."""
    return [whole_number(task, _LARGEST) for task in _list(said, "held", _MOST_HELD)]


def _given(said: Any) -> GivenAnswer:
    if not isinstance(said, dict):
        raise HTTPException(400, "an answer is an object")
    seconds = said.get("seconds")
    if seconds is not None and (type(seconds) not in (int, float) or not 0 <= seconds < 1e9):
        raise HTTPException(400, "seconds are a number that is not negative")
    question = whole_number(said.get("question"), _LARGEST)
    answer, revision = whole_number(said.get("answer")), whole_number(said.get("revision"))
    return GivenAnswer(question=question, answer=answer, seconds=seconds, revision=revision)


def _list(said: Mapping[str, Any], name: str, most: int) -> list[Any]:
    found = said.get(name)
    if not isinstance(found, list) or len(found) > most:
        raise HTTPException(400, f"{name} is a list of at most {most}")
    return found


ROUTES = [
    *(
        Route(path, posted(answer, _RATERS), methods=["POST"])
        for path, answer in {
            "/next": _next,
            "/answers": _answers,
            "/unfit": _unfit,
            "/suggest": _suggest,
            "/undo": _undo,
        }.items()
    ),
    Route("/classes", asked(_classes, _RATERS)),
    Route("/images/{address}", asked(_image, (*_RATERS, "keeper"), few=True)),
    Route("/examples/{address}", asked(_example, _RATERS)),
]
