"""Difficult values for readers, drawn by Hypothesis."""

from typing import Any

from hypothesis import strategies as st

TEXTS = (
    *("", " ", "a.png", "A.PNG", "d/a.png", "ILSVRC2012_val_00000001.JPEG", "n01440764", "cat", "Cat", "dog", "cow"),
    *("no", "maybe", "yes", "valid", "unclear", "wrong", "problematic", "true", "null", "-", "ann", "?"),
    *("0", "1", "2", "3", "00012", "-1", "1.0", "0.5", "25,6", "1_000", "1e400", "nan", "-inf", "0x1", "9" * 400),
    *("2147483646", "2147483647", "2147483648", "4294967296", "-2147483648", "-2147483649", "2147483647.0", "2.2e9"),
    *("9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e18", "1e19"),
    *("-9223372036854775808", "-9223372036854775809", "\u0661", "\uff11", "/", "/a.png", "/tmp/a.png", "//a.png"),
    *(
        "../a",
        "\xe9",
        "e\u0301",
        "\u202e",
        "\x00",
        "\x1b[31m",
        "\n",
        "\r",
        "\u2028",
        '"',
        "'x'",
        ",",
        ";",
        "\t",
        "\\",
        "$1",
    ),
    *("[0 1]", "['cat' 'dog']", "[]", "[", "{}", "{a}", "0, 1", "cat;dog", "<b>", "<script>", "[red]", "../a"),
    "x" * 300,
)
NUMBERS = (
    *(0, 1, 2, 3, -1, 0.5, 1.0, -0.0, 0.1, 1e-320, 1e308, float("inf"), float("-inf"), float("nan")),
    *(255, 65536, 2**53 + 1, 1e18, 2.0**31, 2.0**63, 10**30),
    *(sign * 2**power for sign in (1, -1) for power in (31, 63)),
    *(2**31 - 2, 2**31 - 1, 2**32, 2**32 - 1, -(2**31) - 1, 2**63 - 1, -(2**63) - 1, 2**64 - 1, 2**64),
)
# Class ids that fit in int32, only in int64, or in neither.
LARGE_IDS = (2**31 - 2, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -1)
HEADINGS = (
    *("image", "class", "rater", "answer", "item", "task", "worker", "label", "question", "score", "probability"),
    *("golden", "count", "seconds", "prediction", "prediction_1", "prediction_2", "top1", "index", "filename", "path"),
    *("name", "id", "wnid", "synonyms", "group", "also", "model", "original", "real", "img_size", "top1_diff"),
    *("valid", "proposed_labels", "is_problematic", "Image Number", "Correct ID", "score_1", "column 1", "0", "1"),
)

texts = st.sampled_from(TEXTS) | st.text(max_size=4)
values: st.SearchStrategy[Any] = st.sampled_from((None, True, False, *NUMBERS, *TEXTS)) | texts | st.floats()
