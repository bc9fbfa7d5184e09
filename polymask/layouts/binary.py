"""`masks/<name>/<label>.png`: a mask per label, 0 and 255. Masks may overlap.

An image without instances has a line without labels in the manifest, and no masks.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import islice

from polymask.codecs.painted_png import encode
from polymask.errors import InputError, LabelError
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LABEL_MASKS, SPLIT_LISTS, LayoutFacts
from polymask.layouts.common.lookup import painted
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, stored_labels
from polymask.layouts.common.splits import split_lists
from polymask.model import IndexMask
from polymask.painting.painting import Painting
from polymask.raster.painted import solid
from polymask.storage.image_names import stem
from polymask.storage.manifest import read_manifest
from polymask.storage.roots.object_store import open_root
from polymask.storage.safe_names import refuse_collisions, safe_path

IMAGES = "images"
INDEX = False

FACTS = LayoutFacts(
    title="One mask a label",
    source="polymask's own",
    files=(
        ("masks/<name>/<label>.png", "the union of the label's instances, gray, 8 bit"),
        SPLIT_LISTS,
    ),
    values=(("masks", "0 outside, 255 inside; masks of different labels may overlap"),),
    limits=(
        "Labels become file names: labels that are no valid file name on every system are refused.",
        "An image without instances has a line in the manifest and no masks.",
        "Overlap rules, void and borders do not apply: every label keeps all its pixels.",
    ),
    read_back=LABEL_MASKS,
)


def check(options: LayoutOptions) -> None:
    """Raise `LabelError` for labels that cannot be file names."""
    names = options.label_map.names
    try:
        for name in names:
            for file in (name, f"{name}.png"):
                # a backslash, because a slash would make a folder; not every locale has every name
                os.fsencode(safe_path(file.replace("/", "\\")))
        refuse_collisions(lambda: ((name, name) for name in names))
    except InputError as error:
        raise LabelError(f"{error}", advice="rename the label in a --labels file (`old -> new`)") from None


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The folder of an image's masks."""
    return (f"masks/{stem(name)}",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The union of each label's instances, as gray PNG of 0 and 255."""
    (folder,) = paths(painting.record.name, options)
    frame = painting.record.frame
    masks = {label: solid(spans, 255, frame) for label, spans in painting.label_spans.items()}
    files = tuple((f"{folder}/{label}.png", encode(mask)) for label, mask in masks.items())
    return Drawn(name=painting.record.name, mask=folder, files=files, labels=masks)


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits; labels.json lies beside every layout."""
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The folders of masks named by label; an index mask decoded from them has later labels on top."""
    label_map = stored_labels(folder)
    masks = masks_below(folder, "masks")
    if label_map is None or not masks or not all(_is_label(name, label_map) for name in masks):
        return None
    if _has_index_masks(folder):
        return None

    def labels_of(path: str) -> Iterator[tuple[str, IndexMask]]:
        for name in label_map.names:
            if (folder / path / f"{name}.png").is_file():
                yield name, folder.mask(f"{path}/{name}.png")

    return MaskFolder(
        layout="binary",
        label_map=label_map,
        masks={name.rpartition("/")[0]: path.rpartition("/")[0] for name, path in masks.items()},
        decode=lambda path: painted(labels_of(path), label_map),
        labels_of=labels_of,
    )


def _has_index_masks(folder: Folder) -> bool:
    """Whether the manifest lists index masks, of images whose names are also labels."""
    entries = read_manifest(open_root(folder.path))
    return any(entry["mask"].endswith(".png") for entry in islice(entries.values(), 1))


def _is_label(name: str, label_map: LabelMap) -> bool:
    image, _, label = name.rpartition("/")
    return bool(image) and label in label_map.names
