"""What is public: every room has a face, docs and the command line use no other names, and types are public too."""

import ast
import inspect
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import polars
import pytest

import reassess

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "reassess"
FACES = (
    "core",
    "formats",
    "evaluation",
    "aggregation",
    "comparison",
    "data",
    "proposals",
    "cleaning",
    "report",
    "numeric",
)
# What the command line shares with other rooms and a notebook has no use for: words, files, suffixes.
OF_THE_COMMAND_LINE = ("reassess.cli", "reassess.errors", "reassess.text", "reassess.formats.", "reassess.numeric.")
WORDS = ("reassess.evaluation.evaluation_words", "reassess.comparison.comparison_words")
CONSTANTS = {
    "FIGURE_SUFFIXES",
    "IDS_OF_NAMES",
    "LABELLED",
    "MADE_BY",
    "MATCHES",
    "NAMES_BESIDE_IDS",
    "NAMES_WITHOUT_LIST",
    "NO_ORIGINAL",
    "POOLING",
    "PREDICTION_FORMATS",
    "REPORT_SUFFIXES",
    "STATES",
    "check_packages",
    "class_ids_of",
    "image_keys",
    "label_set_name",
    "normal_id",
    "numbering_mistake",
}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from the package in a Python file, or in the Python blocks of a page."""
    text = path.read_text()
    if path.suffix == ".md":
        blocks = [block.partition("\n")[2] for block in text.split("```")[1::2] if block.startswith("py")]
        lines = [line.removeprefix(">>> ") for block in blocks for line in block.splitlines()]
        text = "\n".join(line.strip() for line in lines if line.strip().startswith("from reassess"))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "reassess":
            yield from ((node.module, alias.name) for alias in node.names)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*.py"))]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_docs_and_examples_import_from_faces_alone(path: Path) -> None:
    allowed = {"reassess", "reassess.cli", "reassess.annotation", *(f"reassess.{face}" for face in FACES)}
    inner = {module for module, _ in imports(path)} - allowed
    assert {module for module in inner if not module.startswith("reassess.integrations.")} == set()


def test_the_check_of_pages_would_notice_an_inner_module(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("```python\nfrom reassess.core.labels import LabelSets\n```\n")
    assert list(imports(tmp_path / "a.md")) == [("reassess.core.labels", "LabelSets")]


@pytest.mark.parametrize("face", FACES)
def test_every_name_of_a_face_is_that_of_the_package(face: str) -> None:
    room = import_module(f"reassess.{face}")
    assert room.__all__
    for name in room.__all__:
        assert getattr(reassess, name) is getattr(room, name)
    assert dir(room) == room.__all__


def test_no_name_stands_in_two_faces() -> None:
    names = [name for face in ("errors", *FACES) for name in import_module(f"reassess.{face}").__all__]
    assert sorted(names) == sorted(set(names))


def test_the_command_line_can_do_nothing_that_a_notebook_cannot() -> None:
    """Names of the room `annotation` are public too, and are had from there alone."""
    public = set(reassess.__all__)  # type: ignore[attr-defined]
    annotation = import_module("reassess.annotation").__all__
    of_annotation = {("reassess", "annotation"), *(("reassess.annotation", name) for name in annotation)}
    used = {pair for path in sorted((SOURCE / "cli").rglob("*.py")) for pair in imports(path)} - of_annotation
    inner = {
        f"{module}.{name}"
        for module, name in used
        if not module.startswith(OF_THE_COMMAND_LINE) and module not in WORDS and name not in public | CONSTANTS
    }
    assert inner == set()


def classes_in(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and hint.__module__.startswith("reassess"):
        yield hint
    for part in typing.get_args(hint):
        yield from classes_in(part)


def functions_of(name: str) -> Iterator[object]:
    """The function or class of a public name, and the public methods and properties of a class."""
    public = getattr(reassess, name)
    if inspect.isfunction(public) or inspect.isclass(public):
        yield public
    for method, value in vars(public).items() if inspect.isclass(public) else ():
        function = getattr(value, "fget", None) or getattr(value, "__func__", None) or getattr(value, "func", value)
        if inspect.isfunction(function) and not method.startswith("_"):
            yield function


def test_what_public_functions_take_and_return_is_public() -> None:
    hidden = {
        (name, hinted.__name__)
        for name in reassess.__all__  # type: ignore[attr-defined]
        for function in functions_of(name)
        for hint in typing.get_type_hints(function, localns={"pl": polars}).values()
        for hinted in classes_in(hint)
        if hinted.__name__ not in reassess.__all__  # type: ignore[attr-defined]
    }
    assert hidden == set()


def test_no_public_function_is_called_like_a_room() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()}
    assert rooms.isdisjoint(reassess.__all__)  # type: ignore[attr-defined]
