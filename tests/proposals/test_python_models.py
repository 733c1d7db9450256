"""Python functions as models."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reassess import ModelSource, predict
from reassess.errors import DataError
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


def test_function_gets_whole_rgb_images(tmp_path: Path, report_extra: None) -> None:
    write_files(tmp_path / "images", {"a.png": picture(5, "PNG")})
    path = list(sys.path)
    (result,) = predict(["python:my_model:scores"], tmp_path / "out.csv", images=tmp_path / "images")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == "a.png,2,0,1,100.0,32.0,32.0"
    assert result.model == "python:my_model:scores"
    assert sys.path == path


def test_changed_code_is_another_model(tmp_path: Path) -> None:
    write_files(tmp_path, {"my_model.py": "import my_scale\n" + CODE, "my_scale.py": "SCALE = 1\n"})
    before = open_model("python:my_model:scores").identifying_facts
    for name, content, changed in (
        ("my_scale", "SCALE = 20\n", {"code of my_scale"}),
        ("my_model", "import my_scale\n" + CODE + "# more\n", {"code of my_scale", "code of the module"}),
    ):
        for module in ("my_model", "my_scale"):
            del sys.modules[module]
        (tmp_path / f"{name}.py").write_text(content)
        after = open_model("python:my_model:scores").identifying_facts
        assert {fact for fact in after if after[fact] != before[fact]} == changed
    del sys.modules["my_scale"]


@pytest.mark.parametrize(
    ("name", "code", "found"),
    [
        ("my_model", "wrong-syntax", None),
        ("my_model:", "wrong-syntax", None),
        ("..m:scores", "wrong-syntax", None),
        ("my_model:score", "import-failed", None),
        ("my_model:number", "wrong-type", "int"),
        ("my_model.py:scores", "import-failed", "No module named 'my_model.py'; 'my_model' is not a package"),
        ("my_mode:scores", "import-failed", "No module named 'my_mode'"),
    ],
)
def test_name_without_function_raises(name: str, code: str, found: str | None) -> None:
    assert fault_of(open_model, f"python:{name}") == (code, found)


def test_functions_of_the_module_are_listed() -> None:
    with pytest.raises(DataError) as caught:
        open_model("python:my_model:nope")
    assert (caught.value.allowed, caught.value.fix) == ("scores", None)


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
def test_failing_module_raises_with_its_error(tmp_path: Path, code: str, found: str) -> None:
    (tmp_path / "my_model.py").write_text(code)
    assert fault_of(open_model, "python:my_model:scores") == ("import-failed", found)


def test_function_can_import_from_working_folder_later(tmp_path: Path, report_extra: None) -> None:
    lazy = "def scores(pictures):\n    import my_weights\n    return my_weights.scores(pictures)\n"
    write_files(tmp_path, {"my_model.py": lazy, "my_weights.py": CODE, "images/a.png": picture(5, "PNG")})
    path = list(sys.path)
    predict(["python:my_model:scores"], tmp_path / "out.npy", images=tmp_path / "images")
    assert sys.path == path
    sys.modules.pop("my_weights")


def test_code_can_change_module_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_model.py").write_text(f"import sys\nsys.path.remove({str(tmp_path)!r})\n{CODE}")
    assert open_model("python:my_model:scores").name == "python:my_model:scores"


@pytest.mark.parametrize("option", ["transform", "checkpoint", "device"])
def test_function_takes_no_files_and_no_device(option: str) -> None:
    device = "cpu" if option == "device" else None
    files = {} if device else {option: "f.pt"}
    assert code_of(open_model, ModelSource("python:my_model:scores", **files), device=device) == "unused-option"


def test_prints_are_kept_out_of_result_and_exit_raises(
    tmp_path: Path, report_extra: None, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "print('hello')\nimport sys\ndef scores(pictures):\n    print('hi')\n    return [[0.5, 1.0]]\n"
    code += "def ends(pictures):\n    sys.exit(0)\n"
    write_files(tmp_path, {"my_model.py": code, "images/a.png": picture(5, "PNG")})
    predict(["python:my_model:scores"], tmp_path / "out.csv", images=tmp_path / "images")
    assert capsys.readouterr() == ("", "hello\nhi\nhi\n")
    found = fault_of(predict, ["python:my_model:ends"], tmp_path / "o.csv", images=tmp_path / "images")
    assert found == ("model-failed", "SystemExit: 0 (my_model.py, line 7)")
