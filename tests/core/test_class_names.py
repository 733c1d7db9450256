"""What classes may be called: which of them a text calls, and which texts are numbers."""

import pytest

from reassess.core.class_names import ClassNames, class_number

NAMED = ClassNames(wnids=("n01", "n02", "n03", "n04"), names=("crane", "dog, hound", "crane", "cat"))


@pytest.mark.parametrize("text", ["n02", "dog", "hound", "dog, hound", " Dog ", "HOUND", "N02"])
def test_a_class_is_found_by_wnid_by_whole_name_and_by_each_of_its_words(text: str) -> None:
    assert NAMED.ids_of(text) == (1,)


@pytest.mark.parametrize("text", ["", "do", "1", "n05"])
def test_what_names_no_class_is_not_found(text: str) -> None:
    assert NAMED.ids_of(text) == ()


def test_classes_of_one_name_are_all_called_so() -> None:
    assert NAMED.ids_of("Crane") == (0, 2)


@pytest.mark.parametrize("names", [("mug, cup", "cup"), ("mug, cup", "Cup", "saucer, cup")])
def test_a_class_that_is_called_so_as_a_whole_goes_before_words_between_commas(names: tuple[str, ...]) -> None:
    called = ClassNames(names=names)
    ids = [called.ids_of(text) for text in ("cup", "CUP", " cup ", "mug", "mug, cup")]
    assert ids == [(1,), (1,), (1,), (0,), (0,)]


def test_a_synonym_is_a_whole_name() -> None:
    called = ClassNames(names=("mug, cup", "beaker"), synonyms=((), ("cup",)))
    assert called.ids_of("cup") == (1,)


@pytest.mark.parametrize(
    "text", ["", "-", "1 2", "1,5", "1_000", "0x1", "1e", "e5", ".", "1.2.3", "infinite", "n01", "٣x"]
)
def test_what_no_table_reads_as_a_number_is_a_name(text: str) -> None:
    assert class_number(text) is None
