"""The settings in benchmark.json: reading, checks and updates."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reassess.data import update_benchmark
from reassess.data.benchmark_settings import read_settings
from tests.helpers import Refused


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("[]", "wrong-json at benchmark.json"),
        ('{"treshold": 1}', "unknown-name at benchmark.json"),
        ('{"threshold": true}', "wrong-type at benchmark.json, key threshold"),
        ('{"method": "EM"}', "unknown-name at benchmark.json, key method"),
        ('{"match": ["stem"]}', "unknown-name at benchmark.json, key match"),
        ('{"name": ""}', "wrong-type at benchmark.json, key name"),
        ('{"answers": ["ja", true]}', "wrong-type at benchmark.json, key answers"),
        ('{"stop": 0.5}', "wrong-type at benchmark.json, key stop"),
        ('{"stop": [0.9, 0.1]}', "wrong-syntax at benchmark.json, key stop"),
        ('{"threshold": 80}', "out-of-range at benchmark.json, key threshold"),
        ('{"threshold": NaN}', "out-of-range at benchmark.json, key threshold"),
        ('{"threshold": "0.8"}', "wrong-type at benchmark.json, key threshold"),
        ('{"threshold": [0.5]}', "wrong-type at benchmark.json, key threshold"),
        ('{"answers": ["ja"]}', "wrong-type at benchmark.json, key answers"),
        ('{"answers": ["ja", "ja"]}', "duplicate-name at benchmark.json, key answers"),
        ('{"made_from": {"scores": "0"}}', "wrong-type at benchmark.json, key made_from"),
        ('{"made_from": {"scores": {"votes": "0"}}}', "wrong-type at benchmark.json, key made_from"),
        (r'{"name": "\ud800"}', "invalid-text at benchmark.json"),
        ('{"name": "a", "name": "b"}', "duplicate-name at benchmark.json"),
    ],
)
def test_wrong_settings_raise(refused: Refused, tmp_path: Path, content: str, code: str) -> None:
    (tmp_path / "benchmark.json").write_text(content)
    assert refused(read_settings, tmp_path) == code


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(min_size=1).filter(str.strip),
        "threshold": st.floats(0, 1),
        "method": st.sampled_from(["calibrated", "em, pooling=2", "mean", "imagenet-real, original=false"]),
        "match": st.sampled_from(["path", "name", "stem"]),
        "answers": st.lists(st.integers() | st.text(), min_size=2, max_size=4, unique=True),
    },
)


@given(before=SETTINGS, after=SETTINGS)
def test_update_keeps_other_settings(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, object], after: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("pets")
    update_benchmark(folder, **before)
    update_benchmark(folder, **after)
    assert json.loads((folder / "benchmark.json").read_text(encoding="utf-8")) == before | after
    assert read_settings(folder) == before | after


def test_folder_without_settings_file_has_no_settings(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == {}


def test_wrong_update_keeps_the_file(refused: Refused, tmp_path: Path) -> None:
    update_benchmark(tmp_path, threshold=0.8)
    before = (tmp_path / "benchmark.json").read_bytes()
    assert refused(update_benchmark, tmp_path, threshold=8) == "out-of-range at benchmark.json, key threshold"
    assert (tmp_path / "benchmark.json").read_bytes() == before


def test_simultaneous_updates_are_all_kept(tmp_path: Path) -> None:
    def update(part: str) -> None:
        update_benchmark(tmp_path, made_from={part: {"votes": "0" * 64}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(update, map(str, range(40))))
    assert set(read_settings(tmp_path)["made_from"]) == set(map(str, range(40)))


def test_misspelled_settings_file_raises(refused_text: Refused, tmp_path: Path) -> None:
    (tmp_path / "Benchmark.json").write_text('{"threshold": 0.5}')
    expected = (
        "file name is almost the name of the settings file\n  where:   DIR\n  allowed: benchmark.json\n"
        "  found:   Benchmark.json\n  fix:     rename it to benchmark.json, or to a clearly different name"
    )
    assert refused_text(read_settings, tmp_path) == expected
    assert refused_text(update_benchmark, tmp_path, threshold=0.8) == expected


def test_dangling_link_raises(refused_text: Refused, tmp_path: Path) -> None:
    (tmp_path / "benchmark.json").symlink_to("gone.json")
    assert refused_text(read_settings, tmp_path) == (
        "link to a missing file\n  where:   DIR/benchmark.json\n  found:   gone.json\n  fix:     fix or remove the link"
    )
    (tmp_path / "gone.json").write_text('{"threshold": 0.5}')
    assert read_settings(tmp_path) == {"threshold": 0.5}
