/* nn/program_plain.c - forward steps that are plain loops of ours, in either layout: copies at the
 * ends of a program, up-sampling, soft clamp, group norm.  Convolutions around them cost a hundred
 * times as much.  Must not know oneDNN. */
#include "nn/program.h"

#include <math.h>
#include <string.h>

#include "nn/loops.h"

static size_t pixels_of(const struct nn_maps *maps)
{
    return (size_t)maps->height * (size_t)maps->width;
}

static float *map_at(const struct nn_maps *maps, size_t index)
{
    return maps->at + index * pixels_of(maps) * (size_t)maps->lanes;
}

/* The ends --------------------------------------------------------------------------------- */

/* Channels [first, first + lanes) of every pixel; zeros where the source has none. */
static void gather(float *out, const float *in, size_t pixels, size_t lanes, size_t channels,
                   size_t first)
{
    size_t present = MIN_OF(lanes, channels - first);

    for (size_t p = 0; p < pixels; p++) {
        for (size_t l = 0; l < present; l++)
            out[p * lanes + l] = in[p * channels + first + l];
        for (size_t l = present; l < lanes; l++)
            out[p * lanes + l] = 0;
    }
}

static void scatter(float *out, const float *in, size_t pixels, size_t lanes, size_t channels,
                    size_t first)
{
    size_t present = MIN_OF(lanes, channels - first);

    for (size_t p = 0; p < pixels; p++)
        for (size_t l = 0; l < present; l++)
            out[p * channels + first + l] = in[p * lanes + l];
}

static void work_import(const struct nn_work *work)
{
    const struct nn_maps *out = &work->out;
    size_t maps = (size_t)out->maps;
    size_t lanes = (size_t)out->lanes;

    for (size_t n = 0; n < (size_t)out->inputs; n++)
        for (size_t m = 0; m < maps; m++)
            gather(map_at(out, n * maps + m), map_at(&work->in, n), pixels_of(out), lanes,
                   (size_t)work->in.lanes, m * lanes);
}

static void work_export(const struct nn_work *work)
{
    const struct nn_maps *in = &work->in;
    size_t maps = (size_t)in->maps;
    size_t lanes = (size_t)in->lanes;

    for (size_t n = 0; n < (size_t)in->inputs; n++)
        for (size_t m = 0; m < maps; m++)
            scatter(map_at(&work->out, n), map_at(in, n * maps + m), pixels_of(in), lanes,
                    (size_t)work->out.lanes, m * lanes);
}

static struct nn_maps plain_maps(const struct nn_tensor *tensor)
{
    return (struct nn_maps){.at = tensor->at,
                            .inputs = tensor->n,
                            .maps = 1,
                            .height = tensor->h,
                            .width = tensor->w,
                            .lanes = tensor->c};
}

static enum status check_same(const struct nn_tensor *a, const struct nn_tensor *b, struct err *err)
{
    if (a->n != b->n || a->c != b->c || a->h != b->h || a->w != b->w)
        return err_set(err, ST_INVALID, "tensors of %dx%dx%dx%d and %dx%dx%dx%d", a->n, a->c, a->h,
                       a->w, b->n, b->c, b->h, b->w);
    return ST_OK;
}

enum status nn_program_import(struct nn_program *program, const struct nn_tensor *out,
                              const struct nn_tensor *channels_last, struct err *err)
{
    enum status st = check_same(out, channels_last, err);

    if (st == ST_OK)
        nn_program_work(program, work_import,
                        &(struct nn_work){.out = nn_program_maps(program, out),
                                          .in = plain_maps(channels_last)});
    return st;
}

enum status nn_program_export(struct nn_program *program, const struct nn_tensor *channels_last,
                              const struct nn_tensor *in, struct err *err)
{
    enum status st = check_same(channels_last, in, err);

    if (st == ST_OK)
        nn_program_work(program, work_export,
                        &(struct nn_work){.out = plain_maps(channels_last),
                                          .in = nn_program_maps(program, in)});
    return st;
}

/* Up-sampling ------------------------------------------------------------------------------ */

/* One row of `width` pixels, each written twice. */
static void double_row(float *out, const float *in, size_t width, size_t lanes)
{
    for (size_t x = 0; x < width; x++) {
        memcpy(out + 2 * x * lanes, in + x * lanes, lanes * sizeof *out);
        memcpy(out + (2 * x + 1) * lanes, in + x * lanes, lanes * sizeof *out);
    }
}

static void work_upsample(const struct nn_work *work)
{
    size_t lanes = (size_t)work->in.lanes;
    size_t width = (size_t)work->in.width;
    size_t rows = (size_t)work->in.inputs * (size_t)work->in.maps * (size_t)work->in.height;

    for (size_t y = 0; y < rows; y++) { /* maps follow each other in both: rows of all of them */
        float *first = work->out.at + 4 * y * width * lanes;
        double_row(first, work->in.at + y * width * lanes, width, lanes);
        memcpy(first + 2 * width * lanes, first, 2 * width * lanes * sizeof *first);
    }
}

enum status nn_program_upsample(struct nn_program *program, const struct nn_tensor *in,
                                const struct nn_tensor *out, struct err *err)
{
    if (out->n != in->n || out->c != in->c || out->h != 2 * in->h || out->w != 2 * in->w)
        return err_set(err, ST_INVALID, "up-sampling %dx%dx%d to %dx%dx%d", in->c, in->h, in->w,
                       out->c, out->h, out->w);
    nn_program_work(program, work_upsample,
                    &(struct nn_work){.out = nn_program_maps(program, out),
                                      .in = nn_program_maps(program, in)});
    return ST_OK;
}

/* Soft clamp ------------------------------------------------------------------------------- */

static void work_soft_clamp(const struct nn_work *work)
{
    size_t count = (size_t)work->in.inputs * (size_t)work->in.maps * pixels_of(&work->in) *
                   (size_t)work->in.lanes;

    for (size_t i = 0; i < count; i++)
        work->out.at[i] = work->limit * tanhf(work->in.at[i] / work->limit);
}

enum status nn_program_soft_clamp(struct nn_program *program, float limit,
                                  const struct nn_tensor *in, const struct nn_tensor *out,
                                  struct err *err)
{
    enum status st = check_same(in, out, err);

    if (st == ST_OK)
        nn_program_work(program, work_soft_clamp,
                        &(struct nn_work){.out = nn_program_maps(program, out),
                                          .in = nn_program_maps(program, in),
                                          .limit = limit});
    return st;
}

/* Group norm ------------------------------------------------------------------------------- */

#define CHUNK 256 /* pixels that are summed in single precision before they join a double */

/* sums[l] += the sum over pixels of (x - mean[l]) ^ power, power 1 or 2. */
static void sum_map(double *sums, const float *at, size_t pixels, size_t lanes, const double *mean,
                    bool squares)
{
    float part[NN_BLOCK];

    for (size_t first = 0; first < lanes; first += NN_BLOCK) {
        size_t few = MIN_OF((size_t)NN_BLOCK, lanes - first);
        for (size_t begin = 0; begin < pixels; begin += CHUNK) {
            memset(part, 0, sizeof part);
            for (size_t p = begin; p < MIN_OF(begin + CHUNK, pixels); p++)
                for (size_t l = 0; l < few; l++) {
                    float x = at[p * lanes + first + l] - (float)mean[first + l];
                    part[l] += squares ? x * x : x;
                }
            for (size_t l = 0; l < few; l++)
                sums[first + l] += (double)part[l];
        }
    }
}

/* Replaces the value of each channel by the mean over its group. */
static void average_groups(double *channels, size_t count, size_t groups, double pixels)
{
    size_t each = count / groups;

    for (size_t g = 0; g < groups; g++) {
        double sum = 0;
        for (size_t c = 0; c < each; c++)
            sum += channels[g * each + c];
        for (size_t c = 0; c < each; c++)
            channels[g * each + c] = sum / (pixels * (double)each);
    }
}

static void normalise_map(float *out, const float *in, size_t pixels, size_t lanes,
                          const double *factor, const double *shift, bool relu)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t l = 0; l < lanes; l++) {
            float y = in[p * lanes + l] * (float)factor[l] + (float)shift[l];
            out[p * lanes + l] = relu && y < 0 ? 0 : y;
        }
}

/* work->sums: three numbers a channel - zero, mean and then shift, variance and then factor.
 * work->limit is epsilon. */
static void normalise_input(const struct nn_work *work, size_t n)
{
    size_t maps = (size_t)work->in.maps;
    size_t lanes = (size_t)work->in.lanes;
    size_t channels = maps * lanes;
    size_t pixels = pixels_of(&work->in);
    double *zero = work->sums;
    double *mean = zero + channels;
    double *variance = mean + channels;

    memset(work->sums, 0, 3 * channels * sizeof *work->sums);
    for (size_t m = 0; m < maps; m++)
        sum_map(mean + m * lanes, map_at(&work->in, n * maps + m), pixels, lanes, zero, false);
    average_groups(mean, channels, (size_t)work->groups, (double)pixels);
    for (size_t m = 0; m < maps; m++)
        sum_map(variance + m * lanes, map_at(&work->in, n * maps + m), pixels, lanes,
                mean + m * lanes, true);
    average_groups(variance, channels, (size_t)work->groups, (double)pixels);
    for (size_t c = 0; c < channels; c++) {
        variance[c] = (double)work->scale[c] / sqrt(variance[c] + (double)work->limit);
        mean[c] = (double)work->shift[c] - mean[c] * variance[c];
    }
    for (size_t m = 0; m < maps; m++)
        normalise_map(map_at(&work->out, n * maps + m), map_at(&work->in, n * maps + m), pixels,
                      lanes, variance + m * lanes, mean + m * lanes, work->relu);
}

static void work_group_norm(const struct nn_work *work)
{
    for (int n = 0; n < work->in.inputs; n++)
        normalise_input(work, (size_t)n);
}

enum status nn_program_group_norm(struct nn_program *program, const struct nn_group_norm *norm,
                                  const struct nn_tensor *in, const struct nn_tensor *out,
                                  struct err *err)
{
    struct nn_maps maps = nn_program_maps(program, in);
    int each = in->c / norm->groups;
    enum status st = check_same(in, out, err);

    if (st != ST_OK)
        return st;
    if (each * norm->groups != in->c || (maps.lanes != in->c && each % maps.lanes != 0))
        return err_set(err, ST_UNSUPPORTED, "%d groups of %d channels in blocks of %d",
                       norm->groups, in->c, maps.lanes);
    struct nn_work work = {.out = nn_program_maps(program, out),
                           .in = maps,
                           .groups = norm->groups,
                           .limit = norm->epsilon,
                           .scale = norm->scale,
                           .shift = norm->shift,
                           .relu = norm->relu};
    st = nn_program_doubles(&work.sums, program, 3 * (size_t)in->c, err);
    if (st == ST_OK)
        nn_program_work(program, work_group_norm, &work);
    return st;
}
