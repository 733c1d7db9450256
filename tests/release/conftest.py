"""A campaign's export with scores and labels, as docs/annotate.md makes it, and its release."""

from pathlib import Path

import pytest

from reassess.cli import main
from reassess.release import write_release
from tests.helpers import write_csv, write_files

IMAGES = [f"{number:03}.png" for number in range(30)]
CLASSES = ("circle", "square")


def is_valid(number: int, class_id: int) -> bool:
    return number % 2 == class_id or number % 5 == 0


def run_all(*lines: str) -> None:
    for line in lines:
        assert main([*line.split(), "--quiet"]) == 0


@pytest.fixture(scope="session")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark folder that `annotate export`, `aggregate` and `labels` wrote, with golden answers."""
    pytest.importorskip("sqlalchemy")
    folder = tmp_path_factory.mktemp("campaign")
    shapes = write_files(folder, {"shapes/classes.txt": "circle\nsquare\n"}) / "shapes"
    questions = [(number, class_id) for number in range(len(IMAGES)) for class_id in range(2)]
    write_csv(
        shapes / "original.csv", "image,class", ((name, CLASSES[number % 2]) for number, name in enumerate(IMAGES))
    )
    rows = [(IMAGES[number], CLASSES[class_id]) for number, class_id in questions]
    write_csv(folder / "candidates.csv", "image,class,source", [(*row, "model") for row in rows])
    write_csv(
        folder / "truth.csv", "image,class", [row for row, one in zip(rows, questions, strict=True) if is_valid(*one)]
    )
    golden = [
        (IMAGES[number], CLASSES[class_id], expert, "yes" if is_valid(number, class_id) else "no")
        for number, class_id in questions
        if number >= 20
        for expert in ("Ida Berg", "eve@example.org")
    ]
    write_csv(shapes / "golden.csv", "image,class,rater,answer", golden)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_all(
            "annotate create shapes.db candidates.csv --benchmark shapes --golden-share 0.3 --seed 1",
            "annotate simulate shapes.db --raters 5 --labels truth.csv -o answered.db",
            "annotate export answered.db -o rated --rater-names",
            "aggregate --benchmark rated -o rated/scores.csv",
            "labels --benchmark rated -o rated/labels.csv",
        )
    return folder / "rated"


@pytest.fixture(scope="session")
def released(rated: Path) -> Path:
    """The release of the campaign."""
    return write_release(rated, rated.parent / "shapes-1.0").folder
