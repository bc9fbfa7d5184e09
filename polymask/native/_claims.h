/* Which pixels several labels claim: the spans of a row, swept from left to right. */
#include "_painting.h"

typedef struct { int32_t row, start, stop, group; } Claim;
typedef struct { int32_t at, change, group; } Event;
typedef struct { Span place; int32_t kind; } Piece;
/* Sets of groups are `words` machine words each; `slots` finds a set's kind by its hash. */
typedef struct {
    uint64_t *sets;
    uint64_t *sets_open;
    int32_t *slots, *open;
    Py_ssize_t words, kinds, room;
    Piece *pieces;
    Py_ssize_t size, piece_room;
    int64_t labeled, contested;
} Claims;

/* Where a set's kind stands among the slots, or the free place where it goes. */
static int32_t *slot_of(const Claims *c, const uint64_t *set) {
    uint64_t hash = 0, mask = 2 * (uint64_t)c->room - 1;
    for (Py_ssize_t w = 0; w < c->words; w++) {
        hash = (hash ^ set[w]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    for (; c->slots[hash & mask] >= 0; hash++) {
        const uint64_t *known = c->sets + c->slots[hash & mask] * c->words;
        if (!memcmp(known, set, (size_t)c->words * sizeof *set)) break;
    }
    return &c->slots[hash & mask];
}

/* Room for twice as many sets; the slots are twice as many again, so that free ones are near. */
static int more_kinds(Claims *c) {
    Py_ssize_t room = c->room ? 2 * c->room : 16;
    uint64_t *sets = PyMem_RawRealloc(c->sets, (size_t)(room * c->words) * sizeof *sets);
    if (sets) c->sets = sets;
    int32_t *slots = PyMem_RawMalloc((size_t)room * 2 * sizeof *slots);
    if (!sets || !slots) { PyMem_RawFree(slots); return -1; }
    PyMem_RawFree(c->slots);
    c->slots = slots;
    c->room = room;
    memset(slots, 0xff, (size_t)room * 2 * sizeof *slots);
    for (int32_t k = 0; k < c->kinds; k++) *slot_of(c, c->sets + k * c->words) = k;
    return 0;
}

static int32_t kind_of(Claims *c, const uint64_t *set) {
    if (c->kinds == c->room && more_kinds(c)) return -1;
    int32_t *slot = slot_of(c, set);
    if (*slot < 0) {
        memcpy(c->sets + c->kinds * c->words, set, (size_t)c->words * sizeof *set);
        *slot = (int32_t)c->kinds++;
    }
    return *slot;
}

static int contest(Claims *c, int32_t row, int32_t start, int32_t stop, const uint64_t *set) {
    int32_t kind = kind_of(c, set);
    if (c->size == c->piece_room) {
        Py_ssize_t room = c->piece_room ? 2 * c->piece_room : 256;
        Piece *at = PyMem_RawRealloc(c->pieces, (size_t)room * sizeof *at);
        if (!at) return -1;
        c->pieces = at;
        c->piece_room = room;
    }
    c->pieces[c->size++] = (Piece){{row, start, stop}, kind};
    c->contested += stop - start;
    return kind < 0;
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

/* The claims of one row, swept from left to right. `open` and the set behind it are zero before and after. */
static int sweep(Claims *c, const Claim *claim, Py_ssize_t n, Event *events) {
    uint64_t *set = c->sets_open;
    Py_ssize_t members = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        events[2 * i] = (Event){claim[i].start, 1, claim[i].group};
        events[2 * i + 1] = (Event){claim[i].stop, -1, claim[i].group};
    }
    sort_events(events, 2 * n);
    for (Py_ssize_t i = 0; i < 2 * n; i++) {
        const Event *e = &events[i];
        if (members && e->at > e[-1].at) {
            c->labeled += e->at - e[-1].at;
            if (members > 1 && contest(c, claim->row, e[-1].at, e->at, set)) return -1;
        }
        int before = c->open[e->group] != 0;
        c->open[e->group] += e->change;
        int after = c->open[e->group] != 0;
        members += after - before;
        set[e->group >> 6] ^= (uint64_t)(before ^ after) << (e->group & 63);
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

/* For each set of claiming groups: how many of its pixels show which label. */
static const char *tally(const Mask *m, const Piece *pieces, Py_ssize_t n, const int64_t *places, Py_ssize_t n_places,
                         int64_t *counts, Py_ssize_t n_counts, Py_ssize_t per_kind) {
    for (Py_ssize_t i = 0; i < n; i++) {
        const Span *s = &pieces[i].place;
        if (!inside(m, s)) return "a span outside the mask";
        int64_t base = pieces[i].kind * (int64_t)per_kind;
        const uint8_t *at = address(m, s), *end = at + (Py_ssize_t)(s->stop - s->start) * m->depth;
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
