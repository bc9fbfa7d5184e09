/* Images of annotations that were scanned -> each one's PNG stream and what is counted of it: batch.py's other half.
 *
 * No Python object is made or touched on the way, and the GIL is not held. An image of which anything is not
 * certain is left to the way that goes annotation by annotation.
 */
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

/* The spans of an image's rows; what the rows say goes to the pen. */
static Outcome draw_image(Batch *b, Py_ssize_t i, int64_t *cut) {
    Pen *p = &b->pen;
    int32_t height = (int32_t)b->frame[2 * i], width = (int32_t)b->frame[2 * i + 1];
    p->spans.size = p->statement.size = p->numbers.size = 0;
    *cut++ = 0;
    for (int64_t r = b->cuts[i]; r < b->cuts[i + 1]; r++) {
        const Annotation *row = &b->row[r];
        if (r > b->cuts[i] && add_word(&p->statement, ",")) return NO_MEMORY;
        Outcome outcome = draw_annotation(p, b->text, row, &b->label[row->category], height, width);
        if (outcome != DONE) return outcome;
        *cut++ = p->spans.size;
        b->empty[r] = cut[-1] == cut[-2];
    }
    return DONE;
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

static Outcome merge_image(Batch *b, Py_ssize_t i, const int64_t *cuts, int64_t *group_of, int32_t *label) {
    int64_t first = b->cuts[i], n = b->cuts[i + 1] - first;
    Scene s = {b->pen.spans.at, cuts, b->order + first, b->value + first, label, (Py_ssize_t)n, (int32_t)b->frame[2 * i], NULL, NULL};
    Py_ssize_t labels = number_labels(b->group + first, (Py_ssize_t)n, label, group_of);
    if (labels < 0) return NO_MEMORY;
    if (b->pen.spans.size > INT32_MAX / 2) return UNDECIDED;
    begin_merge(&b->merge);
    begin_shares(&b->shares);
    return merged(&s, b->pen.spans.size, labels, group_of, b->most, &b->merge, &b->shares);
}

/* A band of an image's painted spans goes to its PNG and to its digest. */
static int tell_band(void *batch, Painted *band) {
    Batch *b = batch;
    return add_painted_rows(b->png, band) || digest_painted(band, b->png->width, b->png->background, &b->digest);
}

static Outcome paint_image(Batch *b, Py_ssize_t i) {
    int64_t height = b->frame[2 * i], width = b->frame[2 * i + 1];
    if (height >= INT32_MAX || width >= INT32_MAX || LONGEST_RUN / height < width) return UNDECIDED;
    size_t n = (size_t)(b->cuts[i + 1] - b->cuts[i]);
    int64_t *cuts = scratch(&b->own, (n + 1) * (2 * sizeof *cuts + sizeof(int32_t)));
    begin_digest(&b->digest);
    if (!cuts || begin_stream(b->png, height, width)) return NO_MEMORY;
    Outcome outcome = draw_image(b, i, cuts);
    if (outcome == DONE) outcome = merge_image(b, i, cuts, cuts + n + 1, (int32_t *)(cuts + 2 * (n + 1)));
    if (outcome != DONE) return outcome;
    int failed = end_stream(b->png) || end_digest(&b->digest, height * width, b->png->background) || add_record(b, i) ||
                 add_counts(b, i);
    return failed ? NO_MEMORY : DONE;
}

static int paint_images(Batch *b) {
    for (Py_ssize_t i = 0; i < b->images; i++) {
        const Py_ssize_t png = b->png->out.size, digest = b->digest.size;
        Outcome outcome = paint_image(b, i);
        if (outcome == NO_MEMORY) return -1;
        b->done[i] = outcome == DONE;
        if (outcome == UNDECIDED) { /* perhaps in the middle of a row */
            int64_t *pixels = b->merge.pixels;
            b->merge.pixels = NULL;
            free_merge(&b->merge);
            b->merge = (Merge){.background = b->merge.background, .void_ = b->merge.void_, .owned = b->merge.owned,
                               .take = tell_band, .to = b};
            b->merge.pixels = memset(pixels, 0, 65536 * sizeof *pixels);
            abandon_stream(b->png, png);
            b->digest.size = digest;
        }
        b->ends[3 * i] = b->png->out.size;
        b->ends[3 * i + 1] = b->digest.size;
        b->ends[3 * i + 2] = b->record.size;
    }
    return 0;
}

/* Whether the rows of all images are there, with text, values, labels and frames that fit. */
static int batch_fits(const Batch *b, Py_ssize_t bytes, int64_t values) {
    if (b->cuts[0] != 0 || b->cuts[b->images] != b->rows) return 0;
    for (Py_ssize_t i = 0; i < b->images; i++) {
        int64_t n = b->cuts[i + 1] - b->cuts[i];
        if (n < 0 || b->cuts[i + 1] > b->rows || b->frame[2 * i] <= 0 || b->frame[2 * i + 1] <= 0) return 0;
        for (int64_t r = b->cuts[i]; r < b->cuts[i + 1]; r++)
            if (b->order[r] < 0 || b->order[r] >= n) return 0;
    }
    for (Py_ssize_t r = 0; r < b->rows; r++) {
        const Annotation *row = &b->row[r];
        if (row->from < 0 || row->from > row->to || row->to > bytes || row->category < 0 || row->category >= b->n_labels ||
            b->value[r] < 0 || b->value[r] >= values || b->group[r] < -1 || b->group[r] > 65535)
            return 0;
    }
    return b->merge.background >= 0 && b->merge.background < values && b->merge.void_ >= -1 && b->merge.void_ < values;
}

/* The texts of a tuple of bytes, which has to outlive them; NULL, with an error set, for other things. */
static Key *texts_of(PyObject *tuple, Py_ssize_t *n) {
    *n = PyTuple_GET_SIZE(tuple);
    Key *texts = PyMem_RawMalloc(((size_t)*n + 1) * sizeof *texts);
    if (!texts) { PyErr_NoMemory(); return NULL; }
    for (Py_ssize_t i = 0; i < *n; i++) {
        PyObject *text = PyTuple_GET_ITEM(tuple, i);
        if (!PyBytes_Check(text)) { PyMem_RawFree(texts); PyErr_SetString(PyExc_TypeError, "bytes are wanted"); return NULL; }
        texts[i] = (Key){PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text)};
    }
    return texts;
}
