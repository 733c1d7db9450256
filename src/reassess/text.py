"""Text for messages and results: escaped names, counts, shortened lists, and tables in notebooks."""

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from html import escape
from itertools import islice
from typing import NamedTuple

_MIN_NAME_WIDTH = 16  # least width of the column of names
_MAX_REPR_ITEMS, _MAX_REPR_LETTERS = 8, 200  # largest number of entries and letters in a short text
_MAX_NOTEBOOK_ROWS = 60  # rows of a table in a notebook
_MAX_ITEM_LETTERS = 190  # letters of a list item, so that a line also has space for other text

# C0 (except tab and newline), C1, marks that change the writing direction, and lone surrogates.
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_controls(text: str) -> str:
    r"""Escape control characters, since names from files could contain terminal commands.

    >>> print(escape_controls("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return _CONTROL_CHARACTERS.sub(lambda match: repr(match[0])[1:-1], text)


# Convert to Unicode NFC, where a letter and its accent are one character; some systems write two.
to_nfc = partial(unicodedata.normalize, "NFC")


def align_lines(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Format (name, text) pairs as lines, with all texts in one column.

    >>> align_lines([("scored", "2 of 3"), ("not scored", "1")])
    ['scored           2 of 3', 'not scored       1']
    """
    rows = list(rows)
    width = max([_MIN_NAME_WIDTH, *(len(name) for name, _ in rows)])
    return [f"{name:<{width}} {text}" for name, text in rows]


def count_noun(count: int, noun: str, plural: str | None = None) -> str:
    """Format a count with its noun.

    >>> count_noun(1, "row"), count_noun(1234, "row"), count_noun(0, "valid class", "valid classes")
    ('1 row', '1,234 rows', '0 valid classes')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def format_expected_count(count: float) -> str:
    """Format an expected number: one decimal place, or one significant digit below 0.95.

    >>> format_expected_count(1234.4), format_expected_count(0.97), format_expected_count(0.034)
    ('1,234.4', '1.0', '0.03')
    """
    return f"{count:,.1f}" if count >= 0.95 or not count else f"{count:.1g}"


def format_bytes(count: int) -> str:
    """Format a number of bytes with a suitable unit.

    >>> format_bytes(12), format_bytes(100_000_000), format_bytes(2_400_000_000_000)
    ('12 bytes', '100.0 MB', '2.4 TB')
    """
    if count < 1000:
        return count_noun(count, "byte")
    power = min((len(str(count)) - 1) // 3, 4)
    return f"{count / 1000**power:.1f} {' kMGT'[power]}B"


def shorten(text: str, max_letters: int) -> str:
    """Replace the middle of a long text by an ellipsis, if this makes the text shorter.

    >>> shorten("vit_large_patch16_384.augreg_in21k_ft_in1k", 20), shorten("abcde", 4)
    ('vit_large_…1k_ft_in1k', 'abcde')
    """
    half = max_letters // 2
    return text if len(text) <= max(max_letters, 2 * half + 1) else f"{text[:half]}…{text[-half:]}"


def join_first(items: Sequence[object], *, max_items: int = 5) -> str:
    """Join the first few items with commas, and add the number of further items.

    >>> join_first(["a.png", "b.png", "c.png"], max_items=2)
    'a.png, b.png and 1 more'
    """
    text = ", ".join(shorten(str(item), _MAX_ITEM_LETTERS) for item in items[:max_items])
    return text if len(items) <= max_items else f"{text} and {len(items) - max_items:,} more"


def join_and(items: Sequence[object], *, max_items: int = 5) -> str:
    """Join the first few items as in a sentence, with "and" before the last item.

    >>> join_and(["a", "b", "c"]), join_and(["a"]), join_and(["a", "b", "c"], max_items=1)
    ('a, b and c', 'a', 'a and 2 more')
    """
    if len(items) > max_items:
        return join_first(items, max_items=max_items)
    *first, last = (shorten(str(item), _MAX_ITEM_LETTERS) for item in items)
    return f"{', '.join(first)} and {last}" if first else last


def format_percent(share: float) -> str:
    """Format a share in percent, without a percent sign: with two decimals, or as 100.0.

    >>> format_percent(0.68142), format_percent(1)
    ('68.14', '100.0')
    """
    return format_percentage(100 * share)


def format_percent_interval(interval: tuple[float, float]) -> str:
    """Format the bounds of a share in percent.

    >>> format_percent_interval((0.6772, 1.0))
    '67.72 to 100.0'
    """
    return " to ".join(map(format_percent, interval))


def format_percentage(percentage: float) -> str:
    """Format a percentage from 0 to 100, without a percent sign; `format_percent` takes a share from 0 to 1.

    >>> format_percentage(68.142)
    '68.14'
    """
    return f"{percentage:.2f}".replace("100.00", "100.0")


def suggest_name(name: object, known_names: Iterable[object]) -> str | None:
    """Ask "did you mean …?" with the most similar known name; None if no name is similar.

    >>> suggest_name("imagenet-rael", ["imagenet-real", "imagenet-classes"])
    'did you mean imagenet-real?'
    """
    close = get_close_matches(str(name), list(map(str, known_names)), n=1)
    return f"did you mean {close[0]}?" if close else None


def group_files_with_same_text(text_of_file: Mapping[str, str]) -> Iterator[str]:
    """Yield one line for each text: the names of all files with this text, then the text. Skip empty texts.

    >>> list(group_files_with_same_text({"a": "ids", "b": "ids"}))
    ['all files: ids']
    >>> list(group_files_with_same_text({"a": "ids", "b": "scores", "c": "ids"}))
    ['a, c: ids', 'b: scores']
    >>> list(group_files_with_same_text({"a": "ids", "b": "ids", "c": ""}))
    ['a, b: ids']
    """
    for text in filter(None, dict.fromkeys(text_of_file.values())):
        names = [name for name, file_text in text_of_file.items() if file_text == text]
        yield f"{'all files' if 1 < len(names) == len(text_of_file) else join_first(names)}: {text}"


class ListTable(NamedTuple):
    """A result as a table: headings, total number of rows, and the cells of each row."""

    headings: Sequence[str]
    n_rows: int
    rows: Iterable[Sequence[str]]


class Printable:
    """A base class of results that are printed as a short text, and in a notebook as a table.

    The text depends on what the class defines:

    - `_summary_lines`: the `_headline`, if there is one, and these lines;
    - `_notebook_table`: the `_headline`, and in a notebook also the table;
    - ``__str__``: its text;
    - otherwise, for a dataclass with ``repr=False``: the fields, with short forms of long values.
    """

    @property
    def _headline(self) -> str:
        return ""

    def _summary_lines(self) -> Iterable[tuple[str, str]]:
        """Return the lines of the printed summary: pairs of a name and a text."""
        fields = getattr(self, "__dataclass_fields__", {}).values()
        return [(field.name, _short_repr(getattr(self, field.name))) for field in fields if field.init]

    def __str__(self) -> str:
        if type(self)._summary_lines is Printable._summary_lines:
            fields = ", ".join(f"{name}={text}" for name, text in self._summary_lines())
            return self._headline or f"{type(self).__name__}({fields})"
        return "\n".join([*([self._headline] if self._headline else []), *align_lines(self._summary_lines())])

    def __repr__(self) -> str:
        return str(self)

    def _notebook_table(self) -> ListTable | None:
        """If this result is a list, return it as a table; otherwise return None."""
        return None

    def _repr_html_(self) -> str:
        above = f"<p>{escape(self._headline)}</p>" if self._headline else ""
        table = self._notebook_table()
        if table is not None:
            more = f"<p>and {table.n_rows - _MAX_NOTEBOOK_ROWS:,} more</p>" if table.n_rows > _MAX_NOTEBOOK_ROWS else ""
            body = "".join(map(_format_html_row, islice(table.rows, _MAX_NOTEBOOK_ROWS)))
            return f"{above}<table>{_format_html_row(table.headings, 'th')}{body}</table>{more}"
        if type(self).__str__ is not Printable.__str__ and type(self)._summary_lines is Printable._summary_lines:
            return f"<p>{escape(str(self))}</p>"
        fields = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self._summary_lines()
        )
        return f"{above}<table>{fields}</table>"


def _format_html_row(texts: Iterable[str], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(text)}</{tag}>' for text in texts)}</tr>"


def _short_repr(value: object) -> str:
    """Return the repr of a value; of a long value, its type and size."""
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    if shape is not None and math.prod(shape) > _MAX_REPR_ITEMS:
        return f"<{getattr(value, 'dtype', kind)} of {' x '.join(f'{n:,}' for n in shape)}>"
    if isinstance(value, Collection) and not isinstance(value, str) and shape is None and len(value) > _MAX_REPR_ITEMS:
        return f"<{kind} of {len(value):,}>"
    text = repr(value)
    return text if len(text) <= _MAX_REPR_LETTERS or isinstance(value, str) else f"<{kind}>"
