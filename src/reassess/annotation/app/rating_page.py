"""The requests of the rating page: the next task, answers, skipped images and suggested classes."""

import json
import logging
from hashlib import sha256
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reassess.annotation.app.request_bodies import Answers, HeldTasks, SkippedTask, SuggestedClass
from reassess.annotation.app.sign_in import Caller, get_route, post_route
from reassess.annotation.store.given_answers import GivenAnswer, save_answers, skip_task
from reassess.annotation.store.own_progress import own_progress
from reassess.annotation.store.shown_items import class_infos, find_example, save_hash, stored_image
from reassess.annotation.store.suggestions import suggest
from reassess.annotation.store.turns import Turn, last_turn, next_turn
from reassess.errors import DataError

_RATERS = ("rater", "expert")
_THUMBNAIL = 160  # pixels
_logger = logging.getLogger("reassess.annotation")


def _next(caller: Caller, body: HeldTasks) -> Response:
    turn = next_turn(caller.campaign, caller.person.id, caller.now, held=body.held)
    return JSONResponse({"task": _to_json(turn)} if isinstance(turn, Turn) else {"task": None, "reason": turn})


def _back(caller: Caller, body: HeldTasks) -> Response:
    turn = last_turn(caller.campaign, caller.person.id, held=body.held)
    return JSONResponse({"task": None if turn is None else _to_json(turn)})


def _answers(caller: Caller, body: Answers) -> Response:
    answers = [GivenAnswer(sent.question, sent.answer, sent.seconds, sent.revision) for sent in body.answers]
    truths = save_answers(caller.campaign, caller.person.id, answers, caller.now, reveal=body.reveal)
    saved = [[answer.question, answer.revision] for answer in answers]
    return JSONResponse({"saved": saved, "truths": {str(question): truth for question, truth in truths.items()}})


def _skip(caller: Caller, body: SkippedTask) -> Response:
    skip_task(caller.campaign, caller.person.id, body.task, caller.now)
    return Response(status_code=204)


def _suggest(caller: Caller, body: SuggestedClass) -> Response:
    suggest(caller.campaign, caller.person.id, body.task, body.class_id, caller.now)
    return Response(status_code=204)


def _progress(caller: Caller) -> Response:
    return JSONResponse(vars(own_progress(caller.campaign, caller.person.id)))


def _classes(caller: Caller) -> Response:
    state = caller.request.app.state
    if state.classes is None:  # classes never change, and 21,000 classes take a second
        classes = [
            {**vars(info), "examples": [f"examples/{address}" for address in info.examples]}
            for info in class_infos(caller.campaign)
        ]
        state.classes = json.dumps(classes, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    body: bytes = state.classes
    headers = {"ETag": f'"{sha256(body).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
    if caller.request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _image(caller: Caller) -> Response:
    return _stored_image(caller)


def _thumbnail(caller: Caller) -> Response:
    return _stored_image(caller, side=_THUMBNAIL)


def _stored_image(caller: Caller, **size: int) -> Response:
    images = caller.request.app.state.images
    image = stored_image(caller.campaign, _address(caller))
    if image is None or images is None:
        raise HTTPException(404, "image not found")
    try:
        content, media_type, digest = images.load(image.name, image.sha256, **size)
    except DataError as error:  # it names the file, so it is not sent to the rater
        _logger.error("an image cannot be shown\n%s", error)
        raise HTTPException(404, "image cannot be shown") from error
    if image.sha256 is None:
        save_hash(caller.campaign, image.name, digest)
    return _image_response(content, media_type)


def _example(caller: Caller) -> Response:
    example = find_example(caller.campaign, _address(caller))
    if example is None:
        raise HTTPException(404, "image not found")
    return _image_response(example.content, example.media_type)


def _address(caller: Caller) -> str:
    """Return the address of an image; 404 for other characters, since databases reject some of them."""
    address: str = caller.request.path_params["address"]
    if not (address.isascii() and address.isalnum()):
        raise HTTPException(404, "image not found")
    return address


def _image_response(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})


def _to_json(turn: Turn) -> dict[str, Any]:
    rows = [
        {"question": row.question, "class": row.class_id, "answer": row.answer, "revision": row.revision}
        for row in turn.rows
    ]
    image = f"images/{turn.image}"
    return {"task": turn.task, "image": image, "practice": turn.practice, "number": turn.number, "rows": rows}


ROUTES = [
    post_route("/next", HeldTasks, _next, _RATERS),
    post_route("/back", HeldTasks, _back, _RATERS),
    post_route("/answers", Answers, _answers, _RATERS),
    post_route("/skip", SkippedTask, _skip, _RATERS),
    post_route("/suggest", SuggestedClass, _suggest, _RATERS),
    get_route("/progress", _progress, _RATERS, is_limited=True),
    get_route("/classes", _classes, _RATERS),
    get_route("/images/{address}", _image, (*_RATERS, "owner"), is_limited=True),
    get_route("/thumbnails/{address}", _thumbnail, ("owner",), is_limited=True),
    get_route("/examples/{address}", _example, _RATERS),
]
