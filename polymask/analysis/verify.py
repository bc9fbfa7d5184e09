"""Prove stored masks again: against the manifest's digests, or against the annotations."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from polymask.analysis.diagnose import Case, likely_causes
from polymask.analysis.masks.label_sets import LabelSets
from polymask.analysis.masks.mask_folders import open_mask_folder
from polymask.analysis.masks.mask_sets import MaskSet, chosen_masks_in, sources_in_split
from polymask.analysis.masks.matching import matched
from polymask.analysis.masks.whole_images import whole_images
from polymask.errors import (
    BackendError,
    FormatError,
    InputError,
    LimitError,
    NotFound,
    PolymaskError,
    ProofError,
    naming,
)
from polymask.formats import Annotations
from polymask.formats.drawing.shares import in_pixels
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.images.needed_pictures import require_pictures
from polymask.formats.reading.images.splits import images_in_split
from polymask.formats.selection import open_chosen, refuse_no_image
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import LabelMap, from_categories
from polymask.layouts.common.read_back import Folder, MaskFolder
from polymask.layouts.common.stored_splits import images_by_split
from polymask.layouts.overlay import overlays
from polymask.limits import Limits
from polymask.model import ImageRecord, Skipped
from polymask.option_types import ReadingOptionsDict
from polymask.painting.painting import Rules
from polymask.parallel.progress import Progress, reported
from polymask.provenance.digest import DIGESTS, combined_sha256, kind_of
from polymask.results import Report
from polymask.storage.image_names import stem
from polymask.storage.manifest import MANIFEST, Entries, file_and_part, read_manifest
from polymask.storage.remote.urls import Location, listed_once, located
from polymask.storage.roots.object_store import open_root
from polymask.storage.safe_names import safe_path
from polymask.wording import counted

MOST_DIAGNOSED = 20  # each takes some thirty paintings
MOST_LISTED = 5


def failures_text(report: Report, dest: str | Location, *, of_masks: bool = True) -> str:
    """The text of a failed report: the failures and their reasons, a line each.

    `of_masks` tells whether each failure is one of a mask; a dataset's may be of polygons or of labels.
    """
    listed = [f"  {failure.name}: {failure.reason}" for failure in report.failures[:MOST_LISTED]]
    unlisted = report.failed - len(listed)
    closing = [f"  … and {unlisted} more (all with --json)"] if unlisted > 0 else []
    masks = report.unchanged + report.failed
    if of_masks:
        head = f"{report.failed} of {masks} masks in {dest} are not what they should be:"
    else:
        proven = counted(report.unchanged, "mask was", "masks were")
        head = f"{counted(report.failed, 'problem')} in {dest}, where {proven} proven:"
    return "\n".join([head, *listed, *closing, *report.notes])


def verify_folder(
    dest: str | Location,
    *,
    source: str | Location | None = None,
    labels: Labels | None = None,
    split: str | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Report:
    """Check that the masks in a folder are those of its manifest, or those that annotations give.

    Without `source`, each mask that manifest.jsonl lists is decoded, and its pixels' digest
    compared. With `source`, an annotation file, masks that any tool made are compared with
    the annotations, painted under the manifest's rules if there is one, else under `rules`
    (default: the pixel rule `center`, later instances on top). `labels` names the values of masks
    without names; `split` takes the images of that split only; `reading` are the options of reading, of which
    `where` chooses masks too.

    Masks that are damaged, missing or different are the report's `failures`; its `notes` name the
    likely causes of the differences. Raises `InputError` where there is nothing to prove, `LimitError`
    above `limits`.
    """
    folder = located(dest)
    if not folder.is_dir():
        raise NotFound("no such folder", file=folder, exit_code=InputError.exit_code)
    options = ReadingOptions.of({**reading, "labels": labels, "split": split}, limits=limits)
    if source is None:
        return _against_manifest(Folder(listed_once(folder), options.limits), options, progress)
    of_all = replace(options, split=None) if options.split else options
    annotations, masks = open_chosen(source, of_all), chosen_masks_in(folder, of_all)
    if masks is None:
        raise InputError(
            "no masks that can be read back", file=folder, advice="name the folder that holds them"
        )
    annotations, masks = sources_in_split([annotations, whole_images(masks)], options.split)
    require_pictures(annotations, every=False)
    annotations = in_pixels(annotations)
    return _against_source(masks, annotations, rules, progress)


def _against_manifest(folder: Folder, options: ReadingOptions, progress: Progress | None) -> Report:
    path = folder.path
    entries = read_manifest(open_root(path))
    if not entries:
        raise InputError(
            "no such file, or an empty one",
            file=path / MANIFEST,
            advice="masks of other tools are verified against the annotations, with --source",
        )
    masks, problem = _stored(folder, next(iter(entries.values()))["mask"])
    in_split = _in_split(folder, masks.layout if masks else "", entries, options.split)
    names = [name for name in in_split if options.takes_image(name)]
    refuse_no_image(names, in_split, options.where)
    report = Report(images=len(names))
    if problem:
        report.failures = [Skipped(name, problem) for name in names]
        return report
    for (name,) in reported(([name] for name in names), len(names), progress):
        try:
            reason = damage(path, masks, entries[name])
        except BackendError as error:
            reason = str(error)
        if reason:
            report.failures.append(Skipped(name, reason))
        else:
            report.unchanged += 1
    return report


def _in_split(folder: Folder, layout: str, entries: Entries, split: str | None) -> Sequence[str]:
    """The names of the images of a split in a manifest; all names for None."""
    if split is None:
        return list(entries)
    names = {stem(name): name for name in entries}
    by_stem = {short: entries[name] for short, name in names.items()}
    masks = {short: entry["mask"] for short, entry in by_stem.items()}
    with naming(folder.path):
        images = images_in_split(images_by_split(folder, layout, masks, by_stem), split)
    return [name for short, name in names.items() if short in images]


def _stored(folder: Folder, mask: str) -> tuple[MaskFolder | None, str]:
    """The masks of a folder, or why they cannot be read; neither for an unknown layout."""
    try:
        return (overlays(folder) if mask.startswith("overlay/") else open_mask_folder(folder)), ""
    except LimitError:
        raise
    except PolymaskError as error:
        return None, str(error)


def damage(path: Location, folder: MaskFolder | None, entry: Mapping[str, Any]) -> str:
    """The damage of a stored mask; "" where its digest is the manifest's.

    Raises `BackendError` where the disk cannot be read, and `LimitError` for a mask above the limits:
    neither says whether the mask is sound.
    """
    try:
        mask, kind = str(entry["mask"]), kind_of(entry)
        claimed = entry[kind]
        safe_path(file_and_part(mask)[0])
    except (KeyError, InputError):
        return "its line in the manifest is damaged"
    if entry.get("labels") == {}:
        return ""
    if folder is None:
        is_present = (path / file_and_part(mask)[0]).is_file()
        return f"{mask}: {'not of a layout that polymask reads back' if is_present else 'missing'}"
    try:
        same = _digest(folder, mask, kind, entry.get("labels")) == claimed
    except (NotFound, KeyError):
        return f"{mask}: missing"
    except LimitError:
        raise
    except (InputError, ProofError) as error:
        return error.problem
    return "" if same else f"{mask}: its pixels are not those of the manifest"


def _digest(folder: MaskFolder, mask: str, kind: str, labels: Mapping[str, str] | None) -> str:
    """The digest of the index mask, or of the masks of the labels that the manifest lists."""
    if folder.labels_of is None or labels is None:
        return DIGESTS[kind](folder.decode(mask))
    stored = {
        label: DIGESTS[kind](label_mask) for label, label_mask in folder.labels_of(mask) if label in labels
    }
    wrong = [label for label, digest in labels.items() if stored.get(label) != digest]
    if wrong:
        raise ProofError(f"{mask}: damaged or missing: {', '.join(wrong)}")
    return combined_sha256(stored)


def _against_source(
    masks: MaskSet,
    annotations: Annotations,
    rules: Rules | None,
    progress: Progress | None,
) -> Report:
    label_map = masks.label_map or from_categories(annotations.categories)
    indices = {stem(name): index for index, name in enumerate(annotations.names)}
    pairs = matched(tuple(indices), masks.names)
    report, diagnosis = Report(images=len(indices)), _Diagnosis()
    for ((name, stored),) in reported(([pair] for pair in pairs.items()), len(pairs), progress):
        try:
            rules_of_mask = rules_in(masks.entries.get(stored, {})) or rules or Rules()
            record = annotations.decode(indices[name])
            wrong = diagnosis.of(_case(masks, stored, record, label_map, rules_of_mask))
        except LimitError:
            raise
        except PolymaskError as error:
            wrong = error.problem  # the advice of the report stands for all
        if wrong:
            report.failures.append(Skipped(name, wrong))
        else:
            report.unchanged += 1
    report.failures += [Skipped(name, "no mask") for name in indices if name not in pairs]
    report.notes = [*diagnosis.notes(), *_surplus(set(masks.names) - set(pairs.values()))]
    return report


def _case(masks: MaskSet, name: str, record: ImageRecord, label_map: LabelMap, rules: Rules) -> Case:
    """A stored mask and its record: an index mask, or numbered label sets where each label has a mask."""
    if masks.by_label and masks.labels_of:
        sets = LabelSets()
        stored = sets.numbered(masks.labels_of(name))
        return Case(record=record, label_map=label_map, rules=rules, stored=stored, sets=sets)
    return Case(record=record, label_map=label_map, rules=rules, stored=masks.decode(name))


class _Diagnosis:
    """Counts the likely causes of the first masks that differ."""

    def __init__(self) -> None:
        self.causes, self.masks = Counter[str](), 0
        self.examples: dict[str, str] = {}

    def of(self, case: Case) -> str:
        """The difference of a mask and its likely causes; "" where there is none."""
        pixels = case.differing()
        if not pixels or self.masks == MOST_DIAGNOSED:
            return f"{pixels} px differ" if pixels else ""
        causes, remaining = likely_causes(case)
        self.masks += 1
        for cause in causes or ["none that polymask knows"]:
            kind, _, detail = cause.partition(": ")
            self.causes[kind] += 1
            self.examples.setdefault(kind, detail)
        if not causes:
            return f"{pixels} px differ"
        unexplained = f", which leaves {remaining} px" if remaining else ""
        return f"{pixels} px differ; likely {'; and '.join(causes)}{unexplained}"

    def notes(self) -> list[str]:
        """The causes, the most frequent first, each with the first example."""
        return [
            f"likely cause: {kind} ({times} of {self.masks} masks)"
            + (f", e.g. {self.examples[kind]}" if self.examples[kind] else "")
            for kind, times in self.causes.most_common()
        ]


def _surplus(extra: set[str]) -> list[str]:
    return [f"{len(extra)} masks belong to no image of the source, e.g. {min(extra)}"] if extra else []


def rules_in(entry: Mapping[str, Any]) -> Rules | None:
    """The rules that a line of the manifest names; None where it names none."""
    if "pixel_rule" not in entry:
        return None
    names = ("pixel_rule", "overlap", "crowd", "border", "holes")
    options = {name: entry[name] for name in names if name in entry}
    try:
        return Rules(**options, priority=tuple(entry.get("priority", ())))
    except InputError as error:
        raise FormatError(error.message, file=MANIFEST, place=entry["name"], advice=error.advice) from None
