"""What exports of Label Studio have in common: tasks, names of images, and annotators."""

import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard
from urllib.parse import parse_qs, unquote, urlsplit

from reassess.core import Id
from reassess.core.items import parse_id
from reassess.errors import DataError
from reassess.formats.archives import max_bytes
from reassess.formats.files import check_input
from reassess.formats.json_files import read_json, wrong_json_error
from reassess.text import join_first

# The keys of a task's data, and the names of controls, in the files that `write_tasks` writes.
IMAGE_KEY, IMAGE_NAME_KEY, QUESTIONS_KEY, CLASS_KEY = "image", "image_name", "questions", "class"
ANSWER_CONTROL = "answer_"  # and the position of the question, from 0

LOCAL_FILES = "/data/local-files/"  # where Label Studio serves files of its machine
_UPLOAD = re.compile(r"/data/upload/(?:\d+/)?(?:[0-9a-f]{8}-)?([^?#]+)")
_BUCKET = re.compile(r"(?:s3|gs|azure-blob)://[^/]+/(.+)")
_IMAGE = re.compile(r"[.](jpe?g|png|webp|bmp|gif|tiff?)([?#].*)?$", re.IGNORECASE)
_BYTES_PER_BYTE = 8  # memory of parsed JSON
_MAX_ID_LETTERS = 12


def read_export(path: Path, allowed: str, content_name: str) -> list[dict[str, Any]]:
    """Read a JSON file with a list of objects; `DataError` if it needs too much memory."""
    check_input(path)
    if (n_bytes := path.stat().st_size) * _BYTES_PER_BYTE > max_bytes():
        raise DataError(
            "too-large",
            "file is too large",
            where=path,
            allowed=f"{max_bytes() // _BYTES_PER_BYTE:,} bytes",
            found=f"{n_bytes:,} bytes",
            fix="export the project in parts, or set REASSESS_MAX_BYTES",
        )
    document = read_json(path)
    if not isinstance(document, list) or not document or not all(isinstance(value, dict) for value in document):
        raise wrong_json_error(content_name, document, where=path, allowed=allowed)
    return document


class LabelStudioTask(NamedTuple):
    """The image of a task, and the classes that `write_tasks` or the project asks about."""

    where: str
    image: str
    image_url: str
    questions: list[Id]  # the class of each question
    class_text: Id | None
    data_keys: set[str]  # keys that this module understands


def read_task_data(where: str, data: Any) -> LabelStudioTask:
    """Read the data of a task."""
    if not isinstance(data, dict):
        raise wrong_json_error("a task", data, where=where, allowed="data: an object with the image")
    key = _find_image_key(where, data)
    url, name = data[key], data.get(IMAGE_NAME_KEY)
    questions = data.get(QUESTIONS_KEY)
    classes = [value.get(CLASS_KEY) if isinstance(value, dict) else None for value in _as_list(questions)]
    are_questions = all(map(_is_id, classes))  # otherwise another project's key
    class_text = data.get(CLASS_KEY)
    return LabelStudioTask(
        where,
        name if isinstance(name, str) and name else find_image_name(url),
        url,
        [text for text in classes if _is_id(text)] if are_questions else [],
        class_text if _is_id(class_text) else None,
        {key, IMAGE_NAME_KEY, QUESTIONS_KEY, CLASS_KEY},
    )


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_id(value: Any) -> TypeGuard[Id]:
    return isinstance(value, int | str) and not isinstance(value, bool) and value != ""


def _find_image_key(where: str, data: dict[str, Any]) -> str:
    """Return the key of the image: "image", or the only key whose value is the address of an image."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    if texts.get(IMAGE_KEY):
        return IMAGE_KEY
    found = [key for key, value in texts.items() if _IMAGE.search(value)]
    if len(found) != 1:
        raise DataError(
            "missing-image",
            "task has several images" if found else "task has no image",
            where=where,
            allowed="a key image, or one address of an image in the data",
            found=join_first(found or list(data)) or "no keys",
            fix="name the key of the image 'image' in the tasks",
        )
    return found[0]


def find_image_name(url: str) -> str:
    """Return the name of an image from its address in Label Studio.

    >>> find_image_name("/data/upload/3/0a1b2c3d-cat_0.png"), find_image_name("/data/local-files/?d=cat/a%20b.png")
    ('cat_0.png', 'cat/a b.png')
    >>> find_image_name("s3://bucket/cat/0.png"), find_image_name("https://example.com/cat/0.png?size=2")
    ('cat/0.png', 'cat/0.png')
    """
    if bucket := _BUCKET.fullmatch(url):
        return bucket[1]
    try:
        parts = urlsplit(url)
    except ValueError:  # such as http://[
        return url
    if parts.path.rstrip("/").endswith(LOCAL_FILES.rstrip("/")) and (names := parse_qs(parts.query).get("d")):
        return names[0].lstrip("/")
    if upload := _UPLOAD.search(url):
        return unquote(upload[1])
    return (unquote(parts.path).lstrip("/") if parts.netloc else "") or url


def find_rater(value: Any) -> Id | None:
    """Return the id of an annotator: a number, or a hash of any text, since it can be an e-mail address; or None.

    >>> find_rater(3), find_rater({"id": 3, "email": "ann@example.com"}), find_rater("ann@example.com")
    (3, 3, 'rater-71d4f55f72fa')
    """
    if isinstance(value, dict):
        value = value.get("id", value.get("email"))
    if isinstance(value, str):
        value = parse_id(value.strip())
    if isinstance(value, str) and value:
        return f"rater-{hashlib.sha256(value.lower().encode(errors='surrogatepass')).hexdigest()[:_MAX_ID_LETTERS]}"
    return value if isinstance(value, int) and not isinstance(value, bool) else None
