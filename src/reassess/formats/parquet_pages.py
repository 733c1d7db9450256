"""Check of Parquet page headers: polars aborts if a page declares a negative number of values.

Source: Parquet's metadata, https://parquet.apache.org/docs/file-format, in Thrift's compact protocol.
"""

import mmap
from pathlib import Path
from typing import Any

_FOOTER = 8  # bytes: the length of the metadata, and the magic number
# Field numbers in the file metadata.
_ROW_GROUPS, _COLUMNS, _META, _CHUNK_SIZE, _DATA_OFFSET, _DICTIONARY_OFFSET = 4, 1, 3, 7, 9, 11
# Field numbers in a page header; the three kinds are data, dictionary, and data version 2.
_SIZE, _COMPRESSED_SIZE, _KINDS = 2, 3, (5, 7, 8)
_MAX_PAGE_SIZE = 2**31
_MAX_VARINT = 10  # bytes of a 64-bit number
_NOT_PARQUET = (IndexError, KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


def describe_bad_parquet_page(path: Path) -> str | None:
    """Describe the first page with an impossible size in a Parquet file; None if all sizes are possible."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            end = len(data) - _FOOTER
            metadata, _ = _read_struct(data[end - int.from_bytes(data[end : end + 4], "little") : end], 0)
            chunks = [column[_META] for group in metadata[_ROW_GROUPS] for column in group[_COLUMNS]]
        except _NOT_PARQUET:  # polars raises its own error
            return None
        return next(
            (found for chunk in chunks if (found := _describe_bad_page_of_column(data, chunk)) is not None), None
        )


def _describe_bad_page_of_column(data: mmap.mmap, chunk: dict[int, Any]) -> str | None:
    try:
        start = chunk.get(_DICTIONARY_OFFSET) or chunk[_DATA_OFFSET]
        offset, end = start, start + chunk[_CHUNK_SIZE]
        while offset < end:
            header, after = _read_struct(data, offset)
            counts = [("values", header[kind][1]) for kind in _KINDS if kind in header]
            for unit, number in (*counts, ("bytes", header[_SIZE]), ("bytes", header[_COMPRESSED_SIZE])):
                if not 0 <= number < _MAX_PAGE_SIZE:
                    return f"a page of {number:,} {unit} at byte {offset:,}"
            offset = after + header[_COMPRESSED_SIZE]
    except _NOT_PARQUET:
        pass
    return None


# Each function below reads a value at an offset, and returns it with the offset of the next value.


def _read_varint(data: Any, offset: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 7 * _MAX_VARINT, 7):
        byte = data[offset]
        offset += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, offset
    raise ValueError("varint is too long")


def _read_signed_integer(data: Any, offset: int) -> tuple[int, int]:
    number, offset = _read_varint(data, offset)
    return (number >> 1) ^ -(number & 1), offset  # zigzag encoding


def _read_struct(data: Any, offset: int) -> tuple[dict[int, Any], int]:
    fields: dict[int, Any] = {}
    field = 0
    while (head := data[offset]) != 0:
        offset += 1
        if head >> 4:
            field += head >> 4
        else:
            field, offset = _read_signed_integer(data, offset)
        fields[field], offset = _read_value(data, offset, head & 15)
    return fields, offset + 1


def _read_value(data: Any, offset: int, kind: int) -> tuple[Any, int]:
    if kind in (4, 5, 6):  # integers
        return _read_signed_integer(data, offset)
    if kind == 12:
        return _read_struct(data, offset)
    if kind == 8:  # text
        size, offset = _read_varint(data, offset)
        return size, offset + size
    if kind in (1, 2):  # true and false have no further bytes
        return None, offset
    if kind in (9, 10):
        return _read_list(data, offset)
    if kind in (3, 7):  # a byte, and a float
        return None, offset + (1 if kind == 3 else 8)
    raise ValueError(kind)


def _read_list(data: Any, offset: int) -> tuple[list[Any], int]:
    head, values = data[offset], []
    size, offset = (head >> 4, offset + 1) if head >> 4 < 15 else _read_varint(data, offset + 1)
    if size > len(data) - offset:  # each value has at least one byte
        raise ValueError("a list is longer than the file")
    for _ in range(size):
        if head & 15 in (1, 2):
            offset += 1
        else:
            value, offset = _read_value(data, offset, head & 15)
            values.append(value)
    return values, offset
