"""What the tests of a campaign's commands share: a benchmark with tasks, and a campaign of them with votes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reassess.annotation.store.campaigns import open_campaign
from reassess.annotation.store.given_answers import GivenAnswer, save_answers
from reassess.annotation.store.people import people_of
from reassess.annotation.store.turns import Turn, next_turn
from tests.helpers import Run, picture, write_files

_NAMES = [f"{number}.png" for number in range(8)]
_CREATE = ("annotate", "create", "pets.db", "--benchmark", "pets", "--tasks", "tasks.jsonl")


def _golden(image: str) -> str:
    return f"{image},cat,eve,yes\n{image},dog,eve,no\n"


@pytest.fixture
def pets(folder: Path, run: Callable[..., Run]) -> Path:
    """The benchmark pets: of eight images, raters are to be asked about four, and experts know the other four."""
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
def create(pets: Path, run: Callable[..., Run]) -> Callable[..., Run]:
    """Make the campaign pets.db, with further options."""
    return lambda *options: run(*_CREATE, *options)


@pytest.fixture
def work() -> Callable[..., None]:
    """Let the raters of pets.db say that the first images are cats, and the golden ones too, until nothing is left."""

    def answer(now: float = 1e9) -> None:
        campaign = open_campaign("pets.db")
        for person in people_of(campaign):
            while person.role == "rater" and isinstance(turn := next_turn(campaign, person.id, now), Turn):
                given = [GivenAnswer(row.question, 0 if row.class_id else 2, 3.0) for row in turn.rows]
                save_answers(campaign, person.id, given, now)
        campaign.close()

    return answer
