"""Image names that are safe paths below DEST: derived here, for every format alike."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec

from polymask.errors import FormatError
from polymask.formats.reading.contract import Annotations
from polymask.model import ImageRecord, Skipped
from polymask.storage.image_names import ImageNames, local_name, without_secrets
from polymask.storage.source_files import File


def renamed(annotations: Annotations, *, picture_in_folders: Callable[[str], File | None]) -> Annotations:
    """The same annotations under image names that are paths below DEST.

    `picture_in_folders` finds the picture of an image that shares its file name with others and is
    told apart by its folder. Raises `FormatError` for a name that yields no path.
    """
    names = annotations.names
    images = ImageNames.of(names, originals=annotations.source_names or None, groups=annotations.groups)
    notes = (*annotations.notes, *filter(None, [images.note]))
    if images.names is names:
        return replace(annotations, notes=notes)
    _refuse_nameless(annotations, images)
    name_of = images.names_of(names)

    def with_new_names(skipped: Iterable[Skipped]) -> tuple[Skipped, ...]:
        return tuple(replace(entry, name=name_of.get(entry.name, entry.name)) for entry in skipped)

    def picture_file(index: int) -> File | None:
        name = images.names[index]
        is_apart = name != local_name(names[index])
        return picture_in_folders(name) if is_apart else annotations.picture_file(index)

    return replace(
        annotations,
        names=images.names,
        picture_file=picture_file,
        source_names=images.originals,
        table=None,  # it holds the former names
        table_of=None,
        decode=Renamed(annotations.decode, images.names),
        notes=notes,
        unsupported=with_new_names(annotations.unsupported),
        unchosen=with_new_names(annotations.unchosen),
        findings=tuple(
            replace(entry, image=name_of.get(entry.image, entry.image)) for entry in annotations.findings
        ),
    )


def _refuse_nameless(annotations: Annotations, images: ImageNames) -> None:
    for name, original in zip(images.names, images.originals, strict=True):
        if not name:
            raise FormatError(
                f"no image's name is in {without_secrets(original)!r}",
                file=annotations.path,
                advice="write there what its picture is called",
            )


class Renamed(msgspec.Struct, frozen=True):
    """Decodes records and renames them; picklable, so that other processes can use it."""

    decode: Callable[[int], ImageRecord]
    names: Sequence[str]

    def __call__(self, index: int) -> ImageRecord:
        """The record of the i-th image."""
        return replace(self.decode(index), name=self.names[index])
