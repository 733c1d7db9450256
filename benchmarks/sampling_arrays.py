"""The estimates of `reassess.evaluation` for many samples at once, from how many images have which answers.

Images of a stratum with equal answers are interchangeable, and the order in a batch does not matter for complete
samples. So a batch is an array (samples, strata, kinds): how many images of each stratum have each kind of answers.
`check_against_package` compares the results with `estimate_ratio`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from reassess.evaluation import ImageSample, Strata, allocate, estimate_ratio, image_weights, rescale_variances
from reassess.evaluation.sampling.drawing import smallest_sample

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NORMAL_QUANTILE = 1.959963984540054
CHECKED_SAMPLES = 20  # of each cell and size


class Intervals(NamedTuple):
    """Estimates with their 95 % intervals; (samples,) each."""

    value: Floats
    low: Floats
    high: Floats


class Kinds(NamedTuple):
    """All images by stratum and kind of answers."""

    table: Ints  # (strata, kinds)
    numerators: Floats  # (kinds,)
    denominators: Floats

    @classmethod
    def of_images(cls, strata: Strata, numerators: Floats, denominators: Floats) -> "Kinds":
        """Count the images of each stratum and kind."""
        kinds, kind_of_image = np.unique(np.stack([numerators, denominators]), axis=1, return_inverse=True)
        table = np.zeros((strata.sizes.size, kinds.shape[1]), np.int64)
        np.add.at(table, (strata.ids, kind_of_image.ravel()), 1)
        return cls(table, kinds[0], kinds[1])


def draw_batches(
    rng: np.random.Generator, strata: Strata, kinds: Kinds, sizes: tuple[int, ...], samples: int
) -> list[Ints]:
    """Draw a batch, or a pilot and a second batch."""
    counts = np.broadcast_to(allocate(strata, sizes[0]), (samples, strata.sizes.size))
    drawn = [_draw_kinds(rng, np.broadcast_to(kinds.table, (samples, *kinds.table.shape)), counts)]
    if len(sizes) > 1:
        counts = _allocate_second(strata, _correct_variances(strata, kinds, drawn[0]), drawn[0].sum(axis=2), sizes[1])
        drawn.append(_draw_kinds(rng, kinds.table - drawn[0], counts))
    return drawn


def _draw_kinds(rng: np.random.Generator, left: Ints, counts: Ints) -> Ints:
    """Draw `counts` of the remaining images of each stratum."""
    drawn, missing, rest = np.zeros(left.shape, np.int64), counts.copy(), left.sum(axis=-1)
    for kind in range(left.shape[-1]):
        rest = rest - left[..., kind]
        drawn[..., kind] = rng.hypergeometric(left[..., kind], rest, missing)
        missing -= drawn[..., kind]
    return drawn


def _correct_variances(strata: Strata, kinds: Kinds, pilot: Ints) -> Floats:
    """Compute what `rescale_variances` returns; (samples, strata)."""
    n = pilot.sum(axis=2)
    shares = pilot / n[..., None]
    value = (shares @ kinds.numerators @ strata.shares) / (shares @ kinds.denominators @ strata.shares)
    outcomes = kinds.numerators - value[:, None] * kinds.denominators
    variances = _moment(shares, outcomes**2) - _moment(shares, outcomes) ** 2
    of_kind = np.eye(strata.kinds.max() + 1)[strata.kinds]
    ratios = (2 + (variances * n * n / np.maximum(n - 1, 1)) @ of_kind) / (2 + (n * strata.variances) @ of_kind)
    return np.asarray(strata.variances * ratios[:, strata.kinds])


def _allocate_second(strata: Strata, variances: Floats, drawn: Ints, n: int) -> Ints:
    """Compute what `allocate` returns for each sample, with a pilot."""
    available = strata.sizes - drawn
    fewest = np.where(strata.is_settled, max(smallest_settled(strata), round(0.1 * n)), 2)
    least = np.minimum(fewest, available)
    shares = np.where(strata.is_settled, 0, strata.shares)
    spreads = strata.shares * np.sqrt(variances)
    ideal = 0.25 * shares / shares.sum() + 0.75 * spreads / spreads.sum(axis=1, keepdims=True)
    ideal /= ideal.sum(axis=1, keepdims=True)
    low, high = np.zeros((len(ideal), 1)), n / np.where(ideal > 0, ideal, 1).min(axis=1, keepdims=True) + 1
    for _ in range(60):
        factor = (low + high) / 2
        is_low = np.clip(factor * ideal, least, available).sum(axis=1, keepdims=True) < n
        low, high = np.where(is_low, factor, low), np.where(is_low, high, factor)
    exact = np.clip(high * ideal, least, available)
    counts = np.floor(exact).astype(np.int64)
    fractions = np.where(counts < available, exact - counts, -1.0)
    rank = np.argsort(np.argsort(-fractions, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(counts + (rank < n - counts.sum(axis=1, keepdims=True)))


def smallest_settled(strata: Strata) -> int:
    """Return the fewest images of a settled stratum that a sample may have."""
    return smallest_sample(strata) - 2 * int(np.count_nonzero(~strata.is_settled)) if strata.is_settled.any() else 0


def _moment(shares: Floats, values: Floats) -> Floats:
    """Average values (samples, kinds) over the kinds of each stratum."""
    return np.asarray(np.einsum("rhc,rc->rh", shares, values))


def estimate_all(strata: Strata, kinds: Kinds, batches: list[Ints], *, is_difference: bool) -> Intervals:
    """Estimate from each sample what `estimate_ratio` estimates."""
    shares, factors, counts = _combine_batches(strata, batches)
    scale, n = strata.shares, counts.sum(axis=2)
    settled = strata.is_settled & is_difference
    mean = shares @ kinds.denominators @ scale
    value = shares @ kinds.numerators @ scale / mean
    residuals = (kinds.numerators - value[:, None] * kinds.denominators) / mean[:, None]
    pooled = counts[:, ~settled].sum(axis=1) / counts[:, ~settled].sum(axis=(1, 2))[:, None]
    pooled_variance = (pooled * residuals**2).sum(axis=1) - (pooled * residuals).sum(axis=1) ** 2

    def moments(added: Floats) -> tuple[Floats, Floats]:
        part = (added / (n + added))[..., None]
        mixed = (1 - part) * shares + part * pooled[:, None]
        first, second, third = (_moment(mixed, residuals**power) for power in (1, 2, 3))
        return np.maximum(second - first**2, 0), third - 3 * first * second + 2 * first**3

    weights = np.where(settled, 0, scale**2 * factors)
    parts = weights * moments(np.where(strata.is_settled, 4, 4 / np.count_nonzero(~strata.is_settled)))[0]
    variances, thirds = moments(np.full(scale.shape, 5.0))
    slope = (weights * scale * factors * thirds).sum(axis=1) / np.maximum((weights * variances).sum(axis=1), 1e-300)
    pooled_part = 0.0 if is_difference else 0.5
    mixed = pooled_part * weights * pooled_variance[:, None] + (1 - pooled_part) * parts
    bound = scale[~settled].sum() / mean if is_difference else np.ones_like(mean)
    worst = (weights * (shares @ kinds.denominators**2)).sum(axis=1) / (mean * bound) ** 2
    variance = parts.sum(axis=1)
    variance = np.where(variance > 1e-12 * worst * bound**2, variance, 0)
    squares = (mixed**2 / np.maximum(n - 1, 1)).sum(axis=1)
    freedom = np.where(squares > 0, mixed.sum(axis=1) ** 2 / np.maximum(squares, 1e-300), n.sum(axis=1) - scale.size)
    quantile = stdtrit(np.maximum(freedom, 1), 0.975)
    low, high = _wilson(value, variance, quantile, -bound if is_difference else 0 * bound, bound, worst, slope)
    return Intervals(value, low, high)


def _combine_batches(strata: Strata, batches: list[Ints]) -> tuple[Floats, Floats, Ints]:
    """Return estimated shares of the kinds in each stratum, factors of variances, and numbers of images."""
    seen = np.zeros(batches[0].shape, np.int64)
    shares, factors, total, before = 0.0, 0.0, 0.0, 0.0
    for batch in batches:
        n = batch.sum(axis=2)
        after = before + float(n[0].sum() / strata.sizes.sum())
        weight = (after - before) / ((1 - before) * (1 - after))
        left = strata.sizes - seen.sum(axis=2)
        estimate = (seen + left[..., None] * batch / np.maximum(n, 1)[..., None]) / strata.sizes[:, None]
        shares, total = shares + weight * estimate, total + weight
        factors = factors + (weight * left / strata.sizes) ** 2 / np.maximum(n, 1) * (left - n) / np.maximum(left, 1)
        seen, before = seen + batch, after
    return np.asarray(shares / total), np.asarray(factors / total**2), seen


def _wilson(
    value: Floats,
    variance: Floats,
    quantile: Floats | float,
    least: Floats | float,
    most: Floats | float,
    worst: Floats,
    slope: Floats | None = None,
) -> tuple[Floats, Floats]:
    scale = most - least
    share = np.clip((value - least) / scale, 0, 1)
    margin = np.maximum(worst, variance / scale**2) / 2
    spread = np.clip(share, margin, 1 - margin)
    is_known = variance > 0
    n = np.where(is_known, spread * (1 - spread) * scale**2 / np.where(is_known, variance, 1), 1 / worst)
    wilsons = (1 - 2 * share) * scale / n
    moved = wilsons
    if slope is not None:
        squared = (quantile * slope) ** 2
        moved = np.where(
            is_known, wilsons + (slope - wilsons) * squared / np.maximum(squared + variance, 1e-300), moved
        )
    variance = np.where(is_known, variance, share * (1 - share) * scale**2 / n)

    def move(slope: Floats, sign: int) -> Floats:
        root = quantile * np.sqrt((slope * quantile / 2) ** 2 + variance * (1 + quantile**2 / n))
        return np.asarray(value + (slope * quantile**2 / 2 + sign * root) / (1 + quantile**2 / n))

    return np.maximum(move(np.minimum(wilsons, moved), -1), least), np.minimum(
        move(np.maximum(wilsons, moved), 1), most
    )


def check_against_package(
    strata: Strata, kinds: Kinds, batches: list[Ints], estimates: Intervals, *, is_difference: bool
) -> None:
    """Raise if the package estimates or allocates otherwise, for the first samples."""
    for row in range(min(CHECKED_SAMPLES, len(estimates.value))):
        tables = [batch[row] for batch in batches]
        sample, numerators, denominators = _make_sample(strata, kinds, tables)
        expected = estimate_ratio(sample, numerators, denominators, is_difference=is_difference)
        ours = [float(values[row]) for values in estimates]
        assert np.allclose(ours, [expected.value, expected.low, expected.high], rtol=0, atol=1e-9), (ours, expected)
        if len(tables) > 1:
            pilot, y, e = _make_sample(strata, kinds, tables[:1])
            weights = image_weights(pilot)
            outcomes = y - (weights @ y) / (weights @ e) * e
            corrected = rescale_variances(strata, pilot.strata, outcomes[None])
            left, n = strata.sizes - tables[0].sum(axis=1), int(tables[1].sum())
            counts = allocate(corrected, n, available=left, has_pilot=True)
            assert np.array_equal(counts, tables[1].sum(axis=1)), (counts, tables[1].sum(axis=1))


def _make_sample(strata: Strata, kinds: Kinds, tables: list[Ints]) -> tuple[ImageSample, Floats, Floats]:
    """Return a sample with the given numbers of images, and numerators and denominators of its images."""
    counts = np.stack([table.sum(axis=1) for table in tables])
    ids = np.concatenate([np.repeat(np.arange(strata.sizes.size), row) for row in counts])
    batches = np.repeat(np.arange(len(tables)), counts.sum(axis=1))
    kind = np.concatenate(
        [np.repeat(np.tile(np.arange(table.shape[1]), len(table)), table.ravel()) for table in tables]
    )
    sample = ImageSample(ids, ids, batches, np.ones(ids.size), strata.sizes, strata.is_settled)
    return sample, kinds.numerators[kind], kinds.denominators[kind]
