"""Sets of masks from any tool: folders in any layout, bare PNGs, or annotations painted on the fly."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import partial
from itertools import chain
from typing import Any, Unpack

import numpy as np

from polymask.analysis.masks.label_sets import LabelMasks, masks_of
from polymask.analysis.masks.mask_folders import BARE, converted_above, open_mask_folder
from polymask.analysis.masks.matching import NamedImages, in_split
from polymask.analysis.masks.stored_masks import StoredMasks
from polymask.errors import FormatError, InputError, LabelError, NotFound
from polymask.formats import Annotations
from polymask.formats.drawing.shares import in_pixels
from polymask.formats.known_labels import with_known_labels
from polymask.formats.options import ReadingOptions
from polymask.formats.platforms import platform_of, refuse_without_effect, without_choice
from polymask.formats.reading.images.needed_pictures import require_pictures
from polymask.formats.reading.images.splits import splits_of_annotations
from polymask.formats.reading.images.subsets import subset_in
from polymask.formats.selection import chosen_annotations_at, limited, refuse_no_image
from polymask.labels.as_label_map import Labels
from polymask.labels.label_map import VOID_16, LabelMap, from_categories, unknown_label
from polymask.layouts.common.read_back import Folder, MaskFolder, in_file
from polymask.layouts.common.stored_splits import images_by_split
from polymask.limits import Limits
from polymask.model import IndexMask
from polymask.option_types import ReadingOptionsDict
from polymask.painting.painting import Painting, Rules
from polymask.storage.image_names import stem, stem_of_glob
from polymask.storage.manifest import MANIFEST, file_and_part, read_manifest
from polymask.storage.remote.urls import Location, listed_once, located
from polymask.storage.roots.object_store import open_root
from polymask.storage.safe_names import safe_path
from polymask.storage.source_files import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSet:
    """Index masks by image name without suffix.

    `label_map` is None where nothing names the values. `decode` takes a name from `names`
    and gives a (height, width) mask of the label map's values. `kind` is the layout or format.
    `labels_of` gives an image's label masks, which may overlap. `by_label` says that the set stores
    label masks: `decode` then puts later labels on top and hides the pixels below. `unscored` are the
    labels of TRUTH that the layout's official scorers ignore. `entries` are the manifest's, by image
    name without suffix. `splits` gives the images of each split; of none where nothing tells.
    """

    path: Location
    kind: str
    label_map: LabelMap | None
    names: tuple[str, ...]
    decode: Callable[[str], IndexMask]
    labels_of: Callable[[str], LabelMasks] | None = None
    by_label: bool = False
    unscored: frozenset[str] = frozenset()
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    splits: Callable[[], Mapping[str, Collection[str]]] = dict


def open_sources(
    paths: Sequence[Location], options: ReadingOptions, *, alone: bool = True
) -> list[MaskSet | Annotations]:
    """Open each path as the masks of a folder in any layout, else as annotations, as a dataset's are.

    This is the only place that decides which of the two a path holds. `from_` of `options` is the
    format of the annotations: a single path that is `alone` must then hold annotations, while of two
    paths either may hold masks. `options` also choose the images and labels, and their `labels` name
    the values of masks without names. Of two paths, one may know the splits for both. Raises `NotFound`
    for a missing path, `FormatError` for a path that holds neither, and `LimitError` above the limits.
    """
    refuse_without_effect(paths, options)
    is_annotations = options.from_ is not None and alone and len(paths) == 1
    of_files = without_choice(options) if any(map(platform_of, paths)) else options
    of_files = replace(of_files, split=None) if options.split and len(paths) > 1 else of_files
    of_datasets = replace(options, split=None) if options.split and len(paths) > 1 else options
    opened = [
        chosen_annotations_at(path, of_datasets)
        if platform_of(path)
        else _open_files(_existing(path), of_files, is_annotations=is_annotations)
        for path in paths
    ]
    return sources_in_split(opened, options.split) if len(paths) > 1 else opened


def sources_in_split(sources: Sequence[MaskSet | Annotations], split: str | None) -> list[Any]:
    """Sets of the same images with those of a split only; of all images for None."""
    if split is None:
        return list(sources)
    images = in_split([_images_of(source) for source in sources], split)
    return [_with_images(source, names) for source, names in zip(sources, images, strict=True)]


def _images_of(source: MaskSet | Annotations) -> NamedImages:
    if isinstance(source, MaskSet):
        return NamedImages(source.path, source.names, source.splits())
    return NamedImages(source.path, tuple(map(stem, source.names)), _splits_by_name(source))


def _splits_by_name(annotations: Annotations) -> dict[str, Collection[str]]:
    """The images of each split of annotations, without suffix."""
    splits = splits_of_annotations(annotations).items()
    return {split: [stem(annotations.names[index]) for index in indices] for split, indices in splits}


def _with_images(source: MaskSet | Annotations, names: Collection[str]) -> MaskSet | Annotations:
    """The source with these images only, which are named without suffix."""
    chosen = frozenset(names)
    if isinstance(source, MaskSet):
        return replace(source, names=tuple(name for name in source.names if name in chosen))
    return limited(source, [index for index, name in enumerate(source.names) if stem(name) in chosen])


def _open_files(path: Location, options: ReadingOptions, *, is_annotations: bool) -> MaskSet | Annotations:
    tree = Tree(path) if path.is_dir() else None
    masks = None if is_annotations else chosen_masks_in(path, options, tree=tree)
    if masks:
        return masks
    try:
        return with_known_labels(in_pixels(chosen_annotations_at(path, options, tree=tree)), options)
    except FormatError:
        if tree is None or not {MANIFEST, "overlay"} <= {*chain(*tree.inside(""))}:
            raise
        raise InputError(
            "holds overlays, which are for people and not masks",
            file=path,
            advice="name the annotations that they were made of, or masks in another layout",
        ) from None


def _existing(path: Location) -> Location:
    if not path.exists():
        advice = "name annotations, or a folder of masks"
        raise NotFound("no such file or folder", file=path, advice=advice, exit_code=2)
    return listed_once(path) if path.is_dir() else path


def chosen_masks_in(path: Location, options: ReadingOptions, *, tree: Tree | None = None) -> MaskSet | None:
    """As `masks_in`, with only the images and labels that `options` choose."""
    masks = masks_in(path, labels=options.label_map, limits=options.limits, tree=tree)
    return chosen_masks(masks, options) if masks else None


def chosen_masks(masks: MaskSet, options: ReadingOptions) -> MaskSet:
    """The masks of the images and labels that `options` choose; other labels become background.

    Images are chosen by the names of their masks, without suffix.
    """
    (masks,) = sources_in_split([masks], options.split)
    globs = [*options.where, *map(stem_of_glob, options.where)]
    names = tuple(name for name in masks.names if not globs or any(fnmatchcase(name, g) for g in globs))
    refuse_no_image(names, masks.names, options.where)
    if not options.only:
        return replace(masks, names=names)
    if masks.label_map is None:
        raise LabelError(
            "nothing names the values of its masks, --only needs names",
            file=masks.path,
            advice="add --labels",
        )
    label_map, chosen = masks.label_map, options.taken_labels(masks.label_map.names)
    for name in options.only:
        if name not in label_map:
            raise unknown_label(name, label_map.names)
    values = np.full(VOID_16 + 1, label_map.background, label_map.dtype)
    for value in (label_map.void, *(label.value for label in label_map.labels if label.name in chosen)):
        values[value] = value
    return replace(
        masks,
        names=names,
        decode=lambda name: values[masks.decode(name)],
        labels_of=partial(_chosen_labels, masks.labels_of, chosen) if masks.labels_of else None,
    )


def _chosen_labels(labels_of: Callable[[str], LabelMasks], chosen: Container[str], name: str) -> LabelMasks:
    image = labels_of(name)
    return replace(image, masks=((label, mask) for label, mask in image.masks if label in chosen))


def masks_in(
    path: Location,
    *,
    labels: LabelMap | None = None,
    limits: Limits | None = None,
    tree: Tree | None = None,
) -> MaskSet | None:
    """The masks of a folder in any layout that can be read back; None for a folder without masks."""
    if not path.is_dir():
        return None
    folder = Folder(listed_once(path), limits, tree=tree)
    masks = open_mask_folder(folder)
    if (masks is None or masks.layout == BARE) and (part := _part_of_converted(path, labels, limits)):
        return part
    return _of_folder(folder, masks, labels) if masks else None


def _part_of_converted(path: Location, labels: LabelMap | None, limits: Limits | None) -> MaskSet | None:
    """The masks of a converted folder that lie in a folder of it, such as a split's."""
    above = None if (path / MANIFEST).is_file() else converted_above(path)
    whole = above and masks_in(above[0], labels=labels, limits=limits)
    if not (above and whole):
        return None
    return replace(whole, names=tuple(name for name in whole.names if name in above[1]))


def open_masks(
    path: str | Location,
    *,
    labels: Labels | None = None,
    split: str | None = None,
    limits: Limits | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> MaskSet:
    """The masks of a folder in any layout that can be read back, or of an annotation file.

    `labels` names the values where the folder does not; `split` takes the images of that split only;
    `reading` are the options of reading. Annotations are painted with the default rules. Raises
    `NotFound` for a missing path, `FormatError` for a path with neither masks nor annotations, and
    `LimitError` above `limits`, here or on decoding.

    Examples:
        >>> masks = open_masks("fixtures/shapes/instances.json")
        >>> masks.kind, masks.names
        ('coco', ('harbor', 'meadow', 'empty'))
    """
    options = ReadingOptions.of({**reading, "labels": labels, "split": split}, limits=limits)
    (opened,) = open_sources([located(path)], options, alone=False)
    return mask_set(opened, labels=options.label_map)


def mask_set(opened: MaskSet | Annotations, *, labels: LabelMap | None = None) -> MaskSet:
    """A mask set unchanged; annotations as masks painted under the default rules."""
    if isinstance(opened, MaskSet):
        return opened
    require_pictures(opened, every=False)
    return painted_masks(opened, labels=labels)


def _of_folder(folder: Folder, masks: MaskFolder, labels: LabelMap | None) -> MaskSet:
    entries = {stem(name): entry for name, entry in read_manifest(open_root(folder.path)).items()}
    listed = {name: entry["mask"] for name, entry in entries.items() if isinstance(entry.get("mask"), str)}
    for mask in listed.values():
        with in_file(folder / MANIFEST):  # a manifest may come from anybody
            safe_path(file_and_part(mask)[0])
    paths = listed or masks.masks
    stored = StoredMasks(folder, masks, paths, entries)
    return MaskSet(
        path=folder.path,
        kind=masks.layout,
        label_map=masks.label_map or labels,
        names=tuple(paths),
        decode=stored.decode,
        labels_of=stored.labels_of if masks.labels_of else None,
        by_label=masks.labels_of is not None,
        unscored=masks.unscored,
        entries=entries,
        splits=partial(_splits, folder, masks.layout, paths, entries),
    )


def _splits(
    folder: Folder, layout: str, masks: Mapping[str, str], entries: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Collection[str]]:
    if layout != BARE or entries:
        return images_by_split(folder, layout, masks, entries)
    splits: dict[str, list[str]] = {}
    for name in masks:
        splits.setdefault(subset_in(name), []).append(name)
    return {split: names for split, names in splits.items() if split}


def painted_masks(
    annotations: Annotations, *, labels: LabelMap | None = None, rules: Rules | None = None
) -> MaskSet:
    """The masks of annotations, each painted when it is decoded."""
    label_map = labels or from_categories(annotations.categories)
    indices = {stem(name): index for index, name in enumerate(annotations.names)}

    def paint(name: str) -> Painting:
        return Painting(annotations.decode(indices[name]), label_map, rules or Rules())

    return MaskSet(
        path=annotations.path,
        kind=annotations.format,
        label_map=label_map,
        names=tuple(indices),
        decode=lambda name: paint(name).index,
        labels_of=lambda name: masks_of(paint(name)),
        splits=partial(_splits_by_name, annotations),
    )
