"""Prompts: the text that follows the image in a request."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reassess.core import KNOWN_ANSWERS, Classes
from reassess.errors import DataError
from reassess.formats.files import read_lines

Per = Literal["question", "task"]  # what a request asks about

_QUESTION_PROMPT = """\
Is this in the image?
{class}

It counts if it is only a part of the image, small, or partly hidden. "maybe" means that the image does not show enough
to decide. Answer with a JSON object: {"answer": X}, where X is {answers}.
"""
_TASK_PROMPT = """\
Which of these are in the image?
{classes}

Something counts if it is only a part of the image, small, or partly hidden. Several can be in the image, or none.
"maybe" means that the image does not show enough to decide. Answer with a JSON object that has an answer for each
number, such as {"1": X}, where X is {answers}.
"""
DEFAULT_PROMPTS = {"question": _QUESTION_PROMPT, "task": _TASK_PROMPT}
_CLASS_FIELDS = {"question": "{class}", "task": "{classes}"}
_ANSWERS_FIELD = "{answers}"
_MAX_PROMPT_LETTERS = 100_000


@dataclass(frozen=True)
class Prompt:
    """A prompt for requests about one question or one task.

    Parameters
    ----------
    text
        The text, with ``{class}`` (or ``{classes}``, for a task) in place of what the request asks about, and
        ``{answers}`` in place of the three answers. ``{answers}`` may be missing.
    per
        "question" or "task".

    Raises
    ------
    DataError
        The text does not contain ``{class}`` or ``{classes}``.

    Examples
    --------
    >>> prompt = Prompt("Does the image show {class}? Say {answers}.", "question")
    >>> prompt.render(["a cat"], ("yes", "no", "maybe"))
    'Does the image show a cat? Say "yes", "no" or "maybe".'
    """

    text: str
    per: Per = "question"

    def __post_init__(self) -> None:
        field = _CLASS_FIELDS[self.per]
        if field not in self.text:
            other = next(other for other in _CLASS_FIELDS.values() if other != field)
            raise DataError(
                "missing-field",
                f"prompt does not say where to write the class{'es' if self.per == 'task' else ''}",
                allowed=f"a text with {field}",
                found=other if other in self.text else None,
                fix=f"write {field} in the text",
            )

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def render(self, class_texts: Sequence[str], answers: Sequence[str] = KNOWN_ANSWERS) -> str:
        """Return the text of a request about these classes, with the answers in this order."""
        classes = (
            class_texts[0]
            if self.per == "question"
            else "\n".join(f"{number}. {text}" for number, text in enumerate(class_texts, 1))
        )
        *first, last = (f'"{answer}"' for answer in answers)
        # The classes are written last, since the name of a class may contain {answers}.
        text = self.text.replace(_ANSWERS_FIELD, f"{', '.join(first)} or {last}")
        return text.replace(_CLASS_FIELDS[self.per], classes).strip()


def read_prompt(path: str | Path | None = None, per: Per = "question") -> Prompt:
    r"""Read a prompt from a text file; without a file, return the default prompt.

    Raises
    ------
    DataError
        The file cannot be read, has more than 100,000 letters, or does not contain ``{class}`` or ``{classes}``.

    Examples
    --------
    >>> print(read_prompt().render(["cat: a small animal"]).splitlines()[1])
    cat: a small animal
    """
    if path is None:
        return Prompt(DEFAULT_PROMPTS[per], per)
    text = "\n".join(read_lines(Path(path)))
    try:
        if len(text) > _MAX_PROMPT_LETTERS:
            raise DataError(
                "too-large",
                "prompt is too long",
                allowed=f"at most {_MAX_PROMPT_LETTERS:,} letters",
                found=f"{len(text):,} letters",
            )
        return Prompt(text, per)
    except DataError as error:
        error.add_location(path)
        raise


def describe_classes(classes: Classes, class_ids: Sequence[int]) -> dict[int, str]:
    """Describe classes for a prompt: name, other names in brackets, and definition.

    Raises
    ------
    DataError
        A class has no name, because only ids or wnids are known.

    Examples
    --------
    >>> classes = Classes(2, names=("cat", "dog"), synonyms=(("kitty",), ()), definitions=("a small animal", ""))
    >>> describe_classes(classes, [0, 1])
    {0: 'cat (also called kitty): a small animal', 1: 'dog'}
    """
    if not classes.names:
        raise DataError(
            "missing-names",
            "classes have no names, which a model needs",
            fix="list the class names in the file classes of the benchmark folder, one per line",
        )
    return {class_id: _describe_class(classes, class_id) for class_id in class_ids}


def _describe_class(classes: Classes, class_id: int) -> str:
    # In a list with wnids, commas separate several names of one class.
    name, *others = classes.names[class_id].split(", ") if classes.wnids else [classes.names[class_id]]
    synonyms = classes.synonyms[class_id] if classes.synonyms else ()
    others = [other for other in dict.fromkeys([*others, *synonyms]) if other != name]
    definition = classes.definitions[class_id] if classes.definitions else ""
    also = f" (also called {', '.join(others)})" if others else ""
    return f"{name}{also}{f': {definition}' if definition else ''}"
