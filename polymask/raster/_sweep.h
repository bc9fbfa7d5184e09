/* Spans of many instances -> the painted spans of their merge, and who claims what: sweep.py's twin.
 *
 * One radix sort by row; then each row's ends from left to right. The owner of a pixel is the open
 * span that comes last in paint order: the highest bit that is set in a tree of 64-bit words.
 */
#include "_shares.h"

typedef struct { int32_t row, start, stop; uint16_t value; } PaintedSpan;
typedef struct { PaintedSpan *at; Py_ssize_t size, room; } PaintedList;
typedef struct { int32_t row, start, stop, value, label; } Held;
typedef struct { int32_t at, held; } End; /* `held` opens, ~`held` closes */

#define LEVELS 6 /* 64 ** 6 spans in a row are more than there can be */
#define ROW_DIGIT 65536

typedef struct {
    uint64_t *word[LEVELS];
    int levels;
    End *ends;
    Py_ssize_t n;               /* spans of the row above, whose order of ends is a good guess */
    int32_t background, void_;  /* `void_` -1: contested pixels keep their owner's value */
    int owned;                  /* whether contested pixels have owners */
    Claiming claiming;
    PaintedList out;
    int64_t labeled, contested, *pixels;
} Merge;

static void set_open(Merge *m, Py_ssize_t i) {
    for (int level = 0; level < m->levels; level++, i >>= 6) {
        uint64_t before = m->word[level][i >> 6];
        m->word[level][i >> 6] = before | UINT64_C(1) << (i & 63);
        if (before) return;
    }
}

static void set_closed(Merge *m, Py_ssize_t i) {
    for (int level = 0; level < m->levels; level++, i >>= 6)
        if (m->word[level][i >> 6] &= ~(UINT64_C(1) << (i & 63))) return;
}

/* The last in paint order of the spans that are open; -1 for none. */
static inline Py_ssize_t topmost(const Merge *m) {
    Py_ssize_t i = 0;
    if (!m->word[m->levels - 1][0]) return -1;
    for (int level = m->levels - 1; level >= 0; level--) i = 64 * i + 63 - __builtin_clzll(m->word[level][i]);
    return i;
}

static int add_painted(Merge *m, int32_t row, int32_t start, int32_t stop, int32_t value) {
    PaintedList *out = &m->out;
    if (value == m->background) return 0;
    if (m->pixels) m->pixels[value] += stop - start;
    PaintedSpan *last = out->at + out->size - 1;
    if (out->size && last->row == row && last->stop == start && last->value == value) { last->stop = stop; return 0; }
    if (out->size == out->room) {
        Py_ssize_t room = out->room ? 2 * out->room : 4096;
        PaintedSpan *at = PyMem_RawRealloc(out->at, (size_t)room * sizeof *at);
        if (!at) return -1;
        out->at = at;
        out->room = room;
    }
    out->at[out->size++] = (PaintedSpan){row, start, stop, (uint16_t)value};
    return 0;
}

static int by_end(const void *a, const void *b) {
    const End *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* A row's ends from left to right; those of the row above are nearly in order already. */
static void sort_ends(Merge *m, const Held *h, Py_ssize_t n) {
    End *e = m->ends;
    if (n != m->n)
        for (Py_ssize_t i = 0; i < n; i++) { e[2 * i].held = (int32_t)i; e[2 * i + 1].held = ~(int32_t)i; }
    m->n = n;
    for (Py_ssize_t k = 0; k < 2 * n; k++) e[k].at = e[k].held >= 0 ? h[e[k].held].start : h[~e[k].held].stop;
    Py_ssize_t moves = 0;
    for (Py_ssize_t i = 1; i < 2 * n; i++) {
        if (e[i - 1].at <= e[i].at) continue;
        End end = e[i];
        Py_ssize_t j = i;
        for (; j && e[j - 1].at > end.at; j--) e[j] = e[j - 1];
        e[j] = end;
        if ((moves += i - j) > 16 * n + 64) { qsort(e, 2 * (size_t)n, sizeof *e, by_end); return; }
    }
}

/* The pixels from `start` to `stop`, under the spans that are open. */
static Outcome paint_piece(Merge *m, const Held *h, int32_t start, int32_t stop) {
    Py_ssize_t top = topmost(m);
    if (top < 0) return DONE;
    int32_t value = h[top].value, claiming = m->claiming.size;
    if (claiming) m->labeled += stop - start;
    if (claiming > 1) {
        m->contested += stop - start;
        Outcome outcome = claim_together(&m->claiming, m->owned ? h[top].label : NOBODY, stop - start);
        if (outcome != DONE) return outcome;
        if (m->void_ >= 0 && value != m->background) value = m->void_; /* a background on top still cuts its hole */
    }
    return add_painted(m, h->row, start, stop, value) ? NO_MEMORY : DONE;
}

static Outcome sweep_row(Merge *m, const Held *h, Py_ssize_t n) {
    sort_ends(m, h, n);
    int32_t at = m->ends[0].at;
    m->levels = 1;
    for (Py_ssize_t words = (n - 1) >> 6; words; words >>= 6) m->levels++;
    for (Py_ssize_t k = 0; k < 2 * n; k++) {
        int32_t here = m->ends[k].at, opens = m->ends[k].held >= 0, i = opens ? m->ends[k].held : ~m->ends[k].held;
        if (here > at) {
            Outcome outcome = paint_piece(m, h, at, here);
            if (outcome != DONE) return outcome;
            at = here;
        }
        if (opens) set_open(m, i); else set_closed(m, i);
        if (h[i].label >= 0) change_claim(&m->claiming, h[i].label, opens ? 1 : -1);
    }
    return DONE;
}

typedef struct {
    const Span *at;
    const int64_t *cuts, *order, *value;
    const int32_t *label;
    Py_ssize_t painted;
    int32_t height;
} Scene;

/* Where each of the digits begins, of how many there are. */
static void add_up(Py_ssize_t *place, int32_t digits) {
    Py_ssize_t total = 0;
    for (int32_t digit = 0; digit < digits; digit++) {
        Py_ssize_t here = place[digit];
        place[digit] = total;
        total += here;
    }
}

/* The spans in paint order, sorted by the low digit of their rows, each with its instance's value and label. */
static int hold_all(const Scene *s, Held *to, int32_t digits) {
    Py_ssize_t *place = PyMem_RawCalloc((size_t)digits, sizeof *place);
    if (!place) return -1;
    for (Py_ssize_t p = 0; p < s->painted; p++)
        for (int64_t k = s->cuts[s->order[p]]; k < s->cuts[s->order[p] + 1]; k++) place[s->at[k].row % ROW_DIGIT]++;
    add_up(place, digits);
    for (Py_ssize_t p = 0; p < s->painted; p++) {
        int64_t i = s->order[p];
        for (int64_t k = s->cuts[i]; k < s->cuts[i + 1]; k++) {
            const Span *span = &s->at[k];
            to[place[span->row % ROW_DIGIT]++] =
                (Held){span->row, span->start, span->stop, (int32_t)s->value[i], s->label[i]};
        }
    }
    PyMem_RawFree(place);
    return 0;
}

/* The same for the high digit, what is equal staying in order. */
static int sort_high(const Held *from, Held *to, Py_ssize_t n, int32_t digits) {
    Py_ssize_t *place = PyMem_RawCalloc((size_t)digits, sizeof *place);
    if (!place) return -1;
    for (Py_ssize_t i = 0; i < n; i++) place[from[i].row / ROW_DIGIT]++;
    add_up(place, digits);
    for (Py_ssize_t i = 0; i < n; i++) to[place[from[i].row / ROW_DIGIT]++] = from[i];
    PyMem_RawFree(place);
    return 0;
}

/* All spans sorted by row, in paint order within each; NULL for want of memory. */
static Held *held_by_row(const Scene *s, Py_ssize_t total) {
    int tall = s->height > ROW_DIGIT;
    Held *held = PyMem_RawMalloc(((size_t)total + 1) * sizeof *held), *sorted = NULL;
    if (held && !hold_all(s, held, tall ? ROW_DIGIT : s->height)) {
        if (!tall) return held;
        sorted = PyMem_RawMalloc(((size_t)total + 1) * sizeof *sorted);
        if (sorted && !sort_high(held, sorted, total, s->height / ROW_DIGIT + 1)) {
            PyMem_RawFree(held);
            return sorted;
        }
    }
    PyMem_RawFree(held);
    PyMem_RawFree(sorted);
    return NULL;
}

static Outcome sweep_all(Merge *m, const Held *held, Py_ssize_t total) {
    for (Py_ssize_t begin = 0, end; begin < total; begin = end) {
        const Held *h = held + begin;
        for (end = begin + 1; end < total && held[end].row == h->row; end++) {}
        if (end - begin > 1) {
            Outcome outcome = sweep_row(m, h, end - begin);
            if (outcome != DONE) return outcome;
        } else {
            if (h->label >= 0) m->labeled += h->stop - h->start;
            if (add_painted(m, h->row, h->start, h->stop, h->value)) return NO_MEMORY;
        }
    }
    return DONE;
}

static Py_ssize_t most_in_a_row(const Held *held, Py_ssize_t total) {
    Py_ssize_t most = 0;
    for (Py_ssize_t begin = 0, end; begin < total; begin = end) {
        for (end = begin + 1; end < total && held[end].row == held[begin].row; end++) {}
        if (end - begin > most) most = end - begin;
    }
    return most;
}

/* What a row of n spans needs: its ends, and the words of the tree, all zero. */
static int row_room(Merge *m, Py_ssize_t n) {
    Py_ssize_t words[LEVELS], total = 0, here = n ? n : 1;
    for (int level = 0; level < LEVELS; level++) total += here = words[level] = (here - 1) / 64 + 1;
    m->ends = PyMem_RawMalloc((2 * (size_t)n + 1) * sizeof *m->ends);
    m->word[0] = PyMem_RawCalloc((size_t)total, sizeof *m->word[0]);
    if (!m->ends || !m->word[0]) return -1;
    for (int level = 1; level < LEVELS; level++) m->word[level] = m->word[level - 1] + words[level - 1];
    return 0;
}

static Outcome merge_spans(const Scene *s, Py_ssize_t total, Merge *m) {
    Held *held = held_by_row(s, total);
    Outcome outcome = NO_MEMORY;
    if (held && !row_room(m, most_in_a_row(held, total))) outcome = sweep_all(m, held, total);
    PyMem_RawFree(held);
    return outcome;
}

static void free_merge(Merge *m) {
    PyMem_RawFree(m->ends);
    PyMem_RawFree(m->word[0]);
    PyMem_RawFree(m->out.at);
    PyMem_RawFree(m->pixels);
    free_claiming(&m->claiming);
}

/* The labels of instances, numbered from 0 in the order in which they come; how many there are, or -1. */
static Py_ssize_t number_labels(const int64_t *group, Py_ssize_t n, int32_t *label, int64_t *group_of) {
    int64_t largest = -1;
    Py_ssize_t labels = 0;
    for (Py_ssize_t i = 0; i < n; i++)
        if (group[i] > largest) largest = group[i];
    int32_t *number = PyMem_RawMalloc(((size_t)largest + 2) * sizeof *number);
    if (!number) return -1;
    memset(number, 0xff, ((size_t)largest + 2) * sizeof *number);
    for (Py_ssize_t i = 0; i < n; i++) {
        label[i] = -1;
        if (group[i] < 0) continue;
        if (number[group[i]] < 0) {
            group_of[labels] = group[i];
            number[group[i]] = (int32_t)labels++;
        }
        label[i] = number[group[i]];
    }
    PyMem_RawFree(number);
    return labels;
}

/* Whether the instances of `order` are there, with values and groups that fit, and their spans in the frame. */
static Py_ssize_t scene_size(const Scene *s, const int64_t *group, Py_ssize_t spans, Py_ssize_t instances, int32_t width,
                             int64_t most_value) {
    Py_ssize_t total = 0;
    for (Py_ssize_t i = 0; i < instances; i++)
        if (s->cuts[i] < 0 || s->cuts[i] > s->cuts[i + 1] || s->cuts[i + 1] > spans || s->value[i] < 0 ||
            s->value[i] > most_value || group[i] < -1 || group[i] > 65535)
            return -1;
    for (Py_ssize_t p = 0; p < s->painted; p++) {
        if (s->order[p] < 0 || s->order[p] >= instances) return -1;
        total += (Py_ssize_t)(s->cuts[s->order[p] + 1] - s->cuts[s->order[p]]);
    }
    for (Py_ssize_t k = 0; k < spans; k++) {
        const Span *at = &s->at[k];
        if (at->row < 0 || at->row >= s->height || at->start < 0 || at->start >= at->stop || at->stop > width) return -1;
    }
    return total > INT32_MAX / 2 ? -1 : total;
}

/* Painted spans as four arrays: row, start, stop int32, value uint16. */
static PyObject *painted_arrays(const PaintedSpan *at, Py_ssize_t n) {
    PyObject *part[4] = {NULL, NULL, NULL, NULL}, *result = NULL;
    int failed = 0;
    for (int i = 0; i < 4; i++) failed |= !(part[i] = PyBytes_FromStringAndSize(NULL, n * (i < 3 ? 4 : 2)));
    if (!failed) {
        int32_t *row = (int32_t *)PyBytes_AS_STRING(part[0]), *start = (int32_t *)PyBytes_AS_STRING(part[1]);
        int32_t *stop = (int32_t *)PyBytes_AS_STRING(part[2]);
        uint16_t *value = (uint16_t *)PyBytes_AS_STRING(part[3]);
        for (Py_ssize_t i = 0; i < n; i++) {
            row[i] = at[i].row;
            start[i] = at[i].start;
            stop[i] = at[i].stop;
            value[i] = at[i].value;
        }
        result = PyTuple_Pack(4, part[0], part[1], part[2], part[3]);
    }
    for (int i = 0; i < 4; i++) Py_XDECREF(part[i]);
    return result;
}

static Outcome merged(const Scene *s, Py_ssize_t total, Py_ssize_t labels, const int64_t *group_of, Py_ssize_t most,
                      Merge *m, Shares *shares) {
    Claiming *c = &m->claiming;
    c->count = PyMem_RawCalloc((size_t)labels + 1, sizeof *c->count);
    c->open = PyMem_RawMalloc(((size_t)labels + 1) * sizeof *c->open);
    c->position = PyMem_RawMalloc(((size_t)labels + 1) * sizeof *c->position);
    if (!c->count || !c->open || !c->position) return NO_MEMORY;
    Outcome outcome = merge_spans(s, total, m);
    return outcome == DONE ? share_pairs(c, group_of, most, shares) : outcome;
}

static PyObject *merge_result(const Merge *m, const Shares *shares, Py_ssize_t values) {
    PyObject *painted = painted_arrays(m->out.at, m->out.size);
    if (!painted) return NULL;
    return Py_BuildValue("(NLLy#y#)", painted, (long long)m->labeled, (long long)m->contested,
                         shares->at ? (char *)shares->at : "", shares->size * (Py_ssize_t)sizeof(Share),
                         (char *)m->pixels, values * (Py_ssize_t)sizeof *m->pixels);
}

/* merge(table, cuts, order, values, groups, height, width, background, void or -1, whether contested pixels
 * have owners, most shares) -> (painted arrays, labeled, contested, shares, pixels by value), or None beyond the most */
static PyObject *py_merge(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *o[5], *result = NULL;
    Py_buffer b[5] = {{0}, {0}, {0}, {0}, {0}};
    Py_ssize_t height, width, background, void_, most, spans, n_cuts, instances, n_groups, total = -1, labels = 0;
    Scene s = {0};
    Merge m = {.owned = 1};
    Shares shares = {0};
    const int64_t *group = NULL;
    int32_t *label = NULL;
    int64_t *group_of = NULL;
    if (!PyArg_ParseTuple(args, "OOOOOnnnnpn", &o[0], &o[1], &o[2], &o[3], &o[4], &height, &width, &background, &void_,
                          &m.owned, &most))
        return NULL;
    if (!frame_fits(height, width) || background < 0 || background > 65535 || void_ < -1 || void_ > 65535)
        return bad("a frame beyond int32, or a value beyond uint16");
    s.height = (int32_t)height;
    m.background = (int32_t)background;
    m.void_ = (int32_t)void_;
    if ((s.at = view(o[0], &b[0], sizeof(Span), 0, &spans)) && (s.cuts = view(o[1], &b[1], 8, 0, &n_cuts)) &&
        (s.order = view(o[2], &b[2], 8, 0, &s.painted)) && (s.value = view(o[3], &b[3], 8, 0, &instances)) &&
        (group = view(o[4], &b[4], 8, 0, &n_groups))) {
        if (n_cuts == instances + 1 && n_groups == instances)
            total = scene_size(&s, group, spans, instances, (int32_t)width, 65535);
        if (total < 0) bad("spans, cuts, order, values and groups do not fit together");
    }
    if (total >= 0) {
        Py_ssize_t values = background > void_ ? background : void_;
        for (Py_ssize_t i = 0; i < instances; i++)
            if (s.value[i] > values) values = (Py_ssize_t)s.value[i];
        label = PyMem_RawMalloc(((size_t)instances + 1) * sizeof *label);
        group_of = PyMem_RawMalloc(((size_t)instances + 1) * sizeof *group_of);
        m.pixels = PyMem_RawCalloc((size_t)values + 1, sizeof *m.pixels);
        Outcome outcome = NO_MEMORY;
        if (label && group_of && m.pixels && (labels = number_labels(group, instances, label, group_of)) >= 0) {
            s.label = label;
            Py_BEGIN_ALLOW_THREADS
            outcome = merged(&s, total, labels, group_of, most, &m, &shares);
            Py_END_ALLOW_THREADS
        }
        if (outcome == DONE) result = merge_result(&m, &shares, values + 1);
        else if (outcome == UNDECIDED) result = Py_NewRef(Py_None);
        else PyErr_NoMemory();
    }
    PyMem_RawFree(label);
    PyMem_RawFree(group_of);
    PyMem_RawFree(shares.at);
    free_merge(&m);
    for (int i = 0; i < 5; i++) PyBuffer_Release(&b[i]);
    return result;
}
