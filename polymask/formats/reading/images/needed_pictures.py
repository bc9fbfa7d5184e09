"""Pictures that images cannot do without: refused at once where they are missing."""

from collections.abc import Sequence

from polymask.errors import InputError
from polymask.formats.reading.contract import Annotations

MAX_NAMED = 5  # images in a refusal


def require_pictures(
    annotations: Annotations, *, indices: Sequence[int] | None = None, every: bool = True
) -> None:
    """Refuse images whose picture is needed and not found, all at once, before any work is done.

    Those are `indices`, else the images that only their picture tells the size of. Unless `every` one
    is needed, they are refused only where none has its picture: some may fail alone then.
    Raises `InputError` with how many there are and the names of the first.
    """
    unsized = annotations.sized_by_pictures if indices is None else indices
    missing = []
    for index in unsized:
        if annotations.picture_file(index) is None:
            missing.append(annotations.names[index])
        elif not every:
            return
    if missing:
        names = ", ".join(missing[:MAX_NAMED]) + (", …" if len(missing) > MAX_NAMED else "")
        raise InputError(
            (
                f"{len(missing):,} of {len(annotations.names):,} images have no picture ({names}), "
                "and it is needed"
            ),
            file=annotations.path,
            advice="name the folder that holds them with --images DIR",
        )
