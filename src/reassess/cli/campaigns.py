"""What the commands of `reassess annotate` share: the campaign that they are called for."""

from pathlib import Path
from typing import Any

import click

from reassess.cli.inputs import FILE

__all__ = ["campaign_argument"]


class _CampaignType(click.ParamType[str | Path]):
    name = "campaign"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        return str(value) if "://" in str(value) else Path(FILE.convert(value, param, ctx))


campaign_argument = click.argument("campaign", type=_CampaignType(), metavar="CAMPAIGN")
