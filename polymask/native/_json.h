/* Where the outermost lists and objects of a JSON text begin, part and end; the text comes in chunks. */
#include "_common.h"

typedef struct { int64_t depth, deepest; int quoted, escaped; } Nesting;
typedef struct { int32_t *at; Py_ssize_t size, room; } Places;

static int add_place(Places *p, Py_ssize_t place) {
    if (p->size == p->room) {
        Py_ssize_t room = p->room ? 2 * p->room : 1024;
        int32_t *at = PyMem_RawRealloc(p->at, (size_t)room * sizeof *at);
        if (!at) return -1;
        p->at = at;
        p->room = room;
    }
    p->at[p->size++] = (int32_t)place;
    return 0;
}

/* Past the end of the string that `at` is in, or to the chunk's end. */
static const unsigned char *past_string(const unsigned char *at, const unsigned char *end, Nesting *n) {
    for (; at < end; at++) {
        if (n->escaped) n->escaped = 0;
        else if (*at == '\\') n->escaped = 1;
        else if (*at == '"') { n->quoted = 0; return at + 1; }
    }
    return at;
}

enum { PLAIN, QUOTE, OPEN, CLOSE, COMMA, BACKSLASH };

static int can_be_escaped(const unsigned char *at) { return *at == '"' || *at == '\\'; }

/* Every bracket that leads to or from a depth up to `most`, and every comma there. */
static int find_places(const unsigned char *text, Py_ssize_t size, int64_t most, Nesting *n, Places *out) {
    unsigned char kind[256] = {0};
    const unsigned char *at = text, *end = text + size;
    kind['"'] = QUOTE;
    kind['\\'] = BACKSLASH;
    kind['['] = kind['{'] = OPEN;
    kind[']'] = kind['}'] = CLOSE;
    while (at < end) {
        if (n->quoted) at = past_string(at, end, n);
        else if (n->escaped) { n->escaped = 0; at += can_be_escaped(at); }
        kind[','] = n->depth <= most ? COMMA : PLAIN;
        while (at < end && !kind[*at]) at++;
        if (at == end) break;
        switch (kind[*at]) {
        case QUOTE: n->quoted = 1; break;
        case BACKSLASH: n->escaped = 1; break; /* no JSON, but both kernels shall say the same */
        case OPEN:
            if (++n->depth > n->deepest) n->deepest = n->depth;
            if (n->depth <= most && add_place(out, at - text)) return -1;
            break;
        case CLOSE: if (n->depth-- <= most && add_place(out, at - text)) return -1; break;
        default: if (add_place(out, at - text)) return -1;
        }
        at++;
    }
    return 0;
}

static PyObject *py_places(PyObject *Py_UNUSED(self), PyObject *args) {
    Py_buffer b;
    Py_ssize_t most;
    long long depth, deepest;
    Nesting n;
    Places out = {0};
    PyObject *result = NULL;
    int failed = 1;
    if (!PyArg_ParseTuple(args, "y*nLppL", &b, &most, &depth, &n.quoted, &n.escaped, &deepest)) return NULL;
    n.depth = depth;
    n.deepest = deepest;
    if (b.len > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "a chunk beyond int32");
    } else {
        Py_BEGIN_ALLOW_THREADS
        failed = find_places(b.buf, b.len, most, &n, &out);
        Py_END_ALLOW_THREADS
        if (failed) PyErr_NoMemory();
    }
    if (!failed)
        result = Py_BuildValue("(y#LNNL)", out.at ? (char *)out.at : "", out.size * (Py_ssize_t)sizeof *out.at,
                               (long long)n.depth, PyBool_FromLong(n.quoted), PyBool_FromLong(n.escaped),
                               (long long)n.deepest);
    PyMem_RawFree(out.at);
    PyBuffer_Release(&b);
    return result;
}
