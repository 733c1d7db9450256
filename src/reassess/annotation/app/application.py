"""The ASGI application that serves the pages of one campaign."""

import logging
import os
import time
from asyncio import Semaphore
from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from reassess.annotation.app import owner_page, rating_page, sign_in
from reassess.annotation.app.security import SecurityHeaders, SignInLimit
from reassess.annotation.app.sign_in import ServerState
from reassess.annotation.served_images import CampaignImages
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import (
    UnavailableError,
    WaitedTooLongError,
    check_integrity,
    connect_for_reading,
    describe_error,
)
from reassess.annotation.store.excluding import finish_recounting
from reassess.annotation.store.practice import count_practice_tasks
from reassess.annotation.store.shown_items import compute_campaign_fingerprint
from reassess.data import ImageSource
from reassess.errors import ReassessError

_MAX_IMAGE_REQUESTS = 16  # at a time, of the 40 threads that handle requests
_logger = logging.getLogger("reassess.annotation")


def make_app(
    campaign: Campaign, images: ImageSource | None = None, *, clock: Callable[[], float] = time.time
) -> Starlette:
    """Create the ASGI application with the pages of a campaign; raise `DataError` if its file is damaged."""
    app = Starlette(
        routes=[
            *sign_in.ROUTES,
            *rating_page.ROUTES,
            *owner_page.ROUTES,
            Mount("/static", StaticFiles(packages=[(__package__, "static")])),
        ],
        middleware=[Middleware(SecurityHeaders), Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)],
        exception_handlers={
            HTTPException: _respond_to_http_error,
            ReassessError: _respond_to_data_error,
            UnavailableError: _respond_unavailable,
            WaitedTooLongError: _respond_unavailable,
            Exception: _respond_internal_error,
        },
    )
    with connect_for_reading(campaign.engine) as connection:
        check_integrity(connection, "quick_check")
    finish_recounting(campaign)  # a killed process may not have finished recounting after an exclusion
    app.router.redirect_slashes = False  # a redirect would contain the host name that the client sent
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    app.state.site = ServerState(
        campaign,
        clock,
        campaign_fingerprint=compute_campaign_fingerprint(campaign),
        n_practice_tasks=count_practice_tasks(campaign),
    )
    app.state.images = None if images is None else CampaignImages(images)
    app.state.classes = None  # the JSON of all classes, cached after the first request
    app.state.templates = Jinja2Templates(env=environment)
    app.state.attempts = SignInLimit()
    app.state.limit = Semaphore(min(os.cpu_count() or 1, _MAX_IMAGE_REQUESTS))  # images must not delay answers
    return app


async def _respond_to_http_error(_: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _respond_to_data_error(_: Request, error: ReassessError) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _respond_unavailable(_: Request, error: UnavailableError | WaitedTooLongError) -> Response:
    """Respond with status 503: the database is full, locked or unreachable, so pages try again later."""
    _logger.error("database of the campaign cannot be used: %s", describe_error(error))
    return JSONResponse({"error": "the campaign cannot be read or changed right now; please try again later"}, 503)


async def _respond_internal_error(*_: object) -> Response:
    return JSONResponse({"error": "internal error; see the log of the server"}, 500)
