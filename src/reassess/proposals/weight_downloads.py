"""How libraries fetch the weights of models: not at all without a network, and without waiting for one that fails."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

__all__ = ["fetching"]

_MOST_SECONDS = 10  # for the first answer of the hub


@contextmanager
def fetching(library: str, *, offline: bool) -> Iterator[None]:
    """Let a library fetch weights; only those that it has fetched before if `offline`, or if its hub is silent.

    The Hugging Face hub, from which timm has its weights, is asked once: its own client would try for a minute.
    """
    with ExitStack() as changes:
        if offline:
            import torch.hub

            changes.enter_context(patch.object(torch.hub, "download_url_to_file", _refuse))
            changes.enter_context(redirect_stderr(StringIO()))
            changes.enter_context(redirect_stdout(StringIO()))
        try:
            from huggingface_hub import constants
        except ImportError:  # then timm fetches no weights from there
            yield
            return
        if offline or (library == "timm" and not _answers(constants.ENDPOINT)):
            changes.enter_context(patch.object(constants, "HF_HUB_OFFLINE", True))
        yield


def _refuse(*_: object, **__: object) -> None:
    raise OSError("they are not here, and no network is used")


def _answers(address: str) -> bool:
    """Whether a hub can be reached; that it refuses is an answer."""
    from huggingface_hub.utils import get_session

    try:
        get_session().head(address, timeout=_MOST_SECONDS)
    except Exception:  # of whatever library of HTTP it is
        return False
    return True
