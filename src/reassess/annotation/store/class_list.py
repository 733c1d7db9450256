"""The classes of a campaign: as raters are shown them, and as files of votes need them."""

from dataclasses import dataclass

from sqlalchemy import select

from reassess.annotation.store import schema
from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.database import reading
from reassess.annotation.store.schema import classes, examples
from reassess.core.classes import Classes

__all__ = ["ShownClass", "classes_of", "shown_classes"]


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
        ranked=ranked,
        definitions=tuple(row.definition or "" for row in rows) if any(row.definition for row in rows) else (),
    )
