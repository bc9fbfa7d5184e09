"""Required pictures: where any are missing, the run is refused before it starts."""

from collections.abc import Sequence

from polymask.errors import InputError
from polymask.formats.reading.contract import Annotations

MAX_NAMED = 5  # images in a refusal


def require_pictures(
    annotations: Annotations,
    *,
    indices: Sequence[int] | None = None,
    images: int | None = None,
    every: bool = True,
) -> None:
    """Refuse images whose required picture is missing, all of them at once, before any work is done.

    Pictures are required for the images at `indices`, by default for those whose size only the picture
    gives. With `every=False` the refusal comes only where all `images` (by default those of the
    annotations) lack their picture; otherwise the images without a picture fail one by one later.
    Raises `InputError` with the number of missing pictures and the first names.
    """
    unsized = annotations.sized_by_pictures if indices is None else indices
    if not every and len(unsized) < (len(annotations.names) if images is None else images):
        return
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
