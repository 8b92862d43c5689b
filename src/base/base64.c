#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct bytes data)
{
    char text[256]; /* a multiple of 4 */
    size_t used = 0;

    for (size_t i = 0; i < data.len; i += 3) {
        size_t n = MIN_OF(data.len - i, (size_t)3);
        uint32_t bits = (uint32_t)data.at[i] << 16;
        if (n > 1)
            bits |= (uint32_t)data.at[i + 1] << 8;
        if (n > 2)
            bits |= data.at[i + 2];
        text[used] = alphabet[bits >> 18];
        text[used + 1] = alphabet[bits >> 12 & 63];
        text[used + 2] = n > 1 ? alphabet[bits >> 6 & 63] : '=';
        text[used + 3] = n > 2 ? alphabet[bits & 63] : '=';
        used += 4;
        if (used == sizeof text) {
            buf_add(out, text, used);
            used = 0;
        }
    }
    buf_add(out, text, used);
}

/* The six bits of each character; 255: not one of the alphabet. */
static void fill_values(uint8_t values[256])
{
    for (int i = 0; i < 256; i++)
        values[i] = 255;
    for (uint8_t i = 0; i < 64; i++)
        values[(unsigned char)alphabet[i]] = i;
}

/* The last group, of which `padding` characters are '='. */
static size_t decode_last(uint8_t *out, const uint8_t *in, const uint8_t values[256],
                          size_t padding)
{
    uint32_t bits = (uint32_t)values[in[0]] << 18 | (uint32_t)values[in[1]] << 12;

    if (padding < 2)
        bits |= (uint32_t)values[in[2]] << 6;
    out[0] = (uint8_t)(bits >> 16);
    if (padding < 2)
        out[1] = (uint8_t)(bits >> 8);
    return 3 - padding;
}

enum status base64_decode(uint8_t *at, size_t *len, struct err *err)
{
    uint8_t values[256];
    size_t padding = 0;
    size_t used = 0;

    fill_values(values);
    if (*len % 4 != 0)
        return err_set(err, ST_INVALID, "base64 of %zu characters: not a multiple of 4", *len);
    while (padding < 2 && padding < *len && at[*len - 1 - padding] == '=')
        padding++;
    size_t whole = padding ? *len - 4 : *len;
    for (size_t i = 0; i < *len - padding; i++)
        if (values[at[i]] == 255)
            return err_set(err, ST_INVALID, "base64 has an odd character at %zu", i);
    for (size_t i = 0; i < whole; i += 4) {
        uint32_t bits = (uint32_t)values[at[i]] << 18 | (uint32_t)values[at[i + 1]] << 12 |
                        (uint32_t)values[at[i + 2]] << 6 | values[at[i + 3]];
        at[used++] = (uint8_t)(bits >> 16);
        at[used++] = (uint8_t)(bits >> 8);
        at[used++] = (uint8_t)bits;
    }
    if (padding)
        used += decode_last(at + used, at + whole, values, padding);
    *len = used;
    return ST_OK;
}
