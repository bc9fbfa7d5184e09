/* Spans -> masks; and the runs of equal pixels in a mask. */
#ifndef POLYMASK_PAINTING_H
#define POLYMASK_PAINTING_H

#include "_common.h"

typedef struct { const Span *at; const int64_t *cuts; Py_ssize_t instances; } Table;

typedef struct { uint8_t *at; Py_ssize_t height, width, depth; } Mask;

static uint32_t pixel(const Mask *m, const uint8_t *at) {
    if (m->depth == 1) return *at;
    if (m->depth == 2) { uint16_t v; memcpy(&v, at, 2); return v; }
    uint32_t v;
    memcpy(&v, at, 4);
    return v;
}

/* A pixel value in every place of eight bytes. */
static uint64_t spread(const Mask *m, uint32_t value) {
    if (m->depth == 1) return value * UINT64_C(0x0101010101010101);
    if (m->depth == 2) return value * UINT64_C(0x0001000100010001);
    return value * UINT64_C(0x0000000100000001);
}

static void fill(const Mask *m, uint8_t *at, const uint8_t *end, uint32_t value) {
    if (m->depth == 1) { memset(at, (int)value, (size_t)(end - at)); return; }
    uint64_t many = spread(m, value);
    for (; end - at >= 8; at += 8) memcpy(at, &many, 8);
    memcpy(at, &many, (size_t)(end - at));
}

/* The first byte in memory of eight that is not zero. */
static ptrdiff_t first_other(uint64_t bytes) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_clzll(bytes) / 8;
#else
    return __builtin_ctzll(bytes) / 8;
#endif
}

/* Where the run of pixels that are equal to the first one ends. */
static inline const uint8_t *run_end(const Mask *m, const uint8_t *at, const uint8_t *end, uint32_t value) {
    uint64_t many = spread(m, value), here[8];
    for (; end - at >= (ptrdiff_t)sizeof here; at += sizeof here) {
        uint64_t other = 0;
        memcpy(here, at, sizeof here);
        for (int i = 0; i < 8; i++) other |= here[i] ^ many;
        if (other) break;
    }
    for (; end - at >= 8; at += 8) {
        memcpy(here, at, 8);
        if (here[0] != many) return at + first_other(here[0] ^ many) / m->depth * m->depth;
    }
    while (at < end && pixel(m, at) == value) at += m->depth;
    return at;
}

static int inside(const Mask *m, const Span *s) {
    return s->row >= 0 && s->row < m->height && s->start >= 0 && s->start <= s->stop && s->stop <= m->width;
}

static const char *paint_all(const Mask *m, const Table *t, Py_ssize_t spans, const int64_t *order,
                             const int64_t *values, Py_ssize_t painted) {
    for (Py_ssize_t p = 0; p < painted; p++) {
        int64_t i = order[p];
        if (i < 0 || i >= t->instances || t->cuts[i] < 0 || t->cuts[i + 1] > spans) return "no such instance";
        if (values[i] < 0 || (m->depth < 4 && values[i] >> (8 * m->depth))) return "a value that the mask does not hold";
        for (const Span *s = &t->at[t->cuts[i]]; s < &t->at[t->cuts[i + 1]]; s++) {
            if (!inside(m, s)) return "a span outside the mask";
            uint8_t *line = m->at + s->row * m->width * m->depth;
            fill(m, line + s->start * m->depth, line + s->stop * m->depth, (uint32_t)values[i]);
        }
    }
    return NULL;
}

#endif
