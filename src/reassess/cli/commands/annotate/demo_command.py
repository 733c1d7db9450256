"""`reassess annotate demo`: try a small campaign with drawn shapes."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from reassess import annotation
from reassess.cli.command_run import CommandRun, add_common_options
from reassess.cli.help_pages import Command
from reassess.data import open_images

_N_DEMO_IMAGES = 24


@click.command(
    cls=Command, docs="docs/annotate.md", examples=["reassess annotate demo", "reassess annotate demo --json"]
)
@add_common_options
def demo(run: CommandRun) -> None:
    """Try a small campaign with drawn shapes.

    Prints a link for a rater, and a link for the owner, who sees the rater's progress. Ctrl-C stops the server and
    deletes the campaign.
    """
    with TemporaryDirectory() as folder_path:
        folder, now = Path(folder_path), time.time()
        (folder / "images").mkdir()
        plan = annotation.demo_plan(annotation.write_demo_images(folder / "images", _N_DEMO_IMAGES))
        annotation.create_campaign(folder / "demo.db", plan, now=now)
        with annotation.use_campaign(folder / "demo.db") as opened:
            tokens = {
                role: annotation.create_sign_in_token(opened, annotation.add_person(opened, role, role, now=now), now)
                for role in ("rater", "owner")
            }

            def print_links(address: str) -> None:
                links = {role: f"{address}sign-in#{token}" for role, token in tokens.items()}
                if run.json:
                    run.print_json("annotate", links)
                    return
                for role, link in links.items():
                    run.print_line(f"{role}: {link}")
                run.print_line("stop with Ctrl-C")

            annotation.serve(
                annotation.make_app(opened, open_images(folder / "images")), port=0, report_address=print_links
            )
