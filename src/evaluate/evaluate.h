/* evaluate/evaluate.h - what a detector is worth on labelled photos, at one frozen threshold.
 *
 * photos -> tiers (the same re-encoding for both classes) -> scores -> statistics -> report.
 * Must not know network layers or the command line.  evaluate_run starts and joins its own threads;
 * everything else is a pure function of its arguments.  Never logs, writes only where asked to. */
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "image/image.h"
#include "train/manifest.h"
#include "train/tiers.h"

/* ---- scores: rows x tiers ---- */

/* What a photo shows besides the content of its pixels; input of the metadata-only control. */
enum evaluate_feature {
    EVALUATE_CROP_COUNT,      /* crops the network was given */
    EVALUATE_CROP_MIRRORED,   /* share of their area that lies outside the photo */
    EVALUATE_CROP_BYTES_MEAN, /* log bytes a pixel of the crops, re-encoded as the tier does */
    EVALUATE_CROP_BYTES_MIN,
    EVALUATE_CROP_BYTES_MAX,
    EVALUATE_FILE_WIDTH, /* log px; the network cannot see these five */
    EVALUATE_FILE_HEIGHT,
    EVALUATE_FILE_ASPECT,  /* log */
    EVALUATE_FILE_BYTES,   /* log bytes a pixel */
    EVALUATE_FILE_QUALITY, /* JPEG quality by the luma table */
    EVALUATE_FEATURE_COUNT
};

struct evaluate_score {
    uint32_t row; /* of the manifest */
    enum train_tier tier;
    bool failed; /* then the numbers below are 0 */
    double probability;
    double logit;       /* mean over the crops, calibrated */
    uint64_t embedding; /* as in detect_result */
    float *features;    /* EVALUATE_FEATURE_COUNT; NULL unless they were asked for */
};

struct evaluate_failure {
    uint32_t row;
    enum train_tier tier; /* TRAIN_TIER_COUNT: the photo itself, in all tiers */
    enum status code;
    char message[160];
};

/* Who gives the probability; the detector, or what a test puts in its place.  open is called once
 * a worker, in its thread. */
struct evaluate_scorer {
    enum status (*open)(void **session, void *payload, struct err *err);
    enum status (*score)(struct detect_result *out, void *session, struct bytes photo,
                         struct err *err);
    void (*close)(void *session);
    void *payload;
};
/* The detector itself; the model must outlive the run. */
struct evaluate_scorer evaluate_scorer_of_model(const struct detect_model *model);

struct evaluate_options {
    const char *role; /* rows of this role; NULL: all */
    unsigned tiers;   /* bits; 0: TRAIN_TIERS_STANDARD */
    size_t rows_max;  /* 0: all; else a seeded sample of this many rows */
    unsigned workers; /* 0: one for each processor */
    uint64_t seed;    /* of the sample and of the bootstrap */
    bool features;    /* fill evaluate_score.features */
    /* Called about twice a second by the calling thread, and once at the end; may be NULL. */
    void (*progress)(void *payload, size_t done, size_t total, double seconds);
    void *progress_payload;
};

/* Scores in manifest order, tier by tier within a row; nothing is dropped: what could not be
 * scored has `failed` set and a failure that says why. */
struct evaluate_scores {
    struct evaluate_score *scores;
    size_t count;
    struct evaluate_failure *failures; /* sorted by row, then tier */
    size_t failure_count;
    size_t row_count;
    unsigned tiers; /* bits */
    double seconds; /* wall time */
    float *features;
};

/* Errors: ST_NOT_FOUND (no row has that role; names those there are), ST_NOMEM, and the scorer's
 * own when it does not open.  A photo that fails is no error of the run. */
enum status evaluate_run(struct evaluate_scores **out, const struct train_manifest *manifest,
                         const struct evaluate_scorer *scorer,
                         const struct evaluate_options *options, struct err *err) MUST_USE;
void evaluate_scores_close(struct evaluate_scores *scores); /* NULL is fine */

/* ---- statistics ---- */

struct evaluate_sample {
    double probability;
    bool ai;
    uint32_t source; /* any numbers: equal means the same source, family */
    uint32_t family;
};

struct evaluate_interval {
    double low, high; /* NaN when undefined */
};

struct evaluate_confusion {
    size_t tp, fp, tn, fn; /* positive: AI-generated */
};

/* A group of one class: false positives of a real source, hits of a generator. */
struct evaluate_slice {
    uint32_t id;
    size_t n;
    size_t called_ai;
};

#define EVALUATE_BINS           15
#define EVALUATE_RESAMPLES      1000
#define EVALUATE_INTERVAL_SHARE 0.95

/* A number that does not exist (a rate of an empty class) is NaN. */
struct evaluate_statistics {
    size_t n;
    struct evaluate_confusion confusion;
    double balanced_accuracy, precision, recall, f1, fpr;
    double auc, tpr_at_fpr_1, tpr_at_fpr_5;
    double ece, brier;
    struct evaluate_interval balanced_accuracy_ci, auc_ci; /* resampling photos */
    struct evaluate_interval balanced_accuracy_ci_by_source, auc_ci_by_source; /* and sources */
    struct evaluate_slice *sources; /* of real photos, largest first */
    size_t source_count;
    struct evaluate_slice *families; /* of AI-generated photos, largest first */
    size_t family_count;
};

/* Intervals: percentile bootstrap of EVALUATE_RESAMPLES resamples, within each class, of photos and
 * of whole sources; the same seed gives the same intervals.
 * Errors: ST_INVALID for no samples, a probability outside [0, 1] or NaN, a threshold outside
 * (0, 1).  On success *out is released with evaluate_statistics_fini. */
enum status evaluate_statistics(struct evaluate_statistics *out,
                                const struct evaluate_sample *samples, size_t count,
                                double threshold, uint64_t seed, struct err *err) MUST_USE;
void evaluate_statistics_fini(struct evaluate_statistics *statistics);
/* The slice of a source (ai: of a generator) in one tier; NULL: none of its photos is there. */
const struct evaluate_slice *evaluate_slice_find(const struct evaluate_statistics *statistics,
                                                 bool ai, uint32_t id);

/* A point of the ROC curve: everything with probability >= threshold is called AI-generated. */
struct evaluate_roc_point {
    double threshold; /* +infinity in the first point */
    double fpr, tpr;
};
/* From (0, 0) to (1, 1), one point for each different probability.  Out: *out is the caller's
 * (mem_free).  Needs both classes. */
enum status evaluate_roc(struct evaluate_roc_point **out, size_t *point_count,
                         const struct evaluate_sample *samples, size_t count,
                         struct err *err) MUST_USE;

/* The scores of one tier as samples.  Out: *out is the caller's (mem_free). */
enum status evaluate_samples_of(struct evaluate_sample **out, size_t *count,
                                const struct evaluate_scores *scores,
                                const struct train_manifest *manifest, enum train_tier tier,
                                struct err *err) MUST_USE;

/* ---- controls: what must be at chance ---- */

struct evaluate_control_set {
    const char *name; /* "geometry", "texture", "file" */
    const char *help;
    bool visible; /* the network can see it */
    struct evaluate_statistics statistics;
};
#define EVALUATE_CONTROL_SETS 3
#define EVALUATE_PERMUTATIONS 1000

/* (i) The model's own scores against labels shuffled among whole sources: the mean must be 0.5, and
 * `at_least` says how rarely chance does as well.  (ii) A logistic regression on what the photo
 * shows besides its content, fitted on other rows. */
struct evaluate_controls {
    enum train_tier tier;
    double shuffled_auc_mean;
    struct evaluate_interval shuffled_auc_range; /* middle 95 % of the shuffles */
    double shuffled_at_least; /* share of the shuffles with at least the true AUC */
    const char *fit_role;
    size_t fit_count;
    struct evaluate_control_set sets[EVALUATE_CONTROL_SETS];
};

/* `fit`: scores with features of the rows to fit on; `scores`: of those to measure, same tier.
 * On success *out is released with evaluate_controls_fini. */
enum status evaluate_controls(struct evaluate_controls *out, const struct evaluate_scores *scores,
                              const struct evaluate_scores *fit, const char *fit_role,
                              const struct train_manifest *manifest, enum train_tier tier,
                              uint64_t seed, struct err *err) MUST_USE;
void evaluate_controls_fini(struct evaluate_controls *controls);

/* ---- report ---- */

struct evaluate_curves; /* evaluate/curves.h */
struct evaluate_gate;   /* evaluate/gate.h */

/* What the three-way decision does in a tier: photos inside the band are not decided. */
struct evaluate_selective {
    size_t decided[TRAIN_LABEL_COUNT], all[TRAIN_LABEL_COUNT];
    double coverage;          /* share of the photos that are decided */
    double balanced_accuracy; /* of these; NaN unless both classes are among them */
    struct evaluate_interval balanced_accuracy_ci, balanced_accuracy_ci_by_source;
};
/* The threshold must lie in the band.  Errors: those of evaluate_statistics; a tier in which
 * nothing is decided is none. */
enum status evaluate_selective(struct evaluate_selective *out,
                               const struct evaluate_sample *samples, size_t count,
                               double threshold, struct detect_band band, uint64_t seed,
                               struct err *err) MUST_USE;

struct evaluate_report {
    const char *model; /* version */
    const char *model_sha256;
    double threshold;
    struct detect_band band;
    const char *role;
    const struct train_manifest *manifest;
    const struct evaluate_scores *scores;
    bool present[TRAIN_TIER_COUNT];
    struct evaluate_statistics tiers[TRAIN_TIER_COUNT]; /* where present */
    struct evaluate_selective selective[TRAIN_TIER_COUNT];
    struct evaluate_curves *curves; /* one for each tier, as above */
    bool has_controls;
    struct evaluate_controls controls;
    const struct evaluate_gate *gate; /* borrowed; NULL: none was asked for */
};

/* Statistics of every tier of `scores`; the caller fills in model, hash, role before or after.
 * A tier in which every photo failed is an error (ST_INVALID). */
enum status evaluate_report_init(struct evaluate_report *out, const struct evaluate_scores *scores,
                                 const struct train_manifest *manifest, double threshold,
                                 struct detect_band band, uint64_t seed, struct err *err) MUST_USE;
void evaluate_report_fini(struct evaluate_report *report);

void evaluate_report_text(struct buf *out, const struct evaluate_report *report);
/* `curves`: also the points of the diagrams and the worst mistakes. */
void evaluate_report_json(struct buf *out, const struct evaluate_report *report, bool curves);
/* One page that needs nothing but itself: figures, diagrams, and the worst mistakes as pictures,
 * for which the photos' files are read again; one that cannot be read is shown without its picture.
 * ST_NOMEM. */
enum status evaluate_report_html(struct buf *out, const struct evaluate_report *report,
                                 struct err *err) MUST_USE;
#define EVALUATE_PAGE_MAX ((size_t)64 << 20) /* bytes of report.html, of report.json */
/* Writes report.html and report.json into `folder`, which is made when it is not there.
 * ST_IO, ST_LIMIT, ST_NOMEM. */
enum status evaluate_report_write(const struct evaluate_report *report, const char *folder,
                                  struct err *err) MUST_USE;
/* One tab-separated line for each score: file label source family tier probability logit; failed
 * ones have "-" for the numbers. */
void evaluate_scores_tsv(struct buf *out, const struct evaluate_scores *scores,
                         const struct train_manifest *manifest);
