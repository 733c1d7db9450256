"""The release of a campaign is a benchmark, and other programs read it."""

import hashlib
import json
import shutil
import warnings
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from reassess.core import LabelSets
from reassess.data import check_benchmark, read_labels, read_scores, read_votes, update_benchmark
from reassess.release import write_release
from tests.helpers import Needs, Runner

TABLES = ["labels", "scores", "votes", "golden", "rater-golden", "original", "classes"]


def files_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def label_sets_of(path: Path) -> dict[str, frozenset[int]]:
    labels = read_labels(path)
    assert isinstance(labels, LabelSets)
    return dict(labels.classes_by_image())


def test_release_has_all_files_and_their_hashes(released: Path) -> None:
    files = files_of(released)
    pages = ["CITATION.cff", "README.md", "SHA256SUMS", "benchmark.json", "croissant.json", "datasheet.md"]
    assert sorted(files) == sorted(
        [*pages, *(name for table in TABLES for name in (f"{table}.parquet", f"csv/{table}.csv"))]
    )
    hashes = "".join(
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files) if name != "SHA256SUMS"
    )
    assert files["SHA256SUMS"].decode() == hashes


def test_parquet_and_csv_have_equal_tables(released: Path) -> None:
    for table in TABLES:
        left, right = pl.read_parquet(released / f"{table}.parquet"), pl.read_csv(released / "csv" / f"{table}.csv")
        assert left.columns == right.columns
        assert left.cast(right.schema).equals(right), table


def test_labels_can_be_rebuilt_from_released_votes(released: Path, run: Runner, tmp_path: Path) -> None:
    scores, labels = tmp_path / "scores.parquet", tmp_path / "labels.csv"
    assert run("aggregate", "--benchmark", released, "-o", scores).code == 0
    assert run("labels", scores, "--benchmark", released, "-o", labels).code == 0
    assert label_sets_of(labels) == label_sets_of(released / "labels.parquet")
    first, second = (pl.read_parquet(path).sort("image", "class") for path in (scores, released / "scores.parquet"))
    assert first["score"].to_numpy() == pytest.approx(second["score"].to_numpy(), abs=1e-9)


def test_curve_without_golden_answers_finds_the_weights_again(
    released: Path, rated: Path, run: Runner, tmp_path: Path
) -> None:
    """The recorded weights were chosen by golden answers, so they cannot measure scores without golden answers."""
    copy = shutil.copytree(rated, tmp_path / "copy")
    argv = ("curve", "--benchmark", copy, "--leave-out", "2", "--json")
    points = [json.loads(run(*argv).out)["results"][1]["points"]]
    method = read_scores(released / "scores.parquet").method
    assert "weights" in method
    update_benchmark(copy, method=method)
    points.append(json.loads(run(*argv).out)["results"][1]["points"])
    assert points[0] == points[1]


def test_labels_can_be_rebuilt_from_files_alone(released: Path, run: Runner, tmp_path: Path) -> None:
    """With the files of the release instead of its folder; the raters' golden votes are votes too."""
    scores, labels, votes = tmp_path / "scores.csv", tmp_path / "labels.csv", tmp_path / "votes.csv"
    tables = [pl.read_csv(released / "csv" / f"{part}.csv") for part in ("votes", "rater-golden")]
    pl.concat(tables, how="diagonal").write_csv(votes)
    assert run("aggregate", votes, "--golden", released / "csv" / "golden.csv", "-o", scores).code == 0
    original = released / "csv" / "original.csv"
    assert run("labels", scores, "--threshold", "0.8", "--original", original, "-o", labels).code == 0
    assert label_sets_of(labels) == label_sets_of(released / "csv" / "labels.csv")


def test_release_is_a_benchmark_without_errors(released: Path) -> None:
    check = check_benchmark(released)
    assert (check.errors, check.mismatches, check.repeated_names) == ((), (), ())
    assert check.settings["threshold"] == 0.8


def test_same_input_gives_the_same_bytes(rated: Path, released: Path, tmp_path: Path) -> None:
    again = write_release(rated, tmp_path / "other name").folder
    assert files_of(again) == files_of(released)


def test_no_file_has_the_name_of_a_rater(rated: Path, released: Path) -> None:
    names = {str(name) for part in ("votes", "golden") for name in read_votes(rated / f"{part}.parquet").raters}
    assert {"Ida Berg", "eve@example.org"} < names
    for file, content in files_of(released).items():
        assert [name for name in names if name.encode() in content] == [], file


def test_datasheet_has_the_numbers_of_the_commands(released: Path, run: Runner) -> None:
    text = (released / "datasheet.md").read_text()
    raters = json.loads(run("raters", "--benchmark", released, "--json").out)["results"]
    assert f"Krippendorff's alpha (ordinal) {raters['alpha']['value']:.3f}" in text
    hits, n = (sum(rater["golden"][key] for rater in raters["raters"] if rater["golden"]) for key in ("hits", "n"))
    assert f"{hits:,} of {n:,} answers by" in text
    curve = json.loads(run("curve", "--benchmark", released, "--json").out)["results"][0]
    assert f" valid: {curve['average_precision']:.4f}" in text


@pytest.fixture(scope="module")
def mlc() -> ModuleType:
    with warnings.catch_warnings(action="ignore"):
        return pytest.importorskip("mlcroissant", exc_type=ImportError)


_CROISSANT_TYPES = {"Text": bytes, "Int64": int, "Float64": float}


def test_mlcroissant_validates_and_reads_all_records(released: Path, mlc: ModuleType) -> None:
    document = json.loads((released / "croissant.json").read_text())
    with warnings.catch_warnings(action="ignore"):
        dataset = mlc.Dataset(jsonld=str(released / "croissant.json"))
        assert not dataset.metadata.ctx.issues.errors
        unset = {line.split('"')[1].rpartition("/")[2] for line in dataset.metadata.ctx.issues.warnings}
        assert unset == {"citeAs", "datePublished", "version"}  # only the owner can say these
        records = {each.id: list(dataset.records(record_set=each.id)) for each in dataset.metadata.record_sets}
    assert list(records) == TABLES
    for record_set in document["recordSet"]:
        part = record_set["name"]
        table = pl.read_parquet(released / f"{part}.parquet")
        assert len(records[part]) == table.height
        for field in record_set["field"]:
            expected = _CROISSANT_TYPES[field["dataType"].rpartition(":")[2]]
            values = [record[field["@id"]] for record in records[part]]
            present = [
                value.item() if hasattr(value, "item") else value
                for value in values
                if value == value and value is not None
            ]
            assert {type(value) for value in present} == {expected}, field["@id"]
            texts = [value.decode() if isinstance(value, bytes) else value for value in present]
            assert texts == table[field["name"]].drop_nulls().to_list()


def test_datasets_loads_each_configuration(
    released: Path, needs: Needs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("datasets")
    import datasets

    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was used"))
    assert sorted(datasets.get_dataset_config_names(str(released))) == sorted(TABLES)
    default = datasets.load_dataset(str(released), split="train", cache_dir=str(tmp_path))
    assert default.num_rows == pl.read_parquet(released / "labels.parquet").height
    for part in TABLES:
        loaded = datasets.load_dataset(str(released), part, split="train", cache_dir=str(tmp_path))
        table = pl.read_parquet(released / f"{part}.parquet")
        assert loaded.to_dict() == table.to_dict(as_series=False)
        kinds = {name: str(feature.dtype).removeprefix("large_") for name, feature in loaded.features.items()}
        assert kinds == {
            name: {"String": "string"}.get(str(dtype), str(dtype).lower()) for name, dtype in table.schema.items()
        }
