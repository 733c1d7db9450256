"""Packages are imported only if they are needed, tested in new processes."""

import json
from pathlib import Path

import numpy as np
import pytest

import reassess
from reassess.core import LabelSets
from tests.helpers import RealFile, python

HEAVY = {"numpy", "numba", "polars", "torch", "matplotlib", "pandas", "rich", "requests", "timm"}
HEAVY |= {"scipy", "scipy.special", "scipy.stats"}


def imported_by(code: str, *argv: str | Path) -> set[str]:
    """Return the heavy packages that code imports."""
    program = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('\\n' + ' '.join(sys.modules))"
    return HEAVY & set(python("-c", program, *argv).out.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["reassess", "reassess.data.sources"])
def test_package_and_sources_import_no_heavy_package(module: str) -> None:
    assert imported_by(f"import {module}") == set()


def test_imported_by_finds_a_heavy_package() -> None:
    assert imported_by("import numpy") == {"numpy"}


@pytest.mark.parametrize("argv", [["--help"], ["--version"], []], ids=" ".join)
def test_help_imports_no_heavy_package(argv: list[str]) -> None:
    assert imported_by("from reassess.__main__ import entry; entry()", *argv) == set()


def test_evaluating_ids_imports_only_numpy(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"a.png": [0], "b.png": [1]}))
    np.save(tmp_path / "ids.npy", np.array([0, 1]))
    code = "from reassess.cli import main; assert main(sys.argv[1:]) == 0"
    argv = ["evaluate", tmp_path / "ids.npy", "--labels", tmp_path / "labels.json", "--json"]
    assert imported_by(code, *argv) == {"numpy"}


def test_evaluating_ids_on_imagenet_imports_only_numpy(
    tmp_path: Path, real_file: RealFile, real_original: LabelSets
) -> None:
    for name in ("real.json", "scores.npz", "golden.npz", "validation_labels.txt"):
        real_file(name)
    np.save(tmp_path / "ids.npy", real_original.indices)
    code = "from reassess.cli import main; assert main(sys.argv[1:]) == 0"
    assert imported_by(code, "evaluate", tmp_path / "ids.npy", "--json") <= {"numpy"}


def test_evaluating_scores_in_a_table_imports_no_statistics(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("image,class,score\na.png,0,0.9\nb.png,1,0.7\n")
    (tmp_path / "model.csv").write_text("image,0,1\na.png,0.75,0.25\nb.png,0.5,0.5\n")
    code = "from reassess.cli import main; assert main(sys.argv[1:]) == 0"
    argv = ["evaluate", tmp_path / "model.csv", "--scores", tmp_path / "scores.csv", "--threshold", "0.5,0.8"]
    assert imported_by(code, *argv).isdisjoint({"scipy.special", "scipy.stats"})  # numba imports scipy for its version


def test_only_public_names_are_attributes() -> None:
    for name in reassess.__all__:  # type: ignore[attr-defined]
        assert getattr(reassess, name) is not None
    assert dir(reassess) == sorted(reassess.__all__)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="No reassess attribute nonsense"):
        reassess.nonsense  # type: ignore[attr-defined]  # noqa: B018
