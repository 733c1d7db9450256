"""`reassess annotate invite`: add people to a campaign, and print a sign-in link for each."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reassess import annotation
from reassess.cli.campaign_inputs import (
    ADDRESS_TYPE,
    DEFAULT_ADDRESS,
    is_on_this_computer,
    make_serve_command,
    writable_campaign_argument,
)
from reassess.cli.command_run import CommandRun, add_common_options, reject_repeated_files
from reassess.cli.help_pages import Command
from reassess.cli.options import ParsedType
from reassess.cli.screen import print_text
from reassess.errors import DataError
from reassess.text import count_noun, join_first, suggest_name

if TYPE_CHECKING:
    from reassess.annotation import Campaign, Person


_ROLES = ("rater", "expert", "owner")


def _parse_name_and_role(text: str) -> tuple[str, str | None]:
    if text.endswith("..."):
        raise click.BadParameter(f"{text} is a placeholder: give names, such as ann dora ida:expert.")
    name, separator, role = text.rpartition(":")
    if not separator:
        return text, None
    if role not in _ROLES:
        hint = suggest_name(role, _ROLES)
        raise click.BadParameter(f"{role!r} is not a role: {', '.join(_ROLES)}.{f' {hint}' if hint else ''}")
    return name, role


@click.command(
    cls=Command,
    docs="docs/annotate.md",
    examples=[
        "reassess annotate invite pets.db ann dora ida:expert",
        "reassess annotate invite pets.db kay:owner --address https://rate.example.org",
    ],
)
@writable_campaign_argument
@click.argument(
    "people",
    nargs=-1,
    required=True,
    type=ParsedType("person", _parse_name_and_role),
    metavar="NAME[:expert|:owner]...",
)
@click.option("--revoke", "revokes_links", is_flag=True, help="Revoke the links of these people.")
@click.option(
    "--address",
    type=ADDRESS_TYPE,
    default=DEFAULT_ADDRESS,
    show_default=True,
    metavar="URL",
    help="URL at which people open the pages.",
)
@add_common_options
def invite(
    run: CommandRun, campaign: str | Path, people: tuple[tuple[str, str | None], ...], revokes_links: bool, address: str
) -> None:
    """Add people, and print a sign-in link for each.

    Raters vote, experts answer golden questions, and owners manage the campaign. A link is shown only once. Anyone who
    has it can sign in as that person. With --force, people with a link get a new link, and the old link is revoked.
    """
    role_by_name = dict(people)
    reject_repeated_files(name for name, _ in people)
    now = time.time()
    with annotation.use_campaign(campaign) as opened:
        if not revokes_links:
            _add_new_people(opened, role_by_name, now, force=run.force)
        invited_people = [annotation.find_person(opened, name) for name in role_by_name]
        links: dict[str, str | None] = {}
        for person in invited_people:
            if revokes_links:
                annotation.revoke_link(opened, person.id, now)
            token = None if revokes_links else annotation.create_sign_in_token(opened, person.id, now)
            links[person.name] = token and f"{address}/sign-in#{token}"
        too_few = _describe_missing_raters(opened, invited_people)
    if not revokes_links:
        run.next_command = make_serve_command(campaign, address)
    if run.json:
        results = [{"name": person.name, "role": person.role, "link": links[person.name]} for person in invited_people]
        run.print_json("annotate", results)
        return
    for name, link in links.items():
        print_text(f"{name}: {link or 'link revoked'}")
    if not revokes_links:
        run.print_line("each link is shown once; anyone who has it can sign in as that person")
        if is_on_this_computer(address):
            run.print_line("these links work only on this computer; for other computers: --address URL")
        if too_few is not None:
            run.print_line(too_few)


def _describe_missing_raters(campaign: "Campaign", invited: Sequence["Person"]) -> str | None:
    """Tell how many more raters to invite for enough votes per question; None if there are enough."""
    n_raters = sum(
        person.role == "rater" and person.has_link and not person.is_excluded and person.stage != "failed"
        for person in annotation.list_people(campaign)
    )
    n_needed = campaign.rules.votes_per_question
    if n_raters >= n_needed or all(person.role != "rater" for person in invited):
        return None
    at_most = "up to " if campaign.rules.stop_rule else ""
    votes = f"{at_most}{count_noun(n_needed, 'vote')} per question"
    return f"{count_noun(n_raters, 'rater')} for {votes}: invite {n_needed - n_raters:,} more, or questions stay open"


def _add_new_people(campaign: "Campaign", role_by_name: Mapping[str, str | None], now: float, *, force: bool) -> None:
    """Add the new people. Without `force`, a person who already has a link is an error."""
    people_by_name = {person.name: person for person in annotation.list_people(campaign) if person.name in role_by_name}
    linked = annotation.read_invited_ids(campaign)
    if existing := [name for name, person in people_by_name.items() if person.id in linked and not force]:
        raise DataError(
            "duplicate-person",
            "person already exists",
            found=join_first(existing),
            fix="choose another name, or --force for a new link, or --revoke",
        )
    if other_roles := [
        f"{name}, {person.role}"
        for name, person in people_by_name.items()
        if role_by_name[name] not in (None, person.role)
    ]:
        raise DataError(
            "duplicate-person",
            "person already exists with another role",
            found=join_first(other_roles),
            fix="omit the role",
        )
    for role in _ROLES:
        names = [
            name
            for name, new_role in role_by_name.items()
            if (new_role or "rater") == role and name not in people_by_name
        ]
        annotation.add_people(campaign, names, role, now=now)
