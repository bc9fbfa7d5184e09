"""Chooses the images to show where there are too many; the choice is the same on every run."""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256

from polymask.report.survey import ImageFacts

REASONS = 3  # worst conflicts, rarest labels, and random


def choose(facts: Sequence[ImageFacts], limit: int) -> dict[int, str]:
    """At most `limit` images by index, the most informative first, each with the reason of its choice.

    A third has the worst conflicts, a third the rarest labels, and a third is drawn by the hash of
    the name. If all images fit, all are chosen.

    Examples:
        >>> choose([ImageFacts("a.jpg"), ImageFacts("b.jpg", contested=3)], 5)
        {1: 'conflict', 0: ''}
    """
    usable = [index for index, image in enumerate(facts) if not image.problem]
    contested = sorted(
        (i for i in usable if facts[i].contested), key=lambda i: (-facts[i].contested, facts[i].name)
    )
    if len(usable) <= limit:
        return dict.fromkeys(contested, "conflict") | {i: "" for i in usable if not facts[i].contested}
    share = limit // REASONS
    chosen = dict.fromkeys(contested[:share], "conflict")
    for index, label in _rarest(facts, usable):
        if len(chosen) >= 2 * share:
            break
        chosen.setdefault(index, f"rare: {label}")
    shuffled = sorted(usable, key=lambda i: (sha256(facts[i].name.encode()).digest(), i))
    for index in shuffled:
        if len(chosen) >= limit:
            break
        chosen.setdefault(index, "random")
    return _mixed(chosen)


def _rarest(facts: Sequence[ImageFacts], usable: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Images of the rarest labels, in rounds: in each, the next image of a label, most pixels first."""
    images_of: dict[str, list[int]] = {}
    for index in usable:
        for label in facts[index].labels:
            images_of.setdefault(label, []).append(index)
    rarest = sorted(images_of, key=lambda label: (len(images_of[label]), label))
    for label in rarest:
        images_of[label].sort(key=lambda i: (-facts[i].pixels.get(label, 0), facts[i].name))
    for turn in range(max(map(len, images_of.values()), default=0)):
        yield from ((images_of[label][turn], label) for label in rarest if turn < len(images_of[label]))


def _mixed(chosen: dict[int, str]) -> dict[int, str]:
    """The images with their reasons in turn, so that a cut for size keeps some of each."""
    kinds: Counter[str] = Counter()
    ranks = {}
    for index, reason in chosen.items():
        kind = reason.partition(":")[0]
        ranks[index] = (kinds[kind], kind)
        kinds[kind] += 1
    return {index: chosen[index] for index in sorted(chosen, key=lambda index: ranks[index])}
