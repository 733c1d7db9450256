"""Candidates of simulated models, of which some are nearly copies of others, and some propose whatever they come by."""

import numpy as np

from reassess.proposals.proposed_pairs import Pairs

CLASSES = 10  # that are thought of, an image; the first is the original label


def simulated(seed: int, models: int, images: int, copies: int, noisy: int) -> tuple[Pairs, Pairs]:
    """All pairs, and the valid golden ones: half of the images are golden."""
    rng = np.random.default_rng(seed)
    own, pairs = models - copies, images * CLASSES
    image, is_original = np.repeat(np.arange(images), CLASSES), np.tile(np.arange(CLASSES) == 0, images)
    doubt, hard = rng.beta(1, 2, images), rng.random(pairs)
    skill, noise = rng.uniform(0.35, 0.9, own), rng.uniform(0.02, 0.15, own)
    noisiest = rng.choice(own, noisy, replace=False)
    skill[noisiest], noise[noisiest] = rng.uniform(0.3, 0.7, noisy), rng.uniform(0.3, 0.6, noisy)
    valid = rng.random(pairs) < np.where(is_original, 0.85, 0.12)
    seen = np.clip(skill * (1.3 - hard[:, None]), 0, 1)
    members = rng.random((pairs, own)) < np.where(valid[:, None], seen, noise * 2 * doubt[image][:, None])
    sends = rng.random((images, own)) < np.clip(0.1 + doubt[:, None] * np.where(noise > 0.25, 1.3, 0.5), 0, 1)
    copied, changed = rng.integers(0, own, copies), rng.choice([0, 0.01, 0.05], copies)
    members = np.hstack([members, members[:, copied] ^ (rng.random((pairs, copies)) < changed / 2)])
    sends = np.hstack([sends, sends[:, copied] ^ (rng.random((images, copies)) < changed)])
    order = rng.permutation(models)
    members, sends = members[:, order] | is_original[:, None], sends[image][:, order]
    golden = valid & (rng.random(images) < 0.5)[image]
    asked = members.any(axis=1) & sends.any(axis=1)
    kept = is_original[:, None]  # what is not sent keeps its original label
    return Pairs(members, sends).part(asked), Pairs(members | kept, sends | kept).part(golden)
