"""Which labels a conversion paints, and with which values."""

from collections.abc import Iterator

from polymask.conversion.options import ConvertOptions
from polymask.errors import InputError, LabelError, unknown
from polymask.formats import Annotations
from polymask.labels.as_label_map import as_label_map
from polymask.labels.label_map import LabelMap, from_categories, unknown_label
from polymask.model import Skipped
from polymask.painting.label_choice import LabelChoice


def label_choice(annotations: Annotations, options: ConvertOptions) -> LabelChoice:
    """The label map of a run and the labels that are chosen; raises `LabelError` for an unknown one."""
    label_map = _label_map(annotations, options)
    known = {*annotations.used, *(name for name, _ in annotations.categories)}
    for name in (*options.only, *options.priority):
        if name not in known and name not in label_map:
            raise unknown_label(name, sorted(known))
    return LabelChoice(label_map=label_map, only=frozenset(options.only))


def _label_map(annotations: Annotations, options: ConvertOptions) -> LabelMap:
    if options.ids not in ("contiguous", "source"):
        raise unknown("ids", options.ids, ("contiguous", "source"))
    if options.labels is None:
        return from_categories(annotations.categories, ids=options.ids)
    if options.ids == "source":
        raise InputError("--ids source and --labels are two ways to number labels", advice="leave one out")
    return as_label_map(options.labels)


def unknown_labels(
    annotations: Annotations, labels: LabelChoice, options: ConvertOptions
) -> Iterator[Skipped]:
    """The labels that the label map lacks; raises `LabelError`, unless such are to be left out."""
    for name, instances in annotations.used.items():
        if name in labels.label_map or not labels.is_chosen(name):
            continue
        reason = f"{unknown_label(name, labels.label_map.names)} ({instances} instances)"
        if not options.skip_invalid:
            raise LabelError(
                reason,
                advice=f"add it to the --labels file, paint it as another (`{name} -> other`), "
                "or leave it out with --skip-invalid",
            )
        yield Skipped(name, reason)
