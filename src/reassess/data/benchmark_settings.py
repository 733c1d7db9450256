"""The settings of a benchmark folder, in benchmark.json: its name, and defaults for the commands."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reassess.core import Id, Match, StopRule
from reassess.core.checks import check_is_collection, check_known, check_range, check_type, check_unicode, check_unique
from reassess.core.image_names import MATCHES
from reassess.data.release_facts import check_release_facts
from reassess.errors import DataError, add_error_place
from reassess.formats.file_lock import lock_folder
from reassess.formats.files import exists, write_to_temporary
from reassess.formats.json_files import read_json, wrong_json_error

SETTINGS_FILE = "benchmark.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HashByInput = Mapping[str, str]  # from a part to its SHA-256


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings in a folder's benchmark.json; return an empty dictionary without the file."""
    path = folder / SETTINGS_FILE
    _check_file_name_case(folder)
    if path.is_symlink() and not exists(path):
        raise DataError(
            "file-not-found",
            "link to a missing file",
            where=path,
            found=path.readlink(),
            fix="fix or remove the link",
        )
    if not exists(path):
        return {}
    document = read_json(path)
    if not isinstance(document, dict):
        allowed = f"an object with some of {', '.join(_SETTING_RULES)}"
        raise wrong_json_error("the settings of a benchmark", document, where=path, allowed=allowed)
    _check_settings(path, document)
    return document


def _check_file_name_case(folder: Path) -> None:
    """Raise for a file such as Benchmark.json, because some file systems treat this name as benchmark.json."""
    misspelled = sorted(path.name for path in folder.glob("*") if path.name.lower() == SETTINGS_FILE != path.name)
    if misspelled:
        raise DataError(
            "similar-name",
            "file name is almost the name of the settings file",
            where=folder,
            allowed=SETTINGS_FILE,
            found=misspelled[0],
            fix=f"rename it to {SETTINGS_FILE}, or to a clearly different name",
        )


def update_benchmark(
    folder: str | Path,
    *,
    name: str | None = None,
    threshold: float | None = None,
    method: str | None = None,
    match: Match | None = None,
    answers: Sequence[Id] | None = None,
    stop: StopRule | None = None,
    made_from: Mapping[str, _HashByInput] | None = None,
) -> None:
    """Write settings into the benchmark.json of a folder; other settings stay as they are.

    Parameters
    ----------
    folder
        The folder.
    name
        The name of the benchmark.
    threshold
        The lowest score of a valid class, in [0, 1].
    method
        The method of `aggregate` that makes scores from votes.
    match
        Which part of a name identifies an image: path, name or stem.
    answers
        All possible answers, from invalid to valid: words, or whole numbers.
    stop
        The stop rule that closed questions while votes were collected.
    made_from
        For each part that a command made from other parts: the SHA-256 of the part, and of each part it was made from.
        Parts that are not given keep their entries. `check_benchmark` uses these hashes to find stale parts.

    Raises
    ------
    DataError
        A value is wrong, or the existing file does not contain settings.
    OutputError
        The file cannot be written.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> folder = mkdtemp()
    >>> update_benchmark(folder, method="em")
    >>> update_benchmark(folder, threshold=0.8)
    >>> print((Path(folder) / "benchmark.json").read_text())
    {
      "threshold": 0.8,
      "method": "em"
    }
    """
    check_type(StopRule, stop, value_name="stop rule", is_optional=True)
    if answers is not None:
        check_is_collection(answers, value_name="answers")
    path = Path(folder) / SETTINGS_FILE
    with lock_folder(Path(folder)):
        old_settings = read_settings(Path(folder))
        changes = {
            "name": name,
            "threshold": threshold,
            "method": method,
            "match": match,
            "answers": None if answers is None else list(answers),
            "stop": None if stop is None else [stop.low, stop.high],
            "made_from": None if made_from is None else old_settings.get("made_from", {}) | made_from,
        }
        settings = old_settings | {key: value for key, value in changes.items() if value is not None}
        write_settings(path, settings, force=True)


def write_settings(path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
    """Write a benchmark.json."""
    _check_settings(path, settings)
    with write_to_temporary(path, force=force) as temporary:
        ordered = {key: settings[key] for key in _SETTING_RULES if key in settings}
        temporary.write_text(json.dumps(ordered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _check_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Raise `DataError` for an unknown setting, or a value of the wrong type."""
    check_unicode([json.dumps(settings, ensure_ascii=False, default=str)], value_name="a setting", where=path)
    check_known(list(settings), _SETTING_RULES, value_name="setting of a benchmark", where=path)
    for key, value in settings.items():
        rule = _SETTING_RULES[key]
        with add_error_place(f"{path}, key {key}"):
            if not rule.has_type(value):
                raise DataError("wrong-type", rule.type_message, allowed=rule.allowed_text, found=repr(value))
            rule.check_value(value)


def _is_list_of_two_or_more(value: Any, types: tuple[type, ...]) -> bool:
    """Return whether a value is a list of two or more values of these types."""
    return isinstance(value, list) and len(value) >= 2 and all(type(part) in types for part in value)


def _is_hash_mapping(value: Any) -> bool:
    """Return whether a value is a dictionary such as {"labels": {"scores": SHA-256}}."""
    of_parts = value.values() if isinstance(value, dict) else [None]
    hashes = [digits for parts in of_parts for digits in (parts.values() if isinstance(parts, dict) else [None])]
    return all(isinstance(digits, str) and _SHA256.fullmatch(digits) for digits in hashes)


def _check_method(method: str) -> None:
    """Raise `DataError` if the name of an aggregation method is wrong."""
    from reassess.aggregation import parse_method

    parse_method(method)


class _SettingRule(NamedTuple):
    """The type of a setting, and a check of its value."""

    has_type: Callable[[Any], bool]
    type_message: str  # the message for a value of another type
    allowed_text: str | None = None
    check_value: Callable[[Any], object] = lambda _: None


_SETTING_RULES: Mapping[str, _SettingRule] = {
    "name": _SettingRule(
        lambda value: isinstance(value, str) and bool(value.strip()), "benchmark name is not a string"
    ),
    "images": _SettingRule(
        lambda value: isinstance(value, str) and bool(value.strip()) and "\0" not in value,
        "setting images is not a path",
        "a folder, zip or tar, relative to the folder of benchmark.json",
    ),
    "threshold": _SettingRule(
        lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "threshold is not a number",
        check_value=lambda value: check_range(value, 0, 1, value_name="threshold"),
    ),
    "method": _SettingRule(lambda value: isinstance(value, str), "method is not a string", check_value=_check_method),
    "match": _SettingRule(
        lambda _: True, "", check_value=lambda value: check_known([value], MATCHES, value_name="match")
    ),
    "answers": _SettingRule(
        lambda value: _is_list_of_two_or_more(value, (int, str)),
        "answers of the benchmark are not a list",
        "a list of two answers or more, words or whole numbers",
        lambda value: check_unique(value, value_name="an answer"),
    ),
    "stop": _SettingRule(
        lambda value: _is_list_of_two_or_more(value, (int, float)) and len(value) == 2,
        "stop rule of the benchmark is not a pair of bounds",
        "a list of two probabilities, the lower one first",
        lambda value: StopRule(*value),
    ),
    "made_from": _SettingRule(
        _is_hash_mapping,
        "made_from is not an object of objects with hashes",
        '{"labels": {"scores": SHA-256}}, for each part that was made',
    ),
    "release": _SettingRule(
        lambda value: isinstance(value, dict),
        "facts about a release are not an object",
        '{"license": "CC-BY-4.0", ...}',
        check_release_facts,
    ),
}
