"""Images whose size a COCO file lacks: it is taken from their pictures when they are decoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import FormatError
from polymask.formats.coco.rows import UNSIZED
from polymask.formats.reading.refusals import Malformed
from polymask.limits import Limits
from polymask.model import Frame
from polymask.storage.remote.urls import Location
from polymask.storage.source_files import File, Place


@dataclass(eq=False)
class Sizes:
    """Finds the pictures of a COCO file's images: below `images`, else in the place of the file.

    `beside` is the file's name in that place. A place given only by its path is listed when it is needed.
    """

    place: Place | Location
    beside: str
    images: Location | None
    limits: Limits

    def __reduce__(self) -> tuple[type["Sizes"], tuple[Place | Location, str, Location | None, Limits]]:
        return Sizes, (self.place, self.beside, self.images, self.limits)

    @cached_property
    def pictures(self) -> PictureFinder:
        """The finder of the pictures."""
        place = self.place if isinstance(self.place, Place) else Place(self.place, self.limits)
        return PictureFinder(place, self.images)

    def file(self, name: str) -> File | None:
        """The picture of an image; None where it is not found."""
        return self.pictures.find(name, beside=self.beside)

    def frame(self, name: str, frame: Frame) -> Frame:
        """The frame of an image: the one in the file, else its picture's."""
        if frame != UNSIZED:
            return frame
        frame = self.pictures.frame(name, beside=self.beside)
        self.limits.check_frame(name, frame)
        return frame

    @contextmanager
    def format_errors(self, name: str) -> Iterator[None]:
        """Turn `Malformed` into `FormatError`, for annotations that do not fit the picture's size."""
        try:
            yield
        except Malformed as error:
            raise FormatError(error.reason, file=name, place=error.where) from None
