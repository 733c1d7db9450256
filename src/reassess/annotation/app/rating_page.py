"""The requests of the rating page: the next task, answers, skipped images and suggested classes."""

import json
import logging
from hashlib import sha256
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reassess.annotation.app.request_bodies import Answers, LoadedTasks, SkippedTask, SuggestedClass
from reassess.annotation.app.sign_in import Caller, make_get_route, make_post_route
from reassess.annotation.store.given_answers import (
    GivenAnswer,
    save_answers,
    save_answers_and_begin_next_turn,
    skip_task,
)
from reassess.annotation.store.own_progress import measure_own_progress
from reassess.annotation.store.shown_items import find_example_image, find_image, read_class_infos, save_image_hash
from reassess.annotation.store.suggestions import suggest_class
from reassess.annotation.store.turns import NoTaskReason, Turn, begin_next_turn, find_previous_turn
from reassess.errors import DataError

_RATING_ROLES = ("rater", "expert")
_THUMBNAIL_SIDE = 160  # pixels
_logger = logging.getLogger("reassess.annotation")


def _send_next_task(caller: Caller, body: LoadedTasks) -> Response:
    turn = begin_next_turn(caller.campaign, caller.person.id, caller.now, loaded_task_ids=body.task_ids)
    return JSONResponse(_next_turn_to_json(turn))


def _next_turn_to_json(turn: Turn | NoTaskReason) -> dict[str, Any]:
    return {"task": _shown_task_to_json(turn)} if isinstance(turn, Turn) else {"task": None, "reason": turn}


def _send_previous_task(caller: Caller, body: LoadedTasks) -> Response:
    turn = find_previous_turn(caller.campaign, caller.person.id, loaded_task_ids=body.task_ids)
    return JSONResponse({"task": None if turn is None else _shown_task_to_json(turn)})


def _save_answers(caller: Caller, body: Answers) -> Response:
    answers = [GivenAnswer(sent.question_id, sent.answer, sent.seconds, sent.revision) for sent in body.answers]
    arguments = caller.campaign, caller.person.id, answers, caller.now
    response: dict[str, Any] = {"saved": [[answer.question_id, answer.revision] for answer in answers]}
    if body.loaded_task_ids is None:
        truths = save_answers(*arguments, reveal_truths=body.reveal_truths)
    else:
        truths, turn = save_answers_and_begin_next_turn(
            *arguments, reveal_truths=body.reveal_truths, loaded_task_ids=body.loaded_task_ids
        )
        response["next"] = _next_turn_to_json(turn)
    response["truths"] = {str(question_id): truth for question_id, truth in truths.items()}
    return JSONResponse(response)


def _skip_task(caller: Caller, body: SkippedTask) -> Response:
    skip_task(caller.campaign, caller.person.id, body.task_id, caller.now)
    return Response(status_code=204)


def _save_suggestion(caller: Caller, body: SuggestedClass) -> Response:
    suggest_class(caller.campaign, caller.person.id, body.task_id, body.class_id, caller.now)
    return Response(status_code=204)


def _send_progress(caller: Caller) -> Response:
    return JSONResponse(measure_own_progress(caller.campaign, caller.person.id).to_json())


def _send_classes(caller: Caller) -> Response:
    state = caller.request.app.state
    if state.classes is None:  # classes never change, and 21,000 classes take a second
        classes = [
            {
                "id": info.id,
                "name": info.name,
                "definition": info.definition,
                "synonyms": info.synonyms,
                "examples": [f"examples/{address}" for address in info.examples],
                "path": info.ancestor_numbers,
            }
            for info in read_class_infos(caller.campaign)
        ]
        state.classes = json.dumps(classes, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    body: bytes = state.classes
    headers = {"ETag": f'"{sha256(body).hexdigest()[:32]}"', "Cache-Control": "private, no-cache"}
    if caller.request.headers.get("If-None-Match", "").removeprefix("W/") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _send_image(caller: Caller) -> Response:
    return _load_and_send_image(caller)


def _send_thumbnail(caller: Caller) -> Response:
    return _load_and_send_image(caller, max_side=_THUMBNAIL_SIDE)


def _load_and_send_image(caller: Caller, **options: int) -> Response:
    """Send the image that the URL names; `options` are passed to `load_without_metadata`."""
    images = caller.request.app.state.images
    image = find_image(caller.campaign, _read_image_part_of_url(caller))
    if image is None or images is None:
        raise HTTPException(404, "image not found")
    try:
        content, media_type, digest = images.load_without_metadata(image.name, image.sha256, **options)
    except DataError as error:  # it names the file, so it is not sent to the rater
        _logger.error("an image cannot be shown\n%s", error)
        raise HTTPException(404, "image cannot be shown") from error
    if image.sha256 is None:
        save_image_hash(caller.campaign, image.name, digest)
    return _make_image_response(content, media_type)


def _send_example_image(caller: Caller) -> Response:
    example = find_example_image(caller.campaign, _read_image_part_of_url(caller))
    if example is None:
        raise HTTPException(404, "image not found")
    return _make_image_response(example.content, example.media_type)


def _read_image_part_of_url(caller: Caller) -> str:
    """Return the part of the URL that names an image; respond with 404 if it is not alphanumeric."""
    address: str = caller.request.path_params["address"]
    if not (address.isascii() and address.isalnum()):
        raise HTTPException(404, "image not found")
    return address


def _make_image_response(content: bytes, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers={"Cache-Control": "private, max-age=3600"})


def _shown_task_to_json(turn: Turn) -> dict[str, Any]:
    """Return a task that is shown to a person as a dict for the JSON that the rating page reads."""
    rows = [
        {"question": row.question_id, "class": row.class_id, "answer": row.answer, "revision": row.revision}
        for row in turn.questions
    ]
    image = f"images/{turn.image_address}"
    return {
        "task": turn.task_id,
        "image": image,
        "practice": turn.is_practice,
        "number": turn.turn_number,
        "rows": rows,
    }


ROUTES = [
    make_post_route("/next", LoadedTasks, _send_next_task, _RATING_ROLES),
    make_post_route("/back", LoadedTasks, _send_previous_task, _RATING_ROLES),
    make_post_route("/answers", Answers, _save_answers, _RATING_ROLES),
    make_post_route("/skip", SkippedTask, _skip_task, _RATING_ROLES),
    make_post_route("/suggest", SuggestedClass, _save_suggestion, _RATING_ROLES),
    make_get_route("/progress", _send_progress, _RATING_ROLES, limits_concurrency=True),
    make_get_route("/classes", _send_classes, _RATING_ROLES),
    make_get_route("/images/{address}", _send_image, (*_RATING_ROLES, "owner"), limits_concurrency=True),
    make_get_route("/thumbnails/{address}", _send_thumbnail, ("owner",), limits_concurrency=True),
    make_get_route("/examples/{address}", _send_example_image, _RATING_ROLES),
]
