/* tests/support/synthetic_vae.h - a tiny autoencoder with made-up weights, as two safetensors
 * files: the real architecture and names, so that no weights of others are needed. */
#pragma once

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/rng.h"

struct synthetic_vae {
    int latent;
    bool pooled; /* with the normalised branches of FLUX.2, as F16; else BF16 */
    uint64_t seed;
};

/* Header and data of one file while it is made. */
struct synthetic_half {
    const struct synthetic_vae *vae;
    struct buf header, data;
    struct rng rng;
};

static inline uint16_t synthetic_number(const struct synthetic_vae *vae, float value)
{
    uint32_t bits = 0;

    memcpy(&bits, &value, sizeof bits);
    if (!vae->pooled)
        return (uint16_t)(bits >> 16);
    int exponent = (int)(bits >> 23 & 255) - 112; /* of a half; too small is cut to zero */
    if (exponent < 1)
        return 0;
    return (uint16_t)((bits >> 16 & 0x8000) | (uint32_t)exponent << 10 | (bits >> 13 & 1023));
}

static inline void synthetic_tensor(struct synthetic_half *half, const char *name,
                                    const char *shape, size_t count, double deviation, double mean)
{
    size_t begin = half->data.len;

    for (size_t i = 0; i < count; i++) {
        uint16_t number =
            synthetic_number(half->vae, (float)(mean + deviation * rng_normal(&half->rng)));
        buf_add(&half->data, &number, sizeof number);
    }
    buf_printf(&half->header,
               "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
               half->header.len ? "," : "{", name, half->vae->pooled ? "F16" : "BF16", shape, begin,
               half->data.len);
}

static inline void synthetic_conv(struct synthetic_half *half, const char *name, int out, int in,
                                  int kernel, bool bias, double gain)
{
    char full[64];
    char shape[64];
    double fan_in = in * kernel * kernel;

    (void)snprintf(full, sizeof full, "%s.weight", name);
    (void)snprintf(shape, sizeof shape, "%d,%d,%d,%d", out, in, kernel, kernel);
    synthetic_tensor(half, full, shape, (size_t)(out * in * kernel * kernel),
                     gain * sqrt(2 / fan_in), 0);
    (void)snprintf(full, sizeof full, "%s.bias", name);
    (void)snprintf(shape, sizeof shape, "%d", out);
    if (bias)
        synthetic_tensor(half, full, shape, (size_t)out, 0.1, 0.05);
}

static inline void synthetic_block(struct synthetic_half *half, int number, bool pooled)
{
    char name[32];

    for (int i = 0; i <= 4; i += 2) {
        (void)snprintf(name, sizeof name, "%d.conv.%d", number, i);
        synthetic_conv(half, name, 64, 64, 3, true, i == 4 ? 0.3 : 1);
    }
    if (!pooled)
        return;
    (void)snprintf(name, sizeof name, "%d.pool.0", number);
    synthetic_conv(half, name, 256, 64, 1, false, 1);
    (void)snprintf(name, sizeof name, "%d.pool.1.weight", number);
    synthetic_tensor(half, name, "256", 256, 0.2, 1);
    (void)snprintf(name, sizeof name, "%d.pool.1.bias", number);
    synthetic_tensor(half, name, "256", 256, 0.2, 0);
    (void)snprintf(name, sizeof name, "%d.pool.3", number);
    synthetic_conv(half, name, 64, 256, 1, false, 0.3);
}

static inline void synthetic_encoder(struct synthetic_half *half)
{
    synthetic_conv(half, "0", 64, 3, 3, true, 1);
    synthetic_conv(half, "14", half->vae->latent, 64, 3, true, 1);
    synthetic_conv(half, "2", 64, 64, 3, false, 0.7);
    synthetic_conv(half, "6", 64, 64, 3, false, 0.7);
    synthetic_conv(half, "10", 64, 64, 3, false, 0.7);
    for (int i = 1; i <= 13; i++)
        if (i != 2 && i != 6 && i != 10)
            synthetic_block(half, i, half->vae->pooled && i > 10);
}

static inline void synthetic_decoder(struct synthetic_half *half)
{
    synthetic_conv(half, "1", 64, half->vae->latent, 3, true, 1);
    synthetic_conv(half, "7", 64, 64, 3, false, 0.7);
    synthetic_conv(half, "12", 64, 64, 3, false, 0.7);
    synthetic_conv(half, "17", 64, 64, 3, false, 0.7);
    synthetic_conv(half, "19", 3, 64, 3, true, 0.2);
    for (int i = 3; i <= 18; i++)
        if (i != 6 && i != 7 && i != 11 && i != 12 && i != 16 && i != 17)
            synthetic_block(half, i, half->vae->pooled && i < 6);
}

/* Whole file in *out, freed with buf_fini by the caller. */
static inline void synthetic_vae_file(struct buf *out, const struct synthetic_vae *vae,
                                      bool encoder)
{
    struct synthetic_half half = {.vae = vae, .rng = rng_derive(vae->seed, encoder)};
    uint8_t length[8] = {0};

    buf_init(&half.header, 1u << 20);
    buf_init(&half.data, 16u << 20);
    buf_init(out, 16u << 20);
    if (encoder)
        synthetic_encoder(&half);
    else
        synthetic_decoder(&half);
    buf_add_str(&half.header, "}");
    for (size_t i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)((uint64_t)half.header.len >> (8 * i));
    buf_add(out, length, sizeof length);
    buf_add(out, half.header.at, half.header.len);
    buf_add(out, half.data.at, half.data.len);
    REQUIRE(buf_check(out, "a file", NULL) == ST_OK);
    buf_fini(&half.header);
    buf_fini(&half.data);
}
