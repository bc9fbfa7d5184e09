/* DEFLATE of literals and matches that are known already: dynamic Huffman blocks. deflate.py's twin.
 * Source: RFC 1951; lengths are limited by moving codes down until they fit (Kraft's inequality).
 */
#ifndef POLYMASK_DEFLATE_H
#define POLYMASK_DEFLATE_H

#include "_common.h"

#define LITERALS 286
#define DISTANCES 30
#define LONGEST 258 /* bytes of a match */
#define END_OF_BLOCK 256
#define NO_LITERAL 256
#define KINDS 4 /* of distances: one byte, one pixel, one row, four bytes */

static const uint16_t LENGTH_BASE[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t LENGTH_BITS[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t DISTANCE_BASE[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                           193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t DISTANCE_BITS[30] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                          6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

typedef struct { uint8_t *at; Py_ssize_t size, room; uint64_t hold; uint32_t held; } Bits;

/* Room for so many more bytes, and eight on top, which a store may touch. */
static int bits_room(Bits *b, uint64_t bytes) {
    if (bytes > (uint64_t)(PY_SSIZE_T_MAX / 4)) return -1;
    Py_ssize_t wanted = b->size + (Py_ssize_t)bytes + 8;
    if (wanted <= b->room) return 0;
    Py_ssize_t room = b->room ? wanted + b->room / 2 : wanted;
    uint8_t *at = PyMem_RawRealloc(b->at, (size_t)room);
    if (!at) return -1;
    b->at = at;
    b->room = room;
    return 0;
}

static inline void store_low_first(uint8_t *at, uint64_t v) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(at, &v, 8);
}

/* Up to 57 bits, the lowest first; there is room. */
static inline void put_bits(Bits *b, uint64_t bits, uint32_t n) {
    b->hold |= bits << b->held;
    b->held += n;
    store_low_first(b->at + b->size, b->hold);
    b->size += b->held >> 3;
    b->hold >>= b->held & ~7u;
    b->held &= 7;
}

static void close_byte(Bits *b) {
    if (!b->held) return;
    b->at[b->size++] = (uint8_t)b->hold;
    b->hold = b->held = 0;
}

/* Symbols that occur, the rarest first, equal ones in their order; how many. */
static int by_rarity(const int64_t *often, int n, int *symbol) {
    int size = 0;
    for (int s = 0; s < n; s++) {
        if (!often[s]) continue;
        int i = size++;
        for (; i && often[symbol[i - 1]] > often[s]; i--) symbol[i] = symbol[i - 1];
        symbol[i] = s;
    }
    return size;
}

/* How many codes of each length Huffman's tree has; `weight` are the symbols' counts, ascending. */
static void huffman_lengths(const int64_t *weight, int n, int most, int *count) {
    int64_t joined[LITERALS];
    int parent[2 * LITERALS], depth[2 * LITERALS];
    int leaf = 0, branch = 0;
    for (int made = 0; made < n - 1; made++) {
        joined[made] = 0;
        for (int side = 0; side < 2; side++) {
            if (leaf < n && (branch >= made || weight[leaf] <= joined[branch])) {
                joined[made] += weight[leaf];
                parent[leaf++] = n + made;
            } else {
                joined[made] += joined[branch];
                parent[n + branch++] = n + made;
            }
        }
    }
    depth[2 * n - 2] = 0;
    for (int i = 2 * n - 3; i >= 0; i--) {
        depth[i] = depth[parent[i]] + 1;
        if (i < n) count[depth[i] < most ? depth[i] : most]++;
    }
}

/* Code lengths of up to `most` bits for symbols by how often they come; 0 where never. Two come at least. */
static void code_lengths(const int64_t *often, int n, int most, uint8_t *length) {
    int symbol[LITERALS], count[16] = {0}, size = by_rarity(often, n, symbol);
    int64_t weight[LITERALS], total = 0;
    for (int i = 0; i < size; i++) weight[i] = often[symbol[i]];
    huffman_lengths(weight, size, most, count);
    for (int bits = 1; bits <= most; bits++) total += (int64_t)count[bits] << (most - bits);
    for (; total > INT64_C(1) << most; total--) {
        int bits = most - 1;
        while (!count[bits]) bits--;
        count[most]--;
        count[bits]--;
        count[bits + 1] += 2;
    }
    memset(length, 0, (size_t)n);
    for (int bits = most, i = 0; bits; bits--)
        for (int k = 0; k < count[bits]; k++) length[symbol[i++]] = (uint8_t)bits;
}

/* The canonical codes of lengths, first bit lowest. */
static void codes_of(const uint8_t *length, int n, uint16_t *code) {
    int next[17] = {0};
    for (int s = 0; s < n; s++) next[length[s] + 1]++;
    next[1] = 0;
    for (int bits = 2; bits < 17; bits++) next[bits] = (next[bits] + next[bits - 1]) << 1; /* RFC 1951, 3.2.2 */
    for (int s = 0; s < n; s++) {
        int bits = length[s], from = bits ? next[bits]++ : 0, to = 0;
        for (int i = 0; i < bits; i++) to |= (from >> i & 1) << (bits - 1 - i);
        code[s] = (uint16_t)to;
    }
}

typedef struct { uint8_t symbol, extra; } Packed; /* of the code lengths: RFC 1951, 3.2.7 */

static int repeat(Packed *out, int size, uint8_t symbol, int least, int n) {
    out[size] = (Packed){symbol, (uint8_t)(n - least)};
    return size + 1;
}

/* Code lengths with runs of them told by symbols 16, 17 and 18; how many of those. */
static int pack_lengths(const uint8_t *length, int n, Packed *out) {
    int size = 0;
    for (int i = 0, run; i < n; i += run) {
        int v = length[i], left;
        for (run = 1; i + run < n && length[i + run] == v; run++) {}
        left = run;
        if (v) { size = repeat(out, size, (uint8_t)v, 0, 0); left--; }
        while (left >= 3) {
            int most = v ? 6 : 138, taken = left < most ? left : most;
            size = v ? repeat(out, size, 16, 3, taken)
                     : taken < 11 ? repeat(out, size, 17, 3, taken) : repeat(out, size, 18, 11, taken);
            left -= taken;
        }
        while (left-- > 0) size = repeat(out, size, (uint8_t)v, 0, 0);
    }
    return size;
}

typedef struct {
    uint8_t literal_bits[LITERALS], distance_bits[DISTANCES];
    uint16_t literal[LITERALS], distance[DISTANCES];
    int64_t matches[KINDS];
} Codes;

static int used(const uint8_t *length, int n, int least) {
    while (n > least && !length[n - 1]) n--;
    return n;
}

/* A block's three bits and its codes; 400 bytes at most. */
static void put_header(Bits *b, const Codes *c, int last) {
    static const uint8_t ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    int literals = used(c->literal_bits, LITERALS, 257), distances = used(c->distance_bits, DISTANCES, 1), n = 19;
    uint8_t all[LITERALS + DISTANCES], length[19], ordered[19];
    uint16_t code[19];
    int64_t often[19] = {0};
    Packed packed[LITERALS + DISTANCES];
    memcpy(all, c->literal_bits, (size_t)literals);
    memcpy(all + literals, c->distance_bits, (size_t)distances);
    int size = pack_lengths(all, literals + distances, packed);
    for (int i = 0; i < size; i++) often[packed[i].symbol]++;
    code_lengths(often, 19, 7, length);
    codes_of(length, 19, code);
    for (int i = 0; i < 19; i++) ordered[i] = length[ORDER[i]];
    n = used(ordered, n, 4);
    put_bits(b, (uint64_t)(last ? 1 : 0) | 2 << 1, 3);
    put_bits(b, (uint64_t)(literals - 257) | (uint64_t)(distances - 1) << 5 | (uint64_t)(n - 4) << 10, 14);
    for (int i = 0; i < n; i++) put_bits(b, ordered[i], 3);
    for (int i = 0; i < size; i++) {
        uint8_t s = packed[i].symbol;
        put_bits(b, code[s], length[s]);
        if (s >= 16) put_bits(b, packed[i].extra, s == 16 ? 2 : s == 17 ? 3 : 7);
    }
}

/* What a block says: units of a literal (or none), a match (or none), its distance, and how often the match comes. */
typedef struct {
    uint32_t *unit;
    Py_ssize_t size, room;
    int64_t literal[257], match[KINDS][LONGEST + 1];
    uint32_t distance[KINDS];
} Block;

#define MOST_REPEATS 4096

static inline void add_unit(Block *k, uint32_t literal, uint32_t length, uint32_t kind, uint32_t times) {
    k->unit[k->size++] = literal | length << 9 | kind << 18 | (times - 1) << 20;
    k->literal[literal] += times;
    k->match[kind][length] += times;
}

/* Behind the last of the lengths that a symbol tells; 258 has one of its own. */
static int length_end(int symbol) { return symbol < 28 ? LENGTH_BASE[symbol + 1] : LONGEST + 1; }

static int distance_symbol(uint32_t distance) {
    int s = DISTANCES - 1;
    while (DISTANCE_BASE[s] > distance) s--;
    return s;
}

/* The codes that fit a block best, and how many bits it takes with them, its header left out. */
static uint64_t fit(const Block *k, Codes *c) {
    int64_t literal[LITERALS] = {0}, distance[DISTANCES] = {0};
    uint64_t bits = 0;
    memcpy(literal, k->literal, 256 * sizeof *literal);
    literal[END_OF_BLOCK] = 1;
    for (int kind = 0; kind < KINDS; kind++) {
        int d = distance_symbol(k->distance[kind]);
        c->matches[kind] = 0;
        for (int l = 0; l < 29; l++) {
            int64_t times = 0;
            for (int length = LENGTH_BASE[l]; length < length_end(l); length++) times += k->match[kind][length];
            literal[257 + l] += times;
            distance[d] += times;
            c->matches[kind] += times;
            bits += (uint64_t)times * (uint64_t)(LENGTH_BITS[l] + DISTANCE_BITS[d]);
        }
    }
    int codes = 0;
    for (int s = 0; s < DISTANCES; s++) codes += distance[s] != 0;
    for (int s = 0; codes < 2; s++) /* a complete code, for every reader */
        if (!distance[s]) { distance[s] = 1; codes++; }
    code_lengths(literal, LITERALS, 15, c->literal_bits);
    code_lengths(distance, DISTANCES, 15, c->distance_bits);
    codes_of(c->literal_bits, LITERALS, c->literal);
    codes_of(c->distance_bits, DISTANCES, c->distance);
    for (int s = 0; s < LITERALS; s++) bits += (uint64_t)literal[s] * c->literal_bits[s];
    for (int s = 0; s < DISTANCES; s++) bits += (uint64_t)distance[s] * c->distance_bits[s];
    return bits;
}

/* Codes and extra bits in the low 56, how many they are in the high 8. */
#define PIECE(bits, n) ((uint64_t)(bits) | (uint64_t)(n) << 56)

static void match_pieces(const Block *k, const Codes *c, uint64_t *piece) {
    for (int kind = 0; kind < KINDS; kind++) {
        int d = distance_symbol(k->distance[kind]);
        uint64_t far = c->distance[d] | (uint64_t)(k->distance[kind] - DISTANCE_BASE[d]) << c->distance_bits[d];
        piece[kind << 9] = 0;
        for (int l = 0; l < 29 && c->matches[kind]; l++) {
            uint32_t n = c->literal_bits[257 + l], bits = n + LENGTH_BITS[l];
            for (int length = LENGTH_BASE[l]; n && length < length_end(l); length++) {
                uint64_t code = c->literal[257 + l] | (uint64_t)(length - LENGTH_BASE[l]) << n;
                piece[kind << 9 | length] = PIECE(code | far << bits, bits + c->distance_bits[d] + DISTANCE_BITS[d]);
            }
        }
    }
}

/* The block goes out, and is empty again. A literal and a match are 15 + 20 + 16 bits at most, for
 * distances have four codes, which are of three bits at most. */
static int put_block(Bits *b, Block *k, int last) {
    Codes c;
    uint64_t literal[257], piece[KINDS << 9], bits = fit(k, &c);
    if (bits_room(b, bits / 8 + 512)) return -1;
    put_header(b, &c, last);
    for (int s = 0; s < 256; s++) literal[s] = PIECE(c.literal[s], c.literal_bits[s]);
    literal[NO_LITERAL] = 0;
    match_pieces(k, &c, piece);
    Bits o = *b;
    for (Py_ssize_t i = 0; i < k->size; i++) {
        uint32_t unit = k->unit[i];
        uint64_t x = literal[unit & 511], y = piece[unit >> 9 & 2047], low = (UINT64_C(1) << 56) - 1;
        for (uint32_t more = unit >> 20; more; more--) put_bits(&o, y & low, (uint32_t)(y >> 56));
        put_bits(&o, (x & low) | (y & low) << (x >> 56), (uint32_t)(x >> 56) + (uint32_t)(y >> 56));
    }
    put_bits(&o, c.literal[END_OF_BLOCK], c.literal_bits[END_OF_BLOCK]);
    *b = o;
    k->size = 0;
    memset(k->literal, 0, sizeof k->literal);
    memset(k->match, 0, sizeof k->match);
    return 0;
}

#endif
