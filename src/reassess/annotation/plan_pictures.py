"""Pictures that show raters what a class is: of images that are in no task, small, and without metadata."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from reassess.annotation.plan import ExamplePicture
from reassess.annotation.served_pictures import CampaignImages, bare_picture, require_pillow
from reassess.core.classes import Classes
from reassess.core.image_names import Match, image_keys, join
from reassess.data.image_sources import ImageSource, open_images
from reassess.data.pictures import fault_of
from reassess.errors import DataError
from reassess.text import counted, some

__all__ = [
    "hash_images",
    "read_examples",
    "stored_names",
]

_MOST = 3  # pictures of a class
_SIDE = 320  # pixels at most
_SUFFIXES = (".jpg", ".jpeg", ".png")


def read_examples(
    folder: str | Path, classes: Classes, *, images: Collection[str], hashes: Mapping[str, str]
) -> list[ExamplePicture]:
    """Example pictures of classes.

    Parameters
    ----------
    folder
        It holds a folder for each class, called as the class is: by its name, wnid or id. Of the JPEG and PNG files in
        it, the first three in the order of their names are taken.
    classes
        The classes.
    images
        Names of the images of the campaign, golden ones too, of which none may be shown as an example.
    hashes
        SHA-256 of their files by name, as far as they are known.

    Returns
    -------
    list of ExamplePicture: as of `bare_picture`, of at most 320 pixels a side.

    Raises
    ------
    DataError
        A folder is called as no class; a picture lies in none, cannot be read, or is one of the images; or a link leads
        out of the folder.
    MissingPackageError
        Pillow is not installed.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from io import BytesIO
    >>> from PIL import Image
    >>> place = Path(mkdtemp()) / "cat"
    >>> place.mkdir()
    >>> Image.new("RGB", (640, 480)).save(place / "tom.png")
    >>> examples = read_examples(place.parent, Classes(2, names=("dog", "cat")), images=(), hashes={})
    >>> [(one.class_id, one.media_type, Image.open(BytesIO(one.picture)).size) for one in examples]
    [(1, 'image/png', (320, 240))]
    """
    require_pillow("showing example pictures")
    pictures = CampaignImages(open_images(folder))
    shown = set(image_keys(list(images))), set(hashes.values())
    return [
        _example(pictures, name, class_id, shown)
        for class_id, names in _names_by_class(pictures.source, classes).items()
        for name in names[:_MOST]
    ]


def _names_by_class(source: ImageSource, classes: Classes) -> dict[int, list[str]]:
    """The names of pictures of each class."""
    names: dict[int, list[str]] = {}
    for name in source.names:
        called, _, file = name.rpartition("/")
        if not file.lower().endswith(_SUFFIXES):
            continue
        class_id = classes.id_of(called, where=f"{source.place}/{called}")
        if class_id < 0:
            raise DataError(
                "no-class-folder",
                "example image is not in a class folder",
                where=source.place,
                allowed=f"CLASS/{file}, with the name, wnid or id of a class",
                found=name,
                fix="put it into the folder of its class, or take it away",
            )
        names.setdefault(class_id, []).append(name)
    return names


def _example(pictures: CampaignImages, name: str, class_id: int, shown: tuple[set[str], set[str]]) -> ExamplePicture:
    place, content = pictures.source.place, pictures.content(name)
    names, hashes = shown
    if image_keys([name])[0] in names or hashlib.sha256(content).hexdigest() in hashes:
        raise DataError(
            "example-is-asked",
            "example image is also an image to rate",
            where=place,
            found=name,
            fix="take a picture of an image that is neither in a task nor golden",
        )
    return ExamplePicture(class_id, *bare_picture(content, f"{place}/{name}", side=_SIDE))


def stored_names(images: ImageSource, names: Sequence[str], *, match: Match = "path") -> tuple[str, ...]:
    """What the place of some images calls each.

    Parameters
    ----------
    images
        Where they lie.
    names
        The images.
    match
        Which part of a name identifies an image.

    Raises
    ------
    DataError
        An image is not there; a name fits two.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from reassess.data.image_sources import open_images
    >>> folder = Path(mkdtemp())
    >>> (folder / "cats").mkdir()
    >>> _ = (folder / "cats" / "tom.png").write_bytes(b"a picture")
    >>> stored_names(open_images(folder), ["tom.png"], match="name")
    ('cats/tom.png',)
    """
    rows = join(names, images.names, match=match, where="the tasks", known_where=str(images.place)).tolist()
    missing = [name for name, row in zip(names, rows, strict=True) if row < 0]
    if missing:
        raise DataError(
            "missing-images",
            "images of the campaign are missing",
            where=images.place,
            found=f"without {counted(len(missing), 'image')}: {some(missing, most=3)}",
            fix="put them there, or give the folder, zip or tar that holds all of them",
        )
    return tuple(images.names[row] for row in rows)


def hash_images(
    images: ImageSource, names: Sequence[str], *, progress: Callable[[str, int, int], None] | None = None
) -> dict[str, str]:
    """SHA-256 of image files, in hexadecimal, by name, if all of them begin as pictures do.

    Parameters
    ----------
    images
        Where they lie.
    names
        As the place calls them, see `stored_names`.
    progress
        Is told what is done, how many images are, and how many there are.

    Raises
    ------
    DataError
        Images cannot be read, are no pictures of a known format, damaged as far as `CampaignImages.digest` tells, or
        too large; or a link leads out of the folder.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from reassess.data.image_sources import open_images
    >>> folder = Path(mkdtemp())
    >>> from PIL import Image
    >>> Image.new("1", (1, 1)).save(folder / "tom.bmp")
    >>> hash_images(open_images(folder), ["tom.bmp"])["tom.bmp"][:12]
    '36f84398b6c3'
    """
    files = CampaignImages(images)
    hashes, faults = {}, []
    for done, name in enumerate(names, 1):
        try:
            hashes[name] = files.digest(name)
        except DataError as error:
            faults.append(f"{name}: {fault_of(error, 0)}")
        if progress is not None:
            progress("hashing images", done, len(names))
    if faults:
        raise DataError(
            "unreadable-images",
            "images of the campaign cannot be shown",
            where=images.place,
            found=f"{counted(len(faults), 'image')}: {some(faults, most=3)}",
            fix="replace their files; or leave them out of the tasks and the golden questions",
        )
    return hashes
