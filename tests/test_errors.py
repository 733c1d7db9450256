"""Errors: one message form, and a tree that callers can catch by what it is to them."""

from typing import Any

import pytest

from reassess.errors import (
    DataError,
    Fix,
    MissingPackageError,
    OutputError,
    ReassessError,
    ReassessWarning,
    SourceError,
)
from reassess.text import some


def test_a_message_has_a_line_for_each_part_in_one_order() -> None:
    error = ReassessError(
        "code", "class id out of range", fix="subtract 1", found=1000, allowed="0 to 999", where="p.npy"
    )
    assert str(error) == (
        "class id out of range\n  where:   p.npy\n  allowed: 0 to 999\n  found:   1000\n  fix:     subtract 1"
    )


def test_parts_that_add_nothing_are_left_out_and_a_zero_is_something() -> None:
    assert str(ReassessError("code", "file not found")) == "file not found"
    assert str(ReassessError("code", "too few rows", found=0)) == "too few rows\n  found:   0"


def test_long_names_lose_their_middle_and_a_mend_is_whole() -> None:
    name = "a" * 150 + "b" * 150
    error = ReassessError(
        "code", "no such image", where=f"x.csv, {name}", found=some([name, "c.png"]), fix=f"rm {name}"
    )
    short, item = ("a" * length + "…" + "b" * length for length in (100, 95))
    assert str(error) == (f"no such image\n  where:   x.csv, {short}\n  found:   {item}, c.png\n  fix:     rm {name}")


def test_half_a_letter_is_escaped_so_that_a_message_can_be_written() -> None:
    assert (
        str(DataError("code", "an image has no label", found="b.n\ud800g"))
        == "an image has no label\n  found:   b.n\\ud800g"
    )


def test_a_part_of_several_lines_keeps_its_indentation() -> None:
    assert str(ReassessError("code", "not there", found="here\nand there")) == (
        "not there\n  found:   here\n           and there"
    )


@pytest.mark.parametrize("kind", [DataError, OutputError, SourceError])
def test_every_kind_prints_the_whole_message(kind: Any) -> None:
    assert str(kind("code", "wrong", where="a file")) == "wrong\n  where:   a file"


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (DataError("code", "x"), ValueError),
        (OutputError("code", "x"), OSError),
        (MissingPackageError("torch", extra="torch", purpose="this"), ImportError),
    ],
)
def test_an_error_is_also_the_builtin_that_a_caller_would_expect(error: Any, builtin: Any) -> None:
    assert isinstance(error, ReassessError)
    assert isinstance(error, builtin)


def test_a_missing_package_says_how_to_get_it() -> None:
    assert str(MissingPackageError("torch", extra="torch", purpose="reading .pt files")) == (
        "package torch is missing (for reading .pt files)\n  fix:     pip install 'reassess[torch]'"
    )


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "0"), (5, "0, 1, 2, 3, 4"), (6, "0, 1, 2, 3, 4 and 1 more"), (2005, "0, 1, 2, 3, 4 and 2,000 more")],
)
def test_some_shows_the_first_few_and_counts_the_rest(count: int, text: str) -> None:
    assert some(range(count)) == text


def test_a_fix_names_arguments_as_python_writes_them_and_as_a_command_line_would() -> None:
    fix = Fix.join("; or ", "check the names", Fix("join by {match}, and see {help}", match='"name"', help=None), None)
    assert str(fix) == 'check the names; or join by match="name", and see help'
    assert fix.render(lambda name, value: f"--{name} {value}") == (
        'check the names; or join by --match "name", and see --help None'
    )


def test_braces_of_other_words_stay_in_a_fix() -> None:
    assert str(Fix("rm {match} {x} {0}", match=1)) == "rm match=1 {x} {0}"


def test_a_warning_ends_with_its_fix() -> None:
    assert (
        str(ReassessWarning("few votes", Fix("add {answers}", answers="[...]")))
        == "few votes\n  fix: add answers=[...]"
    )
    assert str(ReassessWarning("few votes")) == "few votes"
