"""Samples of images in a new campaign: golden images that were drawn at random, and batches of `reassess sample`."""

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from reassess.cli.command_run import CommandRun
from reassess.core import Sample, SampleDesign, Tasks
from reassess.errors import ReassessWarning
from reassess.text import count_noun


def choose_sample_of_golden_images(samples: Sequence[Sample]) -> Sample | None:
    """Return the first sample; warn if other samples have images that are not in it."""
    sample = samples[0] if samples else None
    if lost_images := {image for sample in samples[1:] for image in sample.images}.difference(
        sample.images if sample else ()
    ):
        text = (
            f"{count_noun(len(lost_images), 'image')} drawn earlier lose their probability: two draws are not one "
            "sample"
        )
        warnings.warn(text, ReassessWarning, stacklevel=3)
    return sample


def select_last_batch(run: CommandRun, path: Path, tasks: Tasks) -> Tasks:
    """Select the tasks of the last batch of a drawn sample: a later batch is drawn after earlier ones are answered."""
    sample = cast("Sample", tasks.sample)
    batches = cast("SampleDesign", sample.design).batches
    batch_of_image = np.append(batches, batches.max())[sample.rows_of(tasks.questions.images)]
    if n_earlier := int((batches < batches.max()).sum()):
        earlier = f"{count_noun(n_earlier, 'image')} of earlier batches"
        run.add_note(f"{path}: {earlier} are not in the campaign, because they are answered already")
    is_last = batch_of_image[tasks.questions.image_ids[tasks.indptr[:-1]]] == batches.max()
    return tasks.select(is_last)


def describe_sample(sample: Sample, n_questions: int) -> str:
    """Describe a sample by its numbers of golden questions and of images per stratum."""
    strata = Counter(name for _, name in sorted(zip(-sample.probabilities, sample.strata, strict=True)))
    strata_text = "" if len(strata) == 1 else f" ({', '.join(f'{n:,} {name}' for name, n in strata.items())})"
    return f"{count_noun(n_questions, 'question')} on {count_noun(len(sample), 'image')}{strata_text}"
