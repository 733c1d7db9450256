"""Fixtures of the campaign commands: a benchmark with tasks, and a campaign with votes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reassess import annotation
from tests.helpers import Runner, picture, write_files

_NAMES = [f"{number}.png" for number in range(8)]


def _golden(image: str) -> str:
    return f"{image},cat,eve,yes\n{image},dog,eve,no\n"


@pytest.fixture
def pets(folder: Path, run: Runner) -> Path:
    """The benchmark pets with eight images: four are in tasks, the other four have experts' answers."""
    write_files(
        folder,
        {
            **{f"pets/images/{name}": picture(number, "PNG") for number, name in enumerate(_NAMES)},
            "pets/classes.txt": "cat\ndog\n",
            "pets/original.csv": "image,class\n" + "".join(f"{name},cat\n" for name in _NAMES),
            "pets/golden.csv": "image,class,rater,answer\n" + "".join(map(_golden, _NAMES[4:])),
            "proposals.csv": "image,class,source\n" + "".join(f"{name},cat,x\n{name},dog,x\n" for name in _NAMES[:4]),
        },
    )
    assert run("tasks", "proposals.csv", "--benchmark", "pets", "-o", "tasks.jsonl").code == 0
    return folder


@pytest.fixture
def create(pets: Path, run: Runner) -> Runner:
    """Create the campaign pets.db, with further options."""
    return lambda *options, tasks="tasks.jsonl": run(
        "annotate", "create", "pets.db", tasks, "--benchmark", "pets", *options
    )


@pytest.fixture
def work() -> Callable[..., None]:
    """Let the raters of pets.db answer that every image is a cat and not a dog, until no task is left."""

    def answer(now: float = 1e9) -> None:
        with annotation.use_campaign("pets.db") as campaign:
            for person in annotation.list_people(campaign):
                while person.role == "rater" and isinstance(
                    turn := annotation.begin_next_turn(campaign, person.id, now), annotation.Turn
                ):
                    new_answers = [
                        annotation.GivenAnswer(row.question_id, 0 if row.class_id else 2, 3.0) for row in turn.questions
                    ]
                    annotation.save_answers(campaign, person.id, new_answers, now)

    return answer
