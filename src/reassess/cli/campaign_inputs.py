"""Arguments of campaign commands, and the parts of a new campaign."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import click
import numpy as np

from reassess import annotation
from reassess.aggregation import score_model_votes
from reassess.cli.campaign_samples import choose_sample_of_golden_images, select_last_batch
from reassess.cli.command_run import INPUT_PATH_TYPE, CommandRun
from reassess.cli.options import ParsedType
from reassess.cli.part_inputs import NO_SOURCE, BenchmarkPartReader, find_part
from reassess.core import (
    KNOWN_ANSWERS,
    Benchmark,
    Candidates,
    Classes,
    LabelSets,
    Questions,
    Sample,
    Scores,
    Tasks,
    Votes,
)
from reassess.data import open_images, read_votes, to_benchmark_names
from reassess.errors import DataError, add_error_place
from reassess.formats import read_candidates, read_sample, read_tasks
from reassess.formats.files import exists
from reassess.formats.task_files import TASK_SUFFIXES
from reassess.proposals import draw_golden, make_tasks
from reassess.text import count_noun, shorten

if TYPE_CHECKING:
    from reassess.annotation import Campaign
    from reassess.data import ImageSource

_Part = TypeVar("_Part", Questions, Scores, Votes | None, LabelSets | None)


@dataclass(frozen=True)
class CampaignParts:
    """The parts of a campaign, with a common class list and the image names of the benchmark."""

    benchmark: Benchmark
    tasks: Tasks
    golden_tasks: Tasks | None
    experts: Votes | None  # on golden questions
    original: LabelSets | None
    sample_tasks: Tasks | None  # all tasks of reassess sample, also of earlier batches
    model_scores: Scores | None  # from votes of models, measured on golden answers

    @property
    def images(self) -> tuple[str, ...]:
        """The names of all images that questions are about."""
        golden = () if self.golden_tasks is None else self.golden_tasks.questions.images
        return tuple(dict.fromkeys((*self.tasks.questions.images, *golden)))

    def rename_images(self, new_names: Mapping[str, str]) -> "CampaignParts":
        """Return the parts with new image names. Names that are not in `new_names` stay."""

        def with_renamed_images(part: _Part) -> _Part:
            return part if part is None else part.with_images([new_names.get(name, name) for name in part.images])

        def tasks_with_renamed_images(tasks: Tasks) -> Tasks:
            old_sample = tasks.sample
            sample = (
                None
                if old_sample is None
                else old_sample.with_images([new_names.get(name, name) for name in old_sample.images])
            )
            return replace(tasks, questions=with_renamed_images(tasks.questions), sample=sample)

        golden, sample_tasks = (
            tasks and tasks_with_renamed_images(tasks) for tasks in (self.golden_tasks, self.sample_tasks)
        )
        return replace(
            self,
            tasks=tasks_with_renamed_images(self.tasks),
            golden_tasks=golden,
            experts=with_renamed_images(self.experts),
            original=with_renamed_images(self.original),
            sample_tasks=sample_tasks,
            model_scores=self.model_scores and with_renamed_images(self.model_scores),
        )


def load_campaign_parts(
    run: CommandRun,
    benchmark: Benchmark | None,
    tasks_file: Path,
    golden_count_or_source: int | str | None,
    original_source: str | None,
    model_votes: Path | None,
    *,
    seed: int,
) -> CampaignParts:
    """Read the parts of a campaign.

    `golden_count_or_source` is a number of golden questions to draw, or a source of golden questions.
    """
    reader = BenchmarkPartReader(run, benchmark)
    source_tasks = _read_tasks_or_candidates(run.add_input("tasks", tasks_file), reader.classes)
    reader.parts["tasks"] = tasks_file, source_tasks.questions
    reader.set_benchmark_from_images(reader.images, needs_classes=True)
    reader.read_original_labels(original_source)
    samples: list[Sample] = []  # of golden images; only the first sample is used
    sample_tasks: Tasks | None = None  # from reassess sample
    # Questions of --golden are added to the answers of the benchmark, so both sources are read.
    for source in (golden_count_or_source if isinstance(golden_count_or_source, str) else None, None):
        if "golden" in reader.parts or golden_count_or_source == NO_SOURCE:
            break
        if (path := find_part(run, reader.benchmark, "golden", source)) is not None:
            golden_content = read_golden_votes_or_questions(reader, path, raise_if_contradictory=True)
            reader.parts["golden" if isinstance(golden_content, Votes) else "questions"] = path, golden_content
            samples += filter(None, [read_sample(path)])
    if model_votes is not None:
        path = run.add_input("model votes", model_votes)
        reader.parts["model votes"] = path, read_votes(path, answers=KNOWN_ANSWERS, classes=reader.classes)
    parts = reader.align_classes_and_images(must_share_images=False)
    experts = _join_expert_votes(parts, reader.files)
    if isinstance(source_tasks, Candidates):
        tasks_to_rate = make_tasks(parts["tasks"], golden=experts)
        source_tasks = replace(source_tasks, questions=parts["tasks"])
    else:
        tasks_to_rate = replace(source_tasks, questions=parts["tasks"])
        if source_tasks.sample is not None and source_tasks.sample.design is None:
            samples.insert(0, source_tasks.sample)
        elif source_tasks.sample is not None:
            drawn = source_tasks.sample
            drawn = drawn.with_images(to_benchmark_names(drawn.images, reader.benchmark))
            sample_tasks = replace(tasks_to_rate, sample=drawn, is_golden=None)
            tasks_to_rate = select_last_batch(run, tasks_file, replace(tasks_to_rate, sample=drawn))
            parts["tasks"] = tasks_to_rate.questions
        source_tasks = Candidates.from_questions(parts["tasks"])
        if golden_count_or_source == NO_SOURCE:
            tasks_to_rate = replace(tasks_to_rate, is_golden=None)
    samples = [sample.with_images(to_benchmark_names(sample.images, reader.benchmark)) for sample in samples]
    if isinstance(golden_count_or_source, int):
        if tasks_to_rate.is_golden is not None:
            raise click.UsageError(
                f"{tasks_file} has golden questions already: remove --golden {golden_count_or_source}."
            )
        samples.insert(0, draw_golden(source_tasks, golden_count_or_source, original=parts.get("original"), seed=seed))
        tasks_to_rate = tasks_to_rate.mark_sample_as_golden(samples[0])
    sample = choose_sample_of_golden_images(samples)
    is_golden = tasks_to_rate.golden_mask
    golden_tasks, tasks_to_rate = tasks_to_rate.select(is_golden), tasks_to_rate.select(~is_golden)
    if sample_tasks is not None:
        tasks_to_rate = replace(tasks_to_rate, sample=sample_tasks.sample)
    if len(golden_tasks):
        experts = add_questions_without_votes(experts, golden_tasks.questions)
    if not len(tasks_to_rate):
        raise DataError(
            "all-golden",
            "all questions are golden, so raters have no tasks",
            where=tasks_file,
            found=count_noun(len(source_tasks.questions), "golden question"),
            fix="make tasks about more images, or draw fewer golden questions",
        )
    return CampaignParts(
        benchmark=reader.benchmark,
        tasks=tasks_to_rate,
        golden_tasks=None
        if experts is None
        else _limit_golden_task_sizes(golden_tasks, tasks_to_rate, experts, sample),
        experts=experts if experts else None,
        original=parts.get("original"),
        sample_tasks=sample_tasks,
        model_scores=None
        if model_votes is None
        else _score_model_votes(model_votes, parts["model votes"], tasks_to_rate.questions, experts),
    )


def _score_model_votes(path: Path, votes: Votes, questions: Questions, experts: Votes | None) -> Scores:
    """Compute probabilities of valid, from 1 / (n + 2) to 1 - 1 / (n + 2) with n golden questions."""
    with add_error_place(path):
        scores = score_model_votes(votes, experts, questions)
    assert experts is not None  # score_model_votes needs them
    n_golden = np.count_nonzero((experts.sizes > 0) & (votes.find_positions(experts.items) >= 0))
    margin = 1 / (n_golden + 2)
    return replace(scores, values=np.clip(scores.values, margin, 1 - margin))


def _limit_golden_task_sizes(golden_tasks: Tasks, tasks_to_rate: Tasks, experts: Votes, sample: Sample | None) -> Tasks:
    """Return golden tasks that are at most as large as other tasks, so that raters do not recognise them."""
    largest = int(tasks_to_rate.sizes.max())
    is_whole = len(golden_tasks.questions) == len(experts.items) and golden_tasks.sizes.max() <= largest
    golden = golden_tasks if is_whole else make_tasks(cast("Questions", experts.items), size=largest)
    if sample is None:
        return golden
    is_golden = golden.questions.rows_of(sample.images) >= 0
    return replace(golden, sample=sample.select_rows(np.flatnonzero(is_golden)) if is_golden.any() else None)


def _read_tasks_or_candidates(path: Path, classes: Classes | None) -> Tasks | Candidates:
    return read_tasks(path, classes) if path.suffix.lower() in TASK_SUFFIXES else read_candidates(path, classes)


_MAX_GOLDEN_QUESTIONS = 10**9


def _parse_golden_count_or_source(text: str) -> int | str:
    try:
        number = float(text)
    except ValueError:
        return text
    if exists(text) and Path(text).is_file():
        return text
    if not (text.isascii() and text.isdigit() and 1 <= number <= _MAX_GOLDEN_QUESTIONS):
        raise click.BadParameter(
            f"{shorten(text, 60)} is not a whole number from 1 to {_MAX_GOLDEN_QUESTIONS:,}, or a file."
        )
    return int(text)


GOLDEN_TYPE = ParsedType("golden", _parse_golden_count_or_source)
GOLDEN_NOT_IN_TASKS_NOTE = "golden images are not in the raters' tasks: answers to golden questions decide their labels"


def read_golden_votes_or_questions(
    reader: BenchmarkPartReader, path: Path, *, raise_if_contradictory: bool = False
) -> Votes | Questions:
    """Read experts' votes from a golden file or, if the file has no answers, its golden questions.

    With `raise_if_contradictory`, two answers of an expert to one question are an error.
    """
    try:
        return read_votes(
            path,
            answers=reader.benchmark.answers,
            classes=reader.classes,
            golden=True,
            raise_if_contradictory=raise_if_contradictory,
        )
    except DataError as error:
        try:
            return read_candidates(path, reader.classes).questions
        except DataError:
            raise error from None


def _join_expert_votes(parts: Mapping[str, Any], files: Mapping[str, Path]) -> Votes | None:
    """Return the votes of `parts` on all golden questions; None if there are no golden questions."""
    experts = None
    if "golden" in parts:
        with add_error_place(files["golden"]):
            experts = _recode_as_no_maybe_yes(parts["golden"])
    if "questions" in parts:
        return add_questions_without_votes(experts, parts["questions"])
    return experts


def add_questions_without_votes(expert_votes: Votes | None, questions: Questions) -> Votes:
    """Return the experts' votes; golden questions without votes are added as items without votes."""
    none = np.zeros(0, np.int64)
    answers = KNOWN_ANSWERS if expert_votes is None else expert_votes.answers
    unanswered = Votes.from_columns(questions, none, none, none, (), answers)
    return unanswered if expert_votes is None else expert_votes.append(unanswered)


def _recode_as_no_maybe_yes(golden_votes: Votes) -> Votes:
    """Convert the answers of golden votes to no, maybe and yes; `DataError` if the items are not questions."""
    if not isinstance(golden_votes.items, Questions):
        raise DataError(
            "not-on-questions",
            "golden answers are not about (image, class) questions",
            fix="use votes with the columns image, class, rater and answer; or --golden none",
        )
    golden_votes.require_raters("a golden answer")
    return golden_votes.with_possible_answers(KNOWN_ANSWERS)


class _CampaignType(click.ParamType[str | Path]):
    name = "campaign"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        return str(value) if "://" in str(value) else Path(INPUT_PATH_TYPE.convert(value, param, ctx))


class _WritableCampaignType(_CampaignType):
    is_output = True  # so the command has --force


CAMPAIGN_TYPE = _CampaignType()
campaign_argument = click.argument("campaign", type=CAMPAIGN_TYPE, metavar="CAMPAIGN")
writable_campaign_argument = click.argument("campaign", type=_WritableCampaignType(), metavar="CAMPAIGN")


def open_campaign_images(campaign: "Campaign", images_path: str | Path | None) -> "ImageSource":
    """Open the images of a campaign; `DataError` if one is missing."""
    path = images_path or campaign.images_path
    if path is None:
        raise DataError("missing-images", "image folder of the campaign is unknown", fix="--images FOLDER")
    try:
        source = open_images(path)
    except DataError as error:
        if images_path is None:
            error.fix = "move them back, or give their new place: --images FOLDER"
        raise
    annotation.find_stored_names(source, tuple(annotation.read_image_names_by_address(campaign).values()))
    return source


_URL_SCHEMES = ("http", "https")
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
_DEFAULT_PORT = 8000  # default of `serve`
DEFAULT_ADDRESS = f"http://127.0.0.1:{_DEFAULT_PORT}"  # default of `invite`


def has_no_expert_with_link(campaign: "Campaign") -> bool:
    """Return whether no expert of a campaign has a sign-in link."""
    return not any(person.role == "expert" and person.has_link for person in annotation.list_people(campaign))


def _parse_page_address(text: str) -> str:
    if not _is_page_address(text):
        with_scheme = f"{'http' if text.startswith(_LOCAL_HOSTS) else 'https'}://{text}"
        if "://" not in text and _is_page_address(with_scheme):
            raise click.BadParameter(f"{text!r} has no scheme: write {with_scheme}.")
        raise click.BadParameter(f"{text!r} is not an address of pages, such as https://rate.example.org/rating.")
    return text.rstrip("/")


ADDRESS_TYPE = ParsedType("address", _parse_page_address)


def make_serve_command(campaign: str | Path, address: str) -> str:
    """Return the command that serves the rating pages at an address.

    An address that is not a port of this computer belongs to a proxy, and the server runs behind the proxy.

    >>> make_serve_command("pets.db", "http://127.0.0.1:9000")
    'reassess annotate serve pets.db --address 127.0.0.1:9000'
    >>> make_serve_command("pets.db", "https://rate.example.org/rating")
    'reassess annotate serve pets.db --address 127.0.0.1:8000/rating'
    """
    url = urlsplit(address)
    serve = ["reassess", "annotate", "serve", annotation.hide_password(campaign)]
    if url.scheme != "http" or url.hostname not in _LOCAL_HOSTS or url.path:
        return shlex.join([*serve, "--address", f"127.0.0.1:{_DEFAULT_PORT}{url.path or '/'}"])
    port = url.port or 80
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    is_default = port == _DEFAULT_PORT and host == "127.0.0.1"
    return shlex.join(serve if is_default else [*serve, "--address", f"{host}:{port}"])


def is_on_this_computer(address: str) -> bool:
    """Return whether an address works only on this computer."""
    return (urlsplit(address).hostname or "") in _LOCAL_HOSTS


def _is_page_address(text: str) -> bool:
    """Return whether a text is a web address without query, fragment and user name."""
    try:
        url = urlsplit(text)
        has_valid_port = url.port is None or url.port > 0
    except ValueError:  # such as an invalid port
        return False
    is_plain = text.isprintable() and not set(text) & set("?#@\\ ")
    return is_plain and has_valid_port and url.scheme in _URL_SCHEMES and bool(url.hostname)
