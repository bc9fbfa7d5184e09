/* What Python calls to merge spans: checks of what comes in, and what goes out. */
#include "_sweep.h"

static void free_merge(Merge *m) {
    PyMem_RawFree(m->ends);
    PyMem_RawFree(m->spare);
    PyMem_RawFree(m->word[0]);
    PyMem_RawFree(m->held.at);
    PyMem_RawFree(m->sorted.at);
    PyMem_RawFree(m->places.at);
    PyMem_RawFree(m->pixels);
    free_painted(&m->out);
    free_claiming(&m->claiming);
}

/* Make ready for another image, after one that was merged to its end. */
static void begin_merge(Merge *m) {
    Claiming *c = &m->claiming;
    m->out.size = m->n = 0;
    m->labeled = m->contested = c->work = 0;
    c->kinds = c->listed = 0;
    if (c->room) memset(c->slots, 0xff, (size_t)c->room * 2 * sizeof *c->slots);
}

static void begin_shares(Shares *s) {
    s->size = 0;
    if (s->room) memset(s->at, 0, (size_t)s->room * sizeof *s->at);
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
static PyObject *painted_arrays(const Painted *p) {
    const Py_ssize_t n = p->size * (Py_ssize_t)sizeof *p->row;
    if (!n) return Py_BuildValue("(y#y#y#y#)", "", n, "", n, "", n, "", n);
    return Py_BuildValue("(y#y#y#y#)", (char *)p->row, n, (char *)p->start, n, (char *)p->stop, n, (char *)p->value, n / 2);
}

/* Make ready for the claims of so many labels. */
static int begin_claims(Merge *m, Py_ssize_t labels, Py_ssize_t most) {
    m->claiming.most_work = most < INT64_MAX / COUNTED ? COUNTED * (int64_t)most : INT64_MAX;
    return labels >= m->claiming.labels ? label_room(&m->claiming, labels) : 0;
}

static Outcome merged(const Scene *s, Py_ssize_t total, Py_ssize_t labels, const int64_t *group_of, Py_ssize_t most,
                      Merge *m, Shares *shares) {
    if (begin_claims(m, labels, most)) return NO_MEMORY;
    Outcome outcome = merge_spans(s, total, m);
    return outcome == DONE ? share_pairs(&m->claiming, group_of, most, shares) : outcome;
}

static PyObject *merge_result(const Merge *m, const Shares *shares, Py_ssize_t values) {
    PyObject *painted = painted_arrays(&m->out);
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
