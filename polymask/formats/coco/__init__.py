"""COCO instances JSON, and COCO results lists.

Read: `images` (`id`, `file_name`, `height`, `width`), `categories` (`id`, `name`),
`annotations` (`id`, `image_id`, `category_id`, `segmentation`, `iscrowd`); other keys
are ignored. The type of a segmentation decides how it is read, never `iscrowd`: a list of
rings is a union of parts; an object is RLE, uncompressed where `counts` is a list and
compressed where it is a string. Segmentations stay undecoded until their image is converted.
A file of 256 MiB and more is read in parts.
Source: cocodataset.org, "Data format"; pycocotools `maskApi.h` for runs.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial

from polymask.errors import FormatError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.coco import scan
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts

MANY = False

FACTS = Facts(
    title="COCO instances, stuff and results",
    source="cocodataset.org, “Data format”; pycocotools `maskApi.h` for runs",
    files="A `.json` file; RectLabel's, VIA's and CVAT's COCO exports, and LVIS, are the same. "
    "A folder or archive with a file "
    "for each subset (Roboflow's `train/`, `valid/`, `test/`; `instances_train2017.json`) is read as one "
    "dataset; each subset becomes a split, and a folder in the images' names.",
    sniffed="an object with `images` and `annotations`, without `segments_info`; or a list of results",
    read=(
        ("images[].id, file_name, height, width", "the image and its frame"),
        ("images[].coco_url", "the image's name by its last two parts, where there is no `file_name`"),
        ("categories[].id, name", "the labels and their ids"),
        ("annotations[].image_id, category_id, id, iscrowd", "whose instance it is; `--crowd`"),
        (
            "annotations[].segmentation",
            "rings if it is a list, runs if it is an object, whatever `iscrowd` says",
        ),
        ("annotations[].bbox", "painted with `--boxes`, where there is no segmentation"),
    ),
    ignored="`area`, `score`, `keypoints`, `supercategory`, `licenses`, `info`, `attributes`.",
    rings="Parts of one object, all painted. In COCO only runs have holes; `--holes even-odd` reads "
    "nested rings as holes.",
    order="File order.",
    labels="In ascending order of id, with their ids. If the file has no categories, as a results "
    "list, the ids become the labels.",
    frame="As the file says. If it says none or 0, that of the picture (`--images`). In a results list, that "
    "of the runs.",
    limits=(
        "A results list of polygons has no image sizes, and is refused.",
        "If a list, or a key of a record, stands twice in the file, the file is refused.",
        "With `--skip-invalid`, a part of fewer than 3 points is left out of its object, and counted.",
        "What tools write loosely (ids and `iscrowd` as text, a flat ring, points as pairs, `[[]]`) "
        "is read where it is certain, and counted: see [names and numbers](../names.md).",
        "An annotation without segmentation (a box, keypoints) paints nothing, and is counted.",
        "A file of 256 MiB or more is read part by part: see [Large inputs](../scale.md).",
    ),
    sample="coco-stuff/stuff.json",
)


def sniff(content: Content) -> bool:
    """Whether the file has COCO's lists, or is a list of results."""
    if content.ranges:
        from polymask.formats.coco.large import indexed  # imported late: most runs do not need it

        return indexed.sniff(content)
    if quick := scan.scanned(content):
        return not quick.is_panoptic(content)
    if {"images", "annotations"} <= content.keys:
        from polymask.formats import coco_panoptic  # imported late: most runs do not need it

        return not coco_panoptic.sniff(content)
    return content.is_json and content.is_list and ("image_id" in content.keys or _is_of_detectron2(content))


def _is_of_detectron2(content: Content) -> bool:
    """Whether a list is of Detectron2's dataset dicts, a dict an image with its annotations in it."""
    return {"file_name", "annotations"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image; large files are read in parts, others are scanned if they are plain."""
    if content.ranges:
        from polymask.formats.coco.large import indexed  # imported late: most runs do not need it

        return replace(indexed.read(content, options), without=partial(_without_instances, content, options))
    if content.is_json and content.is_list and _is_of_detectron2(content):
        raise FormatError(
            "a list of Detectron2's dataset dicts, which are no file format",
            file=content.path,
            advice="name the annotation file that they were made of, or write them as COCO with Detectron2's "
            "`convert_to_coco_json`",
        )
    if quick := scan.read(content, options):
        return replace(quick, without=partial(_without_instances, content, options))
    from polymask.formats.coco import whole  # imported late: most runs do not need it

    return whole.read(content, options)


def _without_instances(
    content: Content, options: ReadOptions, data: bytes, removed: Mapping[int, Collection[int]]
) -> bytes:
    """A file's bytes without some instances; in memory, as the result is about as large as the file."""
    from polymask.formats.coco import whole  # imported late: most runs do not need it

    without = whole.read(content, options).without
    assert without
    return without(data, removed)
