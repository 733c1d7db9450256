"""Predictions in array files: they are not copied, and no code from a file runs."""

import pickle
import sys
import warnings
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reassess.core import Classes, Predictions, UnknownClasses
from reassess.errors import ReassessWarning
from reassess.formats import read_predictions, write_predictions
from reassess.formats.files import read_lines
from reassess.formats.predictions import READERS
from tests.helpers import NAME_OUTPUTS, File, Needs, Refused, save_npz

CLASSES = Classes(3, ("n01", "n02", "n03"), ("crane", "dog, hound", "crane"))
SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]], np.float32)
IMAGES = ("a b.png", "00012.png")


def save(path: Path, array: Any) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


def top1(predictions: Predictions) -> list[int]:
    return predictions.top_classes(1)[0][:, 0].tolist()


# --- npy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i4", ">i4", "u8"])
@pytest.mark.parametrize(
    ("ids", "detected"),
    [([1, 2], "npy 2, top-1 ids"), ([[1], [2]], "npy 2x1, top-1 ids"), ([[1, 0], [2, 1]], "npy 2x2, top-2 ids")],
)
def test_integers_are_ids_best_first(
    tmp_path: Path, ids: list[int] | list[list[int]], detected: str, dtype: str
) -> None:
    predictions = read_predictions(save(tmp_path / "p.npy", np.array(ids, dtype)), CLASSES)
    assert predictions.detected_format == detected
    assert predictions.class_ids.tolist() == np.reshape(ids, (2, -1)).tolist()


def test_more_than_twenty_ids_per_row_raise(refused_text: Refused, tmp_path: Path) -> None:
    ids = np.arange(42).reshape(2, 21)
    assert read_predictions(save(tmp_path / "p.npy", ids[:, :20])).detected_format == "npy 2x20, top-20 ids"
    assert refused_text(read_predictions, save(tmp_path / "p.npy", ids)) == (
        "too many ids per row\n  where:   DIR/p.npy\n  allowed: 1 to 20 ids per row, best first\n"
        "  found:   shape (2, 21)\n  fix:     if these are scores, save them as floats"
    )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("dtype", "name"), [("f2", "float16"), ("f4", "float32"), (">f4", "float32"), ("f8", "float64")]
)
def test_floats_are_scores_and_stay_on_disk(tmp_path: Path, dtype: str, name: str, order: str) -> None:
    predictions = read_predictions(save(tmp_path / "p.npy", SCORES.astype(dtype, order=order)), CLASSES)
    assert predictions.detected_format == f"npy 2x3, {name} scores"
    assert predictions.dtype == name
    assert isinstance(predictions.scores, np.memmap) or dtype == ">f4"  # mapped, not copied
    assert predictions.scores.tolist() == SCORES.astype(dtype).tolist()
    assert top1(predictions) == [1, 0]


def test_names_do_not_copy_the_scores(tmp_path: Path) -> None:
    predictions = read_predictions(save(tmp_path / "p.npy", SCORES), CLASSES, image_names=IMAGES)
    assert isinstance(predictions.scores, np.memmap)
    assert (predictions.images, predictions.detected_format) == (
        IMAGES,
        "npy 2x3, float32 scores, image names from a file",
    )


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((2, 4)), "wrong-outputs at p.npy"),
        (np.zeros((2, 2)), "wrong-outputs at p.npy"),
        (np.zeros(3), "wrong-type at p.npy"),
        (np.zeros((2, 3, 1)), "wrong-type at p.npy"),
        *[
            (array, "wrong-type at p.npy")
            for array in (np.zeros(2, bool), np.zeros(2, complex), np.array(["n01", "n02"]), np.zeros(2, "M8[s]"))
        ],
        (np.zeros((2, 3), np.longdouble), "wrong-type at p.npy"),
        (np.zeros((0, 3)), "empty-file at p.npy"),
        (np.array(7), "wrong-type at p.npy"),
        (np.array([1, -1]), "out-of-range at p.npy, row 1"),
        (np.array([1, 2**63], np.uint64), "out-of-range at p.npy, row 1"),
        (np.array([[1, 2], [1, 1]]), "duplicate-class at p.npy, row 1"),
    ],
)
def test_array_without_ids_or_scores_raises(refused: Refused, tmp_path: Path, array: Any, expected: str) -> None:
    assert refused(read_predictions, save(tmp_path / "p.npy", array), CLASSES) == expected


def test_pickles_raise_without_running_code(refused: Refused, file: File, tmp_path: Path, trap: object) -> None:
    objects = np.array([trap, trap], object)
    assert refused(read_predictions, save(tmp_path / "p.npy", objects)) == "pickle at p.npy, the file"
    assert refused(read_predictions, file("q.npy", pickle.dumps(trap))) == "pickle at q.npy, the file"
    path = save_npz(tmp_path / "p.npz", scores=SCORES, names=objects)
    assert refused(read_predictions, path) == "pickle at p.npz, array names"


@pytest.mark.parametrize(("suffix", "fix"), [(".pkl", "\n  fix:     save it as .npz"), (".xyz", ""), (".pt2", "")])
def test_unknown_suffix_raises(refused_text: Refused, tmp_path: Path, suffix: str, fix: str) -> None:
    assert refused_text(read_predictions, tmp_path / f"p{suffix}") == (
        f"wrong kind of file for predictions\n  where:   DIR/p{suffix}\n"
        f"  allowed: {', '.join(READERS)}\n"
        f"  found:   {suffix}{fix}"
    )


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".json", ".parquet"])
def test_missing_or_empty_file_raises(refused: Refused, file: File, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    assert refused(read_predictions, path) == f"file-not-found at p{suffix}"
    assert refused(read_predictions, file(path.name, "")) == f"empty-file at p{suffix}"


# --- npz ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["names", "filenames", "paths"])
@pytest.mark.parametrize("names", [np.array(IMAGES), np.array(IMAGES).astype("S"), np.array(IMAGES).astype(">U20")])
def test_archive_may_have_image_names(tmp_path: Path, key: str, names: npt.NDArray[Any]) -> None:
    predictions = read_predictions(save_npz(tmp_path / "p.npz", logits=SCORES, **{key: names}), CLASSES)
    assert predictions.images == IMAGES
    assert predictions.detected_format == "npz array 'logits' 2x3, float32 scores"
    assert top1(predictions) == [1, 0]


def test_archive_may_have_ids_and_numbers_as_image_names(tmp_path: Path) -> None:
    predictions = read_predictions(save_npz(tmp_path / "p.npz", top5=np.array([[1, 2]])), CLASSES)
    assert (predictions.images, predictions.detected_format) == (None, "npz array 'top5' 1x2, top-2 ids")
    assert read_predictions(save_npz(tmp_path / "q.npz", ids=[1, 2], names=[7, 12])).images == ("7", "12")


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"a": SCORES, "b": SCORES}, "ambiguous-array at p.npz"),
        ({"names": np.array(IMAGES)}, "ambiguous-array at p.npz"),
        ({"a": SCORES, "names": np.array(IMAGES), "paths": np.array(IMAGES)}, "ambiguous-array at p.npz"),
        ({"a": SCORES, "names": np.array(["a"])}, "wrong-length at p.npz"),
        ({"a": np.array([0, 1, -7]), "names": np.array(["a"])}, "out-of-range at p.npz, row 2"),  # row 2 has no name
        ({"a": SCORES, "names": np.array(["a", "a"])}, "duplicate-image at p.npz, the predictions"),
        ({"a": SCORES, "names": np.array(["a", ""])}, "missing-value at p.npz, the predictions, row 1"),
        *[
            ({"a": SCORES, "names": names}, "missing-image-names at p.npz, array names")
            for names in (np.array([1.0, 2.0]), np.array([IMAGES]), np.array([b"a", b"\xff"]))
        ],
    ],
)
def test_ambiguous_or_invalid_archive_raises(refused: Refused, tmp_path: Path, arrays: Any, expected: str) -> None:
    assert refused(read_predictions, save_npz(tmp_path / "p.npz", **arrays), CLASSES) == expected


def test_messages_about_arrays_are_as_written(refused_text: Refused, tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    for content, message in (
        (
            {"a": SCORES, "b": SCORES},
            "several arrays could be the predictions\n  where:   DIR/p.npz\n  allowed: one array of ids or scores, and "
            "one of names, filenames, paths\n  found:   a, b\n  fix:     save one array of predictions per file",
        ),
        (
            {"a": np.zeros((2, 4))},
            "wrong number of outputs\n  where:   DIR/p.npz\n  allowed: 3 columns\n  found:   4 columns\n"
            f"  fix:     if the first output is a background class, save scores[:, 1:]; otherwise {NAME_OUTPUTS}",
        ),
        (
            {"a": np.zeros(3)},
            "scores (floats) must have one row per image and one column per class\n  where:   DIR/p.npz\n"
            "  allowed: shape (N, classes)\n  found:   shape (3,)\n"
            "  fix:     if these are class ids, save them as integers",
        ),
        (
            {"a": SCORES, "names": np.array([1.0, 2.0])},
            "array has no image names\n  where:   DIR/p.npz, array names\n  allowed: text of shape (N,)\n"
            "  found:   float64 (2,)\n  fix:     save names.astype(str)",
        ),
    ):
        assert refused_text(read_predictions, save_npz(path, **content), CLASSES) == message


# --- names and outputs as options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"), [(["a"], "wrong-length at p.npy"), (["a", "a"], "duplicate-image at p.npy, the predictions")]
)
def test_invalid_names_raise(refused: Refused, tmp_path: Path, names: list[str], expected: str) -> None:
    assert refused(read_predictions, save(tmp_path / "p.npy", SCORES), CLASSES, image_names=names) == expected
    path = save_npz(tmp_path / "p.npz", scores=SCORES, names=np.array(IMAGES))
    assert refused(read_predictions, path, CLASSES, image_names=["a", "b"]) == "unused-option at p.npz"


@pytest.mark.parametrize(
    ("outputs", "columns", "ignored"),
    [
        (["n03", "n01", "n02"], [2, 0, 1], ""),
        (["hound", "0", "n03"], [1, 0, 2], ""),
        (["background", "n01", "Dog"], [-1, 0, 1], "; 1 output ignored (unknown class): background"),
        (["n01", "wolf", "cat"], [0, -1, -1], "; 2 outputs ignored (unknown class): wolf, cat"),
    ],
)
def test_list_of_outputs_sets_the_class_of_each_output(
    tmp_path: Path, outputs: list[str], columns: list[int], ignored: str
) -> None:
    predictions = read_predictions(save(tmp_path / "p.npy", SCORES), CLASSES, outputs=outputs)
    assert predictions.output_class_ids.tolist() == columns
    assert predictions.detected_format == f"npy 2x3, float32 scores{ignored}"
    assert isinstance(predictions.scores, np.memmap)
    with warnings.catch_warnings(action="ignore"):  # about predictions that are not classes
        ids = read_predictions(save(tmp_path / "q.npy", np.array([0, 2])), CLASSES, outputs=outputs)
    assert ids.class_ids[:, 0].tolist() == [columns[0], columns[2]]


@pytest.mark.parametrize(
    ("array", "outputs", "expected"),
    [
        (SCORES, ["n01", "n02"], "wrong-outputs at p.npy"),
        (SCORES, ["crane", "n01", "n02"], "duplicate-class at the list of outputs"),
        (SCORES, ["dog", "n01", "hound"], "duplicate-class at the list of outputs"),
        (SCORES, ["x", "y", "z"], "unknown-class at the list of outputs"),
        (np.array([0, 3]), ["n01", "n02", "n03"], "out-of-range at p.npy, row 1"),
    ],
)
def test_invalid_list_of_outputs_raises(
    refused: Refused, tmp_path: Path, array: Any, outputs: list[str], expected: str
) -> None:
    assert refused(read_predictions, save(tmp_path / "p.npy", array), CLASSES, outputs=outputs) == expected


# --- torch and safetensors ------------------------------------------------------------------------------------------


@pytest.fixture
def torch(needs: Needs) -> Any:
    needs("torch")
    import torch

    return torch


@pytest.fixture
def safetensors(torch: ModuleType, needs: Needs) -> Any:
    needs("safetensors")
    import safetensors.torch

    return safetensors.torch


@pytest.mark.parametrize("suffix", ["pt", "pth"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensor_of_scores_is_read(torch: ModuleType, tmp_path: Path, suffix: str, dtype: str) -> None:
    torch.save(torch.tensor(SCORES, requires_grad=True).to(getattr(torch, dtype)), tmp_path / f"p.{suffix}")
    predictions = read_predictions(tmp_path / f"p.{suffix}", CLASSES)
    assert (predictions.detected_format, predictions.dtype, top1(predictions)) == (
        f"{suffix} 2x3, {dtype} scores",
        dtype,
        [1, 0],
    )


@pytest.mark.parametrize("key", ["names", "filenames", "paths"])
def test_dict_of_tensor_and_names_is_read(torch: ModuleType, tmp_path: Path, key: str) -> None:
    torch.save({"logits": torch.tensor(SCORES).T.contiguous().T, key: list(IMAGES)}, tmp_path / "p.pt")
    predictions = read_predictions(tmp_path / "p.pt", CLASSES)
    assert (predictions.images, top1(predictions)) == (IMAGES, [1, 0])
    torch.save({"ids": torch.tensor([[1, 0], [2, 1]]), key: torch.tensor([7, 12])}, tmp_path / "q.pt")
    predictions = read_predictions(tmp_path / "q.pt", CLASSES)
    assert (predictions.images, predictions.detected_format) == (("7", "12"), "pt 2x2, top-2 ids")
    assert predictions.class_ids.tolist() == [[1, 0], [2, 1]]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_safetensors_of_scores_are_read(safetensors: ModuleType, torch: ModuleType, tmp_path: Path, dtype: str) -> None:
    tensor = torch.tensor(SCORES).to(getattr(torch, dtype))
    safetensors.save_file({"logits": tensor}, tmp_path / "p.safetensors")
    predictions = read_predictions(tmp_path / "p.safetensors", CLASSES)
    assert (predictions.detected_format, top1(predictions)) == (f"safetensors 2x3, {dtype} scores", [1, 0])


def test_tensor_without_values_raises(
    torch: ModuleType, refused: Refused, refused_text: Refused, tmp_path: Path
) -> None:
    torch.save(torch.empty(2, 3, device="meta"), tmp_path / "p.pt")
    assert refused_text(read_predictions, tmp_path / "p.pt") == (
        "tensor of this type cannot be read\n  where:   DIR/p.pt\n"
        "  allowed: a dense tensor of float16, bfloat16, float32 or float64 scores, or of integer ids\n"
        "  found:   torch.float32\n  fix:     torch.save(scores.float().cpu(), path)"
    )
    torch.save(torch.zeros(1).expand(10**6, 10**4), tmp_path / "p.pt")  # one stored value
    assert refused(read_predictions, tmp_path / "p.pt") == "too-large at p.pt"


def test_bfloat16_scores_are_exact(torch: ModuleType, tmp_path: Path) -> None:
    tensor = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    torch.save(tensor, tmp_path / "p.pt")
    ids, values = read_predictions(tmp_path / "p.pt").top_classes(7)
    expected, order = tensor.float().sort(descending=True, stable=True)
    assert ids.tolist() == order.tolist()
    assert values.tolist() == expected.tolist()


def test_malicious_tensor_file_raises_without_running_code(
    refused_text: Refused, torch: ModuleType, tmp_path: Path, trap: object
) -> None:
    torch.save({"scores": torch.zeros(2, 3), "names": trap}, tmp_path / "p.pt")
    assert refused_text(read_predictions, tmp_path / "p.pt") == (  # without torch's unsafe advice
        "file cannot be loaded as plain tensors\n  where:   DIR/p.pt\n"
        "  allowed: a tensor, or a dict with one tensor and a list of names; other Python objects are never loaded\n"
        "  found:   other Python objects\n  fix:     torch.save(scores.cpu(), path)"
    )


def test_damaged_tensor_file_raises(refused: Refused, torch: ModuleType, file: File, tmp_path: Path) -> None:
    torch.save(torch.tensor(SCORES), tmp_path / "p.pt")
    content = bytearray((tmp_path / "p.pt").read_bytes())
    content[content.rindex(b"PK\x01\x02")] = 0
    for broken in (bytes(content), b"image,prediction\na,1\n", b"PK\x03\x04 cut short"):
        assert refused(read_predictions, file("p.pt", broken)) == "unreadable-file at p.pt"


def test_too_large_tensor_file_raises(
    refused: Refused, torch: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(torch.zeros(100, 100), tmp_path / "p.pt")
    with zipfile.ZipFile(tmp_path / "p.pt") as file:
        declared = sum(member.file_size for member in file.infolist())
    assert declared > 40_000
    monkeypatch.setenv("REASSESS_MAX_BYTES", "40000")
    assert refused(read_predictions, tmp_path / "p.pt") == "too-large at p.pt"


def test_ambiguous_or_unsupported_tensors_raise(refused: Refused, torch: ModuleType, tmp_path: Path) -> None:
    tensor, names = torch.tensor(SCORES), list(IMAGES)
    unclear: tuple[Any, ...] = (
        {"a": tensor, "b": tensor},
        {"names": names},
        [tensor] * 2,
        {},
        {"a": tensor, "names": names, "paths": names},
    )
    for expected, contents in (
        ("ambiguous-array", unclear),
        ("wrong-type", (tensor.to_sparse(), tensor.to(torch.float8_e5m2))),
    ):
        for content in contents:
            torch.save(content, tmp_path / "p.pt")
            assert refused(read_predictions, tmp_path / "p.pt") == f"{expected} at p.pt"


def test_truncated_safetensors_file_raises(
    refused: Refused, safetensors: ModuleType, torch: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "p.safetensors"
    safetensors.save_file({"logits": torch.tensor(SCORES)}, path)
    path.write_bytes(path.read_bytes()[:-1])
    assert refused(read_predictions, path) == "damaged-file at p.safetensors"


@pytest.mark.parametrize(
    ("name", "missing", "package"),
    [("p.pt", "torch", "torch"), ("p.pth", "torch", "torch"), ("p.safetensors", "safetensors.torch", "safetensors")],
)
def test_missing_package_is_named(
    refused_text: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, missing: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert refused_text(read_predictions, tmp_path / name) == (
        f"package {package} is missing (for reading {Path(name).suffix} files)\n  where:   DIR/{name}\n"
        "  fix:     pip install 'reassess[torch]'"
    )


# --- writing --------------------------------------------------------------------------------------------------------

names = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), min_size=1, max_size=10)
floats = arrays.arrays(
    np.float32, st.tuples(st.just(3), st.integers(1, 7)), elements=st.floats(width=32, allow_nan=False)
)


@given(st.lists(names, min_size=3, max_size=3, unique=True), floats)
def test_npy_scores_and_names_survive_round_trip(scratch: Path, names: list[Any], scores: Any) -> None:
    path = scratch / "p.npy"
    write_predictions(path, Predictions.from_scores(scores, names), force=True)
    predictions = read_predictions(path, image_names=read_lines(path.with_suffix(".txt")))
    assert predictions.images == tuple(names)
    assert np.array_equal(predictions.scores, scores)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@given(st.lists(names, min_size=3, max_size=3, unique=True), floats.filter(lambda scores: np.isfinite(scores).all()))
def test_best_classes_survive_round_trip_in_a_table(scratch: Path, suffix: str, names: list[Any], scores: Any) -> None:
    path, predictions = scratch / f"p{suffix}", Predictions.from_scores(scores, names)
    write_predictions(path, predictions, top_k=5, force=True)
    result = read_predictions(path, Classes(7))
    depth = min(5, scores.shape[1])
    columns = "'prediction_1'" if depth == 1 else f"'prediction_1' to 'prediction_{depth}'"
    assert result.detected_format == f"{suffix[1:]}, image names from 'image', top-{depth} ids from {columns}"
    assert result.images == tuple(names)
    assert np.array_equal(result.class_ids, predictions.top_classes(depth)[0])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_table_has_the_scores_of_its_classes(tmp_path: Path, suffix: str) -> None:
    import polars as pl

    path = tmp_path / f"p{suffix}"
    write_predictions(path, Predictions.from_scores(SCORES, IMAGES), top_k=2)
    table = pl.read_csv(path) if suffix == ".csv" else pl.read_parquet(path)
    assert table.columns == ["image", "prediction_1", "prediction_2", "score_1", "score_2"]
    assert table.rows() == [
        ("a b.png", 1, 2, pytest.approx(0.7), pytest.approx(0.2)),
        ("00012.png", 0, 2, pytest.approx(0.5), pytest.approx(0.3)),
    ]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    "classes",
    [
        Classes.from_texts(["cat", "dog", "0x"]),
        Classes.from_texts(["n00000001", "n00000002", "n00000003"]),
        Classes(3, names=("dog", "cat", "0x")),
        Classes(3, names=("0", "-", "1,000")),
        Classes(3, names=("true", "1", "False")),
    ],
)
def test_number_like_class_names_survive_in_a_table(tmp_path: Path, suffix: str, classes: Classes) -> None:
    """Even if a whole column looks like numbers, or a class is named like the dash for an unknown class."""
    unknown = UnknownClasses(2, ("jar",))
    predictions = Predictions.from_ids([[0, 1], [2, -1]], IMAGES, unknown_classes=unknown, classes=classes)
    path = tmp_path / f"p{suffix}"
    write_predictions(path, predictions)
    with pytest.warns(ReassessWarning, match="1 prediction with 1 unknown class name, counted as wrong: -"):
        read = read_predictions(path, classes)
    assert read.class_ids.tolist() == [[0, 1], [2, -1]]
    for class_id in range(3):
        write_predictions(path, Predictions.from_ids([class_id], IMAGES[:1], classes=classes), force=True)
        assert read_predictions(path, classes).class_ids.tolist() == [[class_id]]


def test_npy_ids_survive_round_trip_unless_classes_have_only_names(refused: Refused, tmp_path: Path) -> None:
    named = Predictions.from_ids([0, 1], classes=Classes.from_texts(["cat", "dog"]))
    assert refused(write_predictions, tmp_path / "p.npy", named) == "ids-of-names at p.npy"
    write_predictions(tmp_path / "p.npy", Predictions.from_ids([[1, 0], [2, 1]]))
    assert read_predictions(tmp_path / "p.npy").class_ids.tolist() == [[1, 0], [2, 1]]
    assert not (tmp_path / "p.txt").exists()


def test_bfloat16_is_written_as_float32(tmp_path: Path) -> None:
    bits = (SCORES.view(np.int32) >> 16).astype(np.int16)
    write_predictions(tmp_path / "p.npy", Predictions.from_bfloat16(bits))
    predictions = read_predictions(tmp_path / "p.npy", CLASSES)
    assert predictions.dtype == "float32"
    assert np.array_equal(predictions.scores.view(np.int32) >> 16, bits)


def test_npy_cannot_store_a_list_of_outputs(refused_text: Refused, tmp_path: Path) -> None:
    mapped = Predictions.from_scores(SCORES, IMAGES, output_class_ids=np.array([2, -1, 0]))
    assert refused_text(write_predictions, tmp_path / "p.npy", mapped) == (
        "npy files cannot store the class of each output\n  where:   DIR/p.npy\n"
        "  fix:     write a table, such as .parquet"
    )
    write_predictions(tmp_path / "p.csv", mapped)
    assert read_predictions(tmp_path / "p.csv", CLASSES).class_ids.tolist() == [[0, 2], [2, 0]]


def test_name_with_line_break_needs_a_table(refused_text: Refused, tmp_path: Path) -> None:
    predictions = Predictions.from_ids([1, 2], ["a", "b\nc"])
    assert refused_text(write_predictions, tmp_path / "p.npy", predictions) == (
        "image name contains a line break\n  where:   DIR/p.npy, row 1\n  found:   'b\\nc'\n"
        "  fix:     write a table, such as .parquet"
    )
    assert list(tmp_path.iterdir()) == []
    write_predictions(tmp_path / "p.csv", predictions)
    assert read_predictions(tmp_path / "p.csv").images == ("a", "b\nc")


@pytest.mark.parametrize("existing", ["p.npy", "p.txt"])
def test_existing_npy_or_names_need_force(refused: Refused, file: File, tmp_path: Path, existing: str) -> None:
    file(existing, "old")
    predictions = Predictions.from_ids([1, 2], IMAGES)
    assert refused(write_predictions, tmp_path / "p.npy", predictions) == f"output-exists at {existing}"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {existing: "old"}
    write_predictions(tmp_path / "p.npy", predictions, force=True)
    assert len(read_predictions(tmp_path / "p.npy", image_names=read_lines(tmp_path / "p.txt"))) == 2


def test_failed_write_keeps_both_old_files(
    refused: Refused, file: File, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> Any:
        raise OSError(28, "No space left on device")

    old = {"p.npy": "old array", "p.txt": "old names"}
    path, _ = (file(*each) for each in old.items())
    monkeypatch.setattr("reassess.formats.predictions._save_array", fail)
    predictions = Predictions.from_ids([1, 2], IMAGES)
    assert refused(write_predictions, path, predictions, force=True) == "output-not-writable at p.npy"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == old


@pytest.mark.parametrize(
    ("lines", "images", "detected"),
    [
        (["b.png", "a.png"], ("b.png", "a.png"), ", image names from a.txt"),
        (["cat"], None, "; a.txt not used for image names: it has 1 line"),
        (["dog", "cat"], None, "; a.txt not used for image names: it lists the outputs"),
    ],
)
def test_text_file_next_to_npy_has_its_image_names(
    tmp_path: Path, lines: list[str], images: tuple[str, ...] | None, detected: str
) -> None:
    np.save(tmp_path / "a.npy", np.eye(2, dtype=np.float32))
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n")
    options: Any = {"classes": Classes(2, names=("cat", "dog")), "outputs": ["dog", "cat"]}
    predictions = read_predictions(tmp_path / "a.npy", **options)
    assert (predictions.images, predictions.detected_format) == (images, f"npy 2x2, float32 scores{detected}")
    assert read_predictions(tmp_path / "a.npy", image_names=["x", "y"], **options).images == ("x", "y")
