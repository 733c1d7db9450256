"""Grouping questions into tasks: a few similar classes of one image.

If all classes of an image fit into a task, the image is one task. Otherwise the classes are clustered by distance
(average linkage). With a hierarchy, the distance of two classes is large if they share little of their paths from the
root. Without a hierarchy, it is the Jaccard distance of their images. The leaves of the cluster tree are split, in
their order, into the fewest tasks with sizes as equal as possible, between the most distant neighbours. Then classes of
two tasks are exchanged as long as this reduces the sum of the distances within tasks.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reassess.aggregation import GoldenPredictions, replay_stops
from reassess.core import Hierarchy, Questions, RaterModel, StopRule, Tasks, Votes, classes_of
from reassess.core.checks import check_number, check_type
from reassess.core.image_names import match_images
from reassess.core.items import require_questions, take_items
from reassess.errors import DataError
from reassess.text import count_noun

DEFAULT_TASK_SIZE = 8  # classes per task
_WHOLE_IMAGE, _REST_OF_IMAGE, _UNDER_PARENT, _NO_PARENT = (
    "all of the image",
    "the rest of the image",
    "under",
    "no common parent",
)
_SHARED_IMAGES, _NO_SHARED_IMAGE = "each pair on", "a pair only on this image"
TASK_DESCRIPTIONS = {  # description of tasks, by the beginning of their reason
    _WHOLE_IMAGE: "all classes of their image",
    _REST_OF_IMAGE: "the last class of their image",
    _UNDER_PARENT: "classes under a common parent",
    _NO_PARENT: "classes without a common parent",
    _SHARED_IMAGES: "classes together on several images",
    _NO_SHARED_IMAGE: "two classes together on one image only",
}
_MAX_SECONDS_QUANTILE = 0.99  # quantile of the times of votes; longer times count as this quantile
_MAX_DENSE_CLASSES = 4_000  # up to this number of classes, a dense table is used
_MIN_GAIN = 1e-9  # the smallest reduction of distances that is worth an exchange of classes
_Ints = npt.NDArray[np.int64]


_ComputeClassDistances = Callable[[_Ints], npt.NDArray[np.float64]]  # from class ids to a distance matrix
_ExplainTask = Callable[[_Ints], str]


def make_tasks(
    questions: Questions,
    *,
    size: int = DEFAULT_TASK_SIZE,
    hierarchy: Hierarchy | None = None,
    golden: Votes | None = None,
) -> Tasks:
    """Group questions into tasks: a few similar classes of one image per task.

    Parameters
    ----------
    questions
        The questions, such as `Candidates.questions`. Images keep their order.
    size
        Maximum number of classes per task.
    hierarchy
        Hierarchy that defines similar classes. Without it, classes are similar if they are often candidates for the
        same images.
    golden
        Experts' votes. Their questions are not in these tasks: a campaign shows them between the tasks.

    Returns
    -------
    Tasks
        Tasks that contain each other question exactly once. An image has as few tasks as possible, with sizes that
        differ by at most 1. Within a task, classes are sorted by id.

    Raises
    ------
    DataError
        The size is not a whole number from 1.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png"] * 3 + ["b.png"] * 2, np.array([0, 1, 2, 0, 2]))
    >>> tasks = make_tasks(questions, size=2)
    >>> [(tasks.image_of(task), tasks.class_ids_of(task).tolist(), tasks.reasons[task]) for task in range(len(tasks))]
    [('a.png', [0, 2], 'each pair on 2 images or more'),
     ('a.png', [1], 'the rest of the image'),
     ('b.png', [0, 2], 'all of the image')]

    An expert says no to the first question.

    >>> none = np.zeros(1, int)
    >>> experts = Votes.from_columns(questions, none, none, none, ("eve",), ("no", "yes")).select_items(none)
    >>> make_tasks(questions, golden=experts).class_ids_of(0).tolist()
    [1, 2]
    """
    check_type(Questions, questions)
    check_number(size, 1, value_name="number of classes per task", is_whole=True)
    if golden is not None:
        questions = _remove_golden(questions, golden)
    compute_class_distances, explain_task = (
        _make_functions_to_group_by_images(questions)
        if hierarchy is None
        else _make_functions_to_group_by_hierarchy(hierarchy)
    )
    groups: list[_TaskGroup] = []
    order = np.lexsort((questions.class_ids, questions.image_ids))
    starts = np.searchsorted(questions.image_ids[order], np.arange(len(questions.images) + 1))
    class_ids = questions.class_ids[order].astype(np.int64)
    for image in range(len(questions.images)):
        classes = class_ids[starts[image] : starts[image + 1]]
        if classes.size <= size:
            groups += [_TaskGroup(image, classes, _WHOLE_IMAGE)] if classes.size else []
            continue
        parts = _split_into_tasks(classes, compute_class_distances(classes), size)
        parts.sort(key=lambda part: int(part[0]))
        groups += [_TaskGroup(image, part, explain_task(part) if part.size > 1 else _REST_OF_IMAGE) for part in parts]
    return _tasks_from_groups(questions, groups)


def _remove_golden(questions: Questions, golden: Votes) -> Questions:
    """Remove the questions that have experts' votes."""
    classes = questions.classes.merge(classes_of(golden))
    questions, golden = questions.convert_to_classes(classes), golden.convert_to_classes(classes)
    image_rows = match_images(questions.images, golden.images)[questions.image_ids]
    rows = np.flatnonzero(~golden.is_asked(image_rows, questions.class_ids))
    return require_questions(take_items(questions, rows))


class _TaskGroup(NamedTuple):
    """The classes of a task, and why they form a task."""

    image_id: int
    class_ids: _Ints
    reason: str


def _tasks_from_groups(questions: Questions, groups: Sequence[_TaskGroup]) -> Tasks:
    """Create a task from each group of classes."""
    sizes = np.array([group.class_ids.size for group in groups], np.int64)
    none = np.empty(0, np.int64)
    return Tasks(
        questions=Questions(
            images=questions.images,
            image_ids=np.repeat(np.array([group.image_id for group in groups], np.int32), sizes),
            class_ids=np.concatenate([none, *(group.class_ids for group in groups)]).astype(np.int32),
            classes=questions.classes,
        ),
        indptr=np.concatenate([[0], np.cumsum(sizes)]),
        task_numbers=np.arange(len(groups)),
        reasons=tuple(group.reason for group in groups),
    )


def _split_into_tasks(class_ids: _Ints, distances: npt.NDArray[np.float64], size: int) -> list[_Ints]:
    """Split the classes of an image into tasks of similar classes."""
    from scipy.cluster.hierarchy import average, cophenet, leaves_list
    from scipy.spatial.distance import squareform

    tree = average(squareform(distances, checks=False))
    leaves = leaves_list(tree)
    task = np.empty(class_ids.size, np.int64)
    for number, part in enumerate(
        _split_class_order(leaves, squareform(cophenet(tree))[leaves[:-1], leaves[1:]], size)
    ):
        task[part] = number
    _swap_classes_between_tasks(task, distances)
    return [class_ids[task == number] for number in range(int(task.max()) + 1)]


def _swap_classes_between_tasks(task_ids: _Ints, distances: npt.NDArray[np.float64]) -> None:
    """Swap classes between two tasks as long as this makes the classes within each task more similar."""
    rows = np.arange(task_ids.size)
    while True:
        to_task = distances @ (task_ids[:, None] == np.arange(task_ids.max() + 1))
        # Change if class i moves to the task of class j.
        leaving = to_task[:, task_ids] - to_task[rows, task_ids][:, None]
        change = leaving + leaving.T - 2 * distances
        change[task_ids[:, None] == task_ids] = 0
        first, second = np.unravel_index(np.argmin(change), change.shape)
        if change[first, second] > -_MIN_GAIN:
            return
        task_ids[[first, second]] = task_ids[[second, first]]


def _split_class_order(class_order: _Ints, distances_to_next: npt.NDArray[np.float64], size: int) -> list[_Ints]:
    """Split a sorted list of classes between the most different neighbours, into parts of at most `size` classes.

    The number of parts is as small as possible, and their sizes differ by at most one.
    """
    n = class_order.size
    count = -(-n // size)
    small, large = divmod(n, count)  # the first `large` parts have one more class
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}  # best split by number of large parts so far
    for part in range(count):
        extended: dict[int, tuple[float, tuple[int, ...]]] = {}
        for before, (total, ends) in best.items():
            start = part * small + before
            for after in (before + 1, before):
                end = start + small + (after - before)
                if after > large or large - after > count - part - 1:
                    continue
                new_total = total + (distances_to_next[end - 1] if end < n else 0.0)
                if after not in extended or new_total > extended[after][0]:
                    extended[after] = new_total, (*ends, end)
        best = extended
    return np.split(class_order, best[large][1][:-1])


def _make_functions_to_group_by_hierarchy(hierarchy: Hierarchy) -> tuple[_ComputeClassDistances, _ExplainTask]:
    """Return functions to group classes by a hierarchy: a class distance, and a reason for a task."""

    def compute_class_distances(class_ids: _Ints) -> npt.NDArray[np.float64]:
        """Compute the distance of each pair of classes by their common path."""
        paths = [hierarchy.path_from_root(class_id) for class_id in class_ids.tolist()]
        shared = np.array([[len(_common_prefix([a, b])) for b in paths] for a in paths], np.float64)
        np.fill_diagonal(shared, shared.max())
        return np.asarray(shared.max() - shared)

    def explain_task(class_ids: _Ints) -> str:
        """Name the lowest common ancestor of the classes."""
        common = _common_prefix([hierarchy.path_from_root(class_id) for class_id in class_ids.tolist()])
        return f"{_UNDER_PARENT} {common[-1]}" if common else _NO_PARENT

    return compute_class_distances, explain_task


def _common_prefix(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the longest common beginning of several paths, from the root on."""
    first, last = min(paths), max(paths)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def _make_functions_to_group_by_images(questions: Questions) -> tuple[_ComputeClassDistances, _ExplainTask]:
    """Return functions to group classes that appear in the same images: a class distance, and a reason for a task."""
    from scipy.sparse import csr_array

    ones = np.ones(len(questions), np.int64)
    classes, columns = np.unique(questions.class_ids, return_inverse=True)
    incidence = csr_array((ones, (questions.image_ids, columns)), (len(questions.images), classes.size))
    together = csr_array(incidence.T @ incidence)
    table = together.toarray() if classes.size <= _MAX_DENSE_CLASSES else None  # much faster to index

    def count_images_with_both_classes(class_ids: _Ints) -> _Ints:
        """Count the images that have both classes, for each pair of classes."""
        columns_of_classes = np.searchsorted(classes, class_ids)
        return np.asarray(
            together[columns_of_classes][:, columns_of_classes].toarray()
            if table is None
            else table[np.ix_(columns_of_classes, columns_of_classes)]
        )

    def compute_class_distances(class_ids: _Ints) -> npt.NDArray[np.float64]:
        """Compute the Jaccard distance of each pair of classes."""
        common = count_images_with_both_classes(class_ids)
        images = common.diagonal()
        return np.asarray(1 - common / (images[:, None] + images - common))

    def explain_task(class_ids: _Ints) -> str:
        """Describe on how many images the classes of a task appear together."""
        images = int(count_images_with_both_classes(class_ids).min())
        return _NO_SHARED_IMAGE if images == 1 else f"{_SHARED_IMAGES} {images} images or more"

    return compute_class_distances, explain_task


def mean_votes_until_closed(
    votes: Votes,
    model: RaterModel,
    stop: StopRule,
    max_votes_per_question: int,
    *,
    golden: GoldenPredictions | None = None,
) -> float:
    """Estimate the mean number of votes until a stop rule closes a question, from earlier votes.

    The earlier votes are replayed in random order; questions with fewer than `max_votes_per_question` votes do not
    count. With `golden`, each vote counts as often as golden answers support.
    """
    rows = np.flatnonzero(votes.sizes >= max_votes_per_question)
    if not rows.size:
        raise DataError(
            "missing-votes",
            "earlier votes are too few to estimate votes per question",
            allowed=f"a question with {max_votes_per_question:,} votes or more",
            found=f"at most {count_noun(int(votes.sizes.max(initial=0)), 'vote')} per question",
            fix="ask for fewer votes per question, or give a file with more votes",
        )
    (replay,) = replay_stops(
        votes.select_items(rows),
        model,
        [stop],
        threshold=stop.high,
        max_votes_per_question=max_votes_per_question,
        golden=golden,
    )
    return float(replay.n_used_votes.mean()) / rows.size


def seconds_per_vote(votes: Votes) -> float:
    """Compute the mean seconds per vote; the longest 1 % count as the 99th percentile.

    The longest times may include interruptions.

    Parameters
    ----------
    votes
        Votes with times; votes without a time do not count.

    Raises
    ------
    DataError
        No vote has a time.

    Examples
    --------
    >>> item = np.zeros(3, int)
    >>> votes = Votes.from_columns(
    ...     ("x",), item, np.arange(3), item, ("ann", "bo", "cy"), ("no",), seconds=np.array([2.0, 4.0, np.nan])
    ... )
    >>> round(seconds_per_vote(votes), 2)
    2.99
    """
    check_type(Votes, votes)
    seconds = np.empty(0) if votes.seconds is None else votes.seconds[~np.isnan(votes.seconds)]
    if not seconds.size:
        raise DataError(
            "missing-seconds",
            "no vote has a time",
            fix="use votes with a column seconds, or a number of seconds per vote",
        )
    return float(np.minimum(seconds, np.quantile(seconds, _MAX_SECONDS_QUANTILE)).mean())
