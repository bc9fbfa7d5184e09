/* The compiled twin of center.py, spans.py, overlaps.py, scanlines.py and painted.py: the same answers, bit for bit.
 *
 * Spans are rows of three int32: row, start, stop. Buffers come from numpy through the
 * buffer protocol, so nothing is needed but Python's own headers. Loops run without the GIL.
 */
#include "_common.h"

#include "_polygons.h"

#include "_painting.h"

static PyObject *bad(const char *why) {
    PyErr_SetString(PyExc_ValueError, why);
    return NULL;
}

#include "_rings.h"

#include "_json.h"

static void release(Work *work) {
    PyMem_RawFree(work->edges.at);
    PyMem_RawFree(work->places.at);
    PyMem_RawFree(work->columns.at);
}

/* A C-contiguous buffer of items of one size; its length in items goes to `n`. */
static void *view(PyObject *o, Py_buffer *b, Py_ssize_t size, int writable, Py_ssize_t *n) {
    if (PyObject_GetBuffer(o, b, writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO)) { b->obj = NULL; return NULL; }
    if (b->len % size) { PyErr_SetString(PyExc_ValueError, "a buffer of another item size"); return NULL; }
    if (n) *n = b->len / size;
    return b->buf;
}

static int frame_fits(Py_ssize_t height, Py_ssize_t width) {
    return height >= 0 && width >= 0 && height < INT32_MAX && width < INT32_MAX;
}

#include "_runs.h"

/* Whether rings, polygons and shapes refer to each other in order and to points that are there. */
static int well_ordered(const Drawing *d, Py_ssize_t points, Py_ssize_t polygons, Py_ssize_t shapes) {
    int64_t left = points;
    for (Py_ssize_t r = 0; r < d->rings; r++) {
        int64_t polygon = d->ring_polygon[r];
        if (d->ring_size[r] < 0 || d->ring_size[r] > left || polygon < (r ? d->ring_polygon[r - 1] : 0) ||
            polygon >= polygons)
            return 0;
        left -= d->ring_size[r];
    }
    for (Py_ssize_t p = 0; p < polygons; p++)
        if (d->polygon_shape[p] < (p ? d->polygon_shape[p - 1] : 0) || d->polygon_shape[p] >= shapes) return 0;
    return 1;
}

static PyObject *drawn(const Drawing *d, Py_ssize_t shapes) {
    Work work = {{0}, {0}, {0}};
    Spans out = {0};
    PyObject *result = NULL, *cuts = PyBytes_FromStringAndSize(NULL, (shapes + 1) * (Py_ssize_t)sizeof(int64_t));
    if (!cuts) return NULL;
    Outcome outcome;
    int64_t *cut = (int64_t *)PyBytes_AS_STRING(cuts);
    Py_BEGIN_ALLOW_THREADS
    outcome = draw(d, cut, shapes, &work, &out);
    Py_END_ALLOW_THREADS
    if (outcome == DONE)
        result = Py_BuildValue("(y#O)", out.at ? (char *)out.at : "", out.size * (Py_ssize_t)sizeof(Span), cuts);
    else
        PyErr_NoMemory();
    PyMem_RawFree(out.at);
    release(&work);
    Py_DECREF(cuts);
    return result;
}

/* The whole numbers of a list; NULL, with an error set, where they are none. */
static int64_t *whole_numbers(PyObject *list, Py_ssize_t *n) {
    if (!PyList_Check(list)) { PyErr_SetString(PyExc_TypeError, "a list of whole numbers is wanted"); return NULL; }
    *n = PyList_GET_SIZE(list);
    int64_t *numbers = PyMem_Malloc((size_t)(*n + 1) * sizeof *numbers);
    if (!numbers) { PyErr_NoMemory(); return NULL; }
    for (Py_ssize_t i = 0; i < *n; i++) numbers[i] = PyLong_AsLongLong(PyList_GET_ITEM(list, i));
    if (PyErr_Occurred()) { PyMem_Free(numbers); return NULL; }
    return numbers;
}

/* The points of a list of rings, one after another, and how many each has; NULL, with an error set, for other things. */
static void *joined(PyObject *list, int64_t *size, Py_ssize_t *n) {
    Scratch points = {0};
    size_t bytes = 0;
    for (Py_ssize_t i = 0; i < *n; i++) {
        Py_buffer b;
        if (PyObject_GetBuffer(PyList_GET_ITEM(list, i), &b, PyBUF_CONTIG_RO)) break;
        if (bytes + (size_t)b.len > points.room) {
            void *more = PyMem_RawRealloc(points.at, 2 * (bytes + (size_t)b.len));
            if (more) { points.at = more; points.room = 2 * (bytes + (size_t)b.len); }
        }
        if (b.len % 16) bad("a ring of other than pairs of float64");
        else if (bytes + (size_t)b.len > points.room) PyErr_NoMemory();
        else if (b.len) memcpy((char *)points.at + bytes, b.buf, (size_t)b.len);
        size[i] = b.len / 16;
        bytes += (size_t)b.len;
        PyBuffer_Release(&b);
        if (PyErr_Occurred()) break;
    }
    *n = (Py_ssize_t)(bytes / 16);
    if (!PyErr_Occurred() && !points.at && !(points.at = PyMem_RawMalloc(16))) PyErr_NoMemory();
    if (!PyErr_Occurred()) return points.at;
    PyMem_RawFree(points.at);
    return NULL;
}

static PyObject *py_spans(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *rings, *polygons, *owners, *result = NULL;
    Py_ssize_t shapes, height, width, n_polygons = 0, n_owners = 0;
    if (!PyArg_ParseTuple(args, "O!OOnnn", &PyList_Type, &rings, &polygons, &owners, &shapes, &height, &width))
        return NULL;
    if (!frame_fits(height, width) || shapes < 0) return bad("a frame beyond int32");
    Py_ssize_t n = PyList_GET_SIZE(rings), points = n;
    int64_t *polygon = whole_numbers(polygons, &n_polygons);
    int64_t *owner = polygon ? whole_numbers(owners, &n_owners) : NULL;
    int64_t *size = owner ? PyMem_Malloc((size_t)(n + 1) * sizeof *size) : NULL;
    void *at = size ? joined(rings, size, &points) : NULL;
    Drawing d = {.points = at, .ring_size = size, .rings = n, .ring_polygon = polygon, .polygon_shape = owner,
                 .height = (int32_t)height, .width = (int32_t)width};
    if (at && n_polygons == n && well_ordered(&d, points, n_owners, shapes)) result = drawn(&d, shapes);
    else if (at) bad("rings, polygons and shapes do not fit together");
    else if (!PyErr_Occurred()) PyErr_NoMemory();
    PyMem_RawFree(at);
    PyMem_Free(size);
    PyMem_Free(owner);
    PyMem_Free(polygon);
    return result;
}

static int as_mask(PyObject *o, Py_buffer *b, int writable, Mask *m) {
    if (PyObject_GetBuffer(o, b, writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO)) { b->obj = NULL; return -1; }
    if (b->ndim != 2 || (b->itemsize != 1 && b->itemsize != 2 && b->itemsize != 4)) {
        bad("a mask is (height, width) of 1, 2 or 4 bytes a pixel");
        return -1;
    }
    *m = (Mask){b->buf, b->shape[0], b->shape[1], b->itemsize};
    return 0;
}

static PyObject *py_paint(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[5];
    Py_buffer b[5] = {{0}, {0}, {0}, {0}, {0}};
    Py_ssize_t spans, cuts, painted, values;
    const int64_t *order, *value;
    Mask m;
    Table t = {0};
    const char *why = "buffers that do not fit together";
    if (!PyArg_ParseTuple(args, "OOOOO", &o[0], &o[1], &o[2], &o[3], &o[4])) return NULL;
    if (!as_mask(o[0], &b[0], 1, &m) && (t.at = view(o[1], &b[1], sizeof(Span), 0, &spans)) &&
        (t.cuts = view(o[2], &b[2], 8, 0, &cuts)) && (order = view(o[3], &b[3], 8, 0, &painted)) &&
        (value = view(o[4], &b[4], 8, 0, &values))) {
        t.instances = cuts - 1;
        if (values == t.instances) {
            Py_BEGIN_ALLOW_THREADS
            why = paint_all(&m, &t, spans, order, value, painted);
            Py_END_ALLOW_THREADS
        }
    }
    for (int i = 0; i < 5; i++) PyBuffer_Release(&b[i]);
    if (PyErr_Occurred()) return NULL;
    return why ? bad(why) : Py_NewRef(Py_None);
}

#include "_painted.h"

#include "_batch_call.h"

static PyMethodDef methods[] = {
    {"spans", py_spans, METH_VARARGS, "spans(rings, polygon of each, shape of each polygon, shapes, height, width)"},
    {"paint", py_paint, METH_VARARGS, "paint(mask, table, cuts, order, values)"},
    {"merge", py_merge, METH_VARARGS,
     "merge(table, cuts, order, values, groups, height, width, background, void, owned, most shares)"},
    {"scanlines", py_scanlines, METH_VARARGS,
     "scanlines(row, start, stop, value, height, width, bytes of a pixel, table, background) -> zlib stream"},
    {"painted_runs", py_painted_runs, METH_VARARGS,
     "painted_runs(row, start, stop, value, height, width, background) -> runs for a digest"},
    {"mask_runs", py_mask_runs, METH_O, "mask_runs(mask) -> runs for a digest"},
    {"fill", py_fill, METH_VARARGS, "fill(row, start, stop, value, mask)"},
    {"scan", py_scan, METH_VARARGS, "scan(mask, background) -> row, start, stop, value"},
    {"runs", py_runs, METH_VARARGS, "runs(counts, height, width) -> spans, or None"},
    {"counts", py_counts, METH_O, "counts(compressed text) -> counts, or None where it is none"},
    {"rings", py_rings, METH_O, "rings(texts) -> (points, ring sizes, rings of each text), or None"},
    {"plain", py_plain, METH_O, "plain(text) -> whether it is a list of plain rings"},
    {"coco", py_coco, METH_VARARGS, "coco(text, depth) -> (rows, images, annotations, categories), or None"},
    {"batch", py_batch, METH_VARARGS,
     "batch(text, rows, cuts, frames, names, labels, values, groups, order, background, void, owned, most shares, depth, tell)"},
    {"places", py_places, METH_VARARGS, "places(chunk, most, depth, quoted, escaped, deepest)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_kernel", "Polygons to spans to masks, compiled.", 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module); }
