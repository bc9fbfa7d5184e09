/* Spans of many instances -> the painted spans of their merge, and who claims what: overlaps.py's twin.
 *
 * One radix sort by row; then each row's ends from left to right. The owner of a pixel is the open
 * span that comes last in paint order: the highest bit that is set in a tree of 64-bit words.
 */
#ifndef POLYMASK_SWEEP_H
#define POLYMASK_SWEEP_H

#include "_held.h"

#include "_shares.h"

typedef struct { int32_t *row, *start, *stop; uint16_t *value; Py_ssize_t size, room; } Painted;
typedef struct { int32_t at, held; } End; /* `held` opens, ~`held` closes */

#define LEVELS 6 /* 64 ** 6 spans in a row are more than there can be */

typedef struct {
    uint64_t *word[LEVELS];
    int levels;
    End *ends, *spare;          /* of as much room */
    Py_ssize_t n, room;         /* spans of the row above, whose order of ends is a good guess; how many fit */
    int32_t background, void_;  /* `void_` -1: contested pixels keep their owner's value */
    int owned;                  /* whether contested pixels have owners */
    Claiming claiming;
    Painted out;
    int (*take)(void *to, Painted *out); /* takes the painted spans of a band of rows, if it is there */
    void *to;
    Scratch held, sorted, places;
    int64_t labeled, contested, *pixels;
} Merge;

/* What a row of n spans needs: its ends, and the words of the tree, all zero. */
static int row_room(Merge *m, Py_ssize_t n) {
    Py_ssize_t words[LEVELS], total = 0, here = n *= 2;
    for (int level = 0; level < LEVELS; level++) total += here = words[level] = (here - 1) / 64 + 1;
    PyMem_RawFree(m->ends);
    PyMem_RawFree(m->word[0]);
    PyMem_RawFree(m->spare);
    m->ends = PyMem_RawMalloc(2 * (size_t)n * sizeof *m->ends);
    m->spare = PyMem_RawMalloc(2 * (size_t)n * sizeof *m->spare);
    m->word[0] = PyMem_RawCalloc((size_t)total, sizeof *m->word[0]);
    if (!m->ends || !m->spare || !m->word[0]) return -1;
    for (int level = 1; level < LEVELS; level++) m->word[level] = m->word[level - 1] + words[level - 1];
    m->room = n;
    m->n = 0;
    return 0;
}

static void set_open(Merge *m, Py_ssize_t i) {
    for (int level = 0; level < m->levels; level++, i >>= 6) {
        uint64_t before = m->word[level][i >> 6];
        m->word[level][i >> 6] = before | UINT64_C(1) << (i & 63);
        if (before) return;
    }
}

static void set_closed(Merge *m, Py_ssize_t i) {
    for (int level = 0; level < m->levels; level++, i >>= 6)
        if (m->word[level][i >> 6] &= ~(UINT64_C(1) << (i & 63))) return;
}

/* The last in paint order of the spans that are open; -1 for none. */
static inline Py_ssize_t topmost(const Merge *m) {
    Py_ssize_t i = 0;
    if (!m->word[m->levels - 1][0]) return -1;
    for (int level = m->levels - 1; level >= 0; level--) i = 64 * i + 63 - __builtin_clzll(m->word[level][i]);
    return i;
}

static int more_painted(Painted *out) {
    Py_ssize_t room = out->room ? 2 * out->room : 4096;
    int32_t **part[] = {&out->row, &out->start, &out->stop};
    for (int i = 0; i < 3; i++) {
        int32_t *at = PyMem_RawRealloc(*part[i], (size_t)room * sizeof *at);
        if (!at) return -1;
        *part[i] = at;
    }
    uint16_t *value = PyMem_RawRealloc(out->value, (size_t)room * sizeof *value);
    if (!value) return -1;
    out->value = value;
    out->room = room;
    return 0;
}

static void free_painted(Painted *p) {
    PyMem_RawFree(p->row);
    PyMem_RawFree(p->start);
    PyMem_RawFree(p->stop);
    PyMem_RawFree(p->value);
}

static inline int add_painted(Merge *m, int32_t row, int32_t start, int32_t stop, int32_t value) {
    Painted *out = &m->out;
    if (value == m->background) return 0;
    if (m->pixels) m->pixels[value] += stop - start;
    Py_ssize_t last = out->size - 1;
    if (last >= 0 && out->row[last] == row && out->stop[last] == start && out->value[last] == value) {
        out->stop[last] = stop;
        return 0;
    }
    if (out->size == out->room && more_painted(out)) return -1;
    out->row[++last] = row;
    out->start[last] = start;
    out->stop[last] = stop;
    out->value[last] = (uint16_t)value;
    out->size++;
    return 0;
}

/* Ends from left to right, byte by byte of their places, the lowest first. */
static void radix_ends(Merge *m, Py_ssize_t n) {
    int32_t bits = 0;
    for (Py_ssize_t i = 0; i < n; i++) bits |= m->ends[i].at;
    for (int shift = 0; shift < 32 && bits >> shift; shift += 8) {
        Py_ssize_t place[256] = {0}, sum = 0;
        End *from = m->ends, *to = m->spare;
        for (Py_ssize_t i = 0; i < n; i++) place[from[i].at >> shift & 255]++;
        for (int byte = 0; byte < 256; byte++) {
            Py_ssize_t ends = place[byte];
            place[byte] = sum;
            sum += ends;
        }
        for (Py_ssize_t i = 0; i < n; i++) to[place[from[i].at >> shift & 255]++] = from[i];
        m->ends = to;
        m->spare = from;
    }
}

#define MANY 48 /* spans of a row from which on their ends are put in order byte by byte */

/* A row's ends from left to right; those of the row above are nearly in order already. */
static void sort_ends(Merge *m, const Held *h, Py_ssize_t n) {
    End *e = m->ends;
    int anew = n != m->n;
    if (anew)
        for (Py_ssize_t i = 0; i < n; i++) { e[2 * i].held = (int32_t)i; e[2 * i + 1].held = ~(int32_t)i; }
    m->n = n;
    for (Py_ssize_t k = 0; k < 2 * n; k++) e[k].at = e[k].held >= 0 ? h[e[k].held].start : h[~e[k].held].stop;
    if (anew && n >= MANY) { radix_ends(m, 2 * n); return; }
    Py_ssize_t moves = 0;
    for (Py_ssize_t i = 1; i < 2 * n; i++) {
        if (e[i - 1].at <= e[i].at) continue;
        End end = e[i];
        Py_ssize_t j = i;
        for (; j && e[j - 1].at > end.at; j--) e[j] = e[j - 1];
        e[j] = end;
        if ((moves += i - j) > 16 * n + 64) { radix_ends(m, 2 * n); return; }
    }
}

/* The pixels from `start` to `stop`, under the spans that are open. */
static Outcome paint_piece(Merge *m, const Held *h, int32_t start, int32_t stop) {
    Py_ssize_t top = topmost(m);
    if (top < 0) return DONE;
    int32_t value = h[top].value, claiming = m->claiming.size;
    if (claiming) m->labeled += stop - start;
    if (claiming > 1) {
        m->contested += stop - start;
        Outcome outcome = claim_together(&m->claiming, m->owned ? h[top].label : NOBODY, stop - start);
        if (outcome != DONE) return outcome;
        if (m->void_ >= 0 && value != m->background) value = m->void_; /* a background on top still cuts its hole */
    }
    return add_painted(m, h->row, start, stop, value) ? NO_MEMORY : DONE;
}

static Outcome sweep_row(Merge *m, const Held *h, Py_ssize_t n) {
    if (n > m->room && row_room(m, n)) return NO_MEMORY;
    sort_ends(m, h, n);
    int32_t at = m->ends[0].at;
    m->levels = 1;
    for (Py_ssize_t words = (n - 1) >> 6; words; words >>= 6) m->levels++;
    for (Py_ssize_t k = 0; k < 2 * n; k++) {
        int32_t here = m->ends[k].at, opens = m->ends[k].held >= 0, i = opens ? m->ends[k].held : ~m->ends[k].held;
        if (here > at) {
            Outcome outcome = paint_piece(m, h, at, here);
            if (outcome != DONE) return outcome;
            at = here;
        }
        if (opens) set_open(m, i); else set_closed(m, i);
        if (h[i].label >= 0) change_claim(&m->claiming, h[i].label, opens ? 1 : -1);
    }
    return DONE;
}

#define FEW 8 /* spans in a row, which are put in order one by one */

/* A row of few spans that lie apart: each is its pixels' owner. 0 where they do not, and nothing is done. */
static int paint_apart(Merge *m, const Held *h, Py_ssize_t n, Outcome *outcome) {
    const Held *ordered[FEW];
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_ssize_t j = i;
        for (; j && ordered[j - 1]->start > h[i].start; j--) ordered[j] = ordered[j - 1];
        ordered[j] = &h[i];
    }
    for (Py_ssize_t i = 1; i < n; i++)
        if (ordered[i]->start < ordered[i - 1]->stop) return 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        const Held *span = ordered[i];
        if (span->label >= 0) m->labeled += span->stop - span->start;
        if (add_painted(m, span->row, span->start, span->stop, span->value)) *outcome = NO_MEMORY;
    }
    return 1;
}

static Outcome sweep_all(Merge *m, const Held *held, Py_ssize_t total) {
    for (Py_ssize_t begin = 0, end; begin < total; begin = end) {
        const Held *h = held + begin;
        Outcome outcome = DONE;
        for (end = begin + 1; end < total && held[end].row == h->row; end++) {}
        if (end - begin > FEW || !paint_apart(m, h, end - begin, &outcome)) outcome = sweep_row(m, h, end - begin);
        if (outcome != DONE) return outcome;
    }
    return DONE;
}

static Outcome merge_band(const Scene *s, Py_ssize_t total, Merge *m) {
    const Held *held = held_by_row(s, total, &m->held, &m->sorted, &m->places);
    Outcome outcome = held ? sweep_all(m, held, total) : NO_MEMORY;
    if (outcome != DONE || !m->take) return outcome;
    if (m->take(m->to, &m->out)) return NO_MEMORY;
    m->out.size = 0;
    return DONE;
}

#define BAND (1 << 20) /* spans of a band of rows, about, where there are many: each takes 20 to 40 bytes more */

/* The merge, band of rows by band of rows; `from` and `to` have room for each instance's spans in a band. */
static Outcome merge_bands(Scene s, Py_ssize_t total, Merge *m, int64_t *from, int64_t *to) {
    const int64_t rows = s.height / (total / BAND + 1) + 1;
    for (Py_ssize_t p = 0; p < s.painted; p++) to[p] = first_span(&s, p);
    for (int64_t low = 0; low < s.height; low += rows) {
        Py_ssize_t spans = 0;
        for (Py_ssize_t p = 0; p < s.painted; p++) {
            int64_t behind = s.cuts[s.order[p] + 1];
            from[p] = to[p];
            while (to[p] < behind && s.at[to[p]].row < low + rows) to[p]++;
            spans += (Py_ssize_t)(to[p] - from[p]);
        }
        Scene band = s;
        band.from = from;
        band.to = to;
        Outcome outcome = spans ? merge_band(&band, spans, m) : DONE;
        if (outcome != DONE) return outcome;
    }
    return DONE;
}

static Outcome merge_spans(const Scene *s, Py_ssize_t total, Merge *m) {
    if (total <= 2 * BAND || !in_order(s)) return merge_band(s, total, m);
    int64_t *from = PyMem_RawMalloc(2 * (size_t)s->painted * sizeof *from);
    Outcome outcome = from ? merge_bands(*s, total, m, from, from + s->painted) : NO_MEMORY;
    PyMem_RawFree(from);
    return outcome;
}

#endif
