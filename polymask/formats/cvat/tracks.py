"""CVAT for video: the shapes of each frame, brought together from the tracks, as in an image's element.

A track tells its shape in every frame from its first one on, until a shape is `outside`. The file has no
names of frames; CVAT packs them as `frame_000000.png`, and by these numbers their pictures are known.
Source: CVAT's documentation, "CVAT for videos 1.1".
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import FormatError
from polymask.storage.image_names import stem
from polymask.storage.remote.urls import Location

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

VIDEO = "a video export (it has tracks)"
GAP = "gap"  # the element of a track in a frame of which the file does not tell
_FRAME = re.compile(r"frame_([0-9]{1,9})")
_IMAGES = "export it as “CVAT for images 1.1”"
_ADVICE = f"{_IMAGES}, or name the folder of its frames (frame_000000.png …) with --images DIR"


def _frames_among(pictures: PictureFinder) -> dict[int, str]:
    """The names of pictures that are called as CVAT calls frames, by the frame's number."""
    names = sorted({PurePosixPath(name).name for name in pictures.names})
    return {int(match[1]): name for name in names if (match := _FRAME.fullmatch(stem(name)))}


class Tracks:
    """The tracks of a video export."""

    def __init__(self) -> None:
        self.tracks: list[Element] = []

    def add(self, track: "Element") -> None:
        """Add a track."""
        self.tracks.append(track)

    def images(self, pictures: PictureFinder, path: Location) -> Iterator[tuple[int, "Element"]]:
        """The number and the image's element of each frame that has a picture.

        Raises `FormatError` where a frame with shapes has none.
        """
        names = _frames_among(pictures) if self.tracks else {}
        images = {
            number: self.tracks[0].makeelement("image", {"id": str(number), "name": name})
            for number, name in names.items()  # none without tracks
        }
        for track in self.tracks:
            shapes = _shapes_of(track, path)
            if missing := sorted(shapes.keys() - names.keys()):
                problem = f"frame {missing[0]} has no picture" if names else VIDEO
                raise FormatError(problem, file=path, advice=_ADVICE)
            for number, element in _with_gaps(track, shapes, names):
                images[number].append(element)
        if self.tracks and not images:
            raise FormatError(VIDEO, file=path, advice=_ADVICE)
        yield from sorted(images.items())


def _shapes_of(track: "Element", path: Location) -> dict[int, "Element"]:
    """The shapes of a track by frame; raises `FormatError` where a frame is missing, or has two."""
    shapes: dict[int, Element] = {}
    for shape in track:
        if shape.tag != "attribute":
            number = _frame_of(shape, path)
            if number in shapes:
                raise FormatError(f"a track has two shapes in frame {number}", file=path)
            shapes[number] = shape
    return shapes


def _with_gaps(
    track: "Element", shapes: Mapping[int, "Element"], names: Mapping[int, str]
) -> Iterator[tuple[int, "Element"]]:
    """The shapes of a track by frame, and a gap for each frame in which it is and has no shape."""
    ordered = sorted(names)
    for number, following in pairwise([*sorted(shapes), max(names, default=0) + 1]):
        shape = shapes[number]
        shape.set("label", track.get("label") or "")
        shape.tail = None
        yield number, shape
        if shape.get("outside") != "1":
            for gap in ordered[bisect_right(ordered, number) : bisect_left(ordered, following)]:
                yield gap, track.makeelement(GAP, {"id": track.get("id") or ""})


def _frame_of(shape: "Element", path: Location) -> int:
    text = shape.get("frame") or ""
    if not text.isdecimal() or len(text) > 9:
        raise FormatError(f"a frame is a whole number, not {text[:20]!r}", file=path, place="track")
    return int(text)
