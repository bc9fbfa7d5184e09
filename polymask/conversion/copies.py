"""Copies of pictures beside the masks: as they are, in another format, or cut and scaled as the masks are."""

from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from polymask.conversion.plan import Plan
from polymask.errors import BackendError, InputError
from polymask.layouts import LayoutOptions, picture_path
from polymask.model import Frame, Window

Files = Sequence[tuple[str, bytes]]


def wanted_pictures(plan: Plan) -> Iterator[str]:
    """A note if readers of the layout look for pictures with another suffix than that of the copies."""
    suffix, reason = getattr(plan.layout, "WANTED_PICTURES", ("", ""))
    if not (suffix and plan.options.copy_images):
        return
    names = (plan.annotations.names[index] for index in plan.indices)
    copies = (picture_path(plan.layout, name, plan.layout_options) for name in names)
    if unread := [path for path in copies if not path.endswith(f".{suffix}")]:
        yield (
            f"{len(unread)} copied pictures are no .{suffix}, e.g. {unread[0]}: {reason}; "
            f"add --picture-format {suffix} to convert them"
        )


def copies_of(plan: Plan, index: int, *, declared: Frame, frame: Frame) -> Callable[[str, Window], Files]:
    """A function from a mask's name and window to the copy of its picture, as files; none without copies.

    The picture is of the `declared` frame; the window lies in `frame`, that of the mask before it is cut.
    """
    part = _picture(plan, index, declared=declared, frame=frame) if plan.options.copy_images else None

    def copies(name: str, window: Window) -> Files:
        return [(picture_path(plan.layout, name, plan.layout_options), part(window))] if part else []

    return copies


def _picture(plan: Plan, index: int, *, declared: Frame, frame: Frame) -> Callable[[Window], bytes] | None:
    """A function from a window to the bytes of that part of a picture; None where it lies there already."""
    options, suffix = plan.options, plan.layout_options.picture_format
    mode = getattr(plan.layout, "PICTURE_MODE", "")
    if options.tiling is None and _is_its_own_copy(plan, index):
        if options.is_reshaped:
            raise InputError(
                f"{plan.annotations.names[index]}: its scaled copy would be written over the picture itself",
                advice="choose another DEST",
            )
        return None
    from polymask.codecs.picture_formats import (
        as_format,
        cut_picture,
        require_frame,
    )  # quick to start without

    data = _picture_bytes(plan, index)
    require_frame(data, declared)
    if not suffix:
        return lambda _: data

    if options.is_reshaped:
        return cut_picture(data, suffix, declared=declared, frame=frame, mode=mode)
    return lambda _: as_format(data, suffix, mode=mode)


def _is_its_own_copy(plan: Plan, index: int) -> bool:
    """Whether a picture is at the path of its copy already: then it is not copied, and stays the user's."""
    file = plan.annotations.picture_file(index) if plan.annotations.picture is None else None
    target = picture_path(plan.layout, plan.annotations.names[index], plan.layout_options)
    return file is not None and not file.place.zip and plan.sink.root.same(target, file.path)


def with_picture(plan: Plan, index: int, *, declared: Frame) -> LayoutOptions:
    """The layout's options, with the image's picture if there is one and the layout shows it.

    The picture is of the `declared` frame; the mask may be scaled.
    """
    has_pictures = plan.options.images is not None or plan.annotations.picture is not None
    if not (has_pictures and getattr(plan.layout, "PICTURES", False)):
        return plan.layout_options
    return replace(plan.layout_options, picture=lambda: _picture_bytes(plan, index), annotated=declared)


def _picture_bytes(plan: Plan, index: int) -> bytes:
    """A picture as the source has it."""
    if plan.annotations.picture is not None:
        return plan.annotations.picture(index)
    file = plan.annotations.picture_file(index)
    if file is None:
        raise InputError(
            f"{plan.annotations.names[index]}: no such picture",
            advice="name the folder that holds it with --images DIR, or leave --copy-images out",
        )
    try:
        return file.read()
    except BackendError as error:
        raise InputError(
            f"{error}", advice="name the folder that holds it with --images DIR, or leave --copy-images out"
        ) from None
