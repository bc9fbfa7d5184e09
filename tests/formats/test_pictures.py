"""Pictures as they are shown."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from polymask.formats.pictures import EXIF_ORIENTATION, frame_of_bytes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_5_to_8_swap_the_sides(orientation: int) -> None:
    """A stored picture of 8 × 6 px is shown 6 wide and 8 high when it is turned."""
    exif, data = Image.Exif(), BytesIO()
    exif[EXIF_ORIENTATION] = orientation
    Image.new("RGB", (8, 6)).save(data, "JPEG", exif=exif)
    expected = (8, 6) if orientation >= 5 else (6, 8)
    assert frame_of_bytes(data.getvalue(), Path("a.jpg")) == expected
