"""A part of a run: which images are its own, wherever and whenever the other parts run."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from polymask.errors import InputError


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts, from 1; the digest of a key alone decides which part it belongs to.

    >>> parts = [Shard(1, 2), Shard(2, 2)]
    >>> [[name for name in ("a.jpg", "b.jpg", "c.jpg") if part.takes(name)] for part in parts]
    [['b.jpg', 'c.jpg'], ['a.jpg']]
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: Any) -> "Shard":
        """The shard that `2/4` names; raises `InputError` for other texts.

        >>> Shard.parse("2/4")
        Shard(number=2, count=4)
        >>> Shard.parse("0/4")
        Traceback (most recent call last):
        polymask.errors.InputError: shard is NUMBER/COUNT, from 1/COUNT to COUNT/COUNT, not '0/4'
        """
        if isinstance(text, Shard):
            return text
        number, _, count = str(text).partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise InputError(f"shard is NUMBER/COUNT, from 1/COUNT to COUNT/COUNT, not {text!r}")
        return cls(int(number), int(count))

    def takes(self, key: str) -> bool:
        """Whether an image, by its name or the platform's id of it, is of this part."""
        digest = blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    @property
    def folder(self) -> str:
        """The name of a folder that is this part's own."""
        return f"{FOLDERS}{self.number}-of-{self.count}"


FOLDERS = "shard-"
