"""Images of a plan: their names in the image folder, their hashes, and examples of classes."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from reassess.annotation.plan import ExampleImage
from reassess.annotation.served_images import CampaignImages, require_pillow
from reassess.core import Classes, Match
from reassess.core.image_names import image_keys, match_images
from reassess.data import ImageSource, open_images
from reassess.data.image_copies import strip_metadata
from reassess.data.image_decoding import describe_image_error
from reassess.errors import DataError, Fix
from reassess.text import count_noun, join_first

_MAX_EXAMPLES = 3  # per class
_MAX_SIDE = 320  # pixels, at most
_EXAMPLE_SUFFIXES = (".jpg", ".jpeg", ".png")


def read_example_images(
    folder: str | Path, classes: Classes, *, images: Collection[str], hashes: Mapping[str, str]
) -> list[ExampleImage]:
    """Read example images from a folder with one folder per class.

    The examples of a class are its first three PNG or JPEG files, scaled down to at most 320 pixels per side, without
    metadata. `DataError` if a folder is not a class, or a file is one of the `images` of the campaign, by name or hash.
    """
    require_pillow("example images")
    files = CampaignImages(open_images(folder))
    campaign_names, campaign_hashes = set(image_keys(list(images))), set(hashes.values())
    return [
        _read_example(files, name, class_id, campaign_names, campaign_hashes)
        for class_id, names in _group_names_by_class(files.source, classes).items()
        for name in names[:_MAX_EXAMPLES]
    ]


def _group_names_by_class(source: ImageSource, classes: Classes) -> dict[int, list[str]]:
    """Group the names of image files by class id; the folder of a file is its class."""
    names: dict[int, list[str]] = {}
    for name in source.names:
        folder, _, file = name.rpartition("/")
        if not file.lower().endswith(_EXAMPLE_SUFFIXES):
            continue
        class_id = classes.id_of(folder, where=f"{source.source_path}/{folder}")
        if class_id < 0:
            raise DataError(
                "not-in-class-folders",
                "example image is not in a class folder",
                where=source.source_path,
                allowed=f"CLASS/{file}, with the name, wnid or id of a class",
                found=name,
                fix="move it into the folder of its class, or delete it",
            )
        names.setdefault(class_id, []).append(name)
    return names


def _read_example(
    files: CampaignImages, name: str, class_id: int, campaign_names: set[str], campaign_hashes: set[str]
) -> ExampleImage:
    place, content = files.source.source_path, files.read_file(name)
    if image_keys([name])[0] in campaign_names or hashlib.sha256(content).hexdigest() in campaign_hashes:
        raise DataError(
            "example-is-asked",
            "example image is also in the campaign",
            where=place,
            found=name,
            fix="use an image without questions",
        )
    return ExampleImage(class_id, *strip_metadata(content, f"{place}/{name}", max_side=_MAX_SIDE))


def find_stored_names(images: ImageSource, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
    """Find the names of images in a folder or archive; raise `DataError` if an image is missing."""
    rows = match_images(
        names, images.names, match=match, where="the tasks", known_where=str(images.source_path)
    ).tolist()
    missing = [name for name, row in zip(names, rows, strict=True) if row < 0]
    if missing:
        raise DataError(
            "missing-images",
            "images of the campaign are missing",
            where=images.source_path,
            found=f"{count_noun(len(missing), 'image')} missing: {join_first(missing, max_items=3)}",
            fix=Fix("add them, or give the folder, zip or tar of all images: {images}", images="PLACE"),
        )
    return tuple(images.names[row] for row in rows)


def hash_images(
    images: ImageSource, names: Sequence[str], *, report_progress: Callable[[str, int, int], object] = lambda *_: None
) -> dict[str, str]:
    """Compute the SHA-256 of image files, by name; raise `DataError` if some cannot be read."""
    files = CampaignImages(images)
    hashes, faults = {}, []
    for done, name in enumerate(names, 1):
        try:
            hashes[name] = files.hash_file(name)
        except DataError as error:
            faults.append(f"{name}: {describe_image_error(error, 0)}")
        report_progress("hashing images", done, len(names))
    if faults:
        raise DataError(
            "unreadable-image",
            "images of the campaign cannot be shown",
            where=images.source_path,
            found=f"{count_noun(len(faults), 'image')}: {join_first(faults, max_items=3)}",
            fix="replace their files, or remove them from tasks and golden questions",
        )
    return hashes
