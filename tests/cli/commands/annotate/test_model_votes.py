"""`reassess annotate create --model-votes`: votes of models that make questions close earlier."""

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from reassess import aggregate, annotation, read_votes
from reassess.annotation.store import schema
from tests.helpers import Runner, document_of, message_of, output_of, write_files

_N_GOLDEN, _N_QUESTIONS = 60, 200


def _rows(votes: dict[str, str], rater: str) -> str:
    return "".join(f"{image},cat,{rater},{answer}\n" for image, answer in votes.items())


@pytest.fixture
def folder_of_cats(folder: Path) -> Path:
    """Golden answers, tasks and the votes of two models: one is right in 90 % of cases, the other copies it."""
    rng = np.random.default_rng(0)
    images = [f"{number:03}.png" for number in range(_N_GOLDEN + _N_QUESTIONS)]
    truth = dict(zip(images, np.where(rng.random(len(images)) < 0.4, "yes", "no"), strict=True))
    guesses = {
        image: answer if rng.random() < 0.9 else {"yes": "no", "no": "yes"}[answer] for image, answer in truth.items()
    }
    header = "image,class,rater,answer\n"
    write_files(
        folder,
        {
            "cats/classes.txt": "cat\ndog\n",
            "cats/golden.csv": header + _rows({image: truth[image] for image in images[:_N_GOLDEN]}, "eve"),
            "tasks.jsonl": "".join(
                f'{{"task": {task}, "image": "{image}", "classes": [{{"class": "cat"}}]}}\n'
                for task, image in enumerate(images[_N_GOLDEN:])
            ),
            "truth.csv": "image,class\n"
            + "".join(f"{image},{'cat' if truth[image] == 'yes' else ''}\n" for image in images),
            "models.csv": header + _rows(guesses, "small#1") + _rows(guesses, "large#2"),
        },
    )
    return folder


def _create(run: Runner, *options: str) -> list[str]:
    rule = ["--stop", "0.05,0.95", "--seed", "1", "--force"]
    return output_of(
        run("annotate", "create", "cats.db", "tasks.jsonl", "--benchmark", "cats", *rule, *options)
    ).splitlines()


def _count_votes(run: Runner) -> int:
    command = ["annotate", "simulate", "cats.db", "--labels", "truth.csv", "--json"]
    command += ["--seed", "3", "--matrix", "0.75,0.05,0.2/0.2,0.05,0.75"]
    return document_of(run(*command), "annotate")["results"]["votes"]


def test_priors_are_calibrated_scores_and_need_fewer_votes(folder_of_cats: Path, run: Runner) -> None:
    _create(run)
    without = _count_votes(run)
    assert "votes of models count for 200 of 200 questions" in _create(run, "--model-votes", "models.csv")
    assert _count_votes(run) < 0.9 * without
    experts = read_votes("cats/golden.csv")
    scores = aggregate(read_votes("models.csv"), "calibrated", experts=experts, dependence=True).scores
    expected = dict(zip(scores.questions.images, scores.values.tolist(), strict=True))
    table = schema.questions.join(schema.tasks).join(schema.images)
    columns = schema.images.c.name, schema.tasks.c.kind, schema.questions.c.prior
    with annotation.use_campaign("cats.db") as campaign, campaign.engine.connect() as connection:
        stored = connection.execute(select(*columns).select_from(table)).all()
    assert {kind for _, kind, _ in stored} == {"golden", "main"}
    for name, kind, prior in stored:
        assert prior == (None if kind == "golden" else pytest.approx(np.clip(expected[name], 1 / 62, 61 / 62)))


def test_questions_without_model_votes_keep_their_prior(folder_of_cats: Path, run: Runner) -> None:
    lines = Path("models.csv").read_text().splitlines(keepends=True)
    Path("some.csv").write_text("".join(lines[: 1 + _N_GOLDEN + 50]) + "200.png,cat,,\n")  # a question without answer
    assert "votes of models count for 50 of 200 questions" in _create(run, "--model-votes", "some.csv")


def test_options_that_need_or_exclude_each_other(folder_of_cats: Path, run: Runner) -> None:
    create = ["annotate", "create", "cats.db", "tasks.jsonl", "--benchmark", "cats", "--model-votes", "models.csv"]
    assert "Error: --model-votes needs --stop.\n" in message_of(run(*create), 2)
    both = run(*create, "--stop", "0.05,0.95", "--original", "truth.csv")
    assert "Error: --model-votes and --original cannot be combined.\n" in message_of(both, 2)


@pytest.mark.parametrize(
    ("options", "votes", "expected"),
    [
        (["--golden", "none"], None, "votes of models need golden answers, because the accuracy of the models"),
        ([], "image,class,rater,answer\n000.png,cat,m,yes\n001.png,cat,m,no\n", "no question of the tasks has votes"),
        ([], "image,class,rater,answer\n200.png,cat,m,yes\n", "no golden item has a vote"),
        ([], "item,rater,answer\n200.png,m,yes\n", "votes on other items"),
        ([], "image,class,rater,answer\n200.png,bird,m,yes\n", "unknown class"),
        ([], "image,class,rater,answer\n200.png,cat,m,perhaps\n", "unknown answer"),
    ],
)
def test_unusable_model_votes_raise(
    folder_of_cats: Path, run: Runner, options: list[str], votes: str | None, expected: str
) -> None:
    if votes is not None:
        Path("models.csv").write_text(votes)
    options = ["--model-votes", "models.csv", "--stop", "0.05,0.95", *options]
    result = run("annotate", "create", "cats.db", "tasks.jsonl", "--benchmark", "cats", *options)
    assert expected in message_of(result)
    assert not Path("cats.db").exists()
