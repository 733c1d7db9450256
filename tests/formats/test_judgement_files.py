"""Files of judged mistakes: the form of Vasudevan et al., and tables."""

import json
from collections import Counter
from typing import Any

import pytest

from reassess.core import IMAGENET, Classes
from reassess.data import check_benchmark, fetch_source_files, read_labels
from reassess.formats import read_judged_mistakes
from tests.helpers import File, RealFile, Refused, message

KITCHEN = Classes(3, names=("cup", "mug", "pot"))
KEYS = ("top_prediction", "failure category", "failure severity")


def judgement(*values: Any) -> dict[str, Any]:
    return dict(zip(KEYS, values, strict=False))


def test_published_form_and_table_are_equal(file: File) -> None:
    document = {"a.png": judgement(2, "Fine-grained", "Minor"), "b.png": judgement(0, "Spurious", "Major")}
    published = file("a.json", json.dumps(document))
    table = file("a.csv", "image,class,category,severity\na.png,pot,Fine-grained,Minor\nb.png,cup,Spurious,Major\n")
    for paths in ((published,), (table,), (published, table)):  # the same judgement in two files counts once
        found = read_judged_mistakes(*paths, classes=KITCHEN)
        assert (found.questions.images, found.questions.class_ids.tolist()) == (("a.png", "b.png"), [2, 0])
        assert (found.categories, found.severities) == (("Fine-grained", "Spurious"), ("Minor", "Major"))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", [], "wrong-json at a.json"),
        ("a.json", {}, "wrong-json at a.json"),
        ("a.json", {"a.png": 3}, "wrong-json at a.json, image a.png"),
        ("a.json", {"a.png": judgement(2, "\ud800", "y")}, "invalid-text at a.json, image a.png"),
        ("a.csv", "image,class,category,severity\na.png,cup, ,y\n", "missing-value at a.csv, line 2, column category"),
        ("a.json", {"a.png": judgement(2, "x")}, "wrong-json at a.json, image a.png"),
        ("a.json", {"a.png": judgement(2, "x", 1)}, "wrong-json at a.json, image a.png"),
        ("a.json", {"a.png": judgement(3, "x", "y")}, "out-of-range at a.json, image a.png"),
        ("a.json", {"": judgement(2, "x", "y")}, "missing-value at a.json, the questions, row 0"),
        ("a.json", {"a.png": judgement(2, " ", "y")}, "wrong-json at a.json, image a.png"),
        ("a.json", {"a.png": judgement(True, "x", "y")}, "ids-and-names at a.json"),
        ("a.json", {"a.png": judgement("fork", "x", "y")}, "unknown-class at a.json"),
        ("a.csv", "image,class,category\na.png,cup,x\n", "missing-column at a.csv"),
        ("a.csv", "image,class,category,severity\na.png,cup,,y\n", "missing-value at a.csv, line 2, column category"),
        (
            "a.csv",
            "image,class,category,severity\na.png,cup,x,y\na.png,0,x,z\n",
            "contradictory-judgements at a.csv, image a.png, class cup",
        ),
    ],
)
def test_wrong_files_raise(refused: Refused, file: File, name: str, content: Any, expected: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    assert refused(lambda: read_judged_mistakes(file(name, text), classes=KITCHEN)) == expected


def test_judged_mistakes_are_not_label_sets(refused: Refused, file: File) -> None:
    table = file("a.csv", "image,class,category,severity\na.png,pot,Fine-grained,Minor\n")
    assert refused(lambda: read_labels(table)) == "not-labels at a.csv"
    published = file("a.json", json.dumps({"a.png": judgement(2, "Fine-grained", "Minor")}))
    assert "the file has judged mistakes" in message(read_labels, published)


def test_published_mistakes_of_two_models(real_file: RealFile) -> None:
    real_file("imagenet-mistakes-vit3b_mistakes.json")
    found = read_judged_mistakes(*fetch_source_files("imagenet-mistakes"), classes=IMAGENET.classes)
    assert repr(found) == "JudgedMistakes(484 judgements, 463 images)"  # 378 and 249, 143 of them in both files
    (judged,) = (check for check in check_benchmark("imagenet").parts if check.part == "judged")
    assert judged.counts == {"questions": 484, "images": 463, "classes": len(set(found.questions.class_ids.tolist()))}
    assert Counter(found.severities) == {"Major": 202, "Minor": 198, "Borderline": 84}
