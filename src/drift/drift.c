#include "drift/drift.h"

#include <math.h>

#define LOGIT_MAX    8.0
#define LOW_DISTANCE 0.4

static const struct {
    const char *name, *help;
} features[] = {
    [DRIFT_LOGIT] = {"logit", "what the model says (log-odds of AI-generated)"},
    [DRIFT_PIXELS] = {"pixels", "size of the photos"},
    [DRIFT_DENSITY] = {"density", "encoded bytes a pixel: compression"},
    [DRIFT_ASPECT] = {"aspect", "how far from square the photos are"},
    [DRIFT_SMALL] = {"too_small", "share of photos that are too small"},
    [DRIFT_UPSCALED] = {"upscaled", "share of photos that were enlarged"},
    [DRIFT_COMPRESSED] = {"over_compressed", "share of heavily compressed photos"},
    [DRIFT_FLAT] = {"flat", "share of photos without texture"},
};
_Static_assert(ARRAY_LEN(features) == DRIFT_FEATURE_COUNT, "one name for each feature");

const char *drift_feature_name(enum drift_feature feature)
{
    return features[feature].name;
}

const char *drift_feature_help(enum drift_feature feature)
{
    return features[feature].help;
}

void drift_features(float out[DRIFT_FEATURES], const struct drift_photo *photo)
{
    double edge = 1 / (1 + exp(LOGIT_MAX));
    double p = CLAMP(photo->probability, edge, 1 - edge);
    double width = (double)MAX_OF(photo->width, 1u);
    double height = (double)MAX_OF(photo->height, 1u);
    double bytes = (double)MAX_OF(photo->bytes, 1u);

    out[DRIFT_LOGIT] = (float)log(p / (1 - p));
    out[DRIFT_PIXELS] = (float)log2(width * height);
    out[DRIFT_DENSITY] = (float)log2(bytes / (width * height));
    out[DRIFT_ASPECT] = (float)fabs(log2(width / height));
    for (unsigned i = DRIFT_SMALL; i < DRIFT_FEATURE_COUNT; i++)
        out[i] = (photo->quality >> (i - DRIFT_SMALL)) & 1 ? 1.0f : 0.0f;
}

bool drift_is_ai(double probability, double threshold)
{
    return probability >= threshold;
}

bool drift_is_low(double probability, double threshold)
{
    double distance = drift_is_ai(probability, threshold)
                          ? (probability - threshold) / (1 - threshold)
                          : (threshold - probability) / threshold;

    return distance < LOW_DISTANCE;
}

unsigned drift_bin(double probability)
{
    double bin = probability * DRIFT_BINS;

    return bin >= DRIFT_BINS - 1 ? DRIFT_BINS - 1 : bin > 0 ? (unsigned)bin : 0;
}

double drift_run_length(const struct drift_budget *budget)
{
    return budget->predictions_a_day * DRIFT_DAYS_A_MONTH / budget->false_alarms_a_month;
}
