/* evaluate/mistakes.h - the photos a model is most wrong about, as small pictures; private to
 * evaluate/.  Reads the photos' files again. */
#pragma once

#include "base/buf.h"
#include "evaluate/evaluate.h"

#define EVALUATE_MISTAKES_MAX      18 /* that are shown of each class */
#define EVALUATE_THUMBNAIL_SIDE_PX 192

struct evaluate_mistake {
    const struct evaluate_score *scores; /* of all tiers of this photo */
    double distance;                     /* to the threshold, on the wrong side */
};

struct evaluate_mistakes {
    enum train_tier tier; /* at which they were chosen */
    struct evaluate_mistake items[TRAIN_LABEL_COUNT][EVALUATE_MISTAKES_MAX]; /* the worst first */
    size_t counts[TRAIN_LABEL_COUNT];
    size_t totals[TRAIN_LABEL_COUNT]; /* with those that are not shown */
};

/* By the class of the photo: real ones called AI-generated, and the other way round. */
void evaluate_mistakes_find(struct evaluate_mistakes *out, const struct evaluate_report *report);

/* A JPEG whose longer side is at most EVALUATE_THUMBNAIL_SIDE_PX; it lives in `arena`. */
struct evaluate_thumbnail {
    struct bytes jpeg;
    uint32_t width, height; /* pixels */
};
enum status evaluate_thumbnail(struct evaluate_thumbnail *out, const char *path,
                               struct arena *arena, struct err *err) MUST_USE;
