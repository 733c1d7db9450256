"""Commands on a folder of Parquet files of votes, compared with the same commands on one file."""

import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from reassess import read_scores
from tests.helpers import Runner, document_of, message_of


@pytest.fixture
def votes(folder: Path) -> pl.DataFrame:
    """Votes on questions, in one file, in a folder, and golden answers, also on an image without votes."""
    rows = [
        (f"{image}.png", name, f"r{rater}", "yes" if (image % 2 == (name == "cat")) ^ (rater == image % 7) else "no")
        for image in range(40)
        for name in ("cat", "dog")
        for rater in range(3)
    ]
    table = pl.DataFrame(rows, schema=["image", "class", "rater", "answer"], orient="row")
    table.write_parquet("votes.parquet")
    Path("votes").mkdir()
    table[:100].write_parquet("votes/a.parquet")
    table[100:].write_parquet("votes/b.parquet", row_group_size=9)
    golden = table.filter(pl.col("rater") == "r0", pl.col("image").str.len_chars() == 6).head(30)
    columns = {"image": ["new.png"] * 2, "class": ["cat", "dog"], "rater": ["r0"] * 2}
    new = pl.DataFrame({**columns, "answer": ["yes", "no"]})
    golden.write_csv("golden.csv")
    pl.concat([golden, new]).write_csv("more_golden.csv")
    return table


@pytest.mark.parametrize(
    "options",
    [[], ["--method", "majority"], ["--golden", "more_golden.csv"], ["--method", "em", "--golden", "golden.csv"]],
)
@pytest.mark.filterwarnings("ignore")
def test_scores_of_a_folder_equal_scores_of_one_file(run: Runner, votes: pl.DataFrame, options: list[str]) -> None:
    file = run("aggregate", "votes.parquet", "-o", "scores.parquet", "--json", *options)
    parts = run("aggregate", "votes", "-o", "scores", "--json", *options)
    assert parts.err == file.err  # warnings
    first, second = (json.loads(each.out)["results"] | {"output": ""} for each in (file, parts))
    assert first == second
    files = sorted(Path("scores").iterdir())
    assert_frame_equal(pl.concat(map(pl.read_parquet, files)), pl.read_parquet("scores.parquet"), check_exact=True)
    metadata = [pl.read_parquet_metadata(path)["method"] for path in (*files, Path("scores.parquet"))]
    assert len(set(metadata)) == 1
    assert {path.name for path in Path().iterdir()} == {
        "votes.parquet",
        "votes",
        "golden.csv",
        "more_golden.csv",
        "scores.parquet",
        "scores",
    }


def test_label_sets_of_a_folder_equal_label_sets_of_one_file(run: Runner, votes: pl.DataFrame) -> None:
    run("aggregate", "votes.parquet", "-o", "scores.parquet")
    assert "next: reassess labels scores --threshold 0.8" in run("aggregate", "votes", "-o", "scores").out
    for scores in ("scores.parquet", "scores"):
        run("labels", scores, "--threshold", "0.5", "-o", f"labels-of-{scores}.json")
    assert Path("labels-of-scores.json").read_bytes() == Path("labels-of-scores.parquet.json").read_bytes()
    assert read_scores("scores").method == read_scores("scores.parquet").method


def test_items_have_a_row_for_each_answer(run: Runner, folder: Path) -> None:
    table = pl.DataFrame({"item": ["x", "x", "y"], "rater": ["a", "b", "a"], "answer": ["1", "2", "2"]})
    Path("votes").mkdir()
    table.write_parquet("votes/a.parquet")
    table.write_parquet("votes.parquet")
    for source, output in (("votes", "shares"), ("votes.parquet", "shares.parquet")):
        assert run("aggregate", source, "--method", "majority", "-o", output).code == 0
    assert_frame_equal(pl.read_parquet("shares/scores-00000-of-00001.parquet"), pl.read_parquet("shares.parquet"))


@pytest.mark.filterwarnings("ignore")
def test_curve_of_a_folder_equals_curve_of_one_file(run: Runner, votes: pl.DataFrame) -> None:
    curves = []
    for source, output in (("votes.parquet", "scores.parquet"), ("votes", "scores")):
        assert run("aggregate", source, "-o", output).code == 0
        result = run("curve", output, "--golden", "golden.csv", "--choose", "f1", "--json")
        curves.append(document_of(result, "curve")["results"][0] | {"file": ""})
    assert curves[0] == curves[1]


def test_curve_of_a_folder_names_the_option_that_is_missing_or_refused(run: Runner, votes: pl.DataFrame) -> None:
    assert run("aggregate", "votes", "--golden", "golden.csv", "--method", "em", "-o", "scores").code == 0
    for options, message in (
        ([], "A folder of scores needs --golden."),
        (
            ["--golden", "golden.csv", "--match", "name"],
            "--match cannot be used with a folder of scores: images are joined by path.",
        ),
        (
            ["--golden", "golden.csv", "--leave-out", "image"],
            "--leave-out cannot be used with scores of a folder of votes: give golden answers that aggregate did not "
            "use.",
        ),
        (
            ["--golden", "golden.csv", "--stop", "0.1,0.9"],
            "--stop cannot be used with scores of a folder of votes.",
        ),
    ):
        text = " ".join(message_of(run("curve", "scores", *options), code=2).split())
        assert text.endswith(f"Error: {message}")
    result = run("curve", "scores", "--golden", "golden.csv")
    assert "in-sample: the golden answers used here also made the scores" in result.out
    assert "--leave-out" not in result.out


@pytest.mark.parametrize(
    "command", [["labels", "--threshold", "0.8", "-o", "out.csv"], ["curve", "--golden", "votes.parquet"]]
)
def test_folder_of_votes_instead_of_scores_suggests_aggregate(
    run: Runner, votes: pl.DataFrame, command: list[str]
) -> None:
    assert message_of(run(*command, "votes")) == (
        "Error: folder has votes, not scores\n"
        "  where:   votes/a.parquet\n"
        "  allowed: the columns image, class and score\n"
        "  found:   image, class, rater, answer\n"
        "  fix:     compute scores: reassess aggregate votes -o scores\n"
    )


@pytest.mark.parametrize("command", [["aggregate", "-o", "scores.csv"], ["raters"]])
@pytest.mark.parametrize("content", ["images", "benchmark.json"])
def test_benchmark_folder_instead_of_votes_suggests_the_option(
    run: Runner, folder: Path, command: list[str], content: str
) -> None:
    Path("my pets").mkdir()
    path = Path("my pets", content)
    path.write_text("{}") if path.suffix else path.mkdir()
    text = " ".join(message_of(run(*command, "my pets"), code=2).split())
    assert text.endswith("my pets is a benchmark folder, not a folder of votes: use --benchmark 'my pets'.")


def test_items_without_votes_are_counted_with_their_noun(run: Runner, folder: Path) -> None:
    Path("votes").mkdir()
    table = pl.DataFrame({"item": ["x", "y", "z"], "rater": ["a", "b", None], "answer": ["1", "2", None]})
    table.write_parquet("votes/a.parquet")
    assert "without votes: 1 item\n" in run("aggregate", "votes", "--method", "majority", "-o", "shares").out
    table[:2].write_parquet("votes/a.parquet")
    assert "without votes" not in run("aggregate", "votes", "--method", "majority", "-o", "all").out


@pytest.mark.parametrize("options", [[], ["--golden", "golden.csv"]])
@pytest.mark.filterwarnings("ignore")
def test_raters_of_a_folder_equal_raters_of_one_file(run: Runner, votes: pl.DataFrame, options: list[str]) -> None:
    file, parts = (
        document_of(run("raters", source, "--json", *options), "raters")["results"]
        for source in ("votes.parquet", "votes")
    )
    assert parts == file


def test_sampled_items_are_named(run: Runner, votes: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reassess.aggregation.vote_folds._MAX_SELECTED_ITEMS", 40)
    assert "measured on 40 evenly spaced items" in run("raters", "votes").out


def test_existing_folder_is_replaced_only_with_force(run: Runner, votes: pl.DataFrame) -> None:
    arguments = ["aggregate", "votes", "--method", "mean", "-o"]
    assert run(*arguments, "scores").code == 0
    assert "output folder exists" in message_of(run(*arguments, "scores"))
    assert run(*arguments, "scores", "--force").code == 0
    assert "write to scores" in message_of(run(*arguments, "scores.npz"))


@pytest.mark.parametrize("output", ["votes", "votes/scores", "to_votes", "to_votes/scores", "in", "in/../votes"])
def test_votes_are_never_replaced(run: Runner, votes: pl.DataFrame, output: str) -> None:
    Path("in").mkdir()
    Path("votes").rename("in/scores-00000-of-00001.parquet")
    Path("votes").symlink_to("in/scores-00000-of-00001.parquet")
    Path("to_votes").symlink_to("votes")
    before = set(Path("in").rglob("*"))
    assert message_of(run("aggregate", "votes", "-o", output, "--force")) == (
        "Error: output folder is the folder of votes, or one of the two folders is in the other\n"
        f"  where:   {output}\n"
        "  fix:     choose another folder\n"
    )
    assert set(Path("in").rglob("*")) == before


def test_folder_with_other_files_is_not_replaced_whatever_their_names(run: Runner, votes: pl.DataFrame) -> None:
    name = "scores-00000-of-00001.parquet"
    for folder, write in (
        ("other_votes", votes.write_parquet),
        ("text", lambda path: path.write_text("not Parquet")),
        ("deep", Path.mkdir),
    ):
        Path(folder).mkdir()
        write(Path(folder, name))
        assert message_of(run("aggregate", "votes", "-o", folder, "--force")) == (
            "Error: output folder has other files than scores\n"
            f"  where:   {folder}\n"
            f"  found:   {name}\n"
            "  fix:     choose another folder\n"
        )
    assert_frame_equal(pl.read_parquet(f"other_votes/{name}"), votes)


def test_output_that_is_a_link_writes_to_its_folder(run: Runner, votes: pl.DataFrame) -> None:
    arguments = ["aggregate", "votes", "--method", "mean", "-o", "link"]
    Path("link").symlink_to("scores")
    assert message_of(run(*arguments)) == (
        "Error: output folder is a link to a folder that does not exist\n"
        "  where:   link\n"
        "  found:   scores\n"
        "  fix:     delete the link, or choose another name\n"
    )
    Path("scores").mkdir()
    assert run(*arguments, "--force").code == 0
    assert Path("link").is_symlink()
    assert [path.name for path in Path("scores").iterdir()] == ["scores-00000-of-00001.parquet"]


def test_output_that_is_a_file_is_refused(run: Runner, votes: pl.DataFrame) -> None:
    Path("scores").touch()
    assert message_of(run("aggregate", "votes", "-o", "scores", "--force")) == (
        "Error: output path is a file, and a folder is needed\n  where:   scores\n  fix:     choose another name\n"
    )


def test_curve_refuses_invalid_scores_of_images_without_golden_answers(run: Runner, votes: pl.DataFrame) -> None:
    assert run("aggregate", "votes", "--method", "mean", "-o", "scores").code == 0
    path = Path("scores/scores-00000-of-00001.parquet")
    table = pl.read_parquet(path)
    is_last = pl.int_range(pl.len()) == pl.len() - 1
    for score in (float("nan"), 2.0, -2.0):
        table.with_columns(score=pl.when(is_last).then(score).otherwise("score")).write_parquet(path)
        assert message_of(run("curve", "scores", "--golden", "golden.csv", "--choose", "threshold=0.5")) == (
            "Error: score out of range\n"
            f"  where:   {path}, row 80, column score\n"
            "  allowed: 0 to 1\n"
            f"  found:   {score}\n"
        )


def test_scores_of_classes_with_ids_are_read_with_new_golden_images(run: Runner, votes: pl.DataFrame) -> None:
    ids = {"cat": 0, "dog": 1}
    for path in (*Path("votes").iterdir(), Path("votes.parquet")):
        table = pl.read_parquet(path)
        table.with_columns(pl.col("class").replace_strict(ids)).write_parquet(path)
    golden = pl.read_csv("more_golden.csv")
    golden.with_columns(pl.col("class").replace_strict(ids)).write_csv("more_golden.csv")
    for source, output in (("votes.parquet", "scores.parquet"), ("votes", "scores")):
        assert run("aggregate", source, "--golden", "more_golden.csv", "-o", output).code == 0
    files = sorted(Path("scores").iterdir())
    assert [path.name for path in files] == ["scores-00000-of-00002.parquet", "scores-00001-of-00002.parquet"]
    assert_frame_equal(pl.concat(map(pl.read_parquet, files)), pl.read_parquet("scores.parquet"), check_exact=True)
    assert len(read_scores("scores")) == len(read_scores("scores.parquet"))


@pytest.mark.parametrize(
    "options", [["--method", "imagenet-real"], ["--match", "name"], ["--original", "votes.parquet"], ["--tempering"]]
)
def test_options_that_do_not_apply_to_a_folder_are_refused(
    run: Runner, votes: pl.DataFrame, options: list[str]
) -> None:
    assert "folder of votes" in message_of(run("aggregate", "votes", "-o", "scores", *options), code=2)
    assert not Path("scores").exists()


def test_interrupted_run_leaves_no_files(run: Runner, votes: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(Path().rglob("*"))

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reassess.formats.score_folders.write_table", interrupt)
    assert run("aggregate", "votes", "--method", "mean", "-o", "scores").code != 0
    assert set(Path().rglob("*")) == before


def test_old_folder_of_scores_stays_if_the_new_one_cannot_be_moved(
    folder: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:

    (folder / "votes").mkdir(exist_ok=True)
    pl.DataFrame({"item": ["x", "y"] * 2, "rater": ["a", "a", "b", "b"], "answer": ["no", "yes"] * 2}).write_parquet(
        folder / "votes" / "a.parquet"
    )
    assert run("aggregate", "votes", "--method", "majority", "-o", "scores").code == 0
    before = {path.name: path.read_bytes() for path in (folder / "scores").iterdir()}
    rename = Path.rename

    def fail_for_new(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise PermissionError(1, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_for_new)
    assert run("aggregate", "votes", "--method", "mean", "-o", "scores", "--force").code == 1
    assert {path.name: path.read_bytes() for path in (folder / "scores").iterdir()} == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ["aggregate", "-o", "scores"],
            "no golden item has a vote\n"
            "  where:   votes (votes) and other.csv (golden)\n"
            "  fix:     use the same item names in all files, or give the raters' votes on golden items\n",
        ),
        (
            ["raters"],
            "no golden item with a known truth has a vote\n"
            "  where:   votes (votes) and other.csv (golden)\n"
            "  fix:     use the same item names in both files\n",
        ),
    ],
)
def test_golden_answers_that_do_not_fit_the_votes_name_both_files(
    run: Runner, votes: pl.DataFrame, command: list[str], message: str
) -> None:
    pl.read_csv("golden.csv").with_columns(image="other/" + pl.col("image")).write_csv("other.csv")
    assert message_of(run(*command, "votes", "--golden", "other.csv", "--quiet")) == f"Error: {message}"
