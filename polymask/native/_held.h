/* The spans of many instances in order of their rows, and in paint order within each: a radix sort. */
#ifndef POLYMASK_HELD_H
#define POLYMASK_HELD_H

#include "_common.h"

#define ROW_DIGIT 65536

typedef struct { int32_t row, start, stop, value, label; } Held;

typedef struct {
    const Span *at;
    const int64_t *cuts, *order, *value;
    const int32_t *label;
    Py_ssize_t painted;
    int32_t height;
    const int64_t *from, *to; /* by paint order, the spans of a band of rows; NULL for all */
} Scene;

static int64_t first_span(const Scene *s, Py_ssize_t p) { return s->from ? s->from[p] : s->cuts[s->order[p]]; }

static int64_t behind_spans(const Scene *s, Py_ssize_t p) { return s->to ? s->to[p] : s->cuts[s->order[p] + 1]; }

/* Whether every instance's spans are in order of their rows, as they are unless somebody made them otherwise. */
static int in_order(const Scene *s) {
    for (Py_ssize_t p = 0; p < s->painted; p++)
        for (int64_t k = first_span(s, p) + 1; k < behind_spans(s, p); k++)
            if (s->at[k].row < s->at[k - 1].row) return 0;
    return 1;
}

/* Where each of the digits begins, of how many there are. */
static void add_up(Py_ssize_t *place, int32_t digits) {
    Py_ssize_t total = 0;
    for (int32_t digit = 0; digit < digits; digit++) {
        Py_ssize_t here = place[digit];
        place[digit] = total;
        total += here;
    }
}

/* The spans in paint order, sorted by the low digit of their rows, each with its instance's value and label. */
static void hold_all(const Scene *s, Held *to, Py_ssize_t *place, int32_t digits) {
    memset(place, 0, (size_t)digits * sizeof *place);
    for (Py_ssize_t p = 0; p < s->painted; p++)
        for (int64_t k = first_span(s, p); k < behind_spans(s, p); k++) place[s->at[k].row % ROW_DIGIT]++;
    add_up(place, digits);
    for (Py_ssize_t p = 0; p < s->painted; p++) {
        int64_t i = s->order[p];
        for (int64_t k = first_span(s, p); k < behind_spans(s, p); k++) {
            const Span *span = &s->at[k];
            to[place[span->row % ROW_DIGIT]++] =
                (Held){span->row, span->start, span->stop, (int32_t)s->value[i], s->label[i]};
        }
    }
}

/* The same for the high digit, what is equal staying in order. */
static void sort_high(const Held *from, Held *to, Py_ssize_t n, Py_ssize_t *place, int32_t digits) {
    memset(place, 0, (size_t)digits * sizeof *place);
    for (Py_ssize_t i = 0; i < n; i++) place[from[i].row / ROW_DIGIT]++;
    add_up(place, digits);
    for (Py_ssize_t i = 0; i < n; i++) to[place[from[i].row / ROW_DIGIT]++] = from[i];
}

/* All spans sorted by row, in paint order within each; NULL for want of memory. */
static const Held *held_by_row(const Scene *s, Py_ssize_t total, Scratch *held, Scratch *sorted, Scratch *places) {
    int tall = s->height > ROW_DIGIT;
    int32_t digits = tall ? ROW_DIGIT : s->height;
    Py_ssize_t *place = scratch(places, ((size_t)digits + 1) * sizeof *place);
    Held *at = scratch(held, ((size_t)total + 1) * sizeof *at);
    if (!place || !at) return NULL;
    hold_all(s, at, place, digits);
    if (!tall) return at;
    Held *other = scratch(sorted, ((size_t)total + 1) * sizeof *other);
    if (other) sort_high(at, other, total, place, s->height / ROW_DIGIT + 1); /* no more digits than the low ones */
    return other;
}

#endif
