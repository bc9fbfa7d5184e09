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

/* The plain number at `at`, where one division of exact numbers gives it rounded right
 * (W. D. Clinger, 1990); NULL for all others, which are left to the JSON library. */
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
    if (at - first > 18 || value > (UINT64_C(1) << 53) || *at == 'e' || *at == 'E' || (negative && !value)) return NULL;
    *out = (negative ? -(double)value : (double)value) / TEN[fraction];
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

/* A list of rings as a list of bytes of float64; None for what is not as plain as that.
 * The text ends in a zero byte, which no loop passes. */
static PyObject *rings_of(const char *at, const char *end, double *numbers) {
    PyObject *rings = PyList_New(0);
    at = past_space(at);
    for (char open = '['; rings && at && *at == open; open = ',') {
        double *next = numbers;
        if (!(at = ring_of(past_space(at + 1), &next))) break;
        at = past_space(at);
        PyObject *ring = PyBytes_FromStringAndSize((char *)numbers, (next - numbers) * (Py_ssize_t)sizeof(double));
        if (!ring || PyList_Append(rings, ring)) Py_CLEAR(rings);
        Py_XDECREF(ring);
    }
    if (!rings || (at && *at == ']' && past_space(at + 1) == end)) return rings;
    Py_DECREF(rings);
    return Py_NewRef(Py_None);
}

static PyObject *py_rings(PyObject *Py_UNUSED(self), PyObject *text) {
    Py_buffer b;
    PyObject *rings = NULL;
    if (PyObject_GetBuffer(text, &b, PyBUF_SIMPLE)) return NULL;
    char *copy = PyMem_Malloc((size_t)b.len + 1);
    double *numbers = PyMem_Malloc(((size_t)b.len / 2 + 1) * sizeof *numbers);
    if (copy && numbers) {
        memcpy(copy, b.buf, (size_t)b.len);
        copy[b.len] = 0;
        rings = rings_of(copy, copy + b.len, numbers);
    } else {
        PyErr_NoMemory();
    }
    PyMem_Free(copy);
    PyMem_Free(numbers);
    PyBuffer_Release(&b);
    return rings;
}
