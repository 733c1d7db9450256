"""Models of timm and torchvision with random weights: scores equal the libraries' scores."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reassess import ImageModel, ModelSource, Transform, predict
from reassess.errors import DataError, FetchError
from reassess.proposals import open_model
from reassess.proposals.torch_models import _timm_transform
from tests.helpers import Needs, code_of, fault_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def torch(needs: Needs) -> ModuleType:
    for package in ("torch", "timm", "torchvision", "PIL"):
        needs(package)
    import torch

    torch.set_num_threads(2)
    return torch


@pytest.fixture(scope="module")
def resnet(torch: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A small timm model with random weights, in plain.pth."""
    path = tmp_path_factory.mktemp("weights") / "plain.pth"
    torch.save(build("timm", "resnet18", 5).state_dict(), path)
    return ModelSource("timm:resnet18", checkpoint=path)


def build(library: str, name: str, outputs: int) -> Any:
    import timm
    import torch
    import torchvision

    torch.manual_seed(0)
    make = timm.create_model if library == "timm" else torchvision.models.get_model
    return make(name, num_classes=outputs).eval()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory, torch: ModuleType) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for n, (height, width) in enumerate([(90, 120), (120, 90), (300, 300), (64, 64)]):
        low = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        low.resize((width, height), Image.Resampling.BICUBIC).save(folder / f"{n}.png")
    return folder


def own_scores(library: str, model: Any, photographs: Path, name: str) -> npt.NDArray[np.float32]:
    """Compute the scores with the library's own preprocessing."""
    import timm
    import torch
    import torchvision
    from PIL import Image

    if library == "timm":
        transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    else:
        transform = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    pictures = [transform(Image.open(path).convert("RGB")) for path in sorted(photographs.iterdir())]
    with torch.inference_mode():
        return np.asarray(model(torch.stack(pictures)))


@pytest.mark.parametrize(
    ("library", "name", "outputs"),
    [("timm", "resnet18", 1000), ("timm", "vit_tiny_patch16_224", 7), ("torchvision", "resnet18", 7)],
)
def test_scores_equal_scores_of_library(
    torch: ModuleType, photographs: Path, tmp_path: Path, library: str, name: str, outputs: int
) -> None:
    model = build(library, name, outputs)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    source = ModelSource(f"{library}:{name}", checkpoint=tmp_path / "weights.pth")
    predict([source], tmp_path / "out.npy", images=photographs, device="cpu")
    expected = own_scores(library, model, photographs, name)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=2e-3, atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("form", ["state_dict", "model", "module.", "safetensors"])
def test_checkpoints_of_every_form_are_read(torch: ModuleType, tmp_path: Path, resnet: ModelSource, form: str) -> None:
    from safetensors.torch import save_file

    def opened(path: str | Path) -> ImageModel:
        return open_model(ModelSource("timm:resnet18", checkpoint=path))

    weights = torch.load(resnet.checkpoint)
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pt")
    if form == "safetensors":
        save_file(weights, path)
    elif form == "module.":
        torch.save({f"module.{name}": tensor for name, tensor in weights.items()}, path)
    else:
        torch.save({form: weights, "epoch": 3}, path)
    assert opened(path).identifying_facts == open_model(resnet).identifying_facts
    weights["fc.bias"][3] += 1e-6
    torch.save(weights, tmp_path / "other.pth")
    assert (
        opened(tmp_path / "other.pth").identifying_facts["weights"] != open_model(resnet).identifying_facts["weights"]
    )


def test_transform_file_overrides_transform_of_model(tmp_path: Path, resnet: ModelSource) -> None:
    (tmp_path / "t.toml").write_text("size = 64\ncrop = 64\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\n")
    source = replace(resnet, transform=tmp_path / "t.toml")
    assert open_model(source).transform == Transform(64, (64, 64), (0, 0, 0), (1, 1, 1))
    for device in ("toaster", "cuda:77", "meta", "hpu", "", "cpu:x"):
        code, found = fault_of(open_model, resnet, device=device)
        assert (code, found.partition(": ")[0]) == ("unknown-device", device)


def test_configurations_of_all_timm_classifiers_are_supported(torch: ModuleType) -> None:
    """Pixels equal pixels of timm's own transform; other configurations need a transform file."""
    import timm
    from PIL import Image

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (333, 500, 3), np.uint8))
    kinds: dict[Any, dict[str, Any]] = {}
    for name in timm.list_pretrained():
        config = timm.get_pretrained_cfg(name)
        if config.num_classes:
            data = timm.data.resolve_data_config({}, pretrained_cfg=config.to_dict())
            kinds.setdefault((data["crop_mode"], data["interpolation"], data["crop_pct"]), data)
    assert len(kinds) > 20
    source = ModelSource("timm:any")
    for data in kinds.values():
        transform = _timm_transform(source, data)
        expected = timm.data.create_transform(**data, is_training=False)(picture).permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(transform.normalize(transform.resize_and_crop(picture)), expected)
    usual = {"input_size": (3, 224, 224), "crop_mode": "center", "crop_pct": 1.0}
    for change in ({"crop_mode": "border"}, {"input_size": (3, 224, 288)}, {"input_size": (1, 8, 8)}):
        data = usual | change
        found = f"input {data['input_size']}, crop {data['crop_mode']}"
        assert fault_of(_timm_transform, source, data) == ("no-transform", found)


@pytest.mark.parametrize("name", ["timm:resnet18.a1_in1k", "torchvision:resnet18"])
def test_missing_weights_offline_suggest_a_checkpoint(
    torch: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("REASSESS_OFFLINE", "1")
    with pytest.raises(FetchError) as caught:
        open_model(name)
    first, where, found, fix = str(caught.value).splitlines()
    assert (first, where) == ("weights of the model could not be downloaded", f"  where:   {name}")
    assert found.startswith("  found:   ")
    assert fix == "  fix:     checkpoint=FILE: weights from torch.save(model.state_dict(), FILE), or safetensors"
    assert "Downloading" not in capfd.readouterr().err


def no_route(*_: object, **__: object) -> None:
    raise OSError("no route")


def test_unreachable_hub_gets_one_request_and_prints_are_kept_out(
    torch: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requests: list[object] = []

    class Session:
        def head(self, address: str, *, timeout: float) -> None:
            requests.append((address, timeout <= 10))
            no_route()

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.utils.get_session", Session)
    assert code_of(open_model, "timm:resnet18.a1_in1k") == "download"
    assert requests == [("https://huggingface.co", True)]
    assert "Retrying" not in capsys.readouterr().err
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", no_route)
    assert code_of(open_model, "torchvision:resnet18") == "download"
    out, err = capsys.readouterr()
    assert (out, err.partition(":")[0]) == ("", "Downloading")


@pytest.mark.parametrize(
    ("library", "near"),
    [
        ("timm", "timm:resnet18 or timm:resnet18d or timm:skresnet18"),
        ("torchvision", "torchvision:resnet18 or torchvision:resnet152 or torchvision:resnet101"),
    ],
)
def test_unknown_model_raises_with_similar_names(torch: ModuleType, library: str, near: str) -> None:
    with pytest.raises(DataError) as caught:
        open_model(f"{library}:resnt18")
    assert caught.value.code == "unknown-model"
    assert near in str(caught.value.fix)


LACKING = "missing: bn1.bias, bn1.num_batches_tracked, bn1.running_mean and 117 more; unexpected: none"


@pytest.mark.parametrize(
    ("held", "code", "found"),
    [
        (lambda _: Path(), "unreadable-file", "other Python objects"),
        (lambda _: [1, 2], "wrong-weights", "list"),
        (
            lambda model: {**model, "more.weight": model["fc.bias"]},
            "wrong-weights",
            "missing: none; unexpected: more.weight",
        ),
        (lambda model: {name: model[name] for name in ("fc.weight", "fc.bias")}, "wrong-weights", LACKING),
    ],
)
def test_file_without_weights_of_model_raises(
    torch: ModuleType, tmp_path: Path, resnet: ModelSource, held: Callable[[Any], Any], code: str, found: str
) -> None:
    torch.save(held(torch.load(resnet.checkpoint)), tmp_path / "w.pth")
    assert fault_of(open_model, replace(resnet, checkpoint=tmp_path / "w.pth")) == (code, found)
