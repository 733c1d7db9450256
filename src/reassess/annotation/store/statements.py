"""SQL statements that take little processor time: most of a request's time is the execution of short statements."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Select,
    TypeDecorator,
    bindparam,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

Params = Mapping[str, Any] | Sequence[Mapping[str, Any]]  # with several mappings, a statement is executed several times
Request = tuple[Executable, Params]
_Converter = Callable[[Any], Any]


class _Compiled(NamedTuple):
    """A statement for the driver of a database."""

    text: str
    constants: dict[str, Any]  # parameters with a value in the statement
    param_converters: list[tuple[str, _Converter]]
    positions: list[str]  # names of parameters in order
    row_type: Any  # a named tuple; None if the statement returns no rows
    column_converters: list[_Converter | None]  # empty if no column has one

    def convert_params(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        """Convert parameters to values for the driver."""
        values = {**self.constants, **params}
        for name, converter in self.param_converters:
            values[name] = converter(values[name])
        return tuple([values[name] for name in self.positions])

    def convert_rows(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Convert rows of the driver to named tuples."""
        if self.row_type is None:
            return []
        if not self.column_converters:
            return [self.row_type._make(row) for row in rows]
        return [
            self.row_type(
                *(
                    value if converter is None else converter(value)
                    for value, converter in zip(row, self.column_converters, strict=True)
                )
            )
            for row in rows
        ]


_COMPILED: dict[tuple[Executable, str], _Compiled] = {}


def execute(connection: Connection, *requests: Request, then_commit: bool = False) -> list[Any]:
    """Execute statements; return the rows of the last one as named tuples, if it is a `select`.

    SQLAlchemy needs more time to execute a short statement than the driver and the database. So a statement is compiled
    only once for each kind of database, and stays in memory: it must be a constant of a module. An insert has the same
    parameters each time, and columns have no default values. PostgreSQL executes all statements in one round trip, and
    commits if `then_commit`.
    """
    compiled_requests = [
        (_find_compiled(connection.dialect, statement, params), [params] if isinstance(params, Mapping) else params)
        for statement, params in requests
    ]
    calls = [(each, each.convert_params(params)) for each, all_params in compiled_requests for params in all_params]
    for compiled, values in calls:
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, None, compiled.text, values, None, False)
    statements = [(compiled.text, values) for compiled, values in calls]
    try:
        if connection.dialect.name == "postgresql":
            from reassess.annotation.store.round_trips import execute_in_one_round_trip

            rows = execute_in_one_round_trip(connection, statements, then_commit=then_commit)
        else:
            rows = _execute_on_sqlite(connection, statements)
    except connection.dialect.loaded_dbapi.Error as error:
        text = statements[0][0] if len(statements) == 1 and not then_commit else None  # else unknown
        connection._handle_dbapi_exception(error, text, None, None, None)  # raises SQLAlchemy's error
        raise
    return calls[-1][0].convert_rows(rows) if calls else []


def _execute_on_sqlite(connection: Connection, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
    with closing(connection.connection.cursor()) as cursor:
        for text, values in statements:
            cursor.execute(text, values)
        rows: list[Any] = cursor.fetchall()
        return rows


def _find_compiled(dialect: Dialect, statement: Executable, params: Params) -> _Compiled:
    if (compiled := _COMPILED.get((statement, dialect.name))) is None:
        names = list(params if isinstance(params, Mapping) else params[0])
        compiled = _COMPILED[statement, dialect.name] = _compile(statement, dialect, names)
    return compiled


def _compile(statement: Executable, dialect: Dialect, param_names: list[str]) -> _Compiled:
    is_select = isinstance(statement, Select)
    if dialect.name == "postgresql":
        dialect = type(dialect)(dbapi=dialect.dbapi, paramstyle="numeric_dollar")
    compiled = statement.compile(dialect=dialect, column_keys=None if is_select else param_names)
    columns = statement.selected_columns if is_select else None
    # psycopg returns values of the types of PostgreSQL, but SQLite has no types for booleans and JSON.
    column_types = [column.type.dialect_impl(dialect) for column in columns or () if dialect.name == "sqlite"]
    column_converters = [type_.result_processor(dialect, None) for type_ in column_types]
    param_converters = [
        (name, parameter.type.dialect_impl(dialect).bind_processor(dialect))
        for name, parameter in compiled.binds.items()
    ]
    return _Compiled(
        text=str(compiled),
        constants={name: value for name, value in compiled.params.items() if name not in param_names},
        param_converters=[(name, converter) for name, converter in param_converters if converter is not None],
        positions=compiled.positiontup,
        row_type=None if columns is None else namedtuple("Row", columns.keys()),
        column_converters=column_converters if any(column_converters) else [],
    )


def constant(value: str | float) -> ColumnElement[Any]:
    """Return a constant of the program as a part of the text of SQL statements.

    As a parameter, it would take time at each execution, and PostgreSQL would not use partial indexes.
    """
    return literal_column(f"'{value}'" if isinstance(value, str) else str(value))


class _IntegerList(TypeDecorator[list[int]]):  # type: ignore[misc]  # SQLAlchemy is untyped
    """A list of integers: an array on PostgreSQL, JSON on SQLite."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Sequence[int], _: Dialect) -> list[int]:
        return list(value)  # psycopg writes a tuple as a row

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(BigInteger) if dialect.name == "postgresql" else JSON())


class is_in_list(FunctionElement[Any]):  # type: ignore[misc]  # noqa: N801 - used like a function
    """Whether a column is in the list of integers that is the value of a parameter.

    SQLAlchemy's `in_` has a parameter per integer, so the text of the statement would depend on the length of the list.
    """

    # The type is not Boolean: then SQLAlchemy would add "= 1" on SQLite, and SQLite would use no index.
    inherit_cache = True

    def __init__(self, column: ColumnElement[int], parameter: str) -> None:
        super().__init__(column, bindparam(parameter, type_=_IntegerList))


@compiles(is_in_list, "postgresql")  # type: ignore[untyped-decorator]
def _compile_for_postgresql(element: is_in_list, compiler: SQLCompiler, **options: Any) -> str:
    column, parameter = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({parameter})"


@compiles(is_in_list, "sqlite")  # type: ignore[untyped-decorator]
def _compile_for_sqlite(element: is_in_list, compiler: SQLCompiler, **options: Any) -> str:
    column, parameter = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({parameter}))"
