"""Rater models as files."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_shape
from reassess.core.items import Id, normal_id
from reassess.core.rater_model import RaterModel
from reassess.errors import at
from reassess.formats.archives import Archive, open_archive, write_npz
from reassess.formats.files import as_path, suffix_of, writing

__all__ = ["read_rater_model", "write_rater_model"]

_IDS = ("raters", "truths", "answers")
_NUMBERS = {"matrices": ("raters", "truths", "answers"), "fallback": ("truths", "answers"), "prior": ("truths",)}


def read_rater_model(path: str | Path) -> RaterModel:
    """Read a rater model from an npz file, with the arrays of `RaterModel`."""
    path = as_path(path)
    suffix_of(path, (".npz",), "a rater model")
    with open_archive(path) as archive:
        raters, truths, answers = (_ids(archive, name) for name in _IDS)
        matrices, fallback, prior = (_numbers(archive, name) for name in _NUMBERS)
    with at(path):
        return RaterModel(
            raters=raters, truths=truths, answers=answers, matrices=matrices, fallback=fallback, prior=prior
        )


def write_rater_model(path: str | Path, model: RaterModel, *, force: bool = False) -> None:
    """Write a rater model as an npz file."""
    path = as_path(path)
    suffix_of(path, (".npz",), "a rater model")
    arrays: dict[str, npt.NDArray[Any]] = {name: np.array(getattr(model, name)) for name in (*_IDS, *_NUMBERS)}
    with writing(path, force=force) as temporary:
        write_npz(temporary, arrays)


def _ids(archive: Archive, name: str) -> tuple[Id, ...]:
    ids = archive.first_of(name)
    kind = "integers or text" if ids.size else None  # numpy takes no names at all for floats
    check_shape(ids, (name,), what=name, kind=kind, where=f"{archive.path}, array {name}")
    return tuple(normal_id(str(value)) for value in ids.tolist())


def _numbers(archive: Archive, name: str) -> npt.NDArray[np.float64]:
    values = archive.first_of(name)
    check_shape(values, _NUMBERS[name], what=name, kind="floats", where=f"{archive.path}, array {name}")
    return values.astype(np.float64)
