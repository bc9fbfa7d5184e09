"""The tools whose formats these are agree on what a file says: `pytest -m peers tests/peers`.

They come with the extra `peers`. Where a peer paints with another pixel rule, our geometry is
drawn with the peer's own primitive, so that only reading is compared, bit for bit.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from pycocotools.coco import COCO

from polymask import ImageRecord, LabelMap, Runs, encode_png, label_masks, read
from polymask.formats import cityscapes, open_annotations
from polymask.formats.labelstudio.brushes import unpacked
from polymask.labels.cityscapes import CITYSCAPES, IGNORED
from polymask.raster.runs import from_runs
from polymask.raster.spans import paint
from tests.support.formats import FIXTURES, LABELS, SCENE, written

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


def mask(runs: Runs) -> np.ndarray:
    found = np.zeros(runs.frame, bool)
    paint(found, from_runs(runs), 1)
    return found


def with_pillow(record: ImageRecord, labels: LabelMap) -> np.ndarray:
    """The record's polygons as Pillow fills them, in file order."""
    image = Image.new("L", record.frame[::-1], labels.background)
    draw = ImageDraw.Draw(image)
    for instance in record.instances:
        for polygon in instance.shape:
            draw.polygon([tuple(point) for point in polygon.exterior], fill=labels.value_of(instance.label))
    return np.array(image)


def with_opencv(record: ImageRecord) -> list[tuple[str, np.ndarray]]:
    """The record's polygons as OpenCV fills them, coordinates cut off to whole numbers.

    A ten-millionth is what is lost where they are told as parts of the picture.
    """
    found = []
    for instance in record.instances:
        image = np.zeros(record.frame, np.uint8)
        cv2.fillPoly(image, [(polygon.exterior + 1e-6).astype(np.int32) for polygon in instance.shape], 1)
        found.append((instance.label, image > 0))
    return found


def test_cityscapes_scripts() -> None:
    """The label image of `json2labelImg`, of the sample and of random objects."""
    from cityscapesscripts.helpers.annotation import Annotation
    from cityscapesscripts.helpers.labels import name2label
    from cityscapesscripts.preparation.json2labelImg import createLabelImage

    path = FIXTURES / "cityscapes/bonn_000000_000001_gtFine_polygons.json"
    annotation = Annotation()
    annotation.fromJsonFile(str(path))
    (record,) = read(path)
    labels = LabelMap.from_values(cityscapes.LABELS)
    assert (with_pillow(record, labels) == np.array(createLabelImage(annotation, "ids"))).all()
    theirs = {name: label.id for name, label in name2label.items() if label.id >= 0}
    ours = {name: cityscapes.LABELS[cityscapes.painted_as(name, cityscapes.LABELS)] for name in theirs}
    assert ours == theirs


def test_the_table_is_that_of_cityscapes_scripts() -> None:
    """Every row: id, train id, color, instances, and what is left out of the evaluation."""
    from cityscapesscripts.helpers.labels import labels

    theirs = {
        row.name: (row.id, row.trainId, row.color, row.hasInstances, row.ignoreInEval) for row in labels
    }
    ours = {
        name: (row.id, row.train_id, row.color, row.instances, row.train_id == IGNORED)
        for name, row in CITYSCAPES.items()
    }
    plate = theirs.pop("license plate")
    assert (plate[0], plate[2:], ours.pop("license plate")[0]) == (-1, ((0, 0, 142), False, True), -1)
    assert ours == theirs


def test_cityscapes_scripts_on_random_objects(tmp_path: Path) -> None:
    """Every label of the table, groups, deleted ones, in draw order."""
    from cityscapesscripts.helpers.annotation import Annotation
    from cityscapesscripts.helpers.labels import name2label
    from cityscapesscripts.preparation.json2labelImg import createLabelImage

    random = np.random.default_rng(7)
    names = [*name2label, "cargroup", "persongroup", "bicyclegroup"]
    objects = [
        {
            "label": names[int(random.integers(len(names)))],
            "polygon": random.integers(0, 60, (int(random.integers(3, 9)), 2)).tolist(),
            **({"deleted": 1} if random.random() < 0.1 else {}),
        }
        for _ in range(300)
    ]
    document = {"imgHeight": 60, "imgWidth": 60, "objects": objects}
    path = written(tmp_path / "a_gtFine_polygons.json", document)
    annotation = Annotation()
    annotation.fromJsonFile(str(path))
    (record,) = read(path, format="cityscapes")
    labels = LabelMap.from_values(cityscapes.LABELS)
    assert (with_pillow(record, labels) == np.array(createLabelImage(annotation, "ids"))).all()


def test_masks_of_cityscapes_scripts(tmp_path: Path) -> None:
    """Its masks of ids, train ids and instances, without the polygons: each pixel's label and object."""
    from cityscapesscripts.helpers.annotation import Annotation
    from cityscapesscripts.helpers.labels import id2label, trainId2label
    from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
    from cityscapesscripts.preparation.json2labelImg import json2labelImg

    random = np.random.default_rng(11)
    names = [row.name for row in id2label.values() if row.id >= 0]
    objects = [
        {"label": names[int(random.integers(len(names)))], "polygon": random.integers(0, 60, (5, 2)).tolist()}
        for _ in range(60)
    ]
    document = {"imgHeight": 60, "imgWidth": 60, "objects": objects}
    polygons = written(tmp_path / "a_gtFine_polygons.json", document)
    (tmp_path / "ids").mkdir()
    (tmp_path / "train").mkdir()
    json2labelImg(str(polygons), str(tmp_path / "ids/a_gtFine_labelIds.png"), "ids")
    json2labelImg(str(polygons), str(tmp_path / "train/a_gtFine_labelTrainIds.png"), "trainIds")
    annotation = Annotation()
    annotation.fromJsonFile(str(polygons))
    numbers = np.array(createInstanceImage(annotation, "ids"))  # which a new Pillow does not save itself
    (tmp_path / "ids/a_gtFine_instanceIds.png").write_bytes(encode_png(numbers.astype(np.uint16)))
    (record,) = read(tmp_path / "ids")
    for instance in record.instances:
        mask = next(label_masks(replace(record, instances=(instance,)))).mask
        assert (mask == (numbers == instance.id)).all()
        assert instance.label == id2label[instance.id // 1000 if instance.id >= 1000 else instance.id].name
    assert {each.id for each in record.instances} == {*np.unique(numbers).tolist()} - {0}
    values = np.array(Image.open(tmp_path / "train/a_gtFine_labelTrainIds.png"))
    (record,) = read(tmp_path / "train")
    for mask in label_masks(record):
        value = (
            255
            if mask.label == "__ignore__"
            else next(number for number, row in trainId2label.items() if row.name == mask.label)
        )
        assert (mask.mask == (values == value)).all()


def test_labelme(tmp_path: Path) -> None:
    """Its masks of polygons bit for bit; of circles, lines and points to the pixels on the edge."""
    from labelme.utils.shape import shape_to_mask

    ring = [[10, 10], [40, 15], [30, 50]]
    document = {"shapes": [], "imagePath": "a.jpg", "imageHeight": 60, "imageWidth": 60}
    kinds = {
        "polygon": ring,
        "circle": [[30, 30], [45, 30]],
        "line": [[10, 20], [50, 20]],
        "linestrip": [[10, 20], [30, 40], [50, 20]],
        "point": [[30, 30]],
        "rectangle": [[10, 12], [40, 50]],
    }
    document["shapes"] = [
        {"label": kind, "points": points, "shape_type": kind} for kind, points in kinds.items()
    ]
    (record,) = read(written(tmp_path / "a.json", document))
    ours = {found.label: found.mask for found in label_masks(record)}
    for kind, points in kinds.items():
        theirs = shape_to_mask((60, 60), points, shape_type=kind)
        both, either = (ours[kind] & theirs).sum(), (ours[kind] | theirs).sum()
        assert both / either > 0.75, kind  # theirs reach half a pixel to a pixel further out
        edge = cv2.dilate(ours[kind].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        core = cv2.erode(ours[kind].astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert not (theirs & ~edge).any(), kind
        assert not (core & ~theirs).any(), kind


def test_labelme_reads_our_sample(tmp_path: Path) -> None:
    """The same labels, points, groups and masks."""
    from labelme import __version__  # noqa: F401 - the package sets up what the next line needs
    from labelme._label_file import LabelFile

    for path in (FIXTURES / "labelme/boat.json", FIXTURES / "via/boat.png"):
        written(tmp_path / path.name, path.read_bytes())
    theirs = LabelFile(str(tmp_path / "boat.json"))
    assert [shape["label"] for shape in theirs.shapes] == ["sea", "sea", "boat", "sun"]
    (boat,) = (shape["mask"] for shape in theirs.shapes if shape["label"] == "boat")
    (record,) = read(FIXTURES / "labelme/boat.json")
    (ours,) = (instance.shape for instance in record.instances if instance.label == "boat")
    assert (mask(ours)[2:6, 2:8] == boat).all()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("datumaro", "datumaro"), ("cvat", "cvat"), ("coco-panoptic", "coco_panoptic")],
)
def test_datumaro(folder: str, name: str, tmp_path: Path) -> None:
    """Its masks of each instance, for its own format, CVAT's and COCO panoptic."""
    from datumaro import Dataset

    source = _laid_out(folder, tmp_path)
    dataset = Dataset.import_from(str(source), name)
    names = [label.name for label in dataset.categories()[next(iter(dataset.categories()))]]
    item = next(item for item in dataset if item.id == "boat")
    theirs = {names[one.label]: _their_mask(one) for one in item.annotations}
    record = open_annotations(FIXTURES / folder).decode(0)
    ours = {found.label: found.mask for found in label_masks(record)}
    assert {"boat", "sea"} <= theirs.keys() <= ours.keys()  # of CVAT's, it passes over ellipses
    for label, found in theirs.items():
        assert (ours[label] == found).all(), label


@pytest.mark.parametrize(
    ("folder", "name"),
    [("camvid", "camvid"), ("voc", "voc_segmentation"), ("sa1b", "segment_anything")],
)
def test_datumaro_masks(folder: str, name: str, tmp_path: Path) -> None:
    """Its masks of existing masks, by label, and of SA-1B's runs, which have no labels, one by one."""
    from datumaro import Dataset

    source = tmp_path / "source"
    shutil.copytree(FIXTURES / folder, source)
    if folder == "voc":
        written(source / "ImageSets/Segmentation/train.txt", "boat\n")
        written(source / "JPEGImages/boat.jpg", (FIXTURES / "via/boat.png").read_bytes())
    dataset = Dataset.import_from(str(source), name)
    item = next(item for item in dataset if item.id == "boat")
    theirs = [one for one in item.annotations if one.type.name == "mask"]
    annotations = open_annotations(FIXTURES / folder)
    record = next(record for record in annotations if PurePosixPath(record.name).stem == "boat")
    if folder == "sa1b":
        for one, instance in zip(theirs, record.instances, strict=True):
            assert (np.asarray(one.image) == mask(instance.shape)).all()
        return
    names = [label.name for label in next(iter(dataset.categories().values()))]
    ours = {found.label: found.mask for found in label_masks(record)}
    assert ours.keys() == {names[one.label] for one in theirs} - {"background"}
    for one in theirs:
        assert names[one.label] == "background" or (ours[names[one.label]] == one.image).all()


def _laid_out(folder: str, tmp_path: Path) -> Path:
    """The sample in the layout that the peer looks for."""
    if folder == "coco-panoptic":
        target = tmp_path / "annotations"
        document = json.loads((FIXTURES / folder / "panoptic.json").read_text())
        for row in document["annotations"]:
            for segment in row["segments_info"]:
                segment["bbox"] = [0, 0, 1, 1]
        written(target / "panoptic_train.json", document)
        written(target / "panoptic_train/boat.png", (FIXTURES / folder / "panoptic/boat.png").read_bytes())
        pictures = "images/train"
    elif folder == "cvat":
        written(tmp_path / "annotations.xml", (FIXTURES / "cvat/annotations.xml").read_bytes())
        pictures = "images"
    else:
        return FIXTURES / folder
    for name in ("boat.png", "empty.png"):
        written(tmp_path / pictures / name, (FIXTURES / "via" / name).read_bytes())
    return tmp_path


def _their_mask(annotation: object) -> np.ndarray:
    if annotation.type.name == "polygon":
        from pycocotools import mask as pycocotools_mask

        rle = pycocotools_mask.frPyObjects([list(annotation.points)], 8, 12)
        return pycocotools_mask.decode(rle)[..., 0] > 0
    if annotation.type.name == "bbox":
        found = np.zeros((8, 12), bool)
        x, y, width, height = map(int, annotation.get_bbox())
        found[y : y + height, x : x + width] = True
        return found
    return np.asarray(annotation.image) > 0


def test_supervision_reads_coco(tmp_path: Path) -> None:
    """RectLabel's export: labels and the masks of its polygons."""
    import supervision

    folder = FIXTURES / "rectlabel"
    theirs = supervision.DetectionDataset.from_coco(
        str(FIXTURES / "via"), str(folder / "annotations.json"), force_masks=True
    )
    _, _, found = next(one for one in theirs if one[0].endswith("boat.png"))
    record = open_annotations(folder).decode(0)
    assert [theirs.classes[key] for key in found.class_id] == [label for label, _ in with_opencv(record)]
    for mask, (_, ours) in zip(found.mask, with_opencv(record), strict=True):
        assert (mask == ours).all()


def test_supervision_reads_yolo() -> None:
    """Labels, and the masks of its polygons in pixels."""
    import supervision

    folder = FIXTURES / "yolo"
    theirs = supervision.DetectionDataset.from_yolo(
        str(folder / "images/train"),
        str(folder / "labels/train"),
        str(folder / "data.yaml"),
        force_masks=True,
    )
    _, _, found = next(one for one in theirs if one[0].endswith("boat.png"))
    record = open_annotations(folder).decode(0)
    assert [theirs.classes[key] for key in found.class_id] == [label for label, _ in with_opencv(record)]
    for mask, (_, ours) in zip(found.mask, with_opencv(record), strict=True):
        assert (mask == ours).all()


def test_label_studio_sdk() -> None:
    """Its decoder and its encoder of brushes, on the sample and on random masks."""
    from label_studio_sdk.converter.brush import decode_rle, mask2rle

    (task,) = json.loads((FIXTURES / "labelstudio/export.json").read_text())
    (rle,) = (row["value"]["rle"] for row in task["annotations"][0]["result"] if "rle" in row["value"])
    assert (decode_rle(rle).reshape(8, 12, 4)[..., 3] > 0).tolist() == (SCENE == 1).tolist()
    random = np.random.default_rng(3)
    for density in (0.01, 0.5, 0.99):
        values = ((random.random((37, 29)) < density) * 255).astype(np.uint8)
        packed = mask2rle(values)
        alpha = unpacked(packed, 37 * 29 * 4).reshape(37, 29, 4)[..., 3]
        assert (alpha == values).all()


@pytest.mark.parametrize("rotation", [0, 20, 90, 215.5])
def test_label_studio_sdk_rotates_alike(rotation: float, tmp_path: Path) -> None:
    """The corners of its export of oriented boxes are those of our rectangles."""
    from label_studio_sdk.converter.utils import convert_annotation_to_yolo_obb

    value = {"x": 30.0, "y": 25.0, "width": 40.0, "height": 12.5, "rotation": rotation}
    size = {"original_width": 40, "original_height": 24}
    result = {"id": "r", "type": "rectanglelabels", "value": value | {"rectanglelabels": ["a"]}, **size}
    task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": [result]}]}
    (record,) = open_annotations(written(tmp_path / "a.json", [task]))
    (shape,) = (polygon for instance in record.instances for polygon in instance.shape)
    corners = convert_annotation_to_yolo_obb(value | size, normalize=False)
    assert np.allclose(shape.exterior, corners, atol=1e-9)


def test_pycocotools_reads_stuff() -> None:
    """Its masks of every annotation."""
    coco = COCO(str(FIXTURES / "coco-stuff/stuff.json"))
    record = open_annotations(FIXTURES / "coco-stuff").decode(0)
    ours = {found.label: found.mask for found in label_masks(record)}
    for annotation in coco.loadAnns(coco.getAnnIds([1])):
        (category,) = coco.loadCats([annotation["category_id"]])
        assert (ours[category["name"]] == (coco.annToMask(annotation) > 0)).all()


def test_the_scene_is_what_all_were_given() -> None:
    """So that agreement means something."""
    record = open_annotations(FIXTURES / "rectlabel").decode(0)
    assert {found.label: int(found.mask.sum()) for found in label_masks(record)} == {
        name: int((LABELS.value_of(name) == SCENE).sum()) + (6 if name == "sea" else 0)
        for name in LABELS.names
    }
