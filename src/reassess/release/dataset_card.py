"""The dataset card (README.md) for Hugging Face, and CITATION.cff."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from reassess.data.release_facts import RELEASE_FACTS
from reassess.release.croissant import CROISSANT_FILE, IMAGES_FILE
from reassess.release.release_words import (
    TODO,
    ReleaseContents,
    describe_personal_data,
    describe_protocol,
    describe_rebuilding,
    made_by_text,
    to_list_item,
    to_one_line,
)

CARD_FILE, CITATION_FILE, DATASHEET_FILE, SUMS_FILE = "README.md", "CITATION.cff", "datasheet.md", "SHA256SUMS"
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")  # JSON allows these characters in a text
_SIZES = {
    10**3: "n<1K",
    10**4: "1K<n<10K",
    10**5: "10K<n<100K",
    10**6: "100K<n<1M",
    10**7: "1M<n<10M",
    10**8: "10M<n<100M",
    10**9: "100M<n<1B",
}


def write_card(contents: ReleaseContents, folder: Path) -> None:
    """Write the dataset card, whose configurations `datasets.load_dataset` reads."""
    lines = ["---", *_front_matter(contents), "---", "", *_page(contents)]
    (folder / CARD_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_citation(contents: ReleaseContents, folder: Path) -> None:
    """Write CITATION.cff (https://citation-file-format.github.io, version 1.2.0)."""
    facts = contents.facts
    creators = facts.get("creators", [contents.say("creators")])
    entries = {
        "cff-version": "1.2.0",
        "message": "Please cite this dataset.",
        "type": "dataset",
        "title": contents.name,
        "abstract": contents.description,
        "url": facts.get("url"),
        "version": facts.get("version"),
        "date-released": facts.get("published"),
        **_citation_license(facts.get("license")),
    }
    lines = [f"{key}: {_quote(value)}" for key, value in entries.items() if value is not None]
    lines += ["authors:", *(f"  - name: {_quote(name)}" for name in creators)]
    (folder / CITATION_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _citation_license(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    return {"license-url": text} if "://" in text else {"license": text}


def _quote(text: str) -> str:
    """Return a text in YAML: as JSON, but with escapes for characters that only JSON allows."""
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _front_matter(contents: ReleaseContents) -> Iterator[str]:
    """Yield the YAML lines of the card."""
    yield f"pretty_name: {_quote(contents.name)}"
    if (text := contents.facts.get("license")) is not None:
        yield f"license: {_quote('other' if '://' in text else text.lower())}"
        if "://" in text:
            yield f"license_link: {_quote(text)}"
    yield "task_categories:"
    yield "  - image-classification"
    largest = max(table.n_rows for table in contents.tables)
    yield f"size_categories: [{json.dumps(next(text for limit, text in _SIZES.items() if largest < limit))}]"
    yield "configs:"
    for number, table in enumerate(contents.tables):
        yield f"  - config_name: {table.part}"
        yield f"    data_files: {table.parquet_name}"
        if not number:
            yield "    default: true"


def _page(contents: ReleaseContents) -> Iterator[str]:
    yield from (f"# {to_one_line(contents.name)}", "", contents.description, "")
    yield from ("| table | rows | contents |", "|---|---:|---|")
    for table in contents.tables:
        yield f"| `{table.parquet_name}`, `{table.csv_name}` | {table.n_rows:,} | {table.description} |"
    yield ""
    if contents.image_suffixes:
        yield from (f"The images are in `{IMAGES_FILE}`, with the names that the tables use.", "")
    yield (
        f"`{DATASHEET_FILE}` has the measured numbers, `{CROISSANT_FILE}` describes the tables for machines "
        f"(Croissant 1.1 with responsible-AI fields), and `{SUMS_FILE}` has the hash of each file."
    )
    yield from ("", "```python", "from datasets import load_dataset", "")
    yield from ('labels = load_dataset("path/of/this/folder", "labels", split="train")', "```", "")
    yield from ("## How the labels were made", "", *describe_protocol(contents), "")
    yield from (*describe_personal_data(contents), "", describe_rebuilding(contents), "")
    if contents.parts.votes is not None and contents.parts.scores is not None:
        yield from ("This folder is a benchmark of reassess:", "", "```shell", *_rebuild_commands(contents), "```", "")
    yield from _list_facts(contents)
    yield f"Written by {made_by_text()}."


def _rebuild_commands(contents: ReleaseContents) -> Iterator[str]:
    """Yield the commands that make scores and labels from the released votes, and compare the labels."""
    without_golden = contents.parts.golden is not None and not contents.uses_golden
    golden = " --golden none" if without_golden else ""
    original = "" if contents.fit.keeps_original else " --original none"
    yield f"reassess aggregate --benchmark .{golden} -o /tmp/scores.parquet"
    yield f"reassess labels /tmp/scores.parquet --benchmark .{original} -o /tmp/labels.parquet"
    yield "reassess labels labels.parquet /tmp/labels.parquet"


def _list_facts(contents: ReleaseContents) -> Iterator[str]:
    """Yield what the owner says, and a checklist of what is missing."""
    said = {key: value for key, value in contents.facts.items() if key not in ("description", "creators")}
    if said:
        yield from ("## From the owner", "")
        for key, value in said.items():
            yield f"- {key.replace('_', ' ')}: {to_list_item(value)}"
        yield ""
    if contents.missing_facts:
        yield from (f"## {TODO}", "")
        yield "Only the owner can say this. Write it into the block `release` of `benchmark.json`, and release again."
        yield ""
        yield from (f"- [ ] `{key}`: {RELEASE_FACTS[key].instruction}" for key in contents.missing_facts)
        yield ""
