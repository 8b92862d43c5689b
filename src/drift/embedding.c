#include "drift/embedding.h"

#include <math.h>

#include "base/mem.h"

#define COUNT_LEAST 1000u /* samples */
#define BLOCK       1000u /* units: neighbours may be alike */
#define DUST        0.01  /* added to each variance: a place that never varies says nothing */
#define RADII       1.36  /* root of the 97.7 % point of chi square with 16 degrees, over 16 */
#define DEVIATIONS  2.0   /* of blocks that wander */
#define VALUE_TOP   1e3   /* of a saved number: far more than any baseline has */
#define FACTOR_MIN  0.09

void drift_embedding_unpack(double out[DRIFT_EMBEDDING], uint64_t packed)
{
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        out[i] = (double)((packed >> (4 * i)) & 15) / 2 - 4;
}

double drift_embedding_length(const double vector[DRIFT_EMBEDDING])
{
    double square = 0;

    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        square += vector[i] * vector[i];
    return sqrt(square);
}

/* Solves factor * out = places - centre, and cuts. */
static void whiten(double out[DRIFT_EMBEDDING], const struct drift_embedding *embedding,
                   const double places[DRIFT_EMBEDDING])
{
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++) {
        double rest = places[i] - embedding->centre[i];
        for (unsigned k = 0; k < i; k++)
            rest -= embedding->factor[i][k] * out[k];
        out[i] = rest / embedding->factor[i][i];
    }
    double length = drift_embedding_length(out);
    for (unsigned i = 0; length > DRIFT_EMBEDDING_REACH && i < DRIFT_EMBEDDING; i++)
        out[i] *= DRIFT_EMBEDDING_REACH / length;
}

void drift_embedding_deviation(double out[DRIFT_EMBEDDING], const struct drift_embedding *embedding,
                               const double places[DRIFT_EMBEDDING], bool grouped)
{
    whiten(out, embedding, places);
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        out[i] -= embedding->units[grouped].mean[i];
}

/* ---- a baseline ---- */

/* Mean and Cholesky factor of the covariance of all samples. */
static void fit_samples(struct drift_embedding *out, const uint64_t *packed, size_t count)
{
    double(*factor)[DRIFT_EMBEDDING] = out->factor;
    double places[DRIFT_EMBEDDING], n = (double)count;

    for (size_t s = 0; s < count; s++) {
        drift_embedding_unpack(places, packed[s]);
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++) {
            out->centre[i] += places[i] / n;
            for (unsigned k = 0; k <= i; k++)
                factor[i][k] += places[i] * places[k] / n;
        }
    }
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        for (unsigned k = 0; k <= i; k++)
            factor[i][k] += (i == k ? DUST : 0) - out->centre[i] * out->centre[k];
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        for (unsigned k = 0; k <= i; k++) {
            double rest = factor[i][k];
            for (unsigned j = 0; j < k; j++)
                rest -= factor[i][j] * factor[k][j];
            factor[i][k] = i == k ? sqrt(fmax(rest, DUST)) : rest / factor[k][k];
        }
}

/* Walks through the units of a baseline; sizes NULL: each sample is one. */
struct walk {
    const struct drift_embedding *embedding;
    const uint64_t *packed;
    const uint16_t *sizes;
};

static void next_unit(double out[DRIFT_EMBEDDING], struct walk *walk)
{
    size_t size = walk->sizes ? *walk->sizes++ : 1;
    double mean[DRIFT_EMBEDDING] = {0}, places[DRIFT_EMBEDDING];

    for (size_t s = 0; s < size; s++) {
        drift_embedding_unpack(places, *walk->packed++);
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
            mean[i] += places[i] / (double)size;
    }
    whiten(out, walk->embedding, mean);
}

/* The mean of the units, and how far it may be off: what the baseline's size leaves open, and how
 * far blocks wander when they differ more than independent units would. */
static struct drift_embedding_units fit_units(struct walk walk, size_t count)
{
    size_t block = CLAMP(count / 2, (size_t)1, (size_t)BLOCK), block_count = count / block;
    struct drift_embedding_units out = {.radius = DRIFT_EMBEDDING_REACH};
    double unit[DRIFT_EMBEDDING], square = 0, blocks = 0;
    struct walk from = walk;

    if (block_count < 2)
        return out; /* nothing is known of them */
    for (size_t u = 0; u < count; u++) {
        next_unit(unit, &walk);
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
            out.mean[i] += unit[i] / (double)count;
        square += pow(drift_embedding_length(unit), 2) / (double)count;
    }
    walk = from;
    for (size_t b = 0; b < block_count; b++) {
        double off[DRIFT_EMBEDDING] = {0};
        for (size_t u = 0; u < block; u++) {
            next_unit(unit, &walk);
            for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
                off[i] += (unit[i] - out.mean[i]) / (double)block;
        }
        blocks += pow(drift_embedding_length(off), 2) / (double)(block_count - 1);
    }
    double n = (double)block_count;
    double expected = fmax(0, square - pow(drift_embedding_length(out.mean), 2)) / (double)block;
    bool wanders = blocks > expected * (1 + 3 * sqrt(2 / (n * DRIFT_EMBEDDING)));
    out.radius = RADII * sqrt(fmax(blocks, expected) / n);
    out.radius += wanders ? DEVIATIONS * sqrt(blocks - expected) : 0;
    out.radius = fmin(out.radius, DRIFT_EMBEDDING_REACH);
    return out;
}

void drift_embedding_fit(struct drift_embedding *out, const uint64_t *packed, size_t count,
                         const uint16_t *sizes, size_t group_count)
{
    *out = (struct drift_embedding){.known = count >= COUNT_LEAST};
    for (size_t s = 0; s < count; s++)
        out->known = out->known && packed[s];
    if (!out->known)
        return;
    fit_samples(out, packed, count);
    out->units[0] = fit_units((struct walk){out, packed, NULL}, count);
    out->units[1] = fit_units((struct walk){out, packed, sizes}, group_count);
}

/* ---- files ---- */

static struct json *numbers(const double *values, size_t count)
{
    struct json *array = json_new_array();

    for (size_t i = 0; i < count; i++)
        json_append_number(array, values[i]);
    return array;
}

struct json *drift_embedding_save(const struct drift_embedding *embedding)
{
    struct json *value = json_new_object();
    struct json *factor = json_new_array();

    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        for (unsigned k = 0; k <= i; k++)
            json_append_number(factor, embedding->factor[i][k]);
    json_set(value, "centre", numbers(embedding->centre, DRIFT_EMBEDDING));
    json_set(value, "factor", factor); /* its rows up to the diagonal */
    json_set(value, "mean", numbers(embedding->units[0].mean, DRIFT_EMBEDDING));
    json_set_number(value, "radius", embedding->units[0].radius);
    json_set(value, "group_mean", numbers(embedding->units[1].mean, DRIFT_EMBEDDING));
    json_set_number(value, "group_radius", embedding->units[1].radius);
    return value;
}

static bool read_numbers(double *out, size_t count, const struct json *array)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = json_number_or(json_at(array, i), NAN);
        if (!(fabs(out[i]) <= VALUE_TOP))
            return false;
    }
    return json_count(array) == count;
}

static bool read_units(struct drift_embedding_units *out, const struct json *saved,
                       const char *mean, const char *radius)
{
    return read_numbers(out->mean, DRIFT_EMBEDDING, json_get(saved, mean)) &&
           drift_embedding_length(out->mean) <= DRIFT_EMBEDDING_REACH &&
           json_get_number(&out->radius, saved, radius) && out->radius >= 0 &&
           out->radius <= DRIFT_EMBEDDING_REACH;
}

bool drift_embedding_restore(struct drift_embedding *out, const struct json *saved)
{
    struct drift_embedding embedding = {.known = true};
    double factor[DRIFT_EMBEDDING * (DRIFT_EMBEDDING + 1) / 2];
    size_t at = 0;

    if (!read_numbers(embedding.centre, DRIFT_EMBEDDING, json_get(saved, "centre")) ||
        !read_numbers(factor, ARRAY_LEN(factor), json_get(saved, "factor")) ||
        !read_units(&embedding.units[0], saved, "mean", "radius") ||
        !read_units(&embedding.units[1], saved, "group_mean", "group_radius"))
        return false;
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        for (unsigned k = 0; k <= i; k++)
            embedding.factor[i][k] = factor[at++];
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        if (embedding.factor[i][i] < FACTOR_MIN)
            return false;
    *out = embedding;
    return true;
}
