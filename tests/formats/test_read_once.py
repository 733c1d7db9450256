"""What is read once is read again as soon as the block is left, or something else is asked for."""

import pytest

from reassess.formats.read_once import reading_once, remembered

ASKED: list[str] = []


@remembered
def read(path: str, *, wrong: bool = False) -> list[str]:
    """Read a file."""
    ASKED.append(path)
    if wrong:
        raise ValueError(path)
    return [path]


def test_in_a_block_the_same_is_read_once_and_what_fails_fails_again() -> None:
    ASKED.clear()
    with reading_once():
        assert read("a") is read("a")
        assert read("b") == ["b"]
        for _ in range(2):
            with pytest.raises(ValueError, match="a"):
                read("a", wrong=True)
    assert ASKED == ["a", "b", "a", "a"]
    with reading_once():
        read("a")
    read("a")
    read("a")
    assert ASKED == ["a", "b", "a", "a", "a", "a", "a"]


def test_a_function_that_remembers_is_called_as_it_was() -> None:
    assert (read.__name__, read.__doc__) == ("read", "Read a file.")
