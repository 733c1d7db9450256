"""Help pages: options in sections, examples that run as they stand, and a suggestion for a mistyped name."""

import shlex
import shutil
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import pytest

from reassess.cli import app, main, screen
from reassess.cli.help_pages import OPTIONS, Command
from reassess.core.labels import LabelSets
from reassess.report.charts import CHARTS
from tests.helpers import Run, in_one_line, leaves, picture, write_files

_SECTIONS = ("Options:", "Benchmark:", "Reading files:", "Examples:", "Docs:")


def all_commands() -> list[tuple[str, click.Command]]:
    commands = []
    for name in app.list_commands(click.Context(app)):
        command = app.get_command(click.Context(app), name)
        assert command is not None
        commands += [(" ".join((name, *path)), leaf) for path, leaf in leaves(command).items()]
    return commands


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_file: Callable[[str], Path], real_original: LabelSets
) -> Path:
    """A folder with the files that the examples name: two models of ImageNet, the benchmark pets, and more."""
    monkeypatch.chdir(tmp_path)
    images = real_original.images
    for name, shift in (("a", 3), ("b", 0)):
        ids = (real_original.indices + shift * (np.arange(len(images)) % 4 == 0)) % 1000
        np.savez(f"{name}.npz", ids=ids, names=images)
    for name in ("results-imagenet.csv", "results-imagenet-real.csv"):
        shutil.copy(real_file(name), name)
    pets = tmp_path / "pets"
    pets.mkdir()
    names = ("tom.png", "kit.png", "rex.png", "bo.png")
    (pets / "classes.txt").write_text("cat\ndog\n")
    (pets / "original.csv").write_text("image,class\ntom.png,cat\nkit.png,cat\nrex.png,dog\nbo.png,cat\n")
    (pets / "labels.csv").write_text("image,class\ntom.png,cat\nkit.png,cat\nrex.png,dog\nbo.png,dog\n")
    (pets / "scores.csv").write_text(
        "image,class,score\n" + "".join(f"{name},{pet},{score}\n" for name in names for pet, score in SCORES[name])
    )
    votes = "".join(
        f"{name},{pet},{rater},{'yes' if score > 0.5 else 'no'}\n"
        for name in names
        for pet, score in SCORES[name]
        for rater in ("ann", "bob", "cy")
    )
    (pets / "votes.csv").write_text("image,class,rater,answer\n" + votes)
    shutil.copy(pets / "votes.csv", "votes.csv")
    (pets / "golden.csv").write_text(
        "image,class,rater,answer\ntom.png,cat,eve,yes\ntom.png,dog,eve,no\nbo.png,cat,eve,no\nbo.png,dog,eve,yes\n"
    )
    experts = "".join(f"{name},{pet},eve,yes\n" for name, pet in zip(names, ("cat", "cat", "dog", "dog"), strict=True))
    (tmp_path / "experts.csv").write_text("image,class,rater,answer\n" + experts)
    for name, last in (("a.csv", "cat"), ("b.csv", "dog")):
        (tmp_path / name).write_text(f"image,prediction\ntom.png,cat\nkit.png,dog\nrex.png,dog\nbo.png,{last}\n")
    if find_spec("PIL") is not None:
        for number, name in enumerate(names):
            write_files(tmp_path, {f"{place}/{name}": picture(number, "PNG") for place in ("photos", "pets/images")})
    if find_spec("timm") is not None:
        import timm
        import torch

        torch.save(timm.create_model("resnet18", num_classes=2).state_dict(), "resnet18.pth")
    code = "import numpy as np\ndef scores(pictures):\n    return np.array([[np.mean(each), 0] for each in pictures])\n"
    (tmp_path / "brightness.py").write_text(code)
    (tmp_path / "candidates.csv").write_text("image,class,source\nkit.png,cat,original\nkit.png,dog,vit\n")
    (tmp_path / "train.csv").write_text(
        "image,class\n" + "".join(f"{n}.png,{'cat' if n % 2 else 'dog'}\n" for n in range(30))
    )
    (tmp_path / "halves.csv").write_text("image,fold\n" + "".join(f"{n}.png,{n // 15}\n" for n in range(30)))
    held_out = np.where(np.arange(30)[:, None] % 2 == [1, 0], 0.95, 0.05)
    for name, rows in (("heldout", slice(30)), ("fold-0", slice(15)), ("fold-1", slice(15, 30))):
        np.savez(f"{name}.npz", scores=held_out[rows], names=[f"{n}.png" for n in range(30)][rows])
    (tmp_path / "copies.csv").write_text("set,image,group,kind\ntrain,1.png,1,exact\ntrain,2.png,1,exact\n")
    (tmp_path / "is-a.csv").write_text("child,parent\ncat,animal\ndog,animal\n")
    (tmp_path / "ask.jsonl").write_text(
        '{"task": 0, "image": "kit.png", "classes": [{"class": "cat"}, {"class": "dog"}]}\n'
        '{"task": 1, "image": "rex.png", "classes": [{"class": "cat"}, {"class": "dog"}]}\n'
    )
    if find_spec("sqlalchemy") is not None:
        assert main(["annotate", "create", "pets.db", "ask.jsonl", "--benchmark", "pets", "--quiet"]) == 0
        assert main(["annotate", "invite", "pets.db", "bob", "--quiet"]) == 0
    return tmp_path


SCORES = {
    "tom.png": [("cat", 0.95), ("dog", 0.1)],
    "kit.png": [("cat", 0.9)],
    "rex.png": [("dog", 0.99)],
    "bo.png": [("cat", 0.2), ("dog", 0.85)],
}


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_the_help_of_a_command_has_sections_in_one_order_and_two_examples(name: str, command: click.Command) -> None:
    assert isinstance(command, Command)
    text = command.get_help(click.Context(command, info_name=name, **app.context_settings))
    places = [text.index(f"\n{section}\n") for section in _SECTIONS if f"\n{section}\n" in text]
    assert places == sorted(places)
    assert f"\n{_SECTIONS[-2]}\n" in text
    assert len(command.examples) == 2
    examples = "\n".join(f"  {example}" for example in command.examples)
    assert text.endswith(f"Examples:\n{examples}\n\nDocs:\n  {command.docs}")
    assert Path(command.docs).is_file()
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in OPTIONS:
            assert option.opts[-1] in text


@pytest.mark.parametrize(("name", "command"), all_commands())
def test_every_example_runs_as_it_stands(
    name: str,
    command: Command,
    here: Path,
    run: Callable[..., Run],
    report_extra: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a terminal of 80 columns shows it without a line that is wider, unless that is one path."""
    monkeypatch.setattr(screen, "terminal_width", lambda **_: 80)
    monkeypatch.setattr(webbrowser, "open", lambda _: None)
    if find_spec("uvicorn") is not None:
        monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)  # a server ends as it starts
    for example in command.examples:
        program, *argv = shlex.split(example)
        assert (program, " ".join(argv).startswith(name)) == ("reassess", True)
        result = run(*argv)
        assert (result.code, "Error" in result.err) == (0, False), result.err
        lines = [] if "--json" in argv else result.out.splitlines()
        assert [line for line in lines if line != line.rstrip() or (len(line) > 80 and " " in line)] == []


def test_the_help_of_report_names_every_chart(run: Callable[..., Run]) -> None:
    text = in_one_line(run("report", "--help").out).replace("- ", "-")  # lines break after hyphens
    assert f"Draw only this: {', '.join(CHARTS)}." in text


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["evalute"], "Error: No such command 'evalute'. Did you mean 'evaluate'?\n"),
        (["annotate", "exprt"], "Did you mean 'export'?\n"),
        (["fech"], "Error: No such command 'fech'. Did you mean 'fetch'?\n"),
        (["report", "--chart", "scater", "a.npz", "-o", "a.svg"], "Did you mean 'scatter'?\n"),
        (["fetch", "imagenet-rel"], "Did you mean 'imagenet-real'?\n"),
        (["evaluate", "a.npz", "--match", "nam"], "'path', 'name', 'stem'. Did you mean 'name'?\n"),
        (["evaluate", "a.npz", "--match", "xyz"], "'path', 'name', 'stem'.\n"),
    ],
)
def test_a_mistyped_name_gets_a_suggestion_where_one_is_near(
    argv: list[str], expected: str, run: Callable[..., Run]
) -> None:
    result = run(*argv)
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith(expected)
