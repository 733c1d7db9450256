"""What errors and warnings advise in arguments of Python, in options of the command line."""

import re

from reassess.errors import ReassessError

__all__ = ["error_in_words", "in_options"]

# Arguments that the command line calls otherwise, or takes from a file.
_CALLED = {
    "outputs=[...]": "--classes FILE",
    "names=[...]": "--names FILE",
    "answers=[...]": "--answers A,B,...",
    "read the file with the outputs that find_class_list finds": "let reassess evaluate FILE --write-classes "
    "classes.txt write the list, then pass --classes FILE=classes.txt",
    "sort the rows as class_folder_order says": "pass --order class-folder",
    "with label_agreement": "with reassess labels --agree",
    "checkpoint=FILE": "--checkpoint FILE",
    "transform=FILE": "--transform FILE",
    "images=PLACE": "--images PLACE",
    "with strict=False": "without --strict",
}
_ARGUMENTS = (
    "answers",
    "file_format",
    "force",
    "ignore_unknown",
    "match",
    "max_bytes",
    "original",
    "pooling",
    "top_k",
    "unknown_class",
    "workers",
)
_OTHERWISE = {"top_k": "topk", "file_format": "format"}
_GIVEN = re.compile(rf'\b({"|".join(_ARGUMENTS)})=(True|None|"[^"]*"|\[[^\]]*\]|[0-9]+)')


def in_options(advice: str) -> str:
    """Advice in options.

    >>> in_options('join by match="name", or leave images out with ignore_unknown=True; answers=[0, 1]')
    'join by --match name, or leave images out with --ignore-unknown; --answers 0,1'
    """
    for words, option in _CALLED.items():
        advice = advice.replace(words, option)
    return _GIVEN.sub(lambda found: _option(found[1], found[2]), advice)


def _option(name: str, value: str) -> str:
    option = f"--{_OTHERWISE.get(name, name.replace('_', '-'))}"
    if value == "True":
        return option
    given = "none" if value == "None" else value.strip('[]"').replace(", ", ",")
    return f"{option} {given}"


def error_in_words(error: ReassessError) -> str:
    """What an error says, with its way to mend it in options."""
    if error.mend is not None:
        error.mend = in_options(str(error.mend))
    return str(error)
