/* Painted spans -> the zlib stream of a PNG, without pixels in between: scanlines.py's twin.
 *
 * Every row is a filter type (0, None) and its pixels. What equals the row above is copied from there
 * (a whole row, or a stretch of COPIED bytes and more); the rest is told as runs: a pixel, and a
 * match of the pixel before. Only rows up to 32,768 bytes reach the row above.
 */
#include "_deflate.h"
#include "_sweep.h"

#define COPIED 16            /* bytes from which on a copy of the row above decodes faster than runs */
#define WINDOW 32768
#define LONG_RUN 516         /* bytes of a run from which on it is told four by four, which decodes faster */
#define FOUR 4
#define BLANK (1 << 18)      /* bytes of rows of zeros from which on copies would take more room than zeros */
#define PIECES (1 << 18)     /* of a block */
#define ADLER 65521          /* RFC 1950 */

typedef struct { int32_t *stop; uint16_t *value; Py_ssize_t size, room; } Row;
typedef struct { uint64_t a, b; } Adler;

typedef struct {
    int64_t height, stride, row; /* `row` is the next one */
    int32_t width;
    int pixel;              /* bytes of one */
    const uint8_t *table;   /* the bytes of each value's pixel; NULL where the value itself is told */
    uint16_t background;
    int copies, failed;
    enum { NOTHING, RUN, COPY } pending;
    uint8_t byte;           /* of the pending run */
    int64_t n;              /* bytes that are pending */
    int64_t pieces;
    Block block;
    Bits out;
    Row here, above;
    Adler sum;
} Scanlines;

static void pixel_bytes(const Scanlines *s, uint16_t value, uint8_t *bytes) {
    if (s->table) memcpy(bytes, s->table + (size_t)value * (size_t)s->pixel, (size_t)s->pixel);
    else if (s->pixel == 1) bytes[0] = (uint8_t)value;
    else { bytes[0] = (uint8_t)(value >> 8); bytes[1] = (uint8_t)value; }
}

static int all_one_byte(const uint8_t *bytes, int n) {
    for (int i = 1; i < n; i++)
        if (bytes[i] != bytes[0]) return 0;
    return 1;
}

/* Room for a piece of so many bytes; a full block goes out before. */
static int open_piece(Scanlines *s, int64_t bytes) {
    Block *k = &s->block;
    if (s->pieces == PIECES) {
        s->failed |= put_block(&s->out, k, 0);
        s->pieces = 0;
    }
    s->pieces++;
    int64_t units = (bytes >> 20) + 16; /* a unit tells more than 2 ** 20 bytes of a long match */
    if (units > k->room - k->size) {
        if (units > PY_SSIZE_T_MAX / 16) s->failed = 1;
        Py_ssize_t room = s->failed ? 0 : 2 * k->room + (Py_ssize_t)units + 4096;
        uint32_t *unit = room ? PyMem_RawRealloc(k->unit, (size_t)room * sizeof *unit) : NULL;
        if (!unit) { s->failed = 1; return -1; }
        k->unit = unit;
        k->room = room;
    }
    return s->failed ? -1 : 0;
}

/* A match of 3 bytes and more, behind a literal or none. */
static void add_match(Block *k, uint32_t literal, int64_t bytes, uint32_t kind) {
    if (bytes <= LONGEST) { add_unit(k, literal, (uint32_t)bytes, kind, 1); return; }
    if (literal != NO_LITERAL) add_unit(k, literal, 0, 0, 1);
    int64_t many = bytes / LONGEST, rest = bytes % LONGEST;
    if (rest == 1 || rest == 2) { many--; rest += LONGEST - 3; } /* and 3 more */
    int more = rest != bytes % LONGEST;
    for (; many; many -= many < MOST_REPEATS ? many : MOST_REPEATS)
        add_unit(k, NO_LITERAL, LONGEST, kind, (uint32_t)(many < MOST_REPEATS ? many : MOST_REPEATS));
    if (rest) add_unit(k, NO_LITERAL, (uint32_t)rest, kind, 1);
    if (more) add_unit(k, NO_LITERAL, 3, kind, 1);
}

static void flush(Scanlines *s) {
    if (s->pending == NOTHING || open_piece(s, s->n)) { s->pending = NOTHING; return; }
    if (s->pending == COPY) add_match(&s->block, NO_LITERAL, s->n, 2);
    else if (s->n > LONG_RUN) {
        add_match(&s->block, s->byte, FOUR - 1, 0);
        add_match(&s->block, NO_LITERAL, s->n - FOUR, 3);
    } else if (s->n > 3) add_match(&s->block, s->byte, s->n - 1, 0);
    else for (int64_t i = 0; i < s->n; i++) add_unit(&s->block, s->byte, 0, 0, 1);
    s->pending = NOTHING;
}

static inline void add_bytes(Scanlines *s, uint8_t byte, int64_t n) {
    if (s->pending == RUN && s->byte == byte) { s->n += n; return; }
    flush(s);
    s->pending = RUN;
    s->byte = byte;
    s->n = n;
}

static inline void add_copy(Scanlines *s, int64_t n) {
    if (s->pending == COPY) { s->n += n; return; }
    flush(s);
    s->pending = COPY;
    s->n = n;
}

/* n pixels of one value. */
static void add_pixels(Scanlines *s, uint16_t value, int64_t n) {
    uint8_t bytes[4];
    int p = s->pixel;
    if (p == 1 && !s->table) { add_bytes(s, (uint8_t)value, n); return; }
    pixel_bytes(s, value, bytes);
    if (all_one_byte(bytes, p)) { add_bytes(s, bytes[0], n * p); return; }
    flush(s);
    int64_t rest = (n - 1) * p;
    if (open_piece(s, rest)) return;
    for (int i = 0; i < p - 1; i++) add_unit(&s->block, bytes[i], 0, 0, 1);
    if (rest >= 3) { add_match(&s->block, bytes[p - 1], rest, 1); return; }
    add_unit(&s->block, bytes[p - 1], 0, 0, 1);
    for (int64_t i = 0; i < rest; i++) add_unit(&s->block, bytes[i], 0, 0, 1);
}

/* The row's pixels from one column to another as runs; `run` is the run that `from` is in. */
static void add_runs(Scanlines *s, Py_ssize_t run, int32_t from, int32_t to) {
    for (const Row *row = &s->here; from < to; run++) {
        int32_t stop = row->stop[run] < to ? row->stop[run] : to;
        add_pixels(s, row->value[run], stop - from);
        from = stop;
    }
}

typedef struct { int32_t from; Py_ssize_t run; int equal; } Stretch; /* equal to the row above, or not */

/* A stretch ends; the filter type is part of the first one. */
static void close_stretch(Scanlines *s, const Stretch *t, int32_t to) {
    int64_t bytes = (int64_t)(to - t->from) * s->pixel + !t->from;
    if (t->equal && bytes >= COPIED) { add_copy(s, bytes); return; }
    if (!t->from) add_bytes(s, 0, 1);
    add_runs(s, t->run, t->from, to);
}

/* A row that differs from the one above. */
static void add_changed(Scanlines *s) {
    const Row *a = &s->above, *b = &s->here;
    Stretch t = {0, 0, a->value[0] == b->value[0]};
    int32_t at = 0;
    for (Py_ssize_t i = 0, j = 0; at < s->width; ) {
        int32_t to = a->stop[i] < b->stop[j] ? a->stop[i] : b->stop[j];
        int equal = a->value[i] == b->value[j];
        if (equal != t.equal) {
            close_stretch(s, &t, at);
            t = (Stretch){at, j, equal};
        }
        i += a->stop[i] == to;
        j += b->stop[j] == to;
        at = to;
    }
    close_stretch(s, &t, at);
}

static int same_rows(const Row *a, const Row *b) {
    return a->size == b->size && !memcmp(a->stop, b->stop, (size_t)a->size * sizeof *a->stop) &&
           !memcmp(a->value, b->value, (size_t)a->size * sizeof *a->value);
}

static int all_zero(const Scanlines *s, const Row *row) {
    uint8_t bytes[4];
    if (row->size > 1) return 0;
    pixel_bytes(s, row->value[0], bytes);
    return !bytes[0] && all_one_byte(bytes, s->pixel);
}

#include "_checksum.h"

/* This row, `times` times, below the ones before. */
static void add_row(Scanlines *s, int64_t times) {
    sum_row(s, (uint64_t)times);
    int64_t same = times - 1;
    if (!s->above.size) { add_bytes(s, 0, 1); add_runs(s, 0, 0, s->width); }
    else if (s->copies && same_rows(&s->above, &s->here)) same = times;
    else if (s->copies) add_changed(s);
    else { add_bytes(s, 0, 1); add_runs(s, 0, 0, s->width); }
    int64_t bytes = same * s->stride;
    if (same && (bytes >= BLANK || !s->copies) && all_zero(s, &s->here)) add_bytes(s, 0, bytes);
    else if (same && s->copies) add_copy(s, bytes);
    else for (; same && !s->failed; same--) { add_bytes(s, 0, 1); add_runs(s, 0, 0, s->width); }
    Row swap = s->above;
    s->above = s->here;
    s->here = swap;
}

static void join_run(Row *row, int32_t stop, uint16_t value) {
    if (row->size && row->value[row->size - 1] == value) { row->stop[row->size - 1] = stop; return; }
    row->stop[row->size] = stop;
    row->value[row->size++] = value;
}

/* The runs of a row of n spans; without any, all of it is background. */
static int fill_row(Scanlines *s, const Painted *p, Py_ssize_t first, Py_ssize_t n) {
    Row *row = &s->here;
    if (2 * n + 1 > row->room) {
        Py_ssize_t room = 4 * n + 16;
        int32_t *stop = PyMem_RawRealloc(row->stop, (size_t)room * sizeof *stop);
        if (stop) row->stop = stop;
        uint16_t *value = PyMem_RawRealloc(row->value, (size_t)room * sizeof *value);
        if (value) row->value = value;
        if (!stop || !value) return -1;
        row->room = room;
    }
    row->size = 0;
    int32_t at = 0;
    for (Py_ssize_t i = first; i < first + n; at = p->stop[i++]) {
        if (p->start[i] > at) join_run(row, p->start[i], s->background);
        join_run(row, p->stop[i], p->value[i]);
    }
    if (at < s->width) join_run(row, s->width, s->background);
    return 0;
}

/* Begin the stream of another frame, behind those that are there. */
static int begin_stream(Scanlines *s, int64_t height, int64_t width) {
    s->height = height;
    s->width = (int32_t)width;
    s->stride = 1 + width * s->pixel;
    s->copies = s->stride >= 3 && s->stride <= WINDOW;
    s->sum = (Adler){1, 0};
    const uint32_t distances[KINDS] = {1, (uint32_t)s->pixel, s->copies ? (uint32_t)s->stride : 1, FOUR};
    memcpy(s->block.distance, distances, sizeof distances);
    s->pieces = s->row = s->above.size = 0;
    if (bits_room(&s->out, 2)) return -1;
    s->out.at[s->out.size++] = 0x78; /* RFC 1950: DEFLATE, a window of 32,768 bytes */
    s->out.at[s->out.size++] = 0x01;
    return 0;
}

/* Rows without spans, down to one. */
static int add_blank(Scanlines *s, int64_t row) {
    if (row <= s->row) return 0;
    if (fill_row(s, NULL, 0, 0)) return -1;
    add_row(s, row - s->row);
    s->row = row;
    return 0;
}

/* Rows of painted spans, below those that are there, and the rows without any between them. */
static int add_painted_rows(Scanlines *s, const Painted *p) {
    for (Py_ssize_t i = 0, end; i < p->size && !s->failed; i = end) {
        for (end = i + 1; end < p->size && p->row[end] == p->row[i]; end++) {}
        if (add_blank(s, p->row[i]) || fill_row(s, p, i, end - i)) return -1;
        add_row(s, 1);
        s->row++;
    }
    return 0;
}

/* The rest of the rows, and the checksum behind them. */
static int end_stream(Scanlines *s) {
    if (add_blank(s, s->height)) return -1;
    flush(s);
    if (s->failed || put_block(&s->out, &s->block, 1) || bits_room(&s->out, 8)) return -1;
    close_byte(&s->out);
    uint32_t sum = (uint32_t)(s->sum.b << 16 | s->sum.a);
    for (int shift = 24; shift >= 0; shift -= 8) s->out.at[s->out.size++] = (uint8_t)(sum >> shift);
    return 0;
}

/* Leave out what was told since the stream began, at so many bytes. */
static void abandon_stream(Scanlines *s, Py_ssize_t size) {
    PyMem_RawFree(s->block.unit);
    s->block = (Block){0};
    s->pending = NOTHING;
    s->out.size = size;
    s->out.hold = 0;
    s->out.held = 0;
}

static void free_scanlines(Scanlines *s) {
    PyMem_RawFree(s->block.unit);
    PyMem_RawFree(s->out.at);
    PyMem_RawFree(s->here.stop);
    PyMem_RawFree(s->here.value);
    PyMem_RawFree(s->above.stop);
    PyMem_RawFree(s->above.value);
}
