/* detect/verdict.c - names, and what a probability means: verdict, decision, confidence. */
#include <string.h>

#include "detect/detect.h"
#include "nn/inference.h"

#define CONFIDENCE_HIGH 0.6
#define CONFIDENCE_LOW  0.4

const char *detect_verdict_name(enum detect_verdict verdict)
{
    return verdict == DETECT_AI_GENERATED ? "ai_generated" : "real";
}

const char *detect_decision_name(enum detect_decision decision)
{
    static const char *const names[] = {"real", "unsure", "ai_generated"};
    _Static_assert(ARRAY_LEN(names) == DETECT_DECISION_COUNT, "one name for each");

    return names[decision];
}

enum detect_decision detect_decide(double probability, struct detect_band band)
{
    if (probability < band.low)
        return DETECT_DECIDED_REAL;
    return probability >= band.high ? DETECT_DECIDED_AI_GENERATED : DETECT_UNSURE;
}

const char *detect_confidence_name(enum detect_confidence confidence)
{
    static const char *const names[] = {"low", "medium", "high"};
    _Static_assert(ARRAY_LEN(names) == DETECT_CONFIDENCE_COUNT, "one name for each");

    return names[confidence];
}

enum detect_confidence detect_confidence(double probability, double threshold)
{
    double distance = probability >= threshold ? (probability - threshold) / (1.0 - threshold)
                                               : (threshold - probability) / threshold;

    if (distance >= CONFIDENCE_HIGH)
        return DETECT_CONFIDENCE_HIGH;
    return distance < CONFIDENCE_LOW ? DETECT_CONFIDENCE_LOW : DETECT_CONFIDENCE_MEDIUM;
}

const char *detect_precision_name(enum detect_precision precision)
{
    return precision == DETECT_AUTO ? "auto" : nn_precision_name((enum nn_precision)precision);
}

bool detect_precision_read(enum detect_precision *out, const char *word)
{
    for (int i = 0; i < DETECT_PRECISION_COUNT; i++)
        if (strcmp(word, detect_precision_name((enum detect_precision)i)) == 0) {
            *out = (enum detect_precision)i;
            return true;
        }
    return false;
}

enum status detect_threshold_read(struct detect_options *options, const char *text, struct err *err)
{
    double threshold = 0;
    double fpr = 0;

    if (strcmp(text, "fpr:0.01") == 0)
        fpr = 0.01;
    else if (strcmp(text, "fpr:0.05") == 0)
        fpr = 0.05;
    else if (text[0] && strcmp(text, "0") != 0 &&
             !str_to_double(&threshold, str_of(text), 0.0001, 0.9999))
        return err_set(err, ST_INVALID,
                       "'%.40s' is not a number from 0.0001 to 0.9999, fpr:0.01 or fpr:0.05", text);
    options->threshold = threshold;
    options->fpr = fpr;
    return ST_OK;
}
