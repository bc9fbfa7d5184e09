"""Words for people: numbers with their nouns."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number and its noun, in the singular or the plural.

    Examples:
        >>> counted(1, "image"), counted(1200, "image"), counted(0, "box", "boxes")
        ('1 image', '1,200 images', '0 boxes')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
