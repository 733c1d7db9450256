"""JSON documents with a few errors."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.values import texts, values

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def encoded_documents(draw: Draw, documents: tuple[Any, ...]) -> bytes:
    """Draw a file with an edited document."""
    indent = draw(st.sampled_from([None, 1]))
    return json.dumps(draw(edited_documents(documents)), indent=indent, ensure_ascii=indent is None).encode(
        "utf-8", "replace"
    )


@st.composite
def encoded_lines(draw: Draw, documents: tuple[Any, ...]) -> bytes:
    """Draw a file with an edited document per line."""
    lines = [json.dumps(draw(edited_documents(documents))) for _ in range(draw(st.integers(1, 3)))]
    return draw(st.sampled_from(["\n", "\n", "\r\n", "\n\n", " "])).join(lines).encode("utf-8", "replace")


@st.composite
def edited_documents(draw: Draw, documents: tuple[Any, ...]) -> Any:
    """Draw one of the documents, with up to two edited nodes."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 2))):
        document = _edit_node(draw, document)
    return document


def _edit_node(draw: Draw, node: Any) -> Any:
    if not isinstance(node, dict | list) or not node or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from([[node], {"a": node}, [], {}, node]) | values)
    if isinstance(node, list):
        at = draw(st.integers(0, len(node) - 1))
        copies = draw(st.sampled_from([0, 1, 1, 1, 2]))
        return [*node[:at], *[_edit_node(draw, node[at])] * copies, *node[at + 1 :]]
    name = draw(st.sampled_from(list(node)))
    edit = draw(st.sampled_from(["value", "value", "remove", "rename"]))
    if edit == "value":
        return node | {name: _edit_node(draw, node[name])}
    rest = {key: value for key, value in node.items() if key != name}
    return rest if edit == "remove" else rest | {draw(texts): node[name]}
