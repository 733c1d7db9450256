"""Errors: one form of message, and a tree of exceptions with built-in base classes."""

import pickle
from typing import Any

import pytest

from reassess.errors import (
    DataError,
    FetchError,
    Fix,
    MissingPackageError,
    OutputError,
    ReassessError,
    ReassessWarning,
)
from reassess.text import join_first


def test_message_has_one_line_per_part_in_fixed_order() -> None:
    error = ReassessError(
        "code", "class id out of range", fix="subtract 1", found=1000, allowed="0 to 999", where="p.npy"
    )
    assert str(error) == (
        "class id out of range\n  where:   p.npy\n  allowed: 0 to 999\n  found:   1000\n  fix:     subtract 1"
    )


@pytest.mark.parametrize(
    "error",
    [
        DataError("code", "no such image", where="x.csv", fix=Fix("read fewer ({rows})", rows=2)),
        OutputError("code", "disk full", where="x.csv"),
        MissingPackageError("torch", extra="torch", purpose="models"),
    ],
)
def test_error_of_another_process_has_the_same_message(error: ReassessError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.code, str(copy)) == (type(error), error.code, str(error))


def test_missing_parts_are_omitted_but_zero_is_printed() -> None:
    assert str(ReassessError("code", "file not found")) == "file not found"
    assert str(ReassessError("code", "too few rows", found=0)) == "too few rows\n  found:   0"


def test_long_names_are_shortened_but_fixes_are_not() -> None:
    name = "a" * 150 + "b" * 150
    error = ReassessError(
        "code", "no such image", where=f"x.csv, {name}", found=join_first([name, "c.png"]), fix=f"rm {name}"
    )
    short, item = ("a" * length + "…" + "b" * length for length in (100, 95))
    assert str(error) == (f"no such image\n  where:   x.csv, {short}\n  found:   {item}, c.png\n  fix:     rm {name}")


def test_lone_surrogate_in_message_is_escaped() -> None:
    assert (
        str(DataError("code", "an image has no label", found="b.n\ud800g"))
        == "an image has no label\n  found:   b.n\\ud800g"
    )


def test_part_with_several_lines_is_indented() -> None:
    assert str(ReassessError("code", "not there", found="here\nand there")) == (
        "not there\n  found:   here\n           and there"
    )


@pytest.mark.parametrize("kind", [DataError, OutputError, FetchError])
def test_every_error_class_prints_the_whole_message(kind: Any) -> None:
    assert str(kind("code", "wrong", where="a file")) == "wrong\n  where:   a file"


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (DataError("code", "x"), ValueError),
        (OutputError("code", "x"), OSError),
        (MissingPackageError("torch", extra="torch", purpose="this"), ImportError),
    ],
)
def test_error_is_also_a_builtin_exception(error: Any, builtin: Any) -> None:
    assert isinstance(error, ReassessError)
    assert isinstance(error, builtin)


def test_missing_package_error_has_install_command() -> None:
    assert str(MissingPackageError("torch", extra="torch", purpose="reading .pt files")) == (
        "package torch is missing (for reading .pt files)\n  fix:     pip install 'reassess[torch]'"
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more"), (2005, "0, 1, 2, 3, 4 and 2,000 more")],
)
def test_some_lists_the_first_few_and_counts_the_rest(count: int, text: str) -> None:
    assert join_first(range(count)) == text


def test_fix_renders_arguments_for_python_and_command_line() -> None:
    fix = Fix.join("; or ", "check the names", Fix("join by {match}, and see {help}", match='"name"', help=None), None)
    assert str(fix) == 'check the names; or join by match="name", and see help'
    assert fix.render(lambda name, value: f"--{name} {value}") == (
        'check the names; or join by --match "name", and see --help None'
    )


def test_fix_keeps_braces_of_other_words() -> None:
    assert str(Fix("rm {match} {x} {0}", match=1)) == "rm match=1 {x} {0}"


def test_warning_ends_with_its_fix() -> None:
    assert (
        str(ReassessWarning("few votes", Fix("add {answers}", answers="[...]")))
        == "few votes\n  fix: add answers=[...]"
    )
    assert str(ReassessWarning("few votes")) == "few votes"
