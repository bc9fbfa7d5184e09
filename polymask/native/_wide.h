/* The sign of a sum of products of any two finite float64, exactly: whole numbers as wide as all of them.
 * Source: U. Kulisch, "Advanced Arithmetic for the Digital Computer", 2002 (the long accumulator).
 */
#ifndef POLYMASK_WIDE_H
#define POLYMASK_WIDE_H

#include "_common.h"

#define LIMBS 144  /* of 32 bits: twice the exponents' range, and the products' own bits */
#define LOWEST 1152 /* added to every exponent, so that none is negative */

typedef struct { int64_t limb[LIMBS]; int first, behind; } Wide; /* which limbs are not zero */
typedef struct { uint64_t limb[3]; int place, negative; } Factor;

/* |v| as three limbs from a place on. */
static Factor factor_of(double v) {
    int exponent;
    uint64_t whole = (uint64_t)ldexp(fabs(frexp(v, &exponent)), 53);
    unsigned place = (unsigned)(exponent - 53 + LOWEST), shift = place % 32;
    uint64_t low = (whole & UINT32_MAX) << shift, high = ((whole >> 32) << shift) + (low >> 32);
    return (Factor){{low & UINT32_MAX, high & UINT32_MAX, high >> 32}, (int)(place / 32), v < 0};
}

/* Add a * b; of six products no limb overflows. */
static void add_product(Wide *w, double a, double b) {
    if (a == 0 || b == 0) return;
    Factor x = factor_of(a), y = factor_of(b);
    int64_t sign = x.negative == y.negative ? 1 : -1;
    int place = x.place + y.place;
    if (w->behind == 0 || place < w->first) w->first = place;
    if (place + 6 > w->behind) w->behind = place + 6;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            uint64_t product = x.limb[i] * y.limb[j];
            int64_t *at = w->limb + place + i + j;
            at[0] += sign * (int64_t)(product & UINT32_MAX);
            at[1] += sign * (int64_t)(product >> 32);
        }
}

static int is_positive(const Wide *w) {
    int64_t carry = 0, some = 0;
    for (int i = w->first; i < w->behind; i++) {
        int64_t sum = w->limb[i] + carry, low = sum & UINT32_MAX;
        some |= low;
        carry = (sum - low) / (INT64_C(1) << 32);
    }
    return carry > 0 || (carry == 0 && some);
}

#endif
