"""Entering with a personal link, agreeing, and leaving; and which page is whose."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from reassess.annotation.app.security import check_csrf, csrf_of, said_in
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.links import SESSION_SECONDS, person_of_session, sign_in, sign_out
from reassess.annotation.store.people import Person, consent

__all__ = ["ROUTES", "Caller", "Site", "asked", "caller_of", "drop_cookie", "keep_cookie", "posted"]

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Site:
    """What all routes know.

    Parameters
    ----------
    campaign
        The campaign.
    clock
        Tells the time, in seconds.
    mark
        What tells the campaign from every other.
    practice
        Number of tasks of the practice round.
    """

    campaign: Campaign
    clock: Callable[[], float]
    mark: str
    practice: int

    @property
    def cookie(self) -> str:
        """The name of the cookie: of two campaigns on one machine each has its own."""
        return f"reassess-{self.mark}"


@dataclass(frozen=True)
class Caller:
    """Somebody who is signed in, as a request knows them.

    Parameters
    ----------
    request
        What they ask.
    person
        Who it is.
    secret
        Of their session.
    now
        When they ask.
    """

    request: Request
    person: Person
    secret: str
    now: float

    @property
    def site(self) -> Site:
        """What all routes know."""
        site: Site = self.request.app.state.site
        return site

    @property
    def campaign(self) -> Campaign:
        """The campaign."""
        return self.site.campaign


def caller_of(request: Request) -> Caller | None:
    """Who asks; None if they are not signed in. It reads the database."""
    site: Site = request.app.state.site
    secret = request.cookies.get(site.cookie, "")
    now = site.clock()
    person = person_of_session(site.campaign, secret, now) if secret else None
    return None if person is None else Caller(request, person, secret, now)


def asked(answer: Callable[[Caller], Response], roles: tuple[str, ...], *, few: bool = False) -> Endpoint:
    """A route that those of some roles may ask; `few` at a time, if each takes much of the machine."""

    async def endpoint(request: Request) -> Response:
        async with request.app.state.few if few else nullcontext():
            return await run_in_threadpool(lambda: answer(_admitted(request, roles)))

    return endpoint


def posted(answer: Callable[[Caller, Mapping[str, Any]], Response], roles: tuple[str, ...]) -> Endpoint:
    """A route by which those of some roles may change something, from a page of their session."""

    async def endpoint(request: Request) -> Response:
        said = await said_in(request)

        def work() -> Response:
            caller = _admitted(request, roles)
            check_csrf(request, caller.secret)
            return answer(caller, said)

        return await run_in_threadpool(work)

    return endpoint


def keep_cookie(response: Response, request: Request, secret: str) -> None:
    """Let the browser keep the secret of a session, unseen by scripts."""
    site: Site = request.app.state.site
    response.set_cookie(site.cookie, secret, max_age=int(SESSION_SECONDS), **_scope_of(request))


def drop_cookie(response: Response, request: Request) -> None:
    """Let the browser forget the secret of a session."""
    response.delete_cookie(request.app.state.site.cookie, **_scope_of(request))


def _scope_of(request: Request) -> dict[str, Any]:
    path = request.scope.get("root_path") or "/"
    return {"path": path, "secure": request.url.scheme == "https", "httponly": True, "samesite": "lax"}


def _admitted(request: Request, roles: tuple[str, ...]) -> Caller:
    caller = caller_of(request)
    if caller is None:
        raise HTTPException(401, "you are not signed in: open your personal link")
    if caller.person.role not in roles:
        raise HTTPException(404, "there is no such page")
    return caller


_EVERYBODY = ("rater", "expert", "keeper")
_MODULES = (  # that the script of the page imports
    *("class_search.js", "clock.js", "keys.js", "outbox.js", "panels.js", "picture.js", "rows.js", "server.js"),
    "turns.js",
)


async def _page(request: Request) -> Response:
    """The page of who asks."""
    caller = await run_in_threadpool(caller_of, request)
    if caller is None:
        return _to(request, "enter")
    if caller.person.role == "keeper":
        return _to(request, "keeper")
    shown = {
        "title": _title(caller.campaign),
        "consent": caller.campaign.consent,
        "csrf": csrf_of(caller.secret),
        "owner": f"{caller.site.mark} {caller.person.id}",
        "practice": caller.site.practice,
        "modules": _MODULES,
    }
    page: Response = request.app.state.templates.TemplateResponse(request, "rate.html", shown)
    return page


async def _enter_page(request: Request) -> Response:
    shown = {"title": _title(request.app.state.site.campaign)}
    page: Response = request.app.state.templates.TemplateResponse(request, "enter.html", shown)
    return page


async def _enter(request: Request) -> Response:
    said = await said_in(request)
    site, tries = request.app.state.site, request.app.state.tries
    now, address = site.clock(), request.client.host if request.client else ""
    wait = tries.count(address, now)
    token = said.get("token")
    is_token = isinstance(token, str) and token.isascii()
    secret = await run_in_threadpool(sign_in, site.campaign, token, now) if is_token else None
    if secret is None and wait:
        error = {"error": f"Too many wrong links were tried. Please wait {wait} seconds."}
        return JSONResponse(error, 429, headers={"Retry-After": str(wait)})
    if secret is None:
        return JSONResponse({"error": "This link is not known, or no longer. Please ask for a new one."}, 403)
    if not wait:
        tries.take_back(address, now)
    response = Response(status_code=204)
    keep_cookie(response, request, secret)
    return response


def _consent(caller: Caller, _: Mapping[str, Any]) -> Response:
    consent(caller.campaign, caller.person.id, caller.now)
    return Response(status_code=204)


def _leave(caller: Caller, _: Mapping[str, Any]) -> Response:
    sign_out(caller.campaign, caller.secret)
    response = Response(status_code=204)
    drop_cookie(response, caller.request)
    return response


def _to(request: Request, page: str) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/{page}", 303)


def _title(campaign: Campaign) -> str:
    return campaign.name or "Pictures"


ROUTES = [
    Route("/", _page),
    Route("/enter", _enter_page),
    Route("/enter", _enter, methods=["POST"]),
    Route("/consent", posted(_consent, _EVERYBODY), methods=["POST"]),
    Route("/leave", posted(_leave, _EVERYBODY), methods=["POST"]),
]
