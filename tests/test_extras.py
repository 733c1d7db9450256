"""The extras in pyproject.toml contain what errors and benchmarks need."""

import ast
import re
import sys
import tomllib
from pathlib import Path

from reassess.cli.packages import EXTRA_MODULES

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Packages on PyPI whose name differs from the name of their module.
PACKAGES = {"PIL": "pillow", "crowdkit": "crowd-kit", "skimage": "scikit-image", "sklearn": "scikit-learn"}


def extras_in_errors() -> set[str]:
    sources = (ROOT / "src").rglob("*.py")
    names = {name for path in sources for name in re.findall(r'\bextra="(\w+)"', path.read_text(encoding="utf-8"))}
    return names.union(EXTRA_MODULES)


def with_included_extras(extra: str) -> set[str]:
    """Return an extra, and the extras that it includes."""
    included = (name for item in EXTRAS[extra] for name in re.findall(r"^reassess\[(.*)\]$", item))
    return {extra}.union(*(with_included_extras(name) for names in included for name in names.split(",")))


def packages_in(*extras: str) -> set[str]:
    """Return the names of the packages in the dependencies and in some extras."""
    requirements = [*PROJECT["dependencies"], *(item for extra in extras for item in EXTRAS[extra])]
    return {re.match(r"[\w-]+", item).group() for item in requirements}


def imported_packages(folder: Path) -> set[str]:
    """Return the packages that the modules of a folder import, also through modules of the tests."""
    modules = {path.stem: path for path in folder.glob("*.py")}
    paths, packages = [*modules.values()], set()
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # Functions of tests that import something else are for tests only, such as those that start a browser.
        for node in ast.walk(tree) if path.parent == folder else tree.body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            for name in names:
                first = name.split(".")[0]
                module = (ROOT / name.replace(".", "/")).with_suffix(".py")
                if first == "tests" and module not in paths:
                    paths.append(module)
                elif first not in {*modules, "tests", "benchmarks", "reassess", *sys.stdlib_module_names}:
                    packages.add(PACKAGES.get(first, first))
    return packages


def test_every_extra_in_an_error_exists() -> None:
    assert extras_in_errors() <= set(EXTRAS)


def test_benchmarks_import_only_packages_of_their_extra() -> None:
    packages = imported_packages(ROOT / "benchmarks")
    assert {"pillow", "torch", "crowd-kit", "sqlalchemy"} <= packages, "not all imports were found"
    assert packages - packages_in(*with_included_extras("bench")) == set()


def test_benchmarks_can_call_every_part_of_the_package() -> None:
    """A benchmark that calls `rate` needs openai, and one that runs a command with `--dask` needs distributed."""
    assert extras_in_errors() - with_included_extras("bench") == set()
