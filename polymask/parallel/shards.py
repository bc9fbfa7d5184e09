"""Shards: parts of a run that are independent of where and when the other parts run."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from polymask.errors import InputError


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count` parts, from 1; only the digest of a key decides which part has it.

    Examples:
        >>> parts = [Shard(1, 2), Shard(2, 2)]
        >>> [[name for name in ("a.jpg", "b.jpg", "c.jpg") if part.takes(name)] for part in parts]
        [['b.jpg', 'c.jpg'], ['a.jpg']]
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: Any) -> "Shard":
        """The shard that `2/4` names; raises `InputError` for other texts.

        Examples:
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
        """Whether this part has an image; `key` is its name, or its id on the platform."""
        digest = blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1

    @property
    def folder(self) -> str:
        """The name of the folder for this part's files."""
        return f"{FOLDER_PREFIX}{self.number}-of-{self.count}"


FOLDER_PREFIX = "shard-"
