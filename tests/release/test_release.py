"""What a release refuses, what it leaves out, and what the owner adds."""

import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from reassess.data import update_benchmark
from reassess.release import write_release
from tests.helpers import Needs, RealFile, Refused, Runner, code_of, picture, write_csv, write_files

VOTES = "image,class,rater,answer"
FACTS = {
    "description": "Pets.",
    "license": "CC-BY-4.0",
    "creators": ["Ann Ace", "Pet Lab"],
    "url": "https://example.org/pets",
    "version": "1.2.0",
    "published": "2026-12-01",
    "citation": "@misc{pets}",
    "biases": "Mostly cats.",
    "synthetic": False,
}


@pytest.fixture
def pets(tmp_path: Path, run: Runner) -> Path:
    """A small benchmark with scores by majority: four images, two raters and a model."""
    folder = write_files(tmp_path, {"pets/classes.txt": "cat\ndog\n"}) / "pets"
    names = ["cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png"]
    original = [name.partition("/")[0] for name in names]
    write_csv(folder / "original.csv", "image,class", zip(names, original, strict=True))
    raters = ("zoe@example.org", "Adam Smith", "qwen#0a1b2c3d")
    rows = [
        (name, pet, rater, "yes" if pet == label else "no")
        for name, label in zip(names[:3], ("cat", "dog", "dog"), strict=True)
        for pet in ("cat", "dog")
        for rater in raters
    ]
    write_csv(folder / "votes.csv", VOTES, rows)
    (folder / "comments.csv").write_text("image,comment\ncat/a.png,ask Zoe\n")
    assert run("aggregate", "--benchmark", folder, "--method", "majority", "-o", folder / "scores.csv").code == 0
    assert run("labels", "--benchmark", folder, "--threshold", "0.8", "-o", folder / "labels.csv").code == 0
    return folder


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_people_get_numbers_and_models_keep_their_names(pets: Path, tmp_path: Path) -> None:
    votes = pl.read_parquet(write_release(pets, tmp_path / "out").folder / "votes.parquet")
    assert set(votes["rater"]) == {"r1", "r2", "qwen#0a1b2c3d"}
    document = json.loads((tmp_path / "out" / "croissant.json").read_text())
    assert document["rai:machineAnnotationTools"] == ["qwen#0a1b2c3d"]
    assert document["rai:annotationsPerItem"] == "3 votes per question"


def test_numbers_of_raters_depend_on_the_votes_and_not_on_names() -> None:
    from reassess.release.anonymous_names import number_raters

    names = [f"{letter}@example.org" for letter in "abcdefgh"]
    first, second = (number_raters(names, key) for key in (b"1", b"2"))
    assert sorted(first.values()) == [f"r{number}" for number in range(1, 9)]
    assert first != second
    assert sorted(first, key=first.get) not in (names, names[::-1])


def test_other_files_and_columns_are_named_and_not_released(pets: Path, tmp_path: Path) -> None:
    votes = pl.read_csv(pets / "votes.csv").with_columns(raw=pl.lit("secret")).rename({"rater": "annotator"})
    votes.write_csv(pets / "votes.csv")
    pl.read_csv(pets / "labels.csv").with_columns(note=pl.lit("secret")).write_csv(pets / "labels.csv")
    release = write_release(pets, tmp_path / "out")
    assert release.not_released == ("column note of labels.csv", "column raw of votes.csv", "comments.csv")
    texts = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(word in text for text in texts for word in (b"secret", b"ask Zoe"))


def test_images_are_released_only_if_asked(pets: Path, tmp_path: Path) -> None:
    names = ["cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png", "dog/e.JPEG"]
    write_files(pets, {f"images/{name}": f"image {name}" for name in names})
    assert write_release(pets, tmp_path / "none").not_released == ("images", "comments.csv")
    assert not (tmp_path / "none" / "images.zip").exists()
    assert write_release(pets, tmp_path / "all", with_images=True).n_images == 5
    formats = json.loads((tmp_path / "all" / "croissant.json").read_text())["distribution"][-1]["encodingFormat"]
    assert formats == ["image/jpeg", "image/png"]
    with zipfile.ZipFile(tmp_path / "all" / "images.zip") as archive:
        assert archive.namelist() == names
        assert archive.read("dog/c.png") == (pets / "images" / "dog" / "c.png").read_bytes()


def test_hashed_names_are_the_same_in_tables_and_images(
    pets: Path, tmp_path: Path, needs: Needs, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("PIL")
    names = ["cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png"]
    write_files(pets, {f"images/{name}": picture(row, "PNG") for row, name in enumerate(names)})
    out = write_release(pets, tmp_path / "out", with_images=True, hash_names=True).folder
    labels, votes = (pl.read_parquet(out / f"{part}.parquet") for part in ("labels", "votes"))
    assert labels["image"].str.contains(r"^[0-9a-f]{16}\.png$").all()
    assert labels["image"].is_sorted()
    with zipfile.ZipFile(out / "images.zip") as archive:
        assert sorted(archive.namelist()) == sorted(set(labels["image"]))
        dogs = {archive.read(name) for name in labels.filter(pl.col("class") == "dog")["image"]}
    assert dogs == {picture(row, "PNG") for row in (1, 2, 3)}
    assert set(votes["image"]) < set(labels["image"])
    texts = [path.read_bytes() for path in out.rglob("*") if path.suffix in (".csv", ".json", ".md")]
    assert not any(b"a.png" in text and b"cat/a" in text for text in texts)
    needs("mlcroissant")
    with warnings.catch_warnings(action="ignore"):
        import mlcroissant
        from etils import epath

        # It unpacks all archives called images.zip into the same folder of its cache.
        cache = "mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH"
        monkeypatch.setattr(cache, epath.Path(tmp_path / "unpacked"))
        records = list(mlcroissant.Dataset(jsonld=str(out / "croissant.json")).records(record_set="image-files"))
        assert sorted(record["image-files/image"].decode() for record in records) == sorted(set(labels["image"]))
        assert {record["image-files/content"].size for record in records} == {(32, 32)}


def test_owner_facts_reach_all_pages(pets: Path, tmp_path: Path, needs: Needs) -> None:
    settings = json.loads((pets / "benchmark.json").read_text())
    (pets / "benchmark.json").write_text(json.dumps(settings | {"release": FACTS}))
    update_benchmark(pets, threshold=0.8)  # other settings stay
    release = write_release(pets, tmp_path / "out")
    assert not set(FACTS) & set(release.missing_facts)
    out = release.folder
    document = json.loads((out / "croissant.json").read_text())
    assert document["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert [creator["name"] for creator in document["creator"]] == ["Ann Ace", "Pet Lab"]
    assert (document["version"], document["datePublished"], document["citeAs"]) == (
        "1.2.0",
        "2026-12-01",
        "@misc{pets}",
    )
    assert (document["rai:dataBiases"], document["rai:hasSyntheticData"]) == ("Mostly cats.", False)
    assert "- Synthetic: no\n" in (out / "datasheet.md").read_text()
    assert json.loads((out / "benchmark.json").read_text())["release"] == FACTS
    needs("yaml")
    import yaml

    citation = yaml.safe_load((out / "CITATION.cff").read_text())
    assert citation["authors"] == [{"name": "Ann Ace"}, {"name": "Pet Lab"}]
    assert (citation["license"], citation["version"], citation["title"]) == ("CC-BY-4.0", "1.2.0", "pets")
    card = yaml.safe_load((out / "README.md").read_text().split("---")[1])
    assert card["license"] == "cc-by-4.0"
    assert [config["config_name"] for config in card["configs"] if config.get("default")] == ["labels"]
    needs("mlcroissant")
    with warnings.catch_warnings(action="ignore"):
        import mlcroissant

        issues = mlcroissant.Dataset(jsonld=str(out / "croissant.json")).metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())


def test_unusual_texts_stay_in_their_fields(pets: Path, tmp_path: Path, needs: Needs) -> None:
    needs("yaml")
    import yaml

    name = 'a"b: \x7f\x85\u2028\ufffe \U0001f600\n---\n# c'
    facts = {"description": name, "creators": [name], "citation": "@misc{a,\n\n  title={A}}\n# no heading"}
    (pets / "benchmark.json").write_text(json.dumps({"name": name, "threshold": 0.8, "release": facts}))
    out = write_release(pets, tmp_path / "out").folder
    citation = yaml.safe_load((out / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["title"], citation["abstract"], citation["authors"]) == (name, name, [{"name": name}])
    card = (out / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("\n---\n")[0])["pretty_name"] == name
    for page in (card, (out / "datasheet.md").read_text(encoding="utf-8")):
        assert "\n  # no heading" in page


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ('{"licence": "MIT"}', "unknown-name at pets/benchmark.json, key release"),
        ('{"license": "CC BY 4.0"}', "wrong-fact at pets/benchmark.json, key release"),
        ('{"license": "http://a b"}', "wrong-fact at pets/benchmark.json, key release"),
        ('{"version": "\\u0661.0.0"}', "wrong-fact at pets/benchmark.json, key release"),
        ('{"version": "v1"}', "wrong-fact at pets/benchmark.json, key release"),
        ('{"published": "1 December"}', "wrong-fact at pets/benchmark.json, key release"),
        ('{"creators": "Ann"}', "wrong-fact at pets/benchmark.json, key release"),
        ('"MIT"', "wrong-type at pets/benchmark.json, key release"),
    ],
)
def test_wrong_facts_are_refused(facts: str, message: str, pets: Path, tmp_path: Path, refused: Refused) -> None:
    (pets / "benchmark.json").write_text(f'{{"release": {facts}}}')
    assert refused(write_release, pets, tmp_path / "out") == message
    assert not (tmp_path / "out").exists()


def _change_label(pets: Path) -> None:
    edit(pets / "labels.csv", "cat/a.png,cat", "cat/a.png,dog")


def _change_votes(pets: Path) -> None:
    edit(pets / "votes.csv", "cat/a.png,cat,Adam Smith,yes", "cat/a.png,cat,Adam Smith,no")


def _change_threshold(pets: Path) -> None:
    edit(pets / "scores.csv", "cat/a.png,cat,1.0", "cat/a.png,cat,0.7")


def _misspell_image(pets: Path) -> None:
    edit(pets / "votes.csv", "cat/a.png,cat,Adam Smith,yes", "cat/z.png,cat,Adam Smith,yes")


def _remove_labels(pets: Path) -> None:
    (pets / "labels.csv").unlink()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_change_label, "different-labels"),
        (_change_threshold, "different-labels"),
        (_change_votes, "different-scores"),
        (_misspell_image, "unknown-image"),
        (_remove_labels, "missing-part"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    spoil: Callable[[Path], None], code: str, pets: Path, tmp_path: Path
) -> None:
    # Without this record, scores count as made from the votes by the method in benchmark.json.
    settings = json.loads((pets / "benchmark.json").read_text())
    del settings["made_from"]
    (pets / "benchmark.json").write_text(json.dumps(settings))
    spoil(pets)
    assert code_of(write_release, pets, tmp_path / "out") == code
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


def test_different_labels_are_named(pets: Path, tmp_path: Path, refused_text: Callable[..., str]) -> None:
    _change_label(pets)
    assert refused_text(write_release, pets, tmp_path / "out") == (
        "scores give other labels at threshold 0.8\n"
        "  where:   DIR/pets/labels.csv and DIR/pets/scores.csv\n"
        "  found:   other labels for 1 image: cat/a.png\n"
        "  fix:     make the labels again (`reassess labels`), or write their threshold into benchmark.json"
    )


@pytest.mark.parametrize(
    ("rows", "votes", "per_item"),
    [
        ("image,class,count\ncat/a.png,cat,3\ncat/a.png,dog,1\n", "4 votes by unknown people", "4 votes per image"),
        ("image,rater,answer\ncat/a.png,zoe,cat\ncat/a.png,bo,cat\n", "2 votes by 2 raters", "2 votes per image"),
    ],
)
def test_votes_for_one_class_per_image_are_released(
    rows: str, votes: str, per_item: str, pets: Path, tmp_path: Path, run: Runner
) -> None:
    (pets / "votes.csv").write_text(rows)
    (pets / "benchmark.json").unlink()
    scores, labels = pets / "scores.csv", pets / "labels.csv"
    assert run("aggregate", "--benchmark", pets, "--method", "majority", "-o", scores, "--force").code == 0
    assert run("labels", "--benchmark", pets, "--threshold", "0.7", "-o", labels, "--force").code == 0
    release = write_release(pets, tmp_path / "out")
    assert release.rebuilding == "Scores and label sets made again from the released votes are the same."
    assert {table.part: table.contents for table in release.tables}["votes"] == votes
    assert json.loads((tmp_path / "out" / "croissant.json").read_text())["rai:annotationsPerItem"] == per_item


def test_draw_of_golden_images_is_released(pets: Path, tmp_path: Path) -> None:
    rows = [("dog/d.png", pet, "eve", "no", 0.25, "all") for pet in ("cat", "dog")]
    write_csv(pets / "golden.csv", f"{VOTES},probability,stratum", rows)
    golden = pl.read_parquet(write_release(pets, tmp_path / "out").folder / "golden.parquet")
    assert golden.select("probability", "stratum").rows() == [(0.25, "all")] * 2


@pytest.mark.parametrize(
    "options", ["--method stacking", "--method em --golden none", "--method em --pooling 2", "--method calibrated"]
)
def test_scores_are_made_again_by_their_options(options: str, pets: Path, tmp_path: Path, run: Runner) -> None:
    """With golden images that only experts rated, or that raters rated too."""
    rated = "cat/a.png cat/b.png dog/c.png" if "calibrated" in options else "dog/d.png"
    rows = [(name, pet, "eve", "yes" if name[:3] == pet else "no") for name in rated.split() for pet in ("cat", "dog")]
    write_csv(pets / "golden.csv", VOTES, rows)
    argv = ("aggregate", "--benchmark", pets, "-o", pets / "scores.csv", "--force")
    assert run(*argv, *options.split()).code == 0
    assert run("labels", "--benchmark", pets, "-o", pets / "labels.csv", "--force").code == 0
    out = write_release(pets, tmp_path / "out").folder
    card = (out / "README.md").read_text()
    assert "Scores and label sets made again from the released votes are the same." in card
    assert ("aggregate --benchmark . --golden none" in card) == ("none" in options)


def test_unverified_scores_are_released_with_the_reason(pets: Path, tmp_path: Path) -> None:
    (pets / "benchmark.json").unlink()
    release = write_release(pets, tmp_path / "out")
    assert release.rebuilding == (
        "It was not checked how scores and labels were made: the scores do not say which method made them."
    )


def test_scores_made_with_a_classifier_are_not_checked(pets: Path, tmp_path: Path) -> None:
    settings = json.loads((pets / "benchmark.json").read_text())
    (pets / "benchmark.json").write_text(json.dumps({**settings, "method": "em, classifier=true"}))
    assert "a classifier, which is not a part of the benchmark" in write_release(pets, tmp_path / "out").rebuilding


def test_only_an_unchanged_release_is_replaced(pets: Path, tmp_path: Path, refused: Refused) -> None:
    out = write_release(pets, tmp_path / "out").folder
    assert refused(write_release, pets, out) == "output-exists at out"
    write_release(pets, out, force=True)
    edit(out / "README.md", "# pets", "# my pets")
    assert refused(write_release, pets, out, force=True) == "changed-output at out"
    assert "# my pets" in (out / "README.md").read_text()
    assert refused(write_release, pets, pets / "out") == "reserved-output at pets/out"
    assert refused(write_release, pets, tmp_path, force=True) == "reserved-output at DIR"
    assert refused(write_release, pets, tmp_path / "no" / "out") == "folder-not-found at no/out"
    shutil.rmtree(out)
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


@pytest.mark.parametrize("function", ["write_citation", "_write_hashes", "_move_folder"])
def test_interrupted_release_leaves_the_earlier_one(
    function: str, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_release(pets, tmp_path / "out").folder
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}

    def fail(*_: object) -> None:
        raise OSError("no space left")

    if function == "_move_folder":
        rename = Path.rename
        monkeypatch.setattr(Path, "rename", lambda path, to: fail() if path.name[0] == "." else rename(path, to))
    else:
        monkeypatch.setattr(f"reassess.release.writing.{function}", fail)
    assert code_of(write_release, pets, out, force=True) == "output-not-writable"
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pets"]


def test_ctrl_c_while_folders_are_replaced_keeps_the_earlier_release(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_release(pets, tmp_path / "out").folder
    rename = Path.rename

    def stop(path: Path, to: Path) -> Path:
        if path.name.startswith("."):
            raise KeyboardInterrupt
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        write_release(pets, out, force=True)
    assert (out / "SHA256SUMS").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pets"]


def test_release_of_another_process_is_not_replaced_without_force(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_hashes(_: Path) -> None:  # while the other process ends
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "README.md").write_text("other")

    monkeypatch.setattr("reassess.release.writing._write_hashes", write_hashes)
    assert code_of(write_release, pets, tmp_path / "out") == "output-not-writable"
    assert (tmp_path / "out" / "README.md").read_text() == "other"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "pets"]


def test_release_is_replaced_in_the_current_folder_and_through_a_link(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = write_release(pets, tmp_path / "out").folder
    (tmp_path / "link").symlink_to("out")
    write_release(pets, tmp_path / "link", force=True, hash_names=True)
    assert (tmp_path / "link").is_symlink()
    assert pl.read_parquet(out / "labels.parquet")["image"].str.len_chars().max() == 20
    monkeypatch.chdir(out)
    write_release(pets, ".", force=True)
    assert pl.read_parquet(out / "labels.parquet")["image"].str.len_chars().max() == len("cat/a.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out", "pets"]


def test_hashed_names_keep_only_suffixes_of_images() -> None:
    from reassess.release.anonymous_names import hash_image_names

    names = hash_image_names(["a.PNG", "b.Ann Smith", "c"], b"key")
    assert [name[16:] for name in names.values()] == [".png", "", ""]


def test_broken_method_of_scores_is_located(pets: Path, tmp_path: Path, refused: Refused) -> None:
    scores = pl.read_csv(pets / "scores.csv")
    (pets / "scores.csv").unlink()
    (pets / "benchmark.json").write_text('{"threshold": 0.8}')
    scores.write_parquet(pets / "scores.parquet", metadata={"method": "stacking, foo=bar"})
    assert refused(write_release, pets, tmp_path / "out") == "unknown-name at pets/scores.parquet, the method"


def test_output_names_what_is_missing(pets: Path, tmp_path: Path, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("release", "pets", "-o", "pets-1.0")
    assert result.out.splitlines()[0] == "pets-1.0: 5 tables as Parquet and CSV, no images"
    assert "not released: comments.csv" in result.out
    assert "(write it into pets/benchmark.json, key release): description, license, creators" in result.out
    assert result.out.endswith("next: reassess release pets -o pets-1.0 --force\n")
    results = json.loads(run("release", "pets", "-o", "pets-1.0", "--force", "--json").out)["results"]
    assert results["tables"] == {"labels": 4, "scores": 6, "votes": 18, "original": 4, "classes": 2}


def test_imagenet_is_released_and_rebuilt(real_file: RealFile, tmp_path: Path) -> None:
    for name in ("raters.npz", "golden.npz", "raters_golden.npz", "scores.npz", "real.json", "validation_labels.txt"):
        real_file(name)
    release = write_release("imagenet", tmp_path / "imagenet")
    rows = {table.part: table.n_rows for table in release.tables}
    assert (rows["votes"], rows["scores"], rows["golden"], rows["rater-golden"]) == (924_810, 184_962, 5_675, 88_530)
    assert rows["labels"] == 57_553 + 3_163
    assert release.rebuilding == "Scores and label sets made again from the released votes are the same."
