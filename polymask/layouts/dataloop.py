"""`json/<name>.json`: Dataloop's annotation JSON, with a `binary` annotation added for each label.

If the source is a Dataloop export, the file's other content is unchanged: boxes, notes, other masks,
and, without `--delete-source`, the polygons. For other sources the file holds the item's name, its size
and the masks. A mask records the instances that it unites in `metadata.user.polymask`.
Source: Dataloop's documentation, "Image annotation - JSON"; dtlpy, `Segmentation`.
"""

import base64
import json
from collections.abc import Container, Iterable, Iterator
from typing import Any

import numpy as np

from polymask.codecs.painted_png import encode_colors
from polymask.codecs.png import decode_rgba
from polymask.errors import FormatError, InputError, LimitError
from polymask.labels.label_map import LabelMap
from polymask.layouts import Drawn, LayoutOptions
from polymask.layouts.common.facts import LABEL_MASKS, SPLIT_LISTS, LayoutFacts
from polymask.layouts.common.lookup import painted
from polymask.layouts.common.read_back import Folder, MaskFolder, masks_below, stored_labels
from polymask.layouts.common.splits import split_lists
from polymask.limits import Limits
from polymask.model import BoolMask, IndexMask, Runs, Spans
from polymask.painting.accounted import Account
from polymask.painting.painting import Painting
from polymask.provenance.claims import Mask, new_mask
from polymask.provenance.digest import DIGESTS, geometry_sha256
from polymask.raster.mask_digest import mask_sha256
from polymask.raster.painted import solid
from polymask.raster.spans import merge
from polymask.storage.image_names import stem
from polymask.validation import Color

IMAGES = "items"
NAMES_PICTURES = True
INDEX = False
PREFIX = "data:image/png;base64,"
WHITE = (255, 255, 255)

FACTS = LayoutFacts(
    title="Dataloop annotation JSON",
    source="Dataloop's documentation, “Image annotation - JSON”; dtlpy's `Segmentation`",
    files=(
        ("json/<name>.json", "the item's annotations, with a `binary` annotation added for each label"),
        ("items/<name>", "with --copy-images: the pictures"),
        SPLIT_LISTS,
    ),
    values=(
        ("coordinates", "RGBA PNG in base64: the label's color and alpha 255 in the mask, else all zero"),
    ),
    limits=(
        "With --delete-source, the polygons that the masks hold are left out of the written file; "
        "the source file stays as it is.",
        "Overlap rules, void and borders do not apply: every label keeps all its pixels.",
    ),
    read_back=f"Only masks that polymask wrote. {LABEL_MASKS}",
)


def check(options: LayoutOptions) -> None:
    """Every label map can be laid out this way."""


def paths(name: str, options: LayoutOptions) -> tuple[str, ...]:
    """The item's annotation file."""
    return (f"json/{stem(name)}.json",)


def draw(painting: Painting, options: LayoutOptions) -> Drawn:
    """The item's JSON from the source, with the masks added."""
    original = options.original(painting.record.name)
    document = json.loads(original or _plain(painting))
    masks = list(_masks(painting, options, polygons_only=original is not None))
    colors = {label.name: label.color for label in options.label_map.labels}
    deleted_ids = _deletable_ids(painting) if options.delete_source else frozenset()
    rows = [row for row in document.get("annotations") or [] if not _is_polygon_of(row, deleted_ids)]
    document["annotations"] = rows + [binary_annotation(mask, colors[mask.label]) for mask in masks]
    (path,) = paths(painting.record.name, options)
    return Drawn(
        name=painting.record.name,
        mask=path,
        files=((path, json.dumps(document, ensure_ascii=False).encode()),),
        labels={mask.label: mask.painted for mask in masks},
    )


def _plain(painting: Painting) -> str:
    """An item's JSON for a source that has none."""
    height, width = painting.record.frame
    system = {"width": width, "height": height}
    return json.dumps({"filename": f"/{painting.record.name}", "metadata": {"system": system}})


def _masks(painting: Painting, options: LayoutOptions, *, polygons_only: bool) -> Iterator[Mask]:
    """The union of each label's instances with pixels; without masks that the export holds already."""
    names = {label.value: label.name for label in painting.label_map.labels}
    grouped: dict[str, list[tuple[dict[str, Any], Spans]]] = {}
    for instance, value, spans in zip(painting.instances, painting.values, painting.spans, strict=True):
        is_stored = polygons_only and isinstance(instance.shape, Runs)
        if value in names and spans.pixels and not is_stored:
            source = {"id": str(instance.id), "sha256": geometry_sha256(instance.shape)}
            grouped.setdefault(names[value], []).append((source, spans))
    for label in (name for name in names.values() if name in grouped):
        frame = painting.record.frame
        mask = solid(merge([spans for _, spans in grouped[label]], frame), 1, frame)
        sources = [source for source, _ in grouped[label]]
        rule, deletes = painting.rules.pixel_rule, options.delete_source
        yield new_mask(label, mask, sources, pixel_rule=rule, deletes=deletes)


def _deletable_ids(painting: Painting) -> frozenset[str]:
    """The ids of polygons that may be deleted, unless another instance with the same id may not."""
    places = set(Account(painting, index=False).deletable)
    ids: dict[bool, set[str]] = {True: set(), False: set()}
    for place, instance in enumerate(painting.record.instances):
        ids[place in places].add(str(instance.id))
    return frozenset(ids[True] - ids[False])


def _is_polygon_of(row: Any, ids: Container[str]) -> bool:
    """Whether an annotation is a polygon with one of the ids."""
    return isinstance(row, dict) and row.get("type") == "segment" and str(row.get("id")) in ids


def binary_annotation(mask: Mask, color: Color) -> dict[str, Any]:
    """A mask as annotation JSON of the platform."""
    png = encode_colors(mask.painted, np.array([(0, 0, 0, 0), (*color, 255)], np.uint8))
    return {
        "type": "binary",
        "label": mask.label,
        "coordinates": PREFIX + base64.b64encode(png).decode(),
        "metadata": {
            "user": {"polymask": dict(mask.claim)},
            "system": {"automated": False, "attributes": dict(mask.attributes)},
        },
    }


def same(stored: bytes, data: bytes) -> bool:
    """Whether a stored file has the same content; masks are compared by pixels, with any digest in claims."""
    try:
        return stored == data or _comparable(stored) == _comparable(data)
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _comparable(text: bytes) -> Any:
    document = json.loads(text)
    for row in document["annotations"]:
        if _is_from_polymask(row):
            claim, png = row["metadata"]["user"]["polymask"], row["coordinates"].removeprefix(PREFIX)
            row["coordinates"] = mask_sha256(decode_rgba(base64.b64decode(png)))
            for name in ("key", *DIGESTS):
                claim.pop(name, None)
    return document


def _is_from_polymask(row: Any) -> bool:
    return row["type"] == "binary" and "polymask" in (row.get("metadata") or {}).get("user", {})


def finish(drawn: Iterable[Drawn], options: LayoutOptions) -> Iterator[tuple[str, bytes]]:
    """The lists of the splits; labels.json lies beside every layout."""
    yield from split_lists(drawn, options)


def open_folder(folder: Folder) -> MaskFolder | None:
    """The masks in the items' JSON that polymask wrote."""
    label_map, masks = stored_labels(folder), masks_below(folder, "json", ending=".json")
    if label_map is None or not masks:
        return None

    def labels_of(path: str) -> Iterator[tuple[str, IndexMask]]:
        for label, mask in _masks_in(folder.read(path), label_map, folder.limits, folder / path):
            yield label, mask.view(np.uint8)

    return MaskFolder(
        layout="dataloop",
        label_map=label_map,
        masks=masks,
        decode=lambda path: painted(labels_of(path), label_map),
        labels_of=labels_of,
    )


def _masks_in(
    text: bytes, label_map: LabelMap, limits: Limits, file: object
) -> Iterator[tuple[str, BoolMask]]:
    """The masks that polymask wrote, in label-map order."""
    try:
        rows = {
            str(row["label"]): row["coordinates"]
            for row in json.loads(text)["annotations"]
            if _is_from_polymask(row)
        }
        for label in (name for name in label_map.names if name in rows):
            png = base64.b64decode(rows[label].removeprefix(PREFIX))
            yield label, decode_rgba(png, limits=limits)
    except LimitError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{file}: damaged annotation JSON: {error}") from None
