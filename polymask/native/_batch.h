/* Images of annotations that were scanned -> each one's PNG stream and what is counted of it: batch.py's other half.
 *
 * No Python object is made or touched on the way, and the GIL is not held. An image of which anything is not
 * certain is left to the way that goes annotation by annotation.
 */
#include "_bands.h"

/* Runs that are complete go out, so that those of a large image are not held. */
static int tell_runs(Batch *b, Py_ssize_t begin) {
    PyEval_RestoreThread(b->thread);
    PyObject *done = PyObject_CallFunction(b->tell, "ny#", b->image, (char *)b->digest.at + begin, b->digest.size - begin);
    Py_XDECREF(done);
    b->thread = PyEval_SaveThread();
    b->digest.size = begin;
    return done ? 0 : -1;
}

/* A band of an image's painted spans goes to its PNG and to its digest. */
static int tell_band(void *batch, Painted *band) {
    Batch *b = batch;
    const Py_ssize_t begin = b->image ? (Py_ssize_t)b->ends[3 * b->image - 2] : 0;
    if (add_painted_rows(b->png, band) || digest_painted(band, b->png->width, b->png->background, &b->digest)) return -1;
    return b->pen.clipped && b->digest.size > begin ? tell_runs(b, begin) : 0;
}

static Outcome merge_image(Batch *b, Py_ssize_t i, const int64_t *cuts, int64_t *group_of, int32_t *label) {
    Scene s;
    Py_ssize_t labels = begin_scene(b, i, cuts, group_of, label, &s);
    if (labels < 0 || add_record(b, i)) return NO_MEMORY;
    return merged(&s, b->pen.spans.size, labels, group_of, b->most, &b->merge, &b->shares);
}

static Outcome paint_image(Batch *b, Py_ssize_t i) {
    int64_t height = b->frame[2 * i], width = b->frame[2 * i + 1];
    if (height >= INT32_MAX || width >= INT32_MAX || LONGEST_RUN / height < width) return UNDECIDED;
    size_t n = (size_t)(b->cuts[i + 1] - b->cuts[i]);
    int64_t *cuts = scratch(&b->own, (n + 1) * (2 * sizeof *cuts + sizeof(int32_t)));
    begin_digest(&b->digest);
    if (!cuts || begin_stream(b->png, height, width)) return NO_MEMORY;
    Outcome outcome = draw_image(b, i, cuts);
    if (outcome != DONE) return outcome;
    int64_t *group_of = cuts + n + 1;
    int32_t *label = (int32_t *)(group_of + n + 1);
    int by_bands = b->pen.spans.size > HELD;
    outcome = by_bands ? paint_by_bands(b, i, cuts, group_of, label) : merge_image(b, i, cuts, group_of, label);
    if (outcome != DONE) return outcome;
    int failed = end_stream(b->png) || end_digest(&b->digest, height * width, b->png->background) || add_counts(b, i);
    return failed ? NO_MEMORY : DONE;
}

static int paint_images(Batch *b) {
    for (Py_ssize_t i = 0; i < b->images; i++) {
        const Py_ssize_t png = b->png->out.size, digest = b->digest.size, record = b->record.size;
        b->image = i;
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
            b->record.size = record;
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
