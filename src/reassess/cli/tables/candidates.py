"""What models propose, and what was decided about the images, in words and as a table."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path

import numpy as np

from reassess.cli.common import Call
from reassess.cli.screen import print_table
from reassess.core.candidates import Candidates
from reassess.core.proposals import ORIGINAL_SOURCE, Proposals
from reassess.text import counted, shared

__all__ = ["print_candidates", "tell_written"]

_MOST_MODELS = 10
_SAID_OF = {
    "bounded": "scores in [0, 1] without adding up to 1, so taken for logits",
    "ids": "ids, so first classes alone: N needs the scores of all classes",
}


def tell_written(call: Call, output: Path, proposals: Proposals) -> None:
    """Say what was written."""
    images = len(proposals.questions.images)
    mean = f", {len(proposals) / images:.2f} an image" if images else ""
    call.tell(f"{output}: {counted(len(proposals), 'proposal')} for {counted(images, 'image')}{mean}")


def print_candidates(call: Call, candidates: Candidates, detected: Mapping[str, str], *, sources: bool) -> None:
    """What was decided about the images, who proposes how much, and how the files were read."""
    _tell_images(call, candidates)
    if sources:
        _print_sources(call, candidates)
    _tell_models(call, candidates, detected)


def _tell_images(call: Call, candidates: Candidates) -> None:
    """What was decided about the images, and what was left out."""
    if not candidates.keep_agreed:
        call.tell(f"{counted(len(candidates.set_aside), 'image')} set aside: all models agree with the original label")
    if candidates.without_original:
        call.tell(f"{counted(candidates.without_original, 'image')} without an original label")
    if candidates.unseen:
        call.tell(f"{counted(candidates.unseen, 'known image')} left out, which no model holds")
    if candidates.without_class:
        images = counted(candidates.without_class, "image")
        call.tell(f"{images} left out: no original label, and no first class of a model is one of the classes")
    call.tell(
        f"N: the {candidates.most_probable:,} most probable pairs of each model, for at most "
        f"{candidates.per_image:g} proposals an image"
    )


def _print_sources(call: Call, candidates: Candidates) -> None:
    """Who proposes how much: the original labels, and the models that propose the most which nobody else does."""
    names = (ORIGINAL_SOURCE, *candidates.names)
    by_source = np.column_stack([candidates.are_original, candidates.proposes])
    alone = (by_source & (by_source.sum(axis=1) == 1)[:, None]).sum(axis=0)
    kinds = {model.name: model.kind for model in candidates.models}
    models = sorted(range(1, len(names)), key=lambda column: (-alone[column], names[column]))
    shown = models[: call.first_rows(len(models), _MOST_MODELS, "models, by what each proposes alone")]
    originals = [0] if candidates.are_original.any() else []
    rows = [
        [names[column], kinds.get(names[column]), f"{by_source[:, column].sum():,}", f"{alone[column]:,}"]
        for column in originals + shown
    ]
    print_table(["source", "scores", "proposals", "by it alone"], rows, text_columns=2)


def _tell_models(call: Call, candidates: Candidates, detected: Mapping[str, str]) -> None:
    """How the files were read, what is used of them, and what was left out, equal texts once."""
    models = {model.name: model for model in candidates.models}
    told = [
        {name: detected[name] for name in models},
        {name: _SAID_OF.get(model.kind, "") for name, model in models.items()},
        {name: f"{model.unknown:,} unknown left out" if model.unknown else "" for name, model in models.items()},
        {
            name: f"no say on {counted(model.lacking, 'image')} that others hold" if model.lacking else ""
            for name, model in models.items()
        },
    ]
    for line in chain.from_iterable(map(shared, told)):
        call.tell(line)
