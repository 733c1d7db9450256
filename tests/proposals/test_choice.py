"""The choice of models, against making the proposals of every subset anew; and what it reaches on other images."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reassess.aggregation.golden import Golden
from reassess.core.candidates import Candidates
from reassess.core.labels import LabelSets
from reassess.core.model_choice import ModelSubset
from reassess.core.predictions import Predictions
from reassess.core.questions import Questions
from reassess.numeric.proportion import Proportion, wilson
from reassess.proposals import subset_search
from reassess.proposals.candidates import propose
from reassess.proposals.choice import choose_models
from tests.helpers import labels_of, message

IMAGES = [f"{number:02}.png" for number in range(24)]
CLASSES = 5
MODELS = "dbca"


def drawn(seed: int, models: str = MODELS, keep: bool = False) -> tuple[Candidates, LabelSets, Golden]:
    rng = np.random.default_rng(seed)
    original = labels_of({name: [int(rng.integers(CLASSES))] for name in IMAGES if rng.random() < 0.9})
    rows = original.find(IMAGES)
    given = {}
    for model in models:
        held = np.flatnonzero(rng.random(len(IMAGES)) < 0.9)
        scores = rng.normal(size=(len(IMAGES), CLASSES))
        scores[rows >= 0, original.indices[rows[rows >= 0]]] += rng.uniform(1, 4, int((rows >= 0).sum()))
        given[model] = Predictions.from_scores(scores[held], [IMAGES[row] for row in held])
    candidates = propose(given, original, per_image=4.5, keep_agreed=keep, ignore_unknown=True)
    asked = [(name, c) for name in [*IMAGES, "elsewhere.png"] for c in range(CLASSES) if rng.random() < 0.5]
    questions = Questions.from_columns([name for name, _ in asked], np.array([c for _, c in asked]))
    return candidates, original, Golden(questions, rng.random(len(asked)) < 0.4)


def slow(candidates: Candidates, golden: Golden, models: tuple[str, ...], keep: bool) -> ModelSubset:
    """What some models reach, by the definition: sets of pairs, image by image."""
    proposals, questions = candidates.proposals, candidates.proposals.questions
    by_image: dict[str, dict[str, dict[int, int]]] = {}
    for row, question in enumerate(proposals.question_ids.tolist()):
        image = questions.images[questions.image_ids[question]]
        sources = by_image.setdefault(image, {})
        sources.setdefault(proposals.sources[proposals.source_ids[row]], {})[int(questions.class_ids[question])] = int(
            proposals.ranks[row]
        )
    kept = {image: {candidates.set_aside[image][0]} for image in candidates.set_aside.images}
    asked: dict[str, set[int]] = {}
    for image, sources in by_image.items():
        original = set(sources.get("original", {}))
        firsts = {c for model in models for c, rank in sources.get(model, {}).items() if rank == 1}
        if keep or not original or firsts - original:
            asked[image] = original | {c for model in models for c in sources.get(model, {})}
        kept[image] = original | asked.get(image, set())
    judged = dict(zip(pairs_of(golden.questions), golden.valid.tolist(), strict=True))
    on_golden = {image for image, _ in judged}
    proposed = {(image, c) for image, classes in kept.items() for c in classes}
    hits = sum(valid and pair in proposed for pair, valid in judged.items())
    return ModelSubset(
        models=models,
        recall=Proportion(hits, sum(valid for (image, _), valid in judged.items() if image in kept)),
        precision=Proportion(hits, sum(pair in proposed for pair in judged)),
        unjudged=sum(pair not in judged and pair[0] in on_golden for pair in proposed),
        proposals=sum(map(len, asked.values())),
        images=len(asked),
    )


def pairs_of(questions: Questions) -> list[tuple[str, int]]:
    return [(questions.images[i], c) for i, c in zip(questions.image_ids, questions.class_ids.tolist(), strict=True)]


def subsets(models: str) -> list[tuple[str, ...]]:
    return [each for size in range(1, len(models) + 1) for each in combinations(sorted(models), size)]


@given(st.integers(0, 2**32 - 1), st.booleans(), st.floats(0.05, 1))
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore:.* agrees with the original labels")
def test_every_subset_is_measured_as_by_brute_force(seed: int, keep: bool, share: float) -> None:
    candidates, _, golden = drawn(seed, keep=keep)
    every = {models: slow(candidates, golden, models, keep) for models in subsets(MODELS)}
    most = max(subset.recall.hits for subset in every.values())
    if not most:
        return
    wanted = share * most / every[("a",)].recall.n
    choice = choose_models(candidates, golden, recall=wanted)
    reach = [subset for subset in every.values() if subset.recall.hits >= wanted * subset.recall.n - 1e-9]
    fewest = min(subset.proposals for subset in reach)
    assert choice.chosen == every[choice.chosen.models]
    assert choice.chosen in reach
    assert choice.chosen.proposals == fewest
    assert choice.chosen.recall.hits == max(s.recall.hits for s in reach if s.proposals == fewest)
    assert choice.all_models == every[tuple(sorted(MODELS))]
    assert (choice.subsets, choice.search) == (15, "exhaustive")
    assert [(s.proposals, s.recall.hits) for s in choice.frontier] == frontier(list(every.values()))
    assert all(subset == every[subset.models] for subset in choice.frontier)
    valid = {pair for pair, is_valid in zip(pairs_of(golden.questions), golden.valid, strict=True) if is_valid}
    held = {*candidates.proposals.questions.images, *candidates.set_aside.images}
    proposed = {*pairs_of(candidates.proposals.questions)}
    proposed |= {(image, candidates.set_aside[image][0]) for image in candidates.set_aside.images}
    assert choice.never_proposed == sum(pair[0] in held and pair not in proposed for pair in valid)
    assert choice.left_out == sum(image not in held for image in golden.questions.images)
    made = candidates.of_models(choice.chosen.models)
    assert (len(made), len(made.questions.images)) == (choice.chosen.proposals, choice.chosen.images)
    assert set(made.sources) - {"original"} <= set(choice.chosen.models)


def frontier(every: list[ModelSubset]) -> list[tuple[int, int]]:
    best: list[tuple[int, int]] = []
    for proposals, hits in sorted({(s.proposals, s.recall.hits) for s in every}, key=lambda each: (each[0], -each[1])):
        if not best or hits > best[-1][1]:
            best.append((proposals, hits))
    return best


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore:.* agrees with the original labels")
def test_a_greedy_search_says_what_it_is_and_measures_as_well(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        candidates, _, golden = drawn(seed)
        patch.setattr(subset_search, "MOST_EXHAUSTIVE", 3)
        every = slow(candidates, golden, tuple(sorted(MODELS)), False)
        if not every.recall.hits:
            return
        choice = choose_models(candidates, golden, recall=every.recall.hits / every.recall.n)
    assert (choice.search, choice.subsets) == ("greedy", len(MODELS))
    assert choice.chosen.recall.hits == every.recall.hits
    for subset in (choice.chosen, choice.all_models, *choice.frontier):
        assert subset == slow(candidates, golden, subset.models, False)


def test_a_model_that_adds_nothing_is_dropped_by_either_search(monkeypatch: pytest.MonkeyPatch) -> None:
    images = ["a.png", "b.png", "c.png"]
    models = {"good": [1, 2, 3], "noisy": [3, 3, 0], "same": [1, 2, 3]}
    candidates = propose(
        {name: Predictions.from_ids(ids, images) for name, ids in models.items()},
        labels_of({image: [0] for image in images}),
        per_image=4,
    )
    golden = Golden(Questions.from_columns(images, np.array([1, 2, 3])), np.ones(3, bool))
    assert choose_models(candidates, golden, recall=1).chosen.models == ("good",)
    monkeypatch.setattr(subset_search, "MOST_EXHAUSTIVE", 1)
    assert choose_models(candidates, golden, recall=1).chosen.models == ("same",)


def test_the_choice_is_measured_on_images_on_which_it_was_not_made() -> None:
    """Each of many models is right on one image alone: chosen on the others, none helps."""
    images = [f"{number}.png" for number in range(6)]
    models = {f"m{number}": [int(number == row) for row in range(6)] for number in range(6)}
    candidates = propose(
        {name: Predictions.from_ids(ids, images) for name, ids in models.items()},
        labels_of({image: [0] for image in images}),
        per_image=4,
    )
    golden = Golden(Questions.from_columns(images, np.ones(6, int)), np.ones(6, bool))
    choice = choose_models(candidates, golden, recall=1)
    assert choice.chosen.recall == Proportion(6, 6)
    assert choice.held_out is not None
    assert (choice.held_out.recall, choice.held_out.folds) == (Proportion(0, 6), 6)
    assert choice.held_out.recall_interval == wilson(0, 6)  # where the bootstrap of none has no width
    assert (choice.held_out.short, choice.held_out.same) == (0, 0)
    assert choice.held_out.precision_interval is None


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
@pytest.mark.filterwarnings("ignore:.* agrees with the original labels")
def test_the_order_of_golden_pairs_means_nothing(seed: int) -> None:
    candidates, _, golden = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(golden))
    pairs = [pairs_of(golden.questions)[row] for row in order]
    other = Golden(
        Questions.from_columns([name for name, _ in pairs], np.array([c for _, c in pairs])), golden.valid[order]
    )
    first, second = (choose_models(candidates, each, recall=0.01).to_json() for each in (golden, other))
    assert first == second


def test_how_many_replicates_are_drawn_at_once_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, _, golden = drawn(7)
    interval = choose_models(candidates, golden, recall=0.01).held_out.recall_interval
    monkeypatch.setattr("reassess.proposals.choice._AT_ONCE", 70)
    assert choose_models(candidates, golden, recall=0.01).held_out.recall_interval == interval
    assert interval[0] < interval[1]


def test_one_golden_image_is_too_few_for_folds() -> None:
    candidates = propose({"one": Predictions.from_ids([1], ["a.png"])}, labels_of({"a.png": [0]}))
    golden = Golden(Questions.from_columns(["a.png"], np.array([1])), np.array([True]))
    assert choose_models(candidates, golden).held_out is None


def made(models: dict[str, list[int]]) -> Candidates:
    images = ["a.png", "b.png"]
    return propose(
        {name: Predictions.from_ids(ids, images) for name, ids in models.items()}, labels_of({i: [0] for i in images})
    )


def golden_of(image: str, class_id: int, valid: bool = True) -> Golden:
    return Golden(Questions.from_columns([image, "z.png"], np.array([class_id, 1])), np.array([valid, True]))


@pytest.mark.parametrize(
    ("candidates", "golden", "recall", "expected"),
    [
        (
            made({"one": [1, 0]}),
            golden_of("y.png", 1),
            1,
            "no golden image is among those that the models hold\n  found:   2 golden images\n"
            "  to mend: check that all files name the images alike, or run the models on the golden images",
        ),
        (
            made({"one": [1, 0]}),
            golden_of("a.png", 1, valid=False),
            1,
            "no golden pair on the models' images is valid\n  found:   1 pairs that are not valid\n"
            "  to mend: without a valid pair there is no recall: judge more pairs",
        ),
        (
            made({"one": [1, 0]}),
            golden_of("a.png", 2),
            0.5,
            "the proposals of all models do not reach this recall\n  allowed: up to 0.0000\n  found:   0.5\n"
            "  to mend: ask for less, or for more proposals an image: 1 of 1 golden labels were proposed by no model",
        ),
        (
            made({"one": [0, 0]}),
            golden_of("a.png", 0),
            1,
            "no model proposes anything: all images are set aside\n  to mend: keep agreed images",
        ),
        (
            made({"one": [1, 0]}),
            golden_of("a.png", 1),
            0,
            "recall out of range\n  allowed: above 0, to 1\n  found:   0",
        ),
    ],
)
def test_what_cannot_be_chosen_is_refused(candidates: Any, golden: Golden, recall: float, expected: str) -> None:
    assert message(choose_models, candidates, golden, recall=recall) == expected
