"""All commands and Python code in the README and in docs/ run, and print the output on the page.

The blocks of a page run in order in an empty folder: ``python`` blocks write files for the ``console`` blocks, and
``pycon`` blocks show the output of Python. A ``python`` block with a title is a file with that name.
"""

import contextlib
import doctest
import io
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from reassess.aggregation import METHODS
from reassess.formats.predictions import READERS
from tests.helpers import Needs, RealFile, Runner

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "reassess"
# Packages that commands on the pages need.
_PACKAGES_OF_COMMANDS = {
    "reassess annotate": "sqlalchemy",
    "reassess rate": "openai",
    "reassess scan": "PIL",
    "--dask": "distributed",
}
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
_BLOCK = re.compile(r"^```(python|pycon|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```python title=\"(.*?)\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The output of these commands is not compared: they set up an environment, or their output varies.
_NOT_RUN = ("make", "pip", "git")
# Scores have rounding errors, so their hashes vary too.
_VARYING = re.compile(
    r"(?<=/sign-in#)[\w-]{43}|\d{4}(-\d\d){2} \d\d:\d\d(?= UTC)|(?<=scores\.csv)\s+\(sha256 [0-9a-f]{12}"
)
_ROUNDING_ERROR = re.compile(r"(?<=\d\.\d{12})\d+")  # depends on the processor
# Files that readers of a page download themselves.
_DOWNLOADS = ("results-imagenet.csv", "results-imagenet-real.csv")
# Files of known label sets that are used on one page.
_OTHER_LABELS = {
    "imagenet-ecologists": ["Biodiversity_ImageNet_Image_data.csv"],
    "imagenet-mistakes": [f"imagenet-mistakes-{model}_mistakes.json" for model in ("vit3b", "greedy_soups")],
}


def _blocks(page: Path) -> list[tuple[str, str]]:
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def _commands(block: str) -> list[tuple[str, str]]:
    """Return (command, expected output) for each command of a console block."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts[1:])]


def _imported_packages(block: str) -> list[str]:
    """Return the packages that Python code imports."""
    return re.findall(r"^(?:>>> )?(?:import|from) ([a-z_0-9]+)", block, flags=re.MULTILINE)


def _run_session(block: str, names: dict[str, object], page: Path) -> dict[str, object]:
    """Run an interactive session, check its output, and return its variables."""
    session = doctest.DocTestParser().get_doctest(block, names, page.name, str(page), 0)
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(session, out=output.append, clear_globs=False)
    assert runner.failures == 0, "".join(output)
    return session.globs


def _normalize(text: str) -> str:
    """Remove blanks at line ends and rounding errors, and replace random and timed values of campaigns.

    A rounding error may have another number of digits, and so the width of a table may differ too.
    """
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if _ROUNDING_ERROR.search(text):
        text = re.sub("(?<=  ) +|(?<=─)─+", "", _ROUNDING_ERROR.sub("", text))
    return _VARYING.sub("…", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_shows_the_output_of_its_commands(
    page: Path,
    run: Runner,
    needs: Needs,
    real_file: RealFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = _blocks(page)
    if not blocks:
        return
    for package in {package for kind, block in blocks if kind != "console" for package in _imported_packages(block)}:
        needs(package)
    for words, package in _PACKAGES_OF_COMMANDS.items():
        if any(words in block for kind, block in blocks if kind == "console"):
            needs(package)
    for name in ("real.json", "scores.npz", "raters.npz", "golden.npz", "raters_golden.npz", "validation_labels.txt"):
        real_file(name)
    for name, files in _OTHER_LABELS.items():
        if any(name in block for kind, block in blocks):
            for file in files:
                real_file(file)
    for name in _DOWNLOADS:
        if name in page.read_text(encoding="utf-8"):
            (tmp_path / name).symlink_to(real_file(name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")  # as piped output
    for name, content in _FILE.findall(page.read_text(encoding="utf-8")):
        for package in _imported_packages(content):
            needs(package)
        (tmp_path / name).write_text(content)
    names: dict[str, object] = {}
    for kind, block in blocks:
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block, str(page), "exec"), names)
            continue
        if kind == "pycon":
            names = _run_session(block, names, page)
            continue
        for command, expected in _commands(block):
            program, *argv = shlex.split(command)
            if program in _NOT_RUN:
                continue
            assert program == "reassess", f"commands of a page are reassess or one of {_NOT_RUN}"
            result = run(*argv)
            assert _normalize(result.out + result.err) == _normalize(expected), command


def test_page_of_python_shows_the_output_of_the_demo(real_file: RealFile, capsys: pytest.CaptureFixture[str]) -> None:
    real_file("real.json")
    expected = next(
        output
        for kind, block in _blocks(ROOT / "docs" / "python.md")
        if kind == "console"
        for command, output in _commands(block)
        if command == "make demo"
    )
    exec(compile((ROOT / "examples" / "demo.py").read_text(), "demo.py", "exec"), {})
    assert _normalize(capsys.readouterr().out) == _normalize(expected)


def test_command_line_reference_is_up_to_date() -> None:
    names: dict[str, object] = {"__file__": str(ROOT / "docs" / "cli_reference.py"), "__name__": "cli_reference"}
    exec(compile((ROOT / "docs" / "cli_reference.py").read_text(), "cli_reference.py", "exec"), names)
    reference = names["reference"]
    assert callable(reference)
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference()


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes from the headings of a page."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE), re.M
    )
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_has_a_file_and_a_heading() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8")):
            linked = page.parent / target if target else page
            assert linked.exists(), f"{page.name} links to {target}"
            assert not anchor or linked.suffix != ".md" or anchor in _anchors(linked), f"{page.name}: {target}#{anchor}"


def test_every_page_is_in_one_section_of_the_site() -> None:
    sections = tomllib.loads((ROOT / "docs" / "site" / "sections.toml").read_text(encoding="utf-8")).values()
    listed = sorted(page for section in sections for page in section["pages"])
    assert listed == sorted(["contributing", "security", *(page.stem for page in (ROOT / "docs").glob("*.md"))])


def test_evaluate_reads_scores_saved_as_in_the_tutorial(
    needs: Needs, run: Runner, real_file: RealFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("torchvision")
    real_file("real.json")
    import torch
    from PIL import Image
    from torchvision.transforms import ToTensor

    for number, wnid in ((1, "n01751748"), (6, "n02105855"), (4, "n02105855")):
        folder = tmp_path / "imagenet" / "val" / wnid
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / f"ILSVRC2012_val_{number:08d}.JPEG")
    monkeypatch.chdir(tmp_path)
    (recipe,) = re.findall(r"^```py\n(.*?)^```$", (ROOT / "docs" / "imagenet.md").read_text(), re.MULTILINE | re.DOTALL)

    def model(images: torch.Tensor) -> torch.Tensor:
        scores = torch.zeros(len(images), 1000)
        scores[:, 57] = 1  # the only valid class of image 6
        return scores

    exec(compile(recipe, "imagenet.md", "exec"), {"model": model, "transform": ToTensor()})
    result = run("evaluate", "my-model.npz", "--json")
    real = json.loads(result.out)["results"][0]["real"]
    assert (real["1"]["hits"], real["1"]["n"]) == (1, 2), "image 1 has no valid class, image 4 has another class"


def test_docs_list_every_format_method_and_shortcut() -> None:
    files = (ROOT / "docs" / "evaluate.md").read_text().partition("## Files\n")[2].partition("\nPickles")[0]
    assert [suffix for suffix in READERS if not re.search(rf"\b{suffix[1:]}\b", files)] == []
    methods = (ROOT / "docs" / "aggregation.md").read_text()
    assert [name for name in METHODS if f"**{name}**" not in methods] == []
    rows = (ROOT / "docs" / "annotate.md").read_text().partition("| key | action |\n")[2].partition("\n\n")[0]
    documented = {key for row in rows.splitlines() for key in re.findall(r"`([^`]+)`", row.split("|")[1])}
    script = (SOURCE / "annotation" / "app" / "static" / "keys.js").read_text()
    known = {key for keys in re.findall(r"keys: \[(?!\.)([^\]]*)\]", script) for key in re.findall(r'"([^"]+)"', keys)}
    signs = {"Backspace": "⌫", "ArrowUp": "↑", "ArrowDown": "↓", "ArrowLeft": "←", "ArrowRight": "→"}
    assert {signs.get(key, key) for key in known} <= documented


def test_citation_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
