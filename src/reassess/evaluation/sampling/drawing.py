"""Drawing images: how many of each stratum, which ones, and in which order.

Images are drawn in batches. How many images of a stratum a batch draws may depend on the answers to earlier batches,
but on nothing else. A batch begins with two images of each stratum, so that estimates are soon possible. Then the
strata alternate in fixed proportions, so that each prefix of the drawn order is itself a stratified sample.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reassess.core.checks import check_number
from reassess.errors import DataError
from reassess.evaluation.sampling.strata import Strata

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]

MIN_IMAGES_PER_STRATUM = 2  # a variance needs two images
# Part of a sample that is allocated in proportion to the strata's sizes: a guard against wrong variances.
_PROPORTIONAL_BY_GUESSES, _PROPORTIONAL_AFTER_PILOT = 0.5, 0.25
# Images that all models predict equally: their part of a sample, and how many at least.
_SETTLED_SHARE, _SETTLED_LEAST = 0.1, 15


@dataclass(frozen=True, eq=False)
class ImageSample:
    """A sample of images, in drawn order.

    Attributes
    ----------
    images
        The images, as positions in the image set, int64, shape (n,).
    strata
        The stratum of each image, int64, shape (n,).
    batches
        The batch of each image, from 0, in ascending order, int64, shape (n,).
    probabilities
        The probability that the image's batch contained it, given earlier batches; float64, shape (n,).
    stratum_sizes
        Number of images in each stratum of the whole set, int64, shape (strata,).
    is_settled
        Whether the models' predictions are equal in the whole stratum, see `Strata`; bool, shape (strata,).
    """

    images: _Ints
    strata: _Ints
    batches: _Ints
    probabilities: _Floats
    stratum_sizes: _Ints
    is_settled: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return self.images.size

    def first(self, n: int) -> "ImageSample":
        """Return the first n images of the drawn order."""
        return replace(
            self,
            images=self.images[:n],
            strata=self.strata[:n],
            batches=self.batches[:n],
            probabilities=self.probabilities[:n],
        )

    def counts(self) -> _Ints:
        """Count images by batch and stratum; int64, shape (batches, strata)."""
        n_strata = self.stratum_sizes.size
        n_batches = int(self.batches.max(initial=-1)) + 1
        counts = np.bincount(self.batches * n_strata + self.strata, minlength=n_batches * n_strata)
        return counts.reshape(n_batches, n_strata)


def _fewest_images(strata: Strata, n: int) -> _Ints:
    """Return the fewest images of each stratum in a sample of n images, if the stratum has so many."""
    settled = max(_SETTLED_LEAST, round(_SETTLED_SHARE * n))
    return np.where(strata.is_settled, settled, MIN_IMAGES_PER_STRATUM)


def smallest_sample(strata: Strata, earlier: ImageSample | None = None) -> int:
    """Compute the smallest number of images that `allocate` can divide, plus the images of earlier batches.

    Examples
    --------
    >>> smallest_sample(Strata(np.repeat([0, 1], [900, 100]), np.ones(2), np.zeros(2, int), np.zeros(2, bool), 0.1))
    4
    """
    n_earlier = 0 if earlier is None else len(earlier)
    return n_earlier + int(np.minimum(_fewest_images(strata, 0), count_available(strata, earlier)).sum())


def count_available(strata: Strata, earlier: ImageSample | None) -> _Ints:
    """Count the images of each stratum that earlier batches did not draw; int64, shape (strata,)."""
    return strata.sizes if earlier is None else strata.sizes - earlier.counts().sum(axis=0)


def allocate(strata: Strata, n: int, *, available: _Ints | None = None, has_pilot: bool = False) -> _Ints:
    """Decide how many images of each stratum a batch of n images draws.

    A part is allocated by the guessed standard deviations (Neyman), the rest in proportion to the strata's sizes. Each
    stratum gets at least two images, if it has them.

    Parameters
    ----------
    strata
        The strata.
    n
        Number of images of the batch.
    available
        Number of images that were not drawn yet, int64, shape (strata,); all images if None.
    has_pilot
        Whether answers corrected the variances: then a smaller part is allocated in proportion.

    Returns
    -------
    numpy.ndarray
        Number of images of each stratum, int64, shape (strata,); their sum is n.

    Raises
    ------
    DataError
        n is smaller than two images for each stratum, or larger than the number of available images.

    Examples
    --------
    >>> strata = Strata(np.repeat([0, 1], [900, 100]), np.array([0.04, 0.25]), np.zeros(2, int), np.zeros(2, bool), 0.1)
    >>> allocate(strata, 100).tolist()
    [84, 16]
    """
    available = strata.sizes if available is None else available
    least = np.minimum(_fewest_images(strata, n), available)
    check_number(
        n,
        int(least.sum()),
        int(available.sum()),
        value_name="number of images to draw",
        is_whole=True,
        fix="draw more images" if n < least.sum() else None,
    )
    proportional = _PROPORTIONAL_AFTER_PILOT if has_pilot else _PROPORTIONAL_BY_GUESSES
    shares = np.where(strata.is_settled, 0, strata.shares)
    spreads = strata.shares * np.sqrt(strata.variances)
    ideal = proportional * shares / shares.sum() + (1 - proportional) * spreads / max(spreads.sum(), 1e-300)
    return _round_within(ideal / ideal.sum(), n, least, available)


def _round_within(shares: _Floats, n: int, least: _Ints, most: _Ints) -> _Ints:
    """Round n times the shares to whole numbers with sum n, each within its limits."""
    low, high = 0.0, float(n / shares[shares > 0].min() + 1)
    for _ in range(60):  # the factor whose limited multiples add up to n
        factor = (low + high) / 2
        is_low = np.minimum(np.maximum(factor * shares, least), most).sum() < n
        low, high = (factor, high) if is_low else (low, factor)
    exact = np.clip(high * shares, least, most)
    counts = np.floor(exact).astype(np.int64)
    fractions = np.where(counts < most, exact - counts, -1)
    while (missing := n - int(counts.sum())) > 0:
        counts[np.argsort(-fractions, kind="stable")[:missing]] += 1
        fractions = np.where(counts < most, exact - counts, -np.inf)
        counts = np.minimum(counts, most)
    return counts


def draw_images(strata: Strata, n: int, *, seed: int, earlier: ImageSample | None = None) -> ImageSample:
    """Draw a batch of n images, in addition to the images of earlier batches.

    Parameters
    ----------
    strata
        The strata; after a pilot, with corrected variances. Their images are the same in all batches.
    n
        Number of images of the batch.
    seed
        Seed of the draw; it must not depend on answers.
    earlier
        The earlier batches.

    Returns
    -------
    ImageSample
        The earlier images and the new ones.

    Raises
    ------
    DataError
        n is too small or too large, see `allocate`, or the strata of the earlier batches are different.

    Examples
    --------
    >>> strata = Strata(np.repeat([0, 1], [900, 100]), np.array([0.04, 0.25]), np.zeros(2, int), np.zeros(2, bool), 0.1)
    >>> sample = draw_images(strata, 12, seed=0)
    >>> sample.strata.tolist()
    [0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    >>> sample.probabilities[[0, 1]].round(4).tolist()
    [0.0111, 0.02]
    """
    drawn = np.empty(0, np.int64) if earlier is None else earlier.images
    if earlier is not None and not np.array_equal(earlier.stratum_sizes, strata.sizes):
        raise DataError("wrong-sample", "the earlier batches were drawn from other strata")
    available = count_available(strata, earlier)
    counts = allocate(strata, n, available=available, has_pilot=earlier is not None)
    members = strata.members
    if drawn.size:
        is_drawn = np.zeros(strata.ids.size, bool)
        is_drawn[drawn] = True
        members = [images[~is_drawn[images]] for images in members]
    rng = np.random.default_rng([seed, drawn.size])
    images = [images[rng.choice(images.size, n, replace=False)] for images, n in zip(members, counts, strict=True)]
    stratum = np.repeat(np.arange(counts.size), counts)
    rank = np.concatenate([np.arange(count) for count in counts.tolist()])  # of each image in its stratum
    place = np.where(rank < MIN_IMAGES_PER_STRATUM, rank - MIN_IMAGES_PER_STRATUM, (rank + 0.5) / counts[stratum])
    order = np.argsort(place, kind="stable")
    stratum = stratum[order]
    batch = ImageSample(
        images=np.concatenate(images)[order],
        strata=stratum,
        batches=np.zeros(n, np.int64),
        probabilities=(counts / np.maximum(available, 1))[stratum],
        stratum_sizes=strata.sizes,
        is_settled=strata.is_settled,
    )
    return batch if earlier is None else _join(earlier, batch)


def _join(earlier: ImageSample, batch: ImageSample) -> ImageSample:
    """Append a batch to earlier batches."""
    number = int(earlier.batches.max(initial=-1)) + 1
    return replace(
        earlier,
        images=np.concatenate([earlier.images, batch.images]),
        strata=np.concatenate([earlier.strata, batch.strata]),
        batches=np.concatenate([earlier.batches, batch.batches + number]),
        probabilities=np.concatenate([earlier.probabilities, batch.probabilities]),
    )
