/* An annotation's JSON text -> its spans, and its part of what the digest of its image's record is taken of. */
#include "_coco.h"

typedef struct { uint8_t *at; Py_ssize_t size, room; } Bytes;

static int add_raw(Bytes *b, const void *data, size_t n) {
    if (n > (size_t)(b->room - b->size)) {
        if (n > (size_t)PY_SSIZE_T_MAX / 4) return -1;
        Py_ssize_t room = 2 * (b->size + (Py_ssize_t)n) + 4096;
        uint8_t *at = PyMem_RawRealloc(b->at, (size_t)room);
        if (!at) return -1;
        b->at = at;
        b->room = room;
    }
    if (n) memcpy(b->at + b->size, data, n);
    b->size += (Py_ssize_t)n;
    return 0;
}

static int add_word(Bytes *b, const char *word) { return add_raw(b, word, strlen(word)); }

static int add_whole(Bytes *b, int64_t number) {
    char digits[20];
    int i = sizeof digits;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do digits[--i] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0) digits[--i] = '-';
    return add_raw(b, digits + i, sizeof digits - (size_t)i);
}

/* Numbers of eight bytes, the lowest byte first. */
static int add_little(Bytes *b, const void *numbers, size_t n) {
    Py_ssize_t begin = b->size;
    if (add_raw(b, numbers, 8 * n)) return -1;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return 0;
#endif
    for (size_t i = 0; i < n; i++) { /* turned around, where the machine has the highest first */
        uint64_t v;
        memcpy(&v, b->at + begin + 8 * i, 8);
        store_low_first(b->at + begin + 8 * i, v);
    }
    return 0;
}

/* What is used again from annotation to annotation. `statement` is what they say, `numbers` their coordinates. */
typedef struct {
    Work work;
    Scratch points;
    Rle rle;
    Spans spans;
    Bytes statement, numbers;
    int clipped; /* only the rows from `top` to `bottom` are drawn */
    int32_t top, bottom;
} Pen;

static void free_words(Pen *p) {
    PyMem_RawFree(p->statement.at);
    PyMem_RawFree(p->numbers.at);
    p->statement = p->numbers = (Bytes){0};
}

static void free_pen(Pen *p) {
    release(&p->work);
    PyMem_RawFree(p->points.at);
    PyMem_RawFree(p->rle.counts.at);
    PyMem_RawFree(p->spans.at);
    free_words(p);
}

/* The edges in the pen's rows. */
static Py_ssize_t clip_edges(const Pen *p, Edge *edges, Py_ssize_t n) {
    Py_ssize_t kept = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        Edge e = edges[i];
        if (e.top < p->top) e.top = p->top;
        if (e.bottom > p->bottom) e.bottom = p->bottom;
        if (e.top < e.bottom) edges[kept++] = e;
    }
    return kept;
}

/* The spans from `begin` on that are in the pen's rows. */
static void clip_spans(Pen *p, Py_ssize_t begin) {
    Py_ssize_t kept = begin;
    for (Py_ssize_t i = begin; i < p->spans.size; i++)
        if (p->spans.at[i].row >= p->top && p->spans.at[i].row < p->bottom) p->spans.at[kept++] = p->spans.at[i];
    p->spans.size = kept;
}

static Outcome draw_ring(Pen *p, const double *points, Py_ssize_t n, int32_t height, int32_t width) {
    Edge *edges = scratch(&p->work.edges, ((size_t)n + 1) * sizeof *edges);
    if (!edges || add_word(&p->statement, "[") || add_whole(&p->statement, n) || add_word(&p->statement, "]") ||
        add_little(&p->numbers, points, 2 * (size_t)n))
        return NO_MEMORY;
    Py_ssize_t crossed = ring_edges(edges, points, n, height);
    return polygon_spans(edges, p->clipped ? clip_edges(p, edges, crossed) : crossed, width, &p->work, &p->spans);
}

/* The union of rings. */
static Outcome draw_rings(Pen *p, const char *at, Py_ssize_t bytes, int32_t height, int32_t width) {
    Py_ssize_t begin = p->spans.size, rings = 0;
    double *points = scratch(&p->points, ((size_t)bytes / 2 + 2) * sizeof *points);
    if (!points || add_word(&p->statement, "[")) return NO_MEMORY;
    at = past_space(at);
    do {
        double *next = points;
        if (!(at = ring_of(past_space(at + 1), &next)) || (next - points) % 2) return UNDECIDED;
        if (rings++ && add_word(&p->statement, ",")) return NO_MEMORY;
        Outcome outcome = draw_ring(p, points, (next - points) / 2, height, width);
        if (outcome != DONE) return outcome;
        at = past_space(at);
    } while (*at == ',');
    if (rings > 1) unite(&p->spans, begin);
    return add_word(&p->statement, "]") ? NO_MEMORY : DONE;
}

static Outcome draw_runs(Pen *p, const char *at, int depth, int32_t height, int32_t width) {
    Rle *r = &p->rle;
    Bytes *s = &p->statement;
    if (!runs_of(at, r, depth)) return r->no_memory ? NO_MEMORY : UNDECIDED;
    if (r->height != height || r->width != width) return UNDECIDED;
    if (add_word(s, "{\"runs\":") || add_whole(s, r->n) || add_word(s, ",\"frame\":[") || add_whole(s, height) ||
        add_word(s, ",") || add_whole(s, width) || add_word(s, "]}") ||
        add_little(&p->numbers, r->counts.at, (size_t)r->n))
        return NO_MEMORY;
    Py_ssize_t begin = p->spans.size;
    Outcome outcome = add_run_spans(r->counts.at, r->n, height, &p->work, &p->spans);
    if (p->clipped) clip_spans(p, begin);
    return outcome;
}

/* The spans of an annotation of a label, behind those that are there, and what it says. */
static Outcome draw_annotation(Pen *p, const char *text, const Annotation *row, const Key *label, int32_t height,
                               int32_t width) {
    Bytes *s = &p->statement;
    if (add_word(s, "[") || add_whole(s, row->id) || add_word(s, ",") || add_raw(s, label->at, label->size) ||
        add_word(s, row->crowd ? ",0,true," : ",0,false,"))
        return NO_MEMORY;
    Outcome outcome = UNDECIDED;
    if (row->kind == RINGS) outcome = draw_rings(p, text + row->from, (Py_ssize_t)(row->to - row->from), height, width);
    if (row->kind == RUNS) outcome = draw_runs(p, text + row->from, MOST_DEPTH, height, width);
    return outcome == DONE && add_word(s, "]") ? NO_MEMORY : outcome;
}
