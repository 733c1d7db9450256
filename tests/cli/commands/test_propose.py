"""`reassess propose`: candidates, the choice of models, and errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from reassess.formats import read_candidates
from reassess.formats.tables import read_table
from tests.helpers import Runner, document_of, message_of, output_of, write_files

ARGV = ["propose", "vit.csv", "alex.npz", "ids.csv", "--benchmark", "pets", "--per-image", "3"]


@pytest.fixture
def pets(folder: Path) -> Path:
    """A benchmark of four images, and three models: probabilities, logits, and ids without one image."""
    write_files(
        folder,
        {
            "pets/classes.txt": "cat\ndog\nfox\ncup\n",
            "pets/original.csv": "image,class\na.png,cat\nb.png,dog\nc.png,fox\nd.png,cup\n",
            "pets/golden.csv": "image,class,rater,answer\n"
            + "".join(
                f"{image}.png,{name},x,{answer}\n"
                for image, name, answer in (
                    *[("a", "cat", "yes"), ("a", "dog", "no"), ("b", "dog", "no"), ("b", "fox", "yes")],
                    *[("c", "fox", "yes"), ("c", "cup", "yes"), ("c", "cat", "no"), ("e", "cat", "yes")],
                )
            ),
            "vit.csv": "image,cat,dog,fox,cup\na.png,.9,.1,0,0\nb.png,0,.25,.5,.25\n"
            "c.png,.1,.1,.5,.3\nd.png,.2,.2,.2,.4\n",
            "ids.csv": "image,prediction\na.png,cat\nb.png,dog\nc.png,cat\n",
        },
    )
    scores = np.array([[4, 1, 0, 0], [0, 2, 2.5, 0], [0, 0, 3, 2], [0, 0, 0, 9]], np.float32)
    np.savez(folder / "alex.npz", scores=scores, names=["a.png", "b.png", "c.png", "d.png"])
    return folder


COPIES = 30


@pytest.fixture
def many(pets: Path) -> Path:
    """The same benchmark with 30 copies of each image, so that there are enough golden answers."""
    for file in ("pets/original.csv", "pets/golden.csv", "vit.csv", "ids.csv"):
        head, *rows = Path(file).read_text().splitlines()
        copies = [f"{row[0]}{copy:02}{row[1:]}" for row in rows for copy in range(COPIES)]
        Path(file).write_text("\n".join([head, *copies]) + "\n")
    with np.load("alex.npz") as model:
        scores, names = (
            model["scores"],
            [f"{name[0]}{copy:02}.png" for name in model["names"] for copy in range(COPIES)],
        )
    np.savez("alex.npz", scores=np.repeat(scores, COPIES, axis=0), names=names)
    return pets


def test_candidates_are_written_and_counted(pets: Path, run: Runner) -> None:
    lines = output_of(run(*ARGV, "-o", "out.csv")).splitlines()
    assert lines[0] == "out.csv: 5 candidates for 2 images (2.50 per image)"
    assert [line.split() for line in lines[5:9]] == [
        ["original", "-", "2", "0"],
        ["ids", "ids", "2", "1"],
        ["alex", "logits", "4", "0"],
        ["vit", "probabilities", "4", "0"],
    ]
    rows = [line.split(",")[:4] for line in Path("out.csv").read_text().splitlines()]
    assert rows == [
        ["image", "class", "source", "rank"],
        ["b.png", "dog", "original", ""],
        ["b.png", "dog", "alex", "2"],
        ["b.png", "dog", "ids", "1"],
        ["b.png", "dog", "vit", "2"],
        ["b.png", "fox", "alex", "1"],
        ["b.png", "fox", "vit", "1"],
        ["c.png", "cat", "ids", "1"],
        ["c.png", "fox", "original", ""],
        ["c.png", "fox", "alex", "1"],
        ["c.png", "fox", "vit", "1"],
        ["c.png", "cup", "alex", "2"],
        ["c.png", "cup", "vit", "2"],
    ]


def test_order_of_files_does_not_matter(pets: Path, run: Runner) -> None:
    assert run(*ARGV, "-o", "one.csv").code == 0
    assert run("propose", "ids.csv", "alex.npz", "vit.csv", *ARGV[4:], "-o", "two.csv").code == 0
    assert Path("one.csv").read_bytes() == Path("two.csv").read_bytes()


def test_document_contains_everything_that_is_printed(pets: Path, run: Runner) -> None:
    document = document_of(run(*ARGV, "-o", "out.csv", "--json"), "propose")
    assert [entry["name"] for entry in document["inputs"]] == ["classes", "original", *["predictions"] * 3]
    assert document["results"] == {
        "output": "out.csv",
        "images": 4,
        "set_aside": 2,
        "to_raters": 2,
        "without_original": 0,
        "unseen": 0,
        "without_class": 0,
        "candidates": 5,
        "per_image": 2.5,
        "per_image_allowed": 3.0,
        "most_probable": 6,
        "models": [
            {"name": "alex", "kind": "logits", "missing": 0, "unknown": 0},
            {"name": "ids", "kind": "ids", "missing": 1, "unknown": 0},
            {"name": "vit", "kind": "probabilities", "missing": 0, "unknown": 0},
        ],
        "choice": None,
    }


CHOOSE = [*ARGV, "--choose", "recall=0.9"]


def test_chosen_models_candidates_and_subsets_are_written(many: Path, run: Runner) -> None:
    out = output_of(run(*CHOOSE, "-o", "out.csv", "--details", "subsets.csv", "--verbose"))
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[:8] == [
        "out.csv: 165 candidates for 60 images (2.75 per image)",
        "chosen: alex, ids",
        "165 candidates for 60 images (with all models: 180 for 60)",
        "on 60 golden images not used in the search:",
        "recall 1.0000 (86 of 86); precision 0.6667 (86 of 129)",
        "recall is at least 0.9579, with 90 % confidence",
        "0 of 120 golden labels are neither candidates of a model nor original labels",
        "subset models candidates per image recall precision without golden",
    ]
    assert lines[9:13] == [
        "ids 60 2.00 0.5000 0.5000 0",
        "alex 75 2.50 0.6977 0.7792 11",
        "chosen alex, ids 165 2.75 1.0000 0.6667 11",
        "all models alex, ids, vit 180 3.00 1.0000 0.6667 18",
    ]
    assert read_candidates("out.csv").sources == ("original", "alex", "ids")
    assert Path("subsets.csv").read_text() == (
        "models,candidates,images,hits,valid,recall,judged,precision,without_golden,missing,chosen,search\n"
        "ids,60,30,43,86,0.5,86,0.5,0,30,false,exact\n"
        "alex,75,30,60,86,0.6976744186046512,77,0.7792207792207793,11,0,false,exact\n"
        "alex; ids,165,60,86,86,1.0,129,0.6666666666666666,11,0,true,exact\n"
        "alex; ids; vit,180,60,86,86,1.0,129,0.6666666666666666,18,0,false,exact\n"
    )


def test_document_contains_the_choice(many: Path, run: Runner) -> None:
    choice = document_of(run(*CHOOSE, "--json"), "propose")["results"]["choice"]
    chosen = {"models": ["alex", "ids"], "candidates": 165, "images": 60, "per_image": 2.75}
    chosen |= {"recall": {"hits": 86, "n": 86, "value": 1.0}, "precision": {"hits": 86, "n": 129, "value": 86 / 129}}
    chosen |= {"without_golden": 11, "missing": 0}
    assert choice.pop("chosen") == choice["frontier"][2] == chosen
    assert choice.pop("all_models") == choice.pop("frontier")[-1]
    bounds = {"recall_bound": pytest.approx(0.9579, abs=1e-4), "highest_bound": pytest.approx(0.1 ** (1 / 80))}
    counts = {"search_images": 30, "check_images": 60, "not_candidates": 0, "set_aside": 30, "not_predicted": 30}
    recall = {"target_recall": 0.9, "recall": {"hits": 120, "n": 120, "value": 1.0}}
    # 60 images with one question, 30 with two.
    assert choice == {"search": "exact", "subsets": 7} | recall | bounds | counts


def test_unreachable_recall_is_an_error_and_subsets_are_printed(many: Path, run: Runner, report_extra: None) -> None:
    lines = [
        "image,class,rater,answer",
        *(f"d{copy:02}.png,{name},x,yes" for copy in range(9) for name in ("cat", "cup")),
    ]
    Path("few.csv").write_text("\n".join(lines) + "\n")
    argv = [*CHOOSE, "--golden", "few.csv", "-o", "out.csv"]
    result = run(*argv, "--details", "subsets.csv")
    assert (result.code, result.err) == (
        1,
        "Error: recall is too high: judged by the golden answers, even all models together may not reach it\n"
        "  allowed: up to 0.2545\n  found:   0.9\n"
        "  fix:     choose a lower recall, or more candidates per image: 9 of 18 golden labels are not candidates of "
        "any model\n",
    )
    assert result.out.splitlines()[:3] == [
        "no models chosen: even with all models, recall is too low: 0.5000 (9 of 18)",
        "recall of the candidates of all models together is at least 0.2545, with 90 % confidence",
        "9 of 18 golden labels are neither candidates of a model nor original labels",
    ]
    assert not Path("out.csv").exists()
    assert "true" not in Path("subsets.csv").read_text()
    assert run(*argv, "--details", "subsets.svg").code == 1
    assert "chosen" not in Path("subsets.svg").read_text()
    choice = json.loads(run(*argv, "--json").out)["results"]["choice"]
    assert (choice["chosen"], choice["recall_bound"]) == (None, None)


@pytest.mark.parametrize(("golden", "most"), [(20, 0.8912), (21, 0.8961), (22, None)])
def test_highest_reachable_recall_can_be_chosen(many: Path, run: Runner, golden: int, most: float | None) -> None:
    lines = ["image,class,rater,answer", *(f"b{copy:02}.png,fox,x,yes" for copy in range(golden))]
    Path("few.csv").write_text("\n".join(lines) + "\n")
    result = run(*CHOOSE, "--golden", "few.csv")
    assert result.code == (0 if most is None else 1)
    if most is not None:
        assert f"  allowed: up to {most}\n" in result.err
        names = f"all models together name {golden} of {golden} golden labels"
        fix_line = f"choose a lower recall, or more golden answers: {names}\n"
        assert result.err.endswith(fix_line)
        assert run(*ARGV, "--choose", f"recall={most}", "--golden", "few.csv").code == 0


def test_images_missing_from_chosen_models_are_counted(many: Path, run: Runner) -> None:
    """Only ids.csv is chosen. It has no predictions for the images d, so these have no candidates."""
    rows = [
        f"{name}{copy:02}.png,{class_name},x,yes"
        for name, class_name in (("b", "dog"), ("c", "cat"))
        for copy in range(COPIES)
    ]
    Path("few.csv").write_text("\n".join(["image,class,rater,answer", *rows]) + "\n")
    lines = output_of(run(*CHOOSE, "--golden", "few.csv", "-o", "out.csv")).splitlines()
    assert lines[:4] == [
        "out.csv: 60 candidates for 30 images (2.00 per image)",
        "chosen: ids",
        "60 candidates for 30 images (with all models: 180 for 60)",
        "30 images without candidates of chosen models; other models have candidates for these images",
    ]
    assert lines[5].startswith("  recall 1.0000 (40 of 40); precision 1.0000 (40 of 40)")


def test_chosen_models_are_printed_first(pets: Path, run: Runner) -> None:
    files = [f"model-{number:02}.csv" for number in range(19)]
    for number, file in enumerate(files):
        rows = [f"{name}.png,{(number + row) % 4}" for row, name in enumerate("abcd")]
        Path(file).write_text("image,prediction\n" + "\n".join(rows) + "\n")
    result = run("propose", *files, "--benchmark", "pets", "-o", "out.csv")
    lines = result.out.splitlines()
    assert lines[:4] == [
        "out.csv: 16 candidates for 4 images (4.00 per image)",
        "0 images need no question: all models agree with the original label",
        "N = 0 most probable (image, class) pairs of each model: the largest N with at most 7.4 candidates per "
        "image on average",
        "the first 10 of 19 models, by candidates of only one source (--verbose shows all)",
    ]
    assert len(lines) == 4 + 2 + 11 + 4
    assert lines[-4] == "all files: csv, image names from 'image', top-1 ids from 'prediction'"
    assert lines[-3].startswith("all files: only first classes are used")
    assert len(run("propose", *files, "--benchmark", "pets", "-o", "b.csv", "--verbose").out.splitlines()) == 4 + 25
    Path("few.csv").write_text("image,class,rater,answer\nb.png,fox,x,yes\nc.png,fox,x,yes\n")
    out = run("propose", *files, "--benchmark", "pets", "--choose", "recall=0.1", "--golden", "few.csv").out
    assert "\nchosen (all)   all 19 " in out


def test_greedy_search_is_named(many: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reassess.proposals.subset_search.MAX_EXACT_MODELS", 2)
    monkeypatch.setattr("reassess.cli.tables.propose_table._MAX_PRINTED_SUBSETS", 1)
    lines = run(*CHOOSE, "--details", "subsets.csv").out.splitlines()
    assert any(line.endswith("best subsets found (--verbose shows all)") for line in lines)
    assert any(line.startswith("greedy search: ") for line in lines)
    assert set(read_table(Path("subsets.csv"))["search"]) == {"greedy"}


def test_bounded_scores_are_taken_as_logits_with_a_note(pets: Path, run: Runner) -> None:
    text = Path("vit.csv").read_text()
    Path("vit.csv").write_text(text.replace(".9,.1,0,0", ".9,.8,0,0"))
    result = run(*ARGV, "-o", "out.csv")
    assert "\nvit: scores in [0, 1] that do not sum to 1 are taken as logits\n" in result.out
    assert "vit        bounded " in result.out


def test_unknown_images_are_an_error_or_counted(pets: Path, run: Runner) -> None:
    Path("ids.csv").write_text("image,prediction\na.png,cat\nz.png,dog\n")
    result = run(*ARGV, "-o", "out.csv")
    assert (result.code, result.error) == (1, "unknown-image")
    result = run(*ARGV, "-o", "out.csv", "--ignore-unknown")
    assert "\nids: 1 unknown image not used\nids: no predictions for 3 images of other models\n" in result.out
    Path("ids.csv").write_text("image,prediction\ny.png,cat\nz.png,dog\n")
    assert run(*ARGV, "-o", "none.csv", "--ignore-unknown").error == "nothing-in-common"


def test_missing_golden_answers_are_an_error_with_the_option(pets: Path, run: Runner) -> None:
    Path("pets/golden.csv").unlink()
    assert run(*ARGV, "--choose", "recall=0.9").err == (
        "Error: benchmark has no golden, which `reassess propose` needs\n  where:   pets\n"
        "  fix:     give --golden FILE; or write golden.csv, with the experts' votes\n"
    )


def test_original_labels_are_optional(pets: Path, run: Runner) -> None:
    out = output_of(run("propose", "vit.csv", "ids.csv", *ARGV[4:], "--original", "none", "-o", "out.csv"))
    assert (
        "0 images need no question: all models agree with the original label\n4 images without an original label\n"
        in out
    )
    assert read_candidates("out.csv").sources == ("ids", "vit")
    assert "\noriginal " not in out


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "Give -o CANDIDATES, or --choose recall=R."),
        (["-o", "out.csv", "--golden", "g.csv"], "--golden and --details need --choose."),
        (["-o", "out.csv", "--details", "f.svg"], "--golden and --details need --choose."),
        (["--choose", "recall=0.5", "--golden", "none"], "--choose needs golden answers, so --golden cannot be none."),
        (["--choose", "recall=0.5", "--unasked", "-o", "out.csv"], "--unasked and --choose cannot be combined."),
        (["--per-image", "inf", "-o", "out.csv"], "'inf' is not a finite number."),
        (["--choose", "recall=0"], "'recall=0' is not a recall: recall=R, with R above 0 and at most 1"),
        (["--choose", "f1"], "'f1' is not a recall: recall=R, with R above 0 and at most 1"),
    ],
)
def test_wrong_options_are_a_usage_error(pets: Path, run: Runner, argv: list[str], expected: str) -> None:
    assert message_of(run(*ARGV, *argv), 2).endswith(f"{expected}\n")
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ([*ARGV, "--per-image", "1", "-o", "out.csv"], "too-many"),
        (["propose", "vit.csv", "-o", "out.csv"], "missing-original"),
    ],
)
def test_invalid_input_is_an_error(pets: Path, run: Runner, argv: list[str], error: str) -> None:
    result = run(*argv)
    assert (result.code, result.out, result.error) == (1, "", error)
    assert not Path("out.csv").exists()
