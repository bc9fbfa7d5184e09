/* Painted spans and what is made of them: a PNG's stream, the runs of a digest; and back from a mask. */
#include "_scanlines.h"
#include "_merge.h"

/* Whether painted spans are sorted and disjoint, inside the frame, and of values below `values`. */
static int painted_fits(const Painted *p, int64_t height, int64_t width, int64_t values) {
    int64_t row = 0, stop = 0;
    for (Py_ssize_t i = 0; i < p->size; i++) {
        if (p->row[i] != row) stop = 0;
        if (p->row[i] < row || p->row[i] >= height || p->start[i] < stop || p->start[i] >= p->stop[i] ||
            p->stop[i] > width || p->value[i] >= values)
            return 0;
        row = p->row[i];
        stop = p->stop[i];
    }
    return 1;
}

/* The four arrays of painted spans. */
static int as_painted(PyObject **o, Py_buffer *b, Painted *p) {
    Py_ssize_t n[3];
    return (p->row = view(o[0], &b[0], 4, 0, &p->size)) && (p->start = view(o[1], &b[1], 4, 0, &n[0])) &&
           (p->stop = view(o[2], &b[2], 4, 0, &n[1])) && (p->value = view(o[3], &b[3], 2, 0, &n[2])) &&
           n[0] == p->size && n[1] == p->size && n[2] == p->size;
}

static PyObject *painted_misfit(void) {
    return PyErr_Occurred() ? NULL : bad("painted spans are sorted, disjoint, in the frame, and of values that fit");
}

/* scanlines(row, start, stop, value, height, width, bytes of a pixel, table or None, background) -> a zlib stream */
static PyObject *py_scanlines(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[5], *result = NULL;
    Py_buffer b[5] = {{0}, {0}, {0}, {0}, {0}};
    Py_ssize_t height, width, background, table = 0;
    Painted p = {0};
    Scanlines *s = PyMem_RawCalloc(1, sizeof *s);
    if (!s) return PyErr_NoMemory();
    if (PyArg_ParseTuple(args, "OOOOnniOn", &o[0], &o[1], &o[2], &o[3], &height, &width, &s->pixel, &o[4], &background)) {
        int there = as_painted(o, b, &p);
        if (there && o[4] != Py_None) there = (s->table = view(o[4], &b[4], 1, 0, &table)) != NULL;
        int64_t values = s->table ? table / (s->pixel > 0 ? s->pixel : 1) : s->pixel == 1 ? 256 : 65536;
        if (there && frame_fits(height, width) && height && width && s->pixel > 0 && s->pixel <= (s->table ? 4 : 2) &&
            background >= 0 && background < values && painted_fits(&p, height, width, values)) {
            s->background = (uint16_t)background;
            int failed;
            Py_BEGIN_ALLOW_THREADS
            failed = begin_stream(s, height, width) || add_painted_rows(s, &p) || end_stream(s);
            Py_END_ALLOW_THREADS
            result = failed ? PyErr_NoMemory() : PyBytes_FromStringAndSize((char *)s->out.at, s->out.size);
        } else {
            painted_misfit();
        }
    }
    free_scanlines(s);
    PyMem_RawFree(s);
    for (int i = 0; i < 5; i++) PyBuffer_Release(&b[i]);
    return result;
}

#define LONGEST_RUN ((INT64_C(1) << 48) - 1)

/* `pixels` are those that were told so far. */
typedef struct { uint8_t *at; Py_ssize_t size, room; uint64_t value; int64_t length, pixels; } DigestRuns;

static int end_run(DigestRuns *d) {
    if (!d->length) return 0;
    if (d->size + 8 > d->room) {
        Py_ssize_t room = 2 * d->room + 4096;
        uint8_t *at = PyMem_RawRealloc(d->at, (size_t)room);
        if (!at) return -1;
        d->at = at;
        d->room = room;
    }
    store_low_first(d->at + d->size, d->value << 48 | (uint64_t)d->length);
    d->size += 8;
    return 0;
}

/* Pixels that follow in row-major order. */
static int add_digested(DigestRuns *d, uint64_t value, int64_t pixels) {
    if (d->length && d->value == value) { d->length += pixels; return 0; }
    if (end_run(d)) return -1;
    d->value = value;
    d->length = pixels;
    return 0;
}

static void begin_digest(DigestRuns *d) { d->length = d->pixels = 0; }

/* Painted spans, behind those that are there. */
static int digest_painted(const Painted *p, int64_t width, uint64_t background, DigestRuns *d) {
    int64_t at = d->pixels;
    for (Py_ssize_t i = 0; i < p->size; i++) {
        int64_t line = p->row[i] * width, start = line + p->start[i];
        if (start > at && add_digested(d, background, start - at)) return -1;
        if (add_digested(d, p->value[i], p->stop[i] - p->start[i])) return -1;
        at = line + p->stop[i];
    }
    d->pixels = at;
    return 0;
}

/* The rest of the frame's pixels, which are background. */
static int end_digest(DigestRuns *d, int64_t pixels, uint64_t background) {
    if (d->pixels < pixels && add_digested(d, background, pixels - d->pixels)) return -1;
    return end_run(d);
}

static PyObject *digest_result(DigestRuns *d, int failed) {
    PyObject *result = failed ? PyErr_NoMemory() : PyBytes_FromStringAndSize((char *)d->at, d->size);
    PyMem_RawFree(d->at);
    return result;
}

/* painted_runs(row, start, stop, value, height, width, background) -> the runs that a digest is taken of */
static PyObject *py_painted_runs(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[4], *result = NULL;
    Py_buffer b[4] = {{0}, {0}, {0}, {0}};
    Py_ssize_t height, width, background;
    Painted p = {0};
    DigestRuns d = {0};
    if (!PyArg_ParseTuple(args, "OOOOnnn", &o[0], &o[1], &o[2], &o[3], &height, &width, &background)) return NULL;
    if (as_painted(o, b, &p) && frame_fits(height, width) && height && width && LONGEST_RUN / height >= width &&
        background >= 0 && background <= 65535 && painted_fits(&p, height, width, 65536)) {
        int failed;
        Py_BEGIN_ALLOW_THREADS
        failed = digest_painted(&p, width, (uint64_t)background, &d) || end_digest(&d, height * width, (uint64_t)background);
        Py_END_ALLOW_THREADS
        result = digest_result(&d, failed);
    } else {
        painted_misfit();
    }
    for (int i = 0; i < 4; i++) PyBuffer_Release(&b[i]);
    return result;
}

/* mask_runs(mask) -> the same runs, of a mask's pixels */
static PyObject *py_mask_runs(PyObject *Py_UNUSED(self), PyObject *mask) {
    Py_buffer b = {0};
    Mask m;
    PyObject *result = NULL;
    DigestRuns d = {0};
    if (!as_mask(mask, &b, 0, &m) && m.depth < 4) {
        int failed = 0;
        Py_BEGIN_ALLOW_THREADS
        const uint8_t *at = m.at, *end = m.at + m.height * m.width * m.depth;
        while (at < end && !failed) {
            uint32_t value = pixel(&m, at);
            const uint8_t *after = run_end(&m, at, end, value);
            failed = add_digested(&d, value, (after - at) / m.depth);
            at = after;
        }
        failed = failed || end_run(&d);
        Py_END_ALLOW_THREADS
        result = digest_result(&d, failed);
    } else if (!PyErr_Occurred()) {
        bad("a mask of 1 or 2 bytes a pixel is wanted");
    }
    PyBuffer_Release(&b);
    return result;
}

static int scan_mask(const Mask *m, Merge *found) {
    for (Py_ssize_t row = 0; row < m->height; row++) {
        const uint8_t *line = m->at + row * m->width * m->depth, *end = line + m->width * m->depth;
        for (const uint8_t *at = line, *after; at < end; at = after) {
            uint32_t value = pixel(m, at);
            after = run_end(m, at, end, value);
            if (add_painted(found, (int32_t)row, (int32_t)((at - line) / m->depth), (int32_t)((after - line) / m->depth),
                            (int32_t)value))
                return -1;
        }
    }
    return 0;
}

/* scan(mask, background) -> painted arrays */
static PyObject *py_scan(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *mask, *result = NULL;
    Py_buffer b = {0};
    Py_ssize_t background;
    Mask m;
    Merge found = {0};
    if (!PyArg_ParseTuple(args, "On", &mask, &background)) return NULL;
    if (!as_mask(mask, &b, 0, &m) && m.depth < 4 && frame_fits(m.height, m.width)) {
        int failed;
        found.background = (int32_t)background;
        Py_BEGIN_ALLOW_THREADS
        failed = scan_mask(&m, &found);
        Py_END_ALLOW_THREADS
        result = failed ? PyErr_NoMemory() : painted_arrays(&found.out);
    } else if (!PyErr_Occurred()) {
        bad("a mask of 1 or 2 bytes a pixel, of a frame within int32, is wanted");
    }
    free_merge(&found);
    PyBuffer_Release(&b);
    return result;
}

/* fill(row, start, stop, value, mask): paint into a mask of 1 or 2 bytes a pixel */
static PyObject *py_fill(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[5];
    Py_buffer b[5] = {{0}, {0}, {0}, {0}, {0}};
    Painted p = {0};
    Mask m;
    int done = 0;
    if (!PyArg_ParseTuple(args, "OOOOO", &o[0], &o[1], &o[2], &o[3], &o[4])) return NULL;
    if (as_painted(o, b, &p) && !as_mask(o[4], &b[4], 1, &m) && m.depth < 4 &&
        painted_fits(&p, m.height, m.width, m.depth == 1 ? 256 : 65536)) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t i = 0; i < p.size; i++) {
            uint8_t *line = m.at + p.row[i] * m.width * m.depth;
            fill(&m, line + p.start[i] * m.depth, line + p.stop[i] * m.depth, p.value[i]);
        }
        Py_END_ALLOW_THREADS
        done = 1;
    } else {
        painted_misfit();
    }
    for (int i = 0; i < 5; i++) PyBuffer_Release(&b[i]);
    return done ? Py_NewRef(Py_None) : NULL;
}
