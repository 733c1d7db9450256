"""Which picture an address stands for: an address tells nothing of the name of the image, or of its class."""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import func, select, update

from reassess.annotation.plan import ExamplePicture
from reassess.annotation.store.campaigns import Campaign, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import examples, images, questions, tasks

__all__ = [
    "StoredImage",
    "find_example",
    "find_image",
    "golden_truths",
    "image_addresses",
    "keep_hash",
    "mark_of",
]


@dataclass(frozen=True)
class StoredImage:
    """An image of a campaign.

    Parameters
    ----------
    name
        Its name.
    sha256
        Of its file; None until it has been read.
    """

    name: str
    sha256: str | None


def find_image(campaign: Campaign, address: str) -> StoredImage | None:
    """The image of an address; None if there is none."""
    with reading(campaign.engine) as connection:
        found = select(images.c.name, images.c.sha256).where(images.c.address == address)
        row = connection.execute(found).one_or_none()
    return None if row is None else StoredImage(row.name, row.sha256)


def find_example(campaign: Campaign, address: str) -> ExamplePicture | None:
    """The example picture of an address; None if there is none."""
    with reading(campaign.engine) as connection:
        row = connection.execute(select(examples).where(examples.c.address == address)).one_or_none()
    return None if row is None else ExamplePicture(row.class_id, row.picture, row.media_type)


def keep_hash(campaign: Campaign, name: str, digest: str) -> None:
    """Keep the SHA-256 of an image of which none is known: from now on the file may not change."""
    with changing(campaign) as change:
        unknown = images.c.name == name, images.c.sha256.is_(None)
        change.connection.execute(update(images).where(*unknown).values(sha256=digest))


def image_addresses(campaign: Campaign) -> dict[str, str]:
    """The name of each image by its address."""
    with reading(campaign.engine) as connection:
        found = connection.execute(select(images.c.address, images.c.name).order_by(images.c.id))
        return {row.address: row.name for row in found}


def golden_truths(campaign: Campaign) -> dict[tuple[str, int], bool]:
    """Whether each golden question is valid whose truth is known, by the address of its image and the class id."""
    known = select(images.c.address, questions.c.class_id, questions.c.truth).where(questions.c.truth.is_not(None))
    known = known.select_from(questions).join(tasks, tasks.c.id == questions.c.task)
    with reading(campaign.engine) as connection:
        rows = connection.execute(known.join(images, images.c.id == tasks.c.image))
        return {(row.address, row.class_id): bool(row.truth) for row in rows}


def mark_of(campaign: Campaign) -> str:
    """What tells a campaign from every other: it follows from the addresses of its images, which chance has drawn."""
    with reading(campaign.engine) as connection:
        address = connection.execute(select(func.min(images.c.address))).scalar_one()
    return sha256(address.encode()).hexdigest()[:16]
