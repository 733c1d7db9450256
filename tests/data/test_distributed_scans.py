"""`scan_images` in shares and in executors gives the same bytes as in one process."""

import shutil
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event
from typing import Any

import pytest

from reassess import scan_images
from reassess.data import scan_runs, unfinished_runs
from reassess.data.image_sources import ImageSource
from reassess.data.leases import LeaseHolder, hold_lease, list_lease_holders
from reassess.data.scanning import scan_share
from reassess.data.shares import RunShare
from tests.helpers import code_of, fault_of, message, write_files
from tests.pictures import scene

pytestmark = pytest.mark.usefixtures("report_extra")


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two sets with exact and near duplicates and an unreadable image, in shards of two images."""
    monkeypatch.setattr(scan_runs, "_BATCH_SIZE", 1)
    monkeypatch.setattr(scan_runs, "_BATCHES_PER_SHARD", 2)
    for number in range(7):
        (tmp_path / "train").mkdir(exist_ok=True)
        scene(number, (60, 50)).save(tmp_path / "train" / f"{number}.png")
    (tmp_path / "val").mkdir()
    scene(1, (60, 50)).save(tmp_path / "val" / "copy.bmp")
    scene(2, (60, 50)).save(tmp_path / "val" / "near.jpg", quality=70)
    write_files(tmp_path, {"val/broken.png": b"\x89PNG"})
    return [tmp_path / "train", tmp_path / "val"]


@pytest.fixture
def expected(sets: list[Path], tmp_path: Path) -> bytes:
    scan = scan_images(sets, find_near_duplicates=True, output=tmp_path / "one.csv")
    assert (scan.duplicates.count_groups("exact"), scan.duplicates.count_groups("near")) == (1, 1)
    assert not (tmp_path / "one.csv.unfinished").exists()
    return (tmp_path / "one.csv").read_bytes()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shares_give_equal_tables(sets: list[Path], tmp_path: Path, expected: bytes, count: int) -> None:
    output = tmp_path / "out.csv"
    for index in [*range(1, count), 0]:
        counts = scan_share(sets, RunShare(index, count), find_near_duplicates=True, output=output)
    assert counts == (6, 6)
    assert not output.exists()
    scan_images(sets, find_near_duplicates=True, output=output)
    assert output.read_bytes() == expected


def test_executor_gives_equal_tables(sets: list[Path], tmp_path: Path, expected: bytes) -> None:
    with ThreadPoolExecutor(2) as executor:
        scan_images(sets, find_near_duplicates=True, output=tmp_path / "out.csv", executor=executor)
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_worker_with_another_package_version_is_refused(
    sets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OtherVersion(ThreadPoolExecutor):
        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            monkeypatch.setattr("scipy.__version__", "0.1")
            return super().submit(*args, **options)

    with OtherVersion(1) as executor:
        code, found = fault_of(scan_images, sets, output=tmp_path / "out.csv", executor=executor)
    assert code == "different-worker"
    assert str(found).endswith("expected, 0.1 on the worker")


def test_interrupted_scan_continues(
    sets: list[Path], tmp_path: Path, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_name: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan_images(sets, find_near_duplicates=True, output=tmp_path / "out.csv", progress=interrupt)
    calls: list[tuple[str, int, int]] = []
    options = {"find_near_duplicates": True, "output": tmp_path / "out.csv"}
    assert code_of(scan_images, sets, output=tmp_path / "out.csv") == "different-run"
    scan_images(sets, **options, progress=lambda *call: calls.append(call))
    assert calls[0] == ("train", 4, 7)
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_damaged_shard_is_computed_again(sets: list[Path], tmp_path: Path, expected: bytes) -> None:
    scan_share(sets, RunShare(0, 1), find_near_duplicates=True, output=tmp_path / "out.csv")
    shards = sorted((tmp_path / "out.csv.unfinished").rglob("*.npz"))
    shards[0].write_bytes(shards[0].read_bytes()[:-100])
    shards[1].write_bytes(shards[2].read_bytes())
    scan_images(sets, find_near_duplicates=True, output=tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == expected


def test_share_computes_its_damaged_shards_again(sets: list[Path], tmp_path: Path, expected: bytes) -> None:
    output = tmp_path / "out.csv"
    scan_share(sets, RunShare(0, 1), find_near_duplicates=True, output=output)
    shards = sorted((tmp_path / "out.csv.unfinished").rglob("*.npz"))
    contents = [shard.read_bytes() for shard in shards]
    for shard in shards[:2]:
        shard.write_bytes(b"")
    shards[2].unlink()
    shards[2].symlink_to("missing")
    scan_share(sets, RunShare(0, 2), find_near_duplicates=True, output=output)
    assert shards[0].read_bytes() == contents[0]
    assert shards[1].read_bytes() == b"", "another process may compute this shard"
    assert (shards[2].is_symlink(), shards[2].read_bytes()) == (False, contents[2])
    scan_images(sets, find_near_duplicates=True, output=output)
    assert output.read_bytes() == expected


def test_damaged_shards_of_other_shares_are_not_finished(sets: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    assert scan_share(sets, RunShare(1, 2), output=output) == (6, 3)
    for number, shard in enumerate(sorted((tmp_path / "out.csv.unfinished").rglob("*.npz"))):
        content = shard.read_bytes()
        shard.unlink()
        if number == 0:
            shard.write_bytes(content[:-1])
        elif number == 1:
            shard.symlink_to("missing")
        else:
            shard.mkdir()
    assert scan_share(sets, RunShare(0, 2), output=output) == (6, 3)


@pytest.mark.parametrize("fault", ["shard", "shards", "settings", "record", "record of a live share"])
def test_advice_to_remove_files_is_a_shell_command(sets: list[Path], tmp_path: Path, fault: str) -> None:
    output = write_files(tmp_path / "it's mine", {"note": ""}) / "out & put.csv"
    folder = output.with_name(f"{output.name}.unfinished")
    scan_share(sets, RunShare(0, 1), output=output, find_near_duplicates=fault == "settings")
    if fault == "shard":
        (folder / "shards/0/000000.npz").unlink()
        (folder / "shards/0/000000.npz").mkdir()
    elif fault == "shards":
        shutil.rmtree(folder / "shards")
        (folder / "shards").write_text("")
    elif fault.startswith("record"):
        (folder / "run.json").unlink()
    with ExitStack() as stack:
        if fault == "record":
            (folder / "run.json").write_text("{}")
        elif fault == "record of a live share":
            stack.enter_context(hold_lease(folder / "leases", "share 1 of 2"))
        text = message(scan_share, sets, RunShare(0, 2), output=output)
    subprocess.run(text.rpartition(": ")[2], shell=True, check=True)
    scan_images(sets, output=output)


def test_folder_in_place_of_shard_is_named(sets: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    scan_share(sets, RunShare(0, 1), output=output)
    shard = tmp_path / "out.csv.unfinished/shards/0/000000.npz"
    shard.unlink()
    shard.mkdir()
    expected = (
        f"shard is damaged and cannot be removed\n  where:   {shard}\n  found:   Is a directory\n"
        f"  fix:     remove it, and run the command again: rm -r {shard}"
    )
    assert message(scan_images, sets, output=output) == expected
    assert message(scan_share, sets, RunShare(0, 2), output=output) == expected


@pytest.mark.parametrize("name", ["leases", "shards", "shards/1"])
@pytest.mark.parametrize("is_link", [False, True])
def test_file_in_place_of_folder_is_named(sets: list[Path], tmp_path: Path, name: str, is_link: bool) -> None:
    path = tmp_path / "out.csv.unfinished" / name
    path.parent.mkdir(parents=True)
    path.symlink_to("missing") if is_link else path.write_text("")
    assert message(scan_images, sets, output=tmp_path / "out.csv") == (
        f"a folder of an unfinished run is a file or a broken link\n  where:   {path}\n"
        f"  fix:     remove it, and run the command again: rm {path}"
    )
    path.unlink()
    scan_images(sets, output=tmp_path / "out.csv")


@pytest.mark.parametrize("target", ["missing", "out.csv.unfinished", None])
def test_run_folder_that_is_a_file_or_broken_link_is_named(
    sets: list[Path], tmp_path: Path, target: str | None
) -> None:
    path = tmp_path / "out.csv.unfinished"
    path.write_text("mine") if target is None else path.symlink_to(target)
    assert message(scan_images, sets, output=tmp_path / "out.csv") == (
        "folder of the run contains other files, or is a file or a broken link\n"
        f"  where:   {path}\n  fix:     move it, or choose another name"
    )


def test_live_share_blocks_the_scan(sets: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    with hold_lease(
        write_files(tmp_path, {"out.csv.unfinished/leases/x": ""}) / "out.csv.unfinished/leases", "share 0 of 2"
    ):
        assert code_of(scan_images, sets, output=output) == "in-use"
        assert code_of(scan_share, sets, RunShare(0, 2), output=output) == "in-use"
        scan_share(sets, RunShare(1, 2), output=output)


@pytest.mark.parametrize("remains", ["record of another run", "shards without a record"])
def test_shares_that_start_together_replace_the_remains_of_another_run(
    sets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: bytes, remains: str
) -> None:
    output = tmp_path / "out.csv"
    scan_share(sets, RunShare(0, 1), output=output)
    if remains == "record of another run":
        shutil.rmtree(tmp_path / "out.csv.unfinished/shards")
    else:
        (tmp_path / "out.csv.unfinished/run.json").unlink()
    meeting = Barrier(2)

    def list_together(folder: Path) -> list[LeaseHolder]:
        with suppress(BrokenBarrierError):
            meeting.wait(0.2)
        return list_lease_holders(folder)

    monkeypatch.setattr(unfinished_runs, "list_lease_holders", list_together)
    with ThreadPoolExecutor(2) as threads:
        run_share = partial(scan_share, sets, find_near_duplicates=True, output=output)
        shares = [threads.submit(run_share, RunShare(index, 2)) for index in range(2)]
        assert max(share.result().done for share in shares) == 6
    scan_images(sets, find_near_duplicates=True, output=output)
    assert output.read_bytes() == expected


def test_share_that_starts_while_another_is_stopped_keeps_its_shards(
    sets: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.csv"
    second: list[Future[Any]] = []

    def stop_first_share(source: ImageSource, row: int) -> bytes:
        if not second and not has_stopped.is_set():
            has_stopped.set()
            raise KeyboardInterrupt
        return read_file(source, row)

    def start_second_share(folder: Path) -> list[LeaseHolder]:
        holders = list_lease_holders(folder)
        if has_stopped.is_set() and not second:  # the first share looks whether it may remove the folder
            second.append(threads.submit(scan_share, sets, RunShare(1, 2), output=output))
            wait(second, timeout=0.5)
        return holders

    read_file, has_stopped = ImageSource.read_file, Event()
    monkeypatch.setattr(ImageSource, "read_file", stop_first_share)
    monkeypatch.setattr(unfinished_runs, "list_lease_holders", start_second_share)
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(KeyboardInterrupt):
            scan_share(sets, RunShare(0, 2), output=output)
        assert second[0].result() == (6, 3)
    assert len([*(tmp_path / "out.csv.unfinished").rglob("*.npz")]) == 3


def test_existing_output_is_kept(sets: list[Path], tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    assert code_of(scan_images, sets, output=tmp_path / "out.csv") == "output-exists"
    assert (tmp_path / "out.csv").read_text() == "mine"
    scan_images(sets, output=tmp_path / "out.csv", force=True)
    assert (tmp_path / "out.csv").read_text().startswith("set,image,")
