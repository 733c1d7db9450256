"""Names of classes in texts: examples of each rule, and a slow search of all runs of words."""

import random
import re
import unicodedata
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reassess.core import Classes
from reassess.data import read_classes
from reassess.formats.predictions.class_name_finder import ClassNameFinder
from tests.helpers import Needs


def classes_named(*names: str, synonyms: tuple[tuple[str, ...], ...] = ()) -> Classes:
    """Make classes with wnids, so that two classes may have the same name."""
    wnids = tuple(f"n{number:08d}" for number in range(1, len(names) + 1))
    return Classes(len(names), wnids=wnids, names=names, synonyms=synonyms)


ANIMALS = classes_named(
    "tabby, tabby cat",
    "tiger cat",
    "tiger, Panthera tigris",
    "collie",
    "timber wolf",
    "red fox",
    "crane",
    "crane",
    "lion",
    "macaque",
    "man-eating shark",
    "Saint Bernard, St Bernard",
    "potter's wheel",
    "jack-o'-lantern",
    "consomme",
    "sunglass",
    "sunglasses, shades",
    "maillot",
    "maillot, tank suit",
    "goose",
    "mouse",
    "hourglass",
    "paper knife",
    "black-and-tan coonhound",
    synonyms=((), ("toyger",), *[()] * 22),
)
NAME_OF = dict(enumerate(ANIMALS.names))


def found(text: str, classes: Classes = ANIMALS) -> list[str]:
    """Return the names found in a text; with a question mark, if several classes share it."""
    return [
        f"{name.name}?" if name.is_ambiguous else classes.short_name(name.class_ids[0])
        for name in ClassNameFinder(classes).find(text)
    ]


# --- rules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("It is a tabby, or perhaps a tiger cat.", ["tabby", "tiger cat"]),
        ("", []),
        (" \n ", []),
        ("...", []),
        # names, words of names, synonyms, wnids
        ("panthera TIGRIS", ["tiger"]),
        ("a toyger", ["tiger cat"]),
        ("N00000004 (collie)", ["collie", "collie"]),
        ("class 3", []),
        # longest name from the left; a word belongs to one name
        ("tiger cat", ["tiger cat"]),
        ("tabby tiger cat", ["tabby", "tiger cat"]),
        ("tabby cat tiger", ["tabby", "tiger"]),
        ("tiger tiger cat", ["tiger", "tiger cat"]),
        # whole words
        ("tigerish collies' tabbycat", ["collie"]),
        ("hourglasses, glass", ["hourglass"]),
        ("n000000042", []),
        # hyphens
        ("tiger-cat, tiger_cat, tiger\u2011cat", ["tiger cat"] * 3),
        ("a lion-tailed macaque", ["macaque"]),
        ("sea-lion, lion-", ["lion"]),
        ("lion - macaque", ["lion", "macaque"]),
        ("man eating shark; Man-Eating sharks", ["man-eating shark"] * 2),
        ("black and tan coonhound", ["black-and-tan coonhound"]),
        ("_lion_ __macaque__", ["lion", "macaque"]),
        # punctuation and lines
        ("tiger, cat; tiger/cat; tiger\ncat; (tiger) cat; **tiger** cat; tiger\u2028cat", ["tiger"] * 6),
        ("tiger\tcat, tiger \u00a0 cat", ["tiger cat"] * 2),
        ("**tiger cat**, `tiger cat`, \u201ctiger cat\u201d", ["tiger cat"] * 3),
        (
            "maillot; tank suit; maillot, tank suit; Maillot (tank suit)",
            ["maillot?", *["maillot"] * 2, "maillot?", "maillot"],
        ),
        ("St. Bernard, St Bernards", ["Saint Bernard"] * 2),
        ("the best. Bernard", []),
        # apostrophes
        ("potter's wheel, potter\u2019s wheel, potters wheel", ["potter's wheel"] * 3),
        ("the lion's share of the lions' food", ["lion"] * 2),
        (
            "'lion' \u2018lion\u2019 jack-o'-lanterns Jack o lantern",
            ["lion", "lion", "jack-o'-lantern", "jack-o'-lantern"],
        ),
        # plurals
        ("tigers, tabbies, collies, timber wolves, red foxes", ["tiger", "tabby", "collie", "timber wolf", "red fox"]),
        ("geese, mice, paper knives", ["goose", "mouse", "paper knife"]),
        ("a shade", ["sunglasses"]),
        ("sunglass, sunglasses", ["sunglass", "sunglasses"]),
        # Unicode
        ("consomm\u00e9, consomme\u0301, CONSOMM\u00c9", ["consomme"] * 3),
        ("\uff54\uff49\uff47\uff45\uff52 cat; ti\u00adger\u200b cat", ["tiger cat"] * 2),
        ("\u3053\u308c\u306f\u864e\u3067\u3059", []),
        # shared names
        ("A crane. Two cranes!", ["crane?"] * 2),
        ("crane (n00000008)", ["crane?", "crane"]),
    ],
)
def test_names_are_found_by_the_documented_rules(text: str, names: list[str]) -> None:
    assert found(text) == names


def test_name_that_is_a_word_of_another_name_belongs_to_its_own_class() -> None:
    """In a list without wnids, full names come before words of names, as in `Classes.find`."""
    assert found("cup, mug", Classes(2, names=("mug, cup", "cup"))) == ["cup", "mug, cup"]


def test_punctuation_in_a_name_may_be_left_out_of_a_text() -> None:
    classes = Classes(4, names=("crane (bird)", "crane (machine)", "C", "C++"))
    text = "crane bird, Crane (machine), crane, C++ code, c code"
    assert found(text, classes) == ["crane (bird)", "crane (machine)", "C++", "C"]


def test_symbol_at_the_end_of_a_single_word_is_not_left_out() -> None:
    assert found("vitamin C", Classes(2, names=("C++", "other"))) == []


def test_apostrophe_before_a_hyphen_does_not_matter() -> None:
    assert found("a jack-o'-lantern", Classes(1, names=("jack-o-lantern",))) == ["jack-o-lantern"]


def test_words_that_only_look_like_plurals_are_other_words() -> None:
    assert found("its grass, gras", Classes(3, names=("it", "gras", "gra"))) == ["gras"]


@pytest.mark.parametrize("names", [("fox cats", "foxes cat"), ("foxes cat", "fox cats")])
def test_text_that_is_similar_to_two_names_is_ambiguous_under_the_first_in_alphabetical_order(
    names: tuple[str, ...],
) -> None:
    assert found("foxes cats", Classes(2, names=names)) == ["fox cats?"]
    assert found("fox cats", Classes(2, names=names)) == ["fox cats"]


def test_accents_distinguish_classes_only_if_the_text_has_them() -> None:
    classes = Classes(3, names=("papa", "pap\u00e1", "Stra\u00dfe"))
    assert found("papa, Pap\u00e1, p\u00e0pa, STRASSE", classes) == ["papa", "pap\u00e1", "papa?", "Stra\u00dfe"]


def test_names_that_differ_only_by_case_are_ambiguous() -> None:
    assert found("polish", Classes(2, names=("Polish", "polish"))) == ["polish?"]


def test_number_is_found_only_if_it_is_a_name() -> None:
    classes = Classes(3, names=("0", "1", "other"))
    assert found("It is a 1, 10 or 1.5; others", classes) == ["1", "1", "other"]


def test_names_without_letters_are_never_found() -> None:
    assert found("? - !", Classes(2, names=("?", "-"))) == []


# --- slow reference -------------------------------------------------------------------------------------------------

PLURAL_OF = {
    "cat": "cats",
    "fox": "foxes",
    "tabby": "tabbies",
    "wolf": "wolves",
    "man": "men",
    "glass": "glasses",
    "shoe": "shoes",
    "sea": "seas",
}
WORDS = [*PLURAL_OF, *PLURAL_OF.values(), "caf\u00e9", "cafe"]
SEPARATORS = [" ", "  ", "-", ", ", ",", " - ", ". ", "\n", "/"]


def are_similar(first: str, second: str) -> bool:
    singular = {plural: word for word, plural in PLURAL_OF.items()} | {"caf\u00e9": "cafe"}
    return singular.get(first, first) == singular.get(second, second)


def list_patterns(classes: Classes) -> Iterator[tuple[tuple[str, ...], int, bool]]:
    """Yield the words and commas of each name, the class, and whether the name is exact."""
    for class_id, name in enumerate(classes.names):
        parts = [part.split() for part in name.split(", ")]
        for part in parts:
            yield tuple(part), class_id, True
        if len(parts) > 1:
            yield tuple(name.replace(",", " ,").split()), class_id, True
            yield tuple(name.replace(",", " ").split()), class_id, False


def find_slowly(words: list[str], separators: list[str], classes: Classes) -> list[tuple[int, ...]]:
    """Compare all runs of words with all names: the first run, of these the longest."""
    patterns = list(list_patterns(classes))
    # Commas are tokens of names, and other punctuation separates names.
    tokens: list[str] = []
    glued: list[bool] = []  # whether a hyphen stands before the token
    for word, before in zip(words, ["", *separators], strict=False):
        if before.strip() in (",", ".", "/") or before in (" - ", "\n"):
            tokens.append("," if "," in before else "|")
            glued.append(False)
        tokens.append(word)
        glued.append(before == "-")
    glued.append(False)
    found: list[tuple[int, ...]] = []
    start = 0
    while start < len(tokens):
        for end in range(len(tokens), start, -1):
            run = tuple(tokens[start:end])
            similar = {
                class_id
                for pattern, class_id, _ in patterns
                if len(pattern) == len(run) and all(map(are_similar, pattern, run))
            }
            exact = {class_id for pattern, class_id, is_exact in patterns if pattern == run and is_exact}
            if similar and not glued[start] and not glued[end]:
                found.append(tuple(sorted(exact or similar)))
                start = end - 1
                break
        start += 1
    return found


names_of_words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
class_names = st.lists(names_of_words, min_size=1, max_size=2).map(", ".join)


@given(
    st.lists(class_names, min_size=1, max_size=6),
    st.lists(st.sampled_from(WORDS), max_size=8),
    st.lists(st.sampled_from(SEPARATORS), min_size=8, max_size=8),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.randoms(use_true_random=False),
)
@example(["cat", "cat fox cat", "fox"], ["cat", "fox", "wolf"], [" "] * 8, [False] * 8, random.Random(0))
@example(["cat, fox", "cat"], ["cats", "foxes", "cat"], [",", "-", *" " * 6], [True] * 8, random.Random(0))
def test_names_equal_slow_reference_in_any_order_of_classes(
    names: list[str], words: list[str], separators: list[str], is_upper: list[bool], generator: random.Random
) -> None:
    classes = classes_named(*names)
    shown = [word.upper() if upper else word for word, upper in zip(words, is_upper, strict=False)]
    text = "".join(part for pair in zip(shown, [*separators[: len(words) - 1], ""], strict=False) for part in pair)
    expected = find_slowly(words, separators[: max(len(words) - 1, 0)], classes)
    assert [name.class_ids for name in ClassNameFinder(classes).find(text)] == expected

    order = list(range(len(names)))
    generator.shuffle(order)
    shuffled = ClassNameFinder(classes_named(*(names[class_id] for class_id in order)))
    results = [(name.name, tuple(sorted(order[i] for i in name.class_ids))) for name in shuffled.find(text)]
    assert results == [(name.name, name.class_ids) for name in ClassNameFinder(classes).find(text)]


@given(st.text(max_size=40))
def test_any_text_is_searched_and_unicode_forms_are_equal(text: str) -> None:
    finder = ClassNameFinder(ANIMALS)
    names = finder.find(f"{text} | tiger cat | {text}")
    assert ("tiger cat", (1,)) in names
    assert finder.find(unicodedata.normalize("NFD", text)) == finder.find(unicodedata.normalize("NFC", text))


# --- ImageNet -------------------------------------------------------------------------------------------------------

SHARED = {
    "cardigan": (264, 474),
    "catamount": (286, 287),
    "crane": (134, 517),
    "crawfish": (123, 124),
    "crayfish": (123, 124),
    "gong": (494, 577),
    "grass snake": (55, 57),
    "harp": (593, 594),
    "horn": (513, 566),
    "maillot": (638, 639),
    "missile": (657, 744),
    "panda": (387, 388),
    "panther": (286, 290),
    "partridge": (82, 86),
    "polecat": (358, 361),
    "sand viper": (54, 66),
    "sus scrofa": (341, 342),
    "tub": (435, 876),
    "wagon": (436, 734),
}


@pytest.fixture
def imagenet(needs: Needs) -> Classes:
    needs("timm")  # has the class list
    return read_classes("imagenet-classes")


def test_each_name_of_imagenet_finds_its_classes(imagenet: Classes) -> None:
    finder = ClassNameFinder(imagenet)
    names = {name: finder.find(f"It is, I think, {name.upper()}.") for name in imagenet.ids_by_name}
    assert [name for name, ids in imagenet.ids_by_name.items() if [one.class_ids for one in names[name]] != [ids]] == []
    assert {one.name: one.class_ids for ones in names.values() for one in ones if one.is_ambiguous} == SHARED


def test_page_lists_the_ambiguous_names_and_everyday_words_of_imagenet(imagenet: Classes) -> None:
    page = " ".join((Path(__file__).parents[3] / "docs" / "free-text.md").read_text(encoding="utf-8").split())
    listed = re.search(r"(\d+) names are ambiguous: (.*?)\.", page)
    assert listed is not None
    assert (int(listed[1]), re.split(", | and ", listed[2].lower())) == (len(SHARED), sorted(SHARED))
    words = re.search(r"ImageNet's class (fly)\. Other names of ImageNet that are everyday words are (.*?)\.", page)
    assert words is not None
    finder = ClassNameFinder(imagenet)
    assert {len(finder.find(word)) for word in [words[1], *re.split(", | and ", words[2])]} == {1}
    assert finder.find("cat") == []


def test_imagenet_names_inside_longer_names_are_not_found(imagenet: Classes) -> None:
    def short_names(text: str) -> list[str]:
        return [imagenet.short_name(name.class_ids[0]) for name in ClassNameFinder(imagenet).find(text)]

    assert short_names("traffic lights, St. Bernards and a lion-tailed macaque") == [
        "traffic light",
        "Saint Bernard",
        "macaque",
    ]
    assert short_names("maillot, tank suit; giant pandas; red pandas") == ["maillot", "giant panda", "lesser panda"]
    assert short_names("sunglass; sunglasses; tiger cats; tigers") == ["sunglass", "sunglasses", "tiger cat", "tiger"]


def test_time_grows_linearly_with_the_text() -> None:
    """A finder that compares all runs of words would need a billion comparisons here."""
    finder = ClassNameFinder(classes_named(*(" ".join(words) for words in product(["cat", "fox"], repeat=4)), "fox"))
    assert len(finder.find("cat cat cat " * 30_000)) == 22_500
    assert len(finder.find("fox " * 30_001)) == 7_501
