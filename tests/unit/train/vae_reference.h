/* tests/unit/train/vae_reference.h - the round trip of a tiny autoencoder in plain double loops, by
 * tensor name, written from the description of the architecture and not from our layer table. */
#pragma once

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "nn/safetensors.h"

struct plain_map {
    int c, h, w;
    double *at; /* (c, h, w) */
};

static inline struct plain_map plain_new(int c, int h, int w)
{
    return (struct plain_map){c, h, w, mem_alloc((size_t)(c * h * w), sizeof(double))};
}

static inline size_t plain_count(const struct plain_map *m)
{
    return (size_t)m->c * (size_t)m->h * (size_t)m->w;
}

static inline double plain_at(const struct plain_map *m, int c, int y, int x)
{
    if (y < 0 || x < 0 || y >= m->h || x >= m->w)
        return 0;
    return m->at[((size_t)c * (size_t)m->h + (size_t)y) * (size_t)m->w + (size_t)x];
}

static inline const struct nn_named_tensor *plain_tensor(const struct nn_safetensors *file,
                                                         const char *name, const char *suffix)
{
    char full[64];

    (void)snprintf(full, sizeof full, "%s.%s", name, suffix);
    return nn_safetensors_find(file, full);
}

static inline double plain_dot(const struct plain_map *in, const float *weight, int kernel, int y,
                               int x)
{
    double sum = 0;

    for (int c = 0; c < in->c; c++)
        for (int ky = 0; ky < kernel; ky++)
            for (int kx = 0; kx < kernel; kx++)
                sum += (double)weight[(c * kernel + ky) * kernel + kx] *
                       plain_at(in, c, y + ky - kernel / 2, x + kx - kernel / 2);
    return sum;
}

/* Frees `in`. */
static inline struct plain_map plain_conv(struct plain_map in, const struct nn_safetensors *file,
                                          const char *name, int stride)
{
    const struct nn_named_tensor *weight = plain_tensor(file, name, "weight");
    const struct nn_named_tensor *bias = plain_tensor(file, name, "bias");
    int kernel = weight->dims[2];
    size_t each = (size_t)(in.c * kernel * kernel);
    struct plain_map out =
        plain_new(weight->dims[0], (in.h + stride - 1) / stride, (in.w + stride - 1) / stride);

    for (int c = 0; c < out.c; c++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++)
                out.at[((size_t)c * (size_t)out.h + (size_t)y) * (size_t)out.w + (size_t)x] =
                    (bias ? (double)bias->values[c] : 0) +
                    plain_dot(&in, weight->values + (size_t)c * each, kernel, y * stride,
                              x * stride);
    mem_free(in.at);
    return out;
}

static inline void plain_relu(struct plain_map *m)
{
    for (size_t i = 0; i < plain_count(m); i++)
        m->at[i] = fmax(m->at[i], 0);
}

static inline struct plain_map plain_copy(const struct plain_map *m)
{
    struct plain_map copy = plain_new(m->c, m->h, m->w);

    memcpy(copy.at, m->at, plain_count(m) * sizeof(double));
    return copy;
}

/* to += from; frees `from`. */
static inline void plain_add(struct plain_map *to, struct plain_map from)
{
    for (size_t i = 0; i < plain_count(to); i++)
        to->at[i] += from.at[i];
    mem_free(from.at);
}

static inline void plain_group_norm(struct plain_map *m, const struct nn_safetensors *file,
                                    const char *name, int groups)
{
    const float *scale = plain_tensor(file, name, "weight")->values;
    const float *shift = plain_tensor(file, name, "bias")->values;
    size_t each = plain_count(m) / (size_t)groups;
    size_t pixels = (size_t)(m->h * m->w);

    for (size_t g = 0; g < (size_t)groups; g++) {
        double *at = m->at + g * each;
        double mean = 0;
        double variance = 0;
        for (size_t i = 0; i < each; i++)
            mean += at[i] / (double)each;
        for (size_t i = 0; i < each; i++)
            variance += (at[i] - mean) * (at[i] - mean) / (double)each;
        for (size_t i = 0; i < each; i++) {
            size_t c = (g * each + i) / pixels;
            at[i] = (at[i] - mean) / sqrt(variance + 1e-5) * (double)scale[c] + (double)shift[c];
        }
    }
}

static inline struct plain_map plain_block(struct plain_map x, const struct nn_safetensors *file,
                                           int number)
{
    char name[32];
    struct plain_map y;

    (void)snprintf(name, sizeof name, "%d.pool.0", number);
    if (plain_tensor(file, name, "weight")) {
        y = plain_conv(plain_copy(&x), file, name, 1);
        (void)snprintf(name, sizeof name, "%d.pool.1", number);
        plain_group_norm(&y, file, name, 4);
        plain_relu(&y);
        (void)snprintf(name, sizeof name, "%d.pool.3", number);
        plain_add(&x, plain_conv(y, file, name, 1));
    }
    y = plain_copy(&x);
    for (int i = 0; i <= 4; i += 2) {
        (void)snprintf(name, sizeof name, "%d.conv.%d", number, i);
        y = plain_conv(y, file, name, 1);
        if (i < 4)
            plain_relu(&y);
    }
    plain_add(&y, x);
    plain_relu(&y);
    return y;
}

static inline struct plain_map plain_double(struct plain_map in)
{
    struct plain_map out = plain_new(in.c, 2 * in.h, 2 * in.w);
    size_t i = 0;

    for (int c = 0; c < out.c; c++)
        for (int y = 0; y < out.h; y++)
            for (int x = 0; x < out.w; x++)
                out.at[i++] = plain_at(&in, c, y / 2, x / 2);
    mem_free(in.at);
    return out;
}

/* Frees `in`, RGB in 0..1 with sides that are multiples of 8. */
static inline struct plain_map plain_round_trip(struct plain_map in,
                                                const struct nn_safetensors *encoder,
                                                const struct nn_safetensors *decoder)
{
    static const int downs[] = {2, 6, 10};
    static const int ups[] = {7, 12, 17};
    char name[16];
    struct plain_map m = plain_block(plain_conv(in, encoder, "0", 1), encoder, 1);

    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%d", downs[i]);
        m = plain_conv(m, encoder, name, 2);
        for (int k = 1; k <= 3; k++)
            m = plain_block(m, encoder, downs[i] + k);
    }
    m = plain_conv(m, encoder, "14", 1);
    for (size_t i = 0; i < plain_count(&m); i++)
        m.at[i] = tanh(m.at[i] / 3) * 3;
    m = plain_conv(m, decoder, "1", 1);
    plain_relu(&m);
    for (int i = 0; i < 3; i++) {
        for (int k = 4; k >= 2; k--)
            m = plain_block(m, decoder, ups[i] - k);
        (void)snprintf(name, sizeof name, "%d", ups[i]);
        m = plain_conv(plain_double(m), decoder, name, 1);
    }
    return plain_conv(plain_block(m, decoder, 18), decoder, "19", 1);
}
