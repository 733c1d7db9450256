"""JSON documents with a few things wrong."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.values import texts, values

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def encoded_documents(draw: Draw, documents: tuple[Any, ...]) -> bytes:
    """The file of an edited document."""
    indent = draw(st.sampled_from([None, 1]))
    return json.dumps(draw(edited_documents(documents)), indent=indent, ensure_ascii=indent is None).encode(
        "utf-8", "replace"
    )


@st.composite
def encoded_lines(draw: Draw, documents: tuple[Any, ...]) -> bytes:
    """A file with an edited document a line."""
    lines = [json.dumps(draw(edited_documents(documents))) for _ in range(draw(st.integers(1, 3)))]
    return draw(st.sampled_from(["\n", "\n", "\r\n", "\n\n", " "])).join(lines).encode("utf-8", "replace")


@st.composite
def edited_documents(draw: Draw, documents: tuple[Any, ...]) -> Any:
    """One of the documents, with up to two nodes that are others."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 2))):
        document = _edited(draw, document)
    return document


def _edited(draw: Draw, node: Any) -> Any:
    if not isinstance(node, dict | list) or not node or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([[node], {"a": node}, [], {}, node]) | values)
    if isinstance(node, list):
        at = draw(st.integers(0, len(node) - 1))
        kept = draw(st.sampled_from([0, 1, 1, 1, 2]))
        return [*node[:at], *[_edited(draw, node[at])] * kept, *node[at + 1 :]]
    name = draw(st.sampled_from(list(node)))
    other = draw(st.sampled_from(["", "", "gone", "renamed"]))
    if not other:
        return node | {name: _edited(draw, node[name])}
    rest = {key: value for key, value in node.items() if key != name}
    return rest if other == "gone" else rest | {draw(texts): node[name]}
