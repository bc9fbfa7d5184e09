/* An image of so many spans that they are not held at once: it is drawn, merged and told by bands of rows.
 *
 * First each annotation is drawn by itself, to see which rows it reaches; then, band by band, the rows of
 * those that reach it. An annotation's text is read once more for each of its bands.
 */
#ifndef POLYMASK_BANDS_H
#define POLYMASK_BANDS_H

#include "_batch_image.h"

#define MOST_BANDS 64

typedef struct { int32_t top, bottom; } Reach;

/* Which rows each annotation has spans in; how many spans there are goes to `total`. */
static Outcome survey(Batch *b, Py_ssize_t i, Reach *reach, int64_t *total) {
    Pen *p = &b->pen;
    begin_drawing(p);
    for (int64_t r = b->cuts[i]; r < b->cuts[i + 1]; r++) {
        p->spans.size = 0;
        Outcome outcome = draw_row(b, i, r);
        if (outcome != DONE) return outcome;
        *total += p->spans.size;
        *reach++ = p->spans.size ? (Reach){p->spans.at[0].row, p->spans.at[p->spans.size - 1].row + 1} : (Reach){0, 0};
    }
    return DONE;
}

/* The spans of a band of rows. */
static Outcome draw_band(Batch *b, Py_ssize_t i, const Reach *reach, int64_t *cut) {
    Pen *p = &b->pen;
    Outcome outcome = DONE;
    p->spans.size = 0;
    *cut++ = 0;
    for (int64_t r = b->cuts[i]; r < b->cuts[i + 1] && outcome == DONE; r++, reach++) {
        p->statement.size = p->numbers.size = 0; /* they were told in the survey */
        if (reach->top < p->bottom && reach->bottom > p->top) outcome = draw_row_again(b, i, r);
        *cut++ = p->spans.size;
    }
    return outcome;
}

static Outcome paint_bands(Batch *b, Py_ssize_t i, Scene *s, const Reach *reach, int64_t total, int64_t *cuts) {
    const int64_t bands = total / BAND + 1, rows = s->height / (bands < MOST_BANDS ? bands : MOST_BANDS) + 1;
    Outcome outcome = DONE;
    for (int64_t low = 0; low < s->height && outcome == DONE; low += rows) {
        b->pen.top = (int32_t)low;
        b->pen.bottom = (int32_t)(low + rows < s->height ? low + rows : s->height);
        outcome = draw_band(b, i, reach, cuts);
        s->at = b->pen.spans.at;
        if (outcome == DONE && b->pen.spans.size > INT32_MAX / 2) outcome = UNDECIDED;
        if (outcome == DONE && b->pen.spans.size) outcome = merge_band(s, b->pen.spans.size, &b->merge);
    }
    return outcome;
}

/* An image band by band; `cuts`, `group_of` and `label` have room for its annotations. */
static Outcome paint_by_bands(Batch *b, Py_ssize_t i, int64_t *cuts, int64_t *group_of, int32_t *label) {
    Scene s;
    Py_ssize_t labels = begin_scene(b, i, cuts, group_of, label, &s);
    Reach *reach = PyMem_RawMalloc((size_t)(s.painted + 1) * sizeof *reach);
    int64_t total = 0;
    Outcome outcome = labels < 0 || !reach ? NO_MEMORY : survey(b, i, reach, &total);
    if (outcome == DONE && (add_record(b, i) || begin_claims(&b->merge, labels, b->most))) outcome = NO_MEMORY;
    free_words(&b->pen);
    b->pen.clipped = 1;
    if (outcome == DONE) outcome = paint_bands(b, i, &s, reach, total, cuts);
    b->pen.clipped = 0;
    PyMem_RawFree(reach);
    return outcome == DONE ? share_pairs(&b->merge.claiming, group_of, b->most, &b->shares) : outcome;
}

#endif
