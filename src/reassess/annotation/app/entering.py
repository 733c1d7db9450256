"""Entering with a personal link, agreeing, and leaving; and which page is whose."""

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from reassess.annotation.app.security import csrf_of, said_in
from reassess.annotation.app.sessions import Caller, caller_of, drop_cookie, keep_cookie, posted
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.links import sign_in, sign_out
from reassess.annotation.store.people import consent

__all__ = ["ROUTES"]

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
