"""Least squares whose errors may differ in size and go together in groups: polynomials of one variable.

Nothing is assumed of the errors but that groups are independent. The covariance is that of the jackknife over groups,
a sum over groups of products of what changes when the group is left out; where each group has one row, it is HC3.
Estimates that share groups, such as slopes in ranges that overlap, have their covariance from the same sum. Its degrees
of freedom are few where few groups decide, however many there are.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.text import Shown

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number that was estimated, with its standard error and the degrees of freedom of the latter."""

    value: float
    error: float
    df: float

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval, by Student's t."""
        half = _factor(self.df) * self.error
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """Of the hypothesis that the number is 0: two-sided, by Student's t (a Wald test)."""
        if self.error == 0:
            return float(self.value == 0)
        from scipy.special import stdtr

        return 2 * float(stdtr(self.df, -abs(self.value / self.error)))

    def to_json(self) -> dict[str, float]:
        """The object that JSON documents hold."""
        low, high = self.interval
        return {"value": self.value, "low": low, "high": high, "p_value": self.p_value}


@dataclass(frozen=True, eq=False, repr=False)
class Polynomial(Shown):
    """A polynomial that was fitted."""

    centre: float  # The x around which the powers are taken: the mean
    coefficients: Floats  # float64, shape (degree + 1,), the constant first
    # float64, shape (groups, degree + 1): coefficients, less those that are found without the group; 0 for a
    # group without a row
    shifts: Floats
    inverse: Floats  # float64, shape (degree + 1, degree + 1): the inverse of the products of the powers
    inverses: Floats  # float64, shape (groups, degree + 1, degree + 1): the same without each group
    residuals: Floats  # float64, shape (rows,): y, less the polynomial
    left_out: Floats  # float64, shape (rows,): y, less the polynomial that is found without the row's group
    present: npt.NDArray[np.bool_]  # bool, shape (groups,): whether the group has a row

    def coefficient(self, power: int) -> Estimate:
        """The coefficient of a power of x - centre."""
        return Estimate(float(self.coefficients[power]), error=_size(self.shifts[:, power]), df=self._df(power))

    def less(self, other: "Polynomial", power: int) -> Estimate:
        """The coefficient, less that of another fit to rows of the same groups; the two may share rows.

        The degrees of freedom are those of the fit that has fewer: what one knows well makes the other no surer.
        """
        value = float(self.coefficients[power] - other.coefficients[power])
        error = _size(self.shifts[:, power] - other.shifts[:, power])
        return Estimate(value=value, error=error, df=min(self._df(power), other._df(power)))

    def at(self, x: float) -> float:
        """The polynomial's value at x."""
        return float(self._powers(x) @ self.coefficients)

    def prediction(self, x: float) -> tuple[float, float]:
        """95 % interval for the y of a row at x that belongs to a new group, its error being normal.

        Two variances are added: that of rows around the polynomial found without their group, which holds what sets
        groups apart, and that of the polynomial at x. Student's t has as many degrees of freedom as there are groups
        less coefficients. That the polynomial may have another shape where there are no rows is not in the interval.
        """
        powers = self._powers(x)
        error = np.hypot(np.sqrt(np.mean(self.left_out**2)), _size(self.shifts @ powers))
        half = float(error) * _factor(int(self.present.sum()) - powers.size)
        return self.at(x) - half, self.at(x) + half

    def _powers(self, x: float) -> Floats:
        return np.asarray((x - self.centre) ** np.arange(self.coefficients.size), np.float64)

    def _df(self, power: int) -> float:
        """Degrees of freedom of a coefficient's variance, by Satterthwaite, as if all errors were alike."""
        own, without = self.inverse[power, power], self.inverses[:, power]
        covariance = without[:, [power]] + without[:, power] - own  # of the shifts by two groups
        covariance -= without @ np.linalg.solve(self.inverse, without.T)
        np.fill_diagonal(covariance, without[:, power] - own)
        return float(np.trace(covariance) ** 2 / np.sum(covariance**2))


def fit_polynomial(
    x: Floats,
    y: Floats,
    groups: npt.NDArray[np.integer],
    *,
    inside: npt.NDArray[np.bool_] | None = None,
    degree: int = 1,
) -> Polynomial | None:
    """Fit a polynomial by least squares.

    Source: MacKinnon and White (1985), Journal of Econometrics 29, for HC3; Bell and McCaffrey (2002), Survey
    Methodology 28, for its form by groups and the degrees of freedom.
    """
    count = int(groups.max(initial=-1)) + 1
    if inside is not None:
        x, y, groups = x[inside], y[inside], groups[inside]
    present = np.bincount(groups, minlength=count) > 0
    if present.sum() <= degree + 1:
        return None
    centre = float(x.mean())
    powers = (x - centre)[:, None] ** np.arange(degree + 1)
    products, moments = np.zeros((count, degree + 1, degree + 1)), np.zeros((count, degree + 1))
    np.add.at(products, groups, powers[:, :, None] * powers[:, None])
    total, left = products.sum(axis=0), products.sum(axis=0) - products
    if np.linalg.matrix_rank(left).min() <= degree:
        return None
    coefficients = np.linalg.solve(total, powers.T @ y)
    residuals = y - powers @ coefficients
    np.add.at(moments, groups, powers * residuals[:, None])
    inverses = np.linalg.inv(left)
    shifts = np.einsum("gij,gj->gi", inverses, moments)
    return Polynomial(
        centre=centre,
        coefficients=coefficients,
        shifts=shifts,
        inverse=np.linalg.inv(total),
        inverses=inverses,
        residuals=residuals,
        left_out=residuals + np.sum(powers * shifts[groups], axis=1),
        present=present,
    )


def _factor(df: float) -> float:
    """The t that is exceeded, on either side, with a probability of 5 %."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.975))


def _size(shifts: Floats) -> float:
    """Standard error of an estimate that shifts so when each group is left out."""
    return float(np.sqrt(np.sum(shifts**2)))
