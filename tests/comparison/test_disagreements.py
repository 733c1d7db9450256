"""The images that only one of two models gets right."""

from reassess.comparison import Panel, disagreements_table
from reassess.core import Predictions, UnknownClasses
from tests.helpers import numbered_labels


def test_a_first_class_that_is_no_class_is_null() -> None:
    labels, jar = numbered_labels([[0, 3], [1]]), UnknownClasses(1, ("jar",))
    models = {
        name: Predictions.from_ids(ids, unknown_classes=jar) for name, ids in {"m": [-1, 1], "n": [3, -1]}.items()
    }
    assert disagreements_table(Panel.from_predictions(models, labels), [("m", "n")]).rows() == [
        ("1.png", "m", "n", 1, None),
        ("0.png", "n", "m", 3, None),
    ]
