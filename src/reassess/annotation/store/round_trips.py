"""Sending several SQL statements to PostgreSQL in one round trip.

A cursor of psycopg waits for the response to each statement, and needs more processor time for a short statement than
the database. So this module calls functions of PostgreSQL's own library, which psycopg offers as `psycopg.pq`.
"""

from collections.abc import Generator, Sequence
from itertools import count
from typing import Any

from psycopg import Error, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.waiting import Ready, Wait
from sqlalchemy import Connection

_statement_numbers = count()


def execute_in_one_round_trip(
    connection: Connection, statements: Sequence[tuple[str, Sequence[Any]]], *, then_commit: bool = False
) -> list[tuple[Any, ...]]:
    """Execute statements, each with the values of its parameters ``$1``, ``$2``...; return the rows of the last one.

    A transaction begins first, unless it has begun or the connection needs none. A connection prepares each statement
    once. If a statement fails, the later ones are not executed, and psycopg's error is raised.
    """
    driver: Any = connection.connection.dbapi_connection
    adapter = Transformer.from_context(driver)
    values_as_text = [adapter.dump_sequence(values, [PyFormat.TEXT] * len(values)) for _, values in statements]
    names: dict[str, bytes] = connection.info.setdefault("prepared", {})  # of prepared statements
    new_names: dict[str, bytes] = {}
    prepares: list[str | None] = []  # for each message, the statement that it prepares
    results: list[Any] = []  # for each message
    messages = driver.pgconn
    messages.enter_pipeline_mode()
    try:
        if not driver.autocommit and messages.transaction_status == TransactionStatus.IDLE:
            messages.send_query_params(b"BEGIN", None)
            prepares.append(None)
        for (statement, _), values in zip(statements, values_as_text, strict=True):
            if statement not in names and statement not in new_names:
                new_names[statement] = b"reassess_%d" % next(_statement_numbers)
                messages.send_prepare(new_names[statement], statement.encode())
                prepares.append(statement)
            messages.send_query_prepared(names.get(statement) or new_names[statement], values)
            prepares.append(None)
        if then_commit:
            messages.send_query_params(b"COMMIT", None)
            prepares.append(None)
        messages.pipeline_sync()
        driver.wait(_receive_results(messages, results))
        messages.exit_pipeline_mode()
    except Error:
        driver.close()  # a later statement would receive these results
        _raise_first_error(results)  # says more than that the connection was lost
        raise
    except BaseException:
        connection.invalidate()  # also closes it
        raise
    for prepare, result in zip(prepares, results, strict=True):
        if prepare is not None and result.status == ExecStatus.COMMAND_OK:
            names[prepare] = new_names[prepare]
    _raise_first_error(results)
    if then_commit or not statements:
        return []
    adapter.set_pgresult(results[-1])
    rows: list[tuple[Any, ...]] = adapter.load_rows(0, results[-1].ntuples, tuple)
    return rows


def _raise_first_error(results: Sequence[Any]) -> None:
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result) from None


def _receive_results(messages: Any, results: list[Any]) -> Generator[Wait, Ready | None, None]:
    """Send the messages, and add the result of each; `psycopg.Connection.wait` waits whenever this yields."""
    while messages.flush():
        if (yield Wait.RW) in (Ready.R, Ready.RW):
            messages.consume_input()
    while True:
        while messages.is_busy():
            yield Wait.R
            messages.consume_input()
        result = messages.get_result()  # None after each result
        if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
            return
        if result is not None:
            results.append(result)
        elif messages.status == ConnStatus.BAD:
            raise OperationalError("the connection was lost")
