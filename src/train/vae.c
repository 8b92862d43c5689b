/* train/vae.c - weights of an autoencoder, and round trips tile by tile.  A session is one
 * thread's; weights are shared. */
#include "train/vae.h"

#include <string.h>

#include "base/mem.h"
#include "nn/inference.h"
#include "train/vae_layers.h"

struct train_vae {
    char name[TRAIN_VAE_NAME_SIZE];
    char encoder_sha256[HASH_HEX_SIZE], decoder_sha256[HASH_HEX_SIZE];
    struct train_vae_shape shape;
    float *values[TRAIN_VAE_STAGE_COUNT]; /* in the order of the stage's parameters */
};

/* A network compiled for one size. */
struct compiled {
    const struct train_vae *vae; /* NULL: none yet */
    int height, width;
    struct nn_graph *graph;
    struct nn_inference *inference;
};

struct train_vae_session {
    int tile_px;
    struct compiled stages[TRAIN_VAE_STAGE_COUNT];
};

/* Weights --------------------------------------------------------------------------------- */

static enum status take_tensor(float *out, const struct nn_parameter *parameter,
                               const struct nn_safetensors *encoder,
                               const struct nn_safetensors *decoder, struct err *err)
{
    char name[NN_SAFETENSORS_NAME_SIZE];
    bool encodes = train_vae_tensor_name(name, parameter->name);
    const struct nn_named_tensor *tensor = nn_safetensors_find(encodes ? encoder : decoder, name);
    const char *half = encodes ? "encoder" : "decoder";

    if (!tensor)
        return err_set(err, ST_CORRUPT, "the %s has no tensor '%s'", half, name);
    if (tensor->dim_count != parameter->dim_count ||
        memcmp(tensor->dims, parameter->dims,
               (size_t)parameter->dim_count * sizeof *tensor->dims) != 0)
        return err_set(err, ST_CORRUPT, "tensor '%s' of the %s has another shape than the network",
                       name, half);
    memcpy(out, tensor->values, tensor->count * sizeof *out);
    return ST_OK;
}

/* Counts what it takes: a tensor that nobody takes belongs to another architecture. */
static enum status take_stage(struct train_vae *vae, enum train_vae_stage stage, int *taken,
                              const struct nn_safetensors *encoder,
                              const struct nn_safetensors *decoder, struct err *err)
{
    struct nn_graph *graph = NULL;
    enum status st =
        train_vae_graph_open(&graph, stage, &vae->shape, TRAIN_VAE_STRIDE, TRAIN_VAE_STRIDE, err);

    if (st != ST_OK)
        return st;
    vae->values[stage] = mem_alloc(graph->float_count, sizeof(float));
    for (int i = 0; i < graph->parameter_count && st == ST_OK; i++)
        st = take_tensor(vae->values[stage] + graph->parameters[i].offset, &graph->parameters[i],
                         encoder, decoder, err);
    *taken += graph->parameter_count;
    nn_graph_close(graph);
    return st;
}

static enum status read_shape(struct train_vae_shape *out, const struct nn_safetensors *decoder,
                              struct err *err)
{
    const struct nn_named_tensor *first = nn_safetensors_find(decoder, "1.weight");

    if (!first || first->dim_count != 4 || first->dims[1] > TRAIN_VAE_LATENT_MAX)
        return err_set(err, ST_CORRUPT,
                       "the decoder has no tensor '1.weight' that reads 1 to %d channels",
                       TRAIN_VAE_LATENT_MAX);
    out->latent = first->dims[1];
    out->pooled = nn_safetensors_find(decoder, "3.pool.0.weight") != NULL;
    return ST_OK;
}

static bool is_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", name[i]))
            return false;
    return len > 0 && len < TRAIN_VAE_NAME_SIZE;
}

static enum status take_weights(struct train_vae *vae, const struct nn_safetensors *encoder,
                                const struct nn_safetensors *decoder, struct err *err)
{
    int taken = 0;
    enum status st = read_shape(&vae->shape, decoder, err);

    for (int stage = 0; stage < TRAIN_VAE_STAGE_COUNT && st == ST_OK; stage++)
        st = take_stage(vae, (enum train_vae_stage)stage, &taken, encoder, decoder, err);
    if (st == ST_OK && taken != encoder->count + decoder->count)
        st = err_set(err, ST_CORRUPT, "the files hold %d tensors, the network takes %d",
                     encoder->count + decoder->count, taken);
    return st;
}

enum status train_vae_build(struct train_vae **out, const char *name,
                            const struct nn_safetensors *encoder,
                            const struct nn_safetensors *decoder, struct err *err)
{
    if (!is_name(name))
        return err_set(err, ST_INVALID,
                       "an autoencoder's name is 1 to %d of a-z, 0-9, '.', '_' and '-'",
                       TRAIN_VAE_NAME_SIZE - 1);
    struct train_vae *vae = mem_alloc(1, sizeof *vae);
    memcpy(vae->name, name, strlen(name));
    memcpy(vae->encoder_sha256, encoder->sha256, sizeof vae->encoder_sha256);
    memcpy(vae->decoder_sha256, decoder->sha256, sizeof vae->decoder_sha256);
    enum status st = take_weights(vae, encoder, decoder, err);
    if (st != ST_OK) {
        train_vae_close(vae);
        return st;
    }
    *out = vae;
    return ST_OK;
}

enum status train_vae_open(struct train_vae **out, const char *name, const char *encoder_path,
                           const char *decoder_path, struct err *err)
{
    struct nn_safetensors *encoder = NULL;
    struct nn_safetensors *decoder = NULL;
    enum status st = nn_safetensors_open(&encoder, encoder_path, err);

    if (st == ST_OK)
        st = nn_safetensors_open(&decoder, decoder_path, err);
    if (st == ST_OK)
        st = train_vae_build(out, name, encoder, decoder, err);
    nn_safetensors_close(encoder);
    nn_safetensors_close(decoder);
    return st;
}

void train_vae_close(struct train_vae *vae)
{
    if (!vae)
        return;
    for (int stage = 0; stage < TRAIN_VAE_STAGE_COUNT; stage++)
        mem_free(vae->values[stage]);
    mem_free(vae);
}

const char *train_vae_name(const struct train_vae *vae)
{
    return vae->name;
}

const char *train_vae_encoder_sha256(const struct train_vae *vae)
{
    return vae->encoder_sha256;
}

const char *train_vae_decoder_sha256(const struct train_vae *vae)
{
    return vae->decoder_sha256;
}

static int round_up(uint32_t side)
{
    return (int)((side + TRAIN_VAE_STRIDE - 1) / TRAIN_VAE_STRIDE * TRAIN_VAE_STRIDE);
}

uint64_t train_vae_multiply_adds(const struct train_vae *vae, uint32_t width, uint32_t height)
{
    uint64_t total = 0;

    for (int stage = 0; stage < TRAIN_VAE_STAGE_COUNT; stage++) {
        struct nn_graph *graph = NULL;
        int scale = stage == TRAIN_VAE_DOWN ? 1 : TRAIN_VAE_STRIDE;
        if (train_vae_graph_open(&graph, (enum train_vae_stage)stage, &vae->shape,
                                 round_up(height) / scale, round_up(width) / scale, NULL) == ST_OK)
            total += nn_graph_multiply_adds(graph);
        nn_graph_close(graph);
    }
    return total;
}

/* Sessions -------------------------------------------------------------------------------- */

static void drop(struct compiled *compiled)
{
    nn_inference_close(compiled->inference);
    nn_graph_close(compiled->graph);
    *compiled = (struct compiled){0};
}

enum status train_vae_session_open(struct train_vae_session **out, uint32_t tile_px,
                                   struct err *err)
{
    if (tile_px < TRAIN_VAE_TILE_MIN_PX || tile_px > TRAIN_VAE_TILE_MAX_PX ||
        tile_px % TRAIN_VAE_STRIDE != 0)
        return err_set(err, ST_INVALID, "a tile of %u px is no multiple of %d from %d to %d",
                       tile_px, TRAIN_VAE_STRIDE, TRAIN_VAE_TILE_MIN_PX, TRAIN_VAE_TILE_MAX_PX);
    struct train_vae_session *session = mem_alloc(1, sizeof *session);
    session->tile_px = (int)tile_px;
    *out = session;
    return ST_OK;
}

void train_vae_session_close(struct train_vae_session *session)
{
    if (!session)
        return;
    for (int stage = 0; stage < TRAIN_VAE_STAGE_COUNT; stage++)
        drop(&session->stages[stage]);
    mem_free(session);
}

/* The stage for an input of (height, width); the one at hand when it fits. */
static enum status compile(struct nn_inference **out, struct train_vae_session *session,
                           enum train_vae_stage stage, const struct train_vae *vae, int height,
                           int width, struct err *err)
{
    const struct nn_inference_options options = {.batch = 1, .precision = NN_FP32};
    struct compiled *compiled = &session->stages[stage];
    enum status st = ST_OK;

    if (compiled->vae != vae || compiled->height != height || compiled->width != width) {
        drop(compiled);
        st = train_vae_graph_open(&compiled->graph, stage, &vae->shape, height, width, err);
        if (st == ST_OK)
            st = nn_inference_open(&compiled->inference, compiled->graph, vae->values[stage],
                                   &options, err);
        if (st != ST_OK) {
            drop(compiled);
            return st;
        }
        compiled->vae = vae;
        compiled->height = height;
        compiled->width = width;
    }
    *out = compiled->inference;
    return ST_OK;
}

/* Tiles ----------------------------------------------------------------------------------- */

/* A side of `size` px in `count` windows of `window` px.  All have the same size, so that one
 * compilation serves; what is within TRAIN_VAE_REACH_PX of a window's inner edge is not used. */
struct axis {
    int size, window, count;
};

static struct axis split(int size, int tile)
{
    struct axis axis = {.size = size, .window = size, .count = 1};
    int margins = 2 * TRAIN_VAE_REACH_PX;

    if (size > tile + margins) {
        axis.count = (size - margins + tile - 1) / tile;
        axis.window = round_up((uint32_t)(size + (axis.count - 1) * margins + axis.count - 1) /
                               (uint32_t)axis.count);
    }
    return axis;
}

static int window_start(const struct axis *axis, int i)
{
    int step = axis->window - 2 * TRAIN_VAE_REACH_PX;

    return i == axis->count - 1 ? axis->size - axis->window : i * step;
}

/* The pixels [begin, end) that window i is there for. */
static int valid_begin(const struct axis *axis, int i)
{
    int step = axis->window - 2 * TRAIN_VAE_REACH_PX;

    return i == 0 ? 0 : i * step + TRAIN_VAE_REACH_PX;
}

static int valid_end(const struct axis *axis, int i)
{
    return i == axis->count - 1 ? axis->size : valid_begin(axis, i + 1);
}

/* Continues a line of `count` pixels as a mirror does, its last pixel not repeated. */
static uint32_t mirrored(uint32_t i, uint32_t count)
{
    if (count == 1)
        return 0;
    i %= 2 * (count - 1);
    return i < count ? i : 2 * (count - 1) - i;
}

/* One round trip. */
struct trip {
    const struct image *photo;
    float *out;
    struct axis x, y;
    struct nn_tensor deep_in, deep_out; /* whole, an eighth of a side */
};

static void fill_window(float *at, const struct trip *trip, int left, int top)
{
    const struct image *photo = trip->photo;

    for (int y = 0; y < trip->y.window; y++) {
        size_t row = mirrored((uint32_t)(top + y), photo->height);
        const uint8_t *from = photo->rgb + 3 * photo->width * row;
        for (int x = 0; x < trip->x.window; x++, at += 3) {
            const uint8_t *rgb = from + 3 * (size_t)mirrored((uint32_t)(left + x), photo->width);
            for (int c = 0; c < 3; c++)
                at[c] = (float)rgb[c] / 255.0f;
        }
    }
}

/* A rectangle of channels-last maps; places and sizes in positions. */
struct rectangle {
    int from_x, from_y, to_x, to_y, width, height;
};

static void copy_rectangle(const struct nn_tensor *to, const struct nn_tensor *from,
                           const struct rectangle *r)
{
    size_t channels = (size_t)from->c;

    for (int y = 0; y < r->height; y++)
        memcpy(to->at + ((size_t)(r->to_y + y) * (size_t)to->w + (size_t)r->to_x) * channels,
               from->at +
                   ((size_t)(r->from_y + y) * (size_t)from->w + (size_t)r->from_x) * channels,
               (size_t)r->width * channels * sizeof(float));
}

/* What window (i, j) is there for, in units of `scale` px, from the window's tensor to a whole one
 * of limit_x by limit_y positions. */
static struct rectangle valid_part(const struct trip *trip, int i, int j, int scale, int limit_x,
                                   int limit_y)
{
    int left = valid_begin(&trip->x, i) / scale;
    int top = valid_begin(&trip->y, j) / scale;

    return (struct rectangle){.from_x = left - window_start(&trip->x, i) / scale,
                              .from_y = top - window_start(&trip->y, j) / scale,
                              .to_x = left,
                              .to_y = top,
                              .width = MIN_OF(valid_end(&trip->x, i) / scale, limit_x) - left,
                              .height = MIN_OF(valid_end(&trip->y, j) / scale, limit_y) - top};
}

static void go_down(const struct trip *trip, struct nn_inference *down)
{
    struct nn_tensor in = nn_inference_input(down);
    struct nn_tensor out = nn_inference_output(down);

    for (int j = 0; j < trip->y.count; j++)
        for (int i = 0; i < trip->x.count; i++) {
            fill_window(in.at, trip, window_start(&trip->x, i), window_start(&trip->y, j));
            nn_inference_run(down);
            struct rectangle part =
                valid_part(trip, i, j, TRAIN_VAE_STRIDE, trip->deep_in.w, trip->deep_in.h);
            copy_rectangle(&trip->deep_in, &out, &part);
        }
}

static void go_up(const struct trip *trip, struct nn_inference *up)
{
    struct nn_tensor in = nn_inference_input(up);
    struct nn_tensor out = nn_inference_output(up);
    int width = (int)trip->photo->width;
    int height = (int)trip->photo->height;
    const struct nn_tensor whole = {.at = trip->out, .n = 1, .c = 3, .h = height, .w = width};

    for (int j = 0; j < trip->y.count; j++)
        for (int i = 0; i < trip->x.count; i++) {
            struct rectangle window = {.from_x = window_start(&trip->x, i) / TRAIN_VAE_STRIDE,
                                       .from_y = window_start(&trip->y, j) / TRAIN_VAE_STRIDE,
                                       .width = in.w,
                                       .height = in.h};
            copy_rectangle(&in, &trip->deep_out, &window);
            nn_inference_run(up);
            struct rectangle part = valid_part(trip, i, j, 1, width, height);
            copy_rectangle(&whole, &out, &part);
        }
}

enum status train_vae_round_trip(float *out, struct train_vae_session *session,
                                 const struct train_vae *vae, const struct image *photo,
                                 struct err *err)
{
    struct trip trip = {.photo = photo,
                        .out = out,
                        .x = split(round_up(photo->width), session->tile_px),
                        .y = split(round_up(photo->height), session->tile_px)};
    struct nn_inference *networks[TRAIN_VAE_STAGE_COUNT] = {NULL};
    enum status st = compile(&networks[TRAIN_VAE_DOWN], session, TRAIN_VAE_DOWN, vae, trip.y.window,
                             trip.x.window, err);

    if (st == ST_OK)
        st = compile(&networks[TRAIN_VAE_DEEP], session, TRAIN_VAE_DEEP, vae,
                     trip.y.size / TRAIN_VAE_STRIDE, trip.x.size / TRAIN_VAE_STRIDE, err);
    if (st == ST_OK)
        st = compile(&networks[TRAIN_VAE_UP], session, TRAIN_VAE_UP, vae,
                     trip.y.window / TRAIN_VAE_STRIDE, trip.x.window / TRAIN_VAE_STRIDE, err);
    if (st != ST_OK)
        return st;
    trip.deep_in = nn_inference_input(networks[TRAIN_VAE_DEEP]);
    trip.deep_out = nn_inference_output(networks[TRAIN_VAE_DEEP]);
    go_down(&trip, networks[TRAIN_VAE_DOWN]);
    nn_inference_run(networks[TRAIN_VAE_DEEP]);
    go_up(&trip, networks[TRAIN_VAE_UP]);
    return ST_OK;
}
