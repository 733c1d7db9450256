"""Help pages: sections of options, examples that run, and suggestions for mistyped names."""

import shlex
import webbrowser
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import pytest

from reassess.cli import main, root_command
from reassess.cli.help_pages import COMMON_OPTIONS, Command
from reassess.core import LabelSets
from reassess.report import CHARTS
from tests.helpers import RealFile, Runner, in_one_line, leaves, message_of, picture, write_csv, write_files
from tests.proposals.machines.stub_server import reply, stub_server

_SECTIONS = ("Options:", "Benchmark:", "Reading files:", "Examples:", "Docs:")


def all_commands() -> list[tuple[str, click.Command]]:
    commands = []
    for name in root_command.list_commands(click.Context(root_command)):
        command = root_command.get_command(click.Context(root_command), name)
        commands += [(" ".join((name, *path)), leaf) for path, leaf in leaves(command).items()]
    return commands


PETS = {
    "tom.png": [("cat", 0.95), ("dog", 0.1)],
    "kit.png": [("cat", 0.9)],
    "rex.png": [("dog", 0.99)],
    "bo.png": [("cat", 0.2), ("dog", 0.85)],
}
QUESTIONS = [(image, pet, score) for image, scores in PETS.items() for pet, score in scores]
ANSWERS = [(image, pet, "yes" if score > 0.5 else "no") for image, pet, score in QUESTIONS]
TRUTH = dict(zip(PETS, ("cat", "cat", "dog", "dog"), strict=True))
VOTES = "image,class,rater,answer"
TRAIN = [f"{number}.png" for number in range(30)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, real_original: LabelSets) -> Path:
    """Two models of ImageNet's validation images and, if timm is installed, one of pets."""
    folder, images = tmp_path_factory.mktemp("models"), real_original.images
    for name, shift in (("a", 3), ("b", 0)):
        ids = (real_original.indices + shift * (np.arange(len(images)) % 4 == 0)) % 1000
        np.savez(folder / f"{name}.npz", ids=ids, names=images)
    if find_spec("timm") is not None:
        import timm
        import torch

        torch.save(timm.create_model("resnet18", num_classes=2).state_dict(), folder / "resnet18.pth")
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_file: RealFile, models: Path) -> Path:
    """A folder with the files of the examples: two models of ImageNet, the benchmark pets, and others."""
    monkeypatch.chdir(tmp_path)
    boards = [real_file(name) for name in ("results-imagenet.csv", "results-imagenet-real.csv")]
    for path in (*models.iterdir(), *boards):
        Path(path.name).symlink_to(path)
    code = "import numpy as np\ndef scores(pictures):\n    return np.array([[np.mean(each), 0] for each in pictures])\n"
    task = '{{"task": {}, "image": "{}", "classes": [{{"class": "cat"}}, {{"class": "dog"}}]}}\n'
    task_lines = "".join(task.format(*one) for one in ((0, "kit.png"), (1, "rex.png")))
    write_files(tmp_path, {"pets/classes.txt": "cat\ndog\n", "brightness.py": code, "ask.jsonl": task_lines})
    original = TRUTH | {"bo.png": "cat"}
    for file, headings, rows in (
        ("pets/original.csv", "image,class", original.items()),
        ("pets/labels.csv", "image,class", TRUTH.items()),
        ("pets/scores.csv", "image,class,score", QUESTIONS),
        *(
            (file, VOTES, [(image, pet, rater, answer) for image, pet, answer in ANSWERS for rater in ("ann", "bob")])
            for file in ("votes.csv", "pets/votes.csv")
        ),
        ("pets/golden.csv", VOTES, [(*one[:2], "eve", one[2]) for one in ANSWERS if one[0] in ("tom.png", "bo.png")]),
        ("experts.csv", VOTES, [(image, pet, "eve", "yes") for image, pet in TRUTH.items()]),
        ("a.csv", "image,prediction", (original | {"kit.png": "dog"}).items()),
        ("b.csv", "image,prediction", (TRUTH | {"kit.png": "dog"}).items()),
        ("candidates.csv", "image,class,source", [("kit.png", "cat", "original"), ("kit.png", "dog", "vit")]),
        ("train.csv", "image,class", [(image, ("dog", "cat")[row % 2]) for row, image in enumerate(TRAIN)]),
        ("copies.csv", "set,image,group,kind", [("train", "1.png", 1, "exact"), ("train", "2.png", 1, "exact")]),
    ):
        write_csv(file, headings, rows)
    held_out = np.where(np.arange(30)[:, None] % 2 == [1, 0], 0.95, 0.05)
    np.savez("heldout.npz", scores=held_out, names=TRAIN)
    if find_spec("PIL") is not None:
        for number, name in enumerate(PETS):
            write_files(tmp_path, {f"{place}/{name}": picture(number, "PNG") for place in ("photos", "pets/images")})
    if find_spec("sqlalchemy") is not None:
        assert main(["annotate", "create", "pets.db", "ask.jsonl", "--benchmark", "pets", "--quiet"]) == 0
        assert main(["annotate", "invite", "pets.db", "bob", "--quiet"]) == 0
    return tmp_path


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A server with a model that answers yes."""
    with stub_server(lambda _: reply('{"answer": "yes"}')) as stub:
        yield stub.endpoint


def test_number_of_commands_and_options_is_limited() -> None:
    """Count options once per command, without -h, and once by name."""
    params = [param for _, command in all_commands() for param in command.params]
    options = [param.opts[-1] for param in params if isinstance(param, click.Option)]
    assert len(all_commands()) <= 28
    assert len(options) <= 330
    assert len(set(options)) <= 83


NEXT = {
    "evaluate a.csv --benchmark pets": "report",
    "evaluate a.csv b.csv --benchmark pets": "compare",
    "compare a.csv b.csv --benchmark pets": "report",
    "predict python:brightness:scores --benchmark pets --workers 0 -o brightness.npy": "evaluate",
    "aggregate --benchmark pets --method majority -o scores.csv": "labels",
    "labels pets/scores.csv --threshold 0.5 -o labels.csv": "evaluate",
    "curve --benchmark pets --choose f1": "labels",
    "propose a.csv b.csv --benchmark pets -o proposed.csv": "tasks",
    "propose a.csv --unasked --benchmark pets -o unasked.jsonl": "tasks",
    "sample a.csv --benchmark pets --for accuracy --size 4 -o sample.jsonl": "annotate create",
    "tasks candidates.csv --benchmark pets -o tasks.jsonl": "annotate create",
    "clean heldout.npz --original copied.csv -o wrong.csv": "tasks",
    "scan --benchmark pets -o copies.tsv": "folds",
    "folds --benchmark pets --k 2 -o folds.csv": "clean",
    "status pets": "evaluate",
    "status pets.db": "annotate serve",
    "release pets -o pets-1.0": "release",
    "rate ask.jsonl --benchmark pets --model m --endpoint http://localhost:8000/v1 -o model.csv": "aggregate",
    "annotate create new.db ask.jsonl --benchmark pets": "annotate invite",
    "annotate invite pets.db ann": "annotate serve",
    "annotate serve pets.db": "annotate export",
    "annotate simulate pets.db --raters 1 -o tried.db": "annotate export",
    "annotate backup pets.db -o copy.db --upgrade": "annotate serve",
}


@pytest.mark.parametrize("line", NEXT)
def test_next_command_is_valid(
    line: str, here: Path, run: Runner, endpoint: str, report_extra: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next command of export, a pair of commands, has its own test."""
    if find_spec("uvicorn") is not None:
        monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)  # the server stops at once
    Path("copied.csv").write_text(Path("train.csv").read_text().replace("0.png,dog", "0.png,cat"))
    Path("pets/images/twin.png").write_bytes(Path("pets/images/tom.png").read_bytes())
    result = run(*line.replace("http://localhost:8000/v1", endpoint).split())
    assert result.code == 0, result.err
    (following,) = [line for line in result.out.splitlines() if line.startswith("next: ")]
    program, *argv = shlex.split(following.removeprefix("next: "))
    name = NEXT[line]
    assert (program, " ".join(argv).startswith(f"{name} ")) == ("reassess", True), following
    if argv[-1] == "NAME...":  # placeholder
        argv[-1] = "ann"
    dict(all_commands())[name].make_context(name, argv[len(name.split()) :])


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_help_has_ordered_sections_and_two_examples(name: str, command: click.Command) -> None:
    assert isinstance(command, Command)
    text = command.get_help(click.Context(command, info_name=name, **root_command.context_settings))
    places = [text.index(f"\n{section}\n") for section in _SECTIONS if f"\n{section}\n" in text]
    assert places == sorted(places)
    assert f"\n{_SECTIONS[-2]}\n" in text
    assert len(command.examples) == 2
    examples = "\n".join(f"  {example}" for example in command.examples)
    assert text.endswith(f"Examples:\n{examples}\n\nDocs:\n  {command.docs}")
    assert Path(command.docs).is_file()
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in COMMON_OPTIONS:
            assert option.opts[-1] in text


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_examples_in_help_run(
    name: str,
    command: Command,
    here: Path,
    run: Runner,
    endpoint: str,
    report_extra: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`run` fails if a line is wider than 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(webbrowser, "open", lambda _: None)
    if find_spec("uvicorn") is not None:
        monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)  # the server stops at once
    for example in command.examples:
        program, *argv = shlex.split(example.replace("http://localhost:8000/v1", endpoint))
        assert (program, " ".join(argv).startswith(name)) == ("reassess", True)
        result = run(*argv)
        assert (result.code, "Error" in result.err) == (0, False), result.err
        assert [line for line in result.out.splitlines() if line != line.rstrip()] == []


def test_help_of_report_names_all_charts(run: Runner) -> None:
    text = in_one_line(run("report", "--help").out).replace("- ", "-")  # lines break after hyphens
    assert f"Draw one chart: {', '.join(CHARTS)}." in text


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["evalute"], "Error: No such command 'evalute'. Did you mean 'evaluate'?\n"),
        (["annotate", "exprt"], "Did you mean 'export'?\n"),
        (["annotate", "status", "a.db"], "Error: No such command 'status'. Did you mean 'reassess status'?\n"),
        (["fech"], "Error: No such command 'fech'. Did you mean 'fetch'?\n"),
        (["report", "--chart", "scater", "a.npz", "-o", "a.svg"], "Did you mean 'scatter'?\n"),
        (["fetch", "imagenet-rel"], "Did you mean 'imagenet-real'?\n"),
        (["evaluate", "a.npz", "--match", "nam"], "'path', 'name', 'stem'. Did you mean 'name'?\n"),
        (["evaluate", "a.npz", "--match", "xyz"], "'path', 'name', 'stem'.\n"),
    ],
)
def test_mistyped_name_gets_a_suggestion(argv: list[str], expected: str, run: Runner) -> None:
    assert message_of(run(*argv), 2).endswith(expected)
