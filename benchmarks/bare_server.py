"""A minimal task server as a baseline: Starlette and SQLAlchemy, one row read and a few rows written per task.

Its requests and responses have the form of a campaign's, but it has no raters and no rules, and checks nothing.
"""

import sys
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table, bindparam, select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from reassess.annotation import serve
from reassess.annotation.store.database import open_engine

_QUESTIONS = 8  # per task
metadata = MetaData()
answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("question", Integer),
    Column("answer", Integer),
)
_LAST = select(answers.c.question).where(answers.c.id == bindparam("number"))


def make_app(address: str) -> Starlette:
    engine, task_numbers = open_engine(address), count(1)
    metadata.create_all(engine)

    async def sign_in(_: Request) -> Response:
        return Response(status_code=204, headers={"Set-Cookie": "session=1"})

    async def page(_: Request) -> Response:
        return HTMLResponse('<meta name="csrf" content="0">')

    def read_task() -> dict[str, Any]:
        number = next(task_numbers)
        with engine.connect() as connection:
            connection.execute(_LAST, {"number": number}).one_or_none()
        rows = [{"question": number * 10 + i, "class": i, "answer": None, "revision": 0} for i in range(_QUESTIONS)]
        return {"task": {"task": number, "image": "images/0", "practice": False, "rows": rows}}

    async def next_task(request: Request) -> Response:
        await request.json()
        return JSONResponse(await run_in_threadpool(read_task))

    async def save_answers(request: Request) -> Response:
        body: Any = await request.json()
        rows = [{"question": answer["question"], "answer": answer["answer"]} for answer in body["answers"]]

        def write_and_read_task() -> dict[str, Any]:
            with engine.begin() as connection:
                connection.execute(answers.insert(), rows)
            return {"next": read_task()}

        return JSONResponse(await run_in_threadpool(write_and_read_task))

    routes = (
        ("/sign-in", sign_in, "POST"),
        ("/", page, "GET"),
        ("/next", next_task, "POST"),
        ("/answers", save_answers, "POST"),
    )
    return Starlette(routes=[Route(path, endpoint, methods=[method]) for path, endpoint, method in routes])


if __name__ == "__main__":
    serve(make_app(sys.argv[1]), port=0, report_address=partial(print, flush=True))
