"""A classifier as one more rater: its probabilities are combined with those from votes."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from reassess.aggregation import METHODS, Aggregation, aggregate, golden_truth, measure_curves
from reassess.aggregation.vote_folds import split_into_folds_by_image
from reassess.core import Classes, Predictions, Questions, Votes
from tests.helpers import RealFile, code_of

CLASSES = Classes(count=3, names=("cat", "dog", "fox"))
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
METHODS_WITH_CLASSIFIER = tuple(name for name, method in METHODS.items() if "classifier" in method.options)


def name_images(count: int) -> tuple[str, ...]:
    return tuple(f"{row:04}.png" for row in range(count))


def simulate_votes(seed: int = 0, *, images: int = 400, accuracy: float = 0.65) -> tuple[Votes, Ints]:
    """Three votes of ten raters per image, each for one class; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, images)
    raters = np.concatenate([rng.choice(10, 3, replace=False) for _ in range(images)])
    rows = np.repeat(np.arange(images), 3)
    answers = np.where(rng.random(rows.size) < accuracy, truth[rows], rng.integers(0, 3, rows.size))
    names = tuple(map(str, range(10)))
    return Votes.from_columns(name_images(images), rows, raters, answers, names, CLASSES.names, classes=CLASSES), truth


def classify(truth: Ints, *, seed: int = 1, strength: float = 2.0, certainty: float = 1.0) -> Predictions:
    """Scores of a classifier: logits with noise, which are larger for the truth."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (truth.size, 3)) + strength * np.eye(3)[truth]
    return Predictions.from_scores(certainty * strength * logits, images=name_images(truth.size))


def ask_expert(votes: Votes, truth: Ints, count: int) -> Votes:
    rows = np.arange(count)
    return Votes.from_columns(
        votes.images[:count], rows, 0 * rows, truth[rows], ("eve",), CLASSES.names, classes=CLASSES
    )


def get_probabilities(result: Aggregation, count: int) -> Floats:
    """The probability of each class of each image, shape (images, classes)."""
    questions, values = result.scores.questions, np.zeros((count, 3))
    rows = np.array([int(image[:4]) for image in questions.images])[questions.image_ids]
    values[rows, questions.class_ids] = result.scores.values
    return values


def log_loss(result: Aggregation, truth: Ints, first: int = 0) -> float:
    values = get_probabilities(result, truth.size)[np.arange(truth.size), truth][first:]
    return float(-np.log(np.maximum(values, 1e-6)).mean())


@pytest.mark.parametrize("method", [name for name in METHODS_WITH_CLASSIFIER if name != "calibrated"])
def test_classifier_lowers_log_loss_and_golden_answers_lower_it_more(method: str) -> None:
    gains, golden_gains = [], []
    for seed in range(2):
        votes, truth = simulate_votes(seed, images=200)
        predictions, experts = classify(truth, seed=seed + 10), ask_expert(votes, truth, 60)
        plain, with_golden = aggregate(votes, method), aggregate(votes, method, experts=experts)
        with_classifier = aggregate(votes, method, classifier=predictions)
        with_both = aggregate(votes, method, classifier=predictions, experts=experts)
        gains.append(log_loss(plain, truth) - log_loss(with_classifier, truth))
        golden_gains.append(log_loss(with_golden, truth, 60) - log_loss(with_both, truth, 60))
        assert with_both.facts["predicted_golden_items"] == 60
    assert min(gains) > 0.05
    assert min(golden_gains) > 0.05


def find_weights(features: list[Floats], likelihoods: Floats, center: Floats, scale: Floats) -> Floats:
    """The powers and offsets of the docstring, by loops and without gradients."""
    from scipy.optimize import minimize

    def loss(weights: Floats) -> float:
        total = float((((weights - center) / scale) ** 2).sum()) / 2
        for image in range(len(likelihoods)):
            logits = [np.exp(w) * feature[image] for w, feature in zip(weights, features, strict=False)]
            own = np.exp(sum(logits) + weights[len(features) :])
            total -= float(np.log((own / own.sum()) @ likelihoods[image]))
        return total

    options = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 20_000, "maxfev": 20_000}
    return np.asarray(minimize(loss, center, method="Nelder-Mead", options=options).x)


def test_probabilities_are_those_of_a_slow_reference() -> None:
    votes, truth = simulate_votes(images=60)
    experts, predictions = ask_expert(votes, truth, 25), classify(truth)
    plain_votes, plain_experts = replace(votes, classes=None), replace(experts, classes=None)
    logs = np.log([np.exp(row) / np.exp(row).sum() for row in np.asarray(predictions.scores)])

    def compute(known: Votes) -> tuple[Floats, Floats]:
        """The logarithm of q / p for all images, and of p."""
        result = aggregate(plain_votes, "calibrated", experts=known)
        assert result.model is not None
        return np.log(result.posterior.values / result.model.prior), np.log(result.model.prior)

    ratios, log_prior = compute(plain_experts)
    by_votes = find_weights([logs[25:]], np.exp(ratios[25:]), np.zeros(4), np.ones(4))
    center = np.array([0, by_votes[0] - np.log(2), *((by_votes[1:] + log_prior) / 2)])
    folds = split_into_folds_by_image(plain_experts, np.arange(25))
    assert folds is not None
    golden_ratios = np.zeros((25, 3))
    for rows in folds:
        golden_ratios[rows] = compute(plain_experts.without_votes_on(rows))[0][rows]
    scale = np.array([np.log(2), np.log(2), 0.5, 0.5, 0.5])
    weights = find_weights([golden_ratios, logs[:25]], np.eye(3)[truth[:25]], center, scale)
    expected = np.exp(np.exp(weights[0]) * ratios + np.exp(weights[1]) * logs + weights[2:])
    expected /= expected.sum(axis=1, keepdims=True)
    result = aggregate(votes, "calibrated", experts=experts, classifier=predictions)
    assert result.facts["vote_power"] == pytest.approx(np.exp(weights[0]), rel=1e-3)
    assert result.facts["classifier_power"] == pytest.approx(np.exp(weights[1]), rel=1e-3)
    np.testing.assert_allclose(get_probabilities(result, 60), expected, atol=1e-3)


def test_nearly_useless_classifier_changes_little() -> None:
    votes, truth = simulate_votes(images=800)
    predictions, experts = classify(truth, strength=0.3), ask_expert(votes, truth, 200)
    tempered = aggregate(votes, "em", experts=experts, tempering=True)
    combined = aggregate(votes, "em", experts=experts, classifier=predictions)
    assert log_loss(combined, truth, 200) == pytest.approx(log_loss(tempered, truth, 200), abs=0.02)


def test_certainty_of_the_classifier_does_not_matter() -> None:
    votes, truth = simulate_votes()
    first, second = (aggregate(votes, "em", classifier=classify(truth, certainty=k)) for k in (1.0, 0.5))
    np.testing.assert_allclose(get_probabilities(first, 400), get_probabilities(second, 400), atol=0.02)


def test_order_of_images_rows_and_outputs_does_not_matter() -> None:
    votes, truth = simulate_votes(images=120)
    predictions, experts = classify(truth), ask_expert(votes, truth, 40)
    result = aggregate(votes, "em", classifier=predictions, experts=experts)
    order = np.random.default_rng(0).permutation(120)
    assert predictions.scores is not None
    shuffled = Predictions.from_scores(
        np.ascontiguousarray(predictions.scores[order][:, [2, 0, 1]]),
        images=[predictions.images[row] for row in order.tolist()],
        output_class_ids=np.array([2, 0, 1]),
    )
    other = aggregate(votes.select_items(order), "em", classifier=shuffled, experts=experts)
    np.testing.assert_allclose(get_probabilities(other, 120), get_probabilities(result, 120), atol=1e-5)


def test_image_without_prediction_keeps_the_probabilities_of_votes() -> None:
    votes, truth = simulate_votes(images=200)
    predictions = classify(truth)
    assert predictions.scores is not None
    partial = Predictions.from_scores(predictions.scores[:150], images=name_images(150))
    combined, plain = aggregate(votes, "em", classifier=partial), aggregate(votes, "em")
    assert combined.facts["without_prediction"] == 50
    np.testing.assert_allclose(get_probabilities(combined, 200)[150:], get_probabilities(plain, 200)[150:], atol=1e-9)


@pytest.mark.parametrize("kind", ["sigmoid", "float16"])
def test_questions_use_the_probability_of_their_class(kind: str) -> None:
    """Several classes of an image can be valid; the classifier's outputs for them are independent."""
    rng = np.random.default_rng(3)
    valid = rng.random((300, 3)) < 0.4
    image_rows, class_ids = np.divmod(np.arange(900), 3)
    questions = Questions.from_columns([name_images(300)[row] for row in image_rows], class_ids, CLASSES)
    truth = valid[image_rows, class_ids].astype(int)
    rows = np.repeat(np.arange(900), 2)
    answers = np.where(rng.random(1800) < 0.7, truth[rows], 1 - truth[rows])
    votes = Votes.from_columns(questions, rows, np.tile([0, 1], 900), answers, ("ann", "bo"), ("no", "yes"))
    logits = rng.normal(0, 1, (300, 3)) + np.where(valid, 2.0, -2.0)
    scores = 1 / (1 + np.exp(-logits))
    predictions = Predictions.from_scores(
        scores.astype(np.float16 if kind == "float16" else np.float64), images=name_images(300)
    )
    plain = aggregate(votes, "onecoin").scores.values
    combined = aggregate(votes, "onecoin", classifier=predictions).scores.values
    assert ((combined > 0.5) != truth).mean() < 0.7 * ((plain > 0.5) != truth).mean()


def test_scores_record_the_classifier_and_cannot_be_computed_again_without_it() -> None:
    votes, truth = simulate_votes()
    experts = ask_expert(votes, truth, 50)
    scores = aggregate(votes, "em", classifier=classify(truth), experts=experts).scores
    assert scores.method == "em, classifier=true"
    golden = golden_truth(experts, scored_questions=[scores.questions])
    curve = measure_curves, "scores", scores, golden
    assert code_of(*curve, votes=votes, experts=experts, leave_out=5) == "unused-option"


def test_wrong_predictions_are_errors() -> None:
    votes, truth = simulate_votes()
    good = classify(truth)
    assert good.scores is not None
    for code, predictions in {
        "missing-scores": Predictions.from_ids(truth, images=good.images),
        "missing-image-names": Predictions.from_scores(good.scores),
        "nothing-in-common": good.with_images([f"x/{name}" for name in good.images or ()]),
        "different-classes": replace(good, scores=np.roll(good.scores, 1, axis=1)),
        "missing-classes": replace(good, output_class_ids=np.array([0, 1, -1])),
        "not-a-number": replace(good, scores=np.where(np.eye(400, 3) > 0, np.nan, good.scores)),
    }.items():
        assert code_of(aggregate, votes, "em", classifier=predictions) == code
    assert code_of(aggregate, votes, "em", classifier=good.scores) == "wrong-type"
    assert code_of(aggregate, votes, "majority", classifier=good) == "unused-option"
    experts = ask_expert(votes, truth, 50)
    assert code_of(aggregate, votes, "em", classifier=good, experts=experts, tempering=True) == "unused-option"
    assert code_of(aggregate, replace(votes, classes=None), "em", classifier=good) == "not-on-questions"


@pytest.mark.filterwarnings("ignore:em gives no item the truth")
def test_classifier_of_one_common_class_is_not_an_error() -> None:
    """If nearly all votes are for one class, agreement by chance is nearly perfect, and a classifier hardly better."""
    rows = np.arange(150)
    for n_dogs in (0, 2):
        truth = np.where(rows < n_dogs, 1, 0)
        columns = (name_images(150), np.repeat(rows, 2), np.tile([0, 1], 150), np.repeat(truth, 2), ("a", "b"))
        votes = Votes.from_columns(*columns, CLASSES.names, classes=CLASSES)
        wrong = np.where(rows == 1, 0, truth)
        scores = aggregate(votes, "em", classifier=classify(wrong, strength=5.0)).scores
        assert np.isfinite(scores.values).all()


def test_cifar_10_has_fewer_wrong_labels_with_the_classifier(real_file: RealFile) -> None:
    """Three people's votes on 5,000 images; the classifier was trained on the first person's labels."""
    votes_table = pl.read_parquet(real_file("train-votes.parquet"))
    original = pl.read_csv(real_file("train-original.csv"))
    names = tuple(sorted(original["class"].unique().to_list()))
    truth = {image: names.index(name) for image, name in original.iter_rows()}
    images = tuple(original["image"][::10].to_list())
    rows = {image: row for row, image in enumerate(images)}
    chosen = votes_table.filter(pl.col("item").is_in(images))
    raters = tuple(map(str, chosen["rater"].unique().sort().to_list()))
    votes = Votes.from_columns(
        images,
        [rows[image] for image in chosen["item"]],
        [raters.index(str(rater)) for rater in chosen["rater"]],
        [names.index(answer) for answer in chosen["answer"]],
        raters,
        names,
        classes=Classes(count=10, names=names),
    )
    held_out = np.load(real_file("heldout-first-rater.npz"))
    predictions = Predictions.from_scores(held_out["scores"], images=held_out["names"].tolist())
    golden = np.arange(0, 5000, 10)
    experts = Votes.from_columns(
        [images[row] for row in golden],
        np.arange(500),
        np.zeros(500, int),
        [truth[images[row]] for row in golden],
        ("eve",),
        names,
        classes=votes.classes,
    )

    def count_wrong(result: Aggregation) -> int:
        values, questions = result.scores.values, result.scores.questions
        order = np.lexsort((values, questions.image_ids))
        last = np.append(np.flatnonzero(np.diff(questions.image_ids[order])), order.size - 1)
        best = order[last]
        chosen_classes = zip(questions.image_ids[best].tolist(), questions.class_ids[best].tolist(), strict=True)
        return sum(truth[questions.images[image]] != class_id for image, class_id in chosen_classes)

    wrong = [
        count_wrong(aggregate(votes, "em")),
        count_wrong(aggregate(votes, "em", classifier=predictions)),
        count_wrong(aggregate(votes, "em", classifier=predictions, experts=experts)),
    ]
    assert wrong[1] <= wrong[0]
    assert wrong[2] < 0.75 * wrong[0]
