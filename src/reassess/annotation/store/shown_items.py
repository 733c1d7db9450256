"""The classes of a campaign: as raters are shown them, and as files of votes need them."""

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import func, select, update

from reassess.annotation.plan import ExamplePicture
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign, changing
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import classes, examples, images, questions, tasks
from reassess.core.classes import Classes

__all__ = [
    "ShownClass",
    "StoredImage",
    "classes_of",
    "find_example",
    "find_image",
    "golden_truths",
    "image_addresses",
    "keep_hash",
    "mark_of",
    "shown_classes",
]


@dataclass(frozen=True)
class ShownClass:
    """A class as raters are shown it.

    Parameters
    ----------
    id
        The class id.
    name
        Its name, of a synset (a class with a wnid) the first word; what files call it, if it has none.
    definition
        What it is, in words; None if that is not known.
    synonyms
        Other names, of a synset its other words first.
    examples
        Addresses of pictures.
    """

    id: int
    name: str
    definition: str | None
    synonyms: tuple[str, ...]
    examples: tuple[str, ...]


def shown_classes(campaign: Campaign) -> list[ShownClass]:
    """All classes of a campaign, by id."""
    with reading(campaign.engine) as connection:
        pictures: dict[int, list[str]] = {}
        found = select(examples.c.class_id, examples.c.address).order_by(examples.c.id)
        for row in connection.execute(found):
            pictures.setdefault(row.class_id, []).append(row.address)
        rows = connection.execute(select(classes).order_by(classes.c.id)).all()
    shown = []
    for row in rows:
        words = (row.name or row.wnid or str(row.id)).split(", ") if row.wnid else [row.name or str(row.id)]
        shown.append(
            ShownClass(
                id=row.id,
                name=words[0],
                definition=row.definition,
                synonyms=(*words[1:], *row.synonyms),
                examples=tuple(pictures.get(row.id, ())),
            )
        )
    return shown


def classes_of(campaign: Campaign) -> Classes:
    """The list of classes in which a campaign was made; of a list that is not known, ids alone."""
    with reading(campaign.engine) as connection:
        count, ranked = connection.execute(select(schema.campaign.c.classes, schema.campaign.c.ranked)).one()
        rows = connection.execute(select(classes).order_by(classes.c.id)).all()
    if count is None:
        return Classes()
    return Classes(
        count,
        names=tuple(row.name for row in rows) if rows and rows[0].name is not None else (),
        wnids=tuple(row.wnid for row in rows) if rows and rows[0].wnid is not None else (),
        synonyms=tuple(tuple(row.synonyms) for row in rows) if any(row.synonyms for row in rows) else (),
        has_local_ids=ranked,
        definitions=tuple(row.definition or "" for row in rows) if any(row.definition for row in rows) else (),
    )


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
