"""Numpy and tensor files with a few errors: in arrays, in headers, or in the archive."""

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from tests.fuzz.values import NUMBERS, TEXTS

Draw = Callable[[st.SearchStrategy[Any]], Any]
Arrays = Mapping[str, npt.NDArray[Any]]

_TYPES = (
    *("<f2", "<f4", ">f8", "<f8", "|i1", "<i4", ">i8", "<u8", "|u1", "|b1", "<c16", "<U3", ">U2", "<U0", "|S3", "|S0"),
    *("<M8[s]", "<m8[D]", "|V4", "|V0", "<f16", "<i4,<f4", "|O", "nonsense", "<U999999999", "<i99"),
)
_SHAPES = (
    *((), (0,), (1,), (6,), (18,), (2, 3), (0, 3), (3, 0), (-1,), (-2, -3), (2**31,), (2**62, 2), (2**63,), (2**64,)),
    *((0, 2**40), (2**32, 2**32), (1,) * 40, (1,) * 70, (6.0,), "x", (True, 3), ("a",), 6, (10**6, 0)),
)
_EXTRA_NAMES = (
    "names",
    "filenames",
    "tensor",
    "scores",
    "info",
    "ids",
    "answers",
    "golden",
    "x",
    "",
    "x.npy",
    "é",
    "../x",
)


@st.composite
def encoded_arrays(draw: Draw, seeds: tuple[Arrays, ...]) -> bytes:
    """Draw an npy file with an edited array."""
    return _npy(draw, next(iter(draw(st.sampled_from(seeds)).values())))


@st.composite
def encoded_archives(draw: Draw, seeds: tuple[Arrays, ...]) -> bytes:
    """Draw an npz file with up to two edited arrays."""
    arrays = draw(st.sampled_from(seeds))
    wrong = draw(st.sets(st.sampled_from([*arrays, ""]), max_size=2))
    files = {name: _npy(draw, array) if name in wrong else _plain(array) for name, array in arrays.items()}
    members = list(files.items())
    if "" in wrong:
        name, new_name = draw(st.sampled_from(list(arrays))), draw(st.sampled_from(_EXTRA_NAMES))
        kept = [] if draw(st.booleans()) else [(name, files[name])]
        members = [member for member in members if member[0] != name] + kept + [(new_name, files[name])]
    method = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]))
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members:
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), content, method)
    return buffer.getvalue()


@st.composite
def encoded_tensors(draw: Draw, seeds: tuple[Arrays, ...]) -> bytes:
    """Draw a safetensors file with a wrong value in its header."""
    array = np.ascontiguousarray(next(iter(draw(st.sampled_from(seeds)).values())))
    kind = {"f": "F", "i": "I", "u": "U"}[array.dtype.kind] + str(8 * array.dtype.itemsize)
    tensor = {"dtype": kind, "shape": list(array.shape), "data_offsets": [0, array.nbytes]}
    if field := draw(st.sampled_from(["", "", *tensor])):
        tensor[field] = draw(st.sampled_from([*NUMBERS, *_SHAPES, "BF16", "F8_E4M3", "BOOL", "I64", [0, 8], [8, 0]]))
    head = json.dumps({draw(st.sampled_from(["t", "t", "names", "", "__metadata__"])): tensor}).encode()
    return struct.pack("<Q", len(head)) + head + array.tobytes()


def _npy(draw: Draw, array: npt.NDArray[Any]) -> bytes:
    """Draw an npy file with an edited array or header."""
    if draw(st.booleans()):
        return _plain(_edit_array(draw, array))
    head = {"descr": array.dtype.str, "fortran_order": draw(st.booleans()), "shape": array.shape}
    field, wrong = draw(st.sampled_from([("descr", _TYPES), ("shape", _SHAPES), ("fortran_order", (1, None, "x"))]))
    head[field] = draw(st.sampled_from(wrong))
    if draw(st.integers(0, 7)) == 0:
        del head[draw(st.sampled_from(list(head)))]
    text = draw(st.sampled_from([repr(head), repr(head), json.dumps(head), repr(head) * 2, "(" * 300]))
    version = draw(st.sampled_from([(1, 0), (1, 0), (2, 0), (3, 0), (9, 9)]))
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) + draw(st.sampled_from([1, 1, 1, 0, 9999])))
    return np.lib.format.magic(*version[:2]) + size + text.encode() + b"\n" + array.tobytes()


def _plain(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _edit_array(draw: Draw, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    edit = draw(st.sampled_from(["value", "value", "value", "type", "shape", "fewer", "repeated", "fortran"]))
    with warnings.catch_warnings(action="ignore"):
        try:
            if edit == "value":
                array = array.copy()
                cell = draw(st.integers(0, array.size - 1))
                array.reshape(-1)[cell] = draw(st.sampled_from(TEXTS if array.dtype.kind == "U" else NUMBERS))
            elif edit == "type":
                array = array.astype(draw(st.sampled_from(_TYPES[:22])))
            elif edit == "shape":
                array = array.reshape(draw(st.sampled_from([(-1,), (-1, 1), (1, *array.shape), (0, *array.shape[1:])])))
        except (TypeError, ValueError, OverflowError):
            return array
    return {"fewer": array[:-1], "repeated": np.concatenate([array, array]), "fortran": array.T}.get(edit, array)


@st.composite
def saved_tensors(draw: Draw, seeds: tuple[Arrays, ...]) -> bytes:
    """Draw a PyTorch file with up to two errors: array, kind of tensor, names, or outer object."""
    import torch

    arrays = dict(draw(st.sampled_from(seeds)))
    name, *other_names = arrays
    wrong = draw(st.sets(st.sampled_from(["array", "tensor", "names", "around"]), max_size=2))
    array = _edit_array(draw, arrays[name]) if "array" in wrong else arrays[name]
    dtype = array.dtype.newbyteorder("=")
    tensor = torch.from_numpy(np.array(array, dtype)) if dtype in _TORCH_TYPES else torch.zeros(2, 3)
    with warnings.catch_warnings(action="ignore"):
        if "tensor" in wrong:
            with suppress(RuntimeError, TypeError, ValueError):  # torch cannot make every kind
                tensor = draw(st.sampled_from(_tensor_makers(tensor)))()
        content: dict[Any, Any] = {name: tensor, **{key: arrays[key].tolist() for key in other_names}}
        if "names" in wrong:
            key = draw(st.sampled_from(["names", "paths", "names2"]))
            content[key] = draw(st.sampled_from([[1, 2], ["a.png"], [["a"]], [None], "a", torch.arange(6), [b"a"], {}]))
        document = content if len(content) > 1 else tensor
        if "around" in wrong:
            document = draw(
                st.sampled_from([[tensor], {1: tensor}, {"a": content}, None, 3, {"a": tensor, "b": tensor}])
            )
        buffer = io.BytesIO()
        torch.save(document, buffer)
    return buffer.getvalue()


_TORCH_TYPES = tuple(map(np.dtype, ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "?", "c8")))


def _tensor_makers(tensor: Any) -> tuple[Callable[[], Any], ...]:
    """Return functions that make another kind of tensor, or a much larger tensor."""
    import torch

    return (
        lambda: tensor.to("meta"),
        lambda: tensor.to(torch.bfloat16),
        lambda: tensor.to(torch.complex64),
        lambda: tensor.to_sparse(),
        lambda: tensor[None].expand(1 << 20, *tensor.shape),
        lambda: torch.zeros(1).expand(1 << 20, 1 << 20),
        lambda: tensor.mT if tensor.ndim > 1 else tensor,
        lambda: tensor.double().requires_grad_(),
        lambda: torch.nn.Parameter(tensor.float()),
        lambda: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
        lambda: torch._neg_view(tensor.float()),
        lambda: tensor.float().to(torch.float8_e4m3fn),
    )
