"""Write a release: all files in a new folder, or none."""

import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reassess.aggregation import METHODS
from reassess.data import find_part_path, open_images
from reassess.data.benchmark_settings import SETTINGS_FILE, write_settings
from reassess.errors import DataError, Fix, OutputError
from reassess.formats.files import TEMPORARY_PREFIX, as_path, check_output, convert_os_errors, exists, sha256
from reassess.release.croissant import IMAGES_FILE, write_croissant
from reassess.release.dataset_card import SUMS_FILE, write_card, write_citation
from reassess.release.datasheet import write_datasheet
from reassess.release.fitting import make_fitting_parts
from reassess.release.measurements import measure
from reassess.release.release_parts import ReleaseParts, read_release_parts
from reassess.release.release_words import ReleaseContents, describe_rebuilding
from reassess.release.released_tables import ReleasedTable, write_tables
from reassess.text import Printable, count_noun, join_first

_IMAGE_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can store


@dataclass(frozen=True, repr=False)
class Release(Printable):
    """What `write_release` wrote, and what is missing."""

    folder: Path
    name: str  # of the benchmark
    tables: tuple[ReleasedTable, ...]
    n_images: int | None  # number of images in the release; None without images
    rebuilding: str  # whether the labels can be made again from the released votes
    missing_facts: tuple[str, ...]  # keys of the block "release" in benchmark.json that the owner has not written
    not_released: tuple[str, ...]  # files of the benchmark, and columns of votes

    @property
    def _headline(self) -> str:
        tables, facts = count_noun(len(self.tables), "table"), count_noun(len(self.missing_facts), "missing fact")
        return f"Release({self.name}, {tables}, {facts})"


def write_release(
    benchmark: str | Path,
    folder: str | Path,
    *,
    with_images: bool = False,
    hash_names: bool = False,
    force: bool = False,
) -> Release:
    r"""Write a benchmark as a dataset to publish.

    The parts are written as Parquet and CSV. Beside them are croissant.json (Croissant 1.1, with responsible-AI
    fields), README.md (the dataset card of Hugging Face), datasheet.md, CITATION.cff, benchmark.json and SHA256SUMS.
    The folder is a benchmark too. Raters get numbers instead of names, except models. The same input gives the same
    bytes.

    Parameters
    ----------
    benchmark
        As for `open_benchmark`. The block "release" of its benchmark.json has facts that only the owner knows.
    folder
        The new folder.
    with_images
        Also write the images, into images.zip.
    hash_names
        Replace image names by hashes.
    force
        Replace an earlier release, if its files have not changed since then.

    Returns
    -------
    Release

    Raises
    ------
    DataError
        The benchmark has no labels; a part is about images that the benchmark does not have; the scores give other
        labels at the threshold; or the votes give other scores.
    OutputError
        The folder exists, or cannot be written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> place = Path(mkdtemp())
    >>> (place / "pets").mkdir()
    >>> _ = (place / "pets" / "labels.csv").write_text("image,class\na.png,cat\nb.png,dog\n")
    >>> release = write_release(place / "pets", place / "pets-1.0")
    >>> release
    Release(pets, 2 tables, 21 missing facts)
    >>> [table.part for table in release.tables]
    ['labels', 'classes']
    """
    folder = as_path(folder)
    parts = read_release_parts(benchmark)
    _check_folder(folder, parts, force=force)
    anonymous, fit = make_fitting_parts(parts, hash_names=hash_names)
    measurements = measure(anonymous)
    with convert_os_errors(folder):
        target = folder.resolve()  # of a link
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=target.parent))
        try:
            temporary.chmod(0o755)
            tables = write_tables(anonymous, temporary)
            images = _write_images(anonymous, temporary / IMAGES_FILE) if with_images else ()
            contents = ReleaseContents(anonymous, fit, measurements, tables, _list_suffixes(images))
            _write_benchmark_settings(anonymous, temporary)
            for write in (write_croissant, write_card, write_datasheet, write_citation):
                write(contents, temporary)
            _write_hashes(temporary)
            _move_folder(temporary, target, force=force)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    has_images = "images" in parts.benchmark.sources and not with_images
    return Release(
        folder=folder,
        name=contents.name,
        tables=tables,
        n_images=len(images) if with_images else None,
        rebuilding=describe_rebuilding(contents),
        missing_facts=contents.missing_facts,
        not_released=(*(["images"] if has_images else []), *parts.list_unreleased()),
    )


def _check_folder(folder: Path, parts: ReleaseParts, *, force: bool) -> None:
    """Raise `OutputError` if the release cannot be written into this folder."""
    own, new = parts.benchmark.folder, folder.resolve()
    if own is not None and (new.is_relative_to(own.resolve()) or own.resolve().is_relative_to(new)):
        raise OutputError(
            "reserved-output", "release would be in the folder of the benchmark", where=folder, fix="choose another one"
        )
    if not exists(folder):
        check_output(folder)
        return
    if not folder.is_dir():
        raise OutputError("output-exists", "path of the release is a file", where=folder, fix="choose another name")
    files = _list_files(folder)
    if files and not force:
        fix = Fix("choose another name, or replace an earlier release with {force}", force=True)
        raise OutputError("output-exists", "folder is not empty", where=folder, found=join_first(files), fix=fix)
    written = _read_hashes(folder)
    changed = [
        name for name in files if name != SUMS_FILE and (name not in written or sha256(folder / name) != written[name])
    ]
    if changed:
        raise OutputError(
            "changed-output",
            "folder has files that no earlier release wrote, or that changed since then",
            where=folder,
            found=join_first(changed, max_items=3),
            fix="move them to another folder, or choose another name",
        )


def _list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def _read_hashes(folder: Path) -> dict[str, str]:
    """Return the hash of each file that an earlier release wrote."""
    path = folder / SUMS_FILE
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _write_hashes(folder: Path) -> None:
    """Write the hash of each file, in the format of sha256sum."""
    lines = [f"{sha256(folder / name)}  {name}\n" for name in _list_files(folder)]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def _write_benchmark_settings(parts: ReleaseParts, folder: Path) -> None:
    """Write benchmark.json, so that the release is a benchmark folder."""
    benchmark = parts.benchmark
    kept = ("threshold", "match", "answers", "stop", "release")
    method = benchmark.method if parts.scores is None else parts.scores.method
    settings = {"name": benchmark.name} | {key: value for key, value in parts.settings.items() if key in kept}
    if parts.scores is not None:
        settings["threshold"] = parts.threshold
    if method is not None and method.partition(", ")[0] in METHODS:
        settings["method"] = method
    write_settings(folder / SETTINGS_FILE, settings)


def _write_images(parts: ReleaseParts, path: Path) -> Sequence[str]:
    """Write the images into a zip, with the names that the tables use; return the names."""
    source = open_images(find_part_path(parts.benchmark, "images", needed_by="release --images"))
    names = [parts.new_image_names.get(name, name) for name in source.names]
    with zipfile.ZipFile(path, "w") as archive:
        for row in sorted(range(len(names)), key=names.__getitem__):
            try:
                content = source.read_file(row)
            except OSError as error:
                raise DataError(
                    "unreadable-image",
                    "image cannot be read",
                    where=f"{source.source_path}, {source.names[row]}",
                    found=error.strerror,
                    fix="restore the image, or release without images",
                ) from error
            archive.writestr(zipfile.ZipInfo(names[row], _IMAGE_TIME), content)
    return names


def _list_suffixes(images: Sequence[str]) -> list[str]:
    return sorted({PurePosixPath(name).suffix for name in images})


def _move_folder(temporary: Path, folder: Path, *, force: bool) -> None:
    """Move the complete release to its path; with `force`, in place of an earlier release."""
    if not force and exists(folder):
        folder.rmdir()  # raises if another process wrote a release meanwhile
    if not exists(folder):
        temporary.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.parent))
    earlier = aside / "earlier"
    try:
        folder.rename(earlier)
        temporary.rename(folder)
    except BaseException:  # also Ctrl-C
        if exists(earlier) and not exists(folder):
            earlier.rename(folder)
        raise
    finally:
        if exists(folder):
            shutil.rmtree(aside)
