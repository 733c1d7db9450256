"""Tables are rounded on the page, and exact in CSV files."""

from reassess.report import Column, Table
from reassess.report.chart import COUNT, P_VALUE, PERCENT


def test_interval_has_two_columns_in_the_csv_file() -> None:
    columns = (Column("model"), Column("95 %", PERCENT), Column("n", COUNT))
    table = Table("t", "T", columns, [("one", (80.123456, 81.5), 12345), ("two", None, None)])
    assert table.format_cells() == [["one", "80.12 to 81.50", "12,345"], ["two", "-", "-"]]
    assert table.csv_columns == ["model", "95 %, low", "95 %, high", "n"]
    assert table.csv_rows == [["one", 80.123456, 81.5, 12345], ["two", None, None, None]]


def test_tiny_p_value_is_not_zero() -> None:
    assert Column("p", P_VALUE).format_cell(0.0) == "below 1e-300"
    assert Column("p", P_VALUE).format_cell(0.04321) == "0.043"
