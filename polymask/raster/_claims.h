/* Which pixels several labels claim: the spans of a row, swept from left to right. */
#include "_common.h"

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
