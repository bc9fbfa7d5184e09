"""Planning the labels: which ones a conversion paints, and with which values."""

from collections.abc import Iterator
from dataclasses import replace

from polymask.conversion.options import ConvertOptions
from polymask.conversion.planning.problems import counted
from polymask.errors import InputError, no_such_label, unknown
from polymask.formats import Annotations
from polymask.formats.known_labels import missing_label, missing_labels, painted_labels
from polymask.labels.label_map import LabelMap
from polymask.model import ImageRecord, Skipped
from polymask.painting.label_choice import LabelChoice


def label_choice(annotations: Annotations, options: ConvertOptions) -> LabelChoice:
    """The label map of a run and its chosen labels; raises `LabelError` for an unknown label."""
    label_map = _label_map(annotations, options)
    known = {*annotations.used, *(name for name, _ in annotations.categories)}
    for name in (*options.only, *options.priority):
        if name not in known and name not in label_map:
            raise no_such_label(name, sorted(known))
    return LabelChoice(label_map=label_map, only=frozenset(options.only))


def _label_map(annotations: Annotations, options: ConvertOptions) -> LabelMap:
    if options.ids not in ("contiguous", "source"):
        raise unknown("ids", options.ids, ("contiguous", "source"))
    if options.labels is not None and options.ids == "source":
        raise InputError("--ids source and --labels are two ways to number labels", advice="leave one out")
    return painted_labels(annotations, options.labels, ids=options.ids)


def unknown_labels(
    annotations: Annotations, labels: LabelChoice, options: ConvertOptions
) -> Iterator[Skipped]:
    """The labels that the label map lacks; raises `LabelError` without `--skip-invalid`."""
    missing = missing_labels(annotations, labels.label_map, options.labels)
    unknown = [label for label in missing if labels.is_chosen(label.name)]
    if unknown and not options.skip_invalid:
        error = missing_label(unknown, options.labels)
        raise counted(error, len(unknown), source=annotations.path, options=options)
    yield from unknown


def chosen_instances(record: ImageRecord, labels: LabelChoice) -> ImageRecord:
    """The record with only the instances whose labels are painted."""
    if all(map(labels.is_painted, {instance.label for instance in record.instances})):
        return record
    return replace(record, instances=tuple(i for i in record.instances if labels.is_painted(i.label)))
