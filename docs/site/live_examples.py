"""Live examples for the site, with drawn shapes: a report of two simulated models, and the rating page."""

import json
import shutil
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader

from reassess import Classes, Findings, LabelSets, Predictions, annotation, write_report
from reassess.annotation.demo import CLASSES

N_IMAGES, N_TASKS, N_SHAPES = 120, 12, 5
STATIC = Path(annotation.__file__).parent / "app" / "static"


def write_live_examples(folder: Path) -> None:
    """Write the pages report.html and rating/index.html into a folder."""
    images = folder / "rating" / "images"
    images.mkdir(parents=True)
    class_ids = annotation.write_demo_images(images, N_IMAGES)
    write_example_report(folder / "report.html", class_ids, images)
    for path in sorted(images.iterdir())[N_TASKS:]:
        path.unlink()
    write_rating_page(folder / "rating")


def write_example_report(path: Path, class_ids: list[set[int]], images: Path) -> None:
    """Write a report of two simulated models; one image in ten has a wrong original label."""
    rng = np.random.default_rng(0)
    names = [f"{number:03}.png" for number in range(len(class_ids))]
    classes = Classes(N_SHAPES, names=CLASSES.names[:N_SHAPES])
    labels = LabelSets.from_lists(names, [sorted(ids) for ids in class_ids], classes, name="shapes")

    def draw(shares_of_wrong: float) -> list[int]:
        """Draw a shape of each image, and sometimes any shape."""
        is_wrong = rng.random(len(names)) < shares_of_wrong
        return [
            int(rng.integers(N_SHAPES) if w else rng.choice(sorted(s)))
            for w, s in zip(is_wrong, class_ids, strict=True)
        ]

    original = LabelSets.from_lists(names, [[class_id] for class_id in draw(0.1)], classes)
    models = {
        f"model {name}": Predictions.from_ids(draw(share), images=names) for name, share in (("A", 0.1), ("B", 0.25))
    }
    findings = Findings.from_predictions(models, labels, original=original)
    write_report(path, findings, title="Example: two simulated models on drawn shapes", images=images, max_mistakes=8)


def write_rating_page(folder: Path) -> None:
    """Write the rating page of the package; a script in the page takes the place of the server."""
    shutil.copytree(STATIC, folder / "static")
    tasks = [
        {
            "task": number,
            "image": f"images/{number:03}.png",
            "practice": False,
            "number": number,
            "rows": [
                {"question": number * N_SHAPES + class_id, "class": class_id, "answer": None, "revision": 0}
                for class_id in range(N_SHAPES)
            ],
        }
        for number in range(N_TASKS)
    ]
    classes = [
        {
            "id": i,
            "name": name,
            "definition": CLASSES.definitions[i],
            "synonyms": CLASSES.synonyms[i],
            "examples": [],
            "path": [],
        }
        for i, name in enumerate(CLASSES.names)
    ]
    data = f"const TASKS = {json.dumps(tasks)};\nconst CLASSES = {json.dumps(classes)};\n"
    script = Path(__file__).with_name("rating_without_server.js").read_text(encoding="utf-8")
    (folder / "server.js").write_text(data + script, encoding="utf-8")
    template = Environment(loader=PackageLoader("reassess.annotation.app"), autoescape=True).get_template("rate.html")
    page = template.render(title="Answers are not stored", csrf="", person="0", practice=0, consent="", modules=[])
    page = page.replace("</head>", '<script src="server.js"></script>\n</head>').replace(
        'href="sign-in"', 'href="index.html"'
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
