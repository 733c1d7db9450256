"""Class lists: valid names, lookup by name, and conversion between lists."""

from typing import Any

import numpy as np
import pytest

from reassess.core import Classes, LabelSets, align_classes
from reassess.core.class_names import ClassNames, parse_class_id
from reassess.core.classes import ADD_CLASS_LIST, UNIFY_CLASS_NAMES
from reassess.data import benchmark_classes
from reassess.formats.predictions.output_lists import map_outputs
from tests.helpers import Needs, Refused, fault_of, warned

CLASSES = Classes(4, ("n01", "n02", "n03", "n04"), ("crane", "dog, hound", "crane", "cat"))


@pytest.fixture
def imagenet(needs: Needs) -> Classes:
    needs("timm")
    return benchmark_classes()


def test_word_of_two_class_names_raises(refused: Refused) -> None:
    assert refused(lambda: Classes(2, names=("mug, cup", "beaker, cup")).find("cup")) == "duplicate-class"


def test_names_that_differ_in_case_are_found_only_by_exact_case(refused: Refused) -> None:
    classes = Classes(2, names=("Cat", "cat"))
    assert (classes.find("Cat"), classes.find("cat")) == (0, 1)
    assert refused(lambda: classes.find("CAT")) == "duplicate-class"


def test_surrounding_blanks_are_removed_and_case_is_kept() -> None:
    assert Classes.from_texts([" cat", "cat ", "Cat"]).names == ("Cat", "cat")


def test_unicode_forms_of_a_name_are_equal() -> None:
    nfd, nfc = "me\u0301tro", "m\u00e9tro"
    assert Classes.from_texts([nfd, nfc]).names == (nfc,)
    for name in (nfd, nfc):
        classes = Classes(2, names=("bus", name))
        assert [classes.find(text) for text in (nfd, nfc, "ME\u0301TRO", "m\u00c9tro")] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"count": 3, "names": ("cat", "dog")}, "wrong-length"),
        ({"count": 1, "wnids": ("n01440764",) * 2}, "wrong-length"),
        ({"count": 2, "synonyms": (("pet",),)}, "wrong-length"),
        ({"count": 2, "names": ("cat", 7)}, "wrong-type"),
    ],
)
def test_inconsistent_class_list_raises(refused: Refused, arguments: Any, code: str) -> None:
    assert refused(Classes, **arguments) == code


def test_names_of_two_files_that_differ_only_in_case_are_different_classes_with_a_warning() -> None:
    labels, original = (LabelSets.from_lists(["a.png"], [[0]], Classes.from_texts([name])) for name in ("Cat", "cat"))
    with warned("names that differ only in case are different classes: Cat and cat"):
        both = align_classes({"labels.csv": labels, "original.csv": original})
    assert [part.classes_by_image() for part in both.values()] == [{"a.png": {0}}, {"a.png": {1}}]
    known = Classes.from_texts(["Cat", "cat"])
    assert known.merge(Classes.from_texts(["dog"])).names == ("Cat", "cat", "dog")  # their own file has warned already


@pytest.mark.parametrize(
    ("local", "shared"), [(Classes.from_texts(["cat", "dog"]), Classes(2)), (Classes.from_texts(["cat"]), Classes(1))]
)
def test_sorted_names_of_a_file_do_not_define_ids(
    refused: Refused, refused_text: Refused, local: Classes, shared: Classes
) -> None:
    names = ", ".join(local.names)
    assert refused(local.convert_ids, np.array([0]), shared) == "names-without-list"
    assert refused_text(shared.convert_ids, np.array([0]), local) == (
        f"class ids cannot be used: only class names are known\n  found:   {names}, and ids\n"
        f"  fix:     name the classes; or {ADD_CLASS_LIST}"
    )
    assert local.merge(shared) == shared.merge(local) == shared
    parts = {
        file: LabelSets.from_lists(["a.png"], [[0]], classes)
        for file, classes in (("labels.csv", local), ("original.csv", shared))
    }
    assert refused_text(align_classes, parts) == (
        "one file has class names, another has class ids\n  where:   labels.csv and original.csv\n"
        f"  found:   {names}, and ids\n  fix:     {UNIFY_CLASS_NAMES}"
    )


def test_sorted_wnids_define_ids_if_complete(refused: Refused) -> None:
    wnids = Classes.from_texts(["n00000002", "n00000001"])
    whole = Classes(2, wnids=("n00000001", "n00000002"))
    ids, classes = wnids.convert_ids(np.array([1, 0]), Classes(2))
    assert (ids.tolist(), classes) == ([1, 0], whole)
    assert wnids.merge(Classes(2)) == Classes(2).merge(wnids) == whole
    assert refused(wnids.convert_ids, np.array([0]), Classes(3)) == "names-without-list"


def test_names_in_id_order_are_kept_for_a_list_with_only_a_count() -> None:
    names = Classes(2, names=("dog", "cat"))
    ids, classes = names.convert_ids(np.array([1]), Classes(2))
    assert (ids.tolist(), classes) == ([1], names)
    assert names.merge(Classes(2)) == Classes(2).merge(names) == names


@pytest.mark.parametrize("text", ["1", "-0", "01", "+2", "1.0", ".5", "5.", "1e5", "-1E-2", "nan", "Inf", "-infinity"])
def test_number_as_class_name_must_be_the_class_id(refused: Refused, text: str) -> None:
    is_id = parse_class_id(text)
    for class_id in range(3):
        names = tuple(text if row == class_id else f"other {row}" for row in range(3))
        synonyms = tuple((name,) for name in names)
        cases: Any = [{"names": names}, {"wnids": names}, {"names": ("a", "b", "c"), "synonyms": synonyms}]
        for arguments in cases:
            if is_id == class_id:
                assert Classes(3, **arguments).id_of(text, where="") == class_id
                continue
            assert refused(Classes, 3, **arguments) == "number-as-name"
    assert refused(Classes.from_texts, ["cat", text]) == "number-as-name"


def test_number_between_commas_is_not_a_word_of_the_name() -> None:
    classes = Classes(3, names=("coin", "1,000 dollar bill, 0", "note"))
    assert [classes.find(text) for text in ("1", "0", "000 dollar bill", "1,000 dollar bill, 0")] == [None, None, 1, 1]
    assert classes.id_of("1", where="") == 1


@pytest.mark.parametrize(
    ("classes", "short_name"),
    [(CLASSES, "dog"), (Classes(2, wnids=("n01", "n02")), "n02"), (Classes(2), "1"), (Classes(), "1")],
)
def test_short_name_is_name_else_wnid_else_id(classes: Any, short_name: str) -> None:
    assert classes.short_name(1) == short_name


def test_outputs_are_mapped_by_wnid_name_or_id_and_others_to_minus_1() -> None:
    assert map_outputs(CLASSES, ["cat", "background", "n01", "1"], where="list").tolist() == [3, -1, 0, 1]
    assert map_outputs(Classes(), ["0", str(2**31), "9" * 5000, "-1"], where="").tolist() == [0, -1, -1, -1]
    local = Classes(2, names=("cat", "dog"), has_local_ids=True)  # numbers are not ids of this list
    assert map_outputs(local, ["1", "dog", "0"], where="o").tolist() == [-1, 1, -1]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (["dog", "n01", "hound"], "duplicate-class at list"),
        (["cat", "crane"], "duplicate-class at list"),
        (["wolf", "4"], "unknown-class at list"),
    ],
)
def test_invalid_outputs_raise(refused: Refused, outputs: list[str], expected: str) -> None:
    assert refused(lambda: map_outputs(CLASSES, outputs, where="list")) == expected


def test_error_about_shared_imagenet_name_shows_both_classes(imagenet: Classes) -> None:
    for found in (
        "'crane': 134 n02012849 crane, 517 n03126707 crane",
        "'maillot': 638 n03710637 maillot, 639 n03710721 maillot, tank suit",
    ):
        outputs = ["tench", found.split("'")[1]]
        assert fault_of(map_outputs, imagenet, outputs, where="names.txt") == ("duplicate-class", found)


def test_imagenet_wnids_are_sorted_and_unique(imagenet: Classes) -> None:
    """Popular name lists use sunglasses for both 836 and 837; the list of lemmas only for 837."""
    assert fault_of(map_outputs, imagenet, ["sunglasses", "sunglasses"], where="names.txt")[0] == "duplicate-class"
    assert map_outputs(imagenet, sorted(imagenet.wnids), where="").tolist() == list(range(1000))


def test_exact_name_in_labels_takes_precedence() -> None:
    local = Classes(4, names=("Dog", "cat", "dog", "dog, hound"), has_local_ids=True)
    assert [local.find(text) for text in local.names] == [0, 1, 2, 3]
    assert (local.find("CAT"), local.find("hound"), local.find("fox")) == (1, 3, None)


WITH_WNIDS = ClassNames(wnids=("n01", "n02", "n03", "n04"), names=("crane", "dog, hound", "crane", "cat"))


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        (("n02", "dog", "hound", "dog, hound", " Dog ", "HOUND", "N02"), (1,)),
        (("", "do", "1", "n05"), ()),
        (("Crane",), (0, 2)),
    ],
)
def test_classes_are_found_by_wnid_name_or_word(texts: tuple[str, ...], ids: tuple[int, ...]) -> None:
    assert {WITH_WNIDS.find_ids(text) for text in texts} == {ids}


@pytest.mark.parametrize("names", [("mug, cup", "cup"), ("mug, cup", "Cup", "saucer, cup")])
def test_full_name_takes_precedence_over_word(names: tuple[str, ...]) -> None:
    class_names = ClassNames(names=names)
    ids = [class_names.find_ids(text) for text in ("cup", "CUP", " cup ", "mug", "mug, cup")]
    assert ids == [(1,), (1,), (1,), (0,), (0,)]
    assert ClassNames(names=("mug, cup", "beaker"), synonyms=((), ("cup",))).find_ids("cup") == (1,)


@pytest.mark.parametrize(
    "text", ["", "-", "1 2", "1,5", "1_000", "0x1", "1e", "e5", ".", "1.2.3", "infinite", "n01", "٣x"]
)
def test_text_that_is_not_a_number_has_no_class_number(text: str) -> None:
    assert parse_class_id(text) is None
