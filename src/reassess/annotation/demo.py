"""A small demo campaign with drawn shapes."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from math import cos, pi, sin
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from reassess.annotation.assignment import Rules
from reassess.annotation.plan import CampaignPlan, ExampleImage
from reassess.core import KNOWN_ANSWERS, Classes, Hierarchy, Questions, Tasks, Votes
from reassess.errors import require_package

if TYPE_CHECKING:
    from PIL import Image, ImageDraw


CLASSES = Classes(  # images show the first five, and tasks ask about them; raters can suggest the others
    10,
    names=("circle", "square", "triangle", "star", "ring", "ellipse", "rectangle", "rhombus", "pentagon", "cross"),
    synonyms=(("disc",), (), (), (), ("annulus",), ("oval",), (), ("diamond",), (), ()),
    definitions=(
        "round, filled",
        "four equal sides and four right angles, filled; it may be rotated",
        "three sides, filled",
        "five points",
        "round, with a hole in it",
        "like a flattened circle",
        "four sides and four right angles, wider than high",
        "four equal sides, without right angles",
        "five sides, filled",
        "two bars that cross",
    ),
)
_N_DRAWN_CLASSES = 5
_HIERARCHY = Hierarchy(
    {
        class_id: ("shape", family, CLASSES.names[class_id])
        for family, members in {"round shape": (0, 4, 5), "shape with corners": (1, 2, 3, 6, 7, 8, 9)}.items()
        for class_id in members
    }
)
ClassIds = set[int]  # the classes of an image
_IMAGE_SIDE = 480  # pixels
_PAPER_COLORS = ("#f3ead9", "#dfe9ef", "#e8eee0", "#efe3ea")
_INK_COLORS = ("#a8402a", "#22618f", "#3f7a31", "#7a4a94", "#8f6a14")
_N_GOLDEN_IMAGES, _N_PRACTICE_TASKS = 8, 2  # golden images, and how many of them are for practice


def write_demo_images(folder: Path, n_images: int) -> list[ClassIds]:
    """Draw images with one to three shapes each, write them into a folder, and return the classes of each image."""
    rng = Random(0)
    class_ids_by_image = [set(rng.sample(range(_N_DRAWN_CLASSES), rng.randint(1, 3))) for _ in range(n_images)]
    for number, class_ids in enumerate(class_ids_by_image):
        _draw_image(sorted(class_ids), rng).save(folder / f"{number:03}.png")
    return class_ids_by_image


def demo_plan(class_ids_by_image: Sequence[ClassIds]) -> CampaignPlan:
    """Plan the demo campaign, given the result of `write_demo_images`.

    Each image has one task, which asks about all five shapes. The tasks of the first images are golden.
    """
    golden = _make_tasks(range(_N_GOLDEN_IMAGES))
    questions = golden.questions
    numbers = [int(questions.images[image].partition(".")[0]) for image in questions.image_ids]
    valid = [
        class_id in class_ids_by_image[number]
        for number, class_id in zip(numbers, questions.class_ids.tolist(), strict=True)
    ]
    experts = Votes.from_columns(
        questions,
        np.arange(len(questions)),
        np.zeros(len(questions), int),
        np.where(valid, 2, 0),
        ("demo",),
        KNOWN_ANSWERS,
    )
    return CampaignPlan(
        tasks=_make_tasks(range(_N_GOLDEN_IMAGES, len(class_ids_by_image))),
        name="Which shapes are there?",
        rules=Rules(votes_per_question=3, golden_share=0.2),
        golden_tasks=golden,
        expert_votes=experts,
        n_practice_tasks=_N_PRACTICE_TASKS,
        examples=list(_draw_examples()),
        hierarchy=_HIERARCHY,
    )


def _make_tasks(image_numbers: Sequence[int]) -> Tasks:
    size = _N_DRAWN_CLASSES
    names = [f"{number:03}.png" for number in image_numbers for _ in range(size)]
    questions = Questions.from_columns(names, np.tile(np.arange(size), len(image_numbers)), CLASSES)
    reasons = ["all of the image"] * len(image_numbers)
    return Tasks(questions, np.arange(0, size * len(image_numbers) + 1, size), np.arange(len(image_numbers)), reasons)


def _draw_examples() -> Iterator[ExampleImage]:
    """Draw an example image of each shape."""
    for class_id in range(_N_DRAWN_CLASSES):
        file = BytesIO()
        _draw_image([class_id], Random(f"example {class_id}")).resize((160, 160)).save(file, "PNG")
        yield ExampleImage(class_id, file.getvalue(), "image/png")


def _draw_image(class_ids: Sequence[int], rng: Random) -> "Image.Image":
    with require_package("pillow", extra="annotate", purpose="the demo"):
        from PIL import Image, ImageDraw
    paper = rng.choice(_PAPER_COLORS)
    image = Image.new("RGB", (_IMAGE_SIDE, _IMAGE_SIDE), paper)
    pen = ImageDraw.Draw(image)
    places = rng.sample([(x, y) for x in (0.28, 0.72) for y in (0.28, 0.72)], len(class_ids))
    for class_id, (x, y) in zip(class_ids, places, strict=True):
        _draw_shape(pen, class_id, x * _IMAGE_SIDE, y * _IMAGE_SIDE, rng.uniform(0.1, 0.18) * _IMAGE_SIDE, paper, rng)
    return image


def _draw_shape(
    pen: "ImageDraw.ImageDraw", class_id: int, x: float, y: float, size: float, paper_color: str, rng: Random
) -> None:
    ink, rotation = rng.choice(_INK_COLORS), rng.uniform(0, pi)

    def compute_corners(n_corners: int, *radii: float) -> list[tuple[float, float]]:
        """Compute the corners of a shape, at distances from its centre that cycle through `radii`."""
        angles = [rotation + 2 * pi * corner / n_corners for corner in range(n_corners)]
        return [
            (x + radii[i % len(radii)] * size * cos(angle), y + radii[i % len(radii)] * size * sin(angle))
            for i, angle in enumerate(angles)
        ]

    name = CLASSES.names[class_id]
    if name in ("circle", "ring"):
        pen.ellipse((x - size, y - size, x + size, y + size), fill=ink)
        if name == "ring":
            pen.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=paper_color)
    else:
        points = {
            "square": compute_corners(4, 1),
            "triangle": compute_corners(3, 1.1),
            "star": compute_corners(10, 1.2, 0.5),
        }
        pen.polygon(points[name], fill=ink)
