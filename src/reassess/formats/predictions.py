"""A model's predictions as files: numpy arrays, tensors, and the choice of reader by suffix."""

import warnings
import zipfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reassess.classes import Classes
from reassess.errors import DataError, MissingPackageError, at
from reassess.formats.archives import MAX_BYTES, check_declared, open_archive, read_npy
from reassess.formats.files import check_input, check_output, suffix_of, writing
from reassess.formats.outputs import are_in_sorted_order, check_outputs, refuse_ids
from reassess.formats.prediction_tables import read_prediction_table
from reassess.formats.tables import TABLE_SUFFIXES, write_table
from reassess.predictions import MOST_IDS, Predictions, as_floats

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_predictions", "write_predictions"]

_NAMES = ("names", "filenames", "paths")
_BLOCK = 1024
_TORCH_REFUSES = "Weights only load failed"


def read_predictions(
    path: str | Path,
    classes: Classes | None = None,
    *,
    names: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> Predictions:
    r"""Predictions of a file; what was decided about it stands in `Predictions.detected`.

    Parameters
    ----------
    path
        npy or npz: integers (N,) or (N, k <= 20) are ids, best first; floats (N, outputs) are scores; an npz may hold
        the image names as ``names``, ``filenames`` or ``paths``. CSV, TSV, JSON lines, Parquet, and the JSON of timm's
        inference script: a column of image names, and columns of ids or of scores. pt, pth, safetensors: one tensor,
        where torch or safetensors is installed.
    classes
        The classes of the benchmark. Of classes that are known only by the names in the labels (`Classes.ranked`), ids
        mean nothing: predictions name them, except for scores of exactly as many outputs, taken in sorted order.
    names
        Image name of each row, for a file that holds none.
    outputs
        What each of the model's outputs is called: wnid, class name or class id.
    max_bytes
        An archive that declares more is refused.

    Returns
    -------
    Predictions
        Ids (N, k), or scores (N, outputs); scores of an npy file stay on the disk.

    Raises
    ------
    DataError
        The file does not hold predictions for these classes; the message says where and why.
    MissingPackageError
        The file needs torch or safetensors.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "model.csv"
    >>> _ = path.write_text("image,prediction\na.png,dog\nb.png,cat\n")
    >>> said = read_predictions(path, Classes(2, names=("cat", "dog")))
    >>> said, said.ids.tolist()
    (Predictions(2 images, ids, top 1), [[1], [0]])
    >>> said.detected
    'csv: images named by column image; ids, top 1, column prediction'
    """
    path = Path(path)
    arrays: dict[str, Callable[[], _Content]] = {
        ".npy": lambda: _Content(read_npy(path), "npy"),
        ".npz": lambda: _read_npz(path, max_bytes),
        ".pt": lambda: _read_torch(path, max_bytes),
        ".pth": lambda: _read_torch(path, max_bytes),
        ".safetensors": lambda: _read_safetensors(path),
    }
    classes = classes or Classes()
    suffix = suffix_of(path, [*arrays, *TABLE_SUFFIXES, ".json"], "predictions")
    columns = None if outputs is None else classes.map_outputs(outputs, where="the list of outputs (--classes)")
    with at(path):
        if suffix in arrays:
            predictions = _of_array(arrays[suffix](), classes, columns)
        else:
            predictions = read_prediction_table(path, classes, columns)
        if names is not None:
            predictions = _with_names(predictions, names)
    return predictions


def write_predictions(path: str | Path, predictions: Predictions, *, topk: int = 5, force: bool = False) -> None:
    """Write predictions to npy (all of them, with the names in a text file beside it) or a table (the top k).

    Parameters
    ----------
    path
        ``.npy``, or a table: image, prediction_1..k and, where scores are known, score_1..k.
    predictions
        What to write.
    topk
        How many of the best classes a table holds.
    force
        Overwrite files that exist.
    """
    path = Path(path)
    if path.suffix.lower() != ".npy":
        write_table(path, _table(predictions, min(topk, predictions.depth)), force=force)
        return
    if predictions.columns is not None:
        raise DataError(
            "an npy file cannot say which outputs are which classes", where=path, mend="write a table, such as .parquet"
        )
    names = None
    if predictions.images is not None:
        check_output(path.with_suffix(".txt"), force=force)
        names = _lines(path, predictions.images)
    with ExitStack() as both:  # neither takes its place before both are written
        _save(both.enter_context(writing(path, force=force)), predictions)
        if names is not None:
            text = both.enter_context(writing(path.with_suffix(".txt"), force=force))
            text.write_text(names, encoding="utf-8")


def _lines(path: Path, names: Sequence[str]) -> str:
    broken = next((row for row, name in enumerate(names) if "\n" in name or "\r" in name), None)
    if broken is not None:
        raise DataError(
            "an image name holds a line break",
            where=f"{path}, row {broken}",
            found=repr(names[broken]),
            mend="write a table, such as .parquet",
        )
    return "".join(f"{name}\n" for name in names)


def _save(path: Path, predictions: Predictions) -> None:
    """Write the array; numpy has no bfloat16, so that such scores become float32, a block at a time."""
    array = predictions.ids if predictions.scores is None else predictions.scores
    assert array is not None
    if predictions.dtype != "bfloat16":
        np.save(path, np.asarray(array), allow_pickle=False)
        return
    floats = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=array.shape)
    for start in range(0, len(array), _BLOCK):
        floats[start : start + _BLOCK] = as_floats(array[start : start + _BLOCK])


@dataclass(frozen=True)
class _Content:
    """What an array file holds: the array, its kind, and the names of its rows."""

    array: npt.NDArray[Any]
    kind: str
    names: Sequence[str] | None = None
    bfloat16: bool = False


def _of_array(content: _Content, classes: Classes, columns: npt.NDArray[np.int64] | None) -> Predictions:
    array = content.array
    if array.ndim and not len(array):
        raise DataError("the array has no rows", found=f"shape {array.shape}", mend="write it again")
    shape = "x".join(str(size) for size in array.shape)
    if array.dtype.kind in "iu" and not content.bfloat16:
        refuse_ids(classes, columns)
        predictions = Predictions.from_ids(array, content.names, columns=columns)
        kind = f"ids, top {predictions.depth}"
    elif array.dtype.kind == "f" or content.bfloat16:
        check_outputs(array.shape, classes, columns)
        read = Predictions.from_bfloat16 if content.bfloat16 else Predictions.from_scores
        predictions = read(array, content.names, columns=columns)
        kind = f"scores, {predictions.dtype}{are_in_sorted_order(classes, columns)}"
    else:
        raise DataError(
            "the array holds neither ids nor scores", allowed="integers or floats", found=f"{array.dtype} {array.shape}"
        )
    return replace(predictions, detected=f"{content.kind} {shape}: {kind}{_dropped(columns)}")


def _dropped(columns: npt.NDArray[np.int64] | None) -> str:
    if columns is None or (columns >= 0).all():
        return ""
    return f", {np.count_nonzero(columns < 0):,} outputs left out (no such class)"


def _with_names(predictions: Predictions, names: Sequence[str]) -> Predictions:
    if predictions.images is not None:
        raise DataError("the file holds image names of its own", mend="leave --names out")
    return predictions.named(names, detected=f"{predictions.detected}, names from a file")


def _read_npz(path: Path, max_bytes: int) -> _Content:
    with open_archive(path, max_bytes=max_bytes) as archive:
        named = [name for name in _NAMES if name in archive]
        held = [name for name in archive if name not in _NAMES]
        if len(held) != 1 or len(named) > 1:
            raise DataError(
                "it is not clear which array holds the predictions" if len(named) < 2 else "two arrays of names",
                allowed=f"one array of ids or scores, and one of {', '.join(_NAMES)}",
                found=", ".join(archive) or "no array",
                mend="save one array of predictions a file",
            )
        names = _names(archive[named[0]], f"{path}, array {named[0]}") if named else None
        return _Content(archive[held[0]], f"npz, array {held[0]}", names)


def _names(array: npt.NDArray[Any], where: str) -> list[str]:
    """Image names of an array of text, or of bytes or numbers, each of which stands for its text."""
    if array.ndim == 1 and array.dtype.kind in "SUiu":
        try:
            texts: list[str] = (np.strings.decode(array, "utf-8") if array.dtype.kind == "S" else array).tolist()
            return [str(text) for text in texts]
        except UnicodeDecodeError:
            pass
    raise DataError(
        "the array does not hold image names",
        where=where,
        allowed="text of shape (N,)",
        found=f"{array.dtype} {array.shape}",
        mend="save names.astype(str)",
    )


def _read_torch(path: Path, max_bytes: int) -> _Content:
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError("torch", extra="torch", purpose=f"reading {path.suffix} files") from error
    check_input(path)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                check_declared(path, file, max_bytes)
        with warnings.catch_warnings(action="ignore"):  # of what the error below says
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # torch and zipfile raise whatever their parts raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            "the file cannot be loaded as plain tensors",
            where=path,
            allowed="a tensor, or a dict with one tensor and a list of names; other Python objects are never loaded",
            # torch goes on with advice to load it all the same, which would run any code
            found="other Python objects" if said.startswith(_TORCH_REFUSES) else said,
            mend="torch.save(scores.cpu(), path)",
        ) from error
    return _of_tensors(path, loaded if isinstance(loaded, dict) else {type(loaded).__name__: loaded})


def _read_safetensors(path: Path) -> _Content:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingPackageError("safetensors", extra="torch", purpose="reading .safetensors files") from error
    from safetensors import SafetensorError

    check_input(path)
    try:
        return _of_tensors(path, load_file(path))
    except SafetensorError as error:
        raise DataError(
            "the file is not a whole safetensors file",
            where=path,
            found=str(error),
            mend="get or write the file again",
        ) from error


def _of_tensors(path: Path, loaded: dict[str, Any]) -> _Content:
    import torch

    names = [loaded[name] for name in _NAMES if name in loaded]
    tensors = [value for name, value in loaded.items() if isinstance(value, torch.Tensor) and name not in _NAMES]
    if len(tensors) != 1 or len(names) > 1:
        raise DataError(
            "it is not clear which tensor holds the predictions",
            where=path,
            allowed=f"one tensor of ids or scores, and one list of {', '.join(_NAMES)}",
            found=", ".join(map(str, loaded)) or "nothing",
            mend="save one tensor of predictions a file",
        )
    tensor = tensors[0].detach().cpu()
    bfloat16 = tensor.dtype == torch.bfloat16
    try:
        array = tensor.contiguous().view(torch.int16).numpy() if bfloat16 else tensor.numpy()
        held = names[0].numpy() if names and isinstance(names[0], torch.Tensor) else np.array(names[0] if names else [])
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            "a tensor of this kind cannot be read",
            where=path,
            allowed="a dense tensor of float16, bfloat16, float32 or float64 scores, or of integer ids",
            found=str(tensor.dtype),
            mend="torch.save(scores.float().cpu(), path)",
        ) from error
    return _Content(array, path.suffix.lower().lstrip("."), _names(held, f"{path}, names") if names else None, bfloat16)


def _table(predictions: Predictions, topk: int) -> "pl.DataFrame":
    import polars as pl

    columns: dict[str, Any] = {}
    if predictions.images is not None:
        columns["image"] = list(predictions.images)
    ids, scores = predictions.best(min(topk, MOST_IDS))
    columns |= {f"prediction_{k + 1}": ids[:, k] for k in range(ids.shape[1])}
    if scores is not None:
        columns |= {f"score_{k + 1}": scores[:, k] for k in range(ids.shape[1])}
    return pl.DataFrame(columns)
