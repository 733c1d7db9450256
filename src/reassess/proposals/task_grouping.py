"""Group questions into tasks: a few classes of one image that belong together.

An image whose classes fit into a task is one task. For other images, the distance of two classes is how little of
their paths from the root of a hierarchy is shared or, without a hierarchy, how seldom they are candidates for the same
image. Classes are joined by distance (average linkage). The order of the leaves is split into the fewest tasks, as even
as possible, between the most distant neighbours. Then classes of two tasks are exchanged as long as that makes the sum
of the distances within tasks smaller.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from reassess.aggregation import replay_stops
from reassess.core import Hierarchy, Questions, RaterModel, StopRule, Tasks, Votes, classes_of
from reassess.core.checks import check_number, check_type
from reassess.core.image_names import join
from reassess.core.items import as_questions, take_items
from reassess.errors import DataError

USUAL_SIZE = 8  # classes of an image that a rater sees at once
_WHOLE, _REST, _UNDER, _NO_PARENT = "all of the image", "the rest of the image", "under", "no common parent"
_TOGETHER, _ALONE = "any two together on", "some two together on no other image"
TASKS_WITH = {  # what a task holds, by the beginning of its reason
    _WHOLE: "all classes of their image",
    _REST: "the last class of their image",
    _UNDER: "classes under a common parent",
    _NO_PARENT: "classes without a common parent",
    _TOGETHER: "classes together on several images",
    _ALONE: "two classes together on no other image",
}
_LONGEST = 0.99  # of the times, beyond which a vote is taken to have been interrupted
_FEW_CLASSES = 4_000
_LEAST = 1e-9  # least gain of an exchange
_Ints = npt.NDArray[np.int64]


_Distances = Callable[[_Ints], npt.NDArray[np.float64]]  # of some classes of an image from one another
_Explain = Callable[[_Ints], str]


def make_tasks(
    questions: Questions, *, size: int = USUAL_SIZE, hierarchy: Hierarchy | None = None, golden: Votes | None = None
) -> Tasks:
    """Group questions into tasks: some classes of one image that belong together.

    Parameters
    ----------
    questions
        The questions, such as `Candidates.questions`. Images keep their order.
    size
        Classes per task, at most.
    hierarchy
        Which classes belong together; without it, classes that are often candidates for the same images do.
    golden
        Experts' votes: their questions are in no task, since a campaign mixes them in.

    Returns
    -------
    Tasks
        Every other question in exactly one; an image has as few tasks as can be, of sizes that differ by 1 at most.
        Classes are ordered by id within a task.

    Raises
    ------
    DataError
        The size is not a whole number from 1.

    Examples
    --------
    >>> questions = Questions.from_columns(["a.png"] * 3 + ["b.png"] * 2, np.array([0, 1, 2, 0, 2]))
    >>> tasks = make_tasks(questions, size=2)
    >>> [(tasks.image(task), tasks.class_ids(task).tolist(), tasks.reasons[task]) for task in range(len(tasks))]
    [('a.png', [0, 2], 'any two together on 2 images or more'),
     ('a.png', [1], 'the rest of the image'),
     ('b.png', [0, 2], 'all of the image')]

    An expert says no to the first question.

    >>> none = np.zeros(1, int)
    >>> experts = Votes.from_columns(questions, none, none, none, ("eve",), ("no", "yes")).restrict(none)
    >>> make_tasks(questions, golden=experts).class_ids(0).tolist()
    [1, 2]
    """
    check_type(Questions, questions)
    check_number(size, 1, what="number of classes a task", whole=True)
    if golden is not None:
        questions = _without_golden(questions, golden)
    distances, explain = _by_images(questions) if hierarchy is None else _by_hierarchy(hierarchy)
    groups: list[tuple[int, _Ints, str]] = []
    order = np.lexsort((questions.class_ids, questions.image_ids))
    starts = np.searchsorted(questions.image_ids[order], np.arange(len(questions.images) + 1))
    class_ids = questions.class_ids[order].astype(np.int64)
    for image in range(len(questions.images)):
        own = class_ids[starts[image] : starts[image + 1]]
        if own.size <= size:
            groups += [(image, own, _WHOLE)] if own.size else []
            continue
        parts = _grouped(own, distances(own), size)
        parts.sort(key=lambda part: int(part[0]))
        groups += [(image, part, explain(part) if part.size > 1 else _REST) for part in parts]
    return _tasks(questions, groups)


def _without_golden(questions: Questions, golden: Votes) -> Questions:
    classes = questions.classes.unite(classes_of(golden))
    questions, golden = questions.in_classes(classes), golden.in_classes(classes)
    image_rows = join(questions.images, golden.images)[questions.image_ids]
    others = np.flatnonzero(~golden.is_asked(image_rows, questions.class_ids))
    return as_questions(take_items(questions, others))


def _tasks(questions: Questions, groups: Sequence[tuple[int, _Ints, str]]) -> Tasks:
    sizes = np.array([part.size for _, part, _ in groups], np.int64)
    none = np.empty(0, np.int64)
    return Tasks(
        questions=Questions(
            images=questions.images,
            image_ids=np.repeat(np.array([image for image, _, _ in groups], np.int32), sizes),
            class_ids=np.concatenate([none, *(part for _, part, _ in groups)]).astype(np.int32),
            classes=questions.classes,
        ),
        indptr=np.concatenate([[0], np.cumsum(sizes)]),
        numbers=np.arange(len(groups)),
        reasons=tuple(reason for _, _, reason in groups),
    )


def _grouped(class_ids: _Ints, distances: npt.NDArray[np.float64], size: int) -> list[_Ints]:
    """The classes of an image in tasks, ascending in each."""
    from scipy.cluster.hierarchy import average, cophenet, leaves_list
    from scipy.spatial.distance import squareform

    joined = average(squareform(distances, checks=False))
    leaves = leaves_list(joined)
    task = np.empty(class_ids.size, np.int64)
    for number, part in enumerate(_cut(leaves, squareform(cophenet(joined))[leaves[:-1], leaves[1:]], size)):
        task[part] = number
    _exchange(task, distances)
    return [class_ids[task == number] for number in range(int(task.max()) + 1)]


def _exchange(task: _Ints, distances: npt.NDArray[np.float64]) -> None:
    """Exchange two classes, the best pair first, while the distances within tasks become smaller."""
    own = np.arange(task.size)
    while True:
        to_task = distances @ (task[:, None] == np.arange(task.max() + 1))
        leaving = to_task[:, task] - to_task[own, task][:, None]  # of i to the task of j
        change = leaving + leaving.T - 2 * distances
        change[task[:, None] == task] = 0
        first, second = np.unravel_index(np.argmin(change), change.shape)
        if change[first, second] > -_LEAST:
            return
        task[[first, second]] = task[[second, first]]


def _cut(leaves: _Ints, gaps: npt.NDArray[np.float64], size: int) -> list[_Ints]:
    """The fewest parts, as even as possible, with the widest gaps between parts in sum."""
    n = leaves.size
    count = -(-n // size)
    small, large = divmod(n, count)  # the first `large` parts have one more class
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}  # by the number of large parts before
    for part in range(count):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for before, (total, ends) in best.items():
            start = part * small + before
            for after in (before + 1, before):
                end = start + small + (after - before)
                if after > large or large - after > count - part - 1:
                    continue
                gained = total + (gaps[end - 1] if end < n else 0.0)
                if after not in longer or gained > longer[after][0]:
                    longer[after] = gained, (*ends, end)
        best = longer
    return np.split(leaves, best[large][1][:-1])


def _by_hierarchy(hierarchy: Hierarchy) -> tuple[_Distances, _Explain]:
    """Classes are near if they share much of their paths from the root."""

    def distances(class_ids: _Ints) -> npt.NDArray[np.float64]:
        paths = [hierarchy.path(class_id) for class_id in class_ids.tolist()]
        shared = np.array([[len(_shared([one, other])) for other in paths] for one in paths], np.float64)
        np.fill_diagonal(shared, shared.max())
        return np.asarray(shared.max() - shared)

    def explain(class_ids: _Ints) -> str:
        common = _shared([hierarchy.path(class_id) for class_id in class_ids.tolist()])
        return f"{_UNDER} {common[-1]}" if common else _NO_PARENT

    return distances, explain


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The beginning that all paths share."""
    first, last = min(paths), max(paths)
    length = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:length]


def _by_images(questions: Questions) -> tuple[_Distances, _Explain]:
    """Classes are near if they share many of their images: the Jaccard distance."""
    from scipy.sparse import csr_array

    ones = np.ones(len(questions), np.int64)
    classes, columns = np.unique(questions.class_ids, return_inverse=True)
    asked = csr_array((ones, (questions.image_ids, columns)), (len(questions.images), classes.size))
    together = csr_array(asked.T @ asked)
    table = together.toarray() if classes.size <= _FEW_CLASSES else None  # whose parts are much faster

    def of_both(class_ids: _Ints) -> _Ints:
        at = np.searchsorted(classes, class_ids)
        return np.asarray(together[at][:, at].toarray() if table is None else table[np.ix_(at, at)])

    def distances(class_ids: _Ints) -> npt.NDArray[np.float64]:
        both = of_both(class_ids)
        alone = both.diagonal()
        return np.asarray(1 - both / (alone[:, None] + alone - both))

    def explain(class_ids: _Ints) -> str:
        images = int(of_both(class_ids).min())
        return _ALONE if images == 1 else f"{_TOGETHER} {images} images or more"

    return distances, explain


def votes_until_closed(votes: Votes, model: RaterModel, stop: StopRule, at_most: int) -> float:
    """Compute the votes per question under a stop rule, from 1 to `at_most`, on average over earlier votes.

    The earlier votes are replayed in random order; questions with fewer than `at_most` do not count.
    """
    rows = np.flatnonzero(votes.sizes >= at_most)
    if not rows.size:
        raise DataError(
            "missing-votes",
            "earlier votes do not give the number of votes per question",
            allowed=f"a question with {at_most:,} votes or more",
            found=f"{int(votes.sizes.max(initial=0)):,} at most",
            fix="ask for fewer votes, or give other earlier votes",
        )
    (replay,) = replay_stops(votes.restrict(rows), model, [stop], threshold=stop.high, at_most=at_most)
    return float(replay.taken.mean()) / rows.size


def seconds_per_vote(votes: Votes) -> float:
    """Mean seconds per vote; the longest 1 % count as the 99th percentile, since a rater may be interrupted.

    Parameters
    ----------
    votes
        Votes with times; votes without one do not count.

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
            fix="give votes with a column seconds, or the seconds that a vote takes",
        )
    return float(np.minimum(seconds, np.quantile(seconds, _LONGEST)).mean())
