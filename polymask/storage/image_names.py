r"""What images are called: a path below DEST, made of whatever their source calls them.

Tools write paths of another machine, with backslashes, drives, `..`, and addresses. Of all that the relative
path is kept. The one place where this is decided: readers hand in what the file says.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from urllib.parse import unquote, urlsplit

# What ends a picture's name: all else after a dot, of a version or a frame's number, is part of the name.
_KINDS = (
    "jpg jpeg jpe jfif png apng bmp dib webp tif tiff gif ppm pgm pbm pnm pam jp2 j2k jpx jxl heic heif avif "
    "svg ico tga pcx exr hdr psd raw dng cr2 cr3 nef arw rw2 orf dcm dicom nii mha mhd nrrd svs ndpi scn vms"
)
PICTURE_SUFFIXES = frozenset(f".{kind}" for kind in _KINDS.split())
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # of two letters at least: one is a drive
_NOT_RELATIVE = ("\\", ":", "//", "\n/", "/\n", "./", "/.", "\n.\n", "\n..\n")


def local_name(address: str) -> str:
    r"""The relative path that an address names: without scheme, host, drive, query, `.` and `..`.

    >>> local_name("https://host/bucket/a%20b.png?token=1"), local_name(r"C:\data\a.png")
    ('bucket/a b.png', 'data/a.png')
    >>> local_name("../images/./a.png"), local_name("/home/me/a.png")
    ('images/a.png', 'home/me/a.png')
    """
    return "/".join(_parts(address)[1])


def whole_name(address: str) -> str:
    r"""As `local_name`, below a folder that is called like the host or the drive.

    >>> whole_name("https://host/a.png"), whole_name(r"D:\a.png"), whole_name("a.png")
    ('host/a.png', 'D/a.png', 'a.png')
    """
    top, parts = _parts(address)
    return "/".join([top, *parts] if top else parts)


def _parts(address: str) -> tuple[str, list[str]]:
    """The host or the drive, if there is one, and the parts of the path."""
    text, top = address.replace("\\", "/"), ""
    if _SCHEME.match(text):
        try:
            url = urlsplit(text)
            text, top = unquote(url.path).replace("\\", "/"), url.hostname or ""
        except ValueError:  # of brackets in what should be the host
            text = text.partition("://")[2].partition("/")[2]
    text = text.lstrip("/")
    if text[1:2] == ":":
        text, top = text[2:], text[:1]
    return top, [part for part in text.split("/") if part not in ("", ".", "..")]


def picture_suffix(name: str) -> str:
    """The suffix of a picture's name, with its dot; nothing where what follows the last dot is none.

    >>> picture_suffix("train/0001.JPG"), picture_suffix("scan.v1.2")
    ('.JPG', '')
    """
    plain, dot, suffix = name.rpartition("/")[2].rpartition(".")
    return dot + suffix if plain and f".{suffix.lower()}" in PICTURE_SUFFIXES else ""


def stem(name: str) -> str:
    """An image's name without its suffix, folders kept; only suffixes of pictures are cut.

    >>> stem("train/0001.jpg"), stem("frame.0001")
    ('train/0001', 'frame.0001')
    """
    return name.removesuffix(picture_suffix(name))


def stem_of_glob(glob: str) -> str:
    """The glob of names without suffix: without its own, which may be a wildcard.

    >>> stem_of_glob("train/*.jpg"), stem_of_glob("a.*"), stem_of_glob("frame.0001")
    ('train/*', 'a', 'frame.0001')
    """
    plain, _, suffix = glob.rpartition(".")
    return plain if plain and has_magic(suffix) and "/" not in suffix else stem(glob)


def normal_form(name: str) -> str:
    """What names have in common that mean one file: percent-decoded, and composed as Unicode says.

    >>> normal_form("d%C3%A9cran.png") == normal_form("de\\u0301cran.png")
    True
    """
    return unicodedata.normalize("NFC", unquote(name) if "%" in name else name)


def joined(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Of names, those among others that mean the same: the same name, else the only one of its normal form.

    >>> joined(["a", "b%20c", "d"], ["a", "b c"])
    {'a': 'a', 'b%20c': 'b c'}
    """
    names, there = list(names), dict.fromkeys(others)
    pairs = {name: name for name in names if name in there}
    if len(pairs) < len(names):
        used = set(pairs)
        mine, theirs = (_by_form(name for name in group if name not in used) for group in (names, there))
        pairs |= {mine[form]: theirs[form] for form in mine.keys() & theirs.keys()}
    return {name: pairs[name] for name in names if name in pairs}


def _by_form(names: Iterable[str]) -> dict[str, str]:
    """Names by their normal form, where that is of one name only."""
    by_form: dict[str, list[str]] = {}
    for name in names:
        by_form.setdefault(normal_form(name), []).append(name)
    return {form: group[0] for form, group in by_form.items() if len(group) == 1}


def are_relative(names: Sequence[str]) -> bool:
    """Whether all names are relative paths as they stand; one look for all, as there may be millions."""
    text = "\n".join(["", *names, ""])
    return not any(sign in text for sign in _NOT_RELATIVE)


def without_secrets(address: str) -> str:
    """An address without what may be secret in it: its query, its fragment, user and password.

    >>> without_secrets("https://me:word@host:80/a.png?token=1"), without_secrets("a#1.png")
    ('https://host/a.png', 'a#1.png')
    """
    if not (scheme := _SCHEME.match(address)):
        return address
    host, slash, path = address[scheme.end() :].partition("/")
    host = host.rpartition("@")[2].partition(":")[0]
    return scheme[0] + re.split("[?#]", f"{host}{slash}{path}", maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class ImageNames:
    """The names of a source's images, and what the source calls them.

    >>> ImageNames.of(["a.jpg", r"C:\\data\\b.jpg"]).names
    ['a.jpg', 'data/b.jpg']
    """

    names: Sequence[str]
    originals: Sequence[str]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        *,
        originals: Sequence[str] | None = None,
        groups: Sequence[tuple[str, ...]] = (),
    ) -> "ImageNames":
        """Names as a source has them, made relative; where two then meet, folders tell them apart.

        `names` may be shorter than `originals`, which they are parts of. `groups` are what the source
        says of each image besides: its subset, its task. Those that nothing tells apart stay as they are.
        """
        originals = names if originals is None else originals
        if not are_relative(names):
            names = [local_name(name) for name in names]
        if len(set(names)) < len(names):
            names = _told_apart(list(names), originals, groups)
        return cls(names, originals)

    @property
    def changed(self) -> list[int]:
        """The images that are called otherwise than the source calls them."""
        if self.names is self.originals:
            return []
        pairs = enumerate(zip(self.names, self.originals, strict=True))
        return [index for index, (name, original) in pairs if name != original]

    @property
    def note(self) -> str:
        """What a report says of these names; empty where all are as they were."""
        if not (changed := self.changed):
            return ""
        first = changed[0]
        return (
            f"the names of images became paths below DEST ({len(changed):,} of {len(self.names):,}), "
            f"e.g. {without_secrets(self.originals[first])!r} became {self.names[first]!r}; "
            "the manifest has both"
        )

    def names_of(self, names: Sequence[str]) -> dict[str, str]:
        """The images' names by other `names` that they had, where those are of one image only."""
        times = Counter(names)
        return {before: name for before, name in zip(names, self.names, strict=True) if times[before] == 1}


def _told_apart(names: list[str], originals: Sequence[str], groups: Sequence[tuple[str, ...]]) -> list[str]:
    for meeting in _meetings(names):
        for index, name in zip(meeting, _apart(meeting, names[meeting[0]], originals, groups), strict=False):
            names[index] = name
    return names


def _meetings(names: Sequence[str]) -> Iterator[list[int]]:
    """The places of names that several images have."""
    places: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        places.setdefault(name, []).append(index)
    yield from (indices for indices in places.values() if len(indices) > 1)


def _apart(
    meeting: Sequence[int], name: str, originals: Sequence[str], groups: Sequence[tuple[str, ...]]
) -> Sequence[str]:
    """Names that differ, for images that would have one; none where nothing tells them apart."""
    for folders in _folders([groups[index] for index in meeting] if groups else []):
        candidates = [f"{folder}/{name}".lstrip("/") for folder in folders]
        if len(set(candidates)) == len(candidates):
            return candidates
    wholes = [whole_name(originals[index]).split("/") for index in meeting]
    for count in range(name.count("/") + 2, max(map(len, wholes)) + 1):
        candidates = ["/".join(parts[-count:]) for parts in wholes]
        if len(set(candidates)) == len(candidates):
            return candidates
    return ()


def _folders(groups: Sequence[tuple[str, ...]]) -> Iterator[list[str]]:
    """What may tell images apart: each thing that is said of all of them, then all of it together."""
    for values in zip(*groups, strict=True):
        yield [_folder(value) for value in values]
    if groups:
        yield ["/".join(filter(None, map(_folder, group))) for group in groups]


def _folder(group: str) -> str:
    return "/".join(_parts(group)[1])
