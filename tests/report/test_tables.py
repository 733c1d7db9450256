"""Tables: rounded on the page, in full in files."""

from reassess.report import Column, Table
from reassess.report.chart import COUNT, P_VALUE, PERCENT


def test_an_interval_is_two_columns_in_a_file_and_nothing_stays_empty() -> None:
    columns = (Column("model"), Column("95 %", PERCENT), Column("n", COUNT))
    table = Table("t", "T", columns, [("one", (80.123456, 81.5), 12345), ("two", None, None)])
    assert table.written() == [["one", "80.12 to 81.50", "12,345"], ["two", "-", "-"]]
    assert table.columns_in_full == ["model", "95 %, low", "95 %, high", "n"]
    assert table.rows_in_full == [["one", 80.123456, 81.5, 12345], ["two", None, None, None]]


def test_a_tiny_p_value_is_not_said_to_be_zero() -> None:
    assert Column("p", P_VALUE).write(0.0) == "below 1e-300"
    assert Column("p", P_VALUE).write(0.04321) == "0.043"
