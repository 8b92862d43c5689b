/* drift/baseline.h - what is normal: the probabilities of a calm time in their order, some rows of
 * features, and for one threshold the figures made of them.  Saved as JSON (docs/FORMATS.md).
 * Because the probabilities are kept, another threshold only means other figures: see
 * drift_baseline_rebase.  Must not know where samples come from.  One thread at a time. */
#pragma once

#include "base/buf.h"
#include "drift/embedding.h"
#include "drift/window.h"

#define DRIFT_BASELINE_MIN   100u    /* samples */
#define DRIFT_BASELINE_MAX   200000u /* samples: the first as many are kept */
#define DRIFT_BASELINE_ROWS  2048u   /* rows of features: drawn at random */
#define DRIFT_BASELINE_BYTES (2u << 20)
#define DRIFT_VALUE_TOP      65535u

struct drift_baseline {
    char model_version[DRIFT_NAME_SIZE];
    char model_hash[DRIFT_NAME_SIZE];
    double threshold;          /* that the figures are for */
    double saved_threshold;    /* that it was saved with: another one when rebased */
    int64_t version;           /* 1, 2, ... of its (model, threshold); 0: never saved */
    int64_t created_us;        /* since 1970-01-01 UTC, as the next two */
    int64_t first_us, last_us; /* of the samples */
    size_t count;              /* of values */
    uint16_t *values;          /* probability * DRIFT_VALUE_TOP, by minute, then by sender */
    size_t group_count;        /* of sender and minute; 0: not known (an older file) */
    uint16_t *group_sizes;     /* of their values, one group after the other; sum: count */
    size_t row_count;          /* of rows */
    float *rows;               /* DRIFT_FEATURES each */
    double burst_effect;       /* how many times the variance of independent samples: 1: none */
    size_t burst_size;         /* samples of one sender in a minute: 99 % have at most these */
    struct drift_embedding embedding;
    struct drift_figures figures;  /* for `threshold` */
    double mass[DRIFT_BINS];       /* share of the samples in each bin */
    double cumulative[DRIFT_GRID]; /* share up to the end of each step of the grid */
};

static inline double drift_value(uint16_t value)
{
    return (double)value / DRIFT_VALUE_TOP;
}

/* What counts as one: each value, or, grouped, all of a sender within a minute together.  Walks
 * through them in order. */
struct drift_units {
    const struct drift_baseline *baseline;
    bool grouped;
    size_t at, unit; /* the next value and unit */
};
size_t drift_unit_count(const struct drift_baseline *baseline, bool grouped);
/* Out: *values of the unit, borrowed.  Returns how many: 1 at least; 0: there is no further. */
static inline size_t drift_units_next(const uint16_t **values, struct drift_units *units)
{
    const struct drift_baseline *baseline = units->baseline;
    bool grouped = units->grouped && baseline->group_count;

    if (units->at == baseline->count)
        return 0;
    size_t size = grouped ? baseline->group_sizes[units->unit] : 1;
    *values = baseline->values + units->at;
    units->at += size;
    units->unit++;
    return size;
}

void drift_baseline_close(struct drift_baseline *baseline); /* one of all zeros is fine */
/* The figures for another threshold; nothing else changes. */
void drift_baseline_rebase(struct drift_baseline *baseline, double threshold);

/* ---- collecting ---- */

struct drift_collector;
/* Names are cut to DRIFT_NAME_SIZE. */
struct drift_collector *drift_collector_open(const char *model_version, const char *model_hash,
                                             double threshold)
    __attribute__((returns_nonnull)) MUST_USE;
void drift_collector_close(struct drift_collector *collector); /* NULL is fine */
/* Samples in order of time; beyond DRIFT_BASELINE_MAX they are left out: false. */
bool drift_collector_add(struct drift_collector *collector, const struct drift_sample *sample);
/* Out: *out is the caller's.  Empties the collector.  ST_INVALID: too few samples. */
enum status drift_collector_finish(struct drift_baseline *out, struct drift_collector *collector,
                                   int64_t now_us, struct err *err) MUST_USE;

/* ---- files ---- */

void drift_baseline_write(struct buf *out, const struct drift_baseline *baseline);
/* Every byte of `text` is outside input.  ST_CORRUPT names the member; *out untouched then. */
enum status drift_baseline_parse(struct drift_baseline *out, struct bytes text,
                                 struct err *err) MUST_USE;
