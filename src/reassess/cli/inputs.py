"""The options that say what the commands read, and the reading of models' predictions."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from reassess.cli.common import Call, Range, tracked
from reassess.cli.help_pages import Choice, in_benchmark, in_reading
from reassess.cli.judges import OWN_LABELS, Judges, taken_for_imagenet
from reassess.comparison.model_names import relative_names
from reassess.core.benchmark import IMAGENET, USUAL_THRESHOLD, Benchmark, class_folder_order
from reassess.core.classes import IDS_OF_NAMES, NAMES_BESIDE_IDS, NAMES_WITHOUT_LIST
from reassess.core.image_names import MATCHES, image_keys, numbering_mistake
from reassess.core.items import Id, normal_id
from reassess.core.leaderboard import Leaderboard
from reassess.core.predictions import Predictions
from reassess.core.stop_rule import StopRule
from reassess.data.benchmark_folders import MADE_BY, open_benchmark
from reassess.data.benchmark_images import benchmark_names
from reassess.data.benchmark_settings import update_benchmark
from reassess.errors import DataError, ReassessError, at
from reassess.formats.archives import MAX_BYTES
from reassess.formats.files import exists, read_lines
from reassess.formats.predictions import names_beside, read_predictions
from reassess.formats.predictions.tables import read_image_names
from reassess.formats.predictions.unknown_names import UNKNOWN_CLASS, UnknownClass
from reassess.text import some

__all__ = [
    "FILE",
    "OUTPUT",
    "STOP",
    "ParsedType",
    "answers_option",
    "benchmark_option",
    "each_prediction",
    "family_option",
    "from_environment",
    "golden_options",
    "joining_options",
    "judge_options",
    "keep_settings",
    "match_option",
    "max_bytes_option",
    "own_file",
    "part_option",
    "prediction_options",
    "threshold_option",
    "votes_option",
]


_T = TypeVar("_T")


class _PathType(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value):
            self.fail("A path is not empty.", param, ctx)
        if "\0" in str(value):
            self.fail("A path holds no null byte.", param, ctx)
        return super().convert(value, param, ctx)


FILE = _PathType(path_type=Path)  # that is read
OUTPUT = _PathType(path_type=Path)  # that is written


class ParsedType(click.ParamType[_T]):
    """What a noun makes of a text, or refuses."""

    def __init__(self, name: str, parse: Callable[[str], _T]) -> None:
        self.name = name
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> _T:
        """The parsed value."""
        try:
            return self.parse(value)
        except DataError as error:
            self.fail(f"{value!r} is {error.what}: {error.allowed}", param, ctx)


STOP = ParsedType("stop rule", StopRule.parse)
_VARIABLE = "REASSESS_BENCHMARK"
_IF_HERE = "if the images are ImageNet's and the file is here"


def _open(context: click.Context, option: click.Parameter, source: str | None) -> Benchmark | None:
    if source is None:
        return None
    with at(_VARIABLE) if from_environment(context, option.name) else nullcontext():
        return open_benchmark(source)


def from_environment(context: click.Context, option: str | None) -> bool:
    """Whether an option has its value from an environment variable."""
    return context.get_parameter_source(option or "") is ParameterSource.ENVIRONMENT


benchmark_option = in_benchmark(
    "--benchmark",
    callback=_open,
    metavar="NAME|FOLDER",
    envvar=_VARIABLE,
    help="Where each part comes from that no option gives: imagenet, or a folder with files such as labels.csv.  "
    "[default: imagenet, if the images are ImageNet's]",
)


class _PatternType(click.ParamType[re.Pattern[str]]):
    name = "pattern"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> re.Pattern[str]:
        try:
            return re.compile(value)
        except re.error as error:
            self.fail(f"{value!r} is no regular expression: {error}.", param, ctx)


family_option = click.option(
    "--family",
    type=_PatternType(),
    default=Leaderboard.family,
    metavar="PATTERN",
    help="A regular expression: what it, or its first group, finds in a model's name is the model's family.  [default: "
    "the first word]",
)


def keep_settings(benchmark: Benchmark | None, output: Path, part: str, **settings: Any) -> None:
    """Note settings in benchmark.json of a benchmark's folder, if the output is that part of the benchmark."""
    folder = None if benchmark is None else benchmark.folder
    if folder is not None and output.stem == part and output.parent.resolve() == folder.resolve():
        update_benchmark(folder, **settings)


def part_option(part: str, text: str, *, condition: str = _IF_HERE) -> Callable[..., Any]:
    """The option for a part of the benchmark: what it is, and its default for ImageNet."""
    default = f"[default: {IMAGENET.sources[part]}, {condition}]"
    return in_benchmark(f"--{part}", metavar="NAME|FILE", help=f"{text}, or none.  {default}")


def judge_options(command: Callable[..., Any], *, several: bool = False) -> Callable[..., Any]:
    """The options that say by what images and models are judged; --labels may be given several times if asked."""
    labels = f"Label sets{'; may be given several times' if several else ''}."
    default = f"[default: {IMAGENET.sources['labels']}]"
    return _with_options(
        command,
        benchmark_option,
        in_benchmark("--labels", metavar="NAME|FILE", multiple=several, help=f"{labels}  {default}"),
        part_option("original", "Original labels"),
        part_option("scores", "Scores"),
    )


max_bytes_option = in_reading(
    "--max-bytes", type=click.IntRange(1), default=MAX_BYTES, show_default=True, help="Refuse larger archives."
)


def prediction_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a model's predictions are read."""
    return _with_options(
        command,
        in_reading(
            "--names",
            "name_lists",
            multiple=True,
            metavar="[FILE=]F",
            help="The image name of each row, one a line; FILE=F for one of several files.",
        ),
        in_reading(
            "--order",
            type=Choice(["validation", "class-folder"]),
            help="The order of rows without names: of ImageNet's validation images, or of a reader of class folders.",
        ),
        in_reading(
            "--classes",
            "class_lists",
            multiple=True,
            metavar="[FILE=]F",
            help="The class of each output, one wnid or name a line; FILE=F for one of several files.",
        ),
        in_reading(
            "--unknown-class",
            type=Choice(UNKNOWN_CLASS),
            default="wrong",
            show_default=True,
            help="Predicted names that no class has: count them as wrong, stop, or leave them out.",
        ),
        max_bytes_option,
    )


match_option = in_reading(
    "--match",
    type=Choice(MATCHES),
    help="Which part of a name identifies an image, in every file; ImageNet's validation images are known by number.  "
    "[default: the benchmark's, or path]",
)


def joining_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how images are joined: `match` and `ignore_unknown`."""
    return _with_options(
        command,
        match_option,
        in_reading("--ignore-unknown", is_flag=True, help="Count images that are not known instead of stopping."),
    )


def votes_option(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option that names the raters' votes, and says what for."""
    return part_option("votes", f"Raters' votes, for {purpose}")


threshold_option = in_benchmark(
    "--threshold",
    type=Range(0, 1),
    metavar="T",
    help="The threshold at which the label sets were cut from the scores.  "
    f"[default: the benchmark's, or {USUAL_THRESHOLD}]",
)


def _split(_context: click.Context, _option: click.Parameter, given: str | None) -> tuple[Id, ...] | None:
    return None if given is None else tuple(normal_id(answer.strip()) for answer in given.split(","))


answers_option = in_reading(
    "--answers",
    callback=_split,
    metavar="A,B,...",
    help="All answers of the votes in their order; those on images and classes from what speaks least for the class to "
    "what speaks most.  [default: the benchmark's; no, maybe, yes; or numbers]",
)


def golden_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say on which golden items raters are measured, and how answers are read."""
    return _with_options(
        command,
        part_option("golden", "Experts' votes"),
        in_benchmark(
            "--rater-golden",
            metavar="NAME|FILE",
            help="The raters' votes on golden items, where they are apart.  "
            f"[default: {IMAGENET.sources['rater-golden']}, with its golden votes]",
        ),
        answers_option,
    )


def _with_options(command: Callable[..., Any], *options: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def each_prediction(
    call: Call,
    files: Sequence[Path],
    judges: Judges,
    *,
    name_lists: Sequence[str],
    class_lists: Sequence[str],
    **reading: Any,
) -> Iterator[tuple[str, Predictions]]:
    """Each file and its predictions, one file in memory at a time, as the options of `prediction_options` say.

    Several files are called by their paths without the folders that all share; in a JSON document as they were given.
    """
    given = list(map(str, files))
    names = dict(zip(files, given if call.json or len(given) == 1 else relative_names(given), strict=True))
    named = {path: own_file(str(path), given, name_lists, "--names") for path in files}
    lists = {path: own_file(str(path), given, class_lists, "--classes") for path in files}
    for path in tracked(call, files, "reading"):
        yield names[path], _load_predictions(call, path, judges, names=named[path], classes=lists[path], **reading)


def own_file(name: str, names: Sequence[str], given: Sequence[str], option: str) -> Path | None:
    """The file that an option gives for one of some names: that of this name, and else the one that is of no name.

    Parameters
    ----------
    name, names
        Which one, and all.
    given
        What the option was given: files, or a name and its file with an equals sign between them.
    option
        What it is called, for the message.
    """
    own = [text.removeprefix(f"{name}=") for text in given if text.startswith(f"{name}=")]
    of_all = [text for text in given if not text.startswith(tuple(f"{other}=" for other in names))]
    files = own or of_all
    if len(files) > 1:
        raise click.UsageError(f"{option} is given twice for {name}.")
    for text in of_all:
        if "=" in text and not exists(text):
            other = text.rpartition("=")[0]
            raise click.UsageError(f"{option} is given for {other}, which is none of {some(names)}.")
    return Path(FILE.convert(files[0], click.Option([option]), None)) if files else None


def _load_predictions(
    call: Call,
    path: Path,
    judges: Judges,
    *,
    names: Path | None,
    order: str | None,
    classes: Path | None,
    unknown_class: UnknownClass,
    max_bytes: int,
) -> Predictions:
    try:
        predictions = read_predictions(
            call.read("predictions", path),
            judges.labels.classes,
            names=None if names is None else read_lines(call.read("names", names)),
            outputs=None if classes is None else read_lines(call.read("classes", classes)),
            unknown_class=unknown_class,
            max_bytes=max_bytes,
        )
    except DataError as error:
        if error.what in (IDS_OF_NAMES, NAMES_WITHOUT_LIST) and judges.naming is not None:
            error.where = f"{error.where} and {judges.naming}"
            error.found = error.found if error.what == IDS_OF_NAMES else f"{error.found}, and ids"
            error.what = NAMES_BESIDE_IDS
        if judges.by_default:
            _refuse_other_images(path, _images_alone(path), judges)
        with taken_for_imagenet(judges.by_default):
            raise
    if judges.by_default:
        _refuse_other_images(path, predictions.images, judges)
    if names is None and predictions.images is not None and (beside := names_beside(path)) is not None:
        call.read("names", beside)
    if predictions.images is not None:
        with at(path):
            predictions = predictions.named(benchmark_names(predictions.images, judges.benchmark))
    if order is None:
        return predictions
    if predictions.images is not None:
        raise DataError("the file names its images: rows need no order", where=path, mend="leave --order out")
    images = _in_order(order, judges)
    if len(images) != len(predictions):
        raise DataError(
            f"not as many rows as the {order} order has images",
            where=path,
            allowed=f"{len(images):,} rows",
            found=f"{len(predictions):,} rows",
            mend="name the images of the rows (--names FILE)",
        )
    return predictions.named(images, detected=f"{predictions.detected}, rows in {order} order")


def _images_alone(path: Path) -> tuple[str, ...] | None:
    """The images of a table of which nothing else could be read; None of another file, or where it names none."""
    try:
        return read_image_names(path)
    except ReassessError:
        return None


def _refuse_other_images(path: Path, images: tuple[str, ...] | None, judges: Judges) -> None:
    """Refuse images of which ImageNet's label sets, by which models are judged by default, hold none."""
    if images and set(image_keys(images)).isdisjoint(image_keys(judges.labels.images)):
        raise DataError(
            "these are not ImageNet's images, and no label set was given for them",
            where=path,
            allowed=f"names such as {some(judges.labels.images, most=1)}",
            found=some(images, most=3),
            mend=numbering_mistake(images) or OWN_LABELS,
        )


def _in_order(order: str, judges: Judges) -> tuple[str, ...]:
    """The images in the order in which a file lists them without names."""
    if order == "validation":
        return IMAGENET.images
    if judges.original is None:
        raise DataError(
            "class-folder order follows from the original labels, which are not at hand",
            mend=f"reassess data fetch {IMAGENET.sources['original']}, or pass --original FILE"
            if judges.benchmark.folder is None
            else f"pass --original FILE, or {MADE_BY['original']}",
        )
    return tuple(judges.original.images[row] for row in class_folder_order(judges.original).tolist())
