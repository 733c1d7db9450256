"""Pictures as raters get them: with nothing in them that tells where they are from."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from reassess.data.image_folders import FolderImages
from reassess.data.image_sources import ImageSource
from reassess.data.pictures import check_values, fault_of, open_picture, rgb
from reassess.errors import DataError, MissingPackageError, at

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["CampaignImages", "bare_picture", "require_pillow"]

_SIDE = 2048  # pixels at most
_QUALITY = 95
_ORIENTATION = 0x0112  # of EXIF data
_AS_THEY_ARE = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG keeps, of 8 bits a value at most


def require_pillow(purpose: str) -> None:
    """Raise `MissingPackageError` if Pillow is not installed, which something needs."""
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("pillow", extra="annotate", purpose=purpose) from error


@dataclass(frozen=True, eq=False)
class CampaignImages:
    """The image files of a campaign.

    Parameters
    ----------
    source
        Where they lie.
    """

    source: ImageSource

    def __post_init__(self) -> None:
        require_pillow("showing pictures")

    @cached_property
    def _row(self) -> Mapping[str, int]:
        return {name: row for row, name in enumerate(self.source.names)}

    def picture(self, name: str, digest: str | None = None) -> tuple[bytes, str, str]:
        """An image as `bare_picture` makes it, its media type, and the SHA-256 of its file."""
        content = self.content(name)
        found = sha256(content).hexdigest()
        if digest not in (None, found):
            raise DataError(
                "changed-image",
                "image has changed since the campaign was created",
                where=name,
                allowed=f"SHA-256 {digest}",
                found=f"SHA-256 {found}",
                fix="put the file back; or make a campaign of the images as they are now",
            )
        return *bare_picture(content, name), found

    def digest(self, name: str) -> str:
        """The SHA-256 of an image's file, in hexadecimal digits.

        Errors are those of `picture`, but for what decoding alone would tell: the head of the file is read, and the
        checksums of a PNG.
        """
        content = self.content(name)
        with _opened(content, name) as picture:
            check_values(picture)
            picture.verify()
        return sha256(content).hexdigest()

    def content(self, name: str) -> bytes:
        """The file of an image; `DataError` if it is not there, cannot be read, or a link leads out of the folder."""
        row = self._row.get(name)
        if row is None:
            raise DataError(
                "unknown-image",
                "unknown image",
                where=self.source.place,
                found=name,
                fix="give the folder, zip or tar that holds it",
            )
        self._refuse_link_out(row)
        file = self.source.file(row)
        if isinstance(file, BytesIO):
            return file.getvalue()
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise DataError("unreadable-image", "image cannot be read", where=file, found=error.strerror) from error

    def _refuse_link_out(self, row: int) -> None:
        """Refuse a file of which the real path is not in the folder's: of an archive, there is none."""
        files = self.source.files
        if isinstance(files, FolderImages):
            folder = os.path.realpath(files.place)
            path = os.path.realpath(files.place / files.paths[self.source.rows[row]])
            if os.path.commonpath([folder, path]) != folder:
                raise DataError(
                    "outside-folder",
                    "a link leads out of the image folder",
                    where=files.place / self.source.names[row],
                    found=path,
                    fix="put the image itself into the folder",
                )


def bare_picture(content: bytes, name: str, *, side: int = _SIDE) -> tuple[bytes, str]:
    """A picture without metadata, and its media type.

    Examples
    --------
    >>> from PIL import Image
    >>> file = BytesIO()
    >>> Image.new("RGB", (4, 3)).save(file, "JPEG", comment=b"a cat")
    >>> content, media_type = bare_picture(file.getvalue(), "cat/1.jpg")
    >>> media_type, b"a cat" in file.getvalue(), b"a cat" in content
    ('image/jpeg', True, False)
    """
    with _opened(content, name) as picture:
        return (_as_jpeg if picture.format in ("JPEG", "MPO") else _as_png)(picture, side)


@contextmanager
def _opened(content: bytes, name: str) -> "Iterator[Image.Image]":
    """A picture; whatever the block finds wrong with it is a `DataError`."""
    try:
        with at(name), open_picture(BytesIO(content)) as picture:
            yield picture
    except DataError:
        raise
    except Exception as error:
        found = fault_of(error, len(content))
        raise DataError(
            "unreadable-image", "image cannot be read", where=name, found=found, fix="replace the file"
        ) from error


def _as_jpeg(picture: "Image.Image", side: int) -> tuple[bytes, str]:
    picture.draft(None, (side, side))
    made = _made_upright(picture, side)
    # Then it is stored as it was, so that it loses next to nothing.
    is_same = made is picture and picture.format == "JPEG" and picture.mode in ("L", "RGB")
    made.info = {}
    file = BytesIO()
    if is_same:
        made.save(file, "JPEG", quality="keep")
    else:
        rgb(made).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    return file.getvalue(), "image/jpeg"


def _as_png(picture: "Image.Image", side: int) -> tuple[bytes, str]:
    made = _made_upright(picture, side)
    if made.mode not in _AS_THEY_ARE:
        made = rgb(made)
    transparency = made.info.get("transparency")
    made.info = {} if transparency is None else {"transparency": transparency}
    file = BytesIO()
    made.save(file, "PNG", compress_level=1)
    return file.getvalue(), "image/png"


def _made_upright(picture: "Image.Image", side: int) -> "Image.Image":
    """A picture turned as its EXIF data says, in sRGB, and no larger than is shown; the same one if it is all that."""
    from PIL import Image, ImageOps

    picture.load()
    try:
        is_turned = picture.getexif().get(_ORIENTATION, 1) != 1
        made = ImageOps.exif_transpose(picture) if is_turned else picture
    except Exception:  # damaged EXIF data; the picture is still one
        made = picture
    made = _in_srgb(made)
    if max(made.size) > side:
        if made.mode not in ("L", "RGB", "RGBA"):
            made = rgb(made)
        made = ImageOps.contain(made, (side, side), Image.Resampling.LANCZOS)
    return made


def _in_srgb(picture: "Image.Image") -> "Image.Image":
    """A picture in the colours that browsers take for granted, if it says that it has others."""
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return picture
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(own).lower():
            return picture
        converted = ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):  # a damaged profile; the picture is still one
        return picture
    return picture if converted is None else converted
