"""Fixes of errors and warnings, with options of the command line instead of arguments of Python."""

from reassess.errors import Fix, ReassessError, ReassessWarning

_CHOICES = ("match", "original", "pooling", "unknown_class", "workers")  # of the same name and value
OPTIONS = {
    **{name: f"--{name.replace('_', '-')} {{}}" for name in _CHOICES},
    "answers": "--answers {}",
    "checkpoint": "--checkpoint {}",
    "duplicates": "--duplicates {}",
    "class_folder_order": "--names class-folder",
    "find_class_list": "--classes auto",
    "force": "--force",
    "ignore_unknown": "--ignore-unknown",
    "images": "--images {}",
    "label_agreement": "reassess labels A B",
    "method": "--method {}",
    "names": "--names FILE",
    "outputs": "--classes FILE",
    "top_k": "--top-k {}",
    "transform": "--transform {}",
}


def in_options(fix: Fix | str) -> str:
    """A fix with its arguments as options.

    >>> in_options(Fix("join by {match}, or count such images: {ignore_unknown}", match='"name"', ignore_unknown=True))
    'join by --match name, or count such images: --ignore-unknown'
    >>> in_options(Fix("give all answers: {answers}", answers="[0, 1]"))
    'give all answers: --answers 0,1'
    """
    return fix.render(_option) if isinstance(fix, Fix) else fix


def _option(name: str, value: object) -> str:
    text = {"None": "none", "[...]": "A,B,..."}.get(str(value), str(value))
    return OPTIONS[name].format(text.strip('[]"').replace(", ", ","))


def error_in_options(error: ReassessError) -> str:
    """The text of an error, with its fix in options."""
    if error.fix is not None:
        error.fix = in_options(error.fix)
    return str(error)


def warning_in_options(warning: ReassessWarning) -> str:
    """The text of a warning, with its fix in options."""
    if warning.fix is not None:
        warning.fix = in_options(warning.fix)
    return str(warning)
