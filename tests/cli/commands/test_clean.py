"""`reassess clean`: outputs and errors."""

import shutil
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reassess.formats.files import read_lines
from tests.cleaning.simulated import simulate, wrong_labels
from tests.helpers import Needs, Runner, document_of, output_of, results_of, write_csv

NAMES = ("cat", "dog", "eel")
COUNT = 90
FILES = ("output", "details", "page")
CALL = ["clean", "all.npz", "--original", "train.csv", "-o", "clean.txt"]


@pytest.fixture
def training(folder: Path) -> Path:
    """90 images with 9 wrong labels, predictions for all images and for two folds, and checked labels."""
    rng = np.random.default_rng(0)
    scores, truth = simulate(COUNT, 3, 4.0, rng)
    labels = wrong_labels(truth, 3, 0.1, "uniform", rng)
    images = np.array([f"{NAMES[label]}/{row}.png" for row, label in enumerate(labels)])
    named = list(zip(images, (NAMES[label] for label in labels), strict=True))
    write_csv("train.csv", "image,class", named)
    fold = np.arange(COUNT) % 2
    write_csv("folds.csv", "image,fold", zip(images, fold, strict=True))
    np.savez("all.npz", scores=scores, names=images)
    np.savez("logits.npz", scores=np.log(scores), names=images)
    np.savez("bounded.npz", scores=0.9 * scores, names=images)
    for part in (0, 1):
        np.savez(f"fold-{part}.npz", scores=scores[fold == part], names=images[fold == part])
    write_csv(
        "ids.csv", "image,prediction", [(image, NAMES[row.argmax()]) for image, row in zip(images, scores, strict=True)]
    )
    checked_rows = rng.permutation(COUNT)[:30]
    answers = [
        (images[row], NAMES[labels[row]], "x", "yes" if truth[row] == labels[row] else "no") for row in checked_rows
    ]
    write_csv("golden.csv", "image,class,rater,answer", answers)
    sampled_answers = [(*answer, 30 / COUNT, "all") for answer in answers]
    write_csv("drawn.csv", "image,class,rater,answer,probability,stratum", sampled_answers)
    chosen = [(images[row], rater, NAMES[truth[row]]) for row in checked_rows for rater in "xyz"]
    write_csv("votes.csv", "image,rater,answer", [*chosen, ("cat/none.png", "x", "cat"), ("cat/none.png", "y", "dog")])
    for folder_name in ("pets", "folded"):
        Path(folder_name).mkdir()
        Path(folder_name, "classes.txt").write_text("cat\ndog\neel\n")
        write_csv(Path(folder_name, "original.csv"), "image,class", named)
    shutil.copy("folds.csv", "folded/folds.csv")
    return folder


def test_kept_images_are_written_and_mistakes_printed(
    training: Path, run: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    lines = output_of(run(*CALL, "--details", "details.csv")).splitlines()
    assert lines[0] == "clean.txt: 78 of 90 images kept, 86.67 %"
    assert lines[6:10] == [
        "the first 5 of 6 kinds of wrong labels (--verbose shows all)",
        "true class   label   images (estimate)   % of true class",
        "────────────────────────────────────────────────────────",
        "dog          eel                   4.1             14.04",
    ]
    assert lines[15:18] == [
        "class   images   dropped       %",
        "────────────────────────────────",
        "dog         27         4   14.81",
    ]
    table = pl.read_csv("details.csv")
    assert table.columns == ["image", "class", "label_quality", "suggested", "reason", "kept"]
    assert table.height == COUNT
    kept_rows = table.filter(pl.col("kept") == 1)
    assert read_lines(Path("clean.txt")) == kept_rows["image"].to_list()
    assert (kept_rows["label_quality"] >= 0.5).all()
    assert (table.filter(pl.col("kept") == 0)["label_quality"] < 0.5).all()


def test_order_of_fold_files_does_not_matter(training: Path, run: Runner) -> None:
    assert run(*CALL).code == 0
    for files in ("fold-0.npz fold-1.npz", "fold-1.npz fold-0.npz", "fold-1.npz all.npz fold-0.npz"):
        out = output_of(run("clean", *files.split(), "--benchmark", "folded", "-o", "folds.txt", "--force"))
        assert Path("folds.txt").read_text() == Path("clean.txt").read_text()
        assert ("2 repetitions\n" in out) == ("all" in files)


def test_consistent_method_accepts_ids(training: Path, run: Runner) -> None:
    out = output_of(run("clean", "ids.csv", *CALL[2:], "--method", "consistent", "--quiet"))
    assert [line.split() for line in out.splitlines()[2:]] == [
        ["dog", "27", "5", "18.52"],
        ["eel", "35", "6", "17.14"],
        ["cat", "28", "4", "14.29"],
    ]
    output_of(run(*CALL[:-1], "scores.txt", "--method", "consistent"))
    assert Path("scores.txt").read_text() == Path("clean.txt").read_text()


def test_kind_of_scores_is_printed(training: Path, run: Runner) -> None:
    last = run("clean", "bounded.npz", *CALL[2:]).out.splitlines()[-1]
    assert last.endswith("; scores in [0, 1] that do not sum to 1 are taken as logits")


def test_outputs_of_unlabelled_classes_are_dropped_with_a_warning(training: Path, run: Runner) -> None:
    """A model may have more outputs than the labels have classes; classes in the class list are kept."""
    class_file = dict(np.load("logits.npz"))
    class_file["scores"] = np.c_[class_file["scores"], np.full(COUNT, -5.0)]
    np.savez("four.npz", **class_file)
    Path("four.txt").write_text("cat\ndog\neel\nfox\n")
    out = output_of(run("clean", "four.npz", *CALL[2:], "--classes", "four.txt"))
    assert "; 1 output ignored (unknown class): fox; probabilities by softmax of logits" in out
    Path("pets/classes.txt").write_text("cat\ndog\neel\nfox\n")
    failure = run("clean", "four.npz", "--benchmark", "pets", "-o", "other.txt")
    assert (failure.code, failure.out) == (1, "")
    assert failure.error == "missing-classes"
    assert "  found:   fox (1)\n" in failure.err


def test_the_order_of_classes_can_be_given(training: Path, run: Runner) -> None:
    with np.load("all.npz") as held_out:
        np.savez("turned.npz", scores=np.roll(held_out["scores"], 1, axis=1), names=held_out["names"])
    argv = ("clean", "turned.npz", "--benchmark", "pets", "-o", "wrong.csv")
    fix = (
        "check that the file belongs to these images; if its classes are in another order than the labels', name the "
        "class of each output with --classes FILE"
    )
    assert run(*argv).err.replace("\n    ", " ").endswith(f"  fix:     {fix}\n")
    Path("outputs.txt").write_text("eel\ncat\ndog\n")
    assert run(*argv, "--classes", "outputs.txt").code == 0


def test_checked_labels_correct_the_estimate(training: Path, run: Runner) -> None:
    results = results_of(run, *CALL, "--golden", "drawn.csv")
    checked = results["noise"]["checked"]
    assert (checked["checked"], checked["drawn"], checked["covered"]) == (30, 30, pytest.approx(1))
    assert checked["interval"][0] <= checked["corrected"] <= checked["interval"][1]
    line = run(*CALL, "--golden", "drawn.csv", "--force").out.splitlines()[1]
    assert line.startswith(f"30 labels were checked, {checked['wrong']} of them wrong; ")
    assert " % of all labels are wrong, by the model and the 30 drawn at random (95 % interval: " in line


def test_checked_labels_without_probabilities_do_not_correct(training: Path, run: Runner) -> None:
    unchecked_lines = run(*CALL).out.splitlines()
    result = run(*CALL, "--golden", "golden.csv", "--force").out.splitlines()
    assert result[1] == unchecked_lines[1]
    draw = "add --details all.csv, then reassess tasks all.csv --golden 90 -o tasks.jsonl"
    assert unchecked_lines[2] == f"to check it, let experts answer a random sample: {draw}"
    assert result[2].endswith("; they are not a random sample, so they say nothing about other labels")
    assert result[3] == f"for a sample of all labels: {draw}"
    given = run(*CALL, "--details", "all.csv", "--force").out.splitlines()[2]
    assert given == f"to check it, let experts answer a random sample: reassess {draw.partition('reassess ')[2]}"
    pl.read_csv("drawn.csv").with_columns(probability=pl.lit(0.8)).write_csv("few.csv")
    line = run(*CALL, "--golden", "few.csv", "--force").out.splitlines()[2]
    part = "only from 41.67 % of the labels, so the estimate for all does not use them"
    assert line.endswith(f"; 30 were drawn at random, but {part}")


def test_exported_golden_questions_without_answers_keep_their_stratum(training: Path, run: Runner) -> None:
    """The answered labels represent 97 % of all, but nothing is known about the other stratum."""
    drawn = pl.read_csv("drawn.csv").with_columns(probability=pl.lit(30 / (0.97 * COUNT)))
    other = drawn.tail(1).with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in ("rater", "answer")),
        image=pl.lit(next(name for name in pl.read_csv("train.csv")["image"] if name not in {*drawn["image"]})),
        probability=pl.lit(1 / (0.03 * COUNT)),
        stratum=pl.lit("small"),
    )
    for rows, gives_share in ((drawn, True), (pl.concat([drawn, other]), False)):
        rows.write_csv("exported.csv")
        argv = (*CALL, "--golden", "exported.csv", "--force")
        assert (results_of(run, *argv)["noise"]["checked"]["corrected"] is not None) is gives_share
    assert "so the estimate for all does not use them" in run(*argv).out.replace("\n  ", " ")


def test_votes_for_one_class_check_labels(training: Path, run: Runner) -> None:
    by_votes = run(*CALL, "--golden", "votes.csv")
    assert by_votes.code == 0
    by_golden = run(*CALL[:-1], "golden.txt", "--golden", "golden.csv")
    assert Path("golden.txt").read_text() == Path("clean.txt").read_text()
    assert by_votes.out.splitlines()[1] == by_golden.out.splitlines()[1]
    assert "1 golden item undecided (no " in by_votes.out


def test_output_tells_if_the_model_estimate_is_outside_the_interval(training: Path, run: Runner) -> None:
    table = pl.read_csv("drawn.csv").with_columns(pl.lit("no").alias("answer"))
    table = pl.concat([table, table.head(1).with_columns(image=pl.lit("eel/x.png"), answer=pl.lit("yes"))])
    table.write_csv("all-wrong.csv")
    line = run(*CALL, "--golden", "all-wrong.csv", "--choose", "threshold=0").out.splitlines()[1]
    assert line.endswith(" %, outside their 99 % interval")


def test_document_contains_all_settings(training: Path, run: Runner) -> None:
    how = ["--benchmark", "folded", "--choose", "precision=0.97", "-o", "clean.txt", "--json"]
    argv = ["clean", "fold-0.npz", "fold-1.npz", *how]
    document = document_of(run(*argv), "clean")
    assert document["command"][1:] == argv
    assert [(entry["name"], entry["path"]) for entry in document["inputs"]] == [
        ("classes", "folded/classes.txt"),
        ("original", "folded/original.csv"),
        ("predictions", "fold-0.npz"),
        ("predictions", "fold-1.npz"),
        ("folds", "folded/folds.csv"),
    ]
    assert all(len(entry["sha256"]) == 64 for entry in document["inputs"])
    results = document["results"]
    assert {name: results[name] for name in (*FILES, "method", "threshold", "precision", "repetitions")} == {
        "output": "clean.txt",
        "details": None,
        "page": None,
        "method": "posterior",
        "threshold": None,
        "precision": 0.97,
        "repetitions": 1,
    }
    assert (results["images"], results["kept"]) == (COUNT, len(read_lines(Path("clean.txt"))))
    assert sum(row["dropped"] for row in results["classes"]) == COUNT - results["kept"]


def test_tasks_reads_wrong_labels(training: Path, run: Runner) -> None:
    result = run("clean", "all.npz", "--benchmark", "pets", "-o", "wrong.csv")
    lines = result.out.splitlines()
    assert (result.code, lines[0]) == (0, "wrong.csv: 12 of 90 labels are probably wrong")
    assert "class   images   wrong       %" in lines
    assert lines[-1] == "next: reassess tasks wrong.csv --benchmark pets -o tasks.jsonl"
    table = pl.read_csv("wrong.csv")
    assert table.columns == ["image", "class", "suggested", "label_quality", "reason"]
    assert table["label_quality"].is_sorted()
    first_row = lines[lines.index(next(line for line in lines if line.startswith("image "))) + 2]
    image, label, suggested, quality, _ = table.row(0)
    assert first_row.split() == [image, label, suggested, "<0.0001"]
    assert 0 < quality < 0.0001
    assert run("tasks", "wrong.csv", "--benchmark", "pets", "-o", "tasks.jsonl").code == 0
    assert sum(line.count('"class":') for line in read_lines(Path("tasks.jsonl"))) == 24


def test_confident_method_uses_cleanlab(training: Path, run: Runner, needs: Needs) -> None:
    needs("cleanlab")
    output_of(run(*CALL, "--method", "confident", "--details", "details.jsonl"))
    assert set(pl.read_ndjson("details.jsonl")["reason"]) == {
        "no issue by confident learning",
        "an issue by confident learning",
    }


CHOICE = "is not a known rule for keeping labels: threshold=P or precision=P, with P from 0 to 1"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("clean --original train.csv -o clean.txt", "Missing argument 'FILE...'."),
        ("clean all.npz --original train.csv", "Missing option '-o' / '--output'."),
        ("clean all.npz -o clean.txt", "Give the labels to clean: --original FILE, or --benchmark FOLDER."),
        ("ALL --choose 0.5", f"'0.5' {CHOICE}"),
        ("ALL --choose threshold=nan", f"'threshold=nan' {CHOICE}"),
        ("ALL --method consistent --choose threshold=0.5", "--choose needs --method posterior."),
        ("ALL --method consistent --golden golden.csv", "--golden needs --method posterior."),
        ("ALL --page page.html", "--page needs --images, or --benchmark FOLDER with images."),
        ("ALL --images pets", "--images needs --page."),
    ],
)
def test_wrong_options_are_a_usage_error(training: Path, run: Runner, argv: str, expected: str) -> None:
    result = run(*argv.replace("ALL", " ".join(CALL)).split())
    assert (result.code, result.out, Path("clean.txt").exists()) == (2, "", False)
    assert result.err.endswith(f"{expected}\n")


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("clean bounded.npz --original train.csv -o clean.txt --choose threshold=1", "empty"),
        ("clean ids.csv --original train.csv -o clean.txt", "ids-only"),
        ("clean fold-0.npz --original train.csv -o clean.txt", "missing-images"),
        ("clean all.npz fold-0.npz fold-1.npz --benchmark swapped -o clean.txt", "wrong-fold"),
        ("ALL --golden pairs.csv", "unknown-answer-order"),
    ],
)
def test_invalid_input_is_one_error(training: Path, run: Runner, argv: str, error: str) -> None:
    table = pl.read_csv("folds.csv")
    shutil.copytree("folded", "swapped")
    table.with_columns(pl.col("fold").sort()).write_csv("swapped/folds.csv")
    images = pl.read_csv("golden.csv")["image"]
    write_csv("pairs.csv", "image,class,rater,answer", [(images[0], "cat", "x", "perhaps")])
    result = run(*argv.replace("ALL", " ".join(CALL)).split())
    assert (result.code, result.out, result.error) == (1, "", error)
    assert result.err.count("Error: ") == 1
    assert not [path for path in Path().iterdir() if path.stem == "clean"]


def test_inputs_cannot_be_overwritten(training: Path, run: Runner) -> None:
    Path("names.txt").write_text("\n".join(pl.read_csv("train.csv")["image"]))
    before = Path("names.txt").read_text()
    argv = ["clean", "all.npz", "--original", "train.csv", "--names", "names.txt", "-o", "names.txt", "--force"]
    assert run(*argv).code == 1
    assert Path("names.txt").read_text() == before


def test_page_shows_wrong_labels(training: Path, run: Runner, report_extra: None) -> None:
    from PIL import Image

    Path("pictures").mkdir()
    result = run(*CALL, "--page", "page.html", "--images", "pictures")
    dropped = COUNT - len(read_lines(Path("clean.txt")))
    assert (result.code, result.err) == (0, "")
    assert f"page.html: {dropped} images, 0 with a thumbnail" in result.out.splitlines()
    first = pl.read_csv("train.csv")["image"].to_list()
    first = next(image for image in first if image not in read_lines(Path("clean.txt")))
    (Path("pictures") / first).parent.mkdir()
    Image.new("RGB", (8, 8)).save(Path("pictures") / first)
    result = run(*CALL, "--page", "page.html", "--images", "pictures", "--force")
    assert f"page.html: {dropped} images, 1 with a thumbnail" in result.out.splitlines()
    html = Path("page.html").read_text()
    assert "reassess clean all.npz --original train.csv -o clean.txt --page page.html --images pictures --force" in html
    assert '<td>images</td><th scope="row">pictures</th><td>not hashed</td>' in html
    assert "<td>labels</td>" not in html, "which are in train.csv, named as original"


def test_page_is_not_written_without_wrong_labels(training: Path, run: Runner) -> None:
    result = run(*CALL, "--choose", "threshold=0", "--page", "page.html", "--images", "pets")
    assert "page.html: not written, since no label is wrong" in result.out.splitlines()
    assert (result.code, Path("page.html").exists()) == (0, False)


def test_duplicates_in_several_folds_give_a_warning(training: Path, run: Runner) -> None:
    images = pl.read_csv("train.csv")["image"].to_list()
    for rows, split in (((0, 1), True), ((0, 2), False)):
        write_csv("folded/duplicates.csv", "set,image,group,kind", [("train", images[row], 1, "exact") for row in rows])
        result = run("clean", "fold-0.npz", "fold-1.npz", "--benchmark", "folded", "-o", "c.txt", "--force", "--quiet")
        assert result.code == 0
        assert ("1 group of duplicates in several folds" in result.err) == split


def test_no_share_if_a_drawn_image_has_only_answers_about_other_classes(training: Path, run: Runner) -> None:
    header, *lines = Path("drawn.csv").read_text().splitlines()
    cells = lines[0].split(",")
    cells[1:4] = ["dog" if cells[1] == "cat" else "cat", cells[2], "no"]
    Path("drawn.csv").write_text("\n".join([header, ",".join(cells), *lines[1:]]))
    out = run(*CALL, "--golden", "drawn.csv").out
    assert "; 1 image drawn at random has answers, but not about the label, so the estimate for all " in out
    assert "interval" not in out
