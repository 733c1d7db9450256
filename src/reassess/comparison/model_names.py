"""What models are called after their files."""

from pathlib import PurePath

__all__ = ["relative_names", "short_names"]


def short_names(files: list[str]) -> dict[str, str]:
    """A name for the model of each file: its file name without the suffix, or, if two share one, the path.

    >>> short_names(["runs/a.npz", "runs/b.npz", "old/b.npz"])
    {'runs/a.npz': 'a', 'runs/b.npz': 'runs/b.npz', 'old/b.npz': 'old/b.npz'}
    >>> list(short_names(["/home/ann/runs/b.npz", "/home/ann/old/b.npz"]).values())
    ['runs/b.npz', 'old/b.npz']
    """
    stems = [PurePath(file).stem for file in files]
    paths = relative_names(files)
    named = zip(files, stems, paths, strict=True)
    return {file: stem if stems.count(stem) == 1 and stem not in paths else path for file, stem, path in named}


def relative_names(files: list[str]) -> list[str]:
    """The paths of files, of absolute ones without the folders that all of them share.

    >>> relative_names(["/home/ann/runs/b.npz", "/home/ann/old/b.npz"])
    ['runs/b.npz', 'old/b.npz']
    """
    if not files or not all(PurePath(file).is_absolute() for file in files):
        return files
    parts = [PurePath(file).parts for file in files]
    folders = list(zip(*(each[:-1] for each in parts), strict=False))
    shared = next((place for place, names in enumerate(folders) if len(set(names)) > 1), len(folders))
    return [PurePath(*each[shared:]).as_posix() for each in parts]
