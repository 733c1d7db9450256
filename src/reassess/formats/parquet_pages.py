"""The heads of a Parquet file's pages: polars ends the process on a page that declares fewer than 0 values.

Source: the format of Parquet's metadata, https://parquet.apache.org/docs/file-format, in Thrift's compact protocol.
"""

import mmap
from pathlib import Path
from typing import Any

_TAIL = 8  # bytes: the length of the metadata, and the magic number
_ROW_GROUPS, _COLUMNS, _META, _BYTES, _DATA_AT, _DICTIONARY_AT = 4, 1, 3, 7, 9, 11  # fields, by number
_UNPACKED, _PACKED, _KINDS = 2, 3, (5, 7, 8)  # of the head of a page; data, dictionary, and data of version 2
_MOST = 2**31
_MOST_DIGITS = 10  # bytes of a number of 64 bits
_NO_PARQUET = (IndexError, KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError)


def bad_page(path: Path) -> str | None:
    """The first head of a page that no writer makes, in words; None if all are sound, or cannot be read at all."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
        try:
            end = len(held) - _TAIL
            metadata, _ = _struct(held[end - int.from_bytes(held[end : end + 4], "little") : end], 0)
            chunks = [column[_META] for group in metadata[_ROW_GROUPS] for column in group[_COLUMNS]]
        except _NO_PARQUET:  # which polars refuses with a reason
            return None
        return next((found for chunk in chunks if (found := _bad_page_of(held, chunk)) is not None), None)


def _bad_page_of(held: mmap.mmap, chunk: dict[int, Any]) -> str | None:
    try:
        start = chunk.get(_DICTIONARY_AT) or chunk[_DATA_AT]
        place, end = start, start + chunk[_BYTES]
        while place < end:
            head, after = _struct(held, place)
            numbers = [("values", head[kind][1]) for kind in _KINDS if kind in head]
            for what, number in (*numbers, ("bytes", head[_UNPACKED]), ("bytes", head[_PACKED])):
                if not 0 <= number < _MOST:
                    return f"a page of {number:,} {what} at byte {place:,}"
            place = after + head[_PACKED]
    except _NO_PARQUET:
        pass
    return None


def _number(held: Any, place: int) -> tuple[int, int]:
    """A whole number from 0, of seven bits a byte, and the place behind it."""
    number = 0
    for shift in range(0, 7 * _MOST_DIGITS, 7):
        byte = held[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("a number without an end")


def _signed(held: Any, place: int) -> tuple[int, int]:
    number, place = _number(held, place)
    return (number >> 1) ^ -(number & 1), place


def _struct(held: Any, place: int) -> tuple[dict[int, Any], int]:
    """The fields of a struct, by number, and the place behind it."""
    fields: dict[int, Any] = {}
    field = 0
    while (head := held[place]) != 0:
        place += 1
        if head >> 4:
            field += head >> 4
        else:
            field, place = _signed(held, place)
        fields[field], place = _value(held, place, head & 15)
    return fields, place + 1


def _value(held: Any, place: int, kind: int) -> tuple[Any, int]:
    if kind in (4, 5, 6):  # whole numbers
        return _signed(held, place)
    if kind == 12:
        return _struct(held, place)
    if kind == 8:  # text
        size, place = _number(held, place)
        return size, place + size
    if kind in (1, 2):  # a boolean, which is said by its kind
        return None, place
    if kind in (9, 10):
        return _list(held, place)
    if kind in (3, 7):  # a byte, and a float
        return None, place + (1 if kind == 3 else 8)
    raise ValueError(kind)


def _list(held: Any, place: int) -> tuple[list[Any], int]:
    head, values = held[place], []
    size, place = (head >> 4, place + 1) if head >> 4 < 15 else _number(held, place + 1)
    if size > len(held) - place:  # each value takes a byte at least
        raise ValueError("a list without an end")
    for _ in range(size):
        if head & 15 in (1, 2):
            place += 1
        else:
            value, place = _value(held, place, head & 15)
            values.append(value)
    return values, place
