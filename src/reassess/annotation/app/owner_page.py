"""The owner page: the progress of a campaign and its people, and the actions of the owner."""

import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reassess.annotation.app.request_bodies import EmptyBody, ExportOptions, Invitation, PersonId
from reassess.annotation.app.security import compute_csrf_token
from reassess.annotation.app.sign_in import Caller, make_get_route, make_post_route, render_template
from reassess.annotation.export_folder import export_campaign
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import UnavailableError, WaitedTooLongError, describe_error
from reassess.annotation.store.excluding import exclude_rater, finish_recounting, include_rater
from reassess.annotation.store.owner_lists import (
    LogEntry,
    list_disputed_golden,
    list_golden_without_majority,
    list_log_entries,
    list_uncertain_questions,
)
from reassess.annotation.store.pausing import pause, resume
from reassess.annotation.store.people import add_person, admit_rater, create_sign_in_token, delete_person, revoke_link
from reassess.annotation.store.shown_items import read_class_infos
from reassess.core import KNOWN_ANSWERS, VALIDITY
from reassess.numeric import Proportion
from reassess.text import join_first

if TYPE_CHECKING:
    from reassess.annotation.store.progress_result import Progress


_logger = logging.getLogger("reassess.annotation")

_OWNER_ROLES = ("owner",)
_ROLES = ("rater", "expert", "owner")
_ROWS_PER_PAGE = 25  # per page of a list
_RETRY_SECONDS = (1.0, 5.0, 25.0)  # seconds between tries to recount votes while the database is busy
_PERSON_ACTIONS: dict[str, Callable[..., object]] = {
    "exclude": partial(exclude_rater, recount_now=False),
    "include": partial(include_rater, recount_now=False),
    "admit": admit_rater,
    "revoke": revoke_link,
    "delete": delete_person,
}
_ACTION_TEXTS = {  # text of each kind of log entry
    "create": "created the campaign",
    "pause": "paused the campaign",
    "resume": "resumed the campaign",
    "add": "added {person} as {role}",
    "simulate": "added {person} as {role} (simulated)",
    "link": "made a link for {person}",
    "revoke": "revoked the link of {person}",
    "admit": "admitted {person}",
    "delete": "deleted the name of {person}",
    "exclude": "excluded {person}",
    "include": "included {person} again",
    "sign in": "signed in",
    "consent": "agreed to take part",
    "suggest": "suggested {classes} for {image}",
    "skip": "skipped {image}",
    "export": "exported the votes{names}",
    "change": "changed the answer for {classes} in {image} from {was} to {answer}",
}


@dataclass(frozen=True)
class _PageOfList:
    """Some rows of a long list, with the URLs of the previous and the next page."""

    rows: Sequence[Any]
    first_row: int
    previous_url: str | None
    next_url: str | None


def _show_owner_page(caller: Caller) -> Response:
    # This imports numba, which would delay the start of the server.
    from reassess.annotation.store.progress import measure_progress

    campaign = caller.campaign
    progress = measure_progress(campaign, caller.now)
    classes = {info.id: info.name for info in read_class_infos(campaign)}
    names = {person.id: person.name for person in progress.people}
    log = _read_page_of_list(caller, "log", list_log_entries)
    context = {
        "title": campaign.name or "A campaign",
        "csrf": compute_csrf_token(caller.session_secret),
        "own_id": caller.person.id,
        "progress": progress,
        "states": _summarize_questions_by_state(progress),
        "matrices": {
            person.id: _compute_answer_shares(person.confusion.tolist())
            for person in progress.people
            if person.confusion.any()
        },
        "practised": any(person.practice_result for person in progress.people),
        "skipped": join_first([name for name, _ in progress.skipped_images], max_items=3),
        "min_experts": campaign.min_experts,
        "split": _read_page_of_list(caller, "split", list_golden_without_majority),
        "disputed": _read_page_of_list(caller, "disputed", list_disputed_golden),
        "uncertain": _read_page_of_list(caller, "questions", list_uncertain_questions),
        "classes": classes,
        "log": log,
        "entries": [_format_log_entry(entry, names, classes) for entry in log.rows],
        "time": _format_time,
        "truths": VALIDITY,
        "answers": KNOWN_ANSWERS,
        "roles": _ROLES,
    }
    return render_template(caller.request, "owner.html", context)


def _pause_or_resume(set_state: Callable[..., object], caller: Caller, _: EmptyBody) -> Response:
    set_state(caller.campaign, caller.now, caller.person.id)
    return Response(status_code=204)


def _create_sign_in_link(caller: Caller, body: Invitation) -> Response:
    """Create a sign-in link for a new person, or a new link for an existing person."""
    person_id = body.person_id
    if person_id is None:
        assert body.name is not None
        assert body.role is not None
        person_id = add_person(caller.campaign, body.name.strip(), body.role, now=caller.now, actor_id=caller.person.id)
    token = create_sign_in_token(caller.campaign, person_id, caller.now, caller.person.id)
    return JSONResponse({"link": f"sign-in#{token}"})


def _apply_action_to_person(caller: Caller, body: PersonId) -> Response:
    """Exclude, include, admit or delete a person, or revoke their link; the URL ends with the action."""
    apply = _PERSON_ACTIONS.get(caller.request.path_params["action"])
    if apply is None:
        raise HTTPException(404, "page not found")
    apply(caller.campaign, body.person_id, caller.now, caller.person.id)
    return Response(status_code=204, background=BackgroundTask(_finish_recounting_with_retries, caller.campaign))


def _finish_recounting_with_retries(campaign: Campaign) -> None:
    """Recount votes, with retries while the database is busy.

    If all four tries fail, the next such request or server start recounts the remaining votes.
    """
    for seconds in (*_RETRY_SECONDS, 0.0):
        try:
            finish_recounting(campaign)
            return
        except (UnavailableError, WaitedTooLongError) as error:  # the response is sent, so no handler can answer
            _logger.error("some votes of a rater are not recounted yet: %s", describe_error(error))
            time.sleep(seconds)


def _send_export(caller: Caller, body: ExportOptions) -> Response:
    """Export the votes as a benchmark folder, and send it as a zip file."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "export"
        export_campaign(
            caller.campaign, folder, with_rater_names=body.with_rater_names, now=caller.now, actor_id=caller.person.id
        )
        archive = Path(shutil.make_archive(str(folder), "zip", temporary, folder.name)).read_bytes()
    headers = {"Content-Disposition": 'attachment; filename="export.zip"'}
    return Response(archive, media_type="application/zip", headers=headers)


def _read_page_of_list(
    caller: Caller, offset_parameter: str, read_rows: Callable[[Campaign, int, int], Sequence[Any]]
) -> _PageOfList:
    """Read a page of a list; `offset_parameter` is the URL parameter with the number of skipped rows.

    For example, ``owner?log=25`` has the log without its first 25 entries.
    """
    request = caller.request
    start = request.query_params.get(offset_parameter, "0")
    if not re.fullmatch("[0-9]{1,9}", start):
        raise HTTPException(400, f"{offset_parameter} must be the number of rows to skip, from 0 to 999999999")

    def make_page_url(n_skipped_rows: int) -> str:
        return f"owner?{request.url.include_query_params(**{offset_parameter: n_skipped_rows}).query}"

    offset = int(start)
    rows = read_rows(caller.campaign, _ROWS_PER_PAGE + 1, offset)
    previous_url = make_page_url(max(0, offset - _ROWS_PER_PAGE)) if offset else None
    next_url = make_page_url(offset + _ROWS_PER_PAGE) if len(rows) > _ROWS_PER_PAGE else None
    return _PageOfList(rows[:_ROWS_PER_PAGE], offset + 1, previous_url, next_url)


def _format_log_entry(
    entry: LogEntry, names_by_id: Mapping[int, str], class_names: Mapping[int, str]
) -> tuple[str, str, str]:
    """Format a log entry as three texts: the time, the person who acted, and the action."""

    def find_name(person_id: int) -> str:
        return names_by_id.get(person_id, f"person {person_id}")

    answer = KNOWN_ANSWERS.__getitem__
    formats: dict[str, Callable[[int], str]] = {
        "person": find_name,
        "was": answer,
        "answer": answer,
        "names": lambda has_names: " with rater names" if has_names else "",
    }
    detail = {key: formats.get(key, str)(value) for key, value in entry.detail.items()}
    question = {"image": entry.image_name, "classes": ", ".join(class_names[class_id] for class_id in entry.class_ids)}
    actor = "command line" if entry.person_id is None else find_name(entry.person_id)
    return _format_time(entry.time), actor, _ACTION_TEXTS.get(entry.action, entry.action).format(**detail, **question)


class _QuestionStateSummary(NamedTuple):
    """The number of questions in one state, such as "open"."""

    state_name: str
    n_questions: int
    percent: float


def _summarize_questions_by_state(progress: "Progress") -> list[_QuestionStateSummary]:
    """Count the questions that are open, closed by the stop rule, and closed with all their votes."""
    total = max(progress.n_questions, 1)
    states = [
        ("with all their votes", progress.n_questions_closed_by_votes),
        ("closed by the stop rule", progress.n_questions_closed_by_rule),
        ("open", progress.n_open_questions),
    ]
    return [_QuestionStateSummary(name, count, 100 * count / total) for name, count in states]


def _compute_answer_shares(answer_counts: list[list[int]]) -> list[list[Proportion]]:
    """Compute the share of each answer to golden questions; a row per truth, a column per answer."""
    return [[Proportion(count, sum(row)) for count in row] for row in answer_counts]


def _format_time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


ROUTES = [
    make_get_route("/owner", _show_owner_page, _OWNER_ROLES),
    make_post_route("/owner/pause", EmptyBody, partial(_pause_or_resume, pause), _OWNER_ROLES),
    make_post_route("/owner/resume", EmptyBody, partial(_pause_or_resume, resume), _OWNER_ROLES),
    make_post_route("/owner/invite", Invitation, _create_sign_in_link, _OWNER_ROLES),
    make_post_route("/owner/export", ExportOptions, _send_export, _OWNER_ROLES),
    make_post_route("/owner/people/{action}", PersonId, _apply_action_to_person, _OWNER_ROLES),
]
