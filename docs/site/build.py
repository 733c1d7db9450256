"""Build the documentation site from the Markdown of the repository: python docs/site/build.py [FOLDER].

The pages are the README, the files of docs/, and reference pages made from docstrings. The build stops if a link or an
anchor does not exist, or a page is in no section of sections.toml. FOLDER is build/site by default.
"""

import ast
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from textwrap import indent
from urllib.parse import unquote

from live_examples import write_live_examples
from sphinx.cmd.build import main as run_sphinx
from sphinx.ext.napoleon import Config, NumpyDocstring

import reassess

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOCS = ROOT / "docs"
# Pages from outside docs/, by their name on the site.
OUTSIDE = {
    "index": "README.md",
    "changelog": "CHANGELOG.md",
    "contributing": "CONTRIBUTING.md",
    "security": "SECURITY.md",
}
PACKAGES = sorted(path.parent.name for path in (ROOT / "src" / "reassess").glob("*/__init__.pyi"))
LIVE = """\
# Live examples

- <a href="live/report.html">A report</a> about two simulated models, on 120 images of drawn shapes. `reassess report`
  [writes such a page](report.md).
- <a href="live/rating/index.html">The rating page</a> with 12 images of drawn shapes. It is the page that [`reassess
  annotate serve`](annotate.md) serves, with a script in place of the server: your answers are not stored.
"""
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)]*)?\))")
# What the theme lacks for people who use a keyboard or a screen reader; and the members of the union ArrayLike.
REPLACEMENTS = {
    r'<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
    r"<pre>": '<pre tabindex="0">',
    r'<aside class="sidebar-drawer"': '<aside aria-label="Menu" class="sidebar-drawer"',
    r'<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    r"<em>_Buffer</em>.*?<em>bytes</em><em> \| </em><em>str</em><em>\]</em>": "<em>ArrayLike</em>",
}
TITLE = re.compile(r"^# (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Section:
    """A section of the menu: its page lists its pages."""

    name: str
    title: str
    about: str
    pages: tuple[str, ...]


def read_sections() -> list[Section]:
    """Read sections.toml, and add the pages of the reference and the decisions."""
    tables = tomllib.loads((HERE / "sections.toml").read_text(encoding="utf-8"))
    sections = [Section(name, t["title"], t["about"], tuple(t["pages"])) for name, t in tables.items()]
    decisions = tuple(f"decisions/{path.stem}" for path in sorted((DOCS / "decisions").glob("*.md")))
    return [
        *sections,
        Section("decisions", "Decisions", "Why reassess works as it does, with measurements.", decisions),
    ]


def source_pages() -> dict[str, Path]:
    """Return the Markdown file of each page, by the page's name on the site."""
    pages = {path.relative_to(DOCS).with_suffix("").as_posix(): path for path in DOCS.rglob("*.md")}
    return pages | {name: ROOT / file for name, file in OUTSIDE.items()}


def copy_page(name: str, source: Path, names: dict[Path, str], folder: Path) -> None:
    """Copy a page, and change its links to those of the site; other files that it links to are copied too."""
    target = folder / f"{name}.md"
    target.parent.mkdir(parents=True, exist_ok=True)

    def change(link: re.Match[str]) -> str:
        linked = Path(os.path.normpath(source.parent / link[2]))
        if linked in names:
            there = folder / f"{names[linked]}.md"
        else:
            there = folder / "files" / linked.relative_to(ROOT)
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(linked, there)
        return link[1] + Path(os.path.relpath(there, target.parent)).as_posix() + link[3]

    target.write_text(LINK.sub(change, source.read_text(encoding="utf-8")), encoding="utf-8")


def package_page(name: str) -> str:
    """Return the reference page of a package: names that reassess exports, then the package's other names."""
    module = import_module(f"reassess.{name}")
    groups: dict[str, list[tuple[str, object]]] = {"reassess": [], module.__name__: []}
    for name in sorted(module.__all__, key=str.lower):
        value = getattr(module, name)
        if callable(value):  # constants have no docstring
            is_exported = getattr(reassess, name, None) is value
            groups["reassess" if is_exported else module.__name__].append((name, value))
    lines = [f"# {module.__name__}", "", (module.__doc__ or "").partition("\n")[0], ""]
    for package, members in groups.items():
        if members:
            lines += [
                f"## Import from {package}",
                "",
                ", ".join(f"{{py:obj}}`~{package}.{name}`" for name, _ in members),
            ]
            directives = [f".. {directive_of(value)}:: {package}.{name}" for name, value in members]
            lines += ["", "```{eval-rst}", *directives, "```", ""]
    return "\n".join(lines)


def directive_of(value: object) -> str:
    """Return the directive that documents a class or a function from its docstring."""
    if isinstance(value, type):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction"


def integrations_page() -> str:
    """Return the reference page of the integrations, made from their source: importing them needs the frameworks."""
    lines = ["# reassess.integrations", "", "Each module needs the package that it is named after.", ""]
    for path in sorted((ROOT / "src" / "reassess" / "integrations").glob("[a-z]*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        name = f"reassess.integrations.{path.stem}"
        lines += [f"## {name}", "", (ast.get_docstring(module) or "").partition("\n\n")[0], ""]
        assignments = (node for node in module.body if isinstance(node, ast.Assign))
        names = next(ast.literal_eval(node.value) for node in assignments if ast.unparse(node.targets[0]) == "__all__")
        definitions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        described = "\n".join(describe(name, definitions[member]) for member in names if member in definitions)
        lines += ["```{eval-rst}", described, "```", ""]
    return "\n".join(lines)


def describe(module: str, node: ast.FunctionDef | ast.ClassDef) -> str:
    """Return the signature and docstring of a class or a function as a directive."""
    is_class = isinstance(node, ast.ClassDef)
    functions = {n.name: n for n in node.body if isinstance(n, ast.FunctionDef)} if is_class else {node.name: node}
    function = functions.get("__init__" if is_class else node.name)
    arguments = "" if function is None else re.sub(r"^self(, )?", "", ast.unparse(function.args))
    docstring = str(NumpyDocstring(ast.get_docstring(node) or "", Config()))
    kind = "class" if is_class else "function"
    return f".. py:{kind}:: {module}.{node.name}({arguments})\n\n{indent(docstring, '   ')}\n"


def write_reference(folder: Path) -> tuple[str, ...]:
    """Write the reference pages, and return their names on the site."""
    (folder / "api").mkdir()
    texts = {name: package_page(name) for name in PACKAGES}
    texts["integrations"] = integrations_page()
    errors = "Errors and warnings. Each error has a code and a fix."
    texts["errors"] = f"# reassess.errors\n\n{errors}\n\n```{{eval-rst}}\n.. automodule:: reassess.errors\n```\n"
    for name, text in texts.items():
        (folder / "api" / f"{name}.md").write_text(text, encoding="utf-8")
    return tuple(f"api/{name}" for name in texts)


def summary(path: Path) -> tuple[str, str]:
    """Return the title of a page and its first sentence."""
    text = path.read_text(encoding="utf-8")
    title = TITLE.search(text)
    assert title is not None, f"{path} has no title"
    paragraph = next((part for part in text[title.end() :].split("\n\n") if re.match(r"\s*[\w`*\[]", part)), "")
    sentence = re.split(r"(?<=\.)\s", " ".join(paragraph.split()), maxsplit=1)[0]
    return title[1], re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", sentence).rstrip(":")


def toctree(pages: Iterable[str], *options: str) -> str:
    """Return a table of contents that only fills the menu."""
    return "\n".join(["", "```{toctree}", ":hidden:", *options, "", *(f"/{page}" for page in pages), "```", ""])


def write_sections(folder: Path, sections: list[Section]) -> None:
    """Write the page of each section, the menu, and llms.txt."""
    llms = ["# reassess", "", f"> {reassess.__doc__.splitlines()[0]}", ""]
    for section in sections:
        rows = []
        for page in section.pages:
            title, sentence = summary(folder / f"{page}.md")
            rows.append(f"- [{title}](/{page}.md): {sentence}")
            llms_row = f"- [{title}]({page}.{'html' if page.startswith('api/') else 'md'}): {sentence}"
            llms += [f"## {section.title}", "", llms_row] if len(rows) == 1 else [llms_row]
        llms.append("")
        text = "\n".join([f"# {section.title}", "", section.about, "", *rows, toctree(section.pages)])
        (folder / f"{section.name}.md").write_text(text, encoding="utf-8")
    with (folder / "index.md").open("a", encoding="utf-8") as file:
        file.write(toctree(["live", *(section.name for section in sections), "changelog"]))
    (folder / "llms.txt").write_text("\n".join(llms), encoding="utf-8")


def stage(folder: Path) -> None:
    """Write all sources of the site into a folder."""
    pages = source_pages()
    names = {path: name for name, path in pages.items()}
    for name, path in pages.items():
        copy_page(name, path, names, folder)
    (folder / "live.md").write_text(LIVE, encoding="utf-8")
    api = write_reference(folder)
    sections = [replace(s, pages=s.pages + api) if s.name == "reference" else s for s in read_sections()]
    write_sections(folder, sections)


def polish(site: Path) -> None:
    """Replace parts of all pages."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern, replacement in REPLACEMENTS.items():
            text = re.sub(pattern, replacement, text)
        page.write_text(text, encoding="utf-8")


def anchors_and_links(page: Path) -> tuple[set[str], list[str]]:
    """Return the anchors of an HTML page, and its links."""
    text = page.read_text(encoding="utf-8")
    return set(re.findall(r'\bid="([^"]+)"', text)), re.findall(r'\b(?:href|src)="([^"]+)"', text)


def broken_links(site: Path) -> Iterator[str]:
    """Find links of the built pages to files or anchors that do not exist."""
    pages = {page: anchors_and_links(page) for page in site.rglob("*.html")}
    for page, (_, links) in pages.items():
        for link in set(links):
            path, _, anchor = link.partition("#")
            path = unquote(path.partition("?")[0])
            if re.match(r"[a-z]+:|//", path):
                continue
            target = Path(os.path.normpath(page.parent / path)) if path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (anchor and target in pages and anchor not in pages[target][0]):
                yield f"{page.relative_to(site)} links to {link}"


def main() -> int:
    """Build the site, and check its links."""
    site = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    source = site.with_name(f"{site.name}-source")
    for folder in (site, source):
        shutil.rmtree(folder, ignore_errors=True)
    stage(source)
    code = run_sphinx(
        ["-W", "--keep-going", "-q", "-d", str(source / ".doctrees"), "-c", str(HERE), str(source), str(site)]
    )
    if code:
        return code
    polish(site)
    shutil.copy(source / "llms.txt", site)
    for name in source_pages():  # llms.txt links to the Markdown
        shutil.copy(source / f"{name}.md", site / f"{name}.md")
    write_live_examples(site / "live")
    broken = sorted(broken_links(site))
    print("\n".join(broken), file=sys.stderr)
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
