"""The arguments of commands for campaigns, and the parts of a campaign as files contain them."""

import shlex
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import click
import numpy as np

from reassess import annotation
from reassess.cli.call import FILE, Call
from reassess.cli.options import ParsedType
from reassess.cli.part_inputs import NONE, PartReader, find_part
from reassess.core import (
    KNOWN_ANSWERS,
    Benchmark,
    Candidates,
    Classes,
    LabelSets,
    Questions,
    Sample,
    Tasks,
    Votes,
)
from reassess.data import benchmark_names, open_images, read_votes
from reassess.errors import DataError, ReassessWarning, at
from reassess.formats import read_candidates, read_sample, read_tasks
from reassess.formats.files import exists
from reassess.formats.task_files import TASK_SUFFIXES
from reassess.proposals import draw_golden, make_tasks
from reassess.text import counted, shortened

if TYPE_CHECKING:
    from reassess.annotation import Campaign
    from reassess.data import ImageSource

_Noun = TypeVar("_Noun", Questions, Votes | None, LabelSets | None)


@dataclass(frozen=True)
class CampaignParts:
    """The parts of a campaign, with one class list and the benchmark's image names."""

    benchmark: Benchmark
    tasks: Tasks
    golden_tasks: Tasks | None
    experts: Votes | None  # on golden questions
    original: LabelSets | None

    @property
    def images(self) -> tuple[str, ...]:
        """The names of all images with questions."""
        golden = () if self.golden_tasks is None else self.golden_tasks.questions.images
        return tuple(dict.fromkeys((*self.tasks.questions.images, *golden)))

    def renamed(self, names: Mapping[str, str]) -> "CampaignParts":
        """The same parts with other names for `images`."""

        def noun(one: _Noun) -> _Noun:
            return one if one is None else one.with_images([names.get(name, name) for name in one.images])

        def tasks(one: Tasks) -> Tasks:
            drawn = one.sample
            sample = None if drawn is None else drawn.renamed([names.get(name, name) for name in drawn.images])
            return replace(one, questions=noun(one.questions), sample=sample)

        golden = None if self.golden_tasks is None else tasks(self.golden_tasks)
        experts, original = noun(self.experts), noun(self.original)
        return replace(self, tasks=tasks(self.tasks), golden_tasks=golden, experts=experts, original=original)


def load_campaign_parts(
    call: Call, benchmark: Benchmark | None, tasks: Path, golden: int | str | None, original: str | None, *, seed: int
) -> CampaignParts:
    """Read the parts of a campaign. `golden` is a number of questions to draw, or a source of golden questions."""
    reader = PartReader(call, benchmark)
    given = _read_tasks(call.read("tasks", tasks), reader.classes)
    reader.given["tasks"] = tasks, given.questions
    reader.recognize(reader.images, with_classes=True)
    reader.find_original(original)
    drawn: list[Sample] = []  # the first is used
    for source in (golden if isinstance(golden, str) else None, None):  # questions of the option add to the benchmark's
        if "golden" in reader.given or golden == NONE:
            break
        if (path := find_part(call, reader.benchmark, "golden", source)) is not None:
            found = read_golden(reader, path, once=True)
            reader.given["golden" if isinstance(found, Votes) else "questions"] = path, found
            drawn += filter(None, [read_sample(path)])
    parts = reader.joined(share_images=False)
    experts = _experts(parts, reader.files)
    if isinstance(given, Candidates):
        asked = make_tasks(parts["tasks"], golden=experts)
        given = replace(given, questions=parts["tasks"])
    else:
        asked = replace(given, questions=parts["tasks"])
        drawn[:0] = filter(None, [given.sample])
        given = Candidates.from_questions(parts["tasks"])
        if golden == NONE:
            asked = replace(asked, is_golden=None)
    drawn = [one.renamed(benchmark_names(one.images, reader.benchmark)) for one in drawn]
    if isinstance(golden, int):
        if asked.is_golden is not None:
            raise click.UsageError(f"{tasks} has golden questions already: remove --golden {golden}.")
        drawn.insert(0, draw_golden(given, golden, original=parts.get("original"), seed=seed))
        asked = asked.with_golden(drawn[0])
    if lost := {image for one in drawn[1:] for image in one.images}.difference(*(one.images for one in drawn[:1])):
        text = f"{counted(len(lost), 'image')} drawn earlier lose their probability: two draws are not one sample"
        warnings.warn(text, ReassessWarning, stacklevel=2)
    is_golden = asked.golden_rows
    marked, asked = asked.only(is_golden), asked.only(~is_golden)
    if len(marked):
        experts = with_unanswered(experts, marked.questions)
    if not len(asked):
        raise DataError(
            "all-golden",
            "no task is left for raters, since all questions are golden",
            where=tasks,
            found=counted(len(given.questions), "golden question"),
            fix="make tasks about more images, or fewer golden questions",
        )
    return CampaignParts(
        benchmark=reader.benchmark,
        tasks=asked,
        golden_tasks=None if experts is None else _golden_tasks(experts, marked, asked, drawn[0] if drawn else None),
        experts=experts if experts else None,
        original=parts.get("original"),
    )


def _golden_tasks(experts: Votes, marked: Tasks, asked: Tasks, sample: Sample | None) -> Tasks:
    """Golden tasks, no larger than the others, and their images that were drawn at random; marked tasks stay whole."""
    most = int(asked.sizes.max())
    is_whole = len(marked.questions) == len(experts.items) and marked.sizes.max() <= most
    golden = marked if is_whole else make_tasks(cast("Questions", experts.items), size=most)
    if sample is None:
        return golden
    is_golden = golden.questions.rows_of(sample.images) >= 0
    return replace(golden, sample=sample.part(np.flatnonzero(is_golden)) if is_golden.any() else None)


def _read_tasks(path: Path, classes: Classes | None) -> Tasks | Candidates:
    return read_tasks(path, classes) if path.suffix.lower() in TASK_SUFFIXES else read_candidates(path, classes)


_MOST_GOLDEN = 10**9


def _golden(text: str) -> int | str:
    try:
        number = float(text)
    except ValueError:
        return text
    if exists(text) and Path(text).is_file():
        return text
    if not (text.isascii() and text.isdigit() and 1 <= number <= _MOST_GOLDEN):
        raise click.BadParameter(f"{shortened(text, 60)} is not a whole number from 1 to {_MOST_GOLDEN:,}, or a file.")
    return int(text)


GOLDEN = ParsedType("golden", _golden)


def read_golden(reader: PartReader, path: Path, *, once: bool = False) -> Votes | Questions:
    """Read experts' votes, or golden questions without answers; `once` as for `read_votes`."""
    try:
        return read_votes(path, answers=reader.benchmark.answers, classes=reader.classes, once=once)
    except DataError as error:
        try:
            return read_candidates(path, reader.classes).questions
        except DataError:
            raise error from None


def sample_in_words(sample: Sample, questions: int) -> str:
    """How many golden questions were drawn, on how many images of each stratum."""
    strata = Counter(name for _, name in sorted(zip(-sample.probabilities, sample.strata, strict=True)))
    each = "" if len(strata) == 1 else f" ({', '.join(f'{n:,} {name}' for name, n in strata.items())})"
    return f"{counted(questions, 'question')} on {counted(len(sample), 'image')}{each}"


def _experts(parts: Mapping[str, Any], files: Mapping[str, Path]) -> Votes | None:
    """Golden questions with experts' votes, which may be missing for some; None without golden questions."""
    experts = None
    if "golden" in parts:
        with at(files["golden"]):
            experts = _on_questions(parts["golden"])
    if "questions" in parts:
        return with_unanswered(experts, parts["questions"])
    return experts


def with_unanswered(experts: Votes | None, questions: Questions) -> Votes:
    """Add golden questions without votes to experts' votes."""
    none = np.zeros(0, np.int64)
    answers = KNOWN_ANSWERS if experts is None else experts.answers
    unanswered = Votes.from_columns(questions, none, none, none, (), answers)
    return unanswered if experts is None else experts.append(unanswered)


def _on_questions(golden: Votes) -> Votes:
    """Experts' votes with the answers no, maybe and yes, without questions that have none."""
    if not isinstance(golden.items, Questions):
        raise DataError(
            "not-on-questions",
            "golden answers are not about (image, class) questions, as tasks are",
            fix="use votes with the columns image, class, rater and answer; or --golden none",
        )
    golden.require_raters("a golden answer")
    return golden.restrict(np.flatnonzero(golden.sizes)).with_answers(KNOWN_ANSWERS)


class _PlaceType(click.ParamType[str | Path]):
    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        return str(value) if "://" in str(value) else Path(FILE.convert(value, param, ctx))


class _WrittenPlaceType(_PlaceType):
    is_output = True  # so the command takes --force


PLACE = _PlaceType()
campaign_argument = click.argument("campaign", type=PLACE, metavar="CAMPAIGN")
written_campaign_argument = click.argument("campaign", type=_WrittenPlaceType(), metavar="CAMPAIGN")


def images_of(campaign: "Campaign", place: str | Path | None) -> "ImageSource":
    """Open the images of a campaign; `DataError` if one is missing."""
    where = place or campaign.images
    if where is None:
        raise DataError("missing-images", "image folder of the campaign is unknown", fix="--images FOLDER")
    try:
        source = open_images(where)
    except DataError as error:
        if place is None:
            error.fix = "move them back, or give their new place: --images FOLDER"
        raise
    annotation.stored_names(source, tuple(annotation.image_addresses(campaign).values()))
    return source


_SCHEMES = ("http", "https")
_LOCAL = ("127.0.0.1", "localhost", "::1")
_PORT = 8000  # default of `serve`
USUAL_ADDRESS = f"http://127.0.0.1:{_PORT}"  # default of `invite`


def _parsed_address(text: str) -> str:
    if not _is_address(text):
        with_scheme = f"{'http' if text.startswith(_LOCAL) else 'https'}://{text}"
        if "://" not in text and _is_address(with_scheme):
            raise click.BadParameter(f"{text!r} has no scheme: write {with_scheme}.")
        raise click.BadParameter(f"{text!r} is not an address of pages, such as https://rate.example.org/rating.")
    return text.rstrip("/")


PAGES = ParsedType("address", _parsed_address)


def serve_command_of(campaign: str | Path, address: str) -> str:
    """The command that serves the pages at an address, or behind the proxy there.

    >>> serve_command_of("pets.db", "http://127.0.0.1:9000")
    'reassess annotate serve pets.db --address 127.0.0.1:9000'
    >>> serve_command_of("pets.db", "https://rate.example.org/rating")
    'reassess annotate serve pets.db --address 127.0.0.1:8000/rating'
    """
    parts = urlsplit(address)
    serve = ["reassess", "annotate", "serve", annotation.shown_address(campaign)]
    if parts.scheme != "http" or parts.hostname not in _LOCAL or parts.path:
        return shlex.join([*serve, "--address", f"127.0.0.1:{_PORT}{parts.path or '/'}"])
    port = parts.port or 80
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port == _PORT and host == "127.0.0.1"
    return shlex.join(serve if usual else [*serve, "--address", f"{host}:{port}"])


def is_on_this_machine(address: str) -> bool:
    """Whether only browsers on this machine reach an address."""
    return (urlsplit(address).hostname or "") in _LOCAL


def _is_address(text: str) -> bool:
    """Whether a text is the address of a site or of a path of it, and nothing more."""
    try:
        parts = urlsplit(text)
        at_port = parts.port is None or parts.port > 0
    except ValueError:  # such as an invalid port
        return False
    is_plain = text.isprintable() and not set(text) & set("?#@\\ ")
    return is_plain and at_port and parts.scheme in _SCHEMES and bool(parts.hostname)
