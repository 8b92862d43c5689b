/* detect/detect.h - the boundary: photo bytes in, verdict and evidence out.
 *
 *     struct detect_model *model = NULL;
 *     struct detect_session *session = NULL;
 *     struct detect_result result;
 *     struct err err;
 *     if (detect_model_open(&model, "models/aidetect-1.safetensors", NULL, &err) == ST_OK &&
 *         detect_session_open(&session, model, &err) == ST_OK &&
 *         detect_photo(&result, session, photo, &err) == ST_OK)
 *         printf("%s %.3f\n", detect_verdict_name(result.verdict), result.probability);
 *
 * A model is immutable after opening and shared by all threads.  A session is one worker's
 * scratch memory and compiled network: one thread at a time; it must be closed before its model.
 * Why a photo got its verdict: detect/explain.h.
 * Callers must not know: network layers, tensors, pixels, file formats.  Never uses a network
 * connection, never writes a file, never logs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h" /* enum status, struct err, struct bytes */

enum detect_verdict { DETECT_REAL, DETECT_AI_GENERATED, DETECT_VERDICT_COUNT };
/* The verdict of those who may abstain: real, left to a person, or AI-generated. */
enum detect_decision {
    DETECT_DECIDED_REAL,
    DETECT_UNSURE,
    DETECT_DECIDED_AI_GENERATED,
    DETECT_DECISION_COUNT
};
enum detect_confidence {
    DETECT_CONFIDENCE_LOW,
    DETECT_CONFIDENCE_MEDIUM,
    DETECT_CONFIDENCE_HIGH,
    DETECT_CONFIDENCE_COUNT
};
const char *detect_verdict_name(enum detect_verdict verdict);          /* "real", "ai_generated" */
const char *detect_decision_name(enum detect_decision decision);       /* "real", "unsure", ... */
const char *detect_confidence_name(enum detect_confidence confidence); /* "low", "medium", "high" */

/* Properties of the photo that make its verdict less reliable; a set of bits. */
enum detect_quality {
    DETECT_QUALITY_TOO_SMALL = 1,       /* shorter side below 128 px */
    DETECT_QUALITY_UPSCALED = 2,        /* too little detail for its size */
    DETECT_QUALITY_OVER_COMPRESSED = 4, /* blocking of heavy JPEG compression */
    DETECT_QUALITY_FLAT = 8,            /* no crop has enough texture to judge */
};
#define DETECT_QUALITY_FLAG_COUNT 4
/* The i-th flag's name ("too_small", ...) and one sentence for people; i in [0, COUNT). */
const char *detect_quality_name(unsigned i);
const char *detect_quality_help(unsigned i);

/* How the network computes.  The short forms are faster where the processor has them; fp32 gives
 * the same probability on every machine. */
enum detect_precision {
    DETECT_FP32,
    DETECT_BF16,
    DETECT_INT8,
    DETECT_AUTO, /* the fastest that processor and model can do */
    DETECT_PRECISION_COUNT
};
const char *detect_precision_name(enum detect_precision precision);       /* "fp32", ..., "auto" */
bool detect_precision_read(enum detect_precision *out, const char *word); /* false: none of them */

struct detect_options {
    enum detect_precision precision;
    size_t bytes_max;     /* encoded file; 0: 10 MB */
    uint64_t pixels_max;  /* 0: 50 million */
    uint32_t side_max_px; /* 0: 16,384 */
    double threshold;     /* decision threshold on the probability, in (0, 1); 0: the model's own */
    double fpr;           /* 0.01 or 0.05: the model's threshold for that false-positive rate on the
                             photos it was calibrated on, instead of `threshold`; 0: not asked for */
};

/* Probabilities that are left undecided: from `low`, below `high`; the threshold lies in between or
 * is one of them. */
struct detect_band {
    double low, high;
};
enum detect_decision detect_decide(double probability, struct detect_band band);

#define DETECT_CROPS_MAX 16

/* A threshold as people write it into `options`, whose other members stay: a number from 0.0001 to
 * 0.9999, "fpr:0.01" or "fpr:0.05"; empty or "0": the model's own.  ST_INVALID names the value. */
enum status detect_threshold_read(struct detect_options *options, const char *text,
                                  struct err *err) MUST_USE;

/* One analysed crop: where it was and what it says. */
struct detect_crop {
    uint32_t x, y, side_px; /* in the upright photo */
    float logit; /* calibrated log-odds, with what the statistics say of the whole photo */
};

/* What kind of photo it is, apart from its verdict: its places along the directions in which the
 * training photos differ most, in deviations, for comparing photos with each other.  A place takes
 * 4 bits, the first one the lowest: level / DETECT_EMBEDDING_STEPS - 4. */
#define DETECT_EMBEDDING_SIZE   16
#define DETECT_EMBEDDING_LEVELS 16
#define DETECT_EMBEDDING_STEPS  2 /* levels a deviation */

struct detect_result {
    enum detect_verdict verdict;       /* ai_generated when probability >= threshold */
    double probability;                /* calibrated, of "AI-generated", in [0, 1] */
    double threshold;                  /* what the verdict was compared with */
    enum detect_decision decision;     /* unsure, or the same as the verdict */
    struct detect_band band;           /* what is left undecided */
    enum detect_confidence confidence; /* see detect_confidence() */
    unsigned quality;                  /* enum detect_quality bits */
    uint32_t width, height;            /* upright photo, pixels */
    const char *format;                /* "jpeg", "png", "webp" */
    size_t crop_count;
    struct detect_crop crops[DETECT_CROPS_MAX];
    /* What each opinion adds to the log-odds; their sum and the model's bias give probability. */
    double network_logit, statistics_logit;
    uint64_t embedding;                     /* 0: the model has none */
    double decode_ms, crops_ms, network_ms; /* wall time; crops: choosing them, and statistics */
};

struct detect_model;
struct detect_session;

/* Maps and checks a weights file; options NULL: the defaults.
 * Errors: ST_NOT_FOUND, ST_CORRUPT (names what is wrong), ST_LIMIT; ST_UNSUPPORTED when the model
 * states no threshold for `fpr`, or the processor or the network lacks what `precision` needs. */
enum status detect_model_open(struct detect_model **out, const char *path,
                              const struct detect_options *options, struct err *err) MUST_USE;
void detect_model_close(struct detect_model *model);                /* NULL is fine */
const char *detect_model_version(const struct detect_model *model); /* "aidetect-1" */
const char *detect_model_hash(const struct detect_model *model);    /* SHA-256 of the file, hex */
double detect_model_threshold(const struct detect_model *model);
enum detect_precision detect_model_precision(const struct detect_model *model); /* never auto */
/* The model's band; for another threshold than the model's own it is moved by as much, in log-odds.
 * A model that states none leaves 0.4 undecided on both sides of the threshold. */
struct detect_band detect_model_band(const struct detect_model *model);

enum status detect_session_open(struct detect_session **out, const struct detect_model *model,
                                struct err *err) MUST_USE;
void detect_session_close(struct detect_session *session); /* NULL is fine */

/* Classifies one photo.  *out is untouched on failure.
 * Errors: ST_INVALID, ST_UNSUPPORTED, ST_LIMIT for the photo; ST_NOMEM. */
enum status detect_photo(struct detect_result *out, struct detect_session *session,
                         struct bytes photo, struct err *err) MUST_USE;

/* One definition of confidence: d = (p-t)/(1-t) above the threshold t, (t-p)/t below it;
 * high from d >= 0.6, low below 0.4, else medium. */
enum detect_confidence detect_confidence(double probability, double threshold);
