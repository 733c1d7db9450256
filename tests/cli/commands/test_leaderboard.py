"""`reassess leaderboard`: trends, positions of models, and errors."""

import json
from pathlib import Path

import pytest

from tests.helpers import RealFile, Runner, message_of, output_of, results_of, write_csv, write_files

MODELS = "model,original,real\n" + "".join(
    f"{chr(97 + i)}{i},{70 + i},{78 + 0.7 * i + 0.3 * (i % 3):.2f}\n" for i in range(15)
)


@pytest.fixture
def here(folder: Path) -> Path:
    """A leaderboard in the working folder."""
    return write_files(folder, {"models.csv": MODELS})


@pytest.fixture
def public(real_file: RealFile) -> list[Path]:
    """The tables of timm, and ImageNet's labels by name."""
    real_file("real.json")
    real_file("validation_labels.txt")
    return [real_file("results-imagenet.csv"), real_file("results-imagenet-real.csv")]


def test_timm_tables_give_published_numbers(public: list[Path], run: Runner) -> None:
    table = results_of(run, "leaderboard", *public)
    assert (len(table["rows"]), table["models"], table["rows_dropped"]) == (1_556, 1_266, {})
    assert (table["families"], table["family_pattern"], table["without_family"]) == (142, r"[^\W\d_]+(?=[^/\\]*$)", 0)
    assert [line["families"] for line in table["lines"]] == [142, 69, 126, 91]
    assert [line["band"] for line in table["lines"]][:2] == [None, {"low": 70, "high": 78}]
    assert (table["level"]["hits"], table["level"]["n"], table["level"]["above"]) == (42_164, 46_837, 105)
    assert table["rows"][0] == {
        "model": "eva02_large_patch14_448.mim_m38m_ft_in22k_in1k",
        "original": 90.056,
        "real": 91.144,
        "image_size": 448,
        "parameters": 305.08,
        "family": "eva",
        "real_rank": 1,
        "original_rank": 1,
    }
    assert (round(table["kendall"], 4), round(table["spearman"], 4)) == (0.9287, 0.9924)


def test_families_are_found_by_a_pattern(here: Path, run: Runner) -> None:
    kinds = ["a_vit", "b_vit", "a_gru", "b_gru", "b_cnn"] * 3
    rows = [f"{kind}{i},{70 + i},{78 + 0.7 * i + 0.3 * (i % 4):.2f}\n" for i, kind in enumerate(kinds)]
    (here / "models.csv").write_text("model,original,real\n" + "".join(rows) + "1,80,86\n")
    by_default = results_of(run, "leaderboard", "models.csv")
    table = results_of(run, "leaderboard", "models.csv", "--family", "_([a-z]+)")
    assert (by_default["families"], table["families"], table["without_family"]) == (3, 4, 1)
    assert [row["family"] for row in table["rows"] if row["model"] in ("a_vit0", "1")] == ["1", "vit"]
    assert table["lines"][0]["slope"]["value"] == by_default["lines"][0]["slope"]["value"]
    assert table["lines"][0]["slope"]["low"] != by_default["lines"][0]["slope"]["low"]
    out = run("leaderboard", "models.csv", "--family", "_([a-z]+)").out
    assert (
        "95 % of a slope: over families of models; a family is '_([a-z]+)' in the name (--family PATTERN)\n"
        "1 model without a family, each taken as its own family: the pattern does not match the name\n"
    ) in out


def test_two_accuracies_are_placed(here: Path, run: Runner) -> None:
    (placement,) = results_of(run, "leaderboard", "models.csv", "--place", "real=82.35,original=75")["place"]
    assert (placement["real_rank"], placement["original_rank"], placement["of"]) == (9, 10, 16)
    assert [entry["model"] for entry in placement["better"]] == ["j9", "i8", "h7"]
    assert [entry["model"] for entry in placement["others"]] == ["g6", "f5", "e4"]
    expected = placement["expected"]
    assert (expected["rows"], expected["share_below"]) == (15, 1)
    assert expected["low"] < expected["real"] < expected["high"]


def test_evaluation_is_placed_on_a_leaderboard(here: Path, run: Runner) -> None:
    (here / "labels.json").write_text(json.dumps({f"{i}": [i % 2] for i in range(100)}))
    (here / "original.json").write_text(json.dumps({f"{i}": i % 2 for i in range(100)}))
    write_csv("mine.csv", "image,prediction", [(i, int(i >= 20) * (i % 2)) for i in range(100)])
    evaluated = run("evaluate", "mine.csv", "--labels", "labels.json", "--original", "original.json", "--json")
    (here / "mine.json").write_text(evaluated.out)
    (placement,) = results_of(run, "leaderboard", "models.csv", "--place", "mine.json")["place"]
    keys = ("model", "original", "real", "real_rank")
    assert [placement[name] for name in keys] == ["mine.csv", 90.0, 90.0, 1]
    assert placement["expected"]["extrapolated"] is True
    assert results_of(run, "leaderboard", "mine.json", "models.csv")["rows"][0]["model"] == "mine.csv"
    own_result = run("leaderboard", "mine.json", "--place", "mine.json")
    assert "reassessed %" in own_result.out
    assert "expected reassessed %" in own_result.out
    assert "no accuracy of the original labels" in own_result.out
    assert "ReaL" not in own_result.out
    assert results_of(run, "leaderboard", "mine.json")["label_set"] == "reassessed"


def test_tables_are_explained(here: Path, run: Runner) -> None:
    """The accuracy of the benchmark's original labels is 50 %."""
    (here / "models.csv").write_text(MODELS + "last,83.5,86\n")
    write_files(here / "pets", {"labels.csv": "image,class\na,0\nb,1\n", "original.csv": "image,class\na,0\nb,0\n"})
    argv = ("leaderboard", "models.csv", "--limit", "2", "--benchmark", "pets", "--place", "original=75,real=82.35")
    lines = [" ".join(line.split()) for line in output_of(run(*argv)).splitlines()]
    for line in (
        "o14 - - 88.40 1 84.00 1",
        "n13 - - 87.40 2 83.00 3",
        "70 to 78 8 8 8 0.711 0.569 to 0.852",
        "rows above the original labels (50.00 %) 16 of 16",
        "highest rise by ReaL n13, rank 3 to 2",
        "deepest fall by ReaL last, rank 2 to 5",
        "the given model 82.35 +0.00 75.00",
        "16 rows of 16 models",
        "original labels: 1 of 2 valid, pets/original.csv by pets/labels.csv",
    ):
        assert line in lines
    assert lines[-1] == (
        "the given model: expected value from the 16 rows with the closest original accuracy, of 16 families; "
        "further above its expected value than 100 % of these rows"
    )


def test_missing_results_have_reasons(here: Path, run: Runner) -> None:
    (here / "two.csv").write_text("model,original,real\na,76,82\nb,77,83\n")
    out = output_of(run("leaderboard", "two.csv", "--place", "original=99,real=99"))
    everything = run("leaderboard", "two.csv", "--place", "original=99,real=99", "--verbose").out
    for line in (
        "no slope for all: too few families of models",
        "no rows in 78 to 84 % or 82 to 90 %",
        "no accuracy of the original labels: original or reassessed labels are missing",
        "the given model: no expected accuracy: too few families of models for a line",
    ):
        assert f"{line}\n" in everything
    table = out.partition("slope of ReaL")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["all", "70"]
    assert [line["rows"] for line in results_of(run, "leaderboard", "two.csv")["lines"]] == [2, 2, 0, 0]


def test_models_without_a_family_are_counted(here: Path, run: Runner) -> None:
    (here / "four.csv").write_text("model,original,real\na1,76,82\nb1,77,83\nc1,78,84\nc2,79,85\n")
    assert (
        "2 models without a family, each taken as its own family: the first group of the pattern "
        "does not match the name (put alternatives into one group, such as (a|b))\n"
    ) in run("leaderboard", "four.csv", "--family", "(a|b)|(c)").out


def test_model_with_the_name_of_a_row_is_noted(here: Path, run: Runner) -> None:
    (here / "mine.csv").write_text("model,original,real\nd3,73,80.1\nm99,73,80.1\n")
    result = run("leaderboard", "models.csv", "--place", "mine.csv")
    assert "\nd3: the leaderboard has a row with this name; it counts as another model\n" in result.out
    assert "m99: the leaderboard has" not in result.out


def test_rows_of_only_one_table_are_counted(here: Path, run: Runner) -> None:
    (here / "o.csv").write_text("model,img_size,top1\na,224,76.0\nb,224,78.0\nc,224,80.0\n")
    (here / "r.csv").write_text("model,img_size,top1,top1_diff\na,224,82.0,6.0\nd,224,60.0,1.0\n")
    result = run("leaderboard", "o.csv", "r.csv")
    assert "2 rows dropped: only in o.csv\n1 row dropped: only in r.csv\n" in result.out
    assert results_of(run, "leaderboard", "o.csv", "r.csv")["rows_dropped"] == {"only in o.csv": 2, "only in r.csv": 1}


def test_written_table_has_all_rows(here: Path, run: Runner) -> None:
    assert run("leaderboard", "models.csv", "--limit", "1", "-o", "t.md").code == 0
    lines = (here / "t.md").read_text().splitlines()
    assert lines[0] == "| model | image size | parameters, M | ReaL % | rank | original % | original rank |"
    assert len(lines) == 2 + 15


# --- wrong calls ----------------------------------------------------------------------------------------------------

_TWO = "is not a pair of accuracies in percent, such as original=83.1,real=88.5\n"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "Error: Missing argument 'TABLE...'."),
        (["models.csv", "--place", "original=83"], f"'--place': 'original=83' {_TWO}"),
        (["models.csv", "--place", "original=0.8,real=0.9"], f"'--place': 'original=0.8,real=0.9' {_TWO}"),
        (
            ["models.csv", "--place", "original=80,real=85,original=70"],
            "'--place': 'original=80,real=85,original=70' gives original twice\n",
        ),
        (
            ["models.csv", "--family", "("],
            "'--family': '(' is not a regular expression: missing ), unterminated subpattern",
        ),
        (["models.csv", "--limit", "0"], "Error: Invalid value for '--limit': 0 is not in the range x>=1."),
    ],
)
def test_usage_error_has_exit_code_2(argv: list[str], expected: str, here: Path, run: Runner) -> None:
    assert expected in message_of(run("leaderboard", *argv), 2)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["none.csv"], "file-not-found"),
        (["models.csv", "--place", "mine.npz"], "wrong-suffix"),
        (["models.csv", "shares.csv"], "out-of-range"),
    ],
)
def test_invalid_input_is_an_error(argv: list[str], code: str, here: Path, run: Runner) -> None:
    (here / "shares.csv").write_text("model,original,real\na,0.76,0.82\n")
    result = run("leaderboard", *argv)
    assert (result.code, result.out, result.error) == (1, "", code)
