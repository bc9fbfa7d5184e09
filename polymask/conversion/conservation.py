"""Whether a run lost anything: annotations declared = painted + joined + left out, by instance.

An instance is painted where pixels of the mask have its label's value, were nothing else on top.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from polymask.formats import Annotations
from polymask.labels.label_map import LabelMap
from polymask.ledger import FAILED, NO_PIXEL, NOT_CHOSEN, OTHER_IMAGES, Reason, nothing_painted
from polymask.model import ImageRecord
from polymask.painting.painting import Painting
from polymask.results import Report

if TYPE_CHECKING:
    from polymask.outcome import Outcome

NOT_IN_MAP = Reason("label", "a label that is not in the label map")
CROWD = Reason("crowd", "a crowd, left out by --crowd skip")
BACKGROUND = Reason("background", "painted as background")
VOID = Reason("void", "painted as void")


def account(outcome: "Outcome", declared: ImageRecord, painting: Painting, *, is_drawn: bool = True) -> None:
    """Tell an outcome which of the declared instances its image's mask shows, and why the others not.

    With `is_drawn` False only labels and rules are asked: the mask is there, its polygons are gone.
    """
    left_out = _not_chosen(declared, painting.record, painting.label_map)
    if skipped := len(painting.record.instances) - len(painting.instances):
        left_out[CROWD] += skipped
    values = np.array(painting.values, np.int64)
    background, void = values == painting.label_map.background, values == painting.label_map.void
    empty = (painting.empty if is_drawn else np.zeros(len(values), bool)) & ~background
    left_out += Counter(
        {
            BACKGROUND: int(background.sum()),
            NO_PIXEL: int(empty.sum()),
            VOID: int((void & ~empty).sum()),
        }
    )
    outcome.left_out = left_out
    outcome.painted = len(declared.instances) - left_out.total()


def _not_chosen(declared: ImageRecord, chosen: ImageRecord, label_map: LabelMap) -> Counter[Reason]:
    if len(declared.instances) == len(chosen.instances):
        return Counter()
    labels = Counter(instance.label for instance in declared.instances)
    labels -= Counter(instance.label for instance in chosen.instances)
    left_out: Counter[Reason] = Counter()
    for label, count in labels.items():
        left_out[NOT_CHOSEN if label in label_map else NOT_IN_MAP] += count
    return left_out


def close(
    report: Report, annotations: Annotations, indices: Sequence[int], *, shows_void: bool, part: bool = False
) -> None:
    """Add what the source's ledger tells of the images of a run, and judge whether anything was painted.

    `shows_void` where the layout's masks have pixels for what is painted as void; a `part` of a run,
    which may have no image of what is chosen, is not judged for it.
    """
    ledger = annotations.ledger
    if ledger is None:
        return
    chosen: Collection[int] = range(len(annotations.names))
    if len(indices) < len(annotations.names):
        chosen = set(indices)
        outside = sum(ledger.declared_of(i) for i in range(len(annotations.names)) if i not in chosen)
        report.left_out[OTHER_IMAGES] += outside
    names = {failure.name for failure in report.failures}
    failed = {index for index in indices if annotations.names[index] in names} if names else set()
    report.left_out[FAILED] += sum(ledger.of_image[i] + ledger.joined_in.get(i, 0) for i in failed)
    for reason, images in ledger.left_out.items():
        report.left_out[reason] += sum(count for image, count in images.items() if image in chosen)
    report.left_out += ledger.of_no_image
    report.joined = sum(n for i, n in ledger.joined_in.items() if i in chosen and i not in failed)
    report.declared = ledger.declared
    if not (part and (report.left_out[NOT_CHOSEN] or report.left_out[CROWD])):
        _judge(report, shows_void=shows_void)


def _judge(report: Report, *, shows_void: bool) -> None:
    asked = (report.declared or 0) - report.left_out[OTHER_IMAGES]
    shown = report.painted + (report.left_out[VOID] if shows_void else 0)
    if asked and not shown and not report.failures:
        report.nothing_painted = nothing_painted(asked, report.left_out - Counter({OTHER_IMAGES: asked}))
        report.exit_code = max(report.exit_code, 1)


def refuse_nothing(report: Report, annotations: Annotations) -> None:
    """Tell a report of a source none of whose annotations is an instance that it painted nothing."""
    ledger = annotations.ledger
    if ledger and ledger.declared and not ledger.instances:
        report.nothing_painted = nothing_painted(ledger.declared, ledger.omitted)
        report.exit_code = max(report.exit_code, 1)
