"""Files of each data type, in every format that it can be read from."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from itertools import chain
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.arrays import encoded_archives, encoded_arrays, encoded_tensors, saved_tensors
from tests.fuzz.documents import edited_documents, encoded_documents, encoded_lines
from tests.fuzz.seeds import ARRAYS, CLASSES, DOCUMENTS, LINES, TABLES, TEXTS, archives
from tests.fuzz.tables import Table, encoded_tables
from tests.fuzz.values import LARGE_IDS, texts

Draw = Callable[[st.SearchStrategy[Any]], Any]
# The data type of each file of a benchmark folder, and of two models.
_PARTS = {
    **{part: part for part in ("classes", "original", "labels", "scores", "votes", "golden", "groups", "collapsed")},
    "rater-golden": "golden",
    "benchmark": "settings",
    "../one": "predictions",
    "../two": "predictions",
}
_ARCHIVES = archives()
_TEXT_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".txt")


@st.composite
def contents(draw: Draw, data_type: str) -> tuple[str, bytes]:
    """Draw the suffix and content of a file."""
    kinds: dict[str, Callable[[], st.SearchStrategy[bytes]]] = {}
    if tables := _tables(data_type):
        for suffix in (".csv", ".tsv", ".jsonl", ".parquet"):
            kinds[suffix] = lambda suffix=suffix: encoded_tables(tables, suffix)
    if data_type in LINES:
        kinds[".jsonl"] = lambda: encoded_lines(LINES[data_type])
    if data_type in DOCUMENTS:
        kinds[".json"] = lambda: encoded_documents(DOCUMENTS[data_type])
    if data_type == "transform":
        kinds[".toml"] = lambda: edited_documents(DOCUMENTS[data_type]).map(_toml)
    if data_type in TEXTS:
        kinds[".txt"] = lambda: st.lists(st.sampled_from(TEXTS[data_type]) | texts, max_size=4).map(_encoded)
    if data_type in ARRAYS:
        kinds[".npz"] = lambda: encoded_archives(ARRAYS[data_type])
    if data_type == "predictions":
        kinds[".npy"] = lambda: encoded_arrays(ARRAYS[data_type])
        if find_spec("torch") is not None:
            kinds[".safetensors"] = lambda: encoded_tensors(ARRAYS[data_type])
            kinds[".pt"] = lambda: saved_tensors(ARRAYS[data_type])
    suffix = draw(st.sampled_from(list(kinds)))
    return suffix, draw(kinds[suffix]())


def _tables(data_type: str) -> tuple[Table, ...]:
    """Return the tables of a data type; all tables for "table"."""
    return tuple(chain.from_iterable(TABLES.values())) if data_type == "table" else TABLES.get(data_type, ())


def _encoded(lines: list[str]) -> bytes:
    return "".join(lines).encode("utf-8", "surrogatepass")


def _toml(document: Any) -> bytes:
    """Convert a document without nested objects to TOML."""
    lines = (
        [f"{name} = {json.dumps(value)}" for name, value in document.items()] if isinstance(document, dict) else ["["]
    )
    return "\n".join(lines).encode("utf-8", "replace")


@st.composite
def folders(draw: Draw) -> dict[str, bytes]:
    """Draw a benchmark folder b and two models, with up to two files missing or wrong."""
    wrong = draw(st.sets(st.sampled_from([*_PARTS, "images"]), max_size=2))
    files = {}
    for part, data_type in _PARTS.items():
        if part not in wrong:
            suffix, content = valid_content(data_type)
        elif draw(st.integers(0, 3)):
            suffix, content = draw(contents(data_type))
        else:
            continue
        files[f"b/{part}{suffix}".replace("b/../", "")] = content
    if draw(st.integers(0, 3)) == 0:
        files = _replace_names(files, draw(st.sampled_from(LARGE_IDS)))
    name = draw(st.sampled_from(sorted(_ARCHIVES)))
    return files if "images" in wrong else files | {f"b/{name}": _ARCHIVES[name]}


def _replace_names(files: dict[str, bytes], last: int) -> dict[str, bytes]:
    """Replace class names by the ids 0, 1 and `last`, and remove the class list."""
    ids = {name.encode(): str(k).encode() for name, k in zip(CLASSES, (0, 1, last), strict=True)}
    replaced = {}
    for path, content in files.items():
        if path.endswith(_TEXT_SUFFIXES) and not path.startswith("b/classes"):
            for name, number in ids.items():
                content = content.replace(name, number)
        if not path.startswith("b/classes"):
            replaced[path] = content
    return replaced


def valid_content(data_type: str) -> tuple[str, bytes]:
    """Return the suffix and content of a valid file."""
    if data_type == "settings":
        return ".json", b'{"name": "pets", "threshold": 0.5}'
    table = TABLES[data_type][-1 if data_type == "classes" else 0]
    rows = [table.headings, *table.rows]
    return ".csv", "".join(",".join("" if cell is None else str(cell) for cell in row) + "\n" for row in rows).encode()
