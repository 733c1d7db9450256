"""SQL statements that take little processor time: most of a request's time is the execution of short statements."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    Insert,
    Select,
    TypeDecorator,
    Update,
    bindparam,
    literal_column,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

_Converter = Callable[[Any], Any]


class _Compiled(NamedTuple):
    """A statement for the driver of a database."""

    text: str
    constants: dict[str, Any]  # parameters with a value in the statement
    param_converters: list[tuple[str, _Converter]]
    positions: list[str] | None  # names of parameters in order; None if the driver takes names
    row_type: Any  # a named tuple; None if the statement returns no rows
    column_converters: list[_Converter | None]  # empty if no column has one

    def convert_params(self, params: Mapping[str, Any]) -> Any:
        """Convert parameters to values for the driver."""
        values = {**self.constants, **params}
        for name, converter in self.param_converters:
            values[name] = converter(values[name])
        return values if self.positions is None else tuple(values[name] for name in self.positions)

    def convert_rows(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Convert rows of the driver to named tuples."""
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


def execute(
    connection: Connection, statement: Executable, params: Mapping[str, Any] | Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Execute a statement, once for each mapping in `params`; return the rows of a `select`, as named tuples.

    SQLAlchemy needs more time to execute a short statement than the driver and the database. So the statement is
    compiled only once for each kind of database, and stays in memory: it must be a constant of a module. An insert has
    the same parameters each time, and columns have no default values.
    """
    if (compiled := _COMPILED.get((statement, connection.dialect.name))) is None:
        names = list(params if isinstance(params, Mapping) else params[0])
        compiled = _COMPILED[statement, connection.dialect.name] = _compile(statement, connection.dialect, names)
    cursor = connection.connection.cursor()
    values: Any  # of one execution, or a list
    if isinstance(params, Mapping):
        send, values = cursor.execute, compiled.convert_params(params)
    else:
        send, values = cursor.executemany, [compiled.convert_params(each) for each in params]
    for listener in connection.dispatch.before_cursor_execute:
        listener(connection, cursor, compiled.text, values, None, isinstance(values, list))
    try:
        send(compiled.text, values)
        return [] if compiled.row_type is None else compiled.convert_rows(cursor.fetchall())
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, compiled.text, None, cursor, None)  # raises SQLAlchemy's error
        raise
    finally:
        cursor.close()


def _compile(statement: Executable, dialect: Dialect, param_names: list[str]) -> _Compiled:
    is_select = isinstance(statement, Select)
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


@cache
def combine_changes(changes: tuple[Insert | Update, ...]) -> Insert | Update:
    """Combine statements that change different rows into one: all but the last become common table expressions."""
    *others, last = changes
    return last.add_cte(*(change.cte(f"change_{number}") for number, change in enumerate(others)))


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
