"""Fixes of errors name arguments that have options."""

import ast
from pathlib import Path

from reassess.cli.screen import OPTION_TEMPLATES

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
