"""Predictions in tables: headings, the output of timm's inference script, and errors."""

import io
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes
from reassess.errors import DataError
from reassess.formats import read_predictions
from reassess.formats.predictions.id_columns import _unquote as unquote
from reassess.formats.predictions.id_columns import parse_lists
from tests.helpers import File, Needs, Refused

CLASSES = Classes(4, ("n01", "n02", "n03", "n04"), ("tench, Tinca tinca", "crane", "crane", "jack-o'-lantern"))


def content_of(predictions: Any) -> Any:
    """Return how the file was understood, the images, and the ids or scores."""
    return (
        predictions.detected_format,
        predictions.images,
        (predictions.ids if predictions.scores is None else predictions.scores).tolist(),
    )


# --- headings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heading", ["image", "file_name", "filename", "name", "path", "index"])
@pytest.mark.parametrize("ids", ["prediction", "predicted_class", "pred", "label", "top1"])
def test_every_heading_of_names_and_ids_is_read(file: File, heading: str, ids: str) -> None:
    path = file("p.csv", f"{ids},{heading}\n3,a.png\n0,b.png\n")
    expected = (f"csv, image names from {heading!r}, top-1 ids from {ids!r}", ("a.png", "b.png"), [[3], [0]])
    assert content_of(read_predictions(path, CLASSES)) == expected


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_every_table_format_is_read(tmp_path: Path, suffix: str) -> None:
    table = pl.DataFrame({"image": ["00012", "a, b"], "prediction_2": [0, 1], "prediction_1": [3, 2]})
    path = tmp_path / f"p.{suffix}"
    write = {"csv": table.write_csv, "jsonl": table.write_ndjson, "parquet": table.write_parquet}
    write.get(suffix, lambda path: table.write_csv(path, separator="\t"))(path)
    assert content_of(read_predictions(path, CLASSES)) == (
        f"{suffix}, image names from 'image', top-2 ids from 'prediction_1' to 'prediction_2'",
        ("00012", "a, b"),
        [[3, 0], [2, 1]],
    )


@pytest.mark.parametrize(
    "content",
    [
        "image,prediction\n00012,3\nb,0\n",
        "image,prediction\r\n00012,3\r\nb,0\r\n",
        "\ufeffimage,prediction\n00012,3\nb,0\n",
        '"image","prediction"\n"00012","3"\n"b","0"\n',
        "image,prediction\n00012,3.0\nb,0.0\n",
        ",image,prediction\n0,00012,3\n1,b,0\n",  # the index that pandas writes
        "image,prediction,label\n00012,3,1\nb,0,2\n",  # label is the true label
        "label,image,pred\n1,00012,3\n2,b,0\n",
        "image,prediction,label\n00012,3,tench\nb,0,n02\n",
        "image,label,prediction\n00012,1,n04\nb,2,n01\n",
        "image,index,prediction\n00012,0,n04\nb,1,n01\n",
        "image,index,top1\n00012,7,3\nb,8,0\n",
        "image,prediction,top1\n00012,3,3\nb,0,0\n",  # equal columns
        "image,prediction,pred\n00012,3,0.93\nb,0,0.4\n",  # pred is a confidence
        "image,path,prediction\n00012,00012,3\nb,b,0\n",
        "image,prediction,confidence,other\n00012,3,0.5,x\nb,0,0.1,y\n",
        "image,prediction\n00012,Jack-O'-Lantern\nb,n01\n",
        "image,predicted_class,pred\n00012,jack-o'-lantern,3\nb,tench,0\n",
    ],
)
def test_equivalent_tables_are_read_alike(file: File, content: str) -> None:
    predictions = read_predictions(file("p.csv", content), CLASSES)
    assert (predictions.images, predictions.class_ids.tolist(), predictions.output_class_ids) == (
        ("00012", "b"),
        [[3], [0]],
        None,
    )


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt64, pl.Float32, pl.Decimal(10, 0), pl.String, pl.Categorical])
def test_ids_of_every_dtype_are_read(tmp_path: Path, dtype: Any) -> None:
    ids = pl.Series(["3", "0"]).cast(dtype)
    pl.DataFrame({"image": ["a", "b"], "prediction": ids}).write_parquet(tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet").class_ids.tolist() == [[3], [0]]


@pytest.mark.parametrize("dtype", [pl.List(pl.Int64), pl.List(pl.Float64), pl.Array(pl.Int16, 2), pl.List(pl.String)])
def test_lists_of_ids_are_best_first(tmp_path: Path, dtype: Any) -> None:
    ids = pl.Series([[3, 0], [1, 2]]).cast(dtype)
    pl.DataFrame({"image": ["a", "b"], "prediction": ids}).write_parquet(tmp_path / "p.parquet")
    assert content_of(read_predictions(tmp_path / "p.parquet")) == (
        "parquet, image names from 'image', top-2 ids from 'prediction'",
        ("a", "b"),
        [[3, 0], [1, 2]],
    )


# --- scores ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headings", ["0,1,2,3", "n01,n02,n03,n04", "tench,n02,2,jack-o'-lantern"])
def test_score_columns_are_named_by_id_wnid_or_name(file: File, headings: str) -> None:
    path = file("p.csv", f"image,{headings}\na,0.5,-inf,1,inf\nb,1,2,3,4\n")
    assert content_of(read_predictions(path, CLASSES)) == (
        "csv, image names from 'image', scores from a column per class, 4 classes",
        ("a", "b"),
        [[0.5, -np.inf, 1, np.inf], [1, 2, 3, 4]],
    )


def test_score_columns_may_have_any_order(file: File) -> None:
    predictions = read_predictions(file("p.csv", "n03,image,n01,n02,n04\n0.1,a,0.2,0.3,0.4\n"), CLASSES)
    assert predictions.output_class_ids.tolist() == [2, 0, 1, 3]
    assert predictions.top_classes(4)[0].tolist() == [[3, 1, 0, 2]]


def test_columns_that_are_not_classes_are_ignored_and_named(file: File) -> None:
    predictions = read_predictions(file("p.csv", ",image,split,n01,n02,wolf\n0,a,val,2,3,1\n1,b,val,3,2,1\n"), CLASSES)
    assert content_of(predictions) == (
        "csv, image names from 'image', scores from a column per class, 2 classes; "
        "3 columns ignored (unknown class): column 1, split, wolf",
        ("a", "b"),
        [[2, 3], [3, 2]],
    )
    assert predictions.max_k == 2


def test_single_precision_scores_keep_their_type(tmp_path: Path) -> None:
    columns = {str(i): pl.Series([0.1], dtype=pl.Float32) for i in range(4)}
    pl.DataFrame({"image": ["a"], **columns}).write_parquet(tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet", CLASSES).dtype == "float32"


@pytest.mark.parametrize("nan", ["nan", "NaN"])
def test_nan_scores_are_kept(file: File, nan: str) -> None:
    predictions = read_predictions(file("p.csv", f"image,0,1,2,3\na,{nan},1,2,3\n"), CLASSES)
    assert predictions.output_class_ids.tolist() == [0, 1, 2, 3]
    assert np.isnan(predictions.scores).tolist() == [[True, False, False, False]]


# --- a list of outputs ----------------------------------------------------------------------------------------------

OUTPUTS = ["n04", "background", "n01"]


@pytest.mark.parametrize(
    ("content", "best"),
    [
        ("image,prediction\na,0\nb,2\n", [3, 0]),
        ("image,prediction\na,n01\nb,jack-o'-lantern\n", [0, 3]),  # names do not need the list
        ("image,0,1,2\na,1,9,0\nb,0,9,1\n", [3, 0]),
        ("image,prob\na,[1 9 0]\nb,[0 9 1]\n", [3, 0]),
        ("image,logit_0,logit_1,logit_2\na,1,9,0\nb,0,9,1\n", [3, 0]),
        ("image,n01,n02\na,1,0\nb,0,1\n", [0, 1]),
        ("image,index,label\na,0,n04\nb,2,n01\n", [3, 0]),
    ],
)
def test_numbers_are_outputs_with_a_list_of_outputs(file: File, content: str, best: list[int]) -> None:
    predictions = read_predictions(file("p.csv", content), CLASSES, outputs=OUTPUTS)
    assert predictions.top_classes(1)[0][:, 0].tolist() == best


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("image,prediction\na,0\nb,3\n", "out-of-range at p.csv, image b"),
        ("image,0,1,2,3\na,1,2,3,4\n", "wrong-outputs at p.csv"),
        ("image,prob\na,[1 2]\n", "wrong-outputs at p.csv"),
    ],
)
def test_numbers_beyond_the_list_of_outputs_raise(refused: Refused, file: File, content: str, expected: str) -> None:
    assert refused(read_predictions, file("p.csv", content), CLASSES, outputs=OUTPUTS) == expected


# --- the output of timm's inference script --------------------------------------------------------------------------

IMAGES = ["ILSVRC2012_val_00000001.JPEG", "00012.png"]
NAMES = ["tench, Tinca tinca", "crane", "crane", "jack-o'-lantern"]
TOP = np.array([[3, 0], [0, 3]])
PROBS = np.array([[0.9, 1.5e-5], [0.75, 0.25]], np.float32)


def frame(top_k: int, *, index: bool = True, label: Any = True, separate: bool = False, output: Any = "prob") -> Any:
    """Make the data frame of the script from its options."""
    import pandas as pd

    ids, outputs = TOP[:, :top_k], PROBS[:, :top_k]
    labels = np.array(NAMES, object)[ids]
    parts = {"index": ids if index else None, "label": labels if label else None, output: outputs}
    columns = {"filename": IMAGES}
    for name, values in parts.items():
        if values is None:
            continue
        if separate and top_k > 1:
            columns |= {f"{name}_{i}": values[:, i] for i in range(top_k)}
        else:
            columns[name] = list(values.squeeze(-1) if top_k == 1 else values)
    return pd.DataFrame(columns)


def save(table: Any, path: Path, layout: str) -> Path:
    """Save a data frame like the script."""
    by_name = table.set_index("filename")
    if layout == "parquet":
        by_name.to_parquet(path)
    elif layout == "json":
        by_name.to_json(path, indent=4, orient="index")
    elif layout == "json-records":
        table.to_json(path, lines=True, orient="records")
    elif layout == "json-split":
        table.to_json(path, indent=4, orient="split", index=False)
    else:
        table.to_csv(path, index=False)
    return path


LAYOUTS = {"csv": "csv", "parquet": "parquet", "json": "json", "json-records": "json", "json-split": "json"}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize(("index", "label"), [(True, True), (True, False), (False, True)])
def test_every_output_of_timms_inference_script_is_read(
    needs: Needs, tmp_path: Path, layout: Any, separate: bool, top_k: int, index: bool, label: bool
) -> None:
    needs("pandas")
    if layout == "parquet":
        needs("pyarrow")
    suffix = LAYOUTS[layout]
    table = frame(top_k, index=index, label=label, separate=separate)
    predictions = read_predictions(save(table, tmp_path / f"p.{suffix}", layout), CLASSES)
    heading = "index" if index else "label"
    column = f"'{heading}_0' to '{heading}_1'" if separate and top_k > 1 else repr(heading)
    assert content_of(predictions) == (
        f"{suffix}, image names from 'filename', top-{top_k} ids from {column}",
        tuple(IMAGES),
        TOP[:, :top_k].tolist(),
    )


def test_list_over_several_lines_is_read(file: File) -> None:
    content = 'filename,label,prob\na,"[""jack-o\'-lantern""\n \'tench, Tinca tinca\']","[9.e-01\n 1.e-02]"\n'
    assert read_predictions(file("p.csv", content), CLASSES).class_ids.tolist() == [[3, 0]]


@pytest.mark.parametrize("name", ["plain", "it's", 'say "hi"', """it's "both" """, "back\\slash", "a, b", "[c]", "1"])
def test_quoted_names_in_a_list_as_text_are_read(file: File, name: str) -> None:
    names = parse_lists(pl.Series([str([name, "other"])]))
    assert [unquote(entry) for entry in names[0]] == [name, "other"]


@pytest.mark.parametrize("output", ["prob", "logit"])
@pytest.mark.parametrize("separate", [False, True])
def test_scores_of_all_outputs_are_read(file: File, output: str, separate: bool) -> None:
    """The script writes them with --topk 0."""
    content = f"filename,{output}\na,[9.0e-01 1.0e-02 3. -4.5]\n"
    if separate:
        content = f"filename,{','.join(f'{output}_{i}' for i in range(4))}\na,9.0e-01,1.0e-02,3.,-4.5\n"
    predictions = read_predictions(file("p.csv", content), CLASSES)
    kind = "scores from a column per class, 4 classes" if separate else f"scores of 4 outputs from {output!r}"
    assert content_of(predictions) == (f"csv, image names from 'filename', {kind}", ("a",), [[0.9, 0.01, 3.0, -4.5]])


def test_index_that_counts_rows_is_ignored(file: File) -> None:
    rows = "".join(f"{row},{row}.png,n0{1 + row % 4}\n" for row in range(12))
    predictions = read_predictions(file("p.csv", "index,filename,label\n" + rows), CLASSES)
    assert predictions.class_ids[:, 0].tolist() == [0, 1, 2, 3] * 3


@pytest.mark.parametrize(
    "content", ['{"filename":"a","index":3}\n', '{"a":{"index":3}}', '{"a":{"index":3,"prob":0.5}}\n']
)
def test_json_of_one_image_is_read(file: File, content: str) -> None:
    predictions = read_predictions(file("p.json", content), CLASSES)
    assert (predictions.images, predictions.class_ids.tolist()) == (("a",), [[3]])


@pytest.mark.parametrize(
    "content",
    [
        "[1, 2]",
        '[{"filename": "a", "index": 1}]',
        '{"a": 1, "b": 2}',
        "{}",
        "7",
        '{"columns": ["filename", "index"], "data": [["a", 1, 2], ["b"]]}',
        '{"columns": 3, "data": [["a", 1]]}',
        '{"columns": ["filename", []], "data": [["a", 1]]}',
        '{"columns": ["filename", {}], "data": [["a", 1]]}',
        '{"columns": ["filename"], "data": 3}',
        '{"filename": "a"}\n{"filename": 7, "index": {"b": [1]}}}\n',
        f'{{"a": {{"index": {10**400}}}}}',
    ],
)
def test_json_of_another_structure_raises(refused: Refused, file: File, content: str) -> None:
    assert refused(read_predictions, file("p.json", content), CLASSES) == "wrong-json at p.json"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": {"index": 1}, "b": {"ind', "not-json at p.json"),
        (json.dumps({"a": {"index": 1}})[:-1] + ', "a": {"index": 2}}', "duplicate-name at p.json"),
        ('{"columns": ["filename", "index"], "data": []}', "empty-file at p.json"),
    ],
)
def test_damaged_json_raises(refused: Refused, file: File, content: Any, expected: str) -> None:
    assert refused(read_predictions, file("p.json", content), CLASSES) == expected


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("image,prediction\na,1\nb,2\na,3\n", "duplicate-image at p.csv, the predictions"),
        ("image,prediction\na,1\n,2\n", "missing-value at p.csv, line 3, column image"),
        ("image,prediction\na,1\nb,\n", "missing-value at p.csv, line 3, column prediction"),
        ("image,prediction\na,1\nb\n", "wrong-row at p.csv, line 3"),
        ("image,prediction,prediction\na,1,2\n", "duplicate-name at p.csv"),
        ("image,prediction\na,1.5\n", "not-a-number at p.csv, line 2, column prediction"),
        ("image,prediction\na,-1\n", "out-of-range at p.csv, image a"),
        ("image,prediction\na,lynx\nb,wolf\n", "unknown-class at p.csv, column prediction"),
        ("image,prediction\na,1\nb,wolf\n", "unknown-class at p.csv, column prediction"),
        ("image,prediction\na,n01\nb,7\n", "unknown-class at p.csv, column prediction"),
        ("image,prediction\na,n01\nb,crane\n", "duplicate-class at p.csv, column prediction"),
        ("image,label,top1\na,1,1\nb,2,3\n", "ambiguous-column at p.csv, line 3"),
        ("image,index,label\na,0,n03\n", "ambiguous-column at p.csv, line 2"),
        ("image,label,0,1,2,3\na,1,.1,.2,.3,.4\n", "ids-and-scores at p.csv"),
        ("image,prediction_1,prediction_2\na,1,2\nb,3,3\n", "duplicate-class at p.csv, image b"),
        ("image,prediction\na,[1 2]\nb,[3 x]\n", "unknown-class at p.csv, column prediction"),
        ("image,0,1,2,3\na,,1,2,3\n", "missing-value at p.csv, line 2, column 0"),
        ("image,0,1,2,3\na,0,1,2,3\nb,0,1,x,3\n", "not-a-number at p.csv, line 3, column 2"),
        ("image,0,1,2,3,4\na,0,1,2,3,4\n", "unknown-class at p.csv"),
        ("filename,prob_0,prob_1\na,0.9,0.1\n", "wrong-outputs at p.csv"),  # the classes of the two outputs are unknown
        ("image,wolf,cat\na,1,2\n", "missing-column at p.csv"),
        ("filename,prob\na,0.5\n", "missing-column at p.csv"),
        ("image, prediction\na,1\n", "missing-column at p.csv"),
    ],
)
def test_ambiguous_or_invalid_table_raises(refused: Refused, file: File, content: str, expected: Any) -> None:
    assert refused(read_predictions, file("p.csv", content), CLASSES) == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pl.Series([True, False]), "not-a-number at p.parquet, row 1, column pred"),
        (pl.Series([1.0, float("nan")]), "not-a-number at p.parquet, row 2, column pred"),
        (pl.Series([1, 2**64 - 1], dtype=pl.UInt64), "out-of-range at p.parquet, row 2, column pred"),
        (pl.Series([[1, 2], [3, None]]), "missing-value at p.parquet, row 2, column pred"),
        (pl.Series([[1, 2], None]), "missing-value at p.parquet, row 2, column pred"),
        (pl.Series([[1.0, 2.0], [0.0, 2.5]]), "not-a-number at p.parquet, row 2, column pred"),
        (pl.Series([{"a": 1}, {"a": 2}]), "wrong-type at p.parquet, column pred"),
    ],
)
def test_column_of_wrong_type_raises(refused: Refused, tmp_path: Path, column: Any, expected: str) -> None:
    pl.DataFrame({"image": ["a", "b"], "pred": column}).write_parquet(tmp_path / "p.parquet")
    assert refused(read_predictions, tmp_path / "p.parquet") == expected


def test_names_option_raises_for_a_table(refused: Refused, file: File) -> None:
    path = file("p.csv", "image,prediction\na,tench\n")
    assert refused(read_predictions, path, CLASSES, image_names=["b"]) == "unused-option at p.csv"


# --- damage ---------------------------------------------------------------------------------------------------------

WHOLE = pl.DataFrame({"image": ["a.png", "b, c.png", 'd"e.png'], "prediction": [3, 0, 1]})


def content(suffix: str) -> Any:
    file = io.BytesIO()
    if suffix == ".json":
        return json.dumps({row["image"]: {"index": row["prediction"]} for row in WHOLE.rows(named=True)}).encode()
    write = {".csv": WHOLE.write_csv, ".jsonl": WHOLE.write_ndjson, ".parquet": WHOLE.write_parquet}
    write[suffix](file)
    return file.getvalue()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".json"])
@given(st.data())
def test_damaged_file_is_read_or_raises_data_error(scratch: Path, suffix: str, data: Any) -> None:
    damaged = bytearray(content(suffix))
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    path = scratch / f"damaged{suffix}"
    path.write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    with suppress(DataError):
        read_predictions(path, CLASSES)
