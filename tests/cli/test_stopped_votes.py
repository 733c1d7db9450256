"""Warnings about biased results from votes that a stop rule ended."""

from pathlib import Path

import pytest

from tests.helpers import Runner, write_files

VOTES = "image,class,rater,answer\n" + "".join(
    f"{image}.png,0,{rater},{answer}\n"
    for image, answers in (("a", "yyy"), ("b", "nn"), ("c", "yn"))
    for rater, answer in zip(("ann", "bo", "cy"), ({"y": "yes", "n": "no"}[x] for x in answers), strict=False)
)
WARNING_START = "votes stopped early (stop 0.01, 0.99): "


@pytest.fixture
def pets(folder: Path) -> Path:
    """A benchmark whose votes were ended by a stop rule."""
    write_files(folder, {"pets/votes.csv": VOTES, "pets/benchmark.json": '{"stop": [0.01, 0.99]}'})
    return folder / "pets"


def test_mean_of_stopped_votes_is_biased(pets: Path, run: Runner) -> None:
    result = run("aggregate", "--benchmark", "pets", "--method", "mean", "-o", "scores.csv")
    assert result.code == 0
    assert f"{WARNING_START}their mean is biased; use another method\n" in result.err


def test_rater_model_is_not_biased(pets: Path, run: Runner) -> None:
    result = run("aggregate", "--benchmark", "pets", "--method", "em", "-o", "scores.csv")
    assert (result.code, WARNING_START in result.err) == (0, False)


def test_alpha_of_stopped_votes_is_biased(pets: Path, run: Runner) -> None:
    result = run("raters", "--benchmark", "pets")
    assert result.code == 0
    assert f"{WARNING_START}their alpha is biased; alpha of golden votes is not\n" in result.err


def test_savings_of_a_stop_rule_are_underestimated(pets: Path, run: Runner) -> None:
    write_files(pets, {"golden.csv": VOTES})
    assert run("aggregate", "--benchmark", "pets", "--method", "em", "-o", "pets/scores.csv").code == 0
    result = run("curve", "--benchmark", "pets", "--stop", "0.01,0.99")
    assert result.code == 0
    assert f"{WARNING_START}the savings of a stop rule are underestimated\n" in result.err
    assert WARNING_START not in run("curve", "--benchmark", "pets").err


@pytest.mark.parametrize(
    "argv", [["raters", "other.csv"], ["aggregate", "other.csv", "--method", "mean", "-o", "s.csv"]]
)
def test_no_warning_for_votes_outside_the_benchmark(pets: Path, run: Runner, argv: list[str]) -> None:
    (pets.parent / "other.csv").write_text(VOTES)
    result = run(*argv, "--benchmark", "pets")
    assert (result.code, WARNING_START in result.err) == (0, False)
