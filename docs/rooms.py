"""Draw the imports between the rooms as docs/rooms.svg; with --check, fail if the drawing is out of date.

The check also fails where the house has more than 18 entries at its top or more than 9 floors.
"""

import sys
import tomllib
from collections.abc import Mapping
from html import escape
from pathlib import Path

import grimp

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
SOURCE = PROJECT.parent / "src" / "reassess"
TARGET = Path(__file__).with_name("rooms.svg")
MOST_ENTRIES, MOST_FLOORS = 18, 9
WIDTH, BOX, HEIGHT, STEP = 760, 112, 30, 84  # of the drawing, a box, and the step from floor to floor; pixels

Imports = Mapping[str, set[str]]


def rooms() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    graph = grimp.build_graph("reassess", cache_dir=None)
    inside = {child.split(".")[1]: child for child in sorted(graph.find_children("reassess") - {"reassess.__main__"})}
    return {
        room: {
            other
            for other, package in inside.items()
            if other != room and graph.direct_import_exists(importer=module, imported=package, as_packages=True)
        }
        for room, module in inside.items()
    }


def floors() -> list[list[str]]:
    """The rooms by floor, the highest first, as the contract of import-linter in pyproject.toml lists them."""
    contracts = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def needed(imports: Imports) -> dict[str, set[str]]:
    """The imports that do not follow from others: those of a room without what its other imports reach."""

    def reached(room: str) -> set[str]:
        return set().union(*({other} | reached(other) for other in imports[room]))

    return {room: {one for one in to if not any(one in reached(other) for other in to)} for room, to in imports.items()}


def drawing() -> str:
    """The drawing: a row of boxes for each floor, and an arrow from each room to those it imports."""
    levels = floors()
    place = {
        room: (WIDTH * (i + 0.5) / len(level), STEP * row + HEIGHT)
        for row, level in enumerate(levels)
        for i, room in enumerate(level)
    }
    arrows = [
        f'<line x1="{x:.0f}" y1="{y + HEIGHT / 2:.0f}" x2="{to_x:.0f}" y2="{to_y - HEIGHT / 2 - 2:.0f}"/>'
        for room, others in needed(rooms()).items()
        for (x, y), (to_x, to_y) in ((place[room], place[other]) for other in sorted(others))
    ]
    boxes = [
        f'<rect x="{x - BOX / 2:.0f}" y="{y - HEIGHT / 2:.0f}" width="{BOX}" height="{HEIGHT}" rx="4"/>'
        f'<text x="{x:.0f}" y="{y + 4:.0f}">{escape(room)}</text>'
        for room, (x, y) in place.items()
    ]
    height = STEP * (len(levels) - 1) + 2 * HEIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            "<title>The rooms of reassess by floor; an arrow leads from a room to one that it imports</title>",
            "<style>line{stroke:#7a828c;stroke-width:1.2;marker-end:url(#end)}rect{fill:#eef3f9;stroke:#2b6cb0}"
            "text{font:13px sans-serif;text-anchor:middle;fill:#1a202c}svg{background:#fff}</style>",
            '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0 0L8 4L0 8z" fill="#7a828c"/></marker></defs>',
            *arrows,
            *boxes,
            "</svg>\n",
        ]
    )


def mistakes() -> list[str]:
    """What is wrong with the house or its drawing, in words."""
    entries = [path.name for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    levels = len(floors())
    found = []
    if len(entries) > MOST_ENTRIES:
        found.append(f"src/reassess has {len(entries)} entries: at most {MOST_ENTRIES} are allowed")
    if levels > MOST_FLOORS:
        found.append(f"the rooms stand on {levels} floors: at most {MOST_FLOORS} are allowed")
    if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != drawing():
        found.append("docs/rooms.svg is not up to date: run python docs/rooms.py")
    return found


def main() -> int:
    """Write the drawing, or check it and the house."""
    if "--check" not in sys.argv:
        TARGET.write_text(drawing(), encoding="utf-8")
        return 0
    found = mistakes()
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
