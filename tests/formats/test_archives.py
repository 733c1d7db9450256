"""Numpy files are read completely or not at all, up to a size limit, and never unpickled."""

import io
import pickle
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.errors import DataError
from reassess.formats.archives import open_archive, read_npy
from tests.helpers import PICKLED, File, Refused, code_of, fault_of

TOO_BIG = "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size"


def read(path: Path, name: str = "x", **options: Any) -> npt.NDArray[Any]:
    with open_archive(path, **options) as archive:
        return archive[name]


def read_first(path: Path) -> npt.NDArray[Any]:
    with open_archive(path) as archive:
        return next(iter(archive.values()), None)


def npy(array: npt.ArrayLike) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def npz(*, compression: int = zipfile.ZIP_DEFLATED, **members: Any) -> bytes:
    """Make a zip archive from the bytes of its members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, member in members.items():
            file.writestr(f"{name}.npy", member)
    return content.getvalue()


def header(shape: Any, dtype: Any = "<f8") -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": dtype, "fortran_order": False, "shape": shape})
    return content.getvalue()


# --- npy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8", "i1", ">u8", "U3"])
def test_npy_of_any_dtype_and_order_is_mapped_from_disk(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype, order=order)
    np.save(tmp_path / "a.npy", array)
    mapped = read_npy(tmp_path / "a.npy")
    assert isinstance(mapped, np.memmap)
    assert mapped.dtype == array.dtype
    assert np.array_equal(mapped, array)


def test_npy_of_python_2_gives_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "ids.npy"
    np.save(path, np.arange(6))
    path.write_bytes(path.read_bytes().replace(b"(6,), } ", b"(6L,), }"))
    with pytest.warns(UserWarning, match="Python 2"):
        np.load(path)
    np.testing.assert_array_equal(read_npy(path), np.arange(6))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (npy(np.zeros(3))[:5], "EOF: reading magic string, expected 8 bytes got 5"),
        (header((-1,)), "invalid shape (-1,)"),
        (header((-1, 0)), "invalid shape (-1, 0)"),
        (header((2**70,)), f"invalid shape ({2**70},)"),
        (header((0, 2**40, 2**40)), TOO_BIG),
        (header((4 * 10**9,), "<U0"), "4,000,000,000 values of type <U0, which has 0 bytes"),
        (header((4 * 10**9,), "V0"), "4,000,000,000 values of type |V0, which has 0 bytes"),
    ],
)
def test_damaged_npy_raises(file: File, content: bytes, fault: str) -> None:
    assert fault_of(read_npy, file("a.npy", content)) == ("damaged-file", fault)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.npy", npz(x=npy(np.zeros(3))), "npz"),
        ("a.npz", b"image,prediction\n", "csv"),
        ("a.npz", '[{"image": "\N{LATIN SMALL LETTER A WITH ACUTE}'.encode()[:-1], "json"),
        ("a.npz", npy(np.zeros(3)), "npy"),
        ("a.npz", b"PAR1xxxx", "parquet"),
    ],
)
def test_wrong_suffix_error_suggests_the_right_one(
    refused_text: Refused, file: File, name: str, content: bytes, kind: str
) -> None:
    text = refused_text(read_npy if name == "a.npy" else read, file(name, content))
    assert text.endswith(f"\n  fix:     if this is a {kind} file, rename it to a.{kind}")


@pytest.mark.parametrize("content", [npy(np.zeros(300)) + b"x", npy(np.zeros(300))[:-1]])
def test_npy_of_wrong_length_raises(file: File, content: bytes) -> None:
    assert code_of(read_npy, file("a.npy", content)) == "damaged-file"


def test_npy_without_rows_is_empty_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 3), "f4"))
    assert (read_npy(tmp_path / "a.npy").shape, read_npy(tmp_path / "a.npy").dtype) == ((0, 3), np.float32)


def test_pickled_npy_raises_without_running_code(refused_text: Refused, file: File, trap: object) -> None:
    assert refused_text(read_npy, file("a.npy", npy(np.array([trap], object)))) == PICKLED.format("a.npy, the file")
    assert code_of(read_npy, file("b.npy", pickle.dumps(trap))) == "pickle"


def test_trap_runs_code(trap: object, tmp_path: Path) -> None:
    """Otherwise the tests without running code could not fail."""
    pickle.loads(pickle.dumps(trap))
    (tmp_path / "code-ran").unlink()


# --- npz ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8", "i1", ">u8", "U3", ">U3", "S3", "?"])
@pytest.mark.parametrize("shape", [(2, 3), (0, 3), ()])
def test_npz_is_read_compressed_uncompressed_or_after_a_script(
    tmp_path: Path, shape: tuple[int, ...], dtype: str, order: str
) -> None:
    array = np.ones(shape).astype(dtype, order=order)
    np.savez_compressed(tmp_path / "a.npz", x=array, y=np.zeros(2))
    np.savez(tmp_path / "b.npz", y=np.zeros(1, "i1"), x=array)
    (tmp_path / "c.npz").write_bytes(b"#!/bin/sh\n" + (tmp_path / "b.npz").read_bytes())
    for name in "abc":
        result = read(tmp_path / f"{name}.npz")
        assert (result.dtype, result.shape, result.flags.aligned) == (array.dtype, array.shape, True)
        assert np.array_equal(result, array)


@pytest.mark.parametrize("offset", [0, 1])
def test_uncompressed_array_is_mapped_if_aligned(file: File, offset: int) -> None:
    content = npz(compression=zipfile.ZIP_STORED, x=npy(np.arange(300.0)))
    gap = -content.index(np.arange(300.0).tobytes()) % 8 + offset
    array = read(file("a.npz", bytes(gap) + content))
    assert isinstance(array.base, np.memmap) is (offset == 0)
    assert array.tolist() == list(range(300))


def test_archive_lists_arrays_without_reading_them(file: File) -> None:
    with open_archive(file("a.npz", npz(scores=npy(np.ones(2)), x=b"no array"))) as archive:
        assert (list(archive), len(archive), "x" in archive, "z" in archive) == (["scores", "x"], 2, True, False)
        assert archive[archive.find_first_array("tensor", "scores")].tolist() == [1, 1]
        assert code_of(archive.find_first_array, "tensor", "ids") == "missing-array"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (npz(x=npy(np.zeros(300)))[:-1], "File is not a zip file"),
        (npz(x=npy(np.zeros(300)))[:50], "File is not a zip file"),
        (npz(x=b"no array"), r"the magic string is not correct; expected b'\x93NUMPY', got b'no arr'"),
        (npz(x=b""), "EOF: reading magic string, expected 8 bytes got 0"),
        (npz(x=header((4,)) + bytes(24)), "24 bytes"),
        (npz(x=header((2,)) + bytes(24)), "24 bytes"),
        (npz(x=header((2**40, 3)) + bytes(24)), "24 bytes"),
        (npz(x=header((0, 2**62))), TOO_BIG),
        (npz(x=header((True, 1)) + bytes(8)), "an integer is required"),
        (npz(x=npy(np.zeros(1)).replace(b"NUMPY\x01", b"NUMPY\x09")), "npy version 9.0 is unknown"),
        (
            npz(x=npy(np.zeros(1))[:8] + b"\xff\xff" + b" " * 65535),
            "Header info length (65535) is large and may not be safe to load securely",
        ),
    ],
    ids=range(11),  # archives contain the time of day, so their bytes are not a stable id
)
def test_damaged_archive_raises(file: File, content: bytes, fault: str) -> None:
    code, found = fault_of(read, file("a.npz", content))
    assert (code, (found or "")[: len(fault)]) == ("damaged-file", fault)


def test_two_arrays_with_one_name_raise(file: File) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as members:
        for name in ("x.npy", "x"):
            members.writestr(name, npy(np.zeros(1)))
    assert fault_of(read, file("a.npz", content.getvalue())) == ("duplicate-name", "x")


@pytest.mark.parametrize(
    ("compression", "place"),
    [(zipfile.ZIP_DEFLATED, 200), (zipfile.ZIP_STORED, 70), (zipfile.ZIP_STORED, 300), (zipfile.ZIP_STORED, -1)],
)
def test_changed_byte_raises(file: File, compression: int, place: int) -> None:
    content = bytearray(npz(compression=compression, x=npy(np.arange(300.0))))
    end = content.rindex(b"PK\x01\x02")
    content[place if place >= 0 else end - 1] ^= 1
    code, found = fault_of(read, file("a.npz", bytes(content)))
    assert code == "damaged-file"
    assert compression == zipfile.ZIP_DEFLATED or found == "Bad CRC-32 for file 'x.npy'"


@pytest.mark.parametrize(("packed", "whole"), [(2528, 10**5), (10**5, 10**5), (200, 2528)])
def test_uncompressed_array_of_wrong_length_raises(refused: Refused, file: File, packed: int, whole: int) -> None:
    """The bytes of a second array follow, which must not be read as part of the first."""
    numbers = (whole - 128) // 8
    members = {"x": header((numbers,)) + np.arange(300.0).tobytes(), "y": npy(np.zeros(10**5))}
    content = bytearray(npz(compression=zipfile.ZIP_STORED, **members))
    place = content.index(b"PK\x01\x02") + 20
    content[place : place + 8] = packed.to_bytes(4, "little") + whole.to_bytes(4, "little")
    assert refused(read, file("a.npz", bytes(content))) == "damaged-file at a.npz"


def test_undecodable_member_name_raises(file: File) -> None:
    content = npz(täg=npy(np.zeros(3))).replace("täg".encode(), b"t\xff\xfeg", 1)  # in the local header
    code, found = fault_of(read, file("a.npz", content), "täg")
    assert (code, str(found)[:33]) == ("damaged-file", "'utf-8' codec can't decode byte 0")


def test_encrypted_archive_raises(file: File) -> None:
    content = bytearray(npz(x=npy(np.zeros(3))))
    content[6] |= 1  # the flag in the local header
    content[content.rindex(b"PK\x01\x02") + 8] |= 1  # and in the central directory
    code, found = fault_of(read, file("a.npz", bytes(content)))
    assert code == "damaged-file"
    assert str(found).endswith(" is encrypted, password required for extraction")


def test_pickled_array_in_archive_raises_without_running_code(refused: Refused, file: File, trap: object) -> None:
    objects = npz(x=npy(np.array([trap], object)), y=npy(np.zeros(2)))
    assert refused(read, file("a.npz", objects)) == "pickle at a.npz, array x"
    assert refused(read, file("b.npz", pickle.dumps(trap))) == "pickle at b.npz, the file"
    assert read(file("c.npz", objects), "y").tolist() == [0, 0]


def test_too_large_archive_raises_before_unpacking(
    refused_text: Refused, file: File, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = npz(x=header((10**6,)) + bytes(8 * 10**6))
    assert len(bomb) < 20_000
    path = file("bomb.npz", bomb)
    monkeypatch.setenv("REASSESS_MAX_BYTES", "1000000")
    assert refused_text(read, path) == (
        "archive is too large\n  where:   DIR/bomb.npz\n  allowed: 1,000,000 bytes\n"
        "  found:   8,000,128 bytes\n  fix:     if you trust the file: REASSESS_MAX_BYTES=8000128"
    )
    monkeypatch.setenv("REASSESS_MAX_BYTES", "8000128")
    assert read(path).shape == (10**6,)


def test_archive_larger_than_declared_raises(refused: Refused, file: File) -> None:
    """Reading ends at the declared size, so a wrong size cannot bypass the limit."""
    content = bytearray(npz(x=header((10**6,)) + bytes(8 * 10**6)))
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = (1000).to_bytes(4, "little")
    assert refused(read, file("liar.npz", bytes(content))) == "damaged-file at liar.npz"


@pytest.mark.parametrize("order", "<>")
def test_invalid_code_point_raises(refused: Refused, file: File, order: str) -> None:
    codes = np.array([[ord("a"), 0x10FFFF], [0x110000, 0]], f"{order}u4")
    good, bad = (npz(x=npy(part.view(f"{order}U2"))) for part in (codes[0], codes))
    assert read(file("good.npz", good)).tolist() == ["a\U0010ffff"]
    assert refused(read, file("bad.npz", bad)) == "damaged-file at bad.npz"


ARRAYS = {"x": npy(np.arange(40.0)), "y": npy(np.array(["a", "b"]))}
WHOLE = {
    "npy": npy(np.arange(40.0)),
    "packed.npz": npz(**ARRAYS),
    "stored.npz": npz(compression=zipfile.ZIP_STORED, **ARRAYS),
}


@pytest.mark.parametrize("kind", WHOLE)
@given(st.data())
def test_damaged_file_is_read_or_raises_data_error(scratch: Path, kind: Any, data: Any) -> None:
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = scratch / f"damaged.{kind}"
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    # zipfile warns about duplicate names.
    with warnings.catch_warnings(action="ignore", category=UserWarning), suppress(DataError):
        read_npy(path) if kind == "npy" else read_first(path)
