/* What an image of a batch is made of: its spans, their merge, what is told and counted of it. */
#ifndef POLYMASK_BATCH_IMAGE_H
#define POLYMASK_BATCH_IMAGE_H

#include "_annotation.h"

typedef struct { int64_t image, value, pixels; } Count;
typedef struct { int64_t image; Share share; } ImageShare;

typedef struct {
    const char *text;
    const Annotation *row;
    const int64_t *cuts, *frame, *value, *group, *order; /* where images' rows begin; height and width; rows' */
    Py_ssize_t images, rows, n_labels;
    Key *name, *label; /* images' names as JSON; labels by the rows' category */
    int64_t most;
    Pen pen;
    Merge merge;
    Shares shares;
    Scratch own; /* an image's cuts, labels and groups */
    Scanlines *png;
    DigestRuns digest;
    Bytes record, count, share;
    uint8_t *done, *empty; /* by image, and by row */
    PyObject *tell;        /* called with an image's number and a part of its runs, where they come in parts */
    PyThreadState *thread; /* while the GIL is not held */
    Py_ssize_t image;      /* that is painted */
    int64_t *ends, *sums;  /* by image: where PNG, runs and record end; labeled and contested pixels */
} Batch;

static void free_batch(Batch *b) {
    free_pen(&b->pen);
    free_merge(&b->merge);
    PyMem_RawFree(b->shares.at);
    PyMem_RawFree(b->own.at);
    if (b->png) free_scanlines(b->png);
    PyMem_RawFree(b->png);
    PyMem_RawFree(b->digest.at);
    PyMem_RawFree(b->record.at);
    PyMem_RawFree(b->count.at);
    PyMem_RawFree(b->share.at);
    PyMem_RawFree(b->name);
    PyMem_RawFree(b->label);
}

static void begin_drawing(Pen *p) { p->spans.size = p->statement.size = p->numbers.size = 0; }

static Outcome draw_row_again(Batch *b, Py_ssize_t i, int64_t r) {
    const Annotation *row = &b->row[r];
    return draw_annotation(&b->pen, b->text, row, &b->label[row->category], (int32_t)b->frame[2 * i], (int32_t)b->frame[2 * i + 1]);
}

/* The spans of a row, behind those that are there; what the row says goes to the pen. */
static Outcome draw_row(Batch *b, Py_ssize_t i, int64_t r) {
    Py_ssize_t before = b->pen.spans.size;
    if (r > b->cuts[i] && add_word(&b->pen.statement, ",")) return NO_MEMORY;
    Outcome outcome = draw_row_again(b, i, r);
    b->empty[r] = b->pen.spans.size == before;
    return outcome;
}

#define HELD (2 * BAND) /* spans of an image that are held at once; what has more is drawn by bands */

/* The spans of an image's rows, or of the first ones, where they are more than can be held. */
static Outcome draw_image(Batch *b, Py_ssize_t i, int64_t *cut) {
    Outcome outcome = DONE;
    begin_drawing(&b->pen);
    *cut++ = 0;
    for (int64_t r = b->cuts[i]; r < b->cuts[i + 1] && outcome == DONE && b->pen.spans.size <= HELD; r++) {
        outcome = draw_row(b, i, r);
        *cut++ = b->pen.spans.size;
    }
    return outcome;
}

/* What the digest of an image's record is taken of: name, frame, what the rows say, and their numbers. */
static int add_record(Batch *b, Py_ssize_t i) {
    Bytes *to = &b->record;
    const Pen *p = &b->pen;
    return add_word(to, "[") || add_raw(to, b->name[i].at, b->name[i].size) || add_word(to, ",[") ||
           add_whole(to, b->frame[2 * i]) || add_word(to, ",") || add_whole(to, b->frame[2 * i + 1]) ||
           add_word(to, "],[") || add_raw(to, p->statement.at, (size_t)p->statement.size) || add_word(to, "]]") ||
           add_raw(to, p->numbers.at, (size_t)p->numbers.size);
}

/* The pixels of each value that the rows have, and who shares pixels. */
static int add_counts(Batch *b, Py_ssize_t i) {
    int64_t *pixels = b->merge.pixels;
    for (int64_t r = b->cuts[i]; r < b->cuts[i + 1]; r++) {
        Count count = {i, b->value[r], pixels[b->value[r]]};
        pixels[b->value[r]] = 0;
        if (count.pixels && add_raw(&b->count, &count, sizeof count)) return -1;
    }
    if (b->merge.void_ >= 0) pixels[b->merge.void_] = 0;
    for (Py_ssize_t k = 0; k < b->shares.size; k++) {
        ImageShare share = {i, b->shares.at[k]};
        if (add_raw(&b->share, &share, sizeof share)) return -1;
    }
    b->sums[2 * i] = b->merge.labeled;
    b->sums[2 * i + 1] = b->merge.contested;
    return 0;
}

/* The scene of an image's spans, whose labels are numbered; how many labels, or -1 for want of memory. */
static Py_ssize_t begin_scene(Batch *b, Py_ssize_t i, const int64_t *cuts, int64_t *group_of, int32_t *label, Scene *s) {
    int64_t first = b->cuts[i], n = b->cuts[i + 1] - first;
    *s = (Scene){b->pen.spans.at, cuts, b->order + first, b->value + first, label, (Py_ssize_t)n, (int32_t)b->frame[2 * i], NULL, NULL};
    begin_merge(&b->merge);
    begin_shares(&b->shares);
    return number_labels(b->group + first, (Py_ssize_t)n, label, group_of);
}

#endif
