#include "access/limiter.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define WAYS     8u  /* places in which a subject may be */
#define LOCKS    16u /* each guards the sets whose number ends in it */
#define MINUTE_S 60.0

struct bucket {
    uint64_t subject; /* 0: free */
    int64_t updated_us;
    double tokens; /* at updated_us */
};

struct access_limiter {
    struct bucket *buckets; /* sets of WAYS */
    size_t set_count;       /* a power of two */
    uint64_t seed;
    pthread_mutex_t locks[LOCKS];
};

enum status access_limiter_open(struct access_limiter **out, size_t bucket_count, uint64_t seed,
                                struct err *err)
{
    size_t set_count = ACCESS_BUCKETS_MIN / WAYS;

    if (bucket_count > ACCESS_BUCKETS_MAX)
        return err_set(err, ST_LIMIT, "%zu buckets, the limit is %u", bucket_count,
                       ACCESS_BUCKETS_MAX);
    while (set_count * WAYS < bucket_count)
        set_count *= 2;
    struct bucket *buckets = mem_try_alloc(set_count * WAYS, sizeof *buckets);
    if (!buckets)
        return err_set(err, ST_NOMEM, "no room for %zu buckets", set_count * WAYS);
    struct access_limiter *limiter = mem_alloc(1, sizeof *limiter);
    limiter->buckets = buckets;
    limiter->set_count = set_count;
    limiter->seed = seed;
    for (size_t i = 0; i < LOCKS; i++)
        (void)pthread_mutex_init(&limiter->locks[i], NULL);
    *out = limiter;
    return ST_OK;
}

void access_limiter_close(struct access_limiter *limiter)
{
    if (!limiter)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&limiter->locks[i]);
    mem_free(limiter->buckets);
    mem_free(limiter);
}

static uint64_t mix(uint64_t state, uint64_t word)
{
    struct rng rng = rng_derive(state, word);

    return rng_u64(&rng);
}

uint64_t access_limiter_subject(const struct access_limiter *limiter, unsigned kind,
                                struct bytes who)
{
    uint64_t state = mix(limiter->seed, ((uint64_t)kind << 32) | who.len);

    for (size_t at = 0; at < who.len; at += 8) {
        uint64_t word = 0;
        memcpy(&word, who.at + at, MIN_OF(who.len - at, sizeof word));
        state = mix(state, word);
    }
    return state ? state : 1;
}

/* What is in the bucket now. */
static double level(const struct bucket *bucket, const struct access_limit *limit, int64_t now_us)
{
    double passed_s = (double)MAX_OF(now_us - bucket->updated_us, 0) / 1e6;

    return fmin(limit->burst, bucket->tokens + passed_s * limit->per_minute / MINUTE_S);
}

/* The subject's own place, else the one whose loss does least: a free one, else the quietest. */
static struct bucket *find(struct bucket *set, uint64_t subject)
{
    struct bucket *oldest = set;

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].subject == subject)
            return &set[i];
        if (oldest->subject && (!set[i].subject || set[i].updated_us < oldest->updated_us))
            oldest = &set[i];
    }
    return oldest;
}

static void fill_allowance(struct access_allowance *out, double tokens, bool allowed,
                           const struct access_limit *limit)
{
    double per_s = limit->per_minute / MINUTE_S;

    *out = (struct access_allowance){
        .allowed = allowed,
        .limit = (unsigned)limit->burst,
        .remaining = (unsigned)tokens,
        .reset_s = (unsigned)ceil((limit->burst - tokens) / per_s),
        .retry_after_s = allowed ? 0 : MAX_OF((unsigned)ceil((1 - tokens) / per_s), 1u),
    };
}

void access_limiter_take(struct access_allowance *out, struct access_limiter *limiter,
                         uint64_t subject, const struct access_limit *limit, int64_t now_us)
{
    size_t set = (size_t)subject & (limiter->set_count - 1);
    pthread_mutex_t *lock = &limiter->locks[set % LOCKS];

    (void)pthread_mutex_lock(lock);
    struct bucket *bucket = find(&limiter->buckets[set * WAYS], subject);
    bool known = bucket->subject == subject;
    double tokens = known ? level(bucket, limit, now_us) : limit->burst;
    bool allowed = tokens >= 1;
    tokens -= allowed;
    *bucket = (struct bucket){subject, now_us, tokens};
    (void)pthread_mutex_unlock(lock);
    fill_allowance(out, tokens, allowed, limit);
}
