"""The mask of the small COCO file in `tests.conftest.coco`, drawn by hand: a cat (1) below a dog (2)."""

import numpy as np
from PIL import Image

INDEX = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0, 0, 0],
        [0, 1, 1, 2, 2, 2, 0, 0],
        [0, 1, 1, 2, 2, 2, 0, 0],
        [0, 0, 0, 2, 2, 2, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
    ],
    np.uint8,
)


def picture(path):
    """A picture's mode and pixels, as Pillow, and so everybody else, sees them."""
    with Image.open(path) as image:
        return image.mode, np.array(image)
