"""The bombs: each makes a file, and says which error it is and what it may cost at most."""

import base64
import gzip
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polymask.codecs.painted_png import SIGNATURE
from tests.conftest import coco, square

BOAT = Path(__file__).parent.parent.parent / "fixtures/labelme/boat.json"
Make = Callable[[Path], Path]


@dataclass(frozen=True, slots=True)
class Bomb:
    """What makes the file, the error's name (or a result, where there is none), and the most it may cost."""

    make: Make
    error: str = "LimitError"
    seconds: float = 1.0
    mib: int = 64
    options: dict[str, Any] = field(default_factory=dict)


def _json(document: Any) -> Make:
    def make(folder: Path) -> Path:
        (folder / "a.json").write_text(document if isinstance(document, str) else json.dumps(document))
        return folder / "a.json"

    return make


def _frame(height: float, width: float) -> Make:
    return _json(coco(images=[{"id": 1, "file_name": "a.jpg", "height": height, "width": width}]))


def _rings(*rings: list[float]) -> Make:
    rows = [
        {"id": n, "image_id": 1, "category_id": 3, "segmentation": [ring]} for n, ring in enumerate(rings)
    ]
    return _json(coco(annotations=rows))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, color: int = 3, interlace: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    palette = chunk(b"PLTE", bytes(768)) if color == 3 else b""
    return SIGNATURE + b"".join([chunk(b"IHDR", header), palette, *chunks, chunk(b"IEND", b"")])


def zeros(count: int) -> bytes:
    """A zlib stream of many zeros, made without holding them."""
    stream = zlib.compressobj(9)
    part = bytes(1 << 20)
    parts = [stream.compress(part) for _ in range(count >> 20)]
    return b"".join([*parts, stream.compress(bytes(count & 0xFFFFF)), stream.flush()])


def _mask(data: Callable[[], bytes]) -> Make:
    """A palette PNG, as the format `voc` reads it."""

    def make(folder: Path) -> Path:
        (folder / "a.png").write_bytes(data())
        return folder / "a.png"

    return make


def _labelme(data: Callable[[], bytes]) -> Make:
    """labelme's mask of a shape."""

    def make(folder: Path) -> Path:
        document = json.loads(BOAT.read_text())
        document["shapes"][2]["mask"] = base64.b64encode(data()).decode()
        return _json(document)(folder)

    return make


def _brush(side: int) -> Make:
    """Label Studio's runs: 27 bits for 65,536 bytes."""
    bits = f"{side * side * 4:032b}" + f"{7:05b}" + f"{15:04b}" * 4
    bits += ("1" + "00" + "1" * 16 + "1" * 8) * (side * side * 4 >> 16)
    packed = [int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8)]
    value = {"format": "rle", "rle": packed, "brushlabels": ["x"]}
    result = {"type": "brushlabels", "original_width": side, "original_height": side, "value": value}
    return _json([{"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": [result]}]}])


def _zip(members: Iterator[tuple[str, bytes]], *, encrypted: bool = False) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members:
                archive.writestr(name, data)
        if encrypted:
            data = path.read_bytes().replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\1")
            path.write_bytes(data.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1"))
        return path

    return make


def _packed(size: int) -> Make:
    """A gzip of spaces, made without holding them."""

    def make(folder: Path) -> Path:
        with gzip.open(folder / "a.json.gz", "wb", compresslevel=1) as file:
            for _ in range(size >> 24):
                file.write(b" " * (1 << 24))
        return folder / "a.json.gz"

    return make


def _text(name: str, text: str) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return make


def _laughs() -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE a [<!ENTITY l0 "ha">{entities}]><annotations><image name="&l9;" height="1" width="1"/></annotations>'


def _cvat(inner: str) -> Make:
    head = '<?xml version="1.0"?><annotations><version>1.1</version>'
    return _text(
        "a.xml", f'{head}<image id="0" name="a.png" width="9" height="9">{inner}</image></annotations>'
    )


def _yaml() -> Make:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    return _text("data.yaml", "\n".join([*lines, "names: [x]"]))


BOMBS: dict[str, Bomb] = {
    "frame of 100,000 × 100,000": Bomb(_frame(100_000, 100_000), seconds=0.1, mib=50),
    "frame beyond 2^31": Bomb(_frame(65_536, 65_536), seconds=0.1, mib=50),
    "frame beyond 2^63": Bomb(_frame(2**33, 2**33), seconds=0.1, mib=50),
    "frame of 1e300": Bomb(_frame(1e300, 1e300), seconds=0.1, mib=50),
    "1,000,001 points": Bomb(lambda at: _rings([0.5, 1.5] * 1_000_001)(at), seconds=3, mib=300),
    "100,000 labels": Bomb(
        lambda at: _json(coco(categories=[{"id": n, "name": f"l{n}"} for n in range(100_000)]))(at), seconds=3, mib=200
    ),
    "JSON of depth 100,000": Bomb(_json("[" * 100_000 + "]" * 100_000), "FormatError"),
    "JSON of depth 100,000 in a record": Bomb(
        _json(json.dumps(coco(info=0)).replace('"info": 0', '"info": ' + '{"a":' * 100_000 + "1" + "}" * 100_000)), "FormatError"
    ),
    "mask of 50,000 × 50,000 in 2 MB": Bomb(_mask(lambda: png(50_000, 50_000, chunk(b"IDAT", zeros(1 << 28)))), seconds=3),
    "labelme mask of 50,000 × 50,000": Bomb(_labelme(lambda: png(50_000, 50_000, chunk(b"IDAT", zeros(1 << 24))))),
    "zTXt that unpacks to 1 GiB": Bomb(
        _mask(lambda: png(4, 4, chunk(b"zTXt", b"a\0\0" + zeros(1 << 30)), chunk(b"IDAT", zeros(20)))), "FormatError", seconds=8
    ),
    "IDAT cut off": Bomb(_mask(lambda: png(900, 900, chunk(b"IDAT", zeros(900 * 901)[:40]))), "FormatError"),
    "IDAT with too much": Bomb(_mask(lambda: png(4, 4, chunk(b"IDAT", zeros(1 << 28)))), "", seconds=3),
    "wrong CRC": Bomb(_mask(lambda: png(4, 4, chunk(b"IDAT", zeros(20))[:-1] + b"x")), "FormatError"),
    "animated PNG": Bomb(
        _mask(lambda: png(4, 4, chunk(b"acTL", struct.pack(">II", 2**31, 0)), chunk(b"IDAT", zeros(20)))), "FormatError"
    ),
    "interlaced PNG": Bomb(_mask(lambda: png(8, 8, chunk(b"IDAT", zeros(200)), interlace=1)), ""),
    "16-bit palette": Bomb(_mask(lambda: png(4, 4, chunk(b"IDAT", zeros(40)), depth=16)), "FormatError"),
    "brush of 30,000 × 30,000 in 1 MB": Bomb(lambda at: _brush(30_000)(at), seconds=5, mib=128),
    "packed text of 256 MiB": Bomb(_packed(1 << 28)),
    "zip of a thousandth": Bomb(_zip(iter([("a.json", b" " * 50_000_000)]))),
    "zip of 30,000 names": Bomb(
        lambda at: _zip((f"{n}/a.txt", b"") for n in range(30_000))(at), "FormatError", seconds=20, mib=200
    ),
    "zip that leads out": Bomb(_zip(iter([("../a.json", b"{}")])), "FormatError"),
    "zip with an absolute name": Bomb(_zip(iter([("/etc/a.json", b"{}")])), "FormatError"),
    "zip in a zip": Bomb(_zip(iter([("a.zip", b"PK\3\4" + bytes(99))])), "FormatError"),
    "encrypted zip": Bomb(_zip(iter([("a.json", b"{}")]), encrypted=True), "FormatError"),
    "a billion laughs": Bomb(_text("a.xml", _laughs()), "FormatError"),
    "an external entity": Bomb(
        _text("a.xml", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotations>&x;</annotations>'), "FormatError"
    ),
    "XML of depth 100,000": Bomb(_cvat("<a>" * 100_000 + "</a>" * 100_000), "LimitError", seconds=3),
    "runs that wrap": Bomb(
        _cvat(f'<mask label="a" left="0" top="0" width="1" height="0" rle="{",".join([str(2**62)] * 4)}"/>'), "FormatError"
    ),
    "YAML whose merged keys double": Bomb(_yaml(), "FormatError"),
    "runs of a frame that is none": Bomb(
        _json([{"image_id": 1, "category_id": 1, "segmentation": {"size": [2**32, 2**32], "counts": "0"}}])
    ),
}  # fmt: skip


def star(edges: int, radius: float) -> list[float]:
    """A ring of long chords, each of which crosses nearly all others."""
    from math import cos, pi, sin

    step = (edges // 2 - 1) * 2 * pi / edges
    return [radius * (1 + side(step * n)) for n in range(edges) for side in (cos, sin)]


LARGE: dict[str, Bomb] = {
    "10^7 points, refused": Bomb(lambda at: _rings([0.25, 1.5] * 10**7)(at), seconds=20, mib=1200),
    "10^7 points, allowed": Bomb(
        lambda at: _rings(star(10**7, 3.0))(at), "", seconds=120, mib=4096, options={"max_vertices": 10**7}
    ),
    "star of 10^5 edges": Bomb(
        lambda at: _json(
            coco(
                images=[{"id": 1, "file_name": "a.jpg", "height": 1000, "width": 1000}],
                annotations=[{"id": 1, "image_id": 1, "category_id": 3, "segmentation": [star(100_001, 500)]}],
            )
        )(at),
        "",
        seconds=10,
        mib=1024,
    ),
    "10^6 instances of two pixels": Bomb(
        lambda at: _json(
            coco(
                images=[{"id": 1, "file_name": "a.jpg", "height": 2000, "width": 2000}],
                annotations=[
                    {"id": n, "image_id": 1, "category_id": (3, 7)[n % 2], "segmentation": [square(n % 1000 * 2, n // 1000 * 2, 1.5)]}
                    for n in range(10**6)
                ],
            )
        )(at),
        "",
        seconds=60,
        mib=4096,
    ),
}  # fmt: skip
