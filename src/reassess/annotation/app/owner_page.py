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
from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reassess.annotation.app.request_bodies import Empty, Export, Invitation, PersonNumber
from reassess.annotation.app.security import csrf_of
from reassess.annotation.app.sign_in import Caller, get_route, post_route, render
from reassess.annotation.export_folder import export_campaign
from reassess.annotation.store.campaigns import Campaign, pause, resume
from reassess.annotation.store.database import UnavailableError, WaitedTooLongError
from reassess.annotation.store.given_answers import exclude_rater, finish_counting, include_rater
from reassess.annotation.store.owner_lists import (
    LogEntry,
    disputed_golden,
    last_entries,
    split_golden,
    uncertain_questions,
)
from reassess.annotation.store.people import add_person, admit, delete_person, make_link, revoke_link
from reassess.annotation.store.shown_items import class_infos
from reassess.core import KNOWN_ANSWERS, VALIDITY
from reassess.numeric import Proportion
from reassess.text import join_first

if TYPE_CHECKING:
    from reassess.annotation.store.progress import Progress


_logger = logging.getLogger("reassess.annotation")

_OWNERS = ("owner",)
_ROLES = ("rater", "expert", "owner")
_ROWS = 25  # per page of a list
_PAUSES = (1.0, 5.0, 25.0)  # seconds between tries to recount votes while the database is busy
_PERSON_ACTIONS: dict[str, Callable[..., object]] = {
    "exclude": partial(exclude_rater, finish=False),
    "include": partial(include_rater, finish=False),
    "admit": admit,
    "revoke": revoke_link,
    "delete": delete_person,
}
_ACTIONS = {  # text of each kind of log entry
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
class _ListPage:
    """A page of a list, and the addresses of the pages before and after it."""

    rows: Sequence[Any]
    first: int
    before: str | None
    after: str | None


def _page(caller: Caller) -> Response:
    # This imports numba, which would delay the start of the server.
    from reassess.annotation.store.progress import progress_of

    campaign = caller.campaign
    progress = progress_of(campaign, caller.now)
    classes = {info.id: info.name for info in class_infos(campaign)}
    names = {person.id: person.name for person in progress.raters}
    log = _list_page(caller, "log", last_entries)
    context = {
        "title": campaign.name or "A campaign",
        "csrf": csrf_of(caller.secret),
        "own_id": caller.person.id,
        "progress": progress,
        "states": _question_states(progress),
        "matrices": {
            person.id: _shares(person.confusion.tolist()) for person in progress.raters if person.confusion.any()
        },
        "practised": any(person.practice for person in progress.raters),
        "skipped": join_first([name for name, _ in progress.skipped], max_items=3),
        "at_least": campaign.at_least,
        "split": _list_page(caller, "split", _split_golden),
        "disputed": _list_page(caller, "disputed", disputed_golden),
        "uncertain": _list_page(caller, "questions", uncertain_questions),
        "classes": classes,
        "log": log,
        "entries": [_format_log_entry(entry, names, classes) for entry in log.rows],
        "time": _format_time,
        "truths": VALIDITY,
        "answers": KNOWN_ANSWERS,
        "roles": _ROLES,
    }
    return render(caller.request, "owner.html", context)


def _split_golden(campaign: Campaign, limit: int, skip: int) -> Sequence[Any]:
    return split_golden(campaign)[skip : skip + limit]


def _pause_or_resume(change: Callable[..., object], caller: Caller, _: Empty) -> Response:
    change(caller.campaign, caller.now, caller.person.id)
    return Response(status_code=204)


def _invite(caller: Caller, body: Invitation) -> Response:
    """Create a link for a new person, or a new link for an existing person."""
    person = body.person
    if person is None:
        assert body.name is not None
        assert body.role is not None
        person = add_person(caller.campaign, body.name.strip(), body.role, now=caller.now, by=caller.person.id)
    token = make_link(caller.campaign, person, caller.now, caller.person.id)
    return JSONResponse({"link": f"sign-in#{token}"})


def _change_person(caller: Caller, body: PersonNumber) -> Response:
    change = _PERSON_ACTIONS.get(caller.request.path_params["action"])
    if change is None:
        raise HTTPException(404, "page not found")
    change(caller.campaign, body.person, caller.now, caller.person.id)
    return Response(status_code=204, background=BackgroundTask(_finish_counting, caller.campaign))


def _finish_counting(campaign: Campaign) -> None:
    """Recount votes, and try again while the database is busy; a later request or start counts the rest."""
    for seconds in (*_PAUSES, 0.0):
        try:
            finish_counting(campaign)
            return
        except (UnavailableError, WaitedTooLongError) as error:  # the response is sent, so no handler can answer
            _logger.error("some votes of a rater are not recounted yet: %s", getattr(error, "orig", error))
            time.sleep(seconds)


def _export(caller: Caller, body: Export) -> Response:
    """Export the votes as a zip file of the folder."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "export"
        export_campaign(caller.campaign, folder, names=body.names, now=caller.now, by=caller.person.id)
        archive = Path(shutil.make_archive(str(folder), "zip", temporary, folder.name)).read_bytes()
    headers = {"Content-Disposition": 'attachment; filename="export.zip"'}
    return Response(archive, media_type="application/zip", headers=headers)


def _list_page(caller: Caller, name: str, read: Callable[[Campaign, int, int], Sequence[Any]]) -> _ListPage:
    """Read the page of a list whose first row is in the address, as in ``owner?log=25``."""
    request = caller.request
    start = request.query_params.get(name, "0")
    if not re.fullmatch("[0-9]{1,9}", start):
        raise HTTPException(400, f"{name} must be the number of rows to skip, from 0 to 999999999")

    def address(row: int) -> str:
        return f"owner?{request.url.include_query_params(**{name: row}).query}"

    skip = int(start)
    rows = read(caller.campaign, _ROWS + 1, skip)
    before = address(max(0, skip - _ROWS)) if skip else None
    after = address(skip + _ROWS) if len(rows) > _ROWS else None
    return _ListPage(rows[:_ROWS], skip + 1, before, after)


def _format_log_entry(entry: LogEntry, names: Mapping[int, str], classes: Mapping[int, str]) -> tuple[str, str, str]:
    """Format a log entry as time, person and action; a person who is not in `names` has a number."""

    def name(person: int) -> str:
        return names.get(person, f"person {person}")

    answer = KNOWN_ANSWERS.__getitem__
    formats: dict[str, Callable[[int], str]] = {
        "person": name,
        "was": answer,
        "answer": answer,
        "names": lambda has_names: " with rater names" if has_names else "",
    }
    detail = {key: formats.get(key, str)(value) for key, value in entry.detail.items()}
    question = {"image": entry.image, "classes": ", ".join(classes[class_id] for class_id in entry.class_ids)}
    who = "command line" if entry.who is None else name(entry.who)
    return _format_time(entry.at), who, _ACTIONS.get(entry.what, entry.what).format(**detail, **question)


def _question_states(progress: "Progress") -> list[tuple[str, int, float]]:
    """List the states of questions: name, number of questions, and share in percent."""
    total = max(progress.questions, 1)
    states = [
        ("with all their votes", progress.closed_by_votes),
        ("closed by the stop rule", progress.closed_by_rule),
        ("open", progress.open),
    ]
    return [(name, count, 100 * count / total) for name, count in states]


def _shares(confusion: list[list[int]]) -> list[list[Proportion]]:
    """Compute the share of each answer to golden questions, per truth."""
    return [[Proportion(count, sum(row)) for count in row] for row in confusion]


def _format_time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


ROUTES = [
    get_route("/owner", _page, _OWNERS),
    post_route("/owner/pause", Empty, partial(_pause_or_resume, pause), _OWNERS),
    post_route("/owner/resume", Empty, partial(_pause_or_resume, resume), _OWNERS),
    post_route("/owner/invite", Invitation, _invite, _OWNERS),
    post_route("/owner/export", Export, _export, _OWNERS),
    post_route("/owner/people/{action}", PersonNumber, _change_person, _OWNERS),
]
