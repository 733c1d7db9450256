"""Least-squares polynomials of one variable, with cluster-robust standard errors.

The only assumption about the errors is that groups are independent. Within a group, errors may be correlated, and their
variances may differ. The covariance is the jackknife estimate over groups: how much coefficients change when a group is
dropped, multiplied and summed over groups. With one row per group it is HC3. Estimates from the same groups, such as
slopes in overlapping ranges, have covariances from the same sum. If few groups dominate the sum, there are few degrees
of freedom, even with many groups.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reassess.text import Printable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """An estimated number, with its standard error."""

    value: float
    standard_error: float
    df: float  # degrees of freedom of the standard error

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval by Student's t."""
        half = _t_quantile(self.df) * self.standard_error
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the null hypothesis 0, by Student's t (a Wald test)."""
        if self.standard_error == 0:
            return float(self.value == 0)
        from scipy.special import stdtr

        return 2 * float(stdtr(self.df, -abs(self.value / self.standard_error)))

    def to_json(self) -> dict[str, float]:
        """Return the estimate and its interval as a dict for JSON output."""
        low, high = self.interval
        return {"value": self.value, "low": low, "high": high, "p_value": self.p_value}


@dataclass(frozen=True, eq=False, repr=False)
class PolynomialFit(Printable):
    """A polynomial that is fitted to all rows; errors may be correlated between rows of the same group."""

    centre: float  # the powers are of x - centre; the mean of x
    coefficients: Floats  # float64, shape (degree + 1,), the constant first
    # float64, shape (groups, degree + 1): the coefficients, minus the coefficients of a fit without the group; 0 for a
    # group without rows
    coefficient_shifts: Floats
    inverse_gram: Floats  # float64, shape (degree + 1, degree + 1): inverse of X'X, where X are the powers
    inverse_gram_without_group: Floats  # float64, shape (groups, degree + 1, degree + 1): inverse of X'X without it
    residuals: Floats  # float64, shape (rows,): y minus the polynomial
    held_out_residuals: Floats  # float64, shape (rows,): y minus the polynomial of a fit without the row's group
    has_rows: npt.NDArray[np.bool_]  # bool, shape (groups,)

    def coefficient(self, power: int) -> Estimate:
        """Return the coefficient of (x - centre) ** power."""
        return Estimate(
            float(self.coefficients[power]),
            standard_error=_standard_error(self.coefficient_shifts[:, power]),
            df=self._degrees_of_freedom_of_coefficient(power),
        )

    def coefficient_difference(self, other_fit: "PolynomialFit", power: int) -> Estimate:
        """Return the coefficient of (x - centre) ** power minus the other fit's coefficient of the same power.

        Both fits have the same groups, and may share rows. The difference has the smaller of the two degrees of
        freedom.
        """
        value = float(self.coefficients[power] - other_fit.coefficients[power])
        error = _standard_error(self.coefficient_shifts[:, power] - other_fit.coefficient_shifts[:, power])
        return Estimate(
            value=value,
            standard_error=error,
            df=min(self._degrees_of_freedom_of_coefficient(power), other_fit._degrees_of_freedom_of_coefficient(power)),
        )

    def value_at(self, x: float) -> float:
        """Return the value of the polynomial at x."""
        return float(self._powers(x) @ self.coefficients)

    def prediction_interval(self, x: float) -> tuple[float, float]:
        """Compute a 95 % interval for y at x in a new group, assuming normal errors.

        It adds two variances. The first is the variance of held-out residuals: of rows around a polynomial that is
        fitted without their group. It includes the differences between groups. The second is the variance of the
        polynomial at x. The degrees of freedom of Student's t are groups minus coefficients. The interval does not
        account for a curve of another shape outside the data.
        """
        powers = self._powers(x)
        error = np.hypot(
            np.sqrt(np.mean(self.held_out_residuals**2)), _standard_error(self.coefficient_shifts @ powers)
        )
        half = float(error) * _t_quantile(int(self.has_rows.sum()) - powers.size)
        return self.value_at(x) - half, self.value_at(x) + half

    def _powers(self, x: float) -> Floats:
        return np.asarray((x - self.centre) ** np.arange(self.coefficients.size), np.float64)

    def _degrees_of_freedom_of_coefficient(self, power: int) -> float:
        """Compute the Satterthwaite degrees of freedom of a coefficient, assuming errors of equal variance."""
        own, without = self.inverse_gram[power, power], self.inverse_gram_without_group[:, power]
        covariance = without[:, [power]] + without[:, power] - own  # of the coefficient_shifts of two groups
        covariance -= without @ np.linalg.solve(self.inverse_gram, without.T)
        np.fill_diagonal(covariance, without[:, power] - own)
        return float(np.trace(covariance) ** 2 / np.sum(covariance**2))


def fit_polynomial(
    x: Floats,
    y: Floats,
    groups: npt.NDArray[np.integer],
    *,
    is_used: npt.NDArray[np.bool_] | None = None,
    degree: int = 1,
) -> PolynomialFit | None:
    """Fit a polynomial by least squares; None if leaving out one of the groups makes the fit impossible.

    `groups` numbers the group of each row from 0. `is_used` selects rows; None: all rows.

    Source: MacKinnon and White (1985), Journal of Econometrics 29, for HC3; Bell and McCaffrey (2002), Survey
    Methodology 28, for its form by groups and the degrees of freedom.
    """
    count = int(groups.max(initial=-1)) + 1
    if is_used is not None:
        x, y, groups = x[is_used], y[is_used], groups[is_used]
    has_rows = np.bincount(groups, minlength=count) > 0
    if has_rows.sum() <= degree + 1:
        return None
    centre = float(x.mean())
    powers = (x - centre)[:, None] ** np.arange(degree + 1)
    products, moments = np.zeros((count, degree + 1, degree + 1)), np.zeros((count, degree + 1))
    np.add.at(products, groups, powers[:, :, None] * powers[:, None])
    total, without = products.sum(axis=0), products.sum(axis=0) - products
    if np.linalg.matrix_rank(without).min() <= degree:
        return None
    coefficients = np.linalg.solve(total, powers.T @ y)
    residuals = y - powers @ coefficients
    np.add.at(moments, groups, powers * residuals[:, None])
    inverses = np.linalg.inv(without)
    coefficient_shifts = np.einsum("gij,gj->gi", inverses, moments)
    return PolynomialFit(
        centre=centre,
        coefficients=coefficients,
        coefficient_shifts=coefficient_shifts,
        inverse_gram=np.linalg.inv(total),
        inverse_gram_without_group=inverses,
        residuals=residuals,
        held_out_residuals=residuals + np.sum(powers * coefficient_shifts[groups], axis=1),
        has_rows=has_rows,
    )


def _t_quantile(df: float) -> float:
    """Compute the 97.5 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(df, 0.975))


def _standard_error(shifts: Floats) -> float:
    """Compute the jackknife standard error from the shift of an estimate without each group."""
    return float(np.sqrt(np.sum(shifts**2)))
