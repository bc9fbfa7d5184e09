/* The columns of an edge that is well inside the frame from left to right: some rows together, without a branch. */
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TOGETHER 32 /* rows, a multiple of four */

/* The columns in rows from one on, where none is too near to call; up to three more than n are written. */
#ifdef __SSE2__
static int columns_of(const Edge *e, int32_t row, int32_t n, double tolerance, int32_t *out) {
    const __m128d x0 = _mm_set1_pd(e->x0), y0 = _mm_set1_pd(e->y0), slope = _mm_set1_pd(e->slope),
                  half = _mm_set1_pd(0.5), two = _mm_set1_pd(2), sign = _mm_set1_pd(-0.0),
                  limit = _mm_set1_pd(tolerance), zero = _mm_setzero_pd();
    __m128d center = _mm_set_pd(row + 1.5, row + 0.5), near = zero;
    for (int32_t i = 0; i < n; i += 4) {
        __m128d left[2], right[2];
        __m128i nearest[2];
        for (int k = 0; k < 2; k++) {
            left[k] = _mm_sub_pd(_mm_add_pd(x0, _mm_mul_pd(_mm_sub_pd(center, y0), slope)), half);
            nearest[k] = _mm_cvttpd_epi32(_mm_add_pd(left[k], half));
            __m128d apart = _mm_sub_pd(left[k], _mm_cvtepi32_pd(nearest[k]));
            near = _mm_or_pd(near, _mm_cmple_pd(_mm_andnot_pd(sign, apart), limit));
            right[k] = _mm_cmpgt_pd(apart, zero);
            center = _mm_add_pd(center, two);
        }
        __m128i more = _mm_castps_si128(
            _mm_shuffle_ps(_mm_castpd_ps(right[0]), _mm_castpd_ps(right[1]), _MM_SHUFFLE(2, 0, 2, 0)));
        _mm_storeu_si128((__m128i *)(out + i), _mm_sub_epi32(_mm_unpacklo_epi64(nearest[0], nearest[1]), more));
    }
    return !_mm_movemask_pd(near);
}
#else
static int columns_of(const Edge *e, int32_t row, int32_t n, double tolerance, int32_t *out) {
    int near = 0;
    for (int32_t i = 0; i < n; i++) {
        double left = e->x0 + (row + i + 0.5 - e->y0) * e->slope - 0.5;
        int32_t nearest = (int32_t)(left + 0.5);
        double apart = left - nearest;
        near |= fabs(apart) <= tolerance;
        out[i] = nearest + (apart > 0);
    }
    return !near;
}
#endif

/* Whether its columns are in the frame in every row, also a little beyond its ends. */
static int is_inside(const Edge *e, int32_t width) {
    return e->x0 > 1 && e->x1 > 1 && e->x0 < width - 1 && e->x1 < width - 1 && fabs(e->y0) < REACH && fabs(e->y1) < REACH;
}

/* As `cross`, for an edge that is inside; `place` and `columns` are its first row's. */
static void cross_inside(const Edge *e, int32_t width, double tolerance, Py_ssize_t *place, int32_t *columns) {
    int32_t together[TOGETHER];
    for (int32_t row = e->top, n; row < e->bottom; row += n, place += n) {
        n = e->bottom - row < TOGETHER ? e->bottom - row : TOGETHER;
        if (columns_of(e, row, n, tolerance, together))
            for (int32_t i = 0; i < n; i++) columns[place[i]++] = together[i];
        else
            for (int32_t i = 0; i < n; i++) columns[place[i]++] = column_of(e, row + i, width, tolerance);
    }
}
