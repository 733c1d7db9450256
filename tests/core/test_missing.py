"""What stands in the place of a result says why."""

from reassess.errors import DataError, Missing


def test_an_error_becomes_a_reason_of_a_few_words() -> None:
    error = DataError("no golden pair is valid", where="golden.csv", found="3 pairs", mend="judge more pairs")
    assert str(Missing.because(error)) == "no golden pair is valid: 3 pairs"
    assert str(Missing.because(DataError("there are no votes"))) == "there are no votes"
