#include "drift/direction.h"

#include <math.h>

#define FACTOR_LEAST 0.1 /* of a bet, before it is divided for the radius */
#define EVIDENCE_TOP 1e15
#define GAIN_TOP     1e6
#define PLACE_TOP    (2 * DRIFT_EMBEDDING_REACH)

static const double memories[DRIFT_DIRECTIONS] = {250, 1000, 4000, 16000}; /* units */

void drift_direction_open(struct drift_direction *direction, const struct drift_embedding *normal,
                          bool grouped, double run_length)
{
    double longest = DRIFT_EMBEDDING_REACH + drift_embedding_length(normal->units[grouped].mean);

    *direction = (struct drift_direction){
        .normal = *normal,
        .grouped = grouped,
        .theta_max = (1 - FACTOR_LEAST) / longest,
        .limit = run_length,
    };
}

void drift_direction_reset(struct drift_direction *direction, int64_t time_us)
{
    for (unsigned b = 0; b < DRIFT_DIRECTIONS; b++)
        direction->bets[b] = (struct drift_direction_bet){.since_us = time_us};
    direction->value = 0;
}

/* The length of theta along a mean of that length.  The bet that grows fastest is as long as the
 * true mean; of what is seen, chance makes a part (James & Stein 1961), and what may be normal
 * another one. */
static double stake_of(const struct drift_direction *direction, double length, double memory)
{
    double chance = (DRIFT_EMBEDDING - 2) / (2 * memory);
    double radius = direction->normal.units[direction->grouped].radius;

    if (!(length > 0))
        return 0;
    return CLAMP(length - chance / length - radius, 0.0, direction->theta_max);
}

/* What a bet makes of a deviation; 1 when it does not bet. */
static double factor_of(const struct drift_direction *direction, unsigned bet,
                        const double deviation[DRIFT_EMBEDDING])
{
    const double *mean = direction->bets[bet].mean;
    double radius = direction->normal.units[direction->grouped].radius;
    double length = drift_embedding_length(mean), along = 0;
    double stake = stake_of(direction, length, memories[bet]);

    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        along += mean[i] * deviation[i];
    return stake > 0 ? (1 + stake * along / length) / (1 + stake * radius) : 1;
}

bool drift_direction_add(struct drift_direction *direction, const double places[DRIFT_EMBEDDING],
                         int64_t time_us)
{
    double deviation[DRIFT_EMBEDDING], sum = 0;

    drift_embedding_deviation(deviation, &direction->normal, places, direction->grouped);
    for (unsigned b = 0; b < DRIFT_DIRECTIONS; b++) {
        struct drift_direction_bet *bet = &direction->bets[b];
        double factor = factor_of(direction, b, deviation);
        if (factor != 1) /* a bet that is not made does not count as a try, either */
            bet->evidence = (bet->evidence + 1) * factor;
        bet->gain = fmax(0, bet->gain + log(factor));
        if (!(bet->gain > 0))
            bet->since_us = time_us;
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
            bet->mean[i] += (deviation[i] - bet->mean[i]) / memories[b];
        sum += bet->evidence;
    }
    direction->value = sum / DRIFT_DIRECTIONS;
    return direction->value >= direction->limit;
}

static const struct drift_direction_bet *leader_of(const struct drift_direction *direction)
{
    const struct drift_direction_bet *leader = &direction->bets[0];

    for (unsigned b = 1; b < DRIFT_DIRECTIONS; b++)
        if (direction->bets[b].evidence > leader->evidence)
            leader = &direction->bets[b];
    return leader;
}

void drift_direction_of(double out[DRIFT_EMBEDDING], const struct drift_direction *direction)
{
    const double *mean = leader_of(direction)->mean;
    double length = drift_embedding_length(mean);

    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        out[i] = length > 0 ? mean[i] / length : 0;
}

int64_t drift_direction_since_us(const struct drift_direction *direction)
{
    return leader_of(direction)->since_us;
}

/* ---- state ---- */

struct json *drift_direction_save(const struct drift_direction *direction)
{
    struct json *value = json_new_array();

    for (unsigned b = 0; b < DRIFT_DIRECTIONS; b++) {
        const struct drift_direction_bet *bet = &direction->bets[b];
        struct json *saved = json_new_object();
        struct json *mean = json_new_array();
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
            json_append_number(mean, bet->mean[i]);
        json_set(saved, "mean", mean);
        json_set_number(saved, "evidence", bet->evidence);
        json_set_number(saved, "gain", bet->gain);
        json_set_int(saved, "since_us", bet->since_us);
        json_append(value, saved);
    }
    return value;
}

static bool restore_bet(struct drift_direction_bet *out, const struct json *saved)
{
    const struct json *mean = json_get(saved, "mean");

    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++) {
        out->mean[i] = json_number_or(json_at(mean, i), NAN);
        if (!(fabs(out->mean[i]) <= PLACE_TOP))
            return false;
    }
    return json_count(mean) == DRIFT_EMBEDDING &&
           json_get_number(&out->evidence, saved, "evidence") && out->evidence >= 0 &&
           out->evidence <= EVIDENCE_TOP && json_get_number(&out->gain, saved, "gain") &&
           out->gain >= 0 && out->gain <= GAIN_TOP &&
           json_get_int(&out->since_us, saved, "since_us") && out->since_us >= 0;
}

bool drift_direction_restore(struct drift_direction *direction, const struct json *saved)
{
    struct drift_direction next = *direction;

    if (json_count(saved) != DRIFT_DIRECTIONS)
        return false;
    next.value = 0;
    for (unsigned b = 0; b < DRIFT_DIRECTIONS; b++) {
        if (!restore_bet(&next.bets[b], json_at(saved, b)))
            return false;
        next.value += next.bets[b].evidence / DRIFT_DIRECTIONS;
    }
    *direction = next;
    return true;
}
