"""Draw the pictures of the README and the docs from the real data: python docs/pictures.py."""

import contextlib
import re
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
import polars as pl

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
        ["curve", "imagenet-real-scores", "--stop", "0.01,0.99", "-o", str(FOLDER / "stop.svg"), "--force", "--quiet"]
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
    """Draw the shares of valid original labels of docs/atlas.md, by class group, with the code of that page."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (FOLDER / "atlas.md").read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for block in blocks:
            exec(compile(block, "atlas.md", "exec"), names)
    is_wild = pl.col("wild").is_not_null()
    groups = (
        names["atlas"]
        .group_by("group")
        .agg(
            classes=pl.col("class").n_unique(),
            ReaL=100 * pl.col("real").mean(),
            ecologists=100 * pl.col("ecologists").fill_null(value=False).filter(is_wild).mean(),
        )
    )
    groups = groups.sort("ReaL", descending=True)
    figure, axes = plt.subplots(figsize=(8, 3.2))
    rows = range(groups.height)
    for row, (low, high) in enumerate(zip(groups["ReaL"], groups["ecologists"].fill_null(groups["ReaL"]), strict=True)):
        axes.plot([low, high], [row, row], color="#c9cdd3", linewidth=3, zorder=1)
    for name, colour, marker in (("ReaL", "#2b6cb0", "o"), ("ecologists", "#d9822b", "D")):
        axes.scatter(groups[name], rows, color=colour, marker=marker, s=45, label=name, zorder=2)
    axes.set_yticks(rows, [f"{group} ({n} classes)" for group, n in groups.select("group", "classes").iter_rows()])
    axes.set(xlim=(65, 95), ylim=(groups.height - 0.5, -0.5), xlabel="original labels that are valid, %")
    axes.grid(axis="x", color="#e3e5e8")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.legend(frameon=False, loc="upper left")
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
