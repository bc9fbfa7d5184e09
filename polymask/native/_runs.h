/* Runs down the columns of a frame -> spans along its rows: column by column, what changes to the one before. */
#include "_common.h"

#define MOST_ROWS (1 << 24) /* that memory is taken for; the reference's follows the runs alone */

typedef struct { int64_t top, bottom; } Rows;
typedef struct { Rows *at; Py_ssize_t size; } Column;
typedef struct { Column before, here; int32_t *start; int64_t column; Spans *out; } Sweep;

static int change_rows(Sweep *s, int64_t top, int64_t bottom, int opens) {
    for (int64_t row = top; row < bottom; row++) {
        int32_t *start = &s->start[row];
        if (opens) *start = (int32_t)s->column;
        else if (add_span(s->out, (int32_t)row, *start, (int32_t)s->column)) return -1;
    }
    return 0;
}

/* Open, or close, at this column the rows of `some` that are not in `other`. */
static int change(Sweep *s, const Column *some, const Column *other, int opens) {
    const Rows *next = other->at, *end = other->at + other->size;
    for (const Rows *rows = some->at; rows < some->at + some->size; rows++) {
        int64_t top = rows->top;
        while (next < end && next->bottom <= top) next++;
        for (const Rows *covered = next; covered < end && covered->top < rows->bottom; covered++) {
            if (change_rows(s, top, covered->top, opens)) return -1;
            top = covered->bottom;
        }
        if (change_rows(s, top, rows->bottom, opens)) return -1;
    }
    return 0;
}

/* This column is complete: go on to the next one. */
static int turn(Sweep *s) {
    if (change(s, &s->here, &s->before, 1) || change(s, &s->before, &s->here, 0)) return -1;
    Column done = s->before;
    s->before = s->here;
    s->here = (Column){done.at, 0};
    s->column++;
    return 0;
}

/* What is on from one place to another, down the columns. */
static int add_run(Sweep *s, int64_t from, int64_t to, int64_t height) {
    while (from < to) {
        int64_t column = from / height, base = column * height;
        int64_t top = from - base, bottom = to - base < height ? to - base : height;
        for (int i = 0; i < 2 && s->column < column; i++)
            if (turn(s)) return -1;
        s->column = column;
        from = base + bottom;
        s->here.at[s->here.size++] = (Rows){top, bottom};
    }
    return 0;
}

/* The spans from `begin` on were closed in order of their columns; put them in order of their rows. */
static Outcome order_by_row(Spans *s, Py_ssize_t begin, int64_t rows, Work *work) {
    Py_ssize_t *place = scratch(&work->places, (size_t)(rows + 1) * sizeof *place), total = begin, n = s->size - begin;
    Span *closed = scratch(&work->edges, ((size_t)n + 1) * sizeof *closed);
    if (!place || !closed) return NO_MEMORY;
    memset(place, 0, (size_t)(rows + 1) * sizeof *place);
    for (Py_ssize_t i = begin; i < s->size; i++) place[s->at[i].row]++;
    for (int64_t row = 0; row < rows; row++) {
        Py_ssize_t here = place[row];
        place[row] = total;
        total += here;
    }
    if (n) memcpy(closed, s->at + begin, (size_t)n * sizeof *closed);
    for (Py_ssize_t i = 0; i < n; i++) s->at[place[closed[i].row]++] = closed[i];
    return DONE;
}

/* The spans of runs, behind those that are there. Counts of pixels off, on, off ... are whole numbers from 0
 * whose sum is height x width. */
static Outcome add_run_spans(const int64_t *counts, Py_ssize_t n, int64_t height, Work *work, Spans *out) {
    if (height > MOST_ROWS) return UNDECIDED;
    Py_ssize_t begin = out->size;
    Rows *rows = scratch(&work->edges, 2 * (size_t)(n + 1) * sizeof *rows);
    Sweep s = {{rows, 0}, {rows ? rows + n + 1 : NULL, 0}, NULL, 0, out};
    s.start = scratch(&work->columns, (size_t)(height + 1) * sizeof *s.start);
    if (!rows || !s.start) return NO_MEMORY;
    int64_t at = 0;
    for (Py_ssize_t i = 0; i < n; at += counts[i++])
        if (i % 2 && add_run(&s, at, at + counts[i], height)) return NO_MEMORY;
    if (turn(&s) || turn(&s)) return NO_MEMORY;
    return order_by_row(out, begin, height, work);
}

static PyObject *py_runs(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *given, *result = NULL;
    Py_buffer b = {0};
    Py_ssize_t height, width, n = 0;
    Work work = {{0}, {0}, {0}};
    Spans out = {0};
    Outcome outcome;
    if (!PyArg_ParseTuple(args, "Onn", &given, &height, &width)) return NULL;
    if (!frame_fits(height, width) || !height) return bad("a frame beyond int32");
    const int64_t *counts = view(given, &b, 8, 0, &n);
    int64_t left = (int64_t)height * width;
    for (Py_ssize_t i = 0; counts && i < n; i++) left = counts[i] < 0 || counts[i] > left ? -1 : left - counts[i];
    if (counts && left) {
        bad("counts that do not fit the frame");
    } else if (counts) {
        Py_BEGIN_ALLOW_THREADS
        outcome = add_run_spans(counts, n, height, &work, &out);
        Py_END_ALLOW_THREADS
        if (outcome == DONE)
            result = PyBytes_FromStringAndSize(out.size ? (char *)out.at : "", out.size * (Py_ssize_t)sizeof(Span));
        else if (outcome == UNDECIDED) result = Py_NewRef(Py_None);
        else PyErr_NoMemory();
    }
    PyMem_RawFree(out.at);
    release(&work);
    PyBuffer_Release(&b);
    return result;
}

/* The counts in a compressed text, or -1 where it is none: the reference says why. */
static Py_ssize_t counts_of(const char *text, Py_ssize_t n, int64_t *out) {
    Py_ssize_t found = 0;
    int64_t number = 0;
    int shift = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        int group = (unsigned char)text[i] - 48;
        if (group < 0 || group >= 64 || shift > 50) return -1;
        number |= (int64_t)(group & 31) << shift;
        shift += 5;
        if (group & 32) continue;
        if (group & 16) number -= INT64_C(1) << shift;
        if (found > 2) number += out[found - 2];
        if (number > INT64_C(1) << 60 || number < -(INT64_C(1) << 60)) return -1;
        out[found++] = number;
        number = shift = 0;
    }
    return shift ? -1 : found;
}

static PyObject *py_counts(PyObject *Py_UNUSED(self), PyObject *text) {
    Py_ssize_t n, found;
    const char *at = PyUnicode_AsUTF8AndSize(text, &n);
    PyObject *counts = at ? PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(int64_t)) : NULL;
    if (!counts) return NULL;
    found = counts_of(at, n, (int64_t *)PyBytes_AS_STRING(counts));
    if (found < 0) { Py_DECREF(counts); return Py_NewRef(Py_None); }
    _PyBytes_Resize(&counts, found * (Py_ssize_t)sizeof(int64_t));
    return counts;
}
