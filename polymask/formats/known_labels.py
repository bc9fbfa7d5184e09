"""The labels that annotations are painted with, and those that no table knows: one rule for all commands."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from polymask.errors import LabelError, naming
from polymask.formats import Annotations
from polymask.formats.options import ReadingOptions
from polymask.labels.as_label_map import Labels, as_label_map, is_path
from polymask.labels.label_map import LabelMap, from_categories, unknown_label
from polymask.labels.texts.name_lines import quoted
from polymask.model import ImageRecord, Skipped
from polymask.storage.remote.urls import located

MOST_SUGGESTIONS = 20  # labels that get a `did you mean`: each is compared with all labels of the map
_LISTED_ANEW = (
    "list all labels that shall be painted in a file for --labels, one a line, or leave it out with "
    "--skip-invalid"
)


def painted_labels(annotations: Annotations, labels: Labels | None, *, ids: str = "contiguous") -> LabelMap:
    """The label map that annotations are painted with: that of `labels`, else the source's own.

    A file that names the values of masks, or the numbers of classes, may give 0 or 255 to a label; in the
    masks that polymask paints, its labels then have contiguous values. Raises `LabelError` for other labels
    that make no map.
    """
    if labels is None:
        return from_categories(annotations.categories, ids=ids)
    try:
        return as_label_map(labels)
    except LabelError:
        if not annotations.named_by_labels:
            raise
        return from_categories(annotations.categories)


def missing_labels(annotations: Annotations, label_map: LabelMap, labels: Labels | None) -> Iterator[Skipped]:
    """The used labels that the label map of `labels`, else the source's own table, does not have."""
    table = "the source's own table of labels" if labels is None else "the label map"
    missing = ((name, instances) for name, instances in annotations.used.items() if name not in label_map)
    for number, (name, instances) in enumerate(missing):
        candidates = label_map.names if number < MOST_SUGGESTIONS else ()
        error = unknown_label(name, candidates, table=table)
        yield Skipped(name, f"{error} ({instances} instances)")


def missing_label(missing: Sequence[Skipped], labels: Labels | None) -> LabelError:
    """The error for the first of the labels that are missing."""
    name, reason = missing[0].name, missing[0].reason
    if labels is None:
        return LabelError(reason, advice=_LISTED_ANEW)
    return LabelError(
        reason,
        file=located(labels) if is_path(labels) else None,
        advice=f"add it to the --labels file, paint it as another there (`{quoted(name)} -> LABEL`), "
        "or leave it out with --skip-invalid",
    )


def with_known_labels(annotations: Annotations, options: ReadingOptions) -> Annotations:
    """The annotations, if all labels are known; with `skip_invalid`, without instances of unknown labels.

    Raises `LabelError` for an unknown label, which `convert` refuses too.
    """
    label_map = options.label_map or from_categories(annotations.categories)
    missing = list(missing_labels(annotations, label_map, options.labels))
    if not missing:
        return annotations
    if not options.skip_invalid:
        with naming(annotations.path):
            raise missing_label(missing, options.labels)
    return _without(annotations, missing)


def _without(annotations: Annotations, missing: Sequence[Skipped]) -> Annotations:
    """The annotations without the instances of some labels, which are listed as skipped."""
    names, decode = {label.name for label in missing}, annotations.decode

    def decoded(index: int) -> ImageRecord:
        record = decode(index)
        return replace(record, instances=tuple(i for i in record.instances if i.label not in names))

    return replace(
        annotations,
        decode=decoded,
        used={label: count for label, count in annotations.used.items() if label not in names},
        skipped=(*annotations.skipped, *missing),
        table=None,
        table_of=None,
    )
