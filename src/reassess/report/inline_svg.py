"""Figures as SVG elements of a page, with unique ids, and colours for light and dark pages."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from reassess.report.figures import DrawFunction, FigureSize, render_svg

_SVG_NAMESPACE = "http://www.w3.org/2000/svg"
_HREF_ATTRIBUTE = "{http://www.w3.org/1999/xlink}href"
_COLOUR_PATTERN = re.compile(r"#[0-9a-f]{6}\b")
_FONT_PATTERN = re.compile(r"font: (?:(\d+) )?([0-9.]+px)[^;]*")  # in the form of matplotlib before 3.10
_FONT_FAMILY_PATTERN = re.compile(r"font-family: [^;]*;? ?")
# On a dark page: lightness of white and of black, exponent between.
_MIN_LIGHTNESS, _MAX_LIGHTNESS, _LIGHTNESS_EXPONENT = 0.2, 0.94, 0.7
_RGB_TO_LMS = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
_LMS_TO_OKLAB = np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]])


def render_inline_svg(draw: DrawFunction, *, key: str, title: str, size: FigureSize) -> str:
    """Draw a figure as an SVG element of a page; ids in the element begin with `key`."""
    document, description = render_svg(draw, size=size)
    root = ElementTree.fromstring(document)
    _drop_metadata(root)
    _prefix_ids(root, key)
    _use_colour_variables(root)
    for name in ("width", "height"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{key}-title {key}-desc"}
    for i, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{{{_SVG_NAMESPACE}}}{tag}", {"id": f"{key}-{tag}"})
        element.text = text
        root.insert(i, element)
    ElementTree.register_namespace("", _SVG_NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode")


def find_light_and_dark_colours(svg_texts: list[str]) -> dict[str, tuple[str, str]]:
    """Map CSS variables of figures to their colours on a light and on a dark page."""
    colours = sorted({f"#{name}" for svg in svg_texts for name in re.findall(r"var\(--c([0-9a-f]{6})\)", svg)})
    return {f"--c{colour[1:]}": (colour, invert_lightness(colour)) for colour in colours}


def invert_lightness(colour: str) -> str:
    """Return a colour of the same hue with inverted lightness, for a dark page."""
    shares = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    lab = _LMS_TO_OKLAB @ np.cbrt(_RGB_TO_LMS @ linear)
    lab[0] = _MIN_LIGHTNESS + (_MAX_LIGHTNESS - _MIN_LIGHTNESS) * max(0.0, 1 - lab[0]) ** _LIGHTNESS_EXPONENT
    linear = np.linalg.solve(_RGB_TO_LMS, np.linalg.solve(_LMS_TO_OKLAB, lab) ** 3).clip(0, 1)
    shares = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * share):02x}" for share in shares.tolist())


def _drop_metadata(root: ElementTree.Element) -> None:
    for element in root.findall(f"{{{_SVG_NAMESPACE}}}metadata"):
        root.remove(element)
    for parent in root.iter():
        for style in parent.findall(f"{{{_SVG_NAMESPACE}}}style"):  # a style element would apply to the whole page
            parent.remove(style)


def _prefix_ids(root: ElementTree.Element, key: str) -> None:
    """Add the prefix `key` to ids of SVG elements and to references to them; drop ids without a reference."""
    for element in root.iter():
        if (href := element.attrib.pop(_HREF_ATTRIBUTE, None)) is not None:
            element.set("href", href)
    text = "".join(value for element in root.iter() for value in element.attrib.values() if "#" in value)
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name == "id":
                if f"#{value}" in text:
                    element.set(name, f"{key}-{value}")
                else:
                    del element.attrib[name]
            elif name == "href" or "url(#" in value:
                element.set(name, value.replace("#", f"#{key}-", 1))


def _use_colour_variables(root: ElementTree.Element) -> None:
    """Replace colours, including the default black, by CSS variables; also drop the font family."""
    for element in root.iter():
        if (style := element.get("style")) is not None:
            style = _COLOUR_PATTERN.sub(lambda match: f"var(--c{match[0][1:]})", style)
            element.set(
                "style", _FONT_FAMILY_PATTERN.sub("", _FONT_PATTERN.sub(r"font-weight: \1; font-size: \2", style))
            )
    root.set("style", "fill: var(--c000000)")
