"""The keeper's page: how far the campaign is, how each rater does, and what a keeper can do about it."""

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
from starlette.routing import Route

from reassess.annotation.app.security import csrf_of, whole_number
from reassess.annotation.app.signing_in import Caller, asked, posted
from reassess.annotation.export_folder import export_campaign
from reassess.annotation.store.campaigns import Campaign, pause, resume
from reassess.annotation.store.database import UnavailableError, WaitedTooLongError
from reassess.annotation.store.given_answers import finish_counting, restore_rater, void_rater
from reassess.annotation.store.links import forget_person, make_link, revoke_link
from reassess.annotation.store.owner_lists import (
    LogEntry,
    disputed_golden,
    last_entries,
    split_golden,
    uncertain_questions,
)
from reassess.annotation.store.people import add_person, admit
from reassess.annotation.store.shown_items import shown_classes
from reassess.core.answers import KNOWN_ANSWERS
from reassess.core.rater_model import VALIDITY
from reassess.numeric.proportion import Proportion
from reassess.text import some

if TYPE_CHECKING:
    from reassess.annotation.store.progress import Progress

__all__ = ["ROUTES"]

_logger = logging.getLogger("reassess.annotation")

_KEEPERS = ("keeper",)
_LISTED = 25  # rows of a part of a list
_ROLES = ("rater", "expert", "keeper")
_PAUSES = (1.0, 5.0, 25.0)  # seconds before votes are counted again, after the database was busy
# What is done to a person, by its address.
_OF_PERSON: dict[str, Callable[..., object]] = {
    "void": partial(void_rater, finish=False),
    "restore": partial(restore_rater, finish=False),
    "admit": admit,
    "revoke": revoke_link,
    "forget": forget_person,
}
# What somebody did, by its name in the log.
_DONE = {
    "create": "made the campaign",
    "pause": "paused the campaign",
    "resume": "went on asking",
    "add": "added {person} as {role}",
    "simulate": "added {person} as {role}, a program",
    "link": "made a link for {person}",
    "revoke": "ended the link of {person}",
    "admit": "let {person} begin",
    "forget": "deleted the name of {person}",
    "void": "voided the votes of {person}",
    "restore": "restored the votes of {person}",
    "enter": "entered",
    "consent": "agreed to take part",
    "suggest": "suggested {classes} for {image}",
    "cannot judge": "could not judge {image}",
    "export": "exported the votes{names}",
    "change": "changed an answer from {was} to {answer}: {classes} in {image}",
}


@dataclass(frozen=True)
class _Part:
    """A part of a list, and the addresses of the parts beside it; None where there is none."""

    rows: Sequence[Any]
    first: int
    before: str | None
    after: str | None


def _page(caller: Caller) -> Response:
    from reassess.annotation.store.progress import progress_of  # it loads numba, for which no start of a server waits

    campaign = caller.campaign
    progress = progress_of(campaign, caller.now)
    classes = {one.id: one.name for one in shown_classes(campaign)}
    names = {one.id: one.name for one in progress.raters}
    log = _part(caller, "log", last_entries)
    shown = {
        "title": campaign.name or "A campaign",
        "csrf": csrf_of(caller.secret),
        "own": caller.person.id,
        "progress": progress,
        "parts": _parts(progress),
        "matrices": {one.id: _matrix(one.confusion.tolist()) for one in progress.raters if one.confusion.any()},
        "practised": any(one.practice for one in progress.raters),
        "unfit": some([name for name, _ in progress.unfit], most=3),
        "at_least": campaign.at_least,
        "split": _part(caller, "split", lambda of, most, skip: split_golden(of)[skip : skip + most]),
        "disputed": _part(caller, "disputed", disputed_golden),
        "uncertain": _part(caller, "questions", uncertain_questions),
        "classes": classes,
        "log": log,
        "entries": [_told(one, names, classes) for one in log.rows],
        "time": _time,
        "truths": VALIDITY,
        "answers": KNOWN_ANSWERS,
        "roles": _ROLES,
    }
    page: Response = caller.request.app.state.templates.TemplateResponse(caller.request, "keeper.html", shown)
    return page


def _pause(caller: Caller, _: Mapping[str, Any]) -> Response:
    pause(caller.campaign, caller.now, caller.person.id)
    return Response(status_code=204)


def _resume(caller: Caller, _: Mapping[str, Any]) -> Response:
    resume(caller.campaign, caller.now, caller.person.id)
    return Response(status_code=204)


def _invite(caller: Caller, said: Mapping[str, Any]) -> Response:
    """A link for somebody new, or a new one for somebody who is there; it is shown this once."""
    name, role, person = said.get("name"), said.get("role"), said.get("person")
    if person is None:
        if not isinstance(name, str) or role not in _ROLES:
            raise HTTPException(400, "give a name, and one of the roles rater, expert and keeper")
        person = add_person(caller.campaign, name.strip(), role, now=caller.now, by=caller.person.id)
    token = make_link(caller.campaign, whole_number(person), caller.now, caller.person.id)
    return JSONResponse({"link": f"enter#{token}"})


def _do(caller: Caller, said: Mapping[str, Any]) -> Response:
    change = _OF_PERSON.get(caller.request.path_params["what"])
    if change is None:
        raise HTTPException(404, "there is no such page")
    change(caller.campaign, whole_number(said.get("person")), caller.now, caller.person.id)
    return Response(status_code=204, background=BackgroundTask(_finish_counting, caller.campaign))


def _finish_counting(campaign: Campaign) -> None:
    """Count votes anew, and try again if the database is busy; the next such request or start counts the others."""
    for seconds in (*_PAUSES, 0.0):
        try:
            finish_counting(campaign)
            return
        except (UnavailableError, WaitedTooLongError) as error:  # the response is sent, so no handler can answer
            _logger.error("not all votes of a rater are counted anew yet: %s", getattr(error, "orig", error))
            time.sleep(seconds)


def _export(caller: Caller, said: Mapping[str, Any]) -> Response:
    """The folder of the export, as a zip file."""
    with TemporaryDirectory() as place:
        folder = Path(place) / "export"
        names = said.get("names") is True
        export_campaign(caller.campaign, folder, names=names, now=caller.now, by=caller.person.id)
        packed = Path(shutil.make_archive(str(folder), "zip", place, folder.name)).read_bytes()
    with_name = {"Content-Disposition": 'attachment; filename="export.zip"'}
    return Response(packed, media_type="application/zip", headers=with_name)


def _part(caller: Caller, name: str, listed: Callable[[Campaign, int, int], Sequence[Any]]) -> _Part:
    """The part of a list that the page's address names, as in ``keeper?log=25``; the others stay as they are."""
    request = caller.request
    said = request.query_params.get(name, "0")
    if not re.fullmatch("[0-9]{1,9}", said):
        raise HTTPException(400, f"{name} is how many rows come before: a whole number from 0 to 999999999")

    def beginning(row: int) -> str:
        return f"keeper?{request.url.include_query_params(**{name: row}).query}"

    skip = int(said)
    rows = listed(caller.campaign, _LISTED + 1, skip)
    before = beginning(max(0, skip - _LISTED)) if skip else None
    after = beginning(skip + _LISTED) if len(rows) > _LISTED else None
    return _Part(rows[:_LISTED], skip + 1, before, after)


def _told(entry: LogEntry, names: Mapping[int, str], classes: Mapping[int, str]) -> tuple[str, str, str]:
    """When who did what, in words; somebody who was added since the names were read is called by their number."""

    def name(person: int) -> str:
        return names.get(person, f"person {person}")

    answer = KNOWN_ANSWERS.__getitem__
    in_words: dict[str, Callable[[int], str]] = {
        "person": name,
        "was": answer,
        "answer": answer,
        "names": lambda given: " with names" if given else "",
    }
    words = {kind: in_words.get(kind, str)(one) for kind, one in entry.detail.items()}
    asked = {"image": entry.image, "classes": ", ".join(classes[one] for one in entry.class_ids)}
    who = "command line" if entry.who is None else name(entry.who)
    return _time(entry.at), who, _DONE.get(entry.what, entry.what).format(**words, **asked)


def _parts(progress: "Progress") -> list[tuple[str, int, float]]:
    """The states of questions: name, number, and share in percent."""
    every = max(progress.questions, 1)
    states = [
        ("with all their votes", progress.closed_by_votes),
        ("closed by the stop rule", progress.closed_by_rule),
        ("open", progress.open),
    ]
    return [(name, count, 100 * count / every) for name, count in states]


def _matrix(confusion: list[list[int]]) -> list[list[Proportion]]:
    """The share of each answer to golden questions of each truth, with its interval."""
    return [[Proportion(count, sum(row)) for count in row] for row in confusion]


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


ROUTES = [
    Route("/keeper", asked(_page, _KEEPERS)),
    *(
        Route(f"/keeper/{path}", posted(answer, _KEEPERS), methods=["POST"])
        for path, answer in {
            "pause": _pause,
            "resume": _resume,
            "invite": _invite,
            "export": _export,
            "people/{what}": _do,
        }.items()
    ),
]
