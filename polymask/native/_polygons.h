/* Polygons -> spans, under the `center` rule: float64 where it safely decides, exact signs elsewhere,
 * whatever finite numbers the coordinates are.
 * Source of the exact sign: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic
 * and Fast Robust Geometric Predicates", 1997 (two-sum, two-product, growing expansions).
 */
#include "_wide.h"

#define TOLERANCE 0x1p-49 /* center.py's: twice what eight roundings can do */
#define REACH 0x1p46      /* beyond, the tolerance is no small part of a pixel */
#ifndef MOST_CROSSINGS /* held at once; fewer in a test build */
#define MOST_CROSSINGS 4194304
#endif
#define SMALL 0x1p-400    /* below, a product's rounding error may underflow */
#define FINITE 0x1p900    /* beyond, differences and slopes may overflow */

typedef struct { double x0, y0, slope, x1, y1; int32_t top, bottom; } Edge;

/* The first whole number from v on, inside 0 to most. */
static inline int32_t whole_from(double v, int32_t most) {
    if (!(v > 0)) return 0;
    if (v >= most) return most;
    int32_t below = (int32_t)v;
    return below + (v > below);
}

static inline int32_t first_row(double y, int32_t height) { return whole_from(y - 0.5, height); }

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

/* The same for any finite coordinates. */
static int crosses_right_anywhere(const Edge *e, double x, double y) {
    Wide sum = {{0}};
    add_product(&sum, e->x0, e->y1);
    add_product(&sum, -x, e->y1);
    add_product(&sum, x, e->y0);
    add_product(&sum, y, e->x1);
    add_product(&sum, -y, e->x0);
    add_product(&sum, -e->y0, e->x1);
    return is_positive(&sum);
}

static int32_t column_of(const Edge *e, int32_t row, int32_t width, double tolerance) {
    double left = e->x0 + (row + 0.5 - e->y0) * e->slope - 0.5;
    if (left <= -0.5) return 0;
    if (left >= width - 0.5) return width;
    int32_t nearest = (int32_t)(left + 0.5);
    double apart = left - nearest;
    if (fabs(apart) > tolerance) return nearest + (apart > 0);
    if (tame(e->x0) && tame(e->y0) && tame(e->x1) && tame(e->y1))
        return nearest + crosses_right(e, nearest + 0.5, row + 0.5);
    return nearest + crosses_right_anywhere(e, nearest + 0.5, row + 0.5);
}

/* The column between two, found from that end where it is expected, in steps that double. */
static int32_t search_column(const Edge *e, int32_t row, int32_t low, int32_t high) {
    int rising = e->x1 > e->x0, near = 1;
    for (int64_t step = 1; low < high; step *= 2) {
        int64_t middle = rising ? low + step - 1 : high - step;
        if (!near || middle < low || middle >= high) middle = low + (high - low) / 2;
        int right = crosses_right_anywhere(e, (double)middle + 0.5, row + 0.5);
        if (right) low = (int32_t)middle + 1;
        else high = (int32_t)middle;
        near = near && right == rising;
    }
    return low;
}

/* The columns where float64 tells little, or nothing; from row to row they go one way. */
static void cross_far(const Edge *e, int32_t width, double tolerance, Py_ssize_t *place, int32_t first, int32_t *columns) {
    int32_t before = e->x1 > e->x0 ? 0 : width;
    for (int32_t row = e->top; row < e->bottom; row++) {
        double left = e->x0 + (row + 0.5 - e->y0) * e->slope - 0.5;
        int32_t low = e->x1 > e->x0 ? before : 0, high = e->x1 > e->x0 ? width : before;
        if (left - tolerance > low) low = left - tolerance < high ? (int32_t)(left - tolerance) : high;
        if (left + tolerance < high) high = left + tolerance >= low ? (int32_t)(left + tolerance) + 1 : low;
        before = search_column(e, row, low, high);
        columns[place[row - first]++] = before;
    }
}

static int below(const Edge *e, double reach) {
    return fabs(e->x0) < reach && fabs(e->x1) < reach && fabs(e->y0) < reach && fabs(e->y1) < reach;
}

#include "_edge_rows.h"

/* The edge's columns, written where each of its rows has its next free place. */
static void cross(const Edge *e, int32_t width, Py_ssize_t *place, int32_t first, int32_t *columns) {
    if (e->x0 == e->x1) {
        int32_t column = whole_from(e->x0 - 0.5, width);
        for (int32_t row = e->top; row < e->bottom; row++) columns[place[row - first]++] = column;
        return;
    }
    double tolerance = TOLERANCE * (fabs(e->x0) + fabs(e->x1) + 1);
    if (is_inside(e, width)) {
        cross_inside(e, width, tolerance, place + (e->top - first), columns);
        return;
    }
    if (below(e, REACH)) {
        for (int32_t row = e->top; row < e->bottom; row++)
            columns[place[row - first]++] = column_of(e, row, width, tolerance);
        return;
    }
    if (!below(e, FINITE)) tolerance = INFINITY;
    cross_far(e, width, tolerance, place, first, columns);
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

/* A row of more crossings than columns: they are not sorted, each turns its column. */
static int emit_crowded(Spans *out, int32_t row, const int32_t *c, Py_ssize_t n, int32_t width, uint8_t *turns) {
    int inside = 0;
    int32_t start = 0;
    memset(turns, 0, (size_t)width + 1);
    for (Py_ssize_t i = 0; i < n; i++) turns[c[i]] ^= 1;
    for (int32_t column = 0; column <= width; column++) {
        if (!turns[column]) continue;
        if (inside && add_span(out, row, start, column)) return -1;
        start = column;
        inside = !inside;
    }
    return 0;
}

/* A row's crossings in pairs; pairs that touch become one span. */
static int emit(Spans *out, int32_t row, int32_t *c, Py_ssize_t n, int32_t width, uint8_t *turns) {
    if (n == 2 && c[0] > c[1]) { int32_t swap = c[0]; c[0] = c[1]; c[1] = swap; }
    if (n == 2) return c[1] > c[0] ? add_span(out, row, c[0], c[1]) : 0;
    if (n > width) return emit_crowded(out, row, c, n, width, turns);
    sort_columns(c, n);
    for (Py_ssize_t i = 0; i + 1 < n; ) {
        int32_t start = c[i], stop = c[i + 1];
        for (i += 2; i + 1 < n && c[i] <= stop; i += 2) stop = c[i + 1];
        if (stop > start && add_span(out, row, start, stop)) return -1;
    }
    return 0;
}

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

/* The crossings in rows from `top` to `bottom`, bucketed by row: `place` is where each row's begin. */
static Outcome band_spans(const Edge *edges, Py_ssize_t n, int32_t width, int32_t top, int32_t bottom,
                          Py_ssize_t *place, int32_t *columns, uint8_t *turns, Spans *out) {
    for (Py_ssize_t i = 0; i < n; i++) {
        if (edges[i].top >= bottom || edges[i].bottom <= top) continue;
        Edge e = edges[i];
        if (e.top < top) e.top = top;
        if (e.bottom > bottom) e.bottom = bottom;
        cross(&e, width, place, top, columns);
    }
    for (Py_ssize_t r = 0, begin = 0; r < bottom - top; begin = place[r++])
        if (emit(out, top + (int32_t)r, columns + begin, place[r] - begin, width, turns)) return NO_MEMORY;
    return DONE;
}

/* The spans of one polygon, in bands of rows that are crossed at most MOST_CROSSINGS times, or of one row. */
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
    for (Py_ssize_t r = 1; r < rows; r++) place[r] += place[r - 1];
    for (Py_ssize_t begin = 0, end; begin < rows; begin = end) {
        Py_ssize_t total = 0;
        for (end = begin; end < rows && (end == begin || total + place[end] <= MOST_CROSSINGS); end++) {
            Py_ssize_t here = place[end];
            place[end] = total;
            total += here;
        }
        int32_t *columns = scratch(&work->columns, (size_t)(total + 1) * sizeof *columns + (size_t)width);
        if (!columns) return NO_MEMORY;
        Outcome outcome = band_spans(edges, n, width, top + (int32_t)begin, top + (int32_t)end, place + begin,
                                     columns, (uint8_t *)(columns + total), out);
        if (outcome != DONE) return outcome;
    }
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
