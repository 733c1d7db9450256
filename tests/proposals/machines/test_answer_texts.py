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
    "Answer: yes": "yes",
    "My final answer is\n\n'yes'": "yes",
    "Is the answer yes? The answer is yes.": "yes",
    '{"reason": "There is no doubt.", "answer": "yes"}': "yes",
    "<think>There is no tail.</think>Yes, a cat.": "yes",
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
    '"no", "maybe" or "yes"': OFF_THE_LIST,
    "yes, no or maybe?": OFF_THE_LIST,
    "Yes, no.": OFF_THE_LIST,
    "Yes. There is no doubt.": OFF_THE_LIST,
    '["yes", "no"]': OFF_THE_LIST,
    "I do not think that the answer is yes.": OFF_THE_LIST,
    "It is not true that\tthe answer is yes": OFF_THE_LIST,
    '<think>The prompt says the answer is "yes"': OFF_THE_LIST,
    '<think>I am not sure.\nAnswer: "yes"': OFF_THE_LIST,
    "<think>a</think>\n<think>Yes, or": OFF_THE_LIST,
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
    '{"1": "yes", "2": null, "3": "no"}': ["yes", MISSING, "no"],
    "<think>\n1. yes\n2. no": [MISSING] * 3,
}


@pytest.mark.parametrize("text", TASK_TEXTS, ids=lambda text: text[:30])
def test_answers_to_a_task_are_read_by_rules(text: str) -> None:
    assert read_task_answers(text, ["cat", "dog", "tiger cat"]) == TASK_TEXTS[text]


def test_names_that_two_classes_share_are_not_guessed() -> None:
    assert read_task_answers('{"crane": "yes"}', ["crane", "crane"]) == [MISSING, MISSING]
    assert read_task_answers('{"1": "yes", "2": "no"}', ["crane", "crane"]) == ["yes", "no"]


DIGIT_TEXTS = {
    '{"7": "yes", "3": "no", "1": "maybe"}': ["yes", "no", "maybe"],
    '{"1": "maybe", "3": "no", "7": "yes"}': ["yes", "no", "maybe"],
    '{"1": "yes", "2": "no", "3": "maybe"}': ["yes", "no", "maybe"],
    '["yes", "no", "maybe"]': ["yes", "no", "maybe"],
    "1. yes\n2. no\n3. maybe": ["yes", "no", "maybe"],
    "7. yes\n3. no\n1. maybe": ["yes", "no", "maybe"],
    '{"3": "no", "1": "maybe"}': [OFF_THE_LIST] * 3,
    '{"7": "yes", "1": "no", "2": "maybe"}': [OFF_THE_LIST] * 3,
    "1. yes": [OFF_THE_LIST] * 3,
}


@pytest.mark.parametrize("text", DIGIT_TEXTS)
def test_names_that_are_digits_are_not_taken_for_positions(text: str) -> None:
    assert read_task_answers(text, ["7", "3", "1"]) == DIGIT_TEXTS[text]


def test_keys_that_are_names_and_positions_of_other_classes_are_not_guessed() -> None:
    text = '{"1": "yes", "2": "no"}'
    assert read_task_answers(text, ["2", "1"]) == [OFF_THE_LIST] * 2
    assert read_task_answers(text, ["1", "2"]) == ["yes", "no"]
