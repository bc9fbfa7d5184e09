/* The compiled twin of center.py, spans.py and claims.py: the same answers, bit for bit.
 *
 * Spans are rows of three int32: row, start, stop. Buffers come from numpy through the
 * buffer protocol, so nothing is needed but Python's own headers. Loops run without the GIL.
 * Source of the exact sign: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic
 * and Fast Robust Geometric Predicates", 1997 (two-sum, two-product, growing expansions).
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "two-sum needs float64 arithmetic without excess precision; the numpy kernel serves here"
#endif

#define TOLERANCE 0x1p-49 /* center.py's: twice what eight roundings can do */
#define REACH 0x1p46      /* beyond, the tolerance is no small part of a pixel */
#define SMALL 0x1p-400    /* below, a product's rounding error may underflow */

typedef struct { int32_t row, start, stop; } Span;
typedef struct { Span *at; Py_ssize_t size, room; } Spans;
typedef struct { double x0, y0, slope, x1, y1; int32_t top, bottom; } Edge;
typedef struct { void *at; size_t room; } Scratch;
typedef enum { DONE, NO_MEMORY, UNDECIDED } Outcome;

static void *scratch(Scratch *s, size_t bytes) {
    if (bytes > s->room) {
        PyMem_RawFree(s->at);
        s->room = bytes + bytes / 2;
        s->at = PyMem_RawMalloc(s->room);
        if (!s->at) s->room = 0;
    }
    return s->at;
}

static int add_span(Spans *s, int32_t row, int32_t start, int32_t stop) {
    if (s->size == s->room) {
        Py_ssize_t room = s->room ? 2 * s->room : 1024;
        Span *at = PyMem_RawRealloc(s->at, (size_t)room * sizeof(Span));
        if (!at) return -1;
        s->at = at;
        s->room = room;
    }
    s->at[s->size++] = (Span){row, start, stop};
    return 0;
}

/* ---- polygon -> spans ------------------------------------------------------------------- */

static int32_t first_row(double y, int32_t height) {
    double row = ceil(y - 0.5);
    return row > 0 ? (row < height ? (int32_t)row : height) : 0;
}

/* Add a * b to an expansion whose components do not overlap, lowest first. */
static int grow(double *e, int n, double a, double b) {
    double product = a * b, part[2] = {fma(a, b, -product), product};
    for (int p = 0; p < 2; p++) {
        double q = part[p];
        for (int i = 0; i < n; i++) {
            double sum = q + e[i], virtual = sum - q;
            e[i] = (q - (sum - virtual)) + (e[i] - virtual);
            q = sum;
        }
        e[n++] = q;
    }
    return n;
}

/* Whether the edge's crossing lies right of (x, y) on the line of y. */
static int crosses_right(const Edge *e, double x, double y) {
    double sum[12];
    int n = grow(sum, 0, e->x0, e->y1);
    n = grow(sum, n, -x, e->y1);
    n = grow(sum, n, x, e->y0);
    n = grow(sum, n, y, e->x1);
    n = grow(sum, n, -y, e->x0);
    n = grow(sum, n, -e->y0, e->x1);
    while (n && sum[n - 1] == 0) n--;
    return n && sum[n - 1] > 0;
}

static int tame(double v) { return fabs(v) < REACH && (v == 0 || fabs(v) > SMALL); }

static Outcome column_of(const Edge *e, int32_t row, int32_t width, double tolerance, int32_t *column) {
    double left = e->x0 + (row + 0.5 - e->y0) * e->slope - 0.5;
    if (left <= -0.5) { *column = 0; return DONE; }
    if (left >= width - 0.5) { *column = width; return DONE; }
    int32_t nearest = (int32_t)(left + 0.5);
    double apart = left - nearest;
    if (fabs(apart) > tolerance) {
        *column = nearest + (apart > 0);
    } else {
        if (!(tame(e->x0) && tame(e->y0) && tame(e->x1) && tame(e->y1))) return UNDECIDED;
        *column = nearest + crosses_right(e, nearest + 0.5, row + 0.5);
    }
    if (*column > width) *column = width;
    return DONE;
}

/* The edge's columns, written where each of its rows has its next free place. */
static Outcome cross(const Edge *e, int32_t width, Py_ssize_t *place, int32_t first, int32_t *columns) {
    if (e->x0 == e->x1) {
        double left = ceil(e->x0 - 0.5);
        int32_t column = left > 0 ? (left < width ? (int32_t)left : width) : 0;
        for (int32_t row = e->top; row < e->bottom; row++) columns[place[row - first]++] = column;
        return DONE;
    }
    if (!(fabs(e->x0) < REACH && fabs(e->x1) < REACH && fabs(e->y0) < REACH && fabs(e->y1) < REACH))
        return UNDECIDED;
    double tolerance = TOLERANCE * (fabs(e->x0) + fabs(e->x1) + 1);
    for (int32_t row = e->top; row < e->bottom; row++) {
        Outcome outcome = column_of(e, row, width, tolerance, &columns[place[row - first]++]);
        if (outcome != DONE) return outcome;
    }
    return DONE;
}

static int by_number(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static void sort_columns(int32_t *c, Py_ssize_t n) {
    if (n > 32) { qsort(c, (size_t)n, sizeof *c, by_number); return; }
    for (Py_ssize_t i = 1; i < n; i++) {
        int32_t value = c[i];
        Py_ssize_t j = i;
        for (; j && c[j - 1] > value; j--) c[j] = c[j - 1];
        c[j] = value;
    }
}

/* A row's crossings in pairs; pairs that touch become one span. */
static int emit(Spans *out, int32_t row, int32_t *c, Py_ssize_t n) {
    sort_columns(c, n);
    for (Py_ssize_t i = 0; i + 1 < n; ) {
        int32_t start = c[i], stop = c[i + 1];
        for (i += 2; i + 1 < n && c[i] <= stop; i += 2) stop = c[i + 1];
        if (stop > start && add_span(out, row, start, stop)) return -1;
    }
    return 0;
}

typedef struct { Scratch edges, places, columns; } Work;

static Py_ssize_t ring_edges(Edge *edges, const double *p, Py_ssize_t n, int32_t height) {
    Py_ssize_t found = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        const double *a = p + 2 * i, *b = p + 2 * (i + 1 < n ? i + 1 : 0);
        if (a[1] > b[1]) { const double *swap = a; a = b; b = swap; }
        int32_t top = first_row(a[1], height), bottom = first_row(b[1], height);
        if (top < bottom)
            edges[found++] = (Edge){a[0], a[1], (b[0] - a[0]) / (b[1] - a[1]), b[0], b[1], top, bottom};
    }
    return found;
}

/* The spans of one polygon: its edges' crossings, bucketed by row. */
static Outcome polygon_spans(const Edge *edges, Py_ssize_t n, int32_t width, Work *work, Spans *out) {
    int32_t top = INT32_MAX, bottom = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (edges[i].top < top) top = edges[i].top;
        if (edges[i].bottom > bottom) bottom = edges[i].bottom;
    }
    if (!n) return DONE;
    Py_ssize_t rows = bottom - top, *place = scratch(&work->places, (size_t)(rows + 1) * sizeof *place);
    if (!place) return NO_MEMORY;
    memset(place, 0, (size_t)(rows + 1) * sizeof *place);
    for (Py_ssize_t i = 0; i < n; i++) { place[edges[i].top - top]++; place[edges[i].bottom - top]--; }
    Py_ssize_t total = 0, alive = 0;
    for (Py_ssize_t r = 0; r < rows; r++) {
        alive += place[r];
        place[r] = total;
        total += alive;
    }
    int32_t *columns = scratch(&work->columns, (size_t)total * sizeof *columns);
    if (!columns) return NO_MEMORY;
    for (Py_ssize_t i = 0; i < n; i++) {
        Outcome outcome = cross(&edges[i], width, place, top, columns);
        if (outcome != DONE) return outcome;
    }
    for (Py_ssize_t r = 0, begin = 0; r < rows; begin = place[r++])
        if (emit(out, top + (int32_t)r, columns + begin, place[r] - begin)) return NO_MEMORY;
    return DONE;
}

static int by_place(const void *a, const void *b) {
    const Span *x = a, *y = b;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return (x->start > y->start) - (x->start < y->start);
}

/* The union of the spans from `begin` on, in place. */
static void unite(Spans *s, Py_ssize_t begin) {
    if (s->size == begin) return;
    qsort(s->at + begin, (size_t)(s->size - begin), sizeof(Span), by_place);
    Span *last = s->at + begin;
    for (Span *next = last + 1; next < s->at + s->size; next++) {
        if (next->row == last->row && next->start <= last->stop) {
            if (next->stop > last->stop) last->stop = next->stop;
        } else {
            *++last = *next;
        }
    }
    s->size = last + 1 - s->at;
}

typedef struct {
    const double *points;
    const int64_t *ring_size, *ring_polygon, *polygon_shape;
    Py_ssize_t rings;
    int32_t height, width;
} Drawing;

/* Every shape's spans one after another; cuts[i] is where shape i begins. */
static Outcome draw(const Drawing *d, int64_t *cuts, Py_ssize_t shapes, Work *work, Spans *out) {
    const double *point = d->points;
    Py_ssize_t shape = 0, polygons = 0;
    cuts[0] = 0;
    for (Py_ssize_t ring = 0; ring < d->rings; ) {
        int64_t polygon = d->ring_polygon[ring];
        Py_ssize_t points = 0, edges = 0, end = ring;
        for (; end < d->rings && d->ring_polygon[end] == polygon; end++) points += d->ring_size[end];
        Edge *edge = scratch(&work->edges, (size_t)(points + 1) * sizeof *edge);
        if (!edge) return NO_MEMORY;
        for (; ring < end; point += 2 * d->ring_size[ring++])
            edges += ring_edges(edge + edges, point, d->ring_size[ring], d->height);
        for (; shape < d->polygon_shape[polygon]; polygons = 0) {
            if (polygons > 1) unite(out, cuts[shape]);
            cuts[++shape] = out->size;
        }
        polygons++;
        Outcome outcome = polygon_spans(edge, edges, d->width, work, out);
        if (outcome != DONE) return outcome;
    }
    for (; shape < shapes; polygons = 0) {
        if (polygons > 1) unite(out, cuts[shape]);
        cuts[++shape] = out->size;
    }
    return DONE;
}

/* ---- spans -> masks --------------------------------------------------------------------- */

typedef struct { uint8_t *at; Py_ssize_t height, width, depth; } Mask;

static uint32_t pixel(const Mask *m, const uint8_t *at) {
    if (m->depth == 1) return *at;
    if (m->depth == 2) { uint16_t v; memcpy(&v, at, 2); return v; }
    uint32_t v;
    memcpy(&v, at, 4);
    return v;
}

/* A pixel value in every place of eight bytes. */
static uint64_t spread(const Mask *m, uint32_t value) {
    if (m->depth == 1) return value * UINT64_C(0x0101010101010101);
    if (m->depth == 2) return value * UINT64_C(0x0001000100010001);
    return value * UINT64_C(0x0000000100000001);
}

static void fill(const Mask *m, uint8_t *at, const uint8_t *end, uint32_t value) {
    if (m->depth == 1) { memset(at, (int)value, (size_t)(end - at)); return; }
    uint64_t many = spread(m, value);
    for (; end - at >= 8; at += 8) memcpy(at, &many, 8);
    memcpy(at, &many, (size_t)(end - at));
}

/* Where the run of pixels that are equal to the first one ends. */
static const uint8_t *run_end(const Mask *m, const uint8_t *at, const uint8_t *end, uint32_t value) {
    uint64_t many = spread(m, value), here[8];
    for (; end - at >= (ptrdiff_t)sizeof here; at += sizeof here) {
        uint64_t other = 0;
        memcpy(here, at, sizeof here);
        for (int i = 0; i < 8; i++) other |= here[i] ^ many;
        if (other) break;
    }
    for (; end - at >= 8; at += 8) {
        memcpy(here, at, 8);
        if (here[0] != many) break;
    }
    while (at < end && pixel(m, at) == value) at += m->depth;
    return at;
}

static int inside(const Mask *m, const Span *s) {
    return s->row >= 0 && s->row < m->height && s->start >= 0 && s->start <= s->stop && s->stop <= m->width;
}

static const uint8_t *address(const Mask *m, const Span *s) {
    return m->at + ((Py_ssize_t)s->row * m->width + s->start) * m->depth;
}

/* Paint a span; with counts, what is covered counts for the new value instead of the old. */
static void paint_span(const Mask *m, const Span *s, uint32_t value, int64_t *counts) {
    uint8_t *begin = (uint8_t *)address(m, s);
    const uint8_t *end = begin + (Py_ssize_t)(s->stop - s->start) * m->depth;
    if (counts) {
        for (const uint8_t *at = begin; at < end; ) {
            uint32_t old = pixel(m, at);
            const uint8_t *after = run_end(m, at, end, old);
            counts[old] -= (after - at) / m->depth;
            at = after;
        }
        counts[value] += s->stop - s->start;
    }
    fill(m, begin, end, value);
}

/* ---- who claims what -------------------------------------------------------------------- */

typedef struct { int32_t row, start, stop, group; } Claim;
typedef struct { int32_t at, change, group; } Event;
typedef struct { uint64_t *sets; int32_t *kind; Py_ssize_t kinds, room; Spans spans; int64_t labeled; } Claims;

static int32_t kind_of(Claims *c, uint64_t set) {
    for (Py_ssize_t k = c->kinds; k-- > 0; )
        if (c->sets[k] == set) return (int32_t)k;
    if (c->kinds == c->room) {
        Py_ssize_t room = c->room ? 2 * c->room : 16;
        uint64_t *sets = PyMem_RawRealloc(c->sets, (size_t)room * sizeof *sets);
        if (!sets) return -1;
        c->sets = sets;
        c->room = room;
    }
    c->sets[c->kinds] = set;
    return (int32_t)c->kinds++;
}

/* A contested piece is stored as two Spans: the place, then its kind. */
static int contest(Claims *c, int32_t row, int32_t start, int32_t stop, uint64_t set) {
    int32_t kind = kind_of(c, set);
    return kind < 0 || add_span(&c->spans, row, start, stop) || add_span(&c->spans, kind, 0, 0);
}

static int by_at(const void *a, const void *b) {
    const Event *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void sort_events(Event *e, Py_ssize_t n) {
    if (n > 64) { qsort(e, (size_t)n, sizeof *e, by_at); return; }
    for (Py_ssize_t i = 1; i < n; i++) {
        Event event = e[i];
        Py_ssize_t j = i;
        for (; j && e[j - 1].at > event.at; j--) e[j] = e[j - 1];
        e[j] = event;
    }
}

/* The claims of one row, swept from left to right. */
static int sweep(Claims *c, const Claim *claim, Py_ssize_t n, Event *events) {
    int32_t open[64] = {0};
    uint64_t set = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        events[2 * i] = (Event){claim[i].start, 1, claim[i].group};
        events[2 * i + 1] = (Event){claim[i].stop, -1, claim[i].group};
    }
    sort_events(events, 2 * n);
    for (Py_ssize_t i = 0; i < 2 * n; i++) {
        const Event *e = &events[i];
        if (set && i && e->at > e[-1].at) {
            c->labeled += e->at - e[-1].at;
            if ((set & (set - 1)) && contest(c, claim->row, e[-1].at, e->at, set)) return -1;
        }
        open[e->group] += e->change;
        if (open[e->group]) set |= UINT64_C(1) << e->group;
        else set &= ~(UINT64_C(1) << e->group);
    }
    return 0;
}

static void sort_claims(Claim *c, Py_ssize_t n) {
    for (Py_ssize_t i = 1; i < n; i++) {
        Claim claim = c[i];
        Py_ssize_t j = i;
        for (; j && c[j - 1].start > claim.start; j--) c[j] = c[j - 1];
        c[j] = claim;
    }
}

/* Most rows hold no overlap: their spans only need counting. */
static int row_claims(Claims *c, Claim *claim, Py_ssize_t n, Event *events) {
    if (n > 32) return sweep(c, claim, n, events);
    sort_claims(claim, n);
    int64_t pixels = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (i && claim[i].start < claim[i - 1].stop) return sweep(c, claim, n, events);
        pixels += claim[i].stop - claim[i].start;
    }
    c->labeled += pixels;
    return 0;
}

typedef struct { const Span *at; const int64_t *cuts, *groups; Py_ssize_t instances; int32_t height; } Table;

/* Spans of all instances that have a group, bucketed by row, then row by row. */
static Outcome find_claims(const Table *t, Work *work, Claims *out) {
    Py_ssize_t *place = scratch(&work->places, (size_t)(t->height + 1) * sizeof *place), total = 0, most = 0;
    if (!place) return NO_MEMORY;
    memset(place, 0, (size_t)(t->height + 1) * sizeof *place);
    for (Py_ssize_t i = 0; i < t->instances; i++)
        if (t->groups[i] >= 0)
            for (Py_ssize_t s = t->cuts[i]; s < t->cuts[i + 1]; s++) place[t->at[s].row]++;
    for (int32_t row = 0; row <= t->height; row++) {
        Py_ssize_t here = place[row];
        place[row] = total;
        total += here;
        if (here > most) most = here;
    }
    Claim *claims = scratch(&work->edges, (size_t)(total + 1) * sizeof *claims);
    Event *events = scratch(&work->columns, (size_t)(2 * most + 1) * sizeof *events);
    if (!claims || !events) return NO_MEMORY;
    for (Py_ssize_t i = 0; i < t->instances; i++)
        if (t->groups[i] >= 0)
            for (Py_ssize_t s = t->cuts[i]; s < t->cuts[i + 1]; s++) {
                const Span *span = &t->at[s];
                claims[place[span->row]++] = (Claim){span->row, span->start, span->stop, (int32_t)t->groups[i]};
            }
    for (Py_ssize_t row = 0, begin = 0; row < t->height; begin = place[row++])
        if (place[row] > begin && row_claims(out, claims + begin, place[row] - begin, events)) return NO_MEMORY;
    return DONE;
}

/* ---- JSON -> rings ---------------------------------------------------------------------- */

static const double TEN[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static const char *past_space(const char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') at++;
    return at;
}

static const char *digits(const char *at, uint64_t *value) {
    for (; *at >= '0' && *at <= '9'; at++) *value = *value * 10 + (uint64_t)(*at - '0');
    return at;
}

/* The plain number at `at`, where one division of exact numbers gives it rounded right
 * (W. D. Clinger, 1990); NULL for all others, which are left to the JSON library. */
static const char *number(const char *at, double *out) {
    uint64_t value = 0;
    int negative = *at == '-', fraction = 0;
    const char *first = at += negative;
    at = digits(at, &value);
    if (at == first || (*first == '0' && at - first > 1)) return NULL;
    if (*at == '.') {
        const char *point = at + 1;
        at = digits(point, &value);
        if (at == point || at - point > 22) return NULL;
        fraction = (int)(at - point);
    }
    if (at - first > 18 || value > (UINT64_C(1) << 53) || *at == 'e' || *at == 'E' || (negative && !value)) return NULL;
    *out = (negative ? -(double)value : (double)value) / TEN[fraction];
    return at;
}

/* A ring's numbers from its `[` to behind its `]`; NULL where it is not as plain as that. */
static const char *ring_of(const char *at, double **next) {
    if (*at != '[') return NULL;
    do {
        if (!(at = number(past_space(at + 1), (*next)++))) return NULL;
        at = past_space(at);
    } while (*at == ',');
    return *at == ']' ? at + 1 : NULL;
}

/* A list of rings as a list of bytes of float64; None for what is not as plain as that.
 * The text ends in a zero byte, which no loop passes. */
static PyObject *rings_of(const char *at, const char *end, double *numbers) {
    PyObject *rings = PyList_New(0);
    at = past_space(at);
    for (char open = '['; rings && at && *at == open; open = ',') {
        double *next = numbers;
        if (!(at = ring_of(past_space(at + 1), &next))) break;
        at = past_space(at);
        PyObject *ring = PyBytes_FromStringAndSize((char *)numbers, (next - numbers) * (Py_ssize_t)sizeof(double));
        if (!ring || PyList_Append(rings, ring)) Py_CLEAR(rings);
        Py_XDECREF(ring);
    }
    if (!rings || (at && *at == ']' && past_space(at + 1) == end)) return rings;
    Py_DECREF(rings);
    return Py_NewRef(Py_None);
}

static PyObject *py_rings(PyObject *Py_UNUSED(self), PyObject *text) {
    Py_buffer b;
    PyObject *rings = NULL;
    if (PyObject_GetBuffer(text, &b, PyBUF_SIMPLE)) return NULL;
    char *copy = PyMem_Malloc((size_t)b.len + 1);
    double *numbers = PyMem_Malloc(((size_t)b.len / 2 + 1) * sizeof *numbers);
    if (copy && numbers) {
        memcpy(copy, b.buf, (size_t)b.len);
        copy[b.len] = 0;
        rings = rings_of(copy, copy + b.len, numbers);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(copy);
    PyMem_Free(numbers);
    PyBuffer_Release(&b);
    return rings;
}

/* ---- Python ----------------------------------------------------------------------------- */

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

static PyObject *bad(const char *why) {
    PyErr_SetString(PyExc_ValueError, why);
    return NULL;
}

static int frame_fits(Py_ssize_t height, Py_ssize_t width) {
    return height >= 0 && width >= 0 && height < INT32_MAX && width < INT32_MAX;
}

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
    else if (outcome == UNDECIDED)
        result = Py_NewRef(Py_None);
    else
        PyErr_NoMemory();
    PyMem_RawFree(out.at);
    release(&work);
    Py_DECREF(cuts);
    return result;
}

static PyObject *py_spans(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[4], *result = NULL;
    Py_buffer b[4] = {{0}, {0}, {0}, {0}};
    Py_ssize_t shapes, height, width, points, rings, polygons;
    Drawing d;
    if (!PyArg_ParseTuple(args, "OOOOnnn", &o[0], &o[1], &o[2], &o[3], &shapes, &height, &width)) return NULL;
    if (!frame_fits(height, width) || shapes < 0) return bad("a frame beyond int32");
    if ((d.points = view(o[0], &b[0], 16, 0, &points)) && (d.ring_size = view(o[1], &b[1], 8, 0, &d.rings)) &&
        (d.ring_polygon = view(o[2], &b[2], 8, 0, &rings)) &&
        (d.polygon_shape = view(o[3], &b[3], 8, 0, &polygons))) {
        d.height = (int32_t)height;
        d.width = (int32_t)width;
        if (rings == d.rings && well_ordered(&d, points, polygons, shapes)) result = drawn(&d, shapes);
        else bad("rings, polygons and shapes do not fit together");
    }
    for (int i = 0; i < 4; i++) PyBuffer_Release(&b[i]);
    return result;
}

static int as_mask(PyObject *o, Py_buffer *b, Mask *m) {
    if (PyObject_GetBuffer(o, b, PyBUF_CONTIG)) { b->obj = NULL; return -1; }
    if (b->ndim != 2 || (b->itemsize != 1 && b->itemsize != 2 && b->itemsize != 4)) {
        bad("a mask is (height, width) of 1, 2 or 4 bytes a pixel");
        return -1;
    }
    *m = (Mask){b->buf, b->shape[0], b->shape[1], b->itemsize};
    return 0;
}

static const char *paint_all(const Mask *m, const Table *t, Py_ssize_t spans, const int64_t *order,
                             const int64_t *values, Py_ssize_t painted, int64_t *counts, Py_ssize_t n_counts) {
    for (Py_ssize_t p = 0; p < painted; p++) {
        int64_t i = order[p];
        if (i < 0 || i >= t->instances || t->cuts[i] < 0 || t->cuts[i + 1] > spans) return "no such instance";
        if (values[i] < 0 || (m->depth < 4 && values[i] >> (8 * m->depth)) || (counts && values[i] >= n_counts))
            return "a value that the mask does not hold";
        for (Py_ssize_t s = t->cuts[i]; s < t->cuts[i + 1]; s++) {
            if (!inside(m, &t->at[s])) return "a span outside the mask";
            paint_span(m, &t->at[s], (uint32_t)values[i], counts);
        }
    }
    return NULL;
}

static PyObject *py_paint(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[6];
    Py_buffer b[6] = {{0}, {0}, {0}, {0}, {0}, {0}};
    Py_ssize_t spans, cuts, painted, values, n_counts = 0;
    const int64_t *order, *value;
    int64_t *counts = NULL;
    Mask m;
    Table t = {0};
    const char *why = "buffers that do not fit together";
    if (!PyArg_ParseTuple(args, "OOOOOO", &o[0], &o[1], &o[2], &o[3], &o[4], &o[5])) return NULL;
    if (!as_mask(o[0], &b[0], &m) && (t.at = view(o[1], &b[1], sizeof(Span), 0, &spans)) &&
        (t.cuts = view(o[2], &b[2], 8, 0, &cuts)) && (order = view(o[3], &b[3], 8, 0, &painted)) &&
        (value = view(o[4], &b[4], 8, 0, &values)) &&
        (o[5] == Py_None || (counts = view(o[5], &b[5], 8, 1, &n_counts)))) {
        t.instances = cuts - 1;
        if (values == t.instances) {
            Py_BEGIN_ALLOW_THREADS
            why = paint_all(&m, &t, spans, order, value, painted, counts, n_counts);
            Py_END_ALLOW_THREADS
        }
    }
    for (int i = 0; i < 6; i++) PyBuffer_Release(&b[i]);
    if (PyErr_Occurred()) return NULL;
    return why ? bad(why) : Py_NewRef(Py_None);
}

static PyObject *claims_result(const Claims *c) {
    PyObject *sets = PyList_New(c->kinds);
    for (Py_ssize_t k = 0; sets && k < c->kinds; k++) {
        PyObject *set = PyLong_FromUnsignedLongLong(c->sets[k]);
        if (!set) { Py_CLEAR(sets); break; }
        PyList_SET_ITEM(sets, k, set);
    }
    if (!sets) return NULL;
    return Py_BuildValue("(Ly#N)", (long long)c->labeled, c->spans.at ? (char *)c->spans.at : "",
                         c->spans.size * (Py_ssize_t)sizeof(Span), sets);
}

static int table_fits(const Table *t, Py_ssize_t spans) {
    for (Py_ssize_t i = 0; i < t->instances; i++)
        if (t->groups[i] >= 64 || t->cuts[i] < 0 || t->cuts[i] > t->cuts[i + 1] || t->cuts[i + 1] > spans) return 0;
    for (Py_ssize_t s = 0; s < spans; s++)
        if (t->at[s].row < 0 || t->at[s].row >= t->height) return 0;
    return 1;
}

static PyObject *py_claims(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[3], *result = NULL;
    Py_buffer b[3] = {{0}, {0}, {0}};
    Py_ssize_t spans, cuts, groups, height;
    Table t;
    Work work = {{0}, {0}, {0}};
    Claims c = {0};
    Outcome outcome;
    if (!PyArg_ParseTuple(args, "OOOn", &o[0], &o[1], &o[2], &height)) return NULL;
    if (!frame_fits(height, 0)) return bad("a frame beyond int32");
    if ((t.at = view(o[0], &b[0], sizeof(Span), 0, &spans)) && (t.cuts = view(o[1], &b[1], 8, 0, &cuts)) &&
        (t.groups = view(o[2], &b[2], 8, 0, &groups))) {
        t.instances = groups;
        t.height = (int32_t)height;
        if (cuts == groups + 1 && table_fits(&t, spans)) {
            Py_BEGIN_ALLOW_THREADS
            outcome = find_claims(&t, &work, &c);
            Py_END_ALLOW_THREADS
            result = outcome == DONE ? claims_result(&c) : PyErr_NoMemory();
        } else {
            bad("spans, cuts and groups do not fit together");
        }
    }
    PyMem_RawFree(c.sets);
    PyMem_RawFree(c.spans.at);
    release(&work);
    for (int i = 0; i < 3; i++) PyBuffer_Release(&b[i]);
    return result;
}

/* For each contested piece: how many of its pixels show which label. */
static const char *tally(const Mask *m, const Span *pieces, const int32_t *kinds, Py_ssize_t n, const int64_t *places,
                         Py_ssize_t n_places, int64_t *counts, Py_ssize_t n_counts, Py_ssize_t per_kind) {
    for (Py_ssize_t i = 0; i < n; i++) {
        if (!inside(m, &pieces[i])) return "a span outside the mask";
        int64_t base = kinds[i] * (int64_t)per_kind;
        const uint8_t *at = address(m, &pieces[i]), *end = at + (pieces[i].stop - pieces[i].start) * m->depth;
        while (at < end) {
            uint32_t value = pixel(m, at);
            const uint8_t *after = run_end(m, at, end, value);
            if (value >= (uint64_t)n_places || places[value] < 0 || places[value] >= per_kind ||
                base < 0 || base + places[value] >= n_counts)
                return "a value that has no place";
            counts[base + places[value]] += (after - at) / m->depth;
            at = after;
        }
    }
    return NULL;
}

static PyObject *py_tally(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[5];
    Py_buffer b[5] = {{0}, {0}, {0}, {0}, {0}};
    Py_ssize_t n, n_kinds, n_places, n_counts, per_kind;
    const Span *pieces;
    const int32_t *kinds;
    const int64_t *places;
    int64_t *counts;
    Mask m;
    const char *why = NULL;
    if (!PyArg_ParseTuple(args, "OOOOOn", &o[0], &o[1], &o[2], &o[3], &o[4], &per_kind)) return NULL;
    if (!as_mask(o[0], &b[0], &m) && (pieces = view(o[1], &b[1], sizeof(Span), 0, &n)) &&
        (kinds = view(o[2], &b[2], 4, 0, &n_kinds)) && (places = view(o[3], &b[3], 8, 0, &n_places)) &&
        (counts = view(o[4], &b[4], 8, 1, &n_counts))) {
        Py_BEGIN_ALLOW_THREADS
        why = tally(&m, pieces, kinds, n < n_kinds ? n : n_kinds, places, n_places, counts, n_counts, per_kind);
        Py_END_ALLOW_THREADS
    }
    for (int i = 0; i < 5; i++) PyBuffer_Release(&b[i]);
    if (PyErr_Occurred()) return NULL;
    return why ? bad(why) : Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"spans", py_spans, METH_VARARGS, "spans(points, ring_size, ring_polygon, polygon_shape, shapes, height, width)"},
    {"paint", py_paint, METH_VARARGS, "paint(mask, table, cuts, order, values, counts)"},
    {"claims", py_claims, METH_VARARGS, "claims(table, cuts, groups, height)"},
    {"tally", py_tally, METH_VARARGS, "tally(mask, pieces, kinds, places, counts, per_kind)"},
    {"rings", py_rings, METH_O, "rings(text) -> list of float64 bytes, or None"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_kernel", "Polygons to spans to masks, compiled.", 0, methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__kernel(void) { return PyModuleDef_Init(&module); }
