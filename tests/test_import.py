"""What is not needed is not imported: checked in fresh processes."""

import json
from pathlib import Path

import numpy as np
import pytest

import reassess
from reassess.core import LabelSets
from tests.helpers import RealFile, python

HEAVY = {"numpy", "numba", "polars", "torch", "matplotlib", "pandas", "rich", "requests", "timm"}
HEAVY |= {"scipy", "scipy.special", "scipy.stats"}


def loaded_by(code: str, *argv: str | Path) -> set[str]:
    """The heavy packages that some code loads, its output thrown away."""
    program = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('\\n' + ' '.join(sys.modules))"
    return HEAVY & set(python("-c", program, *argv).out.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["reassess", "reassess.data.sources"])
def test_the_package_and_its_sources_load_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import {module}") == set()


def test_the_check_would_notice_a_heavy_package() -> None:
    assert loaded_by("import numpy") == {"numpy"}


@pytest.mark.parametrize("argv", [["--help"], ["--version"], []], ids=" ".join)
def test_the_help_of_the_command_line_loads_nothing_heavy(argv: list[str]) -> None:
    assert loaded_by("from reassess.__main__ import entry; entry()", *argv) == set()


def test_evaluating_ids_needs_neither_compiler_nor_tables(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"a.png": [0], "b.png": [1]}))
    np.save(tmp_path / "ids.npy", np.array([0, 1]))
    code = "from reassess.cli import main; assert main(sys.argv[1:]) == 0"
    argv = ["evaluate", tmp_path / "ids.npy", "--labels", tmp_path / "labels.json", "--json"]
    assert loaded_by(code, *argv) == {"numpy"}


def test_evaluating_ids_by_all_that_is_known_of_imagenet_needs_no_compiler(
    tmp_path: Path, real_file: RealFile, real_original: LabelSets
) -> None:
    for name in ("real.json", "scores.npz", "golden.npz", "validation_labels.txt"):
        real_file(name)
    np.save(tmp_path / "ids.npy", real_original.indices)
    code = "from reassess.cli import main; assert main(sys.argv[1:]) == 0"
    assert loaded_by(code, "evaluate", tmp_path / "ids.npy", "--json") <= {"numpy"}


def test_evaluating_scores_in_a_table_loads_no_statistics(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("image,class,score\na.png,0,0.9\nb.png,1,0.7\n")
    (tmp_path / "model.csv").write_text("image,0,1\na.png,0.75,0.25\nb.png,0.5,0.5\n")
    code = "from reassess.cli import main; assert main(sys.argv[1:]) == 0"
    argv = ["evaluate", tmp_path / "model.csv", "--scores", tmp_path / "scores.csv", "--threshold", "0.5,0.8"]
    assert loaded_by(code, *argv).isdisjoint({"scipy.special", "scipy.stats"})  # numba asks for the version of scipy


def test_every_public_name_can_be_had_and_no_other() -> None:
    for name in reassess.__all__:  # type: ignore[attr-defined]
        assert getattr(reassess, name) is not None
    assert dir(reassess) == sorted(reassess.__all__)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="No reassess attribute nonsense"):
        reassess.nonsense  # type: ignore[attr-defined]  # noqa: B018
