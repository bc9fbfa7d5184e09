"""COCO instances JSON, and COCO results lists.

Read: `images` (`id`, `file_name`, `height`, `width`), `categories` (`id`, `name`),
`annotations` (`id`, `image_id`, `category_id`, `segmentation`, `iscrowd`); other keys
are ignored. A segmentation is told by its type, never by `iscrowd`: a list of rings,
whose parts are united; an object whose `counts` are a list (uncompressed RLE) or a
string (compressed). Segmentations stay undecoded until their image is asked for.
Source: cocodataset.org, "Data format"; pycocotools `maskApi.h` for runs.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from polymask.errors import FormatError
from polymask.formats import Annotations, ReadOptions, coco_panoptic
from polymask.formats.coco_shapes import Number, is_rle, paints, refuse_large, rle_size, shapes_of
from polymask.formats.content import Content
from polymask.formats.facts import Facts
from polymask.formats.refusals import Malformed, Refusals, inside
from polymask.model import Finding, Frame, ImageRecord, Instance, Shape
from polymask.raster.kernel import is_plain

Key = int | float | str  # 7, 7.0 and 7e0 are one key: they are equal, and hash equal


class _Image(msgspec.Struct, gc=False):
    id: Key
    file_name: str
    height: Number
    width: Number

    @property
    def frame(self) -> Frame:
        return int(self.height), int(self.width)


class _Category(msgspec.Struct, gc=False):
    id: Key
    name: str


class _Annotation(msgspec.Struct, gc=False):
    image_id: Key
    category_id: Key
    id: Key | None = None
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    iscrowd: Number | bool | None = 0


class _File(msgspec.Struct):
    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw


_sections = msgspec.json.Decoder(_File)
MANY = False

FACTS = Facts(
    title="COCO instances, stuff and results",
    source="cocodataset.org, “Data format”; pycocotools `maskApi.h` for runs",
    files="A `.json` file; RectLabel's and CVAT's COCO exports are the same.",
    sniffed="an object with `images` and `annotations`, without `segments_info`; or a list of results",
    read=(
        ("images[].id, file_name, height, width", "the image and its frame"),
        ("categories[].id, name", "the labels and their ids"),
        ("annotations[].image_id, category_id, id, iscrowd", "whose instance it is; `--crowd`"),
        ("annotations[].segmentation", "rings, or runs: told by the type, never by `iscrowd`"),
    ),
    ignored="`area`, `bbox`, `score`, `keypoints`, `supercategory`, `licenses`, `info`, `attributes`.",
    rings="Parts, which are united; COCO has no holes but in runs. `--holes even-odd` overrides.",
    order="File order.",
    labels="In ascending order of id, with their ids. A results list has no names: they are the ids.",
    frame="As the file says; of a results list that of the runs.",
    limits=(
        "A results list of polygons tells no image size, and is refused.",
        "Of 256 MiB and more, a file is read by parts: see [Large inputs](../scale.md).",
    ),
    sample="coco-stuff/stuff.json",
)


def sniff(content: Content) -> bool:
    """Whether the file has COCO's lists, or is a list of results."""
    if content.ranges:
        from polymask.formats import coco_index

        return coco_index.sniff(content)
    if {"images", "annotations"} <= content.keys:
        return not coco_panoptic.sniff(content)
    return content.is_json and content.is_list and "image_id" in content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """Every record is checked here; `decode` then cannot fail on them."""
    if content.ranges:
        from polymask.formats import coco_index

        return coco_index.read(content, options)
    return read_whole(content, options)


def read_whole(content: Content, options: ReadOptions) -> Annotations:
    """The file, in memory as a whole."""
    refusals = Refusals(content.path, skip=options.skip_invalid)
    if content.is_list:
        annotations = refusals.rows(content.json, _Annotation, "$")
        images, categories, annotations = _from_results(annotations, refusals)
        where = "$"
    else:
        sections = _sections_of(content, refusals)
        images = refusals.rows(sections.images, _Image, "$.images")
        categories = refusals.rows(sections.categories, _Category, "$.categories")
        annotations = refusals.rows(sections.annotations, _Annotation, "$.annotations")
        where = "$.annotations"
    if not images and not refusals.skipped:
        raise FormatError(f"{content.path}: the file has no images")
    positions = _positions(images, refusals, options)
    kept = [image for index, image in images if positions.get(image.id) == index]
    names = _category_names(categories, refusals)
    reader = _Reader(kept, names)
    refusals.each(where, annotations, reader.add)
    refuse_large([a.segmentation for _, a in annotations], options.limits, f"{content.path}: {where}")
    for key, group in reader.of_image.items():
        options.limits.check_instances(f"{content.path}: the image {key!r}", len(group))
    return Annotations(
        path=content.path,
        format="coco",
        categories=tuple((name, _category_id(key)) for key, name in names.items()),
        names=[image.file_name for image in kept],
        decode=reader.record,
        used=reader.used(),
        skipped=tuple(refusals.skipped),
        unsegmented=reader.unsegmented,
        findings=tuple(reader.duplicate_ids()),
        without=partial(_without, content, reader, annotations),
    )


def _sections_of(content: Content, refusals: Refusals) -> _File:
    try:
        return msgspec.convert(content.top, _File)
    except msgspec.ValidationError:
        return refusals.required(content.json, _sections)  # which says what is missing


def _without(
    content: Content,
    reader: "_Reader",
    annotations: Sequence[tuple[int, _Annotation]],
    goes: Callable[[str, str], bool],
) -> tuple[bytes, int]:
    """The file without the polygons of which `goes(image name, label)` is true, and how many those are.

    Everything else stays as it is written; runs and records that were left out too.
    """
    names = {image.id: image.file_name for image in reader.images}
    accepted = {id(annotation) for group in reader.of_image.values() for annotation in group}
    gone = {
        index
        for index, a in annotations
        if id(a) in accepted
        and not is_rle(a.segmentation)
        and goes(names[a.image_id], reader.names[a.category_id])
    }
    sections = msgspec.json.decode(content.text, type=dict[str, msgspec.Raw])
    rows = msgspec.json.decode(sections["annotations"], type=list[msgspec.Raw])
    kept = [row for index, row in enumerate(rows) if index not in gone]
    return msgspec.json.encode(sections | {"annotations": kept}), len(gone)


class _Reader:
    """Annotations by image, their segmentations checked but not kept decoded."""

    def __init__(self, images: Sequence[_Image], names: dict[Key, str]) -> None:
        self.images, self.names = images, names
        self.of_image: dict[Key, list[_Annotation]] = {image.id: [] for image in images}
        self.frames = {image.id: image.frame for image in images}
        self.unsegmented = 0

    def add(self, index: int, annotation: _Annotation) -> None:
        """Take an annotation in; raises `Malformed` where it cannot be used."""
        group = self.of_image.get(annotation.image_id)
        sure = annotation.category_id in self.names and annotation.id is not None  # what nearly all are
        if group is not None and sure and is_plain(annotation.segmentation):
            group.append(annotation)
        elif paints(annotation, index, self.frames, self.names):
            self.of_image[annotation.image_id].append(annotation)
        else:
            self.unsegmented += 1

    def record(self, index: int) -> ImageRecord:
        """The record of the i-th image."""
        image = self.images[index]
        annotations = self.of_image[image.id]
        shapes = shapes_of([annotation.segmentation for annotation in annotations], image.frame)
        instances = tuple(map(self._instance, annotations, shapes))
        return ImageRecord(_whole(image.id), image.file_name, image.frame, instances)

    def _instance(self, annotation: _Annotation, shape: Shape) -> Instance:
        label = self.names[annotation.category_id]
        return Instance(_whole(annotation.id or 0), label, shape, crowd=bool(annotation.iscrowd))

    def used(self) -> dict[str, int]:
        """How many instances each category has, by name."""
        keys = Counter(annotation.category_id for group in self.of_image.values() for annotation in group)
        used: Counter[str] = Counter()
        for key, instances in keys.items():
            used[self.names[key]] += instances
        return dict(used)

    def duplicate_ids(self) -> list[Finding]:
        """One finding for each annotation id that occurs more than once."""
        ids = Counter(annotation.id for group in self.of_image.values() for annotation in group)
        twice = {key for key, times in ids.items() if times > 1}
        return [
            Finding(
                "duplicate-id", image.file_name, _whole(a.id or 0), f"{ids[a.id]} annotations have this id"
            )
            for image in (self.images if twice else ())
            for a in self.of_image[image.id]
            if a.id in twice
        ]


def _positions(
    images: Sequence[tuple[int, _Image]], refusals: Refusals, options: ReadOptions
) -> dict[Key, int]:
    """Where each image id stands in the list; images that cannot be used are refused."""
    positions: dict[Key, int] = {}
    for index, image in images:
        if refusals.catch(f"$.images[{index}]", _check_image, image, positions):
            options.limits.check_frame(f"{refusals.path}: $.images[{index}]", image.frame)
            positions[image.id] = index
    return positions


def _check_image(image: _Image, seen: dict[Key, int]) -> bool:
    for side in ("height", "width"):
        _check_side(f"$.{side}", getattr(image, side))
    if not image.file_name:
        raise Malformed("$.file_name", "the name is empty")
    if image.id in seen:
        raise Malformed("$.id", f"$.images[{seen[image.id]}] has the id {image.id!r} as well")
    return True


def _category_names(categories: Sequence[tuple[int, _Category]], refusals: Refusals) -> dict[Key, str]:
    """Category ids to names, in ascending order of id."""
    names: dict[Key, str] = {}
    for index, category in categories:
        refusals.catch(f"$.categories[{index}]", _add_category, category, names)
    return dict(sorted(names.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def _add_category(category: _Category, names: dict[Key, str]) -> None:
    if category.id in names:
        raise Malformed("$.id", f"category '{names[category.id]}' has the id {category.id!r} as well")
    if not category.name:
        raise Malformed("$.name", "the name is empty")
    names[category.id] = category.name


def _from_results(
    rows: Sequence[tuple[int, _Annotation]], refusals: Refusals
) -> tuple[list[tuple[int, _Image]], list[tuple[int, _Category]], list[tuple[int, _Annotation]]]:
    """The images that the results' runs tell the size of, categories named by id, and the good rows."""
    images: dict[Key, _Image] = {}
    good: list[tuple[int, _Annotation]] = []
    for index, row in rows:
        if row.image_id not in images:
            size = refusals.catch(f"$[{index}]", _result_size, row)
            if size is None:
                continue
            images[row.image_id] = _Image(row.image_id, str(row.image_id), *size)
        good.append((index, row))
    categories = dict.fromkeys(row.category_id for _, row in good)
    named = [_Category(key, str(key)) for key in categories]
    return list(enumerate(images.values())), list(enumerate(named)), good


def _result_size(annotation: _Annotation) -> tuple[Number, Number]:
    """The size that a result's runs tell, of whole numbers above 0."""
    if not is_rle(annotation.segmentation):
        raise Malformed(
            "$.segmentation",
            "a results list tells no image size unless it holds runs; "
            "put these results under `annotations` of a file that has `images`",
        )
    with inside("$.segmentation"):
        size = rle_size(annotation.segmentation)
        for side in size:
            _check_side("$.size", side)
    return size


def _check_side(where: str, size: Number) -> None:
    if size <= 0 or size != int(size):
        raise Malformed(where, f"an image is a whole number of pixels large, not {size}")


def _category_id(key: Key) -> int | None:
    whole = _whole(key)
    return whole if isinstance(whole, int) else None


def _whole(key: Key) -> int | str:
    if isinstance(key, float):
        return int(key) if key.is_integer() else str(key)
    return key
