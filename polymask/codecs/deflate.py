"""DEFLATE of ready literals and matches, in dynamic Huffman blocks: the Python twin of `_deflate.h`.

The bytes are the same on any machine, whatever compression library is installed.
Source: RFC 1951. Code lengths are limited by moving codes down until they fit (Kraft's inequality).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby

import msgspec

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
    """Collects bits into bytes, the lowest bit first."""

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


class Block(msgspec.Struct):
    """The symbols of a block, as (byte, 0, times) for literals and (length, distance, times) for matches."""

    symbols: list[tuple[int, int, int]] = []

    def literal(self, byte: int) -> None:
        """Add one byte."""
        self.symbols.append((byte, 0, 1))

    def match(self, length: int, distance: int) -> None:
        """Add a copy of 3 bytes or more from `distance` bytes before."""
        full, remainder = divmod(length, LONGEST)
        if remainder in (1, 2) and full:
            pieces = [(LONGEST, full - 1), (LONGEST + remainder - 3, 1), (3, 1)]
        else:
            pieces = [(LONGEST, full), (remainder, 1)]
        self.symbols += [(piece, distance, times) for piece, times in pieces if piece and times]


def code_lengths(counts: Mapping[int, int], *, most: int) -> dict[int, int]:
    """Code lengths of up to `most` bits from the counts of symbols, of which at least two occur.

    Examples:
        >>> code_lengths({0: 5, 1: 1, 2: 1}, most=7)
        {1: 2, 2: 2, 0: 1}
    """
    symbols = sorted((s for s in counts if counts[s]), key=lambda s: (counts[s], s))
    codes_of_length = _huffman([counts[s] for s in symbols], most)
    total = sum(codes_of_length[bits] << (most - bits) for bits in range(1, most + 1))
    for _ in range(total - (1 << most)):
        bits = max(bits for bits in range(1, most) if codes_of_length[bits])
        codes_of_length[most] -= 1
        codes_of_length[bits] -= 1
        codes_of_length[bits + 1] += 2
    lengths = chain.from_iterable([bits] * codes_of_length[bits] for bits in range(most, 0, -1))
    return dict(zip(symbols, lengths, strict=True))


def _huffman(weights: Sequence[int], most: int) -> list[int]:
    """The number of codes of each length in Huffman's tree; at equal weight, a leaf joins before a branch."""
    n = len(weights)
    joined: list[int] = []
    parent = [0] * (2 * n - 1)
    leaf = branch = 0
    for step in range(n - 1):
        weight = 0
        for _ in range(2):
            if leaf < n and (branch >= step or weights[leaf] <= joined[branch]):
                weight += weights[leaf]
                parent[leaf] = n + step
                leaf += 1
            else:
                weight += joined[branch]
                parent[n + branch] = n + step
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
    """The canonical code of each symbol, first bit lowest, and its length."""
    code = previous = 0
    table: dict[int, tuple[int, int]] = {}
    for bits, symbol in sorted((bits, symbol) for symbol, bits in lengths.items()):
        code <<= bits - previous
        table[symbol] = int(f"{code:0{bits}b}"[::-1], 2), bits
        code, previous = code + 1, bits
    return table


def _packed(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Code lengths as (symbol, extra bits, number of extra bits); symbols 16, 17 and 18 encode runs."""
    for bits, group in groupby(lengths):
        remaining = len(list(group))
        if bits:
            yield bits, 0, 0
            remaining -= 1
        while remaining >= 3:
            length = min(remaining, 6 if bits else 138)
            yield (
                (16, length - 3, 2) if bits else (17, length - 3, 3) if length < 11 else (18, length - 11, 7)
            )
            remaining -= length
        yield from [(bits, 0, 0)] * remaining


def _header(out: Bits, literals: Mapping[int, int], distances: Mapping[int, int], *, last: bool) -> None:
    reach = max(literals) + 1, max(distances) + 1
    all_lengths = [literals.get(s, 0) for s in range(reach[0])] + [
        distances.get(s, 0) for s in range(reach[1])
    ]
    packed = list(_packed(all_lengths))
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
    """Write a block with the codes that are shortest for it."""
    literals, distances = Counter({END_OF_BLOCK: 1}), Counter[int]()
    counts = Counter[tuple[int, int]]()
    for value, distance, times in block.symbols:
        counts[value, distance] += times
    matches = {match: _match_symbols(*match) for match in counts if match[1]}
    for (value, distance), times in counts.items():
        literals[257 + matches[value, distance][0] if distance else value] += times
        if distance:
            distances[matches[value, distance][1]] += times
    for symbol in range(3):  # some readers demand a complete code, of two symbols at least
        if len(distances) < 2:
            distances[symbol] += symbol not in distances
    lengths = code_lengths(literals, most=15), code_lengths(distances, most=15)
    _header(out, *lengths, last=last)
    literal, near = map(codes, lengths)
    pieces = {key: _match_bits(key, matches[key], literal, near) for key in matches}
    pieces |= {(value, 0): literal[value] for value, distance in counts if not distance}
    for value, distance, times in block.symbols:
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
    """The codes and extra bits of a match, and the number of bits."""
    bits = count = 0
    for code, extra, size in (
        (literal[257 + symbols[0]], match[0] - _LENGTH_BASE[symbols[0]], _LENGTH_BITS[symbols[0]]),
        (near[symbols[1]], match[1] - _DISTANCE_BASE[symbols[1]], _DISTANCE_BITS[symbols[1]]),
    ):
        bits |= (code[0] | extra << code[1]) << count
        count += code[1] + size
    return bits, count
