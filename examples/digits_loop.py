"""The whole loop on handwritten digits: models, candidates, tasks, raters, scores, label sets, evaluation, report.

All files are written to the folder `digits-loop`. For your own images, replace steps 1 and 4: in step 1 use your
images, their original labels and your models' outputs, in step 4 people's answers. The other steps are commands.

The raters are simulated: 12 raters give a wrong answer in 2 to 12 % of their votes, and 3 experts in 1 %. The dataset's
labels are the truth, with one exception. If the models' mean probability of another digit is at least 0.3, the image is
ambiguous, and raters take the other digit for valid too, in half of their votes.
"""

import csv
import shlex
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from reassess import Questions, read_classes, read_labels, read_tasks
from reassess.cli import main

FOLDER = Path("digits-loop")
BENCHMARK = FOLDER / "benchmark"
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WRONG_LABELS = 0.05  # share of original labels replaced at random, so that there is something to find
RATERS, VOTES, LOWEST_ERROR, HIGHEST_ERROR = 12, 5, 0.02, 0.12
EXPERTS, EXPERT_ERROR, GOLDEN_IMAGES = 3, 0.01, 100
AMBIGUOUS, AMBIGUOUS_YES = 0.3, 0.5
SHADES = " .:-=+*#%@"
MODELS: dict[str, tuple[ClassifierMixin, str]] = {
    "logistic": (make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=500)), "predict_proba"),
    "forest": (RandomForestClassifier(60, random_state=0), "predict_proba"),
    "neighbours": (KNeighborsClassifier(7), "predict_proba"),
    "bayes": (GaussianNB(var_smoothing=1e-3), "predict_proba"),
    "svm": (SVC(C=0.05, kernel="linear"), "decision_function"),
}

rng = np.random.default_rng(0)


def reassess(command: str) -> None:
    """Print and run a command."""
    print(f"\n$ reassess {command}", flush=True)
    code = main(shlex.split(command))
    if code:
        sys.exit(code)


def write(path: Path, headings: str, rows: Iterable[Iterable[object]]) -> None:
    """Write a table."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([headings.split(","), *rows])


# 1. Images, original labels, and predictions of five models for images that they were not trained on.
digits = load_digits()
pixels, truth = digits.data, digits.target
images = [f"{number:04}.png" for number in range(len(truth))]
row_of = {image: row for row, image in enumerate(images)}
(BENCHMARK / "images").mkdir(parents=True, exist_ok=True)
for image, grey in zip(images, digits.images, strict=True):
    Image.fromarray((255 - 15 * grey).astype(np.uint8)).resize((64, 64)).save(BENCHMARK / "images" / image)
original = np.where(rng.random(len(truth)) < WRONG_LABELS, rng.integers(0, 10, len(truth)), truth)
(BENCHMARK / "classes.txt").write_text("".join(f"{name}\n" for name in NAMES))
write(BENCHMARK / "original.csv", "image,class", zip(images, np.array(NAMES)[original], strict=True))

files, probabilities = [], np.zeros((len(truth), len(NAMES)))
for name, (model, method) in MODELS.items():
    scores = cross_val_predict(model, pixels, original, cv=5, method=method)
    files.append(f"{FOLDER / name}.npz")
    np.savez(files[-1], scores=scores.astype(np.float32), names=images)
    probabilities += scores if method == "predict_proba" else np.eye(len(NAMES))[scores.argmax(axis=1)]
probabilities /= len(MODELS)
predictions = " ".join(files)

# 2. Choose which classes to ask about for each image.
reassess(f"propose {predictions} --benchmark {BENCHMARK} --per-image 4 -o {FOLDER}/candidates.csv --force")

# 3. Group the questions into tasks, and estimate the hours of work.
# --golden none keeps all questions, even if an earlier run wrote golden answers to the benchmark folder.
tasks = f"tasks {FOLDER}/candidates.csv --benchmark {BENCHMARK} --golden none --per-task 4 --seconds 3"
reassess(f"{tasks} -o {FOLDER}/tasks.jsonl --force")


# 4. Collect answers: a table with the columns image, class, rater and answer. Here people are simulated.
def looks_valid(image: str, class_id: int) -> bool:
    """Return whether a simulated rater without errors answers yes."""
    if class_id == truth[row_of[image]]:
        return True
    return is_ambiguous(image, class_id) and bool(rng.random() < AMBIGUOUS_YES)


def is_ambiguous(image: str, class_id: int) -> bool:
    """Return whether the models often confuse a digit with this other one."""
    row = row_of[image]
    return bool(class_id != truth[row] and probabilities[row, class_id] >= AMBIGUOUS)


def simulate_votes(questions: Questions, errors: dict[str, float], votes: int) -> Iterator[tuple[object, ...]]:
    """Simulate votes of different people on each question; `errors` has each person's share of wrong votes."""
    for image_id, class_id in zip(questions.image_ids.tolist(), questions.class_ids.tolist(), strict=True):
        image = questions.images[image_id]
        for person in rng.choice(list(errors), votes, replace=False).tolist():
            is_yes = looks_valid(image, class_id) != (rng.random() < errors[person])
            yield image, NAMES[class_id], person, "yes" if is_yes else "no"


def draw_errors(kind: str, count: int, lowest: float, highest: float) -> dict[str, float]:
    """Draw the share of wrong votes of each person."""
    return {f"{kind} {number}": float(rng.uniform(lowest, highest)) for number in range(1, count + 1)}


raters = draw_errors("rater", RATERS, LOWEST_ERROR, HIGHEST_ERROR)
experts = draw_errors("expert", EXPERTS, EXPERT_ERROR, EXPERT_ERROR)
classes = read_classes(BENCHMARK / "classes.txt")
questions = read_tasks(FOLDER / "tasks.jsonl", classes).questions
image_ids, class_ids = questions.image_ids.tolist(), questions.class_ids.tolist()
pairs = [(questions.images[image_id], class_id) for image_id, class_id in zip(image_ids, class_ids, strict=True)]
ambiguous = [pair for pair in pairs if is_ambiguous(*pair)]
print(
    f"\nThe raters are simulated: {RATERS} raters who are wrong in "
    f"{100 * LOWEST_ERROR:.0f} to {100 * HIGHEST_ERROR:.0f} % of their votes,\n"
    f"and {EXPERTS} experts who are wrong in {100 * EXPERT_ERROR:.0f} %. The truth is the dataset's label.\n"
    f"{len(ambiguous)} questions are ambiguous: about another digit, with a mean probability of {AMBIGUOUS} or more.\n"
    f"Their answer is yes in {100 * AMBIGUOUS_YES:.0f} % of the votes, before errors."
)
golden_images = rng.choice(questions.images, GOLDEN_IMAGES, replace=False).tolist()
all_classes = Questions.from_columns(
    np.repeat(golden_images, 10).tolist(), np.tile(np.arange(10), GOLDEN_IMAGES), classes
)
expert_votes = list(simulate_votes(all_classes, experts, EXPERTS))  # also on classes that are not candidates
candidates = {(image, NAMES[class_id]) for image, class_id in pairs}
write(BENCHMARK / "votes.csv", "image,class,rater,answer", simulate_votes(questions, raters, VOTES))
write(BENCHMARK / "golden.csv", "image,class,rater,answer", (vote for vote in expert_votes if vote[:2] in candidates))
write(FOLDER / "all-golden.csv", "image,class,rater,answer", expert_votes)

# 5. Check whether fewer models would be enough.
reassess(
    f"propose {predictions} --benchmark {BENCHMARK} --per-image 4 --choose recall=0.95 --golden {FOLDER}/all-golden.csv"
)

# 6. Compute scores from votes, and label sets from scores. Digits without questions keep their original label.
reassess(f"aggregate --benchmark {BENCHMARK} -o {BENCHMARK}/scores.csv --force")
reassess(f"labels --benchmark {BENCHMARK} --threshold 0.5 -o {BENCHMARK}/labels.csv --force")

# 7. Measure the models by these labels and by the original ones.
reassess(f"evaluate {predictions} --benchmark {BENCHMARK}")
reassess(f"report {predictions} --benchmark {BENCHMARK} -o {FOLDER}/report.html --force")

labels = read_labels(BENCHMARK / "labels.csv", classes=classes)
wrong = [image for image, true, label in zip(images, truth, original, strict=True) if true != label]
corrected = sum(labels[image] == (int(truth[row_of[image]]),) for image in wrong)
print(f"\nOf {len(wrong)} wrong original labels, {corrected} are corrected.")

# 8. Show digits with several labels, where models and simulated raters see two digits.
several = [row for row, image in enumerate(images) if len(labels[image] or ()) > 1]
both = sum(class_id in (labels[image] or ()) for image, class_id in ambiguous)
print(f"Of {len(ambiguous)} ambiguous questions, the simulated raters made {both} a label.")
print(f"{len(several)} digits have several labels. The models disagree most on these:")
for row in sorted(several, key=lambda row: float(probabilities[row].max()))[:3]:
    names = " or ".join(NAMES[class_id] for class_id in labels[images[row]] or ())
    print(f"\n{images[row]}: {names}; {NAMES[truth[row]]} in the dataset")
    for line in digits.images[row].astype(int):
        print("".join(2 * SHADES[min(grey, 15) * len(SHADES) // 16] for grey in line))
