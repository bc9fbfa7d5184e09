"""Three ways to make hostile input of samples: damaged bytes, damaged structure, grown structure.

All of them draw from one `random.Random`, so that a run can be made again from its seed.
"""

import base64
import copy
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

Mutation = Callable[[bytes, Sequence[bytes], Random], bytes]
Steps = tuple[Any, ...]

TOKENS = [
    "NaN", "-Infinity", "1e400", "-1e400", "1e308", "1e-320", "-0.0", "01", "1.", "9" * 5000, "-" + "9" * 400,
    "9223372036854775807", "-9223372036854775808", "18446744073709551615", "2147483648", "4294967296", "65536",
    '"\\ud800"', '"\\u0000"', '"\x00"', "tru", "{", "]", '"', "", "//x", "[]]",
]  # fmt: skip
VALUES = [
    None, True, False, -1, 0, 1, 2, 255, 256, 65535, 65536, 70000, 0.5, 1.5, -1e9, 1e9, 1e15, 1e300, 10**18, "", "x",
    "0", "-1", "../x", "/etc/passwd", "a\\b", "\u202egnp.a", "é", "e\u0301", "a\nb", "x" * 300, "CON", [], {}, [[]], [[[]]],
    [1], [0, 0], {"a": 1}, [[1, 2], [3, 4]], [[0, 0, 4, 0, 4, 4]], {"counts": "0", "size": [1, 1]},
    {"counts": [1, 2], "size": [3, 1]}, {"counts": [2**62, 2**62, 2**62, 2**62], "size": [1, 0]},
]  # fmt: skip
_RAW = "@@raw@@"
_TWICE = "@@twice@@"


def damaged_bytes(data: bytes, others: Sequence[bytes], luck: Random) -> bytes:
    """A few bytes changed, put in, taken out, doubled, or spliced with another sample."""
    changed = bytearray(data)
    for _ in range(luck.choice((1, 1, 2, 4, 16))):
        at, until = sorted(luck.randrange(len(changed) + 1) for _ in range(2))
        until = min(until, at + luck.choice((1, 2, 4, 64)))
        match luck.randrange(8):
            case 0:
                changed[at:until] = luck.randbytes(until - at)
            case 1:
                changed[at:until] = luck.choice(b'0123456789-.,[]{}":eE\n\0\xff<>&;').to_bytes() * (
                    until - at
                )
            case 2:
                del changed[at:until]
            case 3:
                changed[at:at] = changed[at:until] * luck.choice((1, 2, 50))
            case 4:
                changed[at:at] = luck.choice(TOKENS).encode("utf-8", "surrogatepass")
            case 5:
                other = luck.choice(others)
                changed[at:until] = other[luck.randrange(len(other) + 1) :][: luck.choice((4, 64, 999))]
            case 6 if at < len(changed):
                changed[at] ^= 1 << luck.randrange(8)
            case 7 if luck.random() < 0.2:
                del changed[at:]
    return bytes(changed)


def places(document: Any, above: Steps = ()) -> Iterator[Steps]:
    """The path of everything in a JSON document."""
    if isinstance(document, dict | list):
        for key, value in list(document.items()) if isinstance(document, dict) else list(enumerate(document)):
            yield (*above, key)
            yield from places(value, (*above, key))


def _changed(value: Any, document: Any, luck: Random) -> Any:
    """Something else in the place of a value."""
    kind = luck.randrange(10)
    if kind == 0:
        return _RAW + luck.choice(TOKENS) + _RAW
    if kind == 1:  # something from elsewhere in the document
        inner = document
        for step in luck.choice(list(places(document)) or [()]):
            inner = inner[step]
        return copy.deepcopy(inner)
    if kind == 2:
        return luck.choice(([value], {"a": value}, [value, value], {"": value}, [[[value]]]))
    if kind == 3 and isinstance(value, list):
        return (value * luck.choice((0, 2, 3, 30)))[: luck.choice((1, 3, 999))]
    if kind <= 5 and isinstance(value, int | float) and not isinstance(value, bool):
        return luck.choice(
            (-value, value + 1, value * 2, value / 3, value * 1e6, value * 1e200, str(value), float(value))
        )
    if kind <= 7 and isinstance(value, str) and len(value) > 40:
        return damaged_text(value, luck)
    return copy.deepcopy(luck.choice(VALUES))


def damaged_text(value: str, luck: Random) -> str:
    """A long text is base64 of a picture: other bytes within it; else other characters."""
    try:
        head, comma, body = value.rpartition(",") if value.startswith("data:") else ("", "", value)
        plain = base64.b64decode(body, validate=True)
        damage = damaged_png if plain.startswith(b"\x89PNG") else damaged_bytes
        data = damage(plain, [b"IDAT", b"IHDR"], luck)
        return head + comma + base64.b64encode(data).decode()
    except ValueError:
        return damaged_bytes(value.encode("utf-8", "replace"), [b"x"], luck).decode("utf-8", "replace")


def damaged_json(data: bytes, others: Sequence[bytes], luck: Random) -> bytes:
    """Values of another type, keys gone, doubled or renamed, numbers that are none, another encoding."""
    lines = data.splitlines() if data.count(b"\n{") else [data]
    made = []
    for line in lines:
        try:
            made.append(_damaged_document(json.loads(line), luck))
        except ValueError:
            return damaged_bytes(data, others, luck)
    return _encoded("\n".join(made), luck)


def _damaged_document(document: Any, luck: Random) -> str:
    for _ in range(luck.choice((0, 1, 1, 1, 2, 3))):
        if not (found := list(places(document))):
            break
        *above, key = luck.choice(found)
        inner = document
        for step in above:
            inner = inner[step]
        what = luck.random()
        if what < 0.15:
            del inner[key]
        elif what < 0.25 and isinstance(inner, dict):
            inner[key + _TWICE] = _changed(inner[key], document, luck)
        elif what < 0.3 and isinstance(inner, dict):
            inner[luck.choice(("", "x", key.upper(), key + "s"))] = inner.pop(key)
        else:
            inner[key] = _changed(inner[key], document, luck)
    return _text(document)


def _text(document: Any) -> str:
    text = json.dumps(document).replace(_TWICE, "")
    return (
        re.sub(f'"{_RAW}(.*?){_RAW}"', lambda found: json.loads(f'"{found[1]}"'), text)
        if _RAW in text
        else text
    )


def _encoded(text: str, luck: Random) -> bytes:
    kind = luck.randrange(40)
    if kind == 0:
        return b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
    if kind == 1:
        return text.encode(luck.choice(("utf-16", "utf-16-le", "utf-32", "utf-7")), "surrogatepass")
    if kind == 2:
        deep = luck.choice((150, 250, 990, 5000))
        return text.replace("[", "[" * deep, 1).replace("]", "]" * deep, 1).encode("utf-8", "surrogatepass")
    return text.encode("utf-8", "surrogatepass")


def grown_json(data: bytes, others: Sequence[bytes], luck: Random) -> bytes:
    """A document of the sample's grammar: its keys and types, other lengths and other values."""
    try:
        return _encoded(_text(_grown(json.loads(data), luck)), luck)
    except ValueError:
        return damaged_json(data, others, luck)


def _grown(value: Any, luck: Random) -> Any:
    if isinstance(value, dict):
        return {key: _grown(one, luck) for key, one in value.items() if luck.random() > 0.02}
    if isinstance(value, list):
        if not value:
            return []
        count = luck.choice((len(value), len(value), 0, 1, 2, 3, 5, 8))
        return [_grown(value[n] if n < len(value) else luck.choice(value), luck) for n in range(count)]
    if luck.random() < 0.6 or value is None:
        return value
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return luck.choice((0, 1, 2, 3, 7, 8, 12, 100, -1, value + 1, value - 1))
    if isinstance(value, float):
        return luck.choice((0.0, -1.5, 0.5, 3.25, 12.0, 1e6, value / 2, value + 0.5))
    return luck.choice(("sea", "boat", "sun", "a.png", "", value + "x", damaged_text(value, luck)))


_XML = re.compile(rb"<[^>]*>|[^<]+")
_ATTRIBUTE = re.compile(rb'="([^"]*)"')
_ENTITIES = [
    b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>', b'<!DOCTYPE a SYSTEM "file:///etc/passwd">',
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>', b"<?xml version='1.0' encoding='utf-7'?>",
    b"<![CDATA[x]]>", b"<!-- -->", b"&b;", b"&x;", b"&#0;", b"<?x y?>", b"<a>" * 3000,
]  # fmt: skip


def damaged_xml(data: bytes, others: Sequence[bytes], luck: Random) -> bytes:
    """Elements gone, doubled, moved or renamed, other attributes, entities."""
    parts = _XML.findall(data)
    for _ in range(luck.choice((1, 1, 2, 3))):
        if not parts:
            break
        at = luck.randrange(len(parts))
        match luck.randrange(6):
            case 0:
                del parts[at]
            case 1:
                parts.insert(luck.randrange(len(parts)), parts[at])
            case 2:
                parts.insert(luck.choice((0, 1, at)), luck.choice(_ENTITIES))
            case 3:
                parts[at] = re.sub(
                    rb"\w+",
                    lambda _: luck.choice((b"image", b"mask", b"box", b"label", b"x")),
                    parts[at],
                    count=1,
                )
            case _:
                parts[at] = _other_attributes(parts[at], luck)
    return b"".join(parts)


def _other_attributes(part: bytes, luck: Random) -> bytes:
    def other(found: re.Match[bytes]) -> bytes:
        if luck.random() < 0.6:
            return found[0]
        value = luck.choice(
            (
                *(str(v) for v in VALUES if not isinstance(v, list | dict)),
                *TOKENS[:17],
                "nan",
                "inf",
                found[1].decode() * 3,
                "1,2;3,4;5,6",
                "1,2,3",
                "4,-4,12",
            )
        )
        return b'="' + value.replace('"', "").encode("utf-8", "replace") + b'"'

    return _ATTRIBUTE.sub(other, part)


def damaged_png(data: bytes, others: Sequence[bytes], luck: Random) -> bytes:
    """Chunks gone, doubled, moved or changed within, their checksums right again."""
    chunks = list(_chunks(data))
    for _ in range(luck.choice((1, 1, 2, 3))):
        if not chunks:
            break
        at = luck.randrange(len(chunks))
        kind, body = chunks[at]
        match luck.randrange(8):
            case 0:
                del chunks[at]
            case 1:
                chunks.insert(luck.randrange(len(chunks)), chunks[at])
            case 2:
                extra = luck.choice(_EXTRA)
                body = luck.randbytes(luck.choice((0, 1, 4, 8, 13, 26)))
                chunks.insert(luck.randrange(len(chunks)), (extra, body))
            case 3 if kind == b"IDAT":
                body = luck.randbytes(luck.choice((1, 50, 60, 300))) * luck.choice((1, 1, 3000))
                chunks[at] = kind, zlib.compress(body)
            case 4 if kind == b"IHDR":
                sides = [luck.choice((0, 1, 6, 8, 9, 100, 40000, 2**31 - 1, 2**32 - 1)) for _ in range(2)]
                odd = bytes(luck.choice((0, 1, 2, 3, 4, 6, 8, 16)) for _ in range(5))
                chunks[at] = kind, struct.pack(">II", *sides) + luck.choice((body[8:], odd))
            case _:
                chunks[at] = kind, damaged_bytes(body, [b"x"], luck)
    return data[:8] + b"".join(_framed(kind, body) for kind, body in chunks)


_EXTRA = (b"zTXt", b"iTXt", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"gAMA", b"iCCP", b"pHYs", b"eXIf", b"ABCD")


def _framed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


_WORD = re.compile(rb"[^\s,:;]+")


def damaged_words(data: bytes, others: Sequence[bytes], luck: Random) -> bytes:
    """Lines of words: some words are others, some lines gone or doubled."""
    lines = data.splitlines(keepends=True) or [b""]
    for _ in range(luck.choice((1, 2, 3))):
        at = luck.randrange(len(lines))
        match luck.randrange(5):
            case 0:
                lines[at : at + 1] = [lines[at]] * luck.choice((0, 2, 20))
                lines = lines or [b""]
            case 1:
                lines.insert(at, luck.choice(_WORDS) + b"\n")
            case _:
                lines[at] = _WORD.sub(
                    lambda found: luck.choice(_WORDS) if luck.random() < 0.2 else found[0], lines[at]
                )
    return b"".join(lines)


_WORDS = [
    *(str(value).encode("utf-8", "replace") for value in VALUES[:32]), *(token.encode() for token in TOKENS[:17]),
    b"nan", b"->", b"a: &a [*a]", b"!!python/object:os.system x", b"!!int", b"!!timestamp x", b"2024-99-99",
    b"{", b"[", b"&a", b"*a", b"---", b"? ",
]  # fmt: skip
