"""How the headings of tables call the label sets that judge."""

from reassess.text import shortened

__all__ = ["heading"]

_LONGEST = 12  # letters, so that a table of accuracies fits into 80 columns


def heading(label_set: str) -> str:
    """What a heading calls label sets: their title, if need be its beginning and its end.

    >>> heading("ReaL"), heading("validation_2024_reviewed")
    ('ReaL', 'valida…viewed')
    """
    return shortened(label_set, _LONGEST)
