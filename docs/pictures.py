"""Draw the pictures of the README and the docs from the real data: python docs/pictures.py."""

import contextlib
import doctest
import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

from reassess import read_labels, read_original_labels, top1_hits
from reassess.cli import main

matplotlib.use("agg")
import matplotlib.pyplot as plt

FOLDER = Path(__file__).parent


def what_became() -> None:
    """Draw how many original labels of the 50,000 validation images are valid."""
    labels, original = read_labels("imagenet-real"), read_original_labels("imagenet-original")
    assert labels.images == original.images  # both are in validation order
    hit, sizes = top1_hits(original.indices, labels.indptr, labels.indices), labels.sizes
    bars = {
        "The original label is the only valid class": ("#2b6cb0", hit & (sizes == 1)),
        "It is one of several valid classes": ("#6699cc", hit & (sizes > 1)),
        "Only other classes are valid": ("#d9822b", ~hit & (sizes > 0)),
        "No class is valid": ("#9aa0a8", sizes == 0),
    }
    figure, axes = plt.subplots(figsize=(8, 1.9))
    for row, (name, (colour, images)) in enumerate(bars.items()):
        count = int(images.sum())
        axes.barh(row, count, color=colour, height=0.72)
        axes.text(count + 400, row, f"{count:,}", va="center", fontsize=10)
        axes.text(-400, row, name, va="center", ha="right", fontsize=10)
    axes.set(xlim=(0, 40_000), ylim=(len(bars) - 0.5, -0.5))
    axes.axis("off")
    figure.savefig(FOLDER / "what-became.svg", bbox_inches="tight", transparent=False, metadata={"Date": None})


def curve() -> None:
    """Draw precision and recall of ReaL's scores, of single raters and of the original label."""
    output = ["-o", str(FOLDER / "curve.svg"), "--force", "--quiet"]
    drawn = main(["curve", "--benchmark", "imagenet", "--choose", "threshold=0.8", *output])
    assert drawn == 0


def stop() -> None:
    """Draw the share of ReaL's votes that stop rules take, against the share of labels that stay the same."""
    drawn = main(
        ["curve", "imagenet-real-scores", "--stop", "0.05,0.95", "-o", str(FOLDER / "stop.svg"), "--force", "--quiet"]
    )
    assert drawn == 0


def leaderboard() -> None:
    """Draw ReaL accuracy against ImageNet accuracy; timm's two tables must be in the current folder."""
    tables = ["results-imagenet.csv", "results-imagenet-real.csv"]
    drawn = main(["leaderboard", *tables, "-o", str(FOLDER / "leaderboard.svg"), "--force", "--quiet"])
    assert drawn == 0


def differences() -> None:
    """Draw differences between the three models of docs/report.md, with the code of that page."""
    code, *_ = re.findall(r"^```python\n(.*?)^```$", (FOLDER / "report.md").read_text(), re.MULTILINE | re.DOTALL)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        exec(compile(code, "report.md", "exec"), {})
        models = ["any-valid.npz", "fitted.npz", "clumsy.npz"]
        drawn = main(
            ["report", "--chart", "differences", *models, "-o", str(FOLDER / "differences.svg"), "--force", "--quiet"]
        )
    assert drawn == 0


def atlas() -> None:
    """Draw which ReaL labels other reviews confirm, with the code of docs/atlas.md; it reads imagenet-flaws."""
    blocks = re.findall(r"^```(?:python|text)\n(.*?)^```$", (FOLDER / "atlas.md").read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(None):
        for block in blocks:
            examples = doctest.DocTestParser().get_examples(block)
            code = "".join(example.source for example in examples) if examples else block
            if not block.startswith("$ "):
                exec(compile(code, "atlas.md", "exec"), names)
    states = names["states"]
    colours = {"models": "#9aa0a8", "raters": "#2b6cb0"}
    titles = {"models": "ReaL's raters did not see the image", "raters": "ReaL's raters saw the image"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), width_ratios=(3, 2), sharey=True)
    row, before = -1.0, None
    for seen, review, images, _, _, same in states.iter_rows():
        row += 1
        if seen != before:
            left.text(-300, row, titles[seen], va="center", ha="right", fontsize=10, weight="bold")
            row, before = row + 1, seen
        left.barh(row, images, color=colours[seen], height=0.72)
        left.text(images + 200, row, f"{images:,}", va="center", fontsize=10)
        left.text(-300, row, review, va="center", ha="right", fontsize=10)
        right.plot([0, 100], [row, row], color="#e3e5e8", zorder=1)
        right.scatter(100 * same, row, color="#d9822b", marker="D", s=45, zorder=2)
        right.text(104, row, f"{100 * same:.0f} %", va="center", fontsize=10)
    left.set(xlim=(0, 14_500), ylim=(row + 0.6, -0.6))
    left.set_title("images", fontsize=10, loc="left")
    right.set(xlim=(0, 120))
    right.set_title("original labels where\nthe ecologists agree with ReaL", fontsize=10, loc="left")
    for axes in (left, right):
        axes.axis("off")
    figure.savefig(FOLDER / "atlas.svg", bbox_inches="tight", transparent=False, metadata={"Date": None})


if __name__ == "__main__":
    plt.rcParams["svg.hashsalt"] = "reassess"
    plt.rcParams["font.family"] = "sans-serif"
    what_became()
    curve()
    stop()
    leaderboard()
    differences()
    atlas()
