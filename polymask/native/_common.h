/* What the parts of the kernel share: spans that grow, and scratch memory that is used again. */
#ifndef POLYMASK_COMMON_H
#define POLYMASK_COMMON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "two-sum needs float64 arithmetic without excess precision; the numpy kernel serves here"
#endif

typedef struct { int32_t row, start, stop; } Span;
typedef struct { Span *at; Py_ssize_t size, room; } Spans;
typedef struct { void *at; size_t room; } Scratch;
typedef struct { Scratch edges, places, columns; } Work;
typedef enum { DONE, NO_MEMORY, UNDECIDED } Outcome;

static void *scratch(Scratch *s, size_t bytes) {
    if (bytes > s->room) {
        PyMem_RawFree(s->at);
        s->room = bytes + bytes / 2;
        s->at = PyMem_RawMalloc(s->room);
        if (!s->at) s->room = 0;
    }
    return s->at;
}

static int add_span(Spans *s, int32_t row, int32_t start, int32_t stop) {
    if (s->size == s->room) {
        Py_ssize_t room = s->room ? 2 * s->room : 1024;
        Span *at = PyMem_RawRealloc(s->at, (size_t)room * sizeof(Span));
        if (!at) return -1;
        s->at = at;
        s->room = room;
    }
    s->at[s->size++] = (Span){row, start, stop};
    return 0;
}

#endif
