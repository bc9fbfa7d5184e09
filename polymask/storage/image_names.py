r"""The names of images: relative paths below DEST, derived from the names in the source.

Annotation tools write paths of another machine, with backslashes, drives and `..`, or web addresses.
Only the relative path is kept. All readers pass the names of their files through this module.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from glob import has_magic
from urllib.parse import unquote, urlsplit

import msgspec

# What ends a picture's name: all else after a dot, of a version or a frame's number, is part of the name.
_KINDS = (
    "jpg jpeg jpe jfif png apng bmp dib webp tif tiff gif ppm pgm pbm pnm pam jp2 j2k jpx jxl heic heif avif "
    "svg ico tga pcx exr hdr psd raw dng cr2 cr3 nef arw rw2 orf dcm dicom nii mha mhd nrrd svs ndpi scn vms"
)
PICTURE_SUFFIXES = frozenset(f".{kind}" for kind in _KINDS.split())
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # at least two letters: a single one is a drive
_NOT_RELATIVE = ("\\", ":", "//", "\n/", "/\n", "./", "/.", "\n.\n", "\n..\n")


def local_name(address: str) -> str:
    r"""The relative path that an address names: without scheme, host, drive, query, `.` and `..`.

    Examples:
        >>> local_name("https://host/bucket/a%20b.png?token=1"), local_name(r"C:\data\a.png")
        ('bucket/a b.png', 'data/a.png')
        >>> local_name("../images/./a.png"), local_name("/home/me/a.png")
        ('images/a.png', 'home/me/a.png')
    """
    return "/".join(_parts(address)[1])


def whole_name(address: str) -> str:
    r"""As `local_name`, below a folder with the name of the host or the drive.

    Examples:
        >>> whole_name("https://host/a.png"), whole_name(r"D:\a.png"), whole_name("a.png")
        ('host/a.png', 'D/a.png', 'a.png')
    """
    top, parts = _parts(address)
    return "/".join([top, *parts] if top else parts)


def _parts(address: str) -> tuple[str, list[str]]:
    """The host or drive (empty if there is none), and the parts of the path."""
    text, top = address.replace("\\", "/"), ""
    if _SCHEME.match(text):
        try:
            url = urlsplit(text)
            text, top = unquote(url.path).replace("\\", "/"), url.hostname or ""
        except ValueError:  # brackets in the host
            text = text.partition("://")[2].partition("/")[2]
    text = text.lstrip("/")
    if text[1:2] == ":":
        text, top = text[2:], text[:1]
    return top, [part for part in text.split("/") if part not in ("", ".", "..")]


def picture_suffix(name: str) -> str:
    """The suffix of a picture's name, with its dot; nothing where what follows the last dot is none.

    Examples:
        >>> picture_suffix("train/0001.JPG"), picture_suffix("scan.v1.2")
        ('.JPG', '')
    """
    plain, _, suffix = name.rpartition(".")
    is_picture = f".{suffix.lower()}" in PICTURE_SUFFIXES and plain and not plain.endswith("/")
    return f".{suffix}" if is_picture else ""


def stem(name: str) -> str:
    """An image's name without its suffix, folders kept; only suffixes of pictures are cut.

    Examples:
        >>> stem("train/0001.jpg"), stem("frame.0001")
        ('train/0001', 'frame.0001')
    """
    return name.removesuffix(picture_suffix(name))


def stem_of_glob(glob: str) -> str:
    """The glob of names without suffix: without its own, which may be a wildcard.

    Examples:
        >>> stem_of_glob("train/*.jpg"), stem_of_glob("a.*"), stem_of_glob("frame.0001")
        ('train/*', 'a', 'frame.0001')
    """
    plain, _, suffix = glob.rpartition(".")
    return plain if plain and has_magic(suffix) and "/" not in suffix else stem(glob)


def normal_form(name: str) -> str:
    """The form that all names of the same file share: percent-decoded, in Unicode's composed form (NFC).

    Examples:
        >>> normal_form("d%C3%A9cran.png") == normal_form("de\\u0301cran.png")
        True
    """
    return unicodedata.normalize("NFC", unquote(name) if "%" in name else name)


def joined(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Match names with other names: with an equal name, else with the only name of the same normal form.

    Examples:
        >>> joined(["a", "b%20c", "d"], ["a", "b c"])
        {'a': 'a', 'b%20c': 'b c'}
    """
    names, candidates = list(names), dict.fromkeys(others)
    pairs = {name: name for name in names if name in candidates}
    if len(pairs) < len(names):
        used = set(pairs)
        by_form = _by_form(name for name in names if name not in used)
        candidates_by_form = _by_form(name for name in candidates if name not in used)
        common = by_form.keys() & candidates_by_form.keys()
        pairs |= {by_form[form]: candidates_by_form[form] for form in common}
    return {name: pairs[name] for name in names if name in pairs}


def _by_form(names: Iterable[str]) -> dict[str, str]:
    """Names by their normal form; forms that several names share are left out."""
    by_form: dict[str, list[str]] = {}
    for name in names:
        by_form.setdefault(normal_form(name), []).append(name)
    return {form: group[0] for form, group in by_form.items() if len(group) == 1}


def are_relative(names: Sequence[str]) -> bool:
    """Whether all names are plain relative paths; they are checked in one text, as there may be millions."""
    text = "\n".join(["", *names, ""])
    return not any(sign in text for sign in _NOT_RELATIVE)


def without_secrets(address: str) -> str:
    """An address without parts that may be secret: query, fragment, user and password.

    Examples:
        >>> without_secrets("https://me:word@host:80/a.png?token=1"), without_secrets("a#1.png")
        ('https://host/a.png', 'a#1.png')
    """
    if not (scheme := _SCHEME.match(address)):
        return address
    host, slash, path = address[scheme.end() :].partition("/")
    host = host.rpartition("@")[2].partition(":")[0]
    return scheme[0] + re.split("[?#]", f"{host}{slash}{path}", maxsplit=1)[0]


class ImageNames(msgspec.Struct, frozen=True):
    """The names of a source's images, and their original names in the source.

    Examples:
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
        """Make a source's names relative; folders are added where two names would become equal.

        Args:
            names: The names in the source.
            originals: The full names, if `names` are parts of them.
            groups: For each image, further facts such as its subset or task, to use as folders.

        Names that nothing distinguishes stay equal.
        """
        originals = names if originals is None else originals
        if not are_relative(names):
            names = [local_name(name) for name in names]
        if len(set(names)) < len(names):
            names = _distinguished(list(names), originals, groups)
        return cls(names, originals)

    @property
    def changed(self) -> list[int]:
        """The indices of the images whose name differs from the original name."""
        if self.names is self.originals:
            return []
        pairs = enumerate(zip(self.names, self.originals, strict=True))
        return [index for index, (name, original) in pairs if name != original]

    @property
    def note(self) -> str:
        """A report's note on changed names; empty if none has changed."""
        if not (changed := self.changed):
            return ""
        first = changed[0]
        return (
            f"{len(changed):,} of {len(self.names):,} image names were made relative paths, "
            f"e.g. {without_secrets(self.originals[first])!r} became {self.names[first]!r}; "
            "the manifest has both names"
        )

    def names_of(self, names: Sequence[str]) -> dict[str, str]:
        """The images' names by their earlier `names`, without those that several images share."""
        counts = Counter(names)
        return {before: name for before, name in zip(names, self.names, strict=True) if counts[before] == 1}


def _distinguished(
    names: list[str], originals: Sequence[str], groups: Sequence[tuple[str, ...]]
) -> list[str]:
    for indices in _collisions(names):
        distinct = _distinct_names(indices, names[indices[0]], originals, groups)
        for index, name in zip(indices, distinct, strict=False):
            names[index] = name
    return names


def _collisions(names: Sequence[str]) -> Iterator[list[int]]:
    """The indices of the images that share a name, for each such name."""
    by_name: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        by_name.setdefault(name, []).append(index)
    yield from (indices for indices in by_name.values() if len(indices) > 1)


def _distinct_names(
    indices: Sequence[int], name: str, originals: Sequence[str], groups: Sequence[tuple[str, ...]]
) -> Sequence[str]:
    """Different names for images that share a name; empty if nothing distinguishes the images."""
    for folders in _folders([groups[index] for index in indices] if groups else []):
        candidates = [f"{folder}/{name}".lstrip("/") for folder in folders]
        if len(set(candidates)) == len(candidates):
            return candidates
    paths = [whole_name(originals[index]).split("/") for index in indices]
    for count in range(name.count("/") + 2, max(map(len, paths)) + 1):
        candidates = ["/".join(parts[-count:]) for parts in paths]
        if len(set(candidates)) == len(candidates):
            return candidates
    return ()


def _folders(groups: Sequence[tuple[str, ...]]) -> Iterator[list[str]]:
    """Folders that may distinguish images: from each of their facts, then from all facts together."""
    for values in zip(*groups, strict=True):
        yield [_folder(value) for value in values]
    if groups:
        yield ["/".join(filter(None, map(_folder, group))) for group in groups]


def _folder(group: str) -> str:
    return "/".join(_parts(group)[1])
