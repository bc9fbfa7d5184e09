"""Finds the pictures of annotations, in the same way for every command and format."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote

from polymask.codecs.pictures import SUFFIXES, frame_of
from polymask.errors import InputError, NotFound
from polymask.limits import Limits
from polymask.model import Frame
from polymask.storage.image_names import local_name, picture_suffix
from polymask.storage.remote.urls import Location
from polymask.storage.safe_names import safe_path
from polymask.storage.source_files import File, Place

_ENDINGS = (*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES))
FOLDERS = ("img", "images", "JPEGImages")  # where tools keep pictures, beside annotations or masks


class PictureFinder:
    """The pictures of a source: those below `images`, else those beside its annotations or masks.

    A name is tried unchanged first, then percent-decoded. Names that differ only in Unicode composition
    or in the case of the suffix are equal. Below `images`, a picture may lie in any folder whose path
    contains the folders of the name: `project/ds1/img/a.png` is the picture of `ds1/a.png`.
    """

    def __init__(self, place: Place, images: Location | None = None) -> None:
        self.place = Place(images, place.limits) if images is not None else place
        self.searches = images is not None

    def find(self, name: str, *others: str, beside: str = "") -> File | None:
        """The picture of a name; it may lie in the folder of `beside`, the name of the annotation file.

        A name without a picture's suffix means the picture of that stem; `others` are further names that the
        picture may have. Raises `InputError` for an unsafe name, and where several pictures may be meant: in
        different folders, or of different sizes.
        """
        pictures = (self._named(alias, beside) for alias in dict.fromkeys((name, *others)))
        return self._agreed(name, [file for file in pictures if file])

    def find_stem(
        self, stem: str, *, beside: str = "", is_picture: Callable[[File], bool] = lambda _: True
    ) -> File | None:
        """The picture of a name with or without a picture's suffix, among the files that `is_picture` takes.

        Raises `InputError` as `find` does.
        """
        stem = safe_path(local_name(stem))
        for endings in (self._endings, _ENDINGS):  # the first are few, and nearly always enough
            files = filter(is_picture, self._of_stem(stem, endings, beside))
            if file := self._agreed(stem, list(files)):
                return file
        return None

    def frame(self, name: str, *others: str, beside: str = "") -> Frame:
        """The (height, width) of a picture as viewers show it; raises `InputError` for a missing picture."""
        file = self.find(name, *others, beside=beside)
        if file is None:
            hint = "" if self.searches else "; add --images DIR"
            raise InputError(
                f"{name}: no such picture in {self.place.root}, and only the picture gives the size{hint}"
            )
        return frame_of(file)

    def _named(self, name: str, beside: str) -> File | None:
        name = safe_path(local_name(name))
        for spelling in _spellings(name):
            for path in dict.fromkeys(self._paths(spelling, beside)):
                if file := self.place.find(path):
                    return file
        if self.searches and (file := self._below(name)):
            return file
        return None if picture_suffix(name) else self.find_stem(name, beside=beside)

    def _of_stem(self, stem: str, endings: Iterable[str], beside: str) -> list[File]:
        """The pictures of that stem with these endings: in its very place, else wherever they may lie."""
        if exact := [file for ending in endings if (file := self.place.find(stem + ending))]:
            return exact
        if PurePosixPath(stem).suffix.lower() in SUFFIXES and (file := self._named(stem, beside)):
            return [file]
        suffixes = dict.fromkeys(map(str.lower, endings))
        return [file for suffix in suffixes if (file := self._named(stem + suffix, beside))]

    def _agreed(self, name: str, files: list[File]) -> File | None:
        """The first of the pictures that may be meant; raises `InputError` where they differ in size."""
        if len(files) > 1 and len({frame_of(file) for file in files}) > 1:
            listed = " and ".join(sorted({str(file.path) for file in files})[:2])
            raise InputError(
                f"{name}: several pictures may be meant, and differ in size: {listed}",
                advice="take away the wrong one, or name the folder of the right one with --images DIR",
            )
        return files[0] if files else None

    @cached_property
    def _endings(self) -> tuple[str, ...]:
        """The endings that pictures of the place have."""
        endings = {PurePosixPath(name).suffix for names in self._by_key.values() for name in names}
        return tuple(ending for ending in _ENDINGS if ending in endings)

    def _paths(self, name: str, beside: str) -> Iterator[str]:
        """The paths at which a picture may lie, relative to the place."""
        last = PurePosixPath(name).name
        yield name
        if not self.searches:
            folder = PurePosixPath(beside).parent
            above = folder.parent if folder.name else PurePosixPath("..")
            yield str(folder / name)
            yield from (str(PurePosixPath(top) / name) for top in FOLDERS)
            yield str(folder / last)
            yield from (str(parent / top / last) for parent in (folder, above) for top in FOLDERS)
        parts = name.split("/")  # a path from another machine: drop leading folders, fewest first
        yield from ("/".join(parts[at:]) for at in range(1, len(parts)))

    def _below(self, name: str) -> File | None:
        """The picture of a name in any folder whose path contains the folders of the name."""
        matches = [
            path for key in dict.fromkeys(map(_key, _decoded(name))) for path in self._by_key.get(key, ())
        ]
        inside = [path for path in matches if _folders(name) <= _folders(path)]
        candidates = [path for path in inside if _folders(path) & set(FOLDERS)] or inside
        if len(candidates) > 1:
            raise InputError(
                (
                    f"{name}: {len(candidates)} pictures below {self.place.root} have this name, "
                    f"e.g. {candidates[0]} and {candidates[1]}"
                ),
                advice="name the folder that holds the right ones with --images DIR",
            )
        return self.place.file(candidates[0]) if candidates else None

    @property
    def names(self) -> list[str]:
        """The names of all pictures of the place."""
        return [name for names in self._by_key.values() for name in names]

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        """All pictures of the place, by the `_key` of their names."""
        try:
            names = self.place.names
        except NotFound:  # an empty folder
            return {}
        by_key: dict[str, list[str]] = {}
        for name in names:
            if PurePosixPath(name).suffix.lower() in SUFFIXES:
                by_key.setdefault(_key(name), []).append(name)
        return by_key


class NamedPictures:
    """The pictures of images named relative to an annotation file, each searched when needed."""

    def __init__(
        self, path: Location, names: Sequence[str], *, images: Location | None, limits: Limits
    ) -> None:
        self.path, self.names, self.images, self.limits = path, names, images, limits

    @cached_property
    def finder(self) -> PictureFinder:
        """The finder that searches for them."""
        return PictureFinder(Place(self.path, self.limits), self.images)

    def file(self, index: int) -> File | None:
        """The picture of `names[index]`, or None where there is none."""
        return self.finder.find(self.names[index])

    def file_in_folders(self, name: str) -> File | None:
        """The picture of a name, only if it lies in the folders that the name has."""
        file = self.finder.find(name)
        return file if file and _folders(name) <= _folders(file.name) else None


def _decoded(name: str) -> list[str]:
    """The name unchanged, and its percent-decoded form where that differs."""
    return list(dict.fromkeys((name, unquote(name)))) if "%" in name else [name]


def _spellings(name: str) -> Iterator[str]:
    """The spellings under which a name of the annotations may lie on disk, the likeliest first."""
    for decoded in _decoded(name):
        forms = (decoded, *(unicodedata.normalize(form, decoded) for form in ("NFC", "NFD")))
        for form in dict.fromkeys(forms):
            path = PurePosixPath(form)
            suffixes = dict.fromkeys((path.suffix, path.suffix.lower(), path.suffix.upper()))
            for spelling in (form.removesuffix(path.suffix) + suffix for suffix in suffixes):
                if _is_safe(spelling):
                    yield spelling


def _is_safe(name: str) -> bool:
    try:
        return bool(safe_path(name))
    except InputError:
        return False


def _key(name: str) -> str:
    """The last part of a name, in composed Unicode, its suffix in lower case."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    return path.stem + path.suffix.lower()


def _folders(name: str) -> set[str]:
    return set(PurePosixPath(unicodedata.normalize("NFC", unquote(name))).parent.parts)
