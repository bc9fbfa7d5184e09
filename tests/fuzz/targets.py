"""What is fuzzed: for each target its samples, the mutations that suit it, and what must hold.

A target takes bytes. It gives whether they were accepted, or raises a `PolymaskError`; whatever
else it raises, an `AssertionError` about what it gave among them, is a finding.
"""

import base64
import gzip
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from polymask import InputError, LabelMap, Limits, PolymaskError, decode_png, encode_png, index_mask
from polymask.analysis.verify import verify_folder
from polymask.codecs.pictures import frame_of_bytes
from polymask.codecs.png import decode_color, decode_rgba, encode_color, encode_rgba
from polymask.conversion.undoing.restore import restore_folder
from polymask.dataloop.jobs.download import annotations_of
from polymask.dataloop.jobs.run import Dataset
from polymask.dataloop.service.client import Client
from polymask.dataloop.service.recipe import Recipe
from polymask.dataloop.service.responses import as_json, is_page, refusal
from polymask.dataloop.sink import DataloopSink
from polymask.dataloop.source import DataloopItem, DataloopSource
from polymask.dataloop.target import Target as Place
from polymask.formats import FORMATS, Annotations, ReadOptions, open_annotations
from polymask.in_place.journal import Journal
from polymask.labels.label_map import from_text
from polymask.storage.manifest import read_manifest
from polymask.storage.roots.local import Root
from tests.fuzz import kernels, scans, tables
from tests.fuzz.mutations import (
    Mutation,
    damaged_bytes,
    damaged_json,
    damaged_png,
    damaged_words,
    damaged_xml,
    grown_json,
)

FIXTURES = Path(__file__).parent.parent.parent / "fixtures"
LIMITS = Limits(max_pixels=1 << 18)  # an image's cost is its pixels', not its bytes'
JSON: Sequence[Mutation] = (damaged_bytes, damaged_json, damaged_json, grown_json)
XML: Sequence[Mutation] = (damaged_bytes, damaged_xml, damaged_xml)
WORDS: Sequence[Mutation] = (damaged_bytes, damaged_words, damaged_words)
BYTES: Sequence[Mutation] = (damaged_bytes,)
PNG: Sequence[Mutation] = (damaged_bytes, damaged_png, damaged_png, damaged_png)


@dataclass(frozen=True, slots=True)
class Target:
    """Something that is handed hostile bytes; `run(bytes, folder)` may write below the folder."""

    samples: tuple[bytes, ...]
    mutations: Sequence[Mutation]
    run: Callable[[bytes, Path], bool]


def _samples(*names: str) -> tuple[bytes, ...]:
    return tuple((FIXTURES / name).read_bytes() for name in names)


def _read(data: bytes, folder: Path, *, format: str, name: str) -> bool:
    """Read a file of a format, strictly and leniently, and draw what is in it."""
    path = folder / name
    path.write_bytes(data)
    images = FIXTURES / ("dicom" if format == "dicom" else "via")
    annotator = "1" if format == "bsds" and sum(data[-9:]) % 2 else None
    strict = partial(ReadOptions, limits=LIMITS, images=images, annotator=annotator)
    lenient = partial(strict, skip_invalid=True, default_label="x")
    told = format if sum(data[-8:]) % 4 else None  # sometimes it has to be found out
    try:
        _draw(open_annotations(path, format=told, options=strict()))
    except PolymaskError:
        annotations = open_annotations(path, format=told, options=lenient())
        _draw(annotations)
        if annotations.format == "coco":
            _conserved(data, annotations)
        return False
    annotations = open_annotations(path, format=told, options=lenient())
    assert not annotations.skipped, "accepted as a whole, but records of it are left out"
    return True


def _draw(annotations: Annotations) -> None:
    instances, failed = 0, 0
    for index, name in enumerate(annotations.names):
        try:
            record = annotations.decode(index)
        except InputError:
            failed += 1
            continue
        assert record.name == name
        instances += len(record.instances)
        _paint(record)
    if not failed:
        assert instances == sum(annotations.used.values()), "instances were lost between reading and drawing"


def _paint(record: Any) -> None:
    if not record.instances:
        return
    try:
        mask = index_mask(record, LabelMap.from_records([record]))
    except PolymaskError:
        return
    assert (decode_png(encode_png(mask)) == mask).all()


def _conserved(data: bytes, annotations: Annotations) -> None:
    """COCO: what is painted, refused, without segmentation or not supported is what is declared."""
    try:
        document = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        return
    declared = len(document["annotations"] if isinstance(document, dict) else document)
    refused = sum(one.name.startswith(("$.annotations[", "$[")) for one in annotations.skipped)
    told = sum(annotations.used.values()) + refused + annotations.unsegmented + len(annotations.unsupported)
    assert told == declared, f"{declared} instances are declared, {told} are told of"


def _tars() -> tuple[bytes, ...]:
    """A tar of each flavor, with an annotation file in it."""
    packed = []
    for flavor in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        data = BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=flavor) as archive:
            archive.add(FIXTURES / "supervisely/harbor/ann/boat.png.json", arcname="harbor/ann/boat.png.json")
        packed.append(data.getvalue())
    return tuple(packed)


def _archive(data: bytes, folder: Path, *, name: str = "archive") -> bool:
    path = folder / name
    path.write_bytes(data)
    _draw(open_annotations(path, options=ReadOptions(limits=LIMITS, skip_invalid=True)))
    return True


def _labels(data: bytes, folder: Path) -> bool:
    (folder / "labels.txt").write_bytes(data)
    label_map = LabelMap.load(folder / "labels.txt")
    again = from_text(label_map.to_json().decode())
    assert (again.labels, again.background, again.void) == (
        label_map.labels,
        label_map.background,
        label_map.void,
    )
    return True


def _manifest(data: bytes, folder: Path) -> bool:
    (folder / "masks").mkdir(exist_ok=True)
    (folder / "masks" / "a.png").write_bytes(_GRAY[0])
    (folder / "labels.json").write_bytes(LabelMap.from_names(["a"]).to_json())
    (folder / "manifest.jsonl").write_bytes(data)
    read_manifest(Root(folder))
    verify_folder(folder)
    return True


def _run_json(data: bytes, folder: Path) -> bool:
    (folder / ".polymask").mkdir(exist_ok=True)
    (folder / ".polymask" / "run.json").write_bytes(data)
    root = Root(folder)
    root.unfinished()
    root._holder()
    root.close()
    return True


def _journal(data: bytes, folder: Path) -> bool:
    for name in ("backup.jsonl", "journal.jsonl"):
        (folder / name).write_bytes(data)
    journal = Journal(folder)
    list(journal.backups())
    journal.deleted()
    return True


def _undo(data: bytes, folder: Path) -> bool:
    """The journal of a folder of masks; what it names must not be written to but below the folder."""
    (folder / "journal.jsonl").write_bytes(data.replace(b"/tmp", b"").replace(b"@", str(folder).encode()))
    restore_folder(folder)
    return True


def _gray(data: bytes, _: Path) -> bool:
    mask = decode_png(data, limits=LIMITS)
    assert (decode_png(encode_png(mask)) == mask).all()
    return True


def _rgba(data: bytes, _: Path) -> bool:
    mask = decode_rgba(data, limits=LIMITS)
    assert (decode_rgba(encode_rgba(mask, (1, 2, 3))) == mask).all()
    return True


def _color(data: bytes, _: Path) -> bool:
    pixels = decode_color(data, limits=LIMITS)
    assert (decode_color(encode_color(pixels)) == pixels).all()
    return True


def _picture(data: bytes, folder: Path) -> bool:
    height, width = frame_of_bytes(data, folder / "a")
    assert min(height, width) > 0
    return True


class _Canned(Client):
    """A client that is answered the same whatever it asks."""

    def __init__(self, data: bytes) -> None:
        super().__init__(None, sleep=lambda _: None)
        self.answer = SimpleNamespace(
            content=data, json=lambda: json.loads(data), headers={"Retry-After": data[:9].decode("latin-1")}
        )

    def call(self, *_: Any, **__: Any) -> Any:
        return as_json(self.answer)

    def stream(self, item_id: str) -> bytes:
        return b"no picture"


def _answers(data: bytes, _: Path) -> bool:
    """The platform's answers, as the dataset's source and sink understand them."""
    client = _Canned(data)
    client.answer.status_code = 429
    refusal("GET", "/x", client.answer)
    page = as_json(client.answer)
    if is_page(page):
        client.pages("d", "annotations", {})
    source = DataloopSource(client, "d")
    for item in source.items():
        _one(source.read, item)
        _one(DataloopSink(client, source, {}, limits=LIMITS).proofs, item)
    item = DataloopItem("i", "a.png", page["items"][0] if is_page(page) and page["items"] else {})
    stored = DataloopSink(client, source, {}, limits=LIMITS).proofs(item)
    for one in stored:
        assert isinstance(one.sound, bool)
        assert isinstance(one.sources, dict)
    raw = {"id": "d"} | (page if isinstance(page, dict) else {})
    _one(lambda given: dict(Recipe(client, given)), raw)
    dataset = Dataset(client, raw, Place("p", "d"))
    _one(lambda options: list(annotations_of(dataset, options)), ReadOptions(limits=LIMITS))
    _one(
        lambda options: list(annotations_of(dataset, options)), ReadOptions(limits=LIMITS, skip_invalid=True)
    )
    return bool(stored)


def _one(function: Callable[[Any], Any], given: Any) -> None:
    try:
        function(given)
    except PolymaskError:
        return


def _drawn(mode: str, kind: str, **options: Any) -> bytes:
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.linear_gradient("L").resize((9, 7)).convert(mode).save(out, kind, **options)
    return out.getvalue()


def _exif() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


_MASK = np.arange(48, dtype=np.uint8).reshape(6, 8)
_GRAY = (
    encode_png(_MASK),
    encode_png(_MASK.astype(np.uint16) * 500),
    encode_png(_MASK, palette=np.zeros((256, 3), np.uint8)),
    _drawn("L", "PNG"), _drawn("1", "PNG"), _drawn("I;16", "PNG"), _drawn("P", "PNG"),
    _drawn("L", "PNG", save_all=True, append_images=[]),
)  # fmt: skip
_RGBA = (encode_rgba(_MASK > 9, (9, 8, 7)), _drawn("RGBA", "PNG"))
_COLOR = (
    encode_color(np.dstack([_MASK] * 3)),
    _drawn("RGB", "PNG"),
    _drawn("P", "PNG"),
    _drawn("RGBA", "PNG"),
)
_PICTURES = (
    _drawn("RGB", "JPEG", exif=_exif()), _drawn("RGB", "PNG", exif=_exif()), _drawn("P", "GIF"), _drawn("RGB", "BMP"),
    _drawn("RGB", "TIFF", exif=_exif()), _drawn("RGB", "WEBP", exif=_exif()), _drawn("L", "TIFF", compression="tiff_lzw"),
)  # fmt: skip
_ENTRY = {
    "name": "a.jpg", "mask": "masks/a.png", "height": 6, "width": 8, "pixels_sha256": "0" * 64, "source_sha256": "1" * 64,
    "pixel_rule": "center", "overlap": "last", "version": "0.1.0", "labels": {"a": "0"}, "sources": [[1, "ab"], ["2", "cd"]],
    "split": "train", "priority": ["a"], "border": 0,
}  # fmt: skip
_ROW = {
    "id": "a1", "type": "segment", "label": "boat", "itemId": "a1", "filename": "/a.png",
    "coordinates": [[{"x": 1, "y": 1}, {"x": 5, "y": 1}, {"x": 5, "y": 5}]],
    "metadata": {"system": {"width": 8, "height": 6, "attributes": {"a": 1}, "recipes": ["r"], "mimetype": "image/png", "exif": {"Orientation": 6}},
                 "user": {"polymask": {"restored": "x"}}},
}  # fmt: skip
_BINARY = _ROW | {
    "id": "b1", "filename": "/b.png", "type": "binary", "coordinates": "data:image/png;base64," + base64.b64encode(_RGBA[0]).decode(),
    "metadata": {"user": {"polymask": {"key": "k", "sources": [{"id": "a1", "sha256": "ab"}], "pixels_sha256": "0", "frame": [6, 8], "pixel_rule": "center"}}},
}  # fmt: skip
_PAGE = {"items": [_ROW, _BINARY], "hasNextPage": False, "totalItemsCount": 2, "ontologyIds": ["o"],
         "roots": [{"value": {"tag": "boat", "color": "#ff0000"}, "children": [{"value": {"tag": "x", "color": "rgb(1,2,3)"}}]}],
         "metadata": {"system": {"recipes": ["r"]}}, "message": "m"}  # fmt: skip
_EVENT = {
    "event": "deleting",
    "item": "i",
    "name": "a.jpg",
    "instance": {"id": "a1", "label": "x"},
    "ids": ["a1"],
    "etag": "e",
}
_DELETED = {
    "event": "deleting",
    "source": "@/a.json",
    "backup": "backup/x.json",
    "before": "0" * 64,
    "after": "1" * 64,
    "polygons": 3,
}


def _json_of(*documents: Any) -> bytes:
    return b"".join(json.dumps(document).encode() + b"\n" for document in documents)


_FILES = {
    "coco": ("shapes/instances.json", "coco-stuff/stuff.json", "odd/instances.json", "coco-results/results.json", "rectlabel/annotations.json"),
    "coco-panoptic": ("coco-panoptic/panoptic.json",),
    "labelme": ("labelme/boat.json", "labelme/empty.json"),
    "cityscapes": ("cityscapes/bonn_000000_000001_gtFine_polygons.json",),
    "idd": ("idd/000001_gtFine_polygons.json",),
    "dataloop": ("dataloop/json/boat.json", "dataloop/json/empty.json"),
    "sa1b": ("sa1b/boat.json", "sa1b/empty.json"),
    "cvat": ("cvat/annotations.xml",),
    "yolo": ("yolo/labels/train/boat.txt",),
    "supervisely": ("supervisely/harbor/ann/boat.png.json",),
    "labelstudio": ("labelstudio/export.json", "labelstudio-min/export.json"),
    "datumaro": ("datumaro/annotations/default.json",),
    "labelbox": ("labelbox/export.ndjson", "labelbox-v1/export.json", "labelbox-import/import.ndjson"),
    "voc": ("voc/SegmentationClass/boat.png", "voc-rgb/SegmentationClass/boat.png"),
    "camvid": ("camvid/defaultannot/boat.png", "camvid/defaultannot/empty.png"),
    "masks": ("masks/train/boat_mask.png", "voc/SegmentationClass/boat.png"),
    "segmentsai": ("segmentsai/release.json",),
    "scale": ("scale/tasks.json", "scale-segments/tasks.json", "scale-nucleus/annotations.jsonl"),
    "playment": ("playment/jobs.json", "playment-raster/job.json"),
    "rectlabel": ("rectlabel-xml/boat.xml",),
    "bsds": ("bsds/1102/boat.seg", "bsds-500/groundTruth/test/boat.mat",),
    "waymo": ("waymo/camera_segmentation/harbor.parquet",),
    "geojson": ("geojson/boat.geojson", "geojson/empty.geojson",),
    "mapillary": ("mapillary/training/v2.0/polygons/boat.json", "mapillary/config_v2.0.json",),
    "bdd100k": ("bdd100k/labels.json", "bdd100k-old/boat.json",),
    "darwin": ("darwin/boat.json", "darwin/empty.json", "darwin-1/boat.json",),
    "encord": ("encord/labels.json",),
    "isat": ("isat/boat.json", "isat/empty.json",),
    "imagej": ("imagej/boat.zip",),
    "dicom": ("dicom/rs.dcm",),
    "labelme-xml": ("labelme-xml/boat.xml",),
    "via-csv": ("via-csv/via_export_csv.csv", "via-csv-3/via_export.csv"),
    "via": ("via/via_region_data.json", "via-1/via_region_data.json", "via-3/via_project.json"),
}  # fmt: skip

_BESIDE = {
    "rectlabel": ["rectlabel-xml/boat_pixels0.png"],
    "labelme-xml": ["labelme-xml/boat_mask_0.png"],
    "scale": ["scale-segments/indexed.png"],
    "playment": ["playment-raster/mask.png"],
    "segmentsai": ["segmentsai/boat_label_ground-truth.png"],
    "camvid": ["camvid/label_colors.txt"],
    "masks": ["masks/train/_classes.csv"],
}


def _format(name: str) -> Target:
    samples, file = _samples(*_FILES[name]), Path(_FILES[name][0]).name
    mutations = {
        "cvat": XML,
        "labelme-xml": XML,
        "via-csv": WORDS,
        "dicom": BYTES,
        "imagej": BYTES,
        "waymo": BYTES,
        "bsds": WORDS,
        "rectlabel": XML,
        "yolo": WORDS,
        "voc": PNG,
        "camvid": PNG,
        "masks": PNG,
    }.get(name, JSON)
    run = _with_others if name in _BESIDE else _read
    if name == "yolo":
        run = _yolo
    return Target(samples, mutations, partial(run, format=name, name=file))


def _with_others(data: bytes, folder: Path, *, format: str, name: str) -> bool:
    """Read a file that names others, which lie beside it."""
    for other in _BESIDE[format]:
        (folder / Path(other).name).write_bytes((FIXTURES / other).read_bytes())
    return _read(data, folder, format=format, name=name)


def _yolo(data: bytes, folder: Path, *, format: str, name: str) -> bool:
    (folder / "data.yaml").write_bytes(b"names: [sea, boat, sun]\n")
    return _read(data, folder, format=format, name=name)


def _yaml(data: bytes, folder: Path) -> bool:
    (folder / "labels").mkdir(exist_ok=True)
    (folder / "labels" / "boat.txt").write_bytes(_samples("yolo/labels/train/boat.txt")[0])
    return _read(data, folder, format="yolo", name="data.yaml")


_LABELS = (
    b"__ignore__\n_background_\ncar\nvan -> car\n",
    *_samples("voc/labelmap.txt", "camvid/label_colors.txt", "camvid-kaggle/class_dict.csv", "masks/train/_classes.csv"),
    b'{"1": "cat", "2": "dog"}',
    b'{"id2label": {"0": "a", "1": "b"}}', b'{"cat": 3, "dog": 4}', LabelMap.from_names(["a", "b"]).to_json(),
)  # fmt: skip
_RINGS = (
    b"[[1,2,3.5,4,5,-6]]",
    b" [ [510.66,423.01 , -5, 424.0],[1,2,3,4,5,6]]\n",
    b"[]",
    b"[[0.1,1e-7,9007199254740993,1E+2]]",
)
_SCANS = (
    *_samples("shapes/instances.json", "coco-stuff/stuff.json", "odd/instances.json"),
    b'{"images":[{"id":1,"file_name":"a","height":4,"width":5}],"categories":[{"id":0,"name":"x"},{"id":1,"name":"y"}],'
    b'"annotations":[{"id":1,"image_id":1,"category_id":0,"segmentation":[[0,0,4,0,4,3.5]]},'
    b'{"id":2,"image_id":1,"category_id":1,"segmentation":{"size":[4,5],"counts":[3,9,8]},"iscrowd":1}]}',
)
_SHAPES = tuple(
    bytes((17 * n + 5 * k) % 256 for n in range(60)) + b"\n" + bytes(range(k, k + 90)) for k in range(6)
)

TARGETS: dict[str, Target] = {
    **{name: _format(name) for name in FORMATS},
    "yolo-yaml": Target((*_samples("yolo/data.yaml"), b"names:\n  0: sea\n  1: boat\n"), WORDS, _yaml),
    "zip": Target(_samples("cvat.zip"), BYTES, _archive),
    "tar": Target(_tars(), BYTES, _archive),
    "packed": Target(
        (gzip.compress(_samples("labelme/boat.json")[0], mtime=0),), BYTES, partial(_archive, name="a.json.gz")
    ),
    "labels": Target(_LABELS, (*WORDS, *JSON), _labels),
    "manifest": Target((_json_of(_ENTRY), _json_of(_ENTRY, _ENTRY | {"name": "b"})), JSON, _manifest),
    "run-json": Target((_json_of({"options": {"to": "index", "only": []}, "process": 1, "host": "h"}),), JSON, _run_json),
    "journal": Target((_json_of(_EVENT), _json_of(_EVENT, _EVENT | {"event": "deleted"})), JSON, _journal),
    "folder-journal": Target((_json_of(_DELETED), _json_of(_DELETED, _DELETED)), JSON, _undo),
    "png-gray": Target(_GRAY, PNG, _gray),
    "png-rgba": Target(_RGBA, PNG, _rgba),
    "png-color": Target(_COLOR, PNG, _color),
    "picture": Target(_PICTURES, BYTES, _picture),
    "dataloop-answers": Target((_json_of(_PAGE),), JSON, _answers),
    "rasterize": Target(_SHAPES, BYTES, kernels.rasterize),
    "painting": Target(_SHAPES, BYTES, kernels.painting),
    "runs": Target(_SHAPES, BYTES, kernels.runs),
    "coco-scan": Target(_SCANS, (*JSON, *BYTES), scans.scanned),
    "rings": Target(_RINGS, (*BYTES, *WORDS), kernels.rings),
    **{f"table-{name}": Target((sample,), JSON if name.endswith(".json") else WORDS, tables.damaged(name))
       for name, (sample, _) in tables.TABLES.items()},
}  # fmt: skip
