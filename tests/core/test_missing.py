"""What stands in the place of a result says why."""

from reassess.errors import DataError, Missing


def test_an_error_becomes_a_reason_of_a_few_words() -> None:
    error = DataError(
        "code", "no golden question is valid", where="golden.csv", found="3 pairs", fix="judge more pairs"
    )
    assert str(Missing.because(error)) == "no golden question is valid: 3 pairs"
    assert str(Missing.because(DataError("code", "votes are missing"))) == "votes are missing"
