"""A function of anyone's own, in a module that Python finds."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reassess import ModelSource, predict
from reassess.proposals import open_model
from tests.helpers import code_of, fault_of, picture, write_files

CODE = """
import numpy as np
number = 3

def scores(pictures):
    return np.array([[picture.width, picture.height, picture.getpixel((0, 0))[0]] for picture in pictures], float)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(write_files(tmp_path, {"my_model.py": CODE}))
    yield
    sys.modules.pop("my_model", None)


def test_a_function_is_given_whole_rgb_pictures(tmp_path: Path, report_extra: None) -> None:
    write_files(tmp_path / "images", {"a.png": picture(5, "PNG")})
    path = list(sys.path)
    (result,) = predict(["python:my_model:scores"], tmp_path / "out.csv", images=tmp_path / "images")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "a.png,2,0,1,100.0,32.0,32.0"
    assert result.model == "python:my_model:scores"
    assert sys.path == path


def test_another_code_is_another_model(tmp_path: Path) -> None:
    before = open_model("python:my_model:scores").facts
    (tmp_path / "my_model.py").write_text(CODE + "# more\n")
    assert open_model("python:my_model:scores").facts != before


def test_another_code_of_a_module_that_it_imports_is_another_model(tmp_path: Path) -> None:
    write_files(tmp_path, {"my_model.py": "import my_scale\n" + CODE, "my_scale.py": "SCALE = 1\n"})
    before = open_model("python:my_model:scores").facts
    for name in ("my_model", "my_scale"):
        del sys.modules[name]
    (tmp_path / "my_scale.py").write_text("SCALE = 20\n")
    after = open_model("python:my_model:scores").facts
    del sys.modules["my_scale"]
    assert {name for name in after if after[name] != before[name]} == {"code of my_scale"}


@pytest.mark.parametrize(
    ("name", "code", "found"),
    [
        ("my_model", "no-function", None),
        ("my_model:", "no-function", None),
        ("..m:scores", "no-function", None),
        ("my_model:score", "no-function", None),
        ("my_model:number", "not-a-function", "int"),
        ("my_model.py:scores", "import-failed", "No module named 'my_model.py'; 'my_model' is not a package"),
        ("my_mode:scores", "import-failed", "No module named 'my_mode'"),
    ],
)
def test_name_without_a_function_is_refused(name: str, code: str, found: str | None) -> None:
    assert fault_of(open_model, f"python:{name}") == (code, found)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("raise SystemError('broken')", "SystemError: broken (my_model.py, line 1)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 (my_model.py, line 2)"),
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package' (my_model.py, line 1)"),
        ("x = (", "SyntaxError: '(' was never closed (my_model.py, line 1)"),
        ("def __getattr__(name):\n    return 1 / 0", "ZeroDivisionError: division by zero (my_model.py, line 2)"),
    ],
)
def test_a_module_that_fails_is_refused_with_its_error(tmp_path: Path, code: str, found: str) -> None:
    (tmp_path / "my_model.py").write_text(code)
    assert fault_of(open_model, "python:my_model:scores") == ("import-failed", found)


def test_a_function_may_import_from_the_working_folder_when_it_runs(tmp_path: Path, report_extra: None) -> None:
    lazy = "def scores(pictures):\n    import my_weights\n    return my_weights.scores(pictures)\n"
    write_files(tmp_path, {"my_model.py": lazy, "my_weights.py": CODE, "images/a.png": picture(5, "PNG")})
    path = list(sys.path)
    predict(["python:my_model:scores"], tmp_path / "out.npy", images=tmp_path / "images")
    assert sys.path == path
    sys.modules.pop("my_weights")


def test_code_may_change_where_modules_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_model.py").write_text(f"import sys\nsys.path.remove({str(tmp_path)!r})\n{CODE}")
    assert open_model("python:my_model:scores").name == "python:my_model:scores"


@pytest.mark.parametrize("option", ["transform", "checkpoint"])
def test_a_function_takes_no_files(option: str) -> None:
    source = ModelSource("python:my_model:scores", **{option: "f.pt"})
    assert code_of(open_model, source) == "option-not-used"


def test_a_function_takes_no_device() -> None:
    assert code_of(open_model, "python:my_model:scores", device="cpu") == "option-not-used"


def test_a_function_that_ends_the_process_is_a_model_that_fails(tmp_path: Path, report_extra: None) -> None:
    (tmp_path / "my_model.py").write_text("import sys\ndef scores(pictures):\n    sys.exit(0)\n")
    write_files(tmp_path / "images", {"a.png": picture(5, "PNG")})
    found = fault_of(predict, ["python:my_model:scores"], tmp_path / "out.csv", images=tmp_path / "images")
    assert found == ("model-failed", "SystemExit: 0 (my_model.py, line 3)")


def test_what_a_module_prints_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "my_model.py").write_text("print('hello')\n" + CODE)
    open_model("python:my_model:scores")
    assert capsys.readouterr() == ("", "hello\n")


def test_what_a_function_prints_is_no_result(
    tmp_path: Path, report_extra: None, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my_model.py").write_text("def scores(pictures):\n    print('hello')\n    return [[0.5, 1.0]]\n")
    write_files(tmp_path / "images", {"a.png": picture(5, "PNG")})
    predict(["python:my_model:scores"], tmp_path / "out.csv", images=tmp_path / "images")
    assert capsys.readouterr() == ("", "hello\n" * 2)
