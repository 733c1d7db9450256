"""Estimate the requests and tokens of a run, without a server."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice

import numpy as np

from reassess.data.image_copies import MAX_SIDE
from reassess.data.image_decoding import describe_image_error, open_image
from reassess.errors import DataError
from reassess.proposals.machines.asking import Questionnaire
from reassess.text import count_noun

_BYTES_PER_TOKEN = 4  # of English text, about
_PIXELS_PER_TOKEN = 28 * 28  # of an image, about; models differ by a factor of several
_TOKENS_PER_ANSWER = 8  # of JSON, about
_MAX_REQUESTS_READ = 200


@dataclass(frozen=True)
class RatingEstimate:
    """What a run would ask, and about how many tokens it needs."""

    n_images: int
    n_questions: int
    n_requests: int
    n_tokens: int  # of requests and answers together
    image: str  # of the first request
    text: str  # of the first request


def estimate_questionnaire(questionnaire: Questionnaire) -> RatingEstimate:
    """Estimate the tokens from the first requests, whose images are drawn at random.

    A token is estimated as 4 bytes of text, or 28 x 28 pixels of an image. An answer has 8 tokens per class. Models
    that think before they answer need more.
    """
    plan = questionnaire.plan
    first = next(iter(plan))
    means = np.mean(list(_estimate_tokens(questionnaire)) or [np.nan])
    if np.isnan(means):
        raise DataError(
            "unreadable-image",
            "images cannot be read",
            where=questionnaire.images.source_path,
            found=count_noun(len(questionnaire.images), "image"),
        )
    return RatingEstimate(
        n_images=len(questionnaire.images),
        n_questions=len(plan.tasks.questions),
        n_requests=len(plan),
        n_tokens=round(float(means) * len(plan)),
        image=questionnaire.images.names[first.image_row],
        text=questionnaire.render(first),
    )


def _estimate_tokens(questionnaire: Questionnaire) -> Iterator[float]:
    """Yield the tokens of each of the first requests whose image can be read."""
    n_image_tokens: dict[int, float | None] = {}
    for request in islice(questionnaire.plan, _MAX_REQUESTS_READ):
        row = request.image_row
        if row not in n_image_tokens:
            n_image_tokens[row] = _estimate_image_tokens(questionnaire, row)
        image_tokens = n_image_tokens[row]
        if image_tokens is not None:
            text_tokens = len(questionnaire.render(request).encode()) / _BYTES_PER_TOKEN
            yield image_tokens + text_tokens + _TOKENS_PER_ANSWER * len(request.question_rows)


def _estimate_image_tokens(questionnaire: Questionnaire, row: int) -> float | None:
    """Estimate the tokens of an image, scaled down as requests do; None if the image cannot be read."""
    try:
        with open_image(BytesIO(questionnaire.images.read_file(row))) as image:
            scale = min(MAX_SIDE / max(image.size), 1.0)
            return float(image.width * image.height * scale**2 / _PIXELS_PER_TOKEN)
    except Exception as error:
        describe_image_error(error, 0)  # raises if memory is full
        return None
