"""Pictures as they are shown."""

import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import InputError, LimitError, Limits, read
from polymask.codecs.pictures import EXIF_ORIENTATION, PICTURES, frame_of_bytes, opened_picture
from polymask.codecs.png import encode_png


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_5_to_8_swap_the_sides(orientation: int) -> None:
    """A stored picture of 8 × 6 px is shown 6 wide and 8 high when it is turned."""
    exif, data = Image.Exif(), BytesIO()
    exif[EXIF_ORIENTATION] = orientation
    Image.new("RGB", (8, 6)).save(data, "JPEG", exif=exif)
    expected = (8, 6) if orientation >= 5 else (6, 8)
    assert frame_of_bytes(data.getvalue(), Path("a.jpg")) == expected


@pytest.mark.parametrize("kind", PICTURES)
def test_every_kind_tells_its_size(kind: str) -> None:
    """Whatever its name may be."""
    data = BytesIO()
    Image.new("RGB", (8, 6)).save(data, kind)
    assert frame_of_bytes(data.getvalue(), Path("a")) == (6, 8)


@pytest.mark.parametrize("data", [b"", b"BM", b"GIF89a", b"%PDF-1.7", b"\xff\xd8\xff", b"RIFF....WEBPVP8 "])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """Cut off, or of a kind that is not read."""
    with pytest.raises(InputError, match=r"a\.jpg: no picture of a kind that is read"):
        frame_of_bytes(data, Path("a.jpg"))


def claimed(frame: tuple[int, int]) -> bytes:
    """A PNG whose header tells a frame, with next to no pixels behind it."""
    data = bytearray(encode_png(np.zeros((1, 1), np.uint8)))
    data[16:24] = frame[1].to_bytes(4, "big") + frame[0].to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def test_a_picture_is_as_large_as_the_limits_allow(tmp_path: Path) -> None:
    """400 million pixels, a usual aerial picture: its size is read though Pillow calls that a bomb."""
    frame = (20_000, 20_000)
    for path in ("images/a.png", "labels/a.txt"):
        (tmp_path / path).parent.mkdir()
    (tmp_path / "images/a.png").write_bytes(claimed(frame))
    (tmp_path / "labels/a.txt").write_text("0 0.1 0.1 0.2 0.1 0.2 0.2")
    (tmp_path / "data.yaml").write_text("names: [ship]")
    (record,) = read(tmp_path, format="yolo")
    assert record.frame == frame
    with pytest.raises(LimitError, match="--max-pixels"):
        list(read(tmp_path, format="yolo", limits=Limits(max_pixels=1000)))
    with pytest.raises(InputError, match="bomb"), opened_picture(BytesIO(claimed(frame))):
        pass
