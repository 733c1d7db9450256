"""The image files of a campaign as they are when it is made: each is known by its hash from then on."""

from collections.abc import Callable, Sequence

from reassess.annotation.pictures import CampaignImages
from reassess.core.image_names import Match, join
from reassess.data.image_sources import ImageSource
from reassess.data.picture_reading import fault_of
from reassess.errors import DataError
from reassess.text import counted, some

__all__ = ["hash_images", "stored_names"]


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
            "images of the campaign are not there",
            where=images.place,
            found=f"without {counted(len(missing), 'image')}: {some(missing, most=3)}",
            mend="put them there, or give the folder, zip or tar that holds all of them",
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
            "images of the campaign cannot be shown",
            where=images.place,
            found=f"{counted(len(faults), 'image')}: {some(faults, most=3)}",
            mend="replace their files; or leave them out of the tasks and the golden questions",
        )
    return hashes
