"""Where the pictures of annotations lie: one way to find them for every command and every format."""

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

    A name is looked for as it stands, then percent-decoded. Neither the composition of Unicode nor the
    case of a suffix tells names apart. Below `images` a picture may lie in any folder whose path holds
    the folders of the name: `ds1/a.png` is found as `project/ds1/img/a.png`.
    """

    def __init__(self, place: Place, images: Location | None = None) -> None:
        self.place = Place(images, place.limits) if images is not None else place
        self.searches = images is not None

    def find(self, name: str, *others: str, beside: str = "") -> File | None:
        """The picture of a name; `beside` is the name of the annotation file, in whose folder it may lie.

        Of a name without a picture's suffix it is the picture of that stem; `others` are what it may be
        called besides. Raises `InputError` for a name that is not safe, and where several pictures may be
        meant: below different folders, or of different sizes.
        """
        pictures = (self._named(each, beside) for each in dict.fromkeys((name, *others)))
        return self._agreed(name, [file for file in pictures if file])

    def find_stem(
        self, stem: str, *, beside: str = "", is_picture: Callable[[File], bool] = lambda _: True
    ) -> File | None:
        """The picture of a name without suffix, or of a name that has a picture's suffix already.

        Only files that are a picture by `is_picture` are. Raises `InputError` as `find` does.
        """
        stem = safe_path(local_name(stem))
        for endings in (self._endings, _ENDINGS):  # the first are few, and nearly always enough
            files = filter(is_picture, self._of_stem(stem, endings, beside))
            if file := self._agreed(stem, list(files)):
                return file
        return None

    def frame(self, name: str, *others: str, beside: str = "") -> Frame:
        """The (height, width) of a picture as it is shown; raises `InputError` where it is not there."""
        file = self.find(name, *others, beside=beside)
        if file is None:
            hint = "" if self.searches else "; add --images DIR"
            raise InputError(
                f"{name}: no such picture in {self.place.root}, and only it tells the size{hint}"
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
        """Where a picture may lie, relative to the place."""
        last = PurePosixPath(name).name
        yield name
        if not self.searches:
            folder = PurePosixPath(beside).parent
            above = folder.parent if folder.name else PurePosixPath("..")
            yield str(folder / name)
            yield from (str(PurePosixPath(top) / name) for top in FOLDERS)
            yield str(folder / last)
            yield from (str(where / top / last) for where in (folder, above) for top in FOLDERS)
        parts = name.split("/")  # of a path of another machine, as many as there are
        yield from ("/".join(parts[at:]) for at in range(1, len(parts)))

    def _below(self, name: str) -> File | None:
        """The picture of that name in any folder whose path holds the folders of the name."""
        matches = [
            path for key in dict.fromkeys(map(_key, _decoded(name))) for path in self._by_key.get(key, ())
        ]
        inside = [path for path in matches if _folders(name) <= _folders(path)]
        kept = [path for path in inside if _folders(path) & set(FOLDERS)] or inside
        if len(kept) > 1:
            raise InputError(
                (
                    f"{name}: {len(kept)} pictures below {self.place.root} have this name, e.g. {kept[0]} "
                    f"and {kept[1]}"
                ),
                advice="name the folder that holds the right ones with --images DIR",
            )
        return self.place.file(kept[0]) if kept else None

    @cached_property
    def _by_key(self) -> dict[str, list[str]]:
        """All pictures of the place by their last part, as `_key` has it."""
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
    """The pictures of images that are named relative to an annotation file, looked for when asked for."""

    def __init__(
        self, path: Location, names: Sequence[str], *, images: Location | None, limits: Limits
    ) -> None:
        self.path, self.names, self.images, self.limits = path, names, images, limits

    @cached_property
    def finder(self) -> PictureFinder:
        """Where they are looked for."""
        return PictureFinder(Place(self.path, self.limits), self.images)

    def file(self, index: int) -> File | None:
        """The picture of `names[index]`, or None where it is not found."""
        return self.finder.find(self.names[index])

    def file_in_folders(self, name: str) -> File | None:
        """The picture of a name whose folders tell it apart from others, where it lies in such folders."""
        file = self.finder.find(name)
        return file if file and _folders(name) <= _folders(file.name) else None


def _decoded(name: str) -> list[str]:
    """The name as it stands, and percent-decoded where that is another name."""
    return list(dict.fromkeys((name, unquote(name)))) if "%" in name else [name]


def _spellings(name: str) -> Iterator[str]:
    """The names that a file may have which the annotations call so, the likeliest first."""
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
    """A name's last part, composed, its suffix in lower case."""
    path = PurePosixPath(unicodedata.normalize("NFC", name))
    return path.stem + path.suffix.lower()


def _folders(name: str) -> set[str]:
    return set(PurePosixPath(unicodedata.normalize("NFC", unquote(name))).parent.parts)
