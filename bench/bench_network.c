/* bench/bench_network.c - our side of the network benchmarks, a process that waits for orders:
 *     bench_network MODEL FOLDER CROP_COUNT [PHOTO...]
 * MODEL: weights (.safetensors), or a network description with made-up weights.  Writes to FOLDER
 * what the peers read: model.safetensors, crops.bin, and output_aidetect.bin to compare
 * with theirs.  Then "run peak|inference|bf16|int8|training N" on standard input is answered with
 * seconds of thread CPU and floating-point operations in 10^9, or "absent" where the processor
 * lacks a precision.  One thread. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "detect/convention.h"
#include "detect/crops.h"
#include "detect/frontend.h"
#include "fma.h"
#include "image/image.h"
#include "nn/inference.h"
#include "nn/loss.h"
#include "nn/optimizer.h"
#include "nn/training.h"

#define PATH_SIZE      1024
#define ARENA_BYTES    ((size_t)512 << 20)
#define TRAINING_BATCH 16 /* as in train/config.c */
#define CROPS_MAX      256

struct bench {
    char folder[PATH_SIZE - 64];
    struct nn_graph *graph;
    float *values;
    float *crops;
    int crop_count;
    size_t crop_floats;
    struct nn_inference *inference;
    struct nn_inference *shorter[NN_PRECISION_COUNT]; /* NULL: absent */
    struct nn_training *training;
    struct nn_optimizer optimizer;
    struct arena *arena; /* photos */
    int64_t step;
};

static const char *path_in(char out[PATH_SIZE], const struct bench *bench, const char *name)
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", bench->folder, name);
    return out;
}

/* Model ----------------------------------------------------------------------------------- */

/* Weights as after some training: norms are not the identity, so that folding them matters. */
static void make_up_values(struct bench *bench)
{
    const struct nn_graph *graph = bench->graph;
    struct rng rng = rng_seed(1);

    nn_graph_initialise(bench->values, graph, &rng);
    for (int i = 0; i < graph->parameter_count; i++) {
        const struct nn_parameter *parameter = &graph->parameters[i];
        for (size_t k = 0; k < parameter->count && parameter->dim_count == 1; k++)
            bench->values[parameter->offset + k] += (float)rng_range(&rng, 0.1, 0.4);
    }
}

static enum status save_made_up(const struct bench *bench, const char *path, struct err *err)
{
    const struct detect_convention convention = {.version = "bench",
                                                 .crop_side = bench->graph->nodes[0].height,
                                                 .crop_count = 6,
                                                 .scale = 1,
                                                 .threshold = 0.5};
    struct nn_metadata metadata[DETECT_CONVENTION_KEYS];
    char text[DETECT_CONVENTION_KEYS][DETECT_CONVENTION_TEXT];

    int count = detect_convention_write(metadata, text, &convention);
    return nn_weights_save(path, bench->graph, bench->values, metadata, count, err);
}

static enum status load_description(struct bench *bench, const char *path, struct err *err)
{
    char target[PATH_SIZE];
    struct bytes text;
    enum status st = fs_read(&text, path, NN_TEXT_MAX, err);

    if (st != ST_OK)
        return st;
    struct str description = {.at = (const char *)text.at, .len = text.len};
    st = nn_graph_open(&bench->graph, description, err);
    mem_free((void *)(uintptr_t)text.at);
    if (st != ST_OK)
        return st;
    bench->values = mem_alloc(bench->graph->float_count, sizeof(float));
    make_up_values(bench);
    return save_made_up(bench, path_in(target, bench, "model.safetensors"), err);
}

static enum status load_weights(struct bench *bench, const char *path, struct err *err)
{
    char target[PATH_SIZE];
    struct nn_weights *weights = NULL;
    enum status st = nn_weights_open(&weights, path, err);

    if (st != ST_OK)
        return st;
    st = nn_graph_open(&bench->graph, str_of(weights->graph->text), err);
    if (st == ST_OK) {
        bench->values = mem_alloc(bench->graph->float_count, sizeof(float));
        memcpy(bench->values, weights->values, bench->graph->float_count * sizeof(float));
        st = nn_weights_save(path_in(target, bench, "model.safetensors"), weights->graph,
                             weights->values, weights->metadata, weights->metadata_count, err);
    }
    nn_weights_close(weights);
    return st;
}

static enum status load_model(struct bench *bench, const char *path, struct err *err)
{
    const char *dot = strrchr(path, '.');
    enum status st = dot && strcmp(dot, ".safetensors") == 0 ? load_weights(bench, path, err)
                                                             : load_description(bench, path, err);

    return st;
}

/* Crops ----------------------------------------------------------------------------------- */

/* The photo's most textured crop, as the detector sees it. */
static enum status crop_photo(float *out, struct bench *bench, const char *path, struct err *err)
{
    uint32_t side = (uint32_t)bench->graph->nodes[0].height;
    size_t wide = (size_t)side + 2 * DETECT_FRONTEND_MARGIN;
    uint8_t *window = ARENA_NEW(bench->arena, uint8_t, wide * wide * 3);
    float *scratch = ARENA_NEW(bench->arena, float, detect_frontend_scratch_floats((int)side));
    struct detect_place place;
    struct image photo;
    struct bytes file;
    size_t count = 0;
    float texture = 0;
    enum status st = fs_read(&file, path, image_limits_default.bytes_max, err);

    if (st != ST_OK)
        return st;
    REQUIRE(window && scratch);
    st = image_decode(&photo, NULL, file, &image_limits_default, bench->arena, err);
    if (st == ST_OK)
        st = detect_crops_choose(&place, 1, &count, &texture, &photo, side, bench->arena, err);
    if (st == ST_OK) {
        detect_crops_window(window, &photo, place, side, DETECT_FRONTEND_MARGIN);
        detect_frontend_apply(out, window, (int)side, scratch);
    }
    mem_free((void *)(uintptr_t)file.at);
    arena_reset(bench->arena);
    return st;
}

/* Crops of photos as far as there are any, then normal noise. */
static enum status make_crops(struct bench *bench, char **photos, int photo_count, struct err *err)
{
    const struct nn_node *input = &bench->graph->nodes[0];
    char path[PATH_SIZE];
    struct rng rng = rng_seed(2);
    bool fits = input->channels == DETECT_FRONTEND_CHANNELS;

    bench->crop_floats = (size_t)input->channels * (size_t)input->height * (size_t)input->width;
    bench->crops = mem_alloc(bench->crop_floats * (size_t)bench->crop_count, sizeof(float));
    for (int i = 0; i < bench->crop_count; i++) {
        float *crop = bench->crops + (size_t)i * bench->crop_floats;
        for (size_t k = 0; k < bench->crop_floats; k++)
            crop[k] = (float)rng_normal(&rng);
        if (i < photo_count && fits) {
            enum status st = crop_photo(crop, bench, photos[i], err);
            if (st != ST_OK) {
                err_prefix(err, "'%.80s'", photos[i]);
                return err->code;
            }
        }
    }
    struct bytes all = {.at = (const uint8_t *)bench->crops,
                        .len = bench->crop_floats * (size_t)bench->crop_count * sizeof(float)};
    return fs_write(path_in(path, bench, "crops.bin"), all, err);
}

static void infer(struct bench *bench, int crop)
{
    memcpy(nn_inference_input(bench->inference).at,
           bench->crops + (size_t)(crop % bench->crop_count) * bench->crop_floats,
           bench->crop_floats * sizeof(float));
    nn_inference_run(bench->inference);
}

static enum status write_outputs(struct bench *bench, struct err *err)
{
    struct nn_tensor output = nn_inference_output(bench->inference);
    size_t bytes = nn_tensor_count(&output) * sizeof(float);
    char path[PATH_SIZE];
    struct buf all;

    buf_init(&all, bytes * (size_t)bench->crop_count);
    for (int i = 0; i < bench->crop_count; i++) {
        infer(bench, i);
        buf_add(&all, output.at, bytes);
    }
    enum status st = buf_check(&all, "the outputs", err);
    if (st == ST_OK)
        st = fs_write(path_in(path, bench, "output_aidetect.bin"), buf_bytes(&all), err);
    buf_fini(&all);
    return st;
}

/* Work ------------------------------------------------------------------------------------ */

/* The loss of an example's map averaged over its places; its gradient spread over them. */
static void lose(const struct nn_tensor *gradient, const struct nn_tensor *output, int example)
{
    int places = output->h * output->w;
    size_t first = (size_t)example * (size_t)(places * output->c);
    float row[16] = {0};

    REQUIRE((size_t)output->c <= ARRAY_LEN(row));
    for (int i = 0; i < places; i++)
        for (int c = 0; c < output->c; c++)
            row[c] += output->at[first + (size_t)(i * output->c + c)];
    for (int c = 0; c < output->c; c++) {
        (void)nn_loss_binary(&row[c], row[c] / (float)places, c % 2 ? 1.0f : 0.0f);
        row[c] /= (float)(places * output->n * output->c);
    }
    for (int i = 0; i < places; i++)
        for (int c = 0; c < output->c; c++)
            gradient->at[first + (size_t)(i * output->c + c)] = row[c];
}

/* A step as the trainer makes it: forward, loss, backward, optimiser. */
static void train(struct bench *bench)
{
    struct nn_tensor input = nn_training_input(bench->training);
    struct nn_tensor output = nn_training_output(bench->training);
    struct nn_tensor gradient = nn_training_output_gradient(bench->training);

    for (int i = 0; i < TRAINING_BATCH; i++)
        memcpy(input.at + (size_t)i * bench->crop_floats,
               bench->crops + (size_t)(i % bench->crop_count) * bench->crop_floats,
               bench->crop_floats * sizeof(float));
    nn_training_forward(bench->training);
    for (int i = 0; i < TRAINING_BATCH; i++)
        lose(&gradient, &output, i);
    nn_training_backward(bench->training);
    nn_optimizer_step(&bench->optimizer, bench->values, nn_training_gradients(bench->training),
                      1e-4f, ++bench->step, 0, bench->graph->trained_count);
}

static enum status open_network(struct bench *bench, struct err *err)
{
    const struct nn_inference_options options = {.batch = 1, .precision = NN_FP32};
    const struct nn_optimizer_options adam = {
        .kind = NN_ADAMW, .weight_decay = 0.02f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f};
    enum status st =
        nn_inference_open(&bench->inference, bench->graph, bench->values, &options, err);

    for (int i = NN_BF16; i < NN_PRECISION_COUNT && st == ST_OK; i++) {
        const struct nn_inference_options shorter = {
            .batch = 1, .precision = (enum nn_precision)i, .input_max = DETECT_FRONTEND_MAX};
        st = nn_inference_open(&bench->shorter[i], bench->graph, bench->values, &shorter, err);
        if (st == ST_UNSUPPORTED)
            st = ST_OK;
    }
    if (st == ST_OK)
        st = nn_training_open(&bench->training, bench->graph, bench->values, TRAINING_BATCH, err);
    if (st == ST_OK)
        nn_optimizer_init(&bench->optimizer, bench->graph, &adam, bench->values);
    return st;
}

/* The network of the task "inference", "bf16" or "int8"; NULL for another or an absent one. */
static struct nn_inference *network_of(const struct bench *bench, struct str task)
{
    if (str_equal(task, "inference"))
        return bench->inference;
    for (int i = NN_BF16; i < NN_PRECISION_COUNT; i++)
        if (str_equal(task, nn_precision_name((enum nn_precision)i)))
            return bench->shorter[i];
    return NULL;
}

/* Does `count` pieces of a kind of work; returns floating-point operations in 10^9, 0 for what is
 * absent, -1 for what is unknown. */
static double run(struct bench *bench, struct str task, int64_t count)
{
    double forward = 2e-9 * (double)nn_graph_multiply_adds(bench->graph);

    if (str_equal(task, "peak"))
        return fma_run((uint64_t)count) * 1e-9;
    if (str_equal(task, "inference") || str_equal(task, "bf16") || str_equal(task, "int8")) {
        struct nn_inference *network = network_of(bench, task);
        for (int64_t i = 0; network && i < count; i++)
            nn_inference_run(network); /* the last crop is still its input */
        return network ? forward * (double)count : 0;
    }
    if (str_equal(task, "training")) {
        for (int64_t i = 0; i < count; i++)
            train(bench);
        return forward * 3 * TRAINING_BATCH * (double)count;
    }
    return -1;
}

/* Answers orders until standard input ends; false on one that it does not know. */
static bool serve(struct bench *bench)
{
    char line[128];

    (void)printf("ready\n");
    while (fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
        struct str rest = str_trim(str_of(line));
        struct str verb = str_split(&rest, ' ');
        struct str task = str_split(&rest, ' ');
        int64_t count = 0;
        if (!str_equal(verb, "run") || !str_to_int(&count, rest, 1, 1000000000))
            return false;
        int64_t started = clock_thread_cpu_us();
        double work = run(bench, task, count);
        if (work < 0)
            return false;
        if (work == 0)
            (void)printf("absent\n");
        else
            (void)printf("%.6f %.6f\n", (double)(clock_thread_cpu_us() - started) / 1e6, work);
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct bench bench;
    struct err err = {0};
    int64_t crop_count = 0;

    if (argc < 4 || strlen(argv[2]) >= sizeof bench.folder ||
        !str_to_int(&crop_count, str_of(argv[3]), 1, CROPS_MAX)) {
        (void)fprintf(stderr, "usage: bench_network MODEL FOLDER CROP_COUNT [PHOTO...]\n");
        return 64;
    }
    memcpy(bench.folder, argv[2], strlen(argv[2]));
    bench.crop_count = (int)crop_count;
    enum status st = arena_open(&bench.arena, ARENA_BYTES, &err);
    if (st == ST_OK)
        st = load_model(&bench, argv[1], &err);
    if (st == ST_OK)
        st = make_crops(&bench, argv + 4, argc - 4, &err);
    if (st == ST_OK)
        st = open_network(&bench, &err);
    if (st == ST_OK)
        st = write_outputs(&bench, &err);
    if (st != ST_OK) {
        (void)fprintf(stderr, "bench_network: %s\n", err.msg);
        return 70;
    }
    (void)fprintf(stderr, "%s", nn_inference_describe(bench.inference));
    return serve(&bench) ? 0 : 64;
}
