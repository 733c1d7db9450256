"""Classes: what they and a model's outputs may be called, and which names are no answer."""

from typing import Any

import numpy as np
import pytest

from reassess.core import Classes, LabelSets, align_classes
from reassess.core.class_names import ClassNames, class_number
from reassess.core.classes import GIVE_CLASSES, LIST_CLASSES
from reassess.data import benchmark_classes
from reassess.formats.predictions.output_lists import map_outputs
from tests.helpers import Needs, Refused, fault_of, warned

NAMED = Classes(4, ("n01", "n02", "n03", "n04"), ("crane", "dog, hound", "crane", "cat"))


@pytest.fixture
def imagenet(needs: Needs) -> Classes:
    needs("timm")
    return benchmark_classes()


def test_a_word_of_two_classes_that_none_is_called_by_as_a_whole_is_an_error(refused: Refused) -> None:
    assert refused(lambda: Classes(2, names=("mug, cup", "beaker, cup")).find("cup")) == "duplicate-class"


def test_capitals_tell_classes_apart_only_as_they_are_written(refused: Refused) -> None:
    classes = Classes(2, names=("Cat", "cat"))
    assert (classes.find("Cat"), classes.find("cat")) == (0, 1)
    assert refused(lambda: classes.find("CAT")) == "duplicate-class"


def test_blanks_around_a_name_are_no_part_of_it_and_capitals_are() -> None:
    assert Classes.from_texts([" cat", "cat ", "Cat"]).names == ("Cat", "cat")


def test_accents_may_be_characters_of_their_own_or_not() -> None:
    apart, together = "me\u0301tro", "m\u00e9tro"
    assert Classes.from_texts([apart, together]).names == (together,)
    for listed in (apart, together):
        classes = Classes(2, names=("bus", listed))
        assert [classes.find(text) for text in (apart, together, "ME\u0301TRO", "m\u00c9tro")] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"count": 3, "names": ("cat", "dog")}, "wrong-length"),
        ({"count": 1, "wnids": ("n01440764",) * 2}, "wrong-length"),
        ({"count": 2, "synonyms": (("pet",),)}, "wrong-length"),
        ({"count": 2, "names": ("cat", 7)}, "wrong-type"),
    ],
)
def test_a_list_that_does_not_hold_together_is_refused(refused: Refused, given: Any, code: str) -> None:
    assert refused(Classes, **given) == code


def test_names_of_two_files_that_differ_only_in_capitals_stay_apart_with_a_warning() -> None:
    labels, original = (LabelSets.from_lists(["a.png"], [[0]], Classes.from_texts([name])) for name in ("Cat", "cat"))
    with warned("names that differ only in case are different classes: Cat and cat"):
        both = align_classes({"labels.csv": labels, "original.csv": original})
    assert [part.sets() for part in both.values()] == [{"a.png": {0}}, {"a.png": {1}}]
    known = Classes.from_texts(["Cat", "cat"])
    assert known.unite(Classes.from_texts(["dog"])).names == ("Cat", "cat", "dog")  # their file was warned of


@pytest.mark.parametrize(
    ("ranked", "listed"), [(Classes.from_texts(["cat", "dog"]), Classes(2)), (Classes.from_texts(["cat"]), Classes(1))]
)
def test_names_in_sorted_order_are_never_the_ids_of_a_list_that_only_knows_their_number(
    refused: Refused, refused_text: Refused, ranked: Classes, listed: Classes
) -> None:
    names = ", ".join(ranked.names)
    assert refused(ranked.move, np.array([0]), listed) == "names-without-list"
    assert refused_text(listed.move, np.array([0]), ranked) == (
        f"class ids cannot be used: only class names are known\n  found:   {names}, and ids\n"
        f"  fix:     name the classes; or {GIVE_CLASSES}"
    )
    assert ranked.unite(listed) == listed.unite(ranked) == listed
    parts = {
        file: LabelSets.from_lists(["a.png"], [[0]], classes)
        for file, classes in (("labels.csv", ranked), ("original.csv", listed))
    }
    assert refused_text(align_classes, parts) == (
        "one file has class names, another has class ids\n  where:   labels.csv and original.csv\n"
        f"  found:   {names}, and ids\n  fix:     {LIST_CLASSES}"
    )


def test_all_wnids_of_a_list_that_only_knows_their_number_are_its_ids(refused: Refused) -> None:
    wnids = Classes.from_texts(["n00000002", "n00000001"])
    whole = Classes(2, wnids=("n00000001", "n00000002"))
    ids, there = wnids.move(np.array([1, 0]), Classes(2))
    assert (ids.tolist(), there) == ([1, 0], whole)
    assert wnids.unite(Classes(2)) == Classes(2).unite(wnids) == whole
    assert refused(wnids.move, np.array([0]), Classes(3)) == "names-without-list"


def test_a_list_of_names_in_the_order_of_their_ids_stays_beside_one_that_only_knows_their_number() -> None:
    listed = Classes(2, names=("dog", "cat"))
    ids, there = listed.move(np.array([1]), Classes(2))
    assert (ids.tolist(), there) == ([1], listed)
    assert listed.unite(Classes(2)) == Classes(2).unite(listed) == listed


@pytest.mark.parametrize("text", ["1", "-0", "01", "+2", "1.0", ".5", "5.", "1e5", "-1E-2", "nan", "Inf", "-infinity"])
def test_a_class_may_be_called_by_a_number_only_if_that_is_its_id(refused: Refused, text: str) -> None:
    is_id = class_number(text)
    for class_id in range(3):
        names = tuple(text if row == class_id else f"other {row}" for row in range(3))
        others = tuple((name,) for name in names)
        each: Any = [{"names": names}, {"wnids": names}, {"names": ("a", "b", "c"), "synonyms": others}]
        for given in each:
            if is_id == class_id:
                assert Classes(3, **given).id_of(text, where="") == class_id
                continue
            assert refused(Classes, 3, **given) == "number-as-name"
    assert refused(Classes.from_texts, ["cat", text]) == "number-as-name"


def test_a_number_between_commas_is_no_word_for_a_class() -> None:
    classes = Classes(3, names=("coin", "1,000 dollar bill, 0", "note"))
    assert [classes.find(text) for text in ("1", "0", "000 dollar bill", "1,000 dollar bill, 0")] == [None, None, 1, 1]
    assert classes.id_of("1", where="") == 1


@pytest.mark.parametrize(
    ("classes", "label"),
    [(NAMED, "dog"), (Classes(2, wnids=("n01", "n02")), "n02"), (Classes(2), "1"), (Classes(), "1")],
)
def test_a_label_is_the_best_word_there_is(classes: Any, label: str) -> None:
    assert classes.label(1) == label


def test_outputs_are_mapped_by_wnid_name_or_id_and_the_rest_are_minus_1() -> None:
    assert map_outputs(NAMED, ["cat", "background", "n01", "1"], where="list").tolist() == [3, -1, 0, 1]
    assert map_outputs(Classes(), ["0", str(2**31), "9" * 5000, "-1"], where="").tolist() == [0, -1, -1, -1]
    named = Classes(2, names=("cat", "dog"), has_local_ids=True)  # of which a number is none
    assert map_outputs(named, ["1", "dog", "0"], where="o").tolist() == [-1, 1, -1]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (["dog", "n01", "hound"], "duplicate-class at list"),
        (["cat", "crane"], "duplicate-class at list"),
        (["wolf", "4"], "unknown-class at list"),
    ],
)
def test_outputs_that_cannot_be_mapped_are_an_error_that_says_which(
    refused: Refused, outputs: list[str], expected: str
) -> None:
    assert refused(lambda: map_outputs(NAMED, outputs, where="list")) == expected


def test_imagenets_shared_names_are_an_error_that_names_both(imagenet: Classes) -> None:
    for found in (
        "'crane': 134 n02012849 crane, 517 n03126707 crane",
        "'maillot': 638 n03710637 maillot, 639 n03710721 maillot, tank suit",
    ):
        outputs = ["tench", found.split("'")[1]]
        assert fault_of(map_outputs, imagenet, outputs, where="names.txt") == ("duplicate-class", found)


def test_imagenets_wnids_are_sorted_and_each_finds_its_own_class(imagenet: Classes) -> None:
    """Popular lists of names call both 836 and 837 sunglasses; the list of lemmas has it for 837 alone."""
    assert fault_of(map_outputs, imagenet, ["sunglasses", "sunglasses"], where="names.txt")[0] == "duplicate-class"
    assert map_outputs(imagenet, sorted(imagenet.wnids), where="").tolist() == list(range(1000))


def test_a_name_as_it_stands_in_the_labels_is_the_class_though_another_may_be_called_so() -> None:
    """Classes that only the labels name are what the labels tell apart."""
    named = Classes(4, names=("Dog", "cat", "dog", "dog, hound"), has_local_ids=True)
    assert [named.find(text) for text in named.names] == [0, 1, 2, 3]
    assert (named.find("CAT"), named.find("hound"), named.find("fox")) == (1, 3, None)


CALLED = ClassNames(wnids=("n01", "n02", "n03", "n04"), names=("crane", "dog, hound", "crane", "cat"))


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        (("n02", "dog", "hound", "dog, hound", " Dog ", "HOUND", "N02"), (1,)),
        (("", "do", "1", "n05"), ()),
        (("Crane",), (0, 2)),
    ],
)
def test_classes_are_found_by_wnid_by_whole_name_and_by_each_of_its_words(
    texts: tuple[str, ...], ids: tuple[int, ...]
) -> None:
    assert {CALLED.ids_of(text) for text in texts} == {ids}


@pytest.mark.parametrize("names", [("mug, cup", "cup"), ("mug, cup", "Cup", "saucer, cup")])
def test_a_class_that_is_called_so_as_a_whole_goes_before_words_between_commas(names: tuple[str, ...]) -> None:
    called = ClassNames(names=names)
    ids = [called.ids_of(text) for text in ("cup", "CUP", " cup ", "mug", "mug, cup")]
    assert ids == [(1,), (1,), (1,), (0,), (0,)]
    assert ClassNames(names=("mug, cup", "beaker"), synonyms=((), ("cup",))).ids_of("cup") == (1,)


@pytest.mark.parametrize(
    "text", ["", "-", "1 2", "1,5", "1_000", "0x1", "1e", "e5", ".", "1.2.3", "infinite", "n01", "٣x"]
)
def test_what_no_table_reads_as_a_number_is_a_name(text: str) -> None:
    assert class_number(text) is None
