"""Readers that need no torch. Each function is printed in the docs as it stands."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.consumers.cells import Seen, reads


def id2label(dest: Path, file: str = "id2label.json") -> dict[int, str]:
    """What the values of the masks mean; void, of which the table does not speak, is 255."""
    import json

    named = json.loads((dest / file).read_text())
    return {255: "__ignore__", **{int(value): name for value, name in named.items()}}


@reads("Pillow", "index", "pillow", light=True)
def pillow_index(dest: Path) -> Iterator[Seen]:
    from PIL import Image

    for path in (dest / "masks").iterdir():
        yield Seen(name=path.stem, values=np.array(Image.open(path)), names=id2label(dest))


@reads("Pillow", "voc", "pillow", light=True)
def pillow_voc(dest: Path) -> Iterator[Seen]:
    from PIL import Image

    for path in (dest / "SegmentationClass").iterdir():
        yield Seen(name=path.stem, values=np.array(Image.open(path)), names=id2label(dest))


@reads("Pillow", "segnet", "pillow", unlabeled=True, light=True)
def pillow_segnet(dest: Path) -> Iterator[Seen]:
    from PIL import Image

    for path in dest.glob("*annot/*.png"):
        yield Seen(name=path.stem, values=np.array(Image.open(path)), names=id2label(dest))


@reads("Pillow", "binary", "pillow", light=True)
def pillow_binary(dest: Path) -> Iterator[Seen]:
    from PIL import Image

    for picture in (dest / "images").iterdir():
        masks = (dest / "masks" / picture.stem).glob("*.png")  # none where there are no instances
        yield Seen(name=picture.stem, labels={path.stem: np.array(Image.open(path)) == 255 for path in masks})


@reads("numpy", "onehot", "numpy", light=True)
def numpy_onehot(dest: Path) -> Iterator[Seen]:
    for path in (dest / "onehot").iterdir():
        with np.load(path) as archive:
            planes, of_planes = archive["mask"], archive["values"]
        values = np.where(planes.any(-1), of_planes[planes.argmax(-1)], 255)  # void is in no plane
        yield Seen(name=path.stem, values=values, names=id2label(dest))


@reads("OpenCV", "index", "opencv-python-headless", light=True)
def opencv_index(dest: Path) -> Iterator[Seen]:
    import cv2

    for path in (dest / "masks").iterdir():
        yield Seen(name=path.stem, values=cv2.imread(str(path), cv2.IMREAD_UNCHANGED), names=id2label(dest))


@reads(
    "OpenCV",
    "voc",
    "opencv-python-headless",
    glue="OpenCV turns palette values into colors (in gray: 38, 75 …), so open the masks with Pillow",
    light=True,
)
def opencv_voc(dest: Path) -> Iterator[Seen]:
    import cv2
    from PIL import Image

    for path in (dest / "SegmentationClass").iterdir():
        mask = np.array(Image.open(path))  # not cv2.imread
        picture = cv2.imread(str(dest / "JPEGImages" / f"{path.stem}.jpg"))
        yield Seen(name=path.stem, values=mask, names=id2label(dest), picture=picture.shape[:2])


@reads("pycocotools", "coco", "pycocotools", light=True)
def pycocotools_coco(dest: Path) -> Iterator[Seen]:
    from pycocotools.coco import COCO

    coco = COCO(str(dest / "annotations.json"))
    names = {row["id"]: row["name"] for row in coco.dataset["categories"]}
    for number, image in coco.imgs.items():
        rows = coco.loadAnns(coco.getAnnIds(number))
        labels = {names[row["category_id"]]: coco.annToMask(row) == 1 for row in rows}
        yield Seen(name=Path(image["file_name"]).stem, labels=labels)


@reads("supervision", "coco", "supervision", light=True)
def supervision_coco(dest: Path) -> Iterator[Seen]:
    import supervision

    dataset = supervision.DetectionDataset.from_coco(
        images_directory_path=str(dest / "images"), annotations_path=str(dest / "annotations.json")
    )
    for path, picture, detections in dataset:
        masks = detections.mask if len(detections) else []
        labels = {
            dataset.classes[number]: mask for number, mask in zip(detections.class_id, masks, strict=True)
        }
        yield Seen(name=Path(path).stem, labels=labels, picture=picture.shape[:2])


@reads("albumentations", "index", "albumentations", light=True)
def albumentations_index(dest: Path) -> Iterator[Seen]:
    import albumentations
    import cv2

    flip = albumentations.HorizontalFlip(p=1)
    for path in (dest / "masks").iterdir():
        image = cv2.imread(str(dest / "images" / f"{path.stem}.png"))
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        flipped = flip(image=image, mask=mask)
        there_and_back = flip(image=flipped["image"], mask=flipped["mask"])
        yield Seen(
            name=path.stem,
            values=there_and_back["mask"],
            names=id2label(dest),
            picture=there_and_back["image"].shape[:2],
        )


@reads("cityscapesScripts", "cityscapes", "cityscapesScripts", unlabeled=True, light=True)
def cityscapes_scripts(dest: Path) -> Iterator[Seen]:
    from cityscapesscripts.helpers.labels import id2label as table
    from PIL import Image

    names = {number: label.name for number, label in table.items()} | {0: "background"}
    for path in dest.glob("gtFine/*/*/*_gtFine_labelIds.png"):
        name = path.name.removesuffix("_gtFine_labelIds.png")
        yield Seen(name=name, values=np.array(Image.open(path)), names=names)


@reads("cityscapesScripts, colors", "cityscapes", "cityscapesScripts", unlabeled=True, light=True)
def cityscapes_colors(dest: Path) -> Iterator[Seen]:
    from cityscapesscripts.helpers.labels import labels
    from PIL import Image

    names = {label.id: label.name for label in labels} | {0: "background"}
    for path in dest.glob("gtFine/*/*/*_gtFine_color.png"):
        pixels = np.array(Image.open(path))[..., :3]
        values = np.full(pixels.shape[:2], -2)
        for label in reversed(labels):
            values[(pixels == label.color).all(-1)] = label.id
        yield Seen(name=path.name.removesuffix("_gtFine_color.png"), values=values, names=names)


@reads("panopticapi", "coco-panoptic", "panopticapi-lite", unlabeled=True, light=True)
def panopticapi_segments(dest: Path) -> Iterator[Seen]:
    import json

    from panopticapi.utils import rgb2id
    from PIL import Image

    for file in (dest / "annotations").glob("panoptic_*.json"):
        document = json.loads(file.read_text())
        names = {row["id"]: row["name"] for row in document["categories"]}
        for row in document["annotations"]:
            ids = rgb2id(np.array(Image.open(file.with_suffix("") / row["file_name"])))
            labels = {0: "background"}
            labels |= {segment["id"]: names[segment["category_id"]] for segment in row["segments_info"]}
            yield Seen(name=Path(row["file_name"]).stem, values=ids, names=labels)


def datumaro_items(dest: Path, format: str) -> Iterator[Seen]:
    """What Datumaro has of each image: the masks of its labels, and the label at each pixel."""
    from datumaro.components.annotation import AnnotationType
    from datumaro.components.dataset import Dataset

    dataset = Dataset.import_from(str(dest), format=format)
    names = dict(enumerate(label.name for label in dataset.categories()[AnnotationType.label].items))
    names |= {-1: "background"} | {n: "__ignore__" for n, name in names.items() if name == "void"}
    for item in dataset:
        if item.subset == "trainval":
            continue  # train and val a second time, as in VOC's own lists
        values, labels = np.full(item.media.size, -1), {}
        for annotation in item.annotations:
            if annotation.type == AnnotationType.mask:
                values[annotation.image.astype(bool)] = annotation.label
                labels[names[annotation.label]] = annotation.image.astype(bool)
        overlaps = format == "coco"
        yield Seen(
            name=item.id.split("/")[-1],
            values=None if overlaps else values,
            names=names,
            labels=labels if overlaps else None,
            picture=item.media.size,
        )


@reads("Datumaro", "coco", "datumaro", light=True)
def datumaro_coco(dest: Path) -> Iterator[Seen]:
    yield from datumaro_items(dest, "coco")


@reads("Datumaro", "coco-panoptic", "datumaro", unlabeled=True, light=True)
def datumaro_panoptic(dest: Path) -> Iterator[Seen]:
    yield from datumaro_items(dest, "coco_panoptic")


@reads("Datumaro", "voc", "datumaro", light=True)
def datumaro_voc(dest: Path) -> Iterator[Seen]:
    yield from datumaro_items(dest, "voc_segmentation")


@reads("Datumaro", "camvid", "datumaro", light=True)
def datumaro_camvid(dest: Path) -> Iterator[Seen]:
    yield from datumaro_items(dest, "camvid")


@reads(
    "Datumaro",
    "cityscapes",
    "datumaro",
    fault="it leaves out train id 0, Cityscapes' road",
    unlabeled=True,
    light=True,
)
def datumaro_cityscapes(dest: Path) -> Iterator[Seen]:
    yield from datumaro_items(dest, "cityscapes")
