"""The labels that the answers of a campaign give so far."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from sqlalchemy import select

from reassess.aggregation import aggregate, label_sets
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.export import CampaignExport, export_votes
from reassess.annotation.store.schema import images, questions, tasks
from reassess.core import USUAL_THRESHOLD, LabelSets, Scores, Tasks

_SELECT_KNOWN_TRUTHS = (
    select(images.c.name, questions.c.class_id, questions.c.truth)
    .select_from(questions.join(tasks).join(images))
    .where(questions.c.golden, questions.c.truth.is_not(None))
)


class SampleAnswers(NamedTuple):
    """The tasks of a sample, and the label sets of its images whose questions are all closed."""

    tasks: Tasks
    labels: LabelSets


def read_sample_answers(campaign: Campaign) -> SampleAnswers | None:
    """Read the answers to the questions about the sample of a campaign; None if it has no sample.

    Experts decide golden questions. Other labels are those of the default method, with the campaign's threshold, or 0.8
    without a threshold. An image that all raters skipped has no valid class.
    """
    with connect_for_reading(campaign.engine) as connection:
        if connection.scalar(select(schema.campaign.c.sample)) is None:
            return None
        truths = {(row.name, row.class_id): row.truth == 1 for row in connection.execute(_SELECT_KNOWN_TRUTHS)}
    exported = export_votes(campaign)
    assert exported.sample_tasks is not None
    asked, classes = exported.sample_tasks.questions, exported.sample_tasks.questions.classes
    is_valid = dict.fromkeys(
        ((state.image_name, state.class_id) for state in exported.question_states if state.close_reason), False
    )
    if len(exported.votes):
        threshold = campaign.settings.get("threshold", USUAL_THRESHOLD)
        labels = label_sets(compute_campaign_scores(campaign, exported), threshold)
        is_valid |= {key: True for key in _list_labels(labels) if key in is_valid}
    is_valid |= truths
    keys = [(asked.images[i], c) for i, c in zip(asked.image_ids.tolist(), asked.class_ids.tolist(), strict=True)]
    has_open = np.bincount(asked.image_ids, [key not in is_valid for key in keys], len(asked.images)) > 0
    sets: dict[str, list[int]] = {
        name: [] for name, is_waiting in zip(asked.images, has_open.tolist(), strict=True) if not is_waiting
    }
    for name, class_id in keys:
        if name in sets and is_valid[name, class_id]:
            sets[name].append(class_id)
    return SampleAnswers(exported.sample_tasks, LabelSets.from_lists(list(sets), list(sets.values()), classes))


def _list_labels(labels: LabelSets) -> Iterator[tuple[str, int]]:
    """List the (image, class) pairs of label sets."""
    for image, class_id in zip(labels.image_ids.tolist(), labels.indices.tolist(), strict=True):
        yield labels.images[image], class_id


def compute_campaign_scores(campaign: Campaign, exported: CampaignExport) -> Scores:
    """Compute scores from the votes by the default method, and from golden answers if raters are measured on them."""
    if not exported.has_rater_votes_on_golden:
        return aggregate(exported.votes).scores
    return aggregate(
        exported.votes,
        experts=exported.golden_votes,
        rater_golden=exported.rater_golden_votes,
        original=exported.original_labels if campaign.has_original_votes else None,
        min_experts=campaign.min_experts,
    ).scores
