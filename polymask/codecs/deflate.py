"""DEFLATE of literals and matches that are known already, in dynamic Huffman blocks: `_deflate.h`'s twin.

The same bytes on any machine, whatever compression library is installed.
Source: RFC 1951. Code lengths are limited by moving codes down until they fit (Kraft's inequality).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby

LONGEST = 258  # bytes of a match
END_OF_BLOCK = 256
LITERALS, DISTANCES = 286, 30
_LENGTH_BITS = [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)] + [0]
_LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59]
_LENGTH_BASE += [67, 83, 99, 115, 131, 163, 195, 227, 258]
_DISTANCE_BITS = [0, 0, *(bits for bits in range(14) for _ in range(2))]
_DISTANCE_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537]
_DISTANCE_BASE += [2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577]
_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]


class Bits:
    """Bits that become bytes, the lowest first."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._hold = self._held = 0

    def put(self, bits: int, count: int) -> None:
        """Add the lowest `count` bits."""
        self._hold |= bits << self._held
        self._held += count
        if self._held >= 1024:
            whole = self._held // 8
            self._parts.append((self._hold & ((1 << 8 * whole) - 1)).to_bytes(whole, "little"))
            self._hold >>= 8 * whole
            self._held -= 8 * whole

    def close(self) -> bytes:
        """All bytes, the last one filled up with zeros."""
        self._parts.append(self._hold.to_bytes(-(-self._held // 8), "little"))
        return b"".join(self._parts)


@dataclass(slots=True)
class Block:
    """What a block says: literals, and matches (length, distance), each with how often it comes."""

    said: list[tuple[int, int, int]] = field(default_factory=list)

    def literal(self, byte: int) -> None:
        """Add one byte."""
        self.said.append((byte, 0, 1))

    def match(self, length: int, distance: int) -> None:
        """Add a copy of 3 bytes or more from `distance` bytes before."""
        many, rest = divmod(length, LONGEST)
        if rest in (1, 2) and many:
            pieces = [(LONGEST, many - 1), (LONGEST + rest - 3, 1), (3, 1)]
        else:
            pieces = [(LONGEST, many), (rest, 1)]
        self.said += [(piece, distance, times) for piece, times in pieces if piece and times]


def code_lengths(often: Mapping[int, int], *, most: int) -> dict[int, int]:
    """Code lengths of up to `most` bits by how often symbols come; two come at least.

    >>> code_lengths({0: 5, 1: 1, 2: 1}, most=7)
    {1: 2, 2: 2, 0: 1}
    """
    symbols = sorted((s for s in often if often[s]), key=lambda s: (often[s], s))
    count = _huffman([often[s] for s in symbols], most)
    total = sum(count[bits] << (most - bits) for bits in range(1, most + 1))
    for _ in range(total - (1 << most)):
        bits = max(bits for bits in range(1, most) if count[bits])
        count[most] -= 1
        count[bits] -= 1
        count[bits + 1] += 2
    lengths = chain.from_iterable([bits] * count[bits] for bits in range(most, 0, -1))
    return dict(zip(symbols, lengths, strict=True))


def _huffman(weights: Sequence[int], most: int) -> list[int]:
    """How many codes of each length Huffman's tree has; of two that weigh the same, a leaf goes first."""
    n = len(weights)
    joined: list[int] = []
    parent = [0] * (2 * n - 1)
    leaf = branch = 0
    for made in range(n - 1):
        weight = 0
        for _ in range(2):
            if leaf < n and (branch >= made or weights[leaf] <= joined[branch]):
                weight += weights[leaf]
                parent[leaf] = n + made
                leaf += 1
            else:
                weight += joined[branch]
                parent[n + branch] = n + made
                branch += 1
        joined.append(weight)
    depth = [0] * (2 * n - 1)
    count = [0] * (most + 1)
    for node in range(2 * n - 3, -1, -1):
        depth[node] = depth[parent[node]] + 1
        if node < n:
            count[min(depth[node], most)] += 1
    return count


def codes(lengths: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """The canonical codes of lengths, first bit lowest, and those lengths."""
    code = before = 0
    made: dict[int, tuple[int, int]] = {}
    for bits, symbol in sorted((bits, symbol) for symbol, bits in lengths.items()):
        code <<= bits - before
        made[symbol] = int(f"{code:0{bits}b}"[::-1], 2), bits
        code, before = code + 1, bits
    return made


def _packed(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Code lengths as symbols, each with its extra bits and how many: runs are told by 16, 17 and 18."""
    for bits, group in groupby(lengths):
        rest = len(list(group))
        if bits:
            yield bits, 0, 0
            rest -= 1
        while rest >= 3:
            taken = min(rest, 6 if bits else 138)
            yield (16, taken - 3, 2) if bits else (17, taken - 3, 3) if taken < 11 else (18, taken - 11, 7)
            rest -= taken
        yield from [(bits, 0, 0)] * rest


def _header(out: Bits, literals: Mapping[int, int], distances: Mapping[int, int], *, last: bool) -> None:
    reach = max(literals) + 1, max(distances) + 1
    told = [literals.get(s, 0) for s in range(reach[0])] + [distances.get(s, 0) for s in range(reach[1])]
    packed = list(_packed(told))
    lengths = code_lengths(Counter(symbol for symbol, _, _ in packed), most=7)
    ordered = [lengths.get(symbol, 0) for symbol in _ORDER]
    count = max(4, *(i + 1 for i, bits in enumerate(ordered) if bits))
    out.put(last | 2 << 1, 3)
    out.put((reach[0] - 257) | (reach[1] - 1) << 5 | (count - 4) << 10, 14)
    for bits in ordered[:count]:
        out.put(bits, 3)
    table = codes(lengths)
    for symbol, extra, bits in packed:
        out.put(*table[symbol])
        out.put(extra, bits)


def _symbol(bases: Sequence[int], value: int) -> int:
    return max(symbol for symbol, base in enumerate(bases) if base <= value)


def put_block(out: Bits, block: Block, *, last: bool) -> None:
    """Write a block with the codes that fit it best."""
    literals, distances = Counter({END_OF_BLOCK: 1}), Counter[int]()
    said = Counter[tuple[int, int]]()
    for value, distance, times in block.said:
        said[value, distance] += times
    matches = {match: _match_symbols(*match) for match in said if match[1]}
    for (value, distance), times in said.items():
        literals[257 + matches[value, distance][0] if distance else value] += times
        if distance:
            distances[matches[value, distance][1]] += times
    for symbol in range(3):  # a complete code, for every reader
        if len(distances) < 2:
            distances[symbol] += symbol not in distances
    lengths = code_lengths(literals, most=15), code_lengths(distances, most=15)
    _header(out, *lengths, last=last)
    literal, near = map(codes, lengths)
    pieces = {key: _match_bits(key, matches[key], literal, near) for key in matches}
    pieces |= {(value, 0): literal[value] for value, distance in said if not distance}
    for value, distance, times in block.said:
        for _ in range(times):
            out.put(*pieces[value, distance])
    out.put(*literal[END_OF_BLOCK])


def _match_symbols(length: int, distance: int) -> tuple[int, int]:
    return _symbol(_LENGTH_BASE, length), _symbol(_DISTANCE_BASE, distance)


def _match_bits(
    match: tuple[int, int],
    symbols: tuple[int, int],
    literal: Mapping[int, tuple[int, int]],
    near: Mapping[int, tuple[int, int]],
) -> tuple[int, int]:
    """A match's codes and extra bits, and how many they are."""
    bits = count = 0
    for code, extra, size in (
        (literal[257 + symbols[0]], match[0] - _LENGTH_BASE[symbols[0]], _LENGTH_BITS[symbols[0]]),
        (near[symbols[1]], match[1] - _DISTANCE_BASE[symbols[1]], _DISTANCE_BITS[symbols[1]]),
    ):
        bits |= (code[0] | extra << code[1]) << count
        count += code[1] + size
    return bits, count
