/* service/review.h - photos that are kept so that people can look at them: a random share of those
 * that were judged, in a bounded folder.  Off unless asked for; the only place that keeps bytes of
 * a photo.  Must not know what becomes of them.  Thread-safe, but for open and close. */
#pragma once

#include "base/clock.h"

struct service_review;

#define SERVICE_REVIEW_PHOTOS_MAX 100000u /* files in the folder */

struct service_review_options {
    const char *folder;      /* made when absent, for the owner's eyes only */
    double sample_rate;      /* share of photos, above 0 to 1 */
    uint64_t bytes_max;      /* of all files; beyond it the oldest go */
    unsigned retention_days; /* older ones go; 0: never */
    uint64_t seed;           /* of the lots that are drawn */
    const struct clock *clock;
};

/* What an earlier process left in the folder counts and is forgotten like the rest. */
enum status service_review_open(struct service_review **out,
                                const struct service_review_options *options,
                                struct err *err) MUST_USE;
void service_review_close(struct service_review *review); /* keeps the files; NULL is fine */

/* Draws a lot for one photo; kept, it is FOLDER/TIME-SHA256.FORMAT.  Returns the probability with
 * which it was kept, for estimates that weigh it by the inverse; 0: it was not, also when its file
 * cannot be written.  `format` is "jpeg", "png", "webp" or NULL. */
double service_review_keep(struct service_review *review, struct bytes photo, const char *sha256,
                           const char *format);
/* Deletes what is too old; now in microseconds since 1970-01-01 UTC. */
void service_review_forget(struct service_review *review, int64_t now_us);

struct service_review_state {
    size_t photo_count; /* in the folder */
    uint64_t bytes;
    uint64_t failed; /* photos that could not be written */
};
void service_review_read(struct service_review_state *out, struct service_review *review);
