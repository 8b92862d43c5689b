/* access/limiter.h - token buckets in a table of fixed size: how often a subject may do something.
 * Owns the table; it never grows, whoever asks.  Must not know what a subject is: time is passed
 * in.  Thread-safe. */
#pragma once

#include "base/base.h"

#define ACCESS_BUCKETS_MIN 64
#define ACCESS_BUCKETS_MAX (1u << 22)

struct access_limiter;

/* `per_minute` on average, `burst` at once; both over 0. */
struct access_limit {
    double per_minute;
    double burst;
};

struct access_allowance {
    bool allowed;
    unsigned limit;         /* requests at once */
    unsigned remaining;     /* of them, now */
    unsigned reset_s;       /* until all of them are there again */
    unsigned retry_after_s; /* until there is one; 0 when allowed */
};

/* Room for at least `bucket_count` subjects, 24 bytes each, rounded up to a power of two.  With
 * more subjects than that, those that were quiet longest are forgotten: they start afresh.  `seed`
 * keeps outsiders from choosing who shares a slot with whom. */
enum status access_limiter_open(struct access_limiter **out, size_t bucket_count, uint64_t seed,
                                struct err *err) MUST_USE;
void access_limiter_close(struct access_limiter *limiter); /* NULL is fine */

/* A subject's number: of its `kind` (who counts what) and its bytes. */
uint64_t access_limiter_subject(const struct access_limiter *limiter, unsigned kind,
                                struct bytes who);
/* Takes one token, if there is one.  `now_us` is monotonic. */
void access_limiter_take(struct access_allowance *out, struct access_limiter *limiter,
                         uint64_t subject, const struct access_limit *limit, int64_t now_us);
