"""Numbers of things as people write them."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun, in the singular where it is one.

    Examples:
        >>> counted(1, "image"), counted(1300, "polygon"), counted(2, "entry", "entries")
        ('1 image', '1,300 polygons', '2 entries')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def were(count: int) -> str:
    """`was` for one, `were` for any other number."""
    return "was" if count == 1 else "were"
