"""Messages about files: messages.txt lists each code and message, with a call that raises it."""

import json
import re
from pathlib import Path

import pytest

import reassess
from reassess import formats
from reassess.core import Classes
from reassess.errors import ReassessError
from tests.helpers import File

CLASSES = {
    "ants": Classes(
        4,
        wnids=("n00000001", "n00000002", "n00000003", "n00000004"),
        names=("ant", "bee, honeybee", "cat", "dog"),
        synonyms=(("emmet",), (), ("tom",), ()),
    ),
    "bowls": Classes.from_texts(["bowl", "cup", "mug"]),
    "cranes": Classes(
        4, wnids=("n01", "n02", "n03", "n04"), names=("tench, Tinca tinca", "crane", "crane", "jack-o'-lantern")
    ),
    "fish": Classes(
        4,
        wnids=("n00000001", "n00000002", "n00000003", "n00000004"),
        names=("tench, Tinca tinca", "tabby, tabby cat", "crane", "crane"),
        synonyms=(("doctor fish",), (), (), ()),
    ),
    "ids": Classes(3),
    "mugs": Classes(3, wnids=("n00000001", "n00000002", "n00000003"), names=("cup", "mug, beaker", "pot")),
    "pets": Classes(2, names=("cat", "dog")),
    "numbers": Classes(3, names=("0", "1", "other")),
}
# A call is a line with reader, file name, content, options and code; the indented message follows.
CALL = re.compile(r'(\w+) (\S+) ("(?:[^"\\]|\\.)*")(?: (\{.*\}))?: (\S+)\n((?:    .*\n)+)')


@pytest.mark.parametrize(
    "call", list(CALL.finditer(Path(__file__).with_name("messages.txt").read_text())), ids=lambda call: call[1]
)
@pytest.mark.filterwarnings("ignore::reassess.errors.ReassessWarning")
def test_codes_and_messages_are_as_written(call: re.Match[str], file: File, tmp_path: Path) -> None:
    reader, name, content, options, code, text = call.groups()
    arguments = json.loads(options or "{}")
    if "classes" in arguments:
        arguments["classes"] = CLASSES[arguments["classes"]]
    path = file(name, json.loads(content))
    face = formats if reader == "read_hierarchy" else reassess
    with pytest.raises(ReassessError) as caught:
        getattr(face, reader)(path, **arguments)
    assert caught.value.code == code
    message = re.sub("^    ", "", text, flags=re.MULTILINE).strip()
    assert str(caught.value).replace(str(tmp_path), "DIR") == message
