"""The Keras metric passes the same tests with each backend, in separate processes."""

from pathlib import Path

import pytest

from tests.helpers import Needs, python

EXPECTED = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",  # from saving models
    "ignore:Explicitly requested dtype int64:UserWarning",  # Keras with jax 0.12, for class ids of 64 bits
)
BODY = Path(__file__).with_name("keras_on_a_backend.py")


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_metric_passes_tests_with_each_backend(backend: str, needs: Needs) -> None:
    needs("keras")
    needs(backend)
    variables = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    ignored = [word for warning in EXPECTED for word in ("-W", warning)]
    result = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *ignored, BODY, **variables)
    assert " passed in " in result.out


def test_error_names_missing_backend(needs: Needs) -> None:
    needs("keras")
    code = "import sys; sys.modules['jax'] = None; import reassess.integrations.keras"
    assert python("-c", code, code=1, KERAS_BACKEND="jax").err.endswith(
        "MissingPackageError: package jax is missing (for RealAccuracyMetric)\n  fix:     pip install 'reassess[jax]'\n"
    )
