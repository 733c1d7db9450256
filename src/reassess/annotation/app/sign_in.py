"""Signing in and out, consent, and routes that check the role of the caller."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from reassess.annotation.app.request_bodies import EmptyBody, SignInToken, read_body
from reassess.annotation.app.security import check_csrf_token, compute_csrf_token
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.people import (
    SESSION_SECONDS,
    Person,
    find_session_person,
    save_consent,
    sign_in,
    sign_out,
)

_Body = TypeVar("_Body", bound=Struct)
_ALL_ROLES = ("rater", "expert", "owner")
_RATING_PAGE_SCRIPTS = (  # scripts that the rating page imports
    *("browser.js", "class_ranking.js", "class_search.js", "image.js", "keys.js", "outbox.js", "panels.js"),
    *("progress.js", "rows.js", "server.js", "turns.js", "zoom.js"),
)


@dataclass(frozen=True)
class ServerState:
    """The campaign that a server shows, and settings that all its routes use."""

    campaign: Campaign
    read_clock: Callable[[], float]  # returns seconds
    campaign_fingerprint: str  # a text that differs between campaigns
    n_practice_tasks: int  # number of practice tasks

    @property
    def session_cookie_name(self) -> str:
        """The name of the session cookie, which differs between campaigns."""
        return f"reassess-{self.campaign_fingerprint}"


@dataclass(frozen=True)
class Caller:
    """A signed-in person, with the request that they sent."""

    request: Request
    person: Person
    session_secret: str  # secret of the session
    now: float

    @property
    def server_state(self) -> ServerState:
        """The state of the server that received the request."""
        state: ServerState = self.request.app.state.site
        return state

    @property
    def campaign(self) -> Campaign:
        """The campaign that the server shows."""
        return self.server_state.campaign


def make_get_route(
    path: str, handler: Callable[[Caller], Response], roles: tuple[str, ...], *, limits_concurrency: bool = False
) -> Route:
    """Create a GET route for people with certain roles.

    With `limits_concurrency`, the server handles at most one of these requests per processor at a time.
    """

    async def endpoint(request: Request) -> Response:
        async with request.app.state.limit if limits_concurrency else nullcontext():
            return await run_in_threadpool(lambda: handler(_require_caller(request, roles)))

    return Route(path, endpoint)


def make_post_route(
    path: str, body_type: type[_Body], handler: Callable[[Caller, _Body], Response], roles: tuple[str, ...]
) -> Route:
    """Create a POST route for people with certain roles, which checks the body and the CSRF token."""

    async def endpoint(request: Request) -> Response:
        body = await read_body(request, body_type)

        def call_handler() -> Response:
            caller = _require_caller(request, roles)
            check_csrf_token(request, caller.session_secret)
            return handler(caller, body)

        return await run_in_threadpool(call_handler)

    return Route(path, endpoint, methods=["POST"])


def render_template(request: Request, template: str, context: dict[str, Any]) -> Response:
    """Render a template as an HTML response."""
    page: Response = request.app.state.templates.TemplateResponse(request, template, context)
    return page


def _find_caller(request: Request) -> Caller | None:
    """Find the signed-in person who sent a request; None if nobody is signed in."""
    site: ServerState = request.app.state.site
    secret = request.cookies.get(site.session_cookie_name, "")
    now = site.read_clock()
    person = find_session_person(site.campaign, secret, now) if secret else None
    return None if person is None else Caller(request, person, secret, now)


def _require_caller(request: Request, roles: tuple[str, ...]) -> Caller:
    """Find the caller; respond with 401 if nobody is signed in, and with 404 for another role."""
    caller = _find_caller(request)
    if caller is None:
        raise HTTPException(401, "you are not signed in: open your personal link")
    if caller.person.role not in roles:
        raise HTTPException(404, "page not found")
    return caller


async def _show_start_page(request: Request) -> Response:
    caller = await run_in_threadpool(_find_caller, request)
    if caller is None:
        return _redirect_to_page(request, "sign-in")
    if caller.person.role == "owner":
        return _redirect_to_page(request, "owner")
    context = {
        "title": _page_title(caller.campaign),
        "consent": caller.campaign.consent_text,
        "csrf": compute_csrf_token(caller.session_secret),
        "person": f"{caller.server_state.campaign_fingerprint} {caller.person.id}",
        "practice": caller.server_state.n_practice_tasks,
        "modules": _RATING_PAGE_SCRIPTS,
    }
    return render_template(request, "rate.html", context)


async def _show_sign_in_page(request: Request) -> Response:
    return render_template(request, "sign_in.html", {"title": _page_title(request.app.state.site.campaign)})


async def _sign_in(request: Request) -> Response:
    token = (await read_body(request, SignInToken)).token
    site, attempts = request.app.state.site, request.app.state.attempts
    now, address = site.read_clock(), request.client.host if request.client else ""
    wait_seconds = attempts.find_wait_seconds(address, now)
    if not wait_seconds:
        attempts.count_sign_in_attempt(address, now)
    secret = await run_in_threadpool(sign_in, site.campaign, token, now) if token.isascii() else None
    if secret is None and wait_seconds:
        error = {"error": f"Too many wrong links. Please wait {wait_seconds} seconds."}
        return JSONResponse(error, 429, headers={"Retry-After": str(wait_seconds)})
    if secret is None:
        return JSONResponse({"error": "This link is not valid. Please ask for a new one."}, 403)
    if not wait_seconds:
        attempts.remove_attempt_with_correct_token(address, now)
    response = Response(status_code=204)
    response.set_cookie(site.session_cookie_name, secret, max_age=int(SESSION_SECONDS), **_cookie_options(request))
    return response


def _save_consent(caller: Caller, _: EmptyBody) -> Response:
    save_consent(caller.campaign, caller.person.id, caller.now)
    return Response(status_code=204)


def _sign_out(caller: Caller, _: EmptyBody) -> Response:
    sign_out(caller.campaign, caller.session_secret)
    response = Response(status_code=204)
    response.delete_cookie(caller.server_state.session_cookie_name, **_cookie_options(caller.request))
    return response


def _cookie_options(request: Request) -> dict[str, Any]:
    path = request.scope.get("root_path") or "/"
    return {"path": path, "secure": request.url.scheme == "https", "httponly": True, "samesite": "lax"}


def _redirect_to_page(request: Request, page: str) -> Response:
    return RedirectResponse(f"{request.scope.get('root_path', '')}/{page}", 303)


def _page_title(campaign: Campaign) -> str:
    return campaign.name or "Images"


ROUTES = [
    Route("/", _show_start_page),
    Route("/sign-in", _show_sign_in_page),
    Route("/sign-in", _sign_in, methods=["POST"]),
    make_post_route("/consent", EmptyBody, _save_consent, _ALL_ROLES),
    make_post_route("/sign-out", EmptyBody, _sign_out, _ALL_ROLES),
]
