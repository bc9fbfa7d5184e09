"""Images and files that annotations name by an address: a URL, another machine's path, a bare stem.

No address is ever opened: the file is searched below the source's own folder.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath

from polymask.codecs.picture_files import PictureFinder
from polymask.codecs.pictures import frame_of
from polymask.errors import InputError
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.refusals import Malformed
from polymask.model import Frame
from polymask.storage.image_names import local_name
from polymask.storage.safe_names import safe_path
from polymask.storage.source_files import File, Place


def image_name(address: str) -> str:
    """The `local_name` of a picture's address; raises `Malformed` where it names nothing."""
    if not (name := local_name(address)):
        raise Malformed("$", f"no image's name is in {address!r}")
    return name


def named_file(place: Place, address: str, *, beside: str) -> File | None:
    """The file that an address names by its last parts; the longest match wins, None without a match.

    `beside` is the name of the annotation file; its folder is searched first.
    """
    return next((file for name in _candidates(address, beside) if (file := place.find(name))), None)


def _candidates(address: str, beside: str) -> Iterator[str]:
    parts, folder = local_name(address).split("/"), PurePosixPath(beside).parent
    for start in range(len(parts)):
        for name in dict.fromkeys((str(folder / "/".join(parts[start:])), "/".join(parts[start:]))):
            try:
                yield safe_path(name)
            except InputError:
                continue


def picture_of(stem: str, pictures: PictureFinder, *, beside: str = "") -> str | None:
    """The name, with suffix, of the picture with that stem; None where there is no picture."""
    try:
        file = pictures.find_stem(stem, beside=beside)
    except InputError as error:
        raise Malformed("$", str(error)) from None
    return with_suffix_of(stem, file) if file else None


def with_suffix_of(stem: str, picture: File) -> str:
    """The stem with the suffix of its picture appended, unless it ends with that suffix already."""
    suffix = PurePosixPath(picture.name).suffix
    return stem if stem.lower().endswith(suffix.lower()) else stem + suffix


def picture_frame(stem: str, pictures: PictureFinder, notes: Notes) -> tuple[str, Frame]:
    """The name and the frame of the picture with that stem, for formats that give no size.

    Raises `InputError` where the picture is missing, but not while records are only checked.
    """
    beside = notes.page.file.name
    picture_name = picture_of(stem, pictures, beside=beside)
    if notes.pictures is None:
        return picture_name or stem, notes.frame(stem)
    file = pictures.find(picture_name, beside=beside) if picture_name else None
    if file is None:
        problem = f"{notes.page.file.path}: no picture '{stem}' with a picture's suffix for it"
        raise InputError(f"{problem}, and only the picture gives the size", advice="add --images DIR")
    frame = frame_of(file)
    notes.options.limits.check_frame(str(file.path), frame)
    return picture_name or stem, frame
