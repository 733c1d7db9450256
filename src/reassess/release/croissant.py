"""Croissant 1.1 metadata of a release, with the responsible-AI fields, as JSON-LD.

The context is that of the specification (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html), with the
prefixes `rai` and `prov`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reassess.formats.files import sha256
from reassess.release.release_words import (
    TODO,
    ReleaseContents,
    describe_analysis,
    describe_personal_data,
    describe_protocol,
    describe_rebuilding,
    describe_votes_per_item,
)
from reassess.release.released_tables import ReleasedTable

if TYPE_CHECKING:
    import polars as pl

CROISSANT_FILE, IMAGES_FILE = "croissant.json", "images.zip"
_FORMATS = {".parquet": "application/x-parquet", ".csv": "text/csv", ".zip": "application/zip"}
_IMAGE_FORMATS = {
    **dict.fromkeys((".png", ".apng"), "image/png"),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), "image/jpeg"),
    **dict.fromkeys((".tif", ".tiff"), "image/tiff"),
    **{f".{name}": f"image/{name}" for name in ("bmp", "gif", "webp")},
}
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field"),
            *("fileProperty", "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath"),
            *("key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace"),
            *("samplingRate", "separator", "source", "subField", "transform"),
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "prov": "http://www.w3.org/ns/prov#",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
}
# Facts of the owner that have a field of their own.
_OWNER_FIELDS = {
    "collection": "rai:dataCollection",
    "demographics": "rai:annotatorDemographics",
    "biases": "rai:dataBiases",
    "limitations": "rai:dataLimitations",
    "uses": "rai:dataUseCases",
    "impact": "rai:dataSocialImpact",
    "sensitive": "rai:personalSensitiveInformation",
    "maintenance": "rai:dataReleaseMaintenancePlan",
    "synthetic": "rai:hasSyntheticData",
    "derived_from": "prov:wasDerivedFrom",
}


def write_croissant(contents: ReleaseContents, folder: Path) -> None:
    """Write croissant.json into a folder that already has the files of the release."""
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        **_dataset_properties(contents),
        **_responsible_ai_properties(contents),
        "distribution": list(_list_files(contents, folder)),
        "recordSet": [_make_record_set(table) for table in contents.tables] + list(_make_image_records(contents)),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / CROISSANT_FILE).write_text(text + "\n", encoding="utf-8")


def _dataset_properties(contents: ReleaseContents) -> dict[str, Any]:
    """Return the properties of schema.org. Those with a fixed form are missing if the owner did not give them."""
    facts = contents.facts
    creators = facts.get("creators", [contents.say("creators")])
    optional = {
        "url": facts.get("url"),
        "version": facts.get("version"),
        "datePublished": facts.get("published"),
        "citeAs": facts.get("citation"),
        "funding": facts.get("funding") and {"@type": "sc:Grant", "description": facts["funding"]},
    }
    return {
        "name": contents.name,
        "description": contents.description,
        "license": _license_address(contents.say("license")),
        "creator": [{"@type": "sc:Organization", "name": name} for name in creators],
        "keywords": ["image classification", "reassessed labels", "crowdsourcing"],
        "isLiveDataset": False,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _license_address(text: str) -> str:
    """Return the address of a licence; an SPDX id becomes its page."""
    return text if "://" in text or text.startswith(TODO) else f"https://spdx.org/licenses/{text}.html"


def _responsible_ai_properties(contents: ReleaseContents) -> dict[str, Any]:
    counts = contents.measurements.votes
    known: dict[str, Any] = {
        "rai:dataAnnotationProtocol": [*describe_protocol(contents), f"Guidelines: {contents.say('guidelines')}"],
        "rai:dataAnnotationPlatform": [contents.platform],
        "rai:dataAnnotationAnalysis": describe_analysis(contents),
        "rai:annotationsPerItem": "unknown" if counts is None else describe_votes_per_item(counts),
        "rai:machineAnnotationTools": [str(rater) for rater in contents.machines] or ["none"],
        "rai:dataManipulationProtocol": " ".join([*describe_personal_data(contents), describe_rebuilding(contents)]),
    }
    return known | {field: contents.say(key) for key, field in _OWNER_FIELDS.items()}


def _list_files(contents: ReleaseContents, folder: Path) -> Iterator[dict[str, Any]]:
    names = [name for table in contents.tables for name in (table.parquet_name, table.csv_name)]
    for name in [*names, *([IMAGES_FILE] if contents.image_suffixes else [])]:
        path = folder / name
        yield {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{path.stat().st_size} B",
            "encodingFormat": _FORMATS[path.suffix],
            "sha256": sha256(path),
        }
    if contents.image_suffixes:
        yield {
            "@type": "cr:FileSet",
            "@id": "images",
            "name": "images",
            "containedIn": {"@id": IMAGES_FILE},
            "encodingFormat": sorted({_find_image_format(suffix) for suffix in contents.image_suffixes}),
            "includes": [f"*{suffix}" for suffix in contents.image_suffixes],
        }


def _find_image_format(suffix: str) -> str:
    return _IMAGE_FORMATS.get(suffix.lower(), "application/octet-stream")


def _make_record_set(table: ReleasedTable) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.part,
        "name": table.part,
        "description": table.description,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{table.part}/{column}",
                "name": column,
                "description": table.describe_column(column),
                "dataType": find_croissant_type(dtype),
                "source": {"fileObject": {"@id": table.parquet_name}, "extract": {"column": column}},
            }
            for column, dtype in table.schema.items()
        ],
    }


def find_croissant_type(dtype: "pl.DataType") -> str:
    """Return the data type of Croissant for a column."""
    if dtype.is_float():
        return "cr:Float64"
    return "cr:Int64" if dtype.is_integer() else "sc:Text"


def _make_image_records(contents: ReleaseContents) -> Iterator[dict[str, Any]]:
    if not contents.image_suffixes:
        return
    fields = {"image": ("sc:Text", "fullpath"), "content": ("sc:ImageObject", "content")}
    yield {
        "@type": "cr:RecordSet",
        "@id": "image-files",
        "name": "image-files",
        "description": "The images, with the names that the tables use.",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"image-files/{name}",
                "name": name,
                "dataType": dtype,
                "source": {"fileSet": {"@id": "images"}, "extract": {"fileProperty": file_property}},
            }
            for name, (dtype, file_property) in fields.items()
        ],
    }
