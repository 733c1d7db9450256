"""`reassess annotate invite`: people are added to a campaign, and each gets a link."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_options import PAGES, campaign_argument, served_by
from reassess.cli.common import Call, call_options, refuse_repeated
from reassess.cli.help_pages import Choice, Command
from reassess.cli.screen import say
from reassess.errors import DataError
from reassess.text import some

if TYPE_CHECKING:
    from reassess.annotation import Campaign

__all__ = ["invite"]

_ADDRESS = "http://127.0.0.1:8000"


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate invite pets.db ann dora",
        "reassess annotate invite pets.db ida --role expert --address https://rate.example.org",
    ],
)
@campaign_argument
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--role",
    type=Choice(["rater", "expert", "owner"]),
    help="raters vote, experts answer golden questions, owners see how the campaign goes.  [default: rater]",
)
@click.option("--again", is_flag=True, help="Make a new link for people who are there; the old one ends.")
@click.option("--revoke", is_flag=True, help="End the links of people, and make none.")
@click.option(
    "--address",
    type=PAGES,
    default=_ADDRESS,
    show_default=True,
    metavar="URL",
    help="Where the pages are, as people reach them.",
)
@call_options
def invite(
    call: Call,
    campaign: str | Path,
    names: tuple[str, ...],
    role: str | None,
    again: bool,
    revoke: bool,
    address: str,
) -> None:
    """Add people, and print the link by which each enters.

    A link is shown once: the campaign keeps no more of it than its hash. Who has it enters as that person, so send it
    to nobody else. Experts whose answers were given by create are there already, and get a link too.
    """
    refuse_repeated(names)
    if again and revoke:
        raise click.UsageError("Give --again or --revoke.")
    if role is not None and (again or revoke):
        raise click.UsageError("--role is of people who are added; others keep theirs.")
    now = time.time()
    with annotation.using_campaign(campaign) as opened:
        if not (again or revoke):
            _add(opened, names, role or "rater", now)
        people = [annotation.find_person(opened, name) for name in names]
        links: dict[str, str | None] = {}
        for person in people:
            if revoke:
                annotation.revoke_link(opened, person.id, now)
            token = None if revoke else annotation.make_link(opened, person.id, now)
            links[person.name] = token and f"{address}/sign-in#{token}"
    if call.json:
        results = [{"name": person.name, "role": person.role, "link": links[person.name]} for person in people]
        call.print_document("annotate", results)
        return
    for name, link in links.items():
        say(f"{name}: {link or 'nobody enters by their link any more'}")
    if not revoke:
        call.tell("each link is shown this once: whoever has it enters as that person")
        call.tell(served_by(campaign, address))


def _add(campaign: "Campaign", names: Sequence[str], role: str, now: float) -> None:
    """Add people who are not there; those who are had no link before, such as experts whose answers were given.

    Names of others are refused before anybody is added.
    """
    known = {person.name: person for person in annotation.people_of(campaign) if person.name in names}
    linked = annotation.ever_linked(campaign)
    if there := [name for name, person in known.items() if person.id in linked]:
        raise DataError(
            "duplicate-person",
            "person already exists",
            found=some(there),
            fix="take another name; or give --again for a new link, or --revoke to end the old one",
        )
    if others := [f"{name}, {person.role}" for name, person in known.items() if person.role != role]:
        raise DataError(
            "duplicate-person",
            "person already exists, with another role",
            found=some(others),
            fix="take another name; or give their --role for a link",
        )
    annotation.add_people(campaign, [name for name in names if name not in known], role, now=now)
