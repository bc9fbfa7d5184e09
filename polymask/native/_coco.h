/* A COCO file -> a row of numbers for each annotation, and where its other lists lie. */
#include "_scan.h"

enum { IMAGE, CATEGORY, ID, CROWD, SEGMENTATION, BBOX, NAMES }; /* the keys that count, at most once in a row */
enum { ODD, RINGS, RUNS };                                      /* kinds of segmentations */

/* `from` and `to` are where the segmentation lies; of an odd row, the whole of it. `height` and `width` are runs'. */
typedef struct { int64_t image, category, id, crowd, kind, from, to, height, width; } Annotation;

typedef struct {
    const char *text;
    int depth; /* brackets that may be open below an annotation's */
    Rle rle;
    Annotation *at;
    Py_ssize_t size, room;
    int64_t section[3][2];
} Scan;

static Annotation *next_row(Scan *s) {
    if (s->size == s->room) {
        Py_ssize_t room = s->room ? 2 * s->room : 4096;
        Annotation *at = PyMem_RawRealloc(s->at, (size_t)room * sizeof *at);
        if (!at) { s->rle.no_memory = 1; return NULL; }
        s->at = at;
        s->room = room;
    }
    return &s->at[s->size++];
}

static const char *crowd_of(const char *at, int64_t *crowd) {
    const char *end;
    if ((end = skip_word(at, "true"))) *crowd = 1;
    else if ((end = skip_word(at, "false")) || (end = skip_word(at, "null"))) *crowd = 0;
    else if ((end = whole_of(at, crowd))) *crowd = *crowd != 0;
    return end;
}

static const char *segmentation_of(Scan *s, const char *at, Annotation *row) {
    const char *end;
    if ((end = skip_rings(at))) row->kind = RINGS;
    else if ((end = runs_of(at, &s->rle, s->depth - 1))) {
        row->kind = RUNS;
        row->height = s->rle.height;
        row->width = s->rle.width;
    } else if (!(end = skip_value(at, s->depth))) return NULL;
    row->from = at - s->text;
    row->to = end - s->text;
    return end;
}

static const char *value_of(Scan *s, const char *at, int name, Annotation *row) {
    switch (name) {
    case IMAGE: return whole_of(at, &row->image);
    case CATEGORY: return whole_of(at, &row->category);
    case ID: return whole_of(at, &row->id);
    case CROWD: return crowd_of(at, &row->crowd);
    case SEGMENTATION: return segmentation_of(s, at, row);
    default: return skip_value(at, s->depth);
    }
}

static const char *scan_row(Scan *s, const char *at) {
    static const char *const KEYS[] = {"image_id", "category_id", "id", "iscrowd", "segmentation", "bbox"};
    const unsigned needed = 1u << IMAGE | 1u << CATEGORY | 1u << ID;
    const char *begin = at;
    unsigned seen = 0;
    Annotation *row = *at == '{' ? next_row(s) : NULL;
    if (!row) return NULL;
    *row = (Annotation){.kind = ODD};
    do {
        Key key;
        if (!(at = key_of(past_space(at + 1), &key))) return NULL;
        int name = named(&key, KEYS, NAMES);
        if (!is_new(&seen, name) || !(at = value_of(s, at, name, row))) return NULL;
        at = past_space(at);
    } while (*at == ',');
    if (*at != '}' || (seen & needed) != needed) return NULL;
    if (row->kind == ODD) {
        row->from = begin - s->text;
        row->to = at + 1 - s->text;
    }
    return at + 1;
}

static const char *scan_rows(Scan *s, const char *at) {
    if (*at != '[') return NULL;
    at = past_space(at + 1);
    if (*at == ']') return at + 1;
    for (;; at = past_space(at + 1)) {
        if (!(at = scan_row(s, at))) return NULL;
        at = past_space(at);
        if (*at == ']') return at + 1;
        if (*at != ',') return NULL;
    }
}

/* The whole file; 0 where anything in it is not certain. */
static int scan_file(Scan *s, const char *at, Py_ssize_t size) {
    static const char *const SECTIONS[] = {"images", "annotations", "categories"};
    unsigned seen = 0;
    at = past_space(at);
    if (*at != '{') return 0;
    do {
        Key key;
        if (!(at = key_of(past_space(at + 1), &key))) return 0;
        int name = named(&key, SECTIONS, 3);
        const char *begin = at;
        if (!is_new(&seen, name) || !(at = name == 1 ? scan_rows(s, at) : skip_value(at, s->depth + 2))) return 0;
        if (name >= 0) {
            s->section[name][0] = begin - s->text;
            s->section[name][1] = at - s->text;
        }
        at = past_space(at);
    } while (*at == ',');
    return *at == '}' && past_space(at + 1) == s->text + size && seen == 7;
}

/* coco(text, how deep it may nest) -> (rows, images, annotations, categories: where they begin and end), or None */
static PyObject *py_coco(PyObject *Py_UNUSED(self), PyObject *args) {
    PyObject *text, *result = NULL;
    Scan s = {0};
    int certain;
    if (!PyArg_ParseTuple(args, "O!i", &PyBytes_Type, &text, &s.depth)) return NULL;
    s.text = PyBytes_AS_STRING(text);
    s.depth -= 3; /* the file's own bracket, its list's and a row's */
    Py_BEGIN_ALLOW_THREADS
    certain = scan_file(&s, s.text, PyBytes_GET_SIZE(text));
    Py_END_ALLOW_THREADS
    if (s.rle.no_memory) PyErr_NoMemory();
    else if (!certain) result = Py_NewRef(Py_None);
    else
        result = Py_BuildValue("(y#(LL)(LL)(LL))", s.at ? (char *)s.at : "", s.size * (Py_ssize_t)sizeof *s.at,
                               (long long)s.section[0][0], (long long)s.section[0][1], (long long)s.section[1][0],
                               (long long)s.section[1][1], (long long)s.section[2][0], (long long)s.section[2][1]);
    PyMem_RawFree(s.at);
    PyMem_RawFree(s.rle.counts.at);
    return result;
}
