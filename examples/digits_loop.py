"""The whole loop on handwritten digits: models, proposals, tasks, raters, scores, label sets, evaluation, a report.

Everything is made in the folder `digits-loop`. Replace steps 1 and 4 for your own images: your images, their original
labels and your models' outputs come in at step 1, and what people answer at step 4. All else are commands.

The raters here are simulated. Each of 12 says no where yes is right, and yes where no is, in 2 to 12 % of the votes;
each of 3 experts in 1 %. What is right is the label of the data set. A digit that the models take for another one with
a mean probability of at least 0.3 is called ambiguous: a simulated rater calls the other one right too, half of the
time.
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
WRONG_LABELS = 0.05  # of the original labels, changed at random so that there is something to find
RATERS, VOTES, LEAST_ERROR, MOST_ERROR = 12, 5, 0.02, 0.12
EXPERTS, EXPERT_ERROR, GOLDEN_IMAGES = 3, 0.01, 100
AMBIGUOUS, TAKEN_FOR_IT = 0.3, 0.5
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
    """Run a command as in a terminal."""
    print(f"\n$ reassess {command}", flush=True)
    code = main(shlex.split(command))
    if code:
        sys.exit(code)


def write(path: Path, headings: str, rows: Iterable[Iterable[object]]) -> None:
    """Write a table."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([headings.split(","), *rows])


# 1. Images, original labels, and what five different models say of each image that they did not see in training.
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

files, said = [], np.zeros((len(truth), len(NAMES)))
for name, (model, method) in MODELS.items():
    scores = cross_val_predict(model, pixels, original, cv=5, method=method)
    files.append(f"{FOLDER / name}.npz")
    np.savez(files[-1], scores=scores.astype(np.float32), names=images)
    said += scores if method == "predict_proba" else np.eye(len(NAMES))[scores.argmax(axis=1)]
said /= len(MODELS)
given = " ".join(files)

# 2. Which classes of which images are worth a question?
reassess(f"propose {given} --benchmark {BENCHMARK} --per-image 4 -o {FOLDER}/candidates.csv --force")

# 3. What does a rater see at once, and how long will it take?
# The raters are simulated on all questions: no golden answers, such as those of an earlier run, take any away.
tasks = f"tasks {FOLDER}/candidates.csv --benchmark {BENCHMARK} --golden none --per-task 4 --seconds 3"
reassess(f"{tasks} -o {FOLDER}/tasks.jsonl --force")


# 4. People answer. Here they are simulated; yours write a table with the columns image, class, rater and answer.
def looks_right(image: str, class_id: int) -> bool:
    """What a simulated rater without errors would say."""
    if class_id == truth[row_of[image]]:
        return True
    return is_ambiguous(image, class_id) and bool(rng.random() < TAKEN_FOR_IT)


def is_ambiguous(image: str, class_id: int) -> bool:
    """Whether the models take a digit for this other one."""
    row = row_of[image]
    return bool(class_id != truth[row] and said[row, class_id] >= AMBIGUOUS)


def answers(questions: Questions, people: dict[str, float], votes: int) -> Iterator[tuple[object, ...]]:
    """So many votes of different people on each question, wrong as often as each of them is."""
    for image_id, class_id in zip(questions.image_ids.tolist(), questions.class_ids.tolist(), strict=True):
        image = questions.images[image_id]
        for person in rng.choice(list(people), votes, replace=False).tolist():
            is_yes = looks_right(image, class_id) != (rng.random() < people[person])
            yield image, NAMES[class_id], person, "yes" if is_yes else "no"


def people(kind: str, count: int, least: float, most: float) -> dict[str, float]:
    """People, each with a share of wrong votes."""
    return {f"{kind} {number}": float(rng.uniform(least, most)) for number in range(1, count + 1)}


raters, experts = (
    people("rater", RATERS, LEAST_ERROR, MOST_ERROR),
    people("expert", EXPERTS, EXPERT_ERROR, EXPERT_ERROR),
)
classes = read_classes(BENCHMARK / "classes.txt")
asked = read_tasks(FOLDER / "tasks.jsonl", classes).questions
pairs = [(asked.images[i], c) for i, c in zip(asked.image_ids.tolist(), asked.class_ids.tolist(), strict=True)]
ambiguous = [pair for pair in pairs if is_ambiguous(*pair)]
print(
    f"\nThe raters are simulated by the labels of the data set: {RATERS} raters, each wrong in "
    f"{100 * LEAST_ERROR:.0f} to {100 * MOST_ERROR:.0f} % of the votes,\n"
    f"and {EXPERTS} experts, each wrong in {100 * EXPERT_ERROR:.0f} %. "
    f"Ambiguity is simulated too: {len(ambiguous)} questions are about another digit than\n"
    f"the label, to which the models give {AMBIGUOUS} or more. "
    f"Before errors, they are answered yes in {100 * TAKEN_FOR_IT:.0f} % of the votes."
)
chosen = rng.choice(asked.images, GOLDEN_IMAGES, replace=False).tolist()
every = Questions.from_columns(np.repeat(chosen, 10).tolist(), np.tile(np.arange(10), GOLDEN_IMAGES), classes)
judged = list(answers(every, experts, EXPERTS))  # all classes of some images, also those that nobody proposed
proposed = {(image, NAMES[class_id]) for image, class_id in pairs}
write(BENCHMARK / "votes.csv", "image,class,rater,answer", answers(asked, raters, VOTES))
write(BENCHMARK / "golden.csv", "image,class,rater,answer", (vote for vote in judged if vote[:2] in proposed))
write(FOLDER / "judged.csv", "image,class,rater,answer", judged)

# 5. Which of the models would have been enough?
reassess(f"propose {given} --benchmark {BENCHMARK} --per-image 4 --choose recall=0.95 --golden {FOLDER}/judged.csv")

# 6. Votes become scores, scores label sets; digits that were set aside keep their original label.
reassess(f"aggregate --benchmark {BENCHMARK} -o {BENCHMARK}/scores.csv --force")
reassess(f"labels --benchmark {BENCHMARK} --threshold 0.5 -o {BENCHMARK}/labels.csv --force")

# 7. How good are the models by these labels, and by the original ones?
reassess(f"evaluate {given} --benchmark {BENCHMARK}")
reassess(f"report {given} --benchmark {BENCHMARK} -o {FOLDER}/report.html --force")

labels = read_labels(BENCHMARK / "labels.csv", classes=classes)
changed = [image for image, true, first in zip(images, truth, original, strict=True) if true != first]
corrected = sum(labels[image] == (int(truth[row_of[image]]),) for image in changed)
print(f"\nOf {len(changed)} original labels that were changed, {corrected} are corrected.")

# 8. Digits that the models take for two, and with them the raters that were simulated from the models.
several = [row for row, image in enumerate(images) if len(labels[image] or ()) > 1]
both = sum(class_id in (labels[image] or ()) for image, class_id in ambiguous)
print(f"Of {len(ambiguous)} questions that were made ambiguous, {both} are labels by the simulated raters.")
print(f"{len(several)} digits have several labels. Those on which the models differ most:")
for row in sorted(several, key=lambda row: float(said[row].max()))[:3]:
    called = " or ".join(NAMES[class_id] for class_id in labels[images[row]] or ())
    print(f"\n{images[row]}: {called}; labelled {NAMES[truth[row]]} in the data set")
    for line in digits.images[row].astype(int):
        print("".join(2 * SHADES[min(grey, 15) * len(SHADES) // 16] for grey in line))
