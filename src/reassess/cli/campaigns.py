"""What the commands of `reassess annotate` share: the campaign that they are called for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reassess import annotation
from reassess.cli.inputs import FILE
from reassess.data.image_sources import open_images
from reassess.errors import DataError

if TYPE_CHECKING:
    from reassess.annotation import Campaign
    from reassess.data.image_sources import ImageSource

__all__ = ["campaign_argument", "images_of", "images_option"]


class _CampaignType(click.ParamType[str | Path]):
    name = "campaign"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        return str(value) if "://" in str(value) else Path(FILE.convert(value, param, ctx))


campaign_argument = click.argument("campaign", type=_CampaignType(), metavar="CAMPAIGN")
images_option = click.option(
    "--images",
    type=FILE,
    metavar="FOLDER|ZIP|TAR",
    help="Where the images lie now.  [default: where they lay when the campaign was made]",
)


def images_of(campaign: "Campaign", place: str | Path | None) -> "ImageSource":
    """The images of a campaign, where they lie now; `DataError` if one is not there."""
    where = place or campaign.images
    if where is None:
        raise DataError("it is not known where the images of the campaign lie", mend="give --images FOLDER")
    source = open_images(where)
    annotation.stored_names(source, tuple(annotation.image_addresses(campaign).values()))
    return source
