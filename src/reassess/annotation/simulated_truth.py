"""What is true in a campaign that simulated raters try."""

from collections.abc import Callable
from random import Random

from reassess.annotation.store.campaigns import Campaign
from reassess.annotation.store.pictures import golden_truths, image_addresses
from reassess.core.labels import LabelSets
from reassess.errors import DataError

__all__ = ["truth_of_campaign"]


def truth_of_campaign(
    campaign: Campaign, labels: LabelSets | None = None, *, seed: int = 0
) -> Callable[[str, int], bool]:
    """Whether a class is valid, by the address of an image and the class id.

    Parameters
    ----------
    campaign
        The campaign.
    labels
        The valid classes of each image, in the campaign's list of classes; without them a class of which the truth is
        not known is valid as often as golden questions are, by chance.
    seed
        Of that chance.

    Raises
    ------
    DataError
        Labels lack an image of the campaign.
    """
    golden = golden_truths(campaign)
    share = sum(golden.values()) / len(golden) if golden else 0.5
    if labels is None:
        return lambda address, class_id: golden.get(
            (address, class_id), Random(f"{seed} {address} {class_id}").random() < share
        )
    valid = {}
    names = image_addresses(campaign)
    rows = labels.find(tuple(names.values()))
    for (address, name), row in zip(names.items(), rows.tolist(), strict=True):
        if row < 0:
            raise DataError(
                "the labels lack an image of the campaign", found=name, mend="give the labels of all images"
            )
        valid[address] = set(labels.indices[labels.indptr[row] : labels.indptr[row + 1]].tolist())
    return lambda address, class_id: class_id in valid[address]
