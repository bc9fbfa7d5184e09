/* What Python calls to paint many images at once: checks of what comes in, and what goes out. */
#include "_batch.h"

static PyObject *bytes_of(const void *at, Py_ssize_t size) { return PyBytes_FromStringAndSize(size ? at : "", size); }

/* The bytes at a place, which is free from then on: of a large image, memory must not hold all of them twice. */
static PyObject *moved(uint8_t **at, Py_ssize_t size) {
    PyObject *bytes = bytes_of(*at, size);
    PyMem_RawFree(*at);
    *at = NULL;
    return bytes;
}

/* The room for what is told of each image and row, as bytes objects. */
static int batch_room(Batch *b, PyObject **out) {
    const Py_ssize_t sizes[] = {b->images, b->rows, 24 * b->images, 16 * b->images};
    for (int i = 0; i < 4; i++)
        if (!(out[i] = PyBytes_FromStringAndSize(NULL, sizes[i]))) return -1;
    b->done = (uint8_t *)PyBytes_AS_STRING(out[0]);
    b->empty = (uint8_t *)PyBytes_AS_STRING(out[1]);
    b->ends = (int64_t *)PyBytes_AS_STRING(out[2]);
    b->sums = (int64_t *)PyBytes_AS_STRING(out[3]);
    memset(b->empty, 0, (size_t)b->rows);
    memset(b->sums, 0, 16 * (size_t)b->images);
    b->png = PyMem_RawCalloc(1, sizeof *b->png);
    b->merge.pixels = PyMem_RawCalloc(65536, sizeof *b->merge.pixels);
    if (b->png && b->merge.pixels) return 0;
    PyErr_NoMemory();
    return -1;
}

static PyObject *painted_batch(Batch *b, int pixel) {
    PyObject *out[4] = {NULL, NULL, NULL, NULL}, *result = NULL;
    int failed = 0;
    if (!batch_room(b, out)) {
        b->png->pixel = pixel;
        b->png->background = (uint16_t)b->merge.background;
        b->merge.take = tell_band;
        b->merge.to = b;
        b->thread = PyEval_SaveThread();
        failed = paint_images(b);
        PyEval_RestoreThread(b->thread);
        free_pen(&b->pen); /* before what goes out is copied: a single image may have many spans */
        free_merge(&b->merge);
        b->pen = (Pen){0};
        b->merge = (Merge){0};
        if (failed && !PyErr_Occurred()) PyErr_NoMemory();
        if (!failed) {
            PyObject *png = moved(&b->png->out.at, b->png->out.size), *digest = moved(&b->digest.at, b->digest.size);
            result = Py_BuildValue("(OOOONNNNN)", out[0], out[1], out[2], out[3], png, digest,
                                   moved(&b->record.at, b->record.size), moved(&b->count.at, b->count.size),
                                   moved(&b->share.at, b->share.size));
        }
    }
    for (int i = 0; i < 4; i++) Py_XDECREF(out[i]);
    return result;
}

/* batch(text, rows, cuts, frames, names, labels, values, groups, order, background, void or -1, whether contested
 * pixels have owners, most shares, bytes of a pixel, what is called with a large image's number and some of its runs)
 * -> (done by image, empty by row, ends by image, sums by image, PNG streams, runs, records, counts, shares) */
static PyObject *py_batch(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *text, *o[6], *names, *labels, *result = NULL;
    Py_buffer v[6] = {{0}, {0}, {0}, {0}, {0}, {0}};
    Py_ssize_t n[6], background, void_, most, n_names = 0;
    int pixel;
    Batch b = {0};
    if (!PyArg_ParseTuple(args, "O!OOOO!O!OOOnnpniO", &PyBytes_Type, &text, &o[0], &o[1], &o[2], &PyTuple_Type, &names,
                          &PyTuple_Type, &labels, &o[3], &o[4], &o[5], &background, &void_, &b.merge.owned, &most, &pixel,
                          &b.tell))
        return NULL;
    b.text = PyBytes_AS_STRING(text);
    b.merge.background = background < 0 || background > 65535 ? -1 : (int32_t)background;
    b.merge.void_ = void_ < -1 || void_ > 65535 ? -2 : (int32_t)void_;
    b.most = most;
    if ((b.row = view(o[0], &v[0], sizeof *b.row, 0, &b.rows)) && (b.cuts = view(o[1], &v[1], 8, 0, &n[1])) &&
        (b.frame = view(o[2], &v[2], 16, 0, &b.images)) && (b.value = view(o[3], &v[3], 8, 0, &n[3])) &&
        (b.group = view(o[4], &v[4], 8, 0, &n[4])) && (b.order = view(o[5], &v[5], 8, 0, &n[5])) &&
        (b.name = texts_of(names, &n_names)) && (b.label = texts_of(labels, &b.n_labels))) {
        if ((pixel == 1 || pixel == 2) && n[1] == b.images + 1 && n_names == b.images && n[3] == b.rows && n[4] == b.rows &&
            n[5] == b.rows && batch_fits(&b, PyBytes_GET_SIZE(text), pixel == 1 ? 256 : 65536))
            result = painted_batch(&b, pixel);
        else bad("images, rows, values and labels do not fit together");
    }
    free_batch(&b);
    for (int i = 0; i < 6; i++) PyBuffer_Release(&v[i]);
    return result;
}
