"""Names of people and campaigns: one line of visible text, and no similar names."""

import pytest

from reassess.annotation.person_names import check_name, refuse_similar_name
from tests.helpers import code_of, message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((name, f"name has no visible letter\n  found:   {name!a}") for name in (" ", "", "\u200b")),
        *(
            (
                f"ann{letter}lee",
                "name contains an unusual character\n"
                f"  found:   {letter!a} in {f'ann{letter}lee'!a}\n"
                "  fix:     use one line of visible text",
            )
            for letter in ("\ud800", "\0", "\n", "\u2028", "\u200b", "\u202e")
        ),
        *(
            (name, f"name starts or ends with a space\n  found:   {name!r}\n  fix:     'ann'")
            for name in ("ann ", " ann", "ann\u00a0")
        ),
        ("a" * 201, "name is too long\n  allowed: up to 200 letters\n  found:   201 letters"),
    ],
)
def test_name_is_one_line_of_visible_text(name: str, expected: str) -> None:
    assert message(check_name, name) == expected


@pytest.mark.parametrize(
    ("name", "other"),
    [
        *(("Ann", "ann"), ("STRASSE", "Straße"), ("Zoe\u0301", "zo\u00e9"), ("ann", "an\u200dn")),
        *(("ann", "\uff41\uff4e\uff4e"), ("ann", "\U0001d41ann"), ("Ann", "\u24d0nn"), ("x2", "x\u00b2")),
        *(
            ("fi", "\ufb01"),
            ("ace", "\u0430\u0441\u0435"),
            ("Ace", "\u0410\u0421\u0415"),
            ("\u0410\u0421\u0415", "ace"),
        ),
        *(("ova", "\u03bf\u03bd\u03b1"), ("MAPIA", "\u039c\u0391\u03a1\u0399\u0391"), ("\u043e\u0440", "\u03bf\u03c1")),
        *(("\u00eb", "\u0451"), ("\u039c\u0391\u03a1\u0399\u0391", "\u03bc\u03b1\u03c1\u03b9\u03b1")),
        ("Dr. ope", "Dr. \u043e\u0440\u0435"),
    ],
)
def test_similar_names_raise(name: str, other: str) -> None:
    assert message(refuse_similar_name, other, [name]) == (
        "name is too similar to another name\n"
        f"  found:   {other!r}, like {name!r}\n"
        f"  fix:     write {name!r} if it is the same person"
    )
    refuse_similar_name(name, [name, "another"])


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        *((name, "Cyrillic and Latin") for name in ("\u0430nn", "ann\u0455", "Dr. \u0430nn")),
        ("b\u03bfb", "Greek and Latin"),
        ("\u0430\u03bf", "Cyrillic and Greek"),
        ("\u674e\u0430", "Cyrillic and East Asian"),
    ],
)
def test_word_in_several_scripts_raises(name: str, scripts: str) -> None:
    assert message(refuse_similar_name, name, []) == (
        "a word in the name mixes letters of different scripts, which can look the same\n"
        "  allowed: one script per word\n"
        f"  found:   {name!a}: {scripts}\n"
        "  fix:     write each word in one script"
    )


@pytest.mark.parametrize(
    "name",
    [
        "é" * 200,
        *("\u0410\u043d\u043d\u0430 2", "\u5c71\u7530\u306f\u306a", "\uae40 \u91d1", "Zo\u00eb O\u2019Neil-\u0141"),
        *("\u05d0-\u05d1", "rater 7", "\u5c71\u7530 Taro", "\uae40 Alex", "\u674e Li", "\u674eLi", "\u3006\u6728"),
        *("Dr. \u0418\u0432\u0430\u043d\u043e\u0432", "\u039c\u03b1\u03c1\u03af\u03b1 B"),
    ],
)
def test_name_can_be_in_any_script_and_have_200_letters(name: str) -> None:
    check_name(name)
    refuse_similar_name(name, ["ann"])


def test_both_checks_apply_to_the_same_name() -> None:
    assert code_of(check_name, "\n") == code_of(refuse_similar_name, "\u0430nn", []) == "invalid-name"
