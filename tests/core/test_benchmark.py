"""The order of a benchmark's images by class folder."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reassess.core import Classes, LabelSets, class_folder_order
from reassess.core.image_names import validation_image_names
from tests.helpers import write_files


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_class_folder_order_does_not_depend_on_label_order(classes: list[int], random: Random) -> None:
    images = validation_image_names()[: len(classes)]
    pairs = list(zip(images, classes, strict=True))
    expected = [image for image, _ in sorted(pairs, key=lambda pair: (pair[1], pair[0]))]
    random.shuffle(pairs)
    shuffled = LabelSets.from_lists([image for image, _ in pairs], [[class_id] for _, class_id in pairs])
    assert [shuffled.images[row] for row in class_folder_order(shuffled)] == expected


def test_class_folder_order_of_imagenet_does_not_depend_on_spelling(real_original: LabelSets) -> None:
    rows = np.random.default_rng(0).permutation(len(real_original))
    names = [f"val/x/{real_original.images[row]}" for row in rows]
    shuffled = LabelSets.from_lists(names, [[class_id] for class_id in real_original.indices[rows].tolist()])
    expected = [f"val/x/{real_original.images[row]}" for row in class_folder_order(real_original)]
    assert [names[row] for row in class_folder_order(shuffled)] == expected


def list_class_folders(root: Path) -> list[str]:
    """List the files in class folders as torchvision's ImageFolder does."""
    return [f"{folder.name}/{file.name}" for folder in sorted(root.iterdir()) for file in sorted(folder.iterdir())]


@given(
    st.dictionaries(st.sampled_from(["n10", "n2", "Zoo", "bee", "ant", "a b"]), st.integers(1, 3), min_size=2),
    st.randoms(),
)
def test_class_folder_order_equals_order_of_folder_reader(folders: dict[str, int], random: Random) -> None:
    """Folders are sorted by name for any order of the class list, also if image names have no folder."""
    with TemporaryDirectory() as place:
        for folder, images in folders.items():
            write_files(Path(place), {f"{folder}/{number}.png": "" for number in range(images)})
        expected = list_class_folders(Path(place))
    names = list(folders)
    random.shuffle(names)
    classes = Classes(len(names), names=tuple(names))
    shuffled = random.sample(expected, len(expected))
    original = LabelSets.from_lists(shuffled, [[names.index(name.split("/")[0])] for name in shuffled], classes)
    assert [shuffled[row] for row in class_folder_order(original)] == expected
    flat = original.with_images([name.replace("/", " ") for name in shuffled])
    assert [shuffled[row] for row in class_folder_order(flat)] == expected
