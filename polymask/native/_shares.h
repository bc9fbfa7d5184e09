/* Who claims pixels together: counted by set of claiming labels and by owner, told by pair once an image. */
#ifndef POLYMASK_SHARES_H
#define POLYMASK_SHARES_H

#include "_common.h"

#define COUNTED 256 /* overlaps.py's: times as many pairs as are told are counted in all sets together */
#define NOBODY -1

/* A set of claiming labels (`size` of `members`, from `first` on) and who owns its pixels. */
typedef struct { uint64_t hash; int64_t pixels; Py_ssize_t first; int32_t size, owner; } Claimed;
typedef struct { int64_t low, high, owner, pixels; } Share;

typedef struct {
    int32_t *count, *open, *position; /* spans open of each label; the labels that are open; where each stands there */
    uint64_t *key;                    /* each label's share in the hash of a set */
    int32_t size;                     /* how many labels are open */
    Py_ssize_t labels;                /* how many there is room for */
    uint64_t hash;                    /* of the set of those */
    Claimed *claimed;
    int32_t *slots, *members;
    Py_ssize_t kinds, room, listed, list_room;
    int64_t work, most_work;          /* pairs in all sets together, and how many may be */
} Claiming;

static uint64_t mixed(uint64_t x) { /* D. Stafford's mixer 13, as in SplitMix64 */
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Room for labels, of which none is open. */
static int label_room(Claiming *c, Py_ssize_t labels) {
    int32_t **part[] = {&c->count, &c->open, &c->position};
    c->labels = 0;
    PyMem_RawFree(c->key);
    if (!(c->key = PyMem_RawMalloc((2 * (size_t)labels + 1) * sizeof *c->key))) return -1;
    for (Py_ssize_t label = 0; label <= 2 * labels; label++) c->key[label] = mixed((uint64_t)label);
    for (int i = 0; i < 3; i++) {
        PyMem_RawFree(*part[i]);
        if (!(*part[i] = PyMem_RawCalloc(2 * (size_t)labels + 1, sizeof **part[i]))) return -1;
    }
    c->labels = 2 * labels + 1;
    return 0;
}

/* A span of a label opens (+1) or closes (-1). */
static inline void change_claim(Claiming *c, int32_t label, int32_t change) {
    int32_t before = c->count[label], after = c->count[label] = before + change;
    if (before && after) return;
    c->hash ^= c->key[label];
    if (after) {
        c->position[label] = c->size;
        c->open[c->size++] = label;
    } else {
        int32_t last = c->open[--c->size], place = c->position[label];
        c->open[place] = last;
        c->position[last] = place;
    }
}

static int is_open(const Claiming *c, const Claimed *k) {
    if (k->size != c->size) return 0;
    for (int32_t i = 0; i < k->size; i++)
        if (!c->count[c->members[k->first + i]]) return 0;
    return 1;
}

/* Room for twice as many sets; the slots are twice as many again, so that free ones are near. */
static int more_claimed(Claiming *c) {
    Py_ssize_t room = c->room ? 2 * c->room : 64;
    if (room > INT32_MAX / 2) return -1;
    Claimed *claimed = PyMem_RawRealloc(c->claimed, (size_t)room * sizeof *claimed);
    if (claimed) c->claimed = claimed;
    int32_t *slots = PyMem_RawMalloc((size_t)room * 2 * sizeof *slots);
    if (!claimed || !slots) { PyMem_RawFree(slots); return -1; }
    PyMem_RawFree(c->slots);
    c->slots = slots;
    c->room = room;
    memset(slots, 0xff, (size_t)room * 2 * sizeof *slots);
    for (int32_t k = 0; k < c->kinds; k++) {
        uint64_t at = c->claimed[k].hash;
        while (slots[at & (2 * (uint64_t)room - 1)] >= 0) at++;
        slots[at & (2 * (uint64_t)room - 1)] = k;
    }
    return 0;
}

static int list_open(Claiming *c) {
    if (c->listed + c->size > c->list_room) {
        Py_ssize_t room = 2 * (c->listed + c->size) + 256;
        int32_t *members = PyMem_RawRealloc(c->members, (size_t)room * sizeof *members);
        if (!members) return -1;
        c->members = members;
        c->list_room = room;
    }
    memcpy(c->members + c->listed, c->open, (size_t)c->size * sizeof *c->open);
    c->listed += c->size;
    return 0;
}

/* Pixels that the labels which are open claim together, and that `owner` owns. */
static Outcome claim_together(Claiming *c, int32_t owner, int64_t pixels) {
    if (c->kinds == c->room && more_claimed(c)) return NO_MEMORY;
    uint64_t hash = c->hash + (owner < 0 ? 0 : c->key[owner] << 1), mask = 2 * (uint64_t)c->room - 1, at = hash;
    for (; c->slots[at & mask] >= 0; at++) {
        Claimed *k = &c->claimed[c->slots[at & mask]];
        if (k->hash == hash && k->owner == owner && is_open(c, k)) { k->pixels += pixels; return DONE; }
    }
    c->work += (int64_t)c->size * (c->size - 1) / 2;
    if (c->work > c->most_work) return UNDECIDED;
    c->slots[at & mask] = (int32_t)c->kinds;
    c->claimed[c->kinds++] = (Claimed){hash, pixels, c->listed, c->size, owner};
    return list_open(c) ? NO_MEMORY : DONE;
}

typedef struct { Share *at; Py_ssize_t size, room; } Shares;

static Share *share_of(Share *at, Py_ssize_t room, int64_t low, int64_t high, int64_t owner) {
    uint64_t slot = mixed((uint64_t)low << 42 ^ (uint64_t)high << 21 ^ (uint64_t)(owner + 1));
    for (;; slot++) {
        Share *s = &at[slot & ((uint64_t)room - 1)];
        if (!s->pixels || (s->low == low && s->high == high && s->owner == owner)) return s;
    }
}

static int more_shares(Shares *s) {
    Py_ssize_t room = s->room ? 2 * s->room : 64;
    Share *at = PyMem_RawCalloc((size_t)room, sizeof *at);
    if (!at) return -1;
    for (Py_ssize_t i = 0; i < s->room; i++)
        if (s->at[i].pixels) *share_of(at, room, s->at[i].low, s->at[i].high, s->at[i].owner) = s->at[i];
    PyMem_RawFree(s->at);
    s->at = at;
    s->room = room;
    return 0;
}

static Outcome add_share(Shares *s, int64_t one, int64_t other, int64_t owner, int64_t pixels, Py_ssize_t most) {
    if (2 * s->size >= s->room && more_shares(s)) return NO_MEMORY;
    Share *share = share_of(s->at, s->room, one < other ? one : other, one < other ? other : one, owner);
    if (!share->pixels) {
        if (s->size == most) return UNDECIDED;
        s->size++;
        *share = (Share){one < other ? one : other, one < other ? other : one, owner, 0};
    }
    share->pixels += pixels;
    return DONE;
}

static int by_pair(const void *a, const void *b) {
    const Share *x = a, *y = b;
    if (x->low != y->low) return x->low < y->low ? -1 : 1;
    if (x->high != y->high) return x->high < y->high ? -1 : 1;
    return (x->owner > y->owner) - (x->owner < y->owner);
}

/* Every pair of labels that claim pixels together, by owner, in order; UNDECIDED beyond `most`. */
static Outcome share_pairs(const Claiming *c, const int64_t *group_of, Py_ssize_t most, Shares *out) {
    for (Py_ssize_t k = 0; k < c->kinds; k++) {
        const Claimed *claimed = &c->claimed[k];
        const int32_t *member = c->members + claimed->first;
        int64_t owner = claimed->owner < 0 ? NOBODY : group_of[claimed->owner];
        for (int32_t i = 0; i < claimed->size; i++)
            for (int32_t j = i + 1; j < claimed->size; j++) {
                Outcome outcome = add_share(out, group_of[member[i]], group_of[member[j]], owner, claimed->pixels, most);
                if (outcome != DONE) return outcome;
            }
    }
    Py_ssize_t n = 0;
    for (Py_ssize_t i = 0; i < out->room; i++)
        if (out->at[i].pixels) out->at[n++] = out->at[i];
    if (n) qsort(out->at, (size_t)n, sizeof *out->at, by_pair);
    return DONE;
}

static void free_claiming(Claiming *c) {
    PyMem_RawFree(c->count);
    PyMem_RawFree(c->open);
    PyMem_RawFree(c->position);
    PyMem_RawFree(c->key);
    PyMem_RawFree(c->claimed);
    PyMem_RawFree(c->slots);
    PyMem_RawFree(c->members);
}

#endif
