#include "train/vae_layers.h"

#include <stdio.h>

#include "base/buf.h"

enum kind {
    CONV,  /* 3x3 with bias: from pixels, to the latent, to pixels */
    RELU,  /* the same, with relu */
    DOWN,  /* 3x3 with stride 2, no bias */
    BLOCK, /* relu(conv(relu(conv(relu(conv x)))) + x) */
    DEEP,  /* a block at an eighth: may add a branch to x first */
    CLAMP, /* 3 tanh(x / 3) */
    UP,    /* nearest, then 3x3 without bias */
};

enum width { FULL, LATENT, PIXELS }; /* channels that a layer gives */

/* In the order of the round trip; `number` is the one in the tensors' names. */
static const struct layer {
    enum train_vae_stage stage;
    char half; /* 'e' or 'd' */
    int number;
    enum kind kind;
    enum width width;
} layers[] = {
    {TRAIN_VAE_DOWN, 'e', 0, CONV, FULL},    {TRAIN_VAE_DOWN, 'e', 1, BLOCK, FULL},
    {TRAIN_VAE_DOWN, 'e', 2, DOWN, FULL},    {TRAIN_VAE_DOWN, 'e', 3, BLOCK, FULL},
    {TRAIN_VAE_DOWN, 'e', 4, BLOCK, FULL},   {TRAIN_VAE_DOWN, 'e', 5, BLOCK, FULL},
    {TRAIN_VAE_DOWN, 'e', 6, DOWN, FULL},    {TRAIN_VAE_DOWN, 'e', 7, BLOCK, FULL},
    {TRAIN_VAE_DOWN, 'e', 8, BLOCK, FULL},   {TRAIN_VAE_DOWN, 'e', 9, BLOCK, FULL},
    {TRAIN_VAE_DOWN, 'e', 10, DOWN, FULL},   {TRAIN_VAE_DEEP, 'e', 11, DEEP, FULL},
    {TRAIN_VAE_DEEP, 'e', 12, DEEP, FULL},   {TRAIN_VAE_DEEP, 'e', 13, DEEP, FULL},
    {TRAIN_VAE_DEEP, 'e', 14, CONV, LATENT}, {TRAIN_VAE_DEEP, 'd', 0, CLAMP, LATENT},
    {TRAIN_VAE_DEEP, 'd', 1, RELU, FULL},    {TRAIN_VAE_DEEP, 'd', 3, DEEP, FULL},
    {TRAIN_VAE_DEEP, 'd', 4, DEEP, FULL},    {TRAIN_VAE_DEEP, 'd', 5, DEEP, FULL},
    {TRAIN_VAE_UP, 'd', 7, UP, FULL},        {TRAIN_VAE_UP, 'd', 8, BLOCK, FULL},
    {TRAIN_VAE_UP, 'd', 9, BLOCK, FULL},     {TRAIN_VAE_UP, 'd', 10, BLOCK, FULL},
    {TRAIN_VAE_UP, 'd', 12, UP, FULL},       {TRAIN_VAE_UP, 'd', 13, BLOCK, FULL},
    {TRAIN_VAE_UP, 'd', 14, BLOCK, FULL},    {TRAIN_VAE_UP, 'd', 15, BLOCK, FULL},
    {TRAIN_VAE_UP, 'd', 17, UP, FULL},       {TRAIN_VAE_UP, 'd', 18, BLOCK, FULL},
    {TRAIN_VAE_UP, 'd', 19, CONV, PIXELS},
};

#define POOL_CHANNELS 256
#define POOL_GROUPS   4
#define CLAMP_LIMIT   3

static int channels_of(enum width width, const struct train_vae_shape *shape)
{
    return width == FULL ? TRAIN_VAE_CHANNELS : width == LATENT ? shape->latent : 3;
}

/* `last` names what the block reads, and then what it gives. */
static void add_block(struct buf *text, char last[NN_NAME_SIZE], const char *name, bool pooled)
{
    if (pooled) {
        buf_printf(text, "conv %s-pool-0 out=%d kernel=1\n", name, POOL_CHANNELS);
        buf_printf(text, "group_norm %s-pool-1 groups=%d relu\n", name, POOL_GROUPS);
        buf_printf(text, "conv %s-pool-3 out=%d kernel=1 add=%s\n", name, TRAIN_VAE_CHANNELS, last);
        (void)snprintf(last, NN_NAME_SIZE, "%s-pool-3", name);
    }
    buf_printf(text, "conv %s-conv-0 out=%d kernel=3 bias relu\n", name, TRAIN_VAE_CHANNELS);
    buf_printf(text, "conv %s-conv-2 out=%d kernel=3 bias relu\n", name, TRAIN_VAE_CHANNELS);
    buf_printf(text, "conv %s-conv-4 out=%d kernel=3 bias add=%s relu\n", name, TRAIN_VAE_CHANNELS,
               last);
    (void)snprintf(last, NN_NAME_SIZE, "%s-conv-4", name);
}

static void add_layer(struct buf *text, char last[NN_NAME_SIZE], const struct layer *layer,
                      const struct train_vae_shape *shape)
{
    int out = channels_of(layer->width, shape);
    char name[8];

    (void)snprintf(name, sizeof name, "%c%d", layer->half, layer->number);
    switch (layer->kind) {
    case CONV:
    case RELU:
        buf_printf(text, "conv %s out=%d kernel=3 bias%s\n", name, out,
                   layer->kind == RELU ? " relu" : "");
        break;
    case DOWN:
        buf_printf(text, "conv %s out=%d kernel=3 stride=2\n", name, out);
        break;
    case BLOCK:
    case DEEP:
        add_block(text, last, name, layer->kind == DEEP && shape->pooled);
        return;
    case CLAMP:
        buf_printf(text, "soft_clamp %s limit=%d\n", name, CLAMP_LIMIT);
        break;
    case UP:
        buf_printf(text, "upsample %s-double\nconv %s out=%d kernel=3\n", name, name, out);
        break;
    }
    (void)snprintf(last, NN_NAME_SIZE, "%s", name);
}

enum status train_vae_graph_open(struct nn_graph **out, enum train_vae_stage stage,
                                 const struct train_vae_shape *shape, int height, int width,
                                 struct err *err)
{
    char last[NN_NAME_SIZE] = "x";
    struct buf text;

    buf_init(&text, NN_TEXT_MAX);
    buf_printf(&text, "input x channels=%d height=%d width=%d\n",
               stage == TRAIN_VAE_DOWN ? 3 : TRAIN_VAE_CHANNELS, height, width);
    for (size_t i = 0; i < ARRAY_LEN(layers); i++)
        if (layers[i].stage == stage)
            add_layer(&text, last, &layers[i], shape);
    enum status st = buf_check(&text, "the autoencoder's description", err);
    if (st == ST_OK)
        st = nn_graph_open(out, buf_str(&text), err);
    buf_fini(&text);
    return st;
}

bool train_vae_tensor_name(char out[NN_SAFETENSORS_NAME_SIZE], const char *parameter)
{
    size_t len = 0;

    for (const char *at = parameter + 1; *at && len + 1 < NN_SAFETENSORS_NAME_SIZE; at++)
        out[len++] = *at == '-' ? '.' : *at;
    out[len] = '\0';
    return parameter[0] == 'e';
}
