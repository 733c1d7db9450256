"""A model for `reassess predict`: how bright a picture is, in three outputs."""

from typing import Any

import numpy as np
import numpy.typing as npt


def scores(pictures: list[Any]) -> npt.NDArray[np.float64]:
    """The mean of red, green and blue of each picture."""
    return np.array([np.asarray(picture).mean(axis=(0, 1)) for picture in pictures])
