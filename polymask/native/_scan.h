/* A strict look over a COCO file: where each annotation's segmentation lies, and which numbers stand beside it.
 *
 * JSON text that ends in a zero byte, which no loop passes. What is anything but certain (another type, a key
 * that is there twice or has escapes, numbers of many digits) is left to the reader that checks and explains.
 */
#ifndef POLYMASK_SCAN_H
#define POLYMASK_SCAN_H

#include "_common.h"

#define LONGEST_NUMBER 25 /* characters, below which every plain number is finite */
#define LONGEST_WHOLE 18  /* digits that int64 holds */
#define MOST_DEPTH 200    /* brackets that may be open at once */

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* The number of four hexadecimal digits; -1 for other things. */
static int hex_of(const char *at) {
    int number = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i], letter = c | 32;
        if (!is_digit(c) && !(letter >= 'a' && letter <= 'f')) return -1;
        number = number * 16 + (is_digit(c) ? c - '0' : letter - 'a' + 10);
    }
    return number;
}

/* Behind the `u` of an escape and its digits; half a character needs its other half. */
static const char *skip_unicode(const char *at) {
    int number = hex_of(at + 1);
    if (number < 0 || (number >= 0xdc00 && number < 0xe000)) return NULL;
    if (number < 0xd800 || number >= 0xe000) return at + 5;
    if (at[5] != '\\' || at[6] != 'u') return NULL;
    int other = hex_of(at + 7);
    return other >= 0xdc00 && other < 0xe000 ? at + 11 : NULL;
}

/* From behind a string's first quote to behind its last one; NULL for what is none. */
static const char *skip_string(const char *at) {
    for (;;) {
        while ((unsigned char)*at >= ' ' && *at != '"' && *at != '\\') at++;
        if (*at == '"') return at + 1;
        if (*at != '\\') return NULL;
        at++;
        if (*at == 'u') at = skip_unicode(at);
        else at = *at && strchr("\"\\/bfnrt", *at) ? at + 1 : NULL;
        if (!at) return NULL;
    }
}

static const char *skip_digits(const char *at) {
    const char *first = at;
    while (is_digit(*at)) at++;
    return at == first ? NULL : at;
}

/* Behind a number without an exponent. */
static const char *skip_plain(const char *at) {
    at += *at == '-';
    if (!(at = *at == '0' ? at + 1 : skip_digits(at))) return NULL;
    return *at == '.' ? skip_digits(at + 1) : at;
}

static const char *skip_number(const char *at) {
    if (!(at = skip_plain(at)) || (*at | 32) != 'e') return at;
    at++;
    return skip_digits(at + (*at == '+' || *at == '-'));
}

static const char *skip_value(const char *at, int depth);

/* Behind a list or an object, whose brackets may be `depth` deep. */
static const char *skip_all(const char *at, int depth, char close) {
    if (depth <= 0) return NULL;
    at = past_space(at + 1);
    if (*at == close) return at + 1;
    for (;; at = past_space(at + 1)) {
        if (close == '}') {
            if (*at != '"' || !(at = skip_string(at + 1))) return NULL;
            at = past_space(at);
            if (*at != ':') return NULL;
            at = past_space(at + 1);
        }
        if (!(at = skip_value(at, depth - 1))) return NULL;
        at = past_space(at);
        if (*at == close) return at + 1;
        if (*at != ',') return NULL;
    }
}

static const char *skip_word(const char *at, const char *word) {
    size_t n = strlen(word);
    return strncmp(at, word, n) ? NULL : at + n;
}

static const char *skip_value(const char *at, int depth) {
    switch (*at) {
    case '"': return skip_string(at + 1);
    case '[': return skip_all(at, depth, ']');
    case '{': return skip_all(at, depth, '}');
    case 't': return skip_word(at, "true");
    case 'f': return skip_word(at, "false");
    case 'n': return skip_word(at, "null");
    default: return skip_number(at);
    }
}

/* A plain whole number. */
static const char *whole_of(const char *at, int64_t *out) {
    int negative = *at == '-';
    const char *first = at += negative;
    uint64_t value = 0;
    while (is_digit(*at) && at - first < LONGEST_WHOLE) value = value * 10 + (uint64_t)(*at++ - '0');
    if (at == first || (*first == '0' && at - first > 1) || is_digit(*at) || *at == '.' || (*at | 32) == 'e') return NULL;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return at;
}

typedef struct { const char *at; size_t size; } Key;

/* A key without escapes and its colon; behind them its value begins. */
static const char *key_of(const char *at, Key *key) {
    if (*at != '"') return NULL;
    key->at = ++at;
    while ((unsigned char)*at >= ' ' && *at != '"' && *at != '\\') at++;
    if (*at != '"') return NULL;
    key->size = (size_t)(at - key->at);
    at = past_space(at + 1);
    return *at == ':' ? past_space(at + 1) : NULL;
}

/* The number of the name that a key is, of n names; -1 for none of them. */
static int named(const Key *key, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strlen(names[i]) == key->size && !memcmp(names[i], key->at, key->size)) return i;
    return -1;
}

/* Whether a name comes for the first time, or is none of those that count. */
static int is_new(unsigned *seen, int name) {
    unsigned bit = name < 0 ? 0 : 1u << name;
    if (*seen & bit) return 0;
    *seen |= bit;
    return 1;
}

/* Behind a list of rings of three plain points or more, of which there is one. */
static const char *skip_rings(const char *at) {
    if (*at != '[') return NULL;
    at = past_space(at + 1);
    for (;; at = past_space(at + 1)) {
        Py_ssize_t numbers = 0;
        if (*at != '[') return NULL;
        do {
            const char *first = past_space(at + 1);
            if (!(at = skip_plain(first)) || (*at | 32) == 'e' || at - first > LONGEST_NUMBER) return NULL;
            at = past_space(at);
            numbers++;
        } while (*at == ',');
        if (*at != ']' || numbers < 6 || numbers % 2) return NULL;
        at = past_space(at + 1);
        if (*at == ']') return at + 1;
        if (*at != ',') return NULL;
    }
}

typedef struct { Scratch counts; Py_ssize_t n; int64_t height, width; int no_memory; } Rle;

static int64_t *counts_room(Rle *r, Py_ssize_t n) {
    int64_t *counts = scratch(&r->counts, ((size_t)n + 1) * sizeof *counts);
    r->no_memory |= !counts;
    return counts;
}

static const char *listed_counts(const char *at, Rle *r) {
    Py_ssize_t most = 1;
    for (const char *next = at; *next && *next != ']'; next++) most += *next == ',';
    int64_t *counts = counts_room(r, most);
    r->n = 0;
    at = past_space(at + 1);
    if (!counts) return NULL;
    if (*at == ']') return at + 1;
    for (;; at = past_space(at + 1)) {
        if (!(at = whole_of(at, &counts[r->n++]))) return NULL;
        at = past_space(at);
        if (*at == ']') return at + 1;
        if (*at != ',') return NULL;
    }
}

static const char *compressed_counts(const char *at, Rle *r) {
    const char *first = ++at;
    while ((unsigned char)*at >= ' ' && *at != '"' && *at != '\\') at++;
    if (*at != '"' || !counts_room(r, at - first)) return NULL;
    r->n = counts_of(first, at - first, r->counts.at);
    return r->n < 0 ? NULL : at + 1;
}

static const char *size_of(const char *at, Rle *r) {
    if (*at != '[' || !(at = whole_of(past_space(at + 1), &r->height))) return NULL;
    at = past_space(at);
    if (*at != ',' || !(at = whole_of(past_space(at + 1), &r->width))) return NULL;
    at = past_space(at);
    return *at == ']' ? at + 1 : NULL;
}

/* Whether the counts fill the size. */
static int fills(const Rle *r) {
    if (r->height <= 0 || r->width <= 0 || r->height >= INT32_MAX || r->width >= INT32_MAX) return 0;
    const int64_t *counts = r->counts.at;
    int64_t rest = r->height * r->width;
    for (Py_ssize_t i = 0; i < r->n; i++) {
        if (counts[i] < 0 || counts[i] > rest) return 0;
        rest -= counts[i];
    }
    return !rest;
}

/* Runs that fill their size: behind the object that they are. */
static const char *runs_of(const char *at, Rle *r, int depth) {
    static const char *const NAMES[] = {"counts", "size"};
    unsigned seen = 0;
    if (*at != '{') return NULL;
    for (at = past_space(at + 1);; at = past_space(at + 1)) {
        Key key;
        if (!(at = key_of(at, &key))) return NULL;
        int name = named(&key, NAMES, 2);
        if (!is_new(&seen, name)) return NULL;
        if (name == 1) at = size_of(at, r);
        else if (name == 0) at = *at == '[' ? listed_counts(at, r) : *at == '"' ? compressed_counts(at, r) : NULL;
        else at = skip_value(at, depth - 1);
        if (!at) return NULL;
        at = past_space(at);
        if (*at == '}') return seen == 3 && fills(r) ? at + 1 : NULL;
        if (*at != ',') return NULL;
    }
}

#endif
