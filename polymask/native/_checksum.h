/* Adler-32 of rows, by arithmetic over their runs: a part of _scanlines.h. Source: RFC 1950. */
/* The sums of a row's bytes: plain, and each as often as there are bytes from it to the row's end. */
static Adler row_sums(const Scanlines *s) {
    const Row *row = &s->here;
    Adler sum = {0, 0};
    int32_t at = 0;
    for (Py_ssize_t i = 0; i < row->size; at = row->stop[i++]) {
        uint8_t bytes[4] = {(uint8_t)row->value[i]};
        uint64_t plain = bytes[0], last = plain, n = (uint64_t)(row->stop[i] - at), behind = (uint64_t)(s->width - at - 1);
        if (s->pixel > 1 || s->table) {
            pixel_bytes(s, row->value[i], bytes);
            plain = last = 0;
            for (int k = 0; k < s->pixel; k++) { plain += bytes[k]; last += (uint64_t)(s->pixel - k) * bytes[k]; }
        }
        if (!plain) continue;
        uint64_t reach = n * behind - n * (n - 1) / 2; /* below 2 ** 32 in rows of up to 65,536 pixels */
        sum.a += n * plain;
        sum.b += plain * (uint64_t)s->pixel * (s->width > 65536 ? reach % ADLER : reach) + n * last;
    }
    return sum;
}

/* The checksum goes on over this row, `times` times. */
static void sum_row(Scanlines *s, uint64_t times) {
    Adler row = row_sums(s);
    if (times == 1) {
        s->sum.b = (s->sum.b + (uint64_t)s->stride * s->sum.a + row.b) % ADLER;
        s->sum.a = (s->sum.a + row.a) % ADLER;
        return;
    }
    row.a %= ADLER;
    row.b %= ADLER;
    uint64_t stride = (uint64_t)s->stride % ADLER, n = times % ADLER;
    uint64_t before = (times % 2 ? times % ADLER * ((times - 1) / 2 % ADLER) : times / 2 % ADLER * ((times - 1) % ADLER)) % ADLER;
    s->sum.b = (s->sum.b + n * s->sum.a % ADLER * stride + stride * row.a % ADLER * before + n * row.b) % ADLER;
    s->sum.a = (s->sum.a + n * row.a) % ADLER;
}
