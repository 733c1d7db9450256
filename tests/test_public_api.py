"""Public names: few, all used in the docs, with public types for arguments and results."""

import ast
import inspect
import re
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import polars
import pytest

import reassess
import reassess.errors

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
    "release",
    "numeric",
)
PUBLIC = set(reassess.__all__)  # type: ignore[attr-defined]


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import from the package in a Python file or a page."""
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
def test_docs_and_examples_import_only_public_modules(path: Path) -> None:
    allowed = {"reassess", "reassess.cli", "reassess.annotation", *(f"reassess.{face}" for face in FACES)}
    inner = {module for module, _ in imports(path)} - allowed
    assert {module for module in inner if not module.startswith("reassess.integrations.")} == set()


def test_imports_finds_an_inner_module(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("```python\nfrom reassess.core.labels import LabelSets\n```\n")
    assert list(imports(tmp_path / "a.md")) == [("reassess.core.labels", "LabelSets")]


def test_public_names_are_few() -> None:
    assert len(PUBLIC) <= 130
    *_, table = python_of((ROOT / "docs" / "python.md").read_text())
    assert len(set(re.findall(r"`(\w+)`", table))) <= 45


def python_of(page: str) -> Iterator[str]:
    """Yield the Python code of a page: blocks, calls and names in its text, and the table of python.md."""
    yield from (block.partition("\n")[2] for block in page.split("```")[1::2] if block.startswith("py"))
    yield from re.findall(r"`(reassess\.[^`]+|\w+\([^`]*)`", "".join(page.split("```")[::2]))
    yield page.partition("You can import these names from `reassess`:\n")[2].partition("\n## ")[0]


def test_every_public_name_is_used_in_the_docs_or_an_example() -> None:
    texts = [(path.suffix, path.read_text()) for path in pages()]
    code = "\n".join(part for suffix, text in texts for part in ([text] if suffix == ".py" else python_of(text)))
    unused = {name for name in PUBLIC if not re.search(rf"\b{name}\b", code)} - {"__version__"}
    assert unused == set()


def test_python_of_skips_words_and_commands() -> None:
    page = "Tasks, `scores`.\n```console\n$ reassess predict\n```\n`label_diff(a, b)`\n```py\nevaluate(x)\n```\n"
    assert list(python_of(page)) == ["evaluate(x)\n", "label_diff(a, b)", ""]


ERRORS = [name for name, value in vars(reassess.errors).items() if inspect.isclass(value) and name[0] != "_"]
NAMES = [*ERRORS, *(name for face in FACES for name in import_module(f"reassess.{face}").__all__)]


def test_public_name_is_the_same_object_in_its_module() -> None:
    modules = [reassess.errors, *(import_module(f"reassess.{face}") for face in FACES)]
    for name in PUBLIC - {"__version__"}:
        assert any(getattr(module, name, None) is getattr(reassess, name) for module in modules)


def test_public_modules_share_no_name() -> None:
    assert sorted(NAMES) == sorted(set(NAMES))


def classes_in(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and hint.__module__.startswith("reassess"):
        yield hint
    for part in typing.get_args(hint):
        yield from classes_in(part)


def functions_of(name: str) -> Iterator[object]:
    """Yield the function or class of a public name, and the public methods and properties of a class."""
    public = getattr(reassess, name)
    if inspect.isfunction(public) or inspect.isclass(public):
        yield public
    for method, value in vars(public).items() if inspect.isclass(public) else ():
        function = getattr(value, "fget", None) or getattr(value, "__func__", None) or getattr(value, "func", value)
        if inspect.isfunction(function) and not method.startswith("_"):
            yield function


def test_types_of_public_functions_are_public() -> None:
    hidden = {
        (name, annotated.__name__)
        for name in PUBLIC
        for function in functions_of(name)
        for hint in typing.get_type_hints(function, localns={"pl": polars}).values()
        for annotated in classes_in(hint)
    }
    assert {pair for pair in hidden if pair[1] not in NAMES} == set()


def test_public_names_differ_from_package_names() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if path.is_dir()}
    assert rooms.isdisjoint(PUBLIC)
