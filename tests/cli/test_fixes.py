"""Fixes of errors name public arguments that have options."""

import ast
from importlib import import_module
from inspect import signature
from pathlib import Path

from reassess.cli.screen import OPTION_TEMPLATES
from tests.helpers import Needs

SOURCE = Path(__file__).parents[2] / "src" / "reassess"


def test_arguments_of_fixes_have_options() -> None:
    fix_arguments = {
        (keyword.arg, path.name)
        for path in SOURCE.rglob("*.py")
        if "integrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fix"
        for keyword in node.keywords
        if keyword.arg
    }
    assert {name for name, _ in fix_arguments} <= OPTION_TEMPLATES.keys()
    assert len(fix_arguments) > 20


def test_arguments_of_fixes_are_public(needs: Needs) -> None:
    """A fix names a public function, or an argument of one."""
    needs("sqlalchemy")
    names = set()
    for face in (path.parent.name for path in SOURCE.glob("*/__init__.pyi")):
        module = import_module(f"reassess.{face}")
        for name in module.__all__:
            value = getattr(module, name)
            names |= {name, *(signature(value).parameters if callable(value) else ())}
    assert OPTION_TEMPLATES.keys() <= names
