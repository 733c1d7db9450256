"""The requests of a run: what each request asks about, in an order drawn by a seed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from random import Random

import numpy as np
import numpy.typing as npt

from reassess.core import KNOWN_ANSWERS, Tasks
from reassess.proposals.machines.prompts import Per

_ANSWER_ORDERS = tuple(permutations(KNOWN_ANSWERS))


@dataclass(frozen=True)
class Request:
    """One request: some questions about one image."""

    number: int  # position in the run
    image_row: int  # position in the images of the tasks
    question_rows: tuple[int, ...]  # positions in the questions of the tasks, in the order of the prompt
    repeat: int  # from 0
    answers: tuple[str, ...]  # the three answers, in the order of the prompt


@dataclass(frozen=True, eq=False)
class RequestPlan:
    """All requests of a run, which the tasks, `per`, `repeats` and `seed` determine.

    The images are in an order drawn by the seed. All requests about an image follow one another, so that a server
    with a prefix cache encodes the image once. For each repeat, the classes are in another order, and so are the three
    answers.
    """

    tasks: Tasks
    per: Per
    repeats: int
    seed: int

    def __len__(self) -> int:
        return self.repeats * (len(self.tasks) if self.per == "task" else len(self.tasks.questions))

    def __iter__(self) -> Iterator[Request]:
        """Yield the requests in order."""
        number = 0
        for image_row in np.random.default_rng(self.seed).permutation(len(self.tasks.questions.images)).tolist():
            for repeat in range(self.repeats):
                for question_rows, answers in self._draw_image_requests(image_row, repeat):
                    yield Request(number, image_row, question_rows, repeat, answers)
                    number += 1

    def _draw_image_requests(self, image_row: int, repeat: int) -> Iterator[tuple[tuple[int, ...], tuple[str, ...]]]:
        """Yield the rows of the questions of each request about an image, and the order of the answers."""
        rng = Random(f"{self.seed} {image_row} {repeat}")
        tasks = self._tasks_by_image[self._task_starts[image_row] : self._task_starts[image_row + 1]].tolist()
        spans = [range(*self.tasks.indptr[task : task + 2].tolist()) for task in tasks]
        groups = spans if self.per == "task" else [[row] for span in spans for row in span]
        for group in rng.sample(groups, len(groups)):
            first_order = Random(f"{self.seed} {group[0]}").randrange(len(_ANSWER_ORDERS))
            answers = _ANSWER_ORDERS[(first_order + repeat) % len(_ANSWER_ORDERS)]  # no order is repeated at once
            yield tuple(rng.sample(group, len(group))), answers

    @cached_property
    def _image_of_task(self) -> npt.NDArray[np.int32]:
        return self.tasks.questions.image_ids[self.tasks.indptr[:-1]]

    @cached_property
    def _tasks_by_image(self) -> npt.NDArray[np.int64]:
        """The tasks, sorted by image."""
        return np.argsort(self._image_of_task, kind="stable")

    @cached_property
    def _task_starts(self) -> npt.NDArray[np.int64]:
        """Position of each image's first task in `_tasks_by_image`, and the number of tasks."""
        counts = np.bincount(self._image_of_task, minlength=len(self.tasks.questions.images))
        return np.concatenate([[0], np.cumsum(counts)])


def digest_tasks(tasks: Tasks) -> str:
    """Compute the SHA-256 of the images and classes of tasks."""
    digest = hashlib.sha256(json.dumps(tasks.questions.images).encode())
    for column in (tasks.questions.image_ids, tasks.questions.class_ids, tasks.indptr):
        digest.update(column.astype("<i8").tobytes())
    return digest.hexdigest()
