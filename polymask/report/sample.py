"""Which images are shown where there are too many: the same images on every run."""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256

from polymask.report.survey import ImageFacts

REASONS = 3  # worst conflicts, rarest labels, and what chance would show


def choose(facts: Sequence[ImageFacts], limit: int) -> dict[int, str]:
    """At most `limit` images by index, the most telling first, each with why it was chosen.

    A third has the worst conflicts, a third the rarest labels, the rest is drawn by the hash of
    the name. Where all fit, all are there.

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
    drawn = sorted(usable, key=lambda i: (sha256(facts[i].name.encode()).digest(), i))
    for index in drawn:
        if len(chosen) >= limit:
            break
        chosen.setdefault(index, "random")
    return _mixed(chosen)


def _rarest(facts: Sequence[ImageFacts], usable: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Images of the labels that fewest images have, those with most of its pixels first, in rounds."""
    having: dict[str, list[int]] = {}
    for index in usable:
        for label in facts[index].labels:
            having.setdefault(label, []).append(index)
    rarest = sorted(having, key=lambda label: (len(having[label]), label))
    for label in rarest:
        having[label].sort(key=lambda i: (-facts[i].pixels.get(label, 0), facts[i].name))
    for turn in range(max(map(len, having.values()), default=0)):
        yield from ((having[label][turn], label) for label in rarest if turn < len(having[label]))


def _mixed(chosen: dict[int, str]) -> dict[int, str]:
    """Each kind in turn, so that what is cut off for size leaves some of each."""
    kinds: Counter[str] = Counter()
    ranks = {}
    for index, why in chosen.items():
        kind = why.partition(":")[0]
        ranks[index] = (kinds[kind], kind)
        kinds[kind] += 1
    return {index: chosen[index] for index in sorted(chosen, key=lambda index: ranks[index])}
