"""The datasheet of a release: the measured numbers, and what the owner says.

The sections follow Gebru et al., "Datasheets for datasets", Communications of the ACM 64, 2021.
"""

from collections.abc import Iterator
from pathlib import Path

from reassess.release.dataset_card import DATASHEET_FILE
from reassess.release.release_words import (
    ReleaseContents,
    describe_analysis,
    describe_personal_data,
    describe_protocol,
    describe_rebuilding,
    describe_votes_per_item,
    made_by_text,
    to_list_item,
    to_one_line,
)

# The sections with answers of the owner only.
_OWNER_SECTIONS = {
    "Motivation": ("description", "creators", "funding"),
    "Collection": ("collection", "derived_from", "synthetic", "consent"),
    "Uses": ("uses", "limitations", "biases", "impact", "sensitive"),
    "Distribution and maintenance": ("license", "url", "version", "published", "citation", "maintenance"),
}


def write_datasheet(contents: ReleaseContents, folder: Path) -> None:
    """Write datasheet.md."""
    (folder / DATASHEET_FILE).write_text("\n".join(_page(contents)) + "\n", encoding="utf-8")


def _page(contents: ReleaseContents) -> Iterator[str]:
    motivation, collection, uses, distribution = _OWNER_SECTIONS
    yield from (f"# Datasheet of {to_one_line(contents.name)}", "")
    yield from (f"The numbers were measured by {made_by_text()} on the files of this release.", "")
    yield from _owner_section(contents, motivation)
    yield from ("## Composition", "", "| table | rows | contents |", "|---|---:|---|")
    yield from (f"| {table.part} | {table.n_rows:,} | {table.contents} |" for table in contents.tables)
    yield ""
    yield from _owner_section(contents, collection)
    yield from ("## Labelling", "", *_bullets(describe_protocol(contents)))
    if contents.measurements.votes is not None:
        yield f"- Votes: {describe_votes_per_item(contents.measurements.votes)}."
    if contents.machines:
        yield f"- Models that answered: {', '.join(map(str, contents.machines))}."
    yield from _bullets(describe_personal_data(contents))
    yield f"- {describe_rebuilding(contents)}"
    yield from (
        f"- Platform: {to_list_item(contents.platform)}",
        _answer(contents, "guidelines"),
        _answer(contents, "demographics"),
    )
    yield from ("", "## Measured quality", "", *_bullets(describe_analysis(contents)), "")
    yield from _owner_section(contents, uses)
    yield from _owner_section(contents, distribution)


def _bullets(sentences: list[str]) -> list[str]:
    return [f"- {sentence}" for sentence in sentences]


def _owner_section(contents: ReleaseContents, title: str) -> Iterator[str]:
    yield from (f"## {title}", "", *(_answer(contents, key) for key in _OWNER_SECTIONS[title]), "")


def _answer(contents: ReleaseContents, key: str) -> str:
    return f"- {key.replace('_', ' ').capitalize()}: {to_list_item(contents.say(key))}"
