"""Checks of values from users, so that the same mistake has the same message everywhere.

A check returns None, or raises `DataError`. Its `where` is the place for the message, or a function that returns the
place from the position of the first invalid value. The function runs only if the check fails.
"""

import math
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.errors import DataError, Fix
from reassess.text import join_first

_KINDS = {"integers": "iu", "floats": "f", "numbers": "iuf", "text": "U", "integers or text": "iuU"}
_SUM_TOLERANCE = 1e-6
_MAX_ALLOWED_NAMES = 12  # known names listed in a message
_MAX_INVALID_NAMES = 3  # invalid names listed in a message
_SURROGATE = re.compile("[\ud800-\udfff]")


def check_range(
    values: npt.ArrayLike,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    value_name: str,
    where: object = None,
    high_name: str | None = None,
    fix: Fix | str | None = None,
) -> None:
    """Raise `DataError` unless every value is finite, and from `low` to `high`. `high_name` is a name for `high`."""
    array = np.asarray(values)
    is_large = array.dtype.kind == "O" and all(isinstance(value, int | float) for value in array.ravel())
    if array.dtype.kind not in "biuf" and not is_large:  # an int that is too large for int64 has dtype object
        raise DataError(
            "not-a-number",
            f"{value_name} is not a number",
            where=None if callable(where) else where,
            found=repr(values),
            fix=fix,
        )

    def are_in_range(numbers: Any) -> Any:  # all comparisons with NaN are false
        return (low <= numbers) & (numbers <= high) & (-math.inf < numbers) & (numbers < math.inf)

    if not array.size or (are_in_range(array.min()) and are_in_range(array.max())):
        return
    at = np.unravel_index(np.argmin(are_in_range(array)), array.shape)
    if high < math.inf:
        allowed = f"{low} to {high}" + (f", {high_name}" if high_name else "")
    else:
        allowed = f"{low} or more" if low > -math.inf else "a finite number"
        allowed = f"a finite number, {allowed}" if array[at] == math.inf and low > -math.inf else allowed
    raise DataError(
        "out-of-range",
        f"{value_name} out of range",
        where=_place_of_position(where, *map(int, at)),
        allowed=allowed,
        found=array[at],
        fix=fix,
    )


def check_number(
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    value_name: str,
    is_whole: bool = False,
    fix: Fix | str | None = None,
) -> None:
    """Raise `DataError` unless a value is a number from `low` to `high`. With `is_whole`, only integers pass."""
    kinds: Any = (int, np.integer) if is_whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise DataError(
            "not-a-number", f"{value_name} is not a {'whole ' * is_whole}number", found=repr(value), fix=fix
        )
    check_range(value, low, high, value_name=value_name, fix=fix)


def check_shape(
    array: npt.NDArray[Any],
    shape: Sequence[int | str],
    *,
    value_name: str,
    kind: str | None = None,
    where: object = None,
    fix: Fix | str | None = None,
) -> None:
    """Raise `DataError` unless an array has the expected shape, and, with `kind`, a type of this kind."""
    fits = array.ndim == len(shape) and all(
        isinstance(allowed, str) or size == allowed for size, allowed in zip(array.shape, shape, strict=True)
    )
    is_kind = kind is None or array.dtype.kind in _KINDS[kind]
    if fits and is_kind:
        return
    sizes = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
    raise DataError(
        f"wrong-{'shape' if is_kind else 'type'}",
        f"wrong {'shape' if is_kind else 'type'} of {value_name}",
        where=where,
        allowed=f"{kind} of shape ({sizes})" if kind else f"shape ({sizes})",
        found=f"{array.dtype} {array.shape}" if kind else f"shape {array.shape}",
        fix=fix,
    )


def check_type(
    kind: type, *values: object, value_name: str | None = None, fix: Fix | str | None = None, is_optional: bool = False
) -> None:
    """Raise `DataError` unless all values are of type `kind`; None is allowed if `is_optional`."""
    # The types of this package have a `_THING`, their name in messages, and `_HOW_TO_GET`, the call that creates one.
    for value in values:
        if not isinstance(value, kind) and not (value is None and is_optional):
            raise DataError(
                "wrong-type",
                f"wrong type of {value_name or getattr(kind, '_THING', kind.__name__)}",
                allowed=kind.__name__,
                found=type(value).__name__,
                fix=fix or getattr(kind, "_HOW_TO_GET", None),
            )


def check_is_collection(value: object, *, value_name: str, fix: Fix | str | None = None) -> None:
    """Raise `DataError` unless a value is a collection, such as a list; a string is not allowed."""
    if isinstance(value, str):
        raise DataError("wrong-type", f"a string was given as {value_name}", found=repr(value), fix=str([value]))
    if not isinstance(value, Collection):
        raise DataError(
            "wrong-type", f"{value_name}: not a list", allowed="a list", found=type(value).__name__, fix=fix
        )


def check_unicode(texts: Sequence[str], *, value_name: str, where: object = None) -> None:
    """Raise `DataError` if a text contains a lone surrogate, for example from a file name that is not UTF-8."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            "invalid-text",
            f"{value_name} contains a lone surrogate",
            where=where,
            allowed="text that UTF-8 can write",
            found=repr(next(text for text in texts if _SURROGATE.search(text))),
            fix="change the name",
        ) from error


def check_length(length: int, allowed_length: int, *, plural_name: str, item_name: str, where: object = None) -> None:
    """Raise `DataError` unless a column has one value for each item.

    In messages, `plural_name` names the values, and `item_name` names an item.
    """
    if length != allowed_length:
        raise DataError(
            "wrong-length",
            f"wrong number of {plural_name}",
            where=where,
            allowed=f"{allowed_length:,}, one for each {item_name}",
            found=f"{length:,}",
        )


def find_first_duplicate(keys: Sequence[Hashable]) -> tuple[int, int] | None:
    """Find the first key that occurs twice; return its first two positions, or None."""
    if len(set(keys)) == len(keys):
        return None
    position_of: dict[Hashable, int] = {}
    for position, key in enumerate(keys):
        if (before := position_of.setdefault(key, position)) != position:
            return before, position
    return None


def check_unique(
    names: Sequence[Hashable], *, value_name: str, where: object = None, fix: Fix | str | None = None
) -> None:
    """Raise `DataError` if two names are equal."""
    if repeat := find_first_duplicate(names):
        again = repeat[1]
        raise DataError(
            "duplicate-name",
            f"{value_name} is named twice",
            where=_place_of_position(where, again),
            found=names[again],
            fix=fix,
        )


def check_known(
    names: Sequence[Hashable],
    allowed: Iterable[Hashable],
    *,
    value_name: str,
    where: object = None,
    fix: Fix | str | None = None,
) -> None:
    """Raise `DataError` if a name is not among the allowed names."""
    allowed = list(allowed)
    known_set = set(allowed)
    unknown = [i for i, name in enumerate(names) if not isinstance(name, Hashable) or name not in known_set]
    if unknown:
        raise DataError(
            "unknown-name",
            f"unknown {value_name}",
            where=_place_of_position(where, unknown[0]),
            allowed=join_first(allowed, max_items=_MAX_ALLOWED_NAMES),
            found=join_first([repr(names[position]) for position in unknown]),
            fix=fix,
        )


def check_all_valid(
    is_valid: npt.NDArray[np.bool_],
    *,
    value_name: str,
    name_of: Callable[[int], str],
    where: object = None,
    fix: Fix | str | None = None,
) -> None:
    """Raise `DataError` if an item is invalid; the message counts invalid items and names the first few."""
    if not is_valid.all():
        bad = np.flatnonzero(~is_valid).tolist()
        names = join_first([name_of(position) for position in bad], max_items=_MAX_INVALID_NAMES)
        raise DataError(
            "wrong-items", value_name, where=where, found=f"{len(bad):,} of {is_valid.size:,}: {names}", fix=fix
        )


def check_distribution(rows: npt.NDArray[np.floating], *, value_name: str, where: object = None) -> None:
    """Raise `DataError` unless each row (last axis) is a distribution: no number below 0, and the sum is 1."""
    # All comparisons with NaN are false.
    fits = (rows >= 0).all(axis=-1) & (np.abs(rows.sum(axis=-1) - 1) <= _SUM_TOLERANCE)
    if not fits.all():
        at = np.unravel_index(np.argmin(fits), fits.shape)
        raise DataError(
            "not-a-distribution",
            f"{value_name} is not a distribution",
            where=_place_of_position(where, *map(int, at)),
            allowed="0 or more, adding up to 1",
            found=rows[at].tolist(),
        )


def _place_of_position(where: object, *position: int) -> object:
    """Return `where`, or if `where` is a function, its result for a position in an array."""
    if callable(where):
        return where(*position) if position else None
    return where
