#include "drift/baseline.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "drift/burst.h"

#define FORMAT     "aidetect drift baseline 1"
#define BURST_PART 0.99

/* ---- figures ---- */

static uint16_t value_of(double probability)
{
    return (uint16_t)lrint(CLAMP(probability, 0.0, 1.0) * DRIFT_VALUE_TOP);
}

void drift_baseline_close(struct drift_baseline *baseline)
{
    mem_free(baseline->values);
    mem_free(baseline->group_sizes);
    mem_free(baseline->rows);
    *baseline = (struct drift_baseline){0};
}

size_t drift_unit_count(const struct drift_baseline *baseline, bool grouped)
{
    return grouped && baseline->group_count ? baseline->group_count : baseline->count;
}

static void fill_distribution(struct drift_baseline *baseline)
{
    double share = 1 / (double)baseline->count;
    double sum = 0;

    memset(baseline->mass, 0, sizeof baseline->mass);
    memset(baseline->cumulative, 0, sizeof baseline->cumulative);
    for (size_t i = 0; i < baseline->count; i++) {
        double p = drift_value(baseline->values[i]);
        baseline->mass[drift_bin(p)] += share;
        baseline->cumulative[drift_grid_step(p)] += share;
    }
    for (size_t i = 0; i < DRIFT_GRID; i++) {
        sum += baseline->cumulative[i];
        baseline->cumulative[i] = sum;
    }
}

void drift_baseline_rebase(struct drift_baseline *baseline, double threshold)
{
    double n = (double)baseline->count;
    double sum = 0, squares = 0, low = 0, ai = 0;

    for (size_t i = 0; i < baseline->count; i++) {
        double p = drift_value(baseline->values[i]);
        sum += p;
        low += drift_is_low(p, threshold);
        ai += drift_is_ai(p, threshold);
    }
    for (size_t i = 0; i < baseline->count; i++) {
        double distance = drift_value(baseline->values[i]) - sum / n;
        squares += distance * distance;
    }
    baseline->threshold = threshold;
    baseline->figures = (struct drift_figures){
        .count = baseline->count,
        .mean_probability = sum / n,
        .std_probability = sqrt(squares / n),
        .low_confidence_ratio = low / n,
        .ai_generated_ratio = ai / n,
    };
}

/* ---- collecting ---- */

struct drift_collector {
    struct drift_baseline baseline;
    struct drift_burst burst;
    struct drift_burst_measure measure;
    uint64_t *embeddings;               /* of each value */
    size_t minute_begin;                /* of the values: where the minute under way begins */
    uint8_t groups[DRIFT_BASELINE_MAX]; /* of each value of that minute */
    struct rng rng; /* of the rows that are kept: the same samples give the same file */
};

struct drift_collector *drift_collector_open(const char *model_version, const char *model_hash,
                                             double threshold)
{
    struct drift_collector *collector = mem_alloc(1, sizeof *collector);
    struct drift_baseline *baseline = &collector->baseline;

    (void)snprintf(baseline->model_version, DRIFT_NAME_SIZE, "%s", model_version);
    (void)snprintf(baseline->model_hash, DRIFT_NAME_SIZE, "%s", model_hash);
    baseline->threshold = baseline->saved_threshold = threshold;
    baseline->values = mem_alloc(DRIFT_BASELINE_MAX, sizeof *baseline->values);
    baseline->group_sizes = mem_alloc(DRIFT_BASELINE_MAX, sizeof *baseline->group_sizes);
    baseline->rows = mem_alloc(DRIFT_BASELINE_ROWS * DRIFT_FEATURES, sizeof *baseline->rows);
    collector->embeddings = mem_alloc(DRIFT_BASELINE_MAX, sizeof *collector->embeddings);
    collector->rng = rng_seed(1);
    return collector;
}

void drift_collector_close(struct drift_collector *collector)
{
    if (!collector)
        return;
    drift_baseline_close(&collector->baseline);
    mem_free(collector->embeddings);
    mem_free(collector);
}

/* Reservoir sampling: every row is as likely to be kept. */
static void keep_row(struct drift_collector *collector, const float *features)
{
    struct drift_baseline *baseline = &collector->baseline;
    size_t place = baseline->row_count;

    if (place == DRIFT_BASELINE_ROWS) {
        place = rng_below(&collector->rng, (uint32_t)baseline->count);
        if (place >= DRIFT_BASELINE_ROWS)
            return;
    } else {
        baseline->row_count++;
    }
    memcpy(baseline->rows + place * DRIFT_FEATURES, features, DRIFT_FEATURES * sizeof *features);
}

static void add_group(struct drift_baseline *baseline, size_t size)
{
    for (; size; size -= MIN_OF(size, (size_t)UINT16_MAX)) /* in a minute: hardly more than one */
        baseline->group_sizes[baseline->group_count++] = (uint16_t)MIN_OF(size, (size_t)UINT16_MAX);
}

/* Sorts the values of the minute by their groups; within one they stay in order of time. */
static void end_minute(struct drift_collector *collector)
{
    struct drift_baseline *baseline = &collector->baseline;
    size_t begin = collector->minute_begin, size = baseline->count - begin;
    uint16_t *sorted = mem_alloc(size + 1, sizeof *sorted);
    uint64_t *embeddings = mem_alloc(size + 1, sizeof *embeddings);
    size_t at = 0;

    for (size_t g = 0; g < collector->burst.group_count; g++) {
        size_t first = at;
        for (size_t i = 0; i < size; i++)
            if (collector->groups[i] == g) {
                embeddings[at] = collector->embeddings[begin + i];
                sorted[at++] = baseline->values[begin + i];
            }
        add_group(baseline, at - first);
    }
    REQUIRE(at == size);
    memcpy(baseline->values + begin, sorted, size * sizeof *sorted);
    memcpy(collector->embeddings + begin, embeddings, size * sizeof *embeddings);
    mem_free(sorted);
    mem_free(embeddings);
    collector->minute_begin = baseline->count;
    drift_burst_measure_add(&collector->measure, &collector->burst);
}

bool drift_collector_add(struct drift_collector *collector, const struct drift_sample *sample)
{
    struct drift_baseline *baseline = &collector->baseline;

    if (baseline->count == DRIFT_BASELINE_MAX)
        return false;
    if (drift_burst_ends(&collector->burst, sample)) {
        end_minute(collector);
        drift_burst_begin(&collector->burst, sample);
    }
    const struct drift_burst_group *group = drift_burst_add(&collector->burst, sample);
    collector->groups[baseline->count - collector->minute_begin] =
        (uint8_t)(group - collector->burst.groups);
    collector->measure.squares += sample->probability * sample->probability;
    if (!baseline->count)
        baseline->first_us = sample->time_us;
    baseline->last_us = sample->time_us;
    collector->embeddings[baseline->count] = sample->embedding;
    baseline->values[baseline->count++] = value_of(sample->probability);
    keep_row(collector, sample->features);
    return true;
}

enum status drift_collector_finish(struct drift_baseline *out, struct drift_collector *collector,
                                   int64_t now_us, struct err *err)
{
    struct drift_baseline *baseline = &collector->baseline;

    if (baseline->count < DRIFT_BASELINE_MIN)
        return err_set(err, ST_INVALID, "a baseline needs %u predictions, there are %zu",
                       DRIFT_BASELINE_MIN, baseline->count);
    end_minute(collector);
    baseline->burst_effect = drift_burst_effect(&collector->measure);
    baseline->burst_size = drift_burst_quantile(&collector->measure, BURST_PART);
    baseline->created_us = now_us;
    drift_embedding_fit(&baseline->embedding, collector->embeddings, baseline->count,
                        baseline->group_sizes, baseline->group_count);
    fill_distribution(baseline);
    drift_baseline_rebase(baseline, baseline->threshold);
    *out = *baseline;
    *baseline = (struct drift_baseline){0}; /* handed over */
    return ST_OK;
}

/* ---- files ---- */

/* Little-endian, two bytes a value; rows as the bits of floats. */
static void set_values(struct json *object, const char *key, const uint16_t *values, size_t count)
{
    uint8_t *bytes = mem_alloc(count + 1, 2);
    struct buf text;

    for (size_t i = 0; i < count; i++) {
        bytes[2 * i] = (uint8_t)values[i];
        bytes[2 * i + 1] = (uint8_t)(values[i] >> 8);
    }
    buf_init(&text, DRIFT_BASELINE_BYTES);
    base64_encode(&text, (struct bytes){bytes, 2 * count});
    buf_add(&text, "", 1);
    json_set_str(object, key, (const char *)text.at);
    buf_fini(&text);
    mem_free(bytes);
}

/* A row's values need no more than 12 bits: steps of 1/512 from -64 to 64. */
#define ROW_STEPS 512.0
static void set_rows(struct json *object, const struct drift_baseline *baseline)
{
    size_t count = baseline->row_count * DRIFT_FEATURES;
    uint16_t *values = mem_alloc(count + 1, sizeof *values);

    for (size_t i = 0; i < count; i++)
        values[i] = (uint16_t)lrint(
            CLAMP((double)baseline->rows[i] * ROW_STEPS + 32768, 0.0, (double)DRIFT_VALUE_TOP));
    set_values(object, "rows", values, count);
    mem_free(values);
}

void drift_baseline_write(struct buf *out, const struct drift_baseline *baseline)
{
    struct json *value = json_new_object();
    struct json *histogram = json_new_array();

    json_set_str(value, "format", FORMAT);
    json_set_str(value, "model_version", baseline->model_version);
    json_set_str(value, "model_hash", baseline->model_hash);
    json_set_number(value, "threshold", baseline->threshold);
    json_set_int(value, "version", baseline->version);
    json_set_int(value, "created_us", baseline->created_us);
    json_set_int(value, "first_us", baseline->first_us);
    json_set_int(value, "last_us", baseline->last_us);
    json_set_int(value, "count", (int64_t)baseline->count);
    json_set_number(value, "mean_probability", baseline->figures.mean_probability);
    json_set_number(value, "std_probability", baseline->figures.std_probability);
    json_set_number(value, "low_confidence_ratio", baseline->figures.low_confidence_ratio);
    json_set_number(value, "ai_generated_ratio", baseline->figures.ai_generated_ratio);
    json_set_number(value, "burst_effect", baseline->burst_effect);
    json_set_int(value, "burst_size", (int64_t)baseline->burst_size);
    for (size_t i = 0; i < DRIFT_BINS; i++)
        json_append_number(histogram, baseline->mass[i]);
    json_set(value, "histogram", histogram); /* for people: made of the values when read */
    set_values(value, "values", baseline->values, baseline->count);
    set_values(value, "group_sizes", baseline->group_sizes, baseline->group_count);
    if (baseline->embedding.known)
        json_set(value, "embedding", drift_embedding_save(&baseline->embedding));
    set_rows(value, baseline);
    json_write(out, value, 1);
    buf_add_str(out, "\n");
    json_free(value);
}

static enum status missing(const char *key, struct err *err)
{
    return err_set(err, ST_CORRUPT, "the baseline's '%s' is missing or out of range", key);
}

/* Out: *out is the caller's, `multiple` values for each unit; at most `max` of them. */
static enum status read_values(uint16_t **out, size_t *count, const struct json *object,
                               const char *key, size_t max, struct err *err)
{
    const char *text = json_get_str(object, key);
    size_t len = text ? strlen(text) : 0;

    if (!text || len > (max * 2 + 2) / 3 * 4)
        return missing(key, err);
    uint8_t *bytes = mem_alloc(len + 1, 1);
    memcpy(bytes, text, len + 1);
    if (base64_decode(bytes, &len, err) != ST_OK || len % 2 || len / 2 > max) {
        mem_free(bytes);
        return missing(key, err);
    }
    uint16_t *values = mem_alloc(len / 2 + 1, sizeof *values);
    for (size_t i = 0; i < len / 2; i++)
        values[i] = (uint16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
    mem_free(bytes);
    *out = values;
    *count = len / 2;
    return ST_OK;
}

static enum status read_rows(struct drift_baseline *out, const struct json *object, struct err *err)
{
    uint16_t *values = NULL;
    size_t count = 0;

    enum status st = read_values(&values, &count, object, "rows",
                                 (size_t)DRIFT_BASELINE_ROWS * DRIFT_FEATURES, err);
    if (st != ST_OK)
        return st;
    if (count % DRIFT_FEATURES) {
        mem_free(values);
        return missing("rows", err);
    }
    out->rows = mem_alloc(count + 1, sizeof *out->rows);
    for (size_t i = 0; i < count; i++)
        out->rows[i] = (float)(((double)values[i] - 32768) / ROW_STEPS);
    out->row_count = count / DRIFT_FEATURES;
    mem_free(values);
    return ST_OK;
}

/* Older files have none: then it is not known what belongs together. */
static enum status read_groups(struct drift_baseline *out, const struct json *object,
                               struct err *err)
{
    size_t sum = 0;

    if (!json_get(object, "group_sizes"))
        return ST_OK;
    enum status st =
        read_values(&out->group_sizes, &out->group_count, object, "group_sizes", out->count, err);
    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < out->group_count; i++) {
        if (!out->group_sizes[i])
            return missing("group_sizes", err);
        sum += out->group_sizes[i];
    }
    return out->group_count && sum != out->count ? missing("group_sizes", err) : ST_OK;
}

static bool read_name(char out[DRIFT_NAME_SIZE], const struct json *object, const char *key)
{
    const char *text = json_get_str(object, key);

    if (!text || strlen(text) >= DRIFT_NAME_SIZE)
        return false;
    (void)snprintf(out, DRIFT_NAME_SIZE, "%s", text);
    return true;
}

static enum status read_head(struct drift_baseline *out, const struct json *value, struct err *err)
{
    const char *format = json_get_str(value, "format");
    int64_t size = 0;

    if (!format || strcmp(format, FORMAT) != 0)
        return err_set(err, ST_CORRUPT, "this is no '%s'", FORMAT);
    if (!read_name(out->model_version, value, "model_version"))
        return missing("model_version", err);
    if (!read_name(out->model_hash, value, "model_hash"))
        return missing("model_hash", err);
    if (!json_get_number(&out->threshold, value, "threshold") ||
        !(out->threshold > 0 && out->threshold < 1))
        return missing("threshold", err);
    out->saved_threshold = out->threshold;
    if (!json_get_int(&out->version, value, "version") || out->version < 0)
        return missing("version", err);
    if (!json_get_int(&out->created_us, value, "created_us") ||
        !json_get_int(&out->first_us, value, "first_us") ||
        !json_get_int(&out->last_us, value, "last_us"))
        return missing("created_us, first_us, last_us", err);
    if (!json_get_number(&out->burst_effect, value, "burst_effect") ||
        !(out->burst_effect >= 1 && out->burst_effect <= DRIFT_BASELINE_MAX))
        return missing("burst_effect", err);
    if (!json_get_int(&size, value, "burst_size") || size < 1 || size > (int64_t)DRIFT_BURST_SIZES)
        return missing("burst_size", err);
    out->burst_size = (size_t)size;
    return ST_OK;
}

enum status drift_baseline_parse(struct drift_baseline *out, struct bytes text, struct err *err)
{
    struct drift_baseline baseline = {0};
    struct json *value = NULL;

    if (text.len > DRIFT_BASELINE_BYTES)
        return err_set(err, ST_LIMIT, "a baseline of %zu bytes is over %u", text.len,
                       DRIFT_BASELINE_BYTES);
    if (json_parse(&value, text, err) != ST_OK)
        return ST_CORRUPT;
    enum status st = read_head(&baseline, value, err);
    if (st == ST_OK)
        st = read_values(&baseline.values, &baseline.count, value, "values", DRIFT_BASELINE_MAX,
                         err);
    if (st == ST_OK && baseline.count < DRIFT_BASELINE_MIN)
        st = missing("values", err);
    if (st == ST_OK)
        st = read_groups(&baseline, value, err);
    if (st == ST_OK)
        st = read_rows(&baseline, value, err);
    if (st == ST_OK && json_get(value, "embedding") &&
        !drift_embedding_restore(&baseline.embedding, json_get(value, "embedding")))
        st = missing("embedding", err);
    json_free(value);
    if (st != ST_OK) {
        drift_baseline_close(&baseline);
        return st;
    }
    fill_distribution(&baseline);
    drift_baseline_rebase(&baseline, baseline.threshold);
    *out = baseline;
    return ST_OK;
}
