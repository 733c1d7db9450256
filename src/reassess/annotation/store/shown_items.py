"""Reading the classes and images of a campaign."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, func, select, update

from reassess.annotation.plan import ExampleImage
from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import connect_for_reading
from reassess.annotation.store.schema import classes, examples, images, questions, tasks
from reassess.annotation.store.transactions import open_transaction
from reassess.core import Classes


@dataclass(frozen=True)
class ClassInfo:
    """A class, with the texts and example images that raters see."""

    id: int
    name: str  # the first word of a WordNet class; without a name, the wnid or id
    definition: str | None
    synonyms: tuple[str, ...]  # also the other words of a WordNet class
    examples: tuple[str, ...]  # addresses of example images
    ancestor_numbers: tuple[int, ...]  # numbers of the ancestors in a hierarchy, the root first


def read_class_infos(campaign: Campaign) -> list[ClassInfo]:
    """Read the texts and examples of all classes of a campaign, sorted by id."""
    with connect_for_reading(campaign.engine) as connection:
        addresses: dict[int, list[str]] = {}
        all_examples = select(examples.c.class_id, examples.c.address).order_by(examples.c.id)
        for row in connection.execute(all_examples):
            addresses.setdefault(row.class_id, []).append(row.address)
        rows = connection.execute(select(classes).order_by(classes.c.id)).all()
    infos = []
    for row in rows:
        words = (row.name or row.wnid or str(row.id)).split(", ") if row.wnid else [row.name or str(row.id)]
        infos.append(
            ClassInfo(
                id=row.id,
                name=words[0],
                definition=row.definition,
                synonyms=(*words[1:], *row.synonyms),
                examples=tuple(addresses.get(row.id, ())),
                ancestor_numbers=tuple(row.path or ()),
            )
        )
    return infos


def read_classes(campaign: Campaign) -> Classes:
    """Read the class list of a campaign; without a list, classes have only ids."""
    with connect_for_reading(campaign.engine) as connection:
        count, has_local_ids = connection.execute(
            select(schema.campaign.c.classes, schema.campaign.c.has_local_ids)
        ).one()
        rows = connection.execute(select(classes).order_by(classes.c.id)).all()
    if count is None:
        return Classes()
    return Classes(
        count,
        names=tuple(row.name for row in rows) if rows and rows[0].name is not None else (),
        wnids=tuple(row.wnid for row in rows) if rows and rows[0].wnid is not None else (),
        synonyms=tuple(tuple(row.synonyms) for row in rows) if any(row.synonyms for row in rows) else (),
        has_local_ids=has_local_ids,
        definitions=tuple(row.definition or "" for row in rows) if any(row.definition for row in rows) else (),
    )


def find_image(campaign: Campaign, address: str) -> Row[Any] | None:
    """Find the row (`name` and `sha256`) of an image by the random address in its URL; None if unknown."""
    with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
        return connection.execute(select(images.c.name, images.c.sha256).where(images.c.address == address)).first()


def find_example_image(campaign: Campaign, address: str) -> ExampleImage | None:
    """Find an example image of a class by the random address in its URL; None if unknown."""
    with connect_for_reading(campaign.engine, is_single_statement=True) as connection:
        row = connection.execute(select(examples).where(examples.c.address == address)).one_or_none()
    return None if row is None else ExampleImage(row.class_id, row.content, row.media_type)


def save_image_hash(campaign: Campaign, name: str, digest: str) -> None:
    """Store the SHA-256 of an image, unless one is stored; from now on, the file must not change."""
    with open_transaction(campaign) as transaction:
        is_unhashed = images.c.name == name, images.c.sha256.is_(None)
        transaction.connection.execute(update(images).where(*is_unhashed).values(sha256=digest))


def read_image_names_by_address(campaign: Campaign) -> dict[str, str]:
    """Read the names of a campaign's images; keys are their random addresses in URLs."""
    with connect_for_reading(campaign.engine) as connection:
        rows = connection.execute(select(images.c.address, images.c.name).order_by(images.c.id))
        return {row.address: row.name for row in rows}


def read_golden_truths(campaign: Campaign) -> dict[tuple[str, int], bool]:
    """Read the known truths of golden questions, by image and class id."""
    with_truth = select(images.c.name, questions.c.class_id, questions.c.truth).where(questions.c.truth.is_not(None))
    with connect_for_reading(campaign.engine) as connection:
        rows = connection.execute(with_truth.select_from(questions.join(tasks).join(images)))
        return {(row.name, row.class_id): bool(row.truth) for row in rows}


def compute_campaign_fingerprint(campaign: Campaign) -> str:
    """Identify a campaign by a hash of the random name that one of its images has in URLs."""
    with connect_for_reading(campaign.engine) as connection:
        address = connection.execute(select(func.min(images.c.address))).scalar_one()
    return sha256(address.encode()).hexdigest()[:16]
