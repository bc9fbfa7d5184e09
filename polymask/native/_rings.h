/* Plain JSON -> rings, rounded as a JSON library rounds; what is not plain is left to one. */
#include "_common.h"

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

/* value / 10 ** fraction, rounded right: a long division by 5 ** fraction, and a power of two. 0 where it cannot be. */
static int divided(uint64_t value, int fraction, double *out) {
#ifdef __SIZEOF_INT128__
    typedef unsigned __int128 Wider;
    uint64_t five = 1;
    for (int i = 0; i < fraction; i++) five *= 5;
    int up = __builtin_clzll(value);
    Wider whole = (Wider)(value << up) << 64, quotient = whole / five;
    uint64_t high = (uint64_t)(quotient >> 64);                         /* not zero, for five < 2 ** 52 */
    int down = 75 - __builtin_clzll(high);                              /* 53 bits stay */
    uint64_t kept = (uint64_t)(quotient >> down);
    Wider rest = quotient & (((Wider)1 << down) - 1), half = (Wider)1 << (down - 1);
    if (rest > half || (rest == half && (kept & 1 || quotient * five != whole))) kept++; /* ties go to the even one */
    *out = ldexp((double)kept, down - 64 - up - fraction);
    return 1;
#else
    (void)value, (void)fraction, (void)out;
    return 0;
#endif
}

/* The plain number at `at`, rounded right: of up to 2 ** 53 by one division of exact numbers (W. D. Clinger, 1990),
 * of up to 19 digits by a long division. NULL for all others, which are left to the JSON library. */
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
    if (at - first - (fraction > 0) - (*first == '0') > 19 || *at == 'e' || *at == 'E' || (negative && !value)) return NULL;
    if (value <= UINT64_C(1) << 53) *out = (double)value / TEN[fraction];
    else if (!divided(value, fraction, out)) return NULL;
    if (negative) *out = -*out;
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

typedef struct { double *numbers; int64_t *sizes; Py_ssize_t room, count, rings; char *text; Py_ssize_t text_room; } Plain;

/* Make room for what a text of so many bytes can hold at most; every number takes two. */
static int plain_room(Plain *p, Py_ssize_t bytes) {
    Py_ssize_t room = p->count + bytes / 2 + 2;
    if (room > p->room) {
        room += room / 2;
        double *numbers = PyMem_Realloc(p->numbers, (size_t)room * sizeof *numbers);
        if (numbers) p->numbers = numbers;
        int64_t *sizes = PyMem_Realloc(p->sizes, (size_t)room * sizeof *sizes);
        if (sizes) p->sizes = sizes;
        if (!numbers || !sizes) return -1;
        p->room = room;
    }
    if (bytes >= p->text_room) {
        char *text = PyMem_Realloc(p->text, (size_t)bytes + 1);
        if (!text) return -1;
        p->text = text;
        p->text_room = bytes + 1;
    }
    return 0;
}

/* Add a list of rings; how many, or -1 for what is not as plain as that, as are rings without
 * three points of two numbers. The text ends in a zero byte, which no loop passes. */
static Py_ssize_t add_rings(Plain *p, const char *at, const char *end) {
    Py_ssize_t first = p->rings;
    at = past_space(at);
    if (*at != '[') return -1;
    do {
        double *begin = p->numbers + p->count, *next = begin;
        if (!(at = ring_of(past_space(at + 1), &next))) return -1;
        if (next - begin < 6 || (next - begin) % 2) return -1;
        p->count += next - begin;
        p->sizes[p->rings++] = (next - begin) / 2;
        at = past_space(at);
    } while (*at == ',');
    return *at == ']' && past_space(at + 1) == end ? p->rings - first : -1;
}

static Py_ssize_t add_text(Plain *p, PyObject *text) {
    Py_buffer b;
    Py_ssize_t rings = -2;
    if (PyObject_GetBuffer(text, &b, PyBUF_SIMPLE)) return -2;
    if (plain_room(p, b.len)) {
        PyErr_NoMemory();
    } else {
        memcpy(p->text, b.buf, (size_t)b.len);
        p->text[b.len] = 0;
        rings = add_rings(p, p->text, p->text + b.len);
    }
    PyBuffer_Release(&b);
    return rings;
}

static void free_plain(Plain *p) {
    PyMem_Free(p->numbers);
    PyMem_Free(p->sizes);
    PyMem_Free(p->text);
}

/* A list of texts -> (points, ring sizes, rings of each text), or None where one is not plain. */
static PyObject *py_rings(PyObject *Py_UNUSED(self), PyObject *texts) {
    Plain p = {0};
    PyObject *result = NULL;
    if (!PyList_Check(texts)) return bad("a list of texts is wanted");
    Py_ssize_t n = PyList_GET_SIZE(texts), rings = 0;
    PyObject *counts = PyList_New(n);
    for (Py_ssize_t i = 0; counts && i < n && rings >= 0; i++) {
        PyObject *count = NULL;
        rings = add_text(&p, PyList_GET_ITEM(texts, i));
        if (rings >= 0 && !(count = PyLong_FromSsize_t(rings))) rings = -2;
        PyList_SET_ITEM(counts, i, count);
    }
    if (counts && rings >= 0)
        result = Py_BuildValue("(y#y#O)", p.numbers ? (char *)p.numbers : "",
                               p.count * (Py_ssize_t)sizeof *p.numbers, p.sizes ? (char *)p.sizes : "",
                               p.rings * (Py_ssize_t)sizeof *p.sizes, counts);
    else if (counts && rings == -1)
        result = Py_NewRef(Py_None);
    Py_XDECREF(counts);
    free_plain(&p);
    return result;
}

/* Whether a text is a list of plain rings, of which there is one. */
static PyObject *py_plain(PyObject *Py_UNUSED(self), PyObject *text) {
    Plain p = {0};
    Py_ssize_t rings = add_text(&p, text);
    free_plain(&p);
    return rings == -2 ? NULL : PyBool_FromLong(rings > 0);
}
