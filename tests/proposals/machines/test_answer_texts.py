"""Reading answers from texts."""

import pytest

from reassess.proposals.machines.answer_texts import MISSING, OFF_THE_LIST, read_answer, read_task_answers

TEXTS = {
    '{"answer": "yes"}': "yes",
    ' {"Answer": " Maybe "}\n': "maybe",
    '{"reason": "a tail", "answer": "no"}': "no",
    '{"1": "no"}': "no",
    '{"answer": {"answer": "yes"}}': "yes",
    '"yes"': "yes",
    "YES": "yes",
    "**No.**": "no",
    '["yes"]': "yes",
    "Yes, the tail of a cat.": "yes",
    "No\nThe image shows a dog.": "no",
    "I see a tail.\n**Answer:** yes": "yes",
    "The answer is maybe.": "maybe",
    '```json\n{"answer": "no"}\n```': "no",
    'Is it a cat? {"answer": "no"}</think>\n\n{"answer": "yes"}': "yes",
    "<think>yes</think>": OFF_THE_LIST,
    # These could mean anything.
    "": OFF_THE_LIST,
    "no doubt": OFF_THE_LIST,
    "I cannot say no.": OFF_THE_LIST,
    "Yes, but the answer is no": OFF_THE_LIST,
    "yes and no": OFF_THE_LIST,
    "I'm sorry, but I can't help with that.": OFF_THE_LIST,
    '{"answer": "probably"}': OFF_THE_LIST,
    '{"answer": true}': OFF_THE_LIST,
    '{"answer": "yes", "answer": "no"}': OFF_THE_LIST,
    '{"cat": "yes", "dog": "no"}': OFF_THE_LIST,
    '{"answer": "yes"': OFF_THE_LIST,
    "[" * 100_000: OFF_THE_LIST,
    "banana": OFF_THE_LIST,
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:30])
def test_answer_is_read_by_rules(text: str) -> None:
    assert read_answer(text) == TEXTS[text]


TASK_TEXTS = {
    '{"1": "yes", "2": "no", "3": "maybe"}': ["yes", "no", "maybe"],
    '{"3": "maybe", "1": "yes", "2": "no"}': ["yes", "no", "maybe"],
    '{"Dog": "no", "cat": "YES", "tiger cat": "maybe"}': ["yes", "no", "maybe"],
    '{"answers": {"1": "yes", "2": "no", "3": "no"}}': ["yes", "no", "no"],
    '{"answers": ["yes", "no", "no"]}': ["yes", "no", "no"],
    '["yes", "no", "no"]': ["yes", "no", "no"],
    '["yes", "no"]': [MISSING] * 3,
    '{"1": "yes", "2": "banana"}': ["yes", OFF_THE_LIST, MISSING],
    '{"1": "yes", "4": "no"}': ["yes", MISSING, MISSING],
    "1. yes\n2) No, a wolf.\n**3:** maybe": ["yes", "no", "maybe"],
    "3. no\n1. yes": ["yes", MISSING, "no"],
    "1. yes\n1. no\n2. yes\n2. yes": [OFF_THE_LIST, "yes", MISSING],
    "1. there is no cat": [OFF_THE_LIST, MISSING, MISSING],
    "I'm sorry.": [MISSING] * 3,
    '{"answers": 3}': [MISSING] * 3,
}


@pytest.mark.parametrize("text", TASK_TEXTS, ids=lambda text: text[:30])
def test_answers_to_a_task_are_read_by_rules(text: str) -> None:
    assert read_task_answers(text, ["cat", "dog", "tiger cat"]) == TASK_TEXTS[text]


def test_names_that_two_classes_share_are_not_guessed() -> None:
    assert read_task_answers('{"crane": "yes"}', ["crane", "crane"]) == [MISSING, MISSING]
    assert read_task_answers('{"1": "yes", "2": "no"}', ["crane", "crane"]) == ["yes", "no"]
