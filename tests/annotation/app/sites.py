"""Small campaigns of drawn shapes with their pages, and people who sign in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from httpx2 import Response
from PIL import Image, ImageDraw
from starlette.applications import Starlette
from starlette.testclient import TestClient

from reassess.annotation import (
    Campaign,
    CampaignPlan,
    Rules,
    TaskQuestion,
    add_person,
    create_campaign,
    create_sign_in_token,
    make_app,
    open_campaign,
)
from reassess.annotation.app.security import compute_csrf_token
from reassess.core import Classes, Questions, Tasks, Votes
from reassess.data import open_images
from tests.annotation.campaigns import YES, answer_all
from tests.helpers import WORDS

_DIFFERENT_IMAGES = 50
HOSTILE = "<img src=x onerror=alert(1)>"
CLASSES = Classes(
    6,
    names=("circle", "square", "triangle", HOSTILE, "star", "line"),
    synonyms=(("disc", "round"), (), (), ("</script><script>alert(2)</script>",), (), ()),
    definitions=("all of it is as far from the middle", "four equal sides", "", "<b>bold</b> & more", "", ""),
)


def draw_images(folder: Path, names: Sequence[str]) -> None:
    """Draw an image with a shape for each name; later images are links to earlier ones."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if number >= _DIFFERENT_IMAGES:
            path.hardlink_to(folder / names[number % _DIFFERENT_IMAGES])
            continue
        image = Image.new("RGB", (320, 240), ("#f2e9dc", "#dfe8ee", "#e6efe0")[number % 3])
        pen = ImageDraw.Draw(image)
        place = (90 + 5 * number, 50, 210 + 5 * number, 170)
        (pen.ellipse if number % 2 else pen.rectangle)(place, fill=("#a33b20", "#20639a", "#3c7a2e")[number % 3])
        image.save(path)


def shape_tasks(images: Sequence[str], sizes: Sequence[int], classes: Classes) -> Tasks:
    """Make a task on each image, with `sizes` classes."""
    image_names = [image for image, size in zip(images, sizes, strict=True) for _ in range(size)]
    class_ids = np.array([class_id for size in sizes for class_id in range(size)], int)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
    return Tasks(
        Questions.from_columns(image_names, class_ids, classes), indptr, np.arange(len(sizes)), ["all"] * len(sizes)
    )


@dataclass
class Site:
    """A campaign with its pages, and the tokens of its people by name."""

    folder: Path
    campaign: Campaign
    app: Starlette
    tokens: dict[str, str]
    now: float = 1e9
    ids: dict[str, int] = field(default_factory=dict)

    def client(self, name: str | None = None, **options: Any) -> TestClient:
        """Return a client that is signed in, and sends the CSRF token of the person's page."""
        client = TestClient(self.app, follow_redirects=False, raise_server_exceptions=False, **options)
        if name is not None:
            assert client.post("/sign-in", json={"token": self.tokens[name]}).status_code == 204
            (secret,) = client.cookies.values()
            client.headers["X-CSRF-Token"] = compute_csrf_token(secret)
        return client

    def answer_all(self, name: str, say: int | Callable[[TaskQuestion], int] = YES) -> None:
        """Answer all tasks that a person gets."""
        answer_all(self.campaign, self.ids[name], say, self.now)


def next_task(client: TestClient, held: Sequence[int] = ()) -> dict[str, Any] | None:
    """Request the next task."""
    task: dict[str, Any] | None = client.post("/next", json={"held": list(held)}).json()["task"]
    return task


def answers_to(task: dict[str, Any], answer: int = 2, revision: int = 0) -> dict[str, Any]:
    """Make a request body that answers all rows of a task."""
    rest = {"answer": answer, "revision": revision, "seconds": 1.5}
    return {"answers": [{"question": row["question"], **rest} for row in task["rows"]]}


def refusal(response: Response) -> tuple[int, str]:
    """Return the status and the error of a rejected request."""
    return response.status_code, response.json()["error"]


def make_site(
    folder: Path,
    *,
    address: str | None = None,
    sizes: Sequence[int] = (3, 2, 1),
    practice: int = 0,
    golden: int = 1,
    golden_type: str = "jpg",
    golden_size: int = 2,
    raters: Sequence[str] = ("ann", "ben"),
    name: str = f"Shapes {HOSTILE}",
    folder_name: str = "main",
    rules: Rules | None = None,
    classes: Classes = CLASSES,
    **plan: Any,
) -> Site:
    """Create a campaign of drawn shapes; golden questions with an odd class id are valid."""
    images = [f"{folder_name}/{number}.png" for number in range(len(sizes))]
    golden_images = [f"golden/{number}.{golden_type}" for number in range(practice + golden)]
    draw_images(folder / "images", [*images, *golden_images])
    golden_tasks = shape_tasks(golden_images, [golden_size] * len(golden_images), classes)
    count = len(golden_tasks.questions)
    expert_answers = np.where(np.arange(count) % 2, 2, 0)
    by = np.zeros(count, int)
    experts = Votes.from_columns(golden_tasks.questions, np.arange(count), by, expert_answers, ("expert-7",), WORDS)
    whole = CampaignPlan(
        shape_tasks(images, sizes, classes),
        name=name,
        rules=rules or Rules(votes_per_question=2, golden_share=0.0),
        golden_tasks=golden_tasks,
        expert_votes=experts,
        n_practice_tasks=practice,
        **plan,
    )
    place = address or folder / "campaign"
    create_campaign(place, whole)
    campaign = open_campaign(place)
    roles = dict.fromkeys(raters, "rater") | {"eva": "expert", "kim": "owner"}
    ids = {name: add_person(campaign, name, role) for name, role in roles.items()}
    tokens = {name: create_sign_in_token(campaign, number, 1e9) for name, number in ids.items()}
    site = Site(folder, campaign, None, tokens, ids=ids)
    site.app = make_app(campaign, open_images(folder / "images"), clock=lambda: site.now)
    return site
