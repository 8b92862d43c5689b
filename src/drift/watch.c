#include "drift/watch.h"

#include <math.h>
#include <string.h>

#define STEPS_DEFAULT 8000000u
#define BURSTY        1.25 /* design effect from which groups count as one */
#define ADWIN_DELTA   0.0001
#define EVIDENCE_TOP  1e15
#define FAR_ALONG     1.5 /* deviations: one in 15 normal photos is as far */

static const char *const names[] = {
    [DRIFT_BY_EDETECTOR] = "edetector",
    [DRIFT_BY_FEWER_VERDICTS] = "cusum_verdicts_down",
    [DRIFT_BY_MORE_VERDICTS] = "cusum_verdicts_up",
    [DRIFT_BY_EMBEDDING] = "embedding",
};
_Static_assert(ARRAY_LEN(names) == DRIFT_DETECTOR_COUNT, "one name for each detector");
_Static_assert(DRIFT_BY_EMBEDDING == 1 + (int)DRIFT_CHART_COUNT, "the charts follow in order");

const char *drift_detector_name(enum drift_detector detector)
{
    return names[detector];
}

const char *drift_alarm_help(const struct drift_alarm *alarm)
{
    switch (alarm->detector) {
    case DRIFT_BY_EDETECTOR:
        return drift_bet_help(alarm->bet);
    case DRIFT_BY_FEWER_VERDICTS:
        return "AI-generated verdicts are less frequent than in the baseline";
    case DRIFT_BY_EMBEDDING:
        return "photos look different from those of the baseline, whatever their verdicts";
    default:
        return "AI-generated verdicts are more frequent than in the baseline";
    }
}

enum drift_grouping drift_grouping_of(const char *name)
{
    return strcmp(name, "on") == 0    ? DRIFT_GROUP_ON
           : strcmp(name, "off") == 0 ? DRIFT_GROUP_OFF
                                      : DRIFT_GROUP_AUTO;
}

/* The budget is shared: rates of alarms add up to at most 1 / run_length. */
void drift_watch_open(struct drift_watch *watch, const struct drift_baseline *baseline,
                      const struct drift_watch_options *options, struct rng rng)
{
    double run_length = drift_run_length(&options->budget);
    size_t steps = options->calibration_steps ? options->calibration_steps : STEPS_DEFAULT;

    *watch = (struct drift_watch){.run_length = run_length};
    drift_adwin_open(&watch->adwin, ADWIN_DELTA);
    if (baseline->count < DRIFT_WATCH_LEAST)
        return;
    watch->grouped = options->grouping == DRIFT_GROUP_ON ||
                     (options->grouping == DRIFT_GROUP_AUTO && baseline->burst_effect > BURSTY);
    watch->burst_size = options->burst_limit
                            ? options->burst_limit
                            : (uint32_t)MAX_OF(baseline->burst_size, (size_t)DRIFT_BURST_LEAST);
    drift_edetector_open(&watch->edetector, baseline, watch->grouped, 2 * run_length);
    watch->embedded = baseline->embedding.known;
    double rest = watch->embedded ? 4 * run_length : 2 * run_length;
    if (watch->embedded)
        drift_direction_open(&watch->direction, &baseline->embedding, watch->grouped, rest);
    drift_cusum_calibrate(watch->charts, baseline, watch->grouped, rest * DRIFT_CHART_COUNT, steps,
                          rng);
    watch->known = true;
}

static int64_t since_us(const struct drift_watch *watch)
{
    const struct drift_cusum *nearest = &watch->charts[0];

    for (size_t i = 1; i < DRIFT_CHART_COUNT; i++)
        if (watch->charts[i].sum / watch->charts[i].limit > nearest->sum / nearest->limit)
            nearest = &watch->charts[i];
    if (watch->adwin.cut_count)
        return MAX_OF(drift_adwin_since_us(&watch->adwin), nearest->since_us);
    return nearest->since_us;
}

static void begin_again(struct drift_watch *watch, int64_t time_us)
{
    drift_edetector_reset(&watch->edetector);
    drift_direction_reset(&watch->direction, time_us);
    for (size_t i = 0; i < DRIFT_CHART_COUNT; i++) {
        watch->charts[i].sum = 0;
        watch->charts[i].since_us = time_us;
    }
}

unsigned drift_watch_count(const struct drift_watch *watch)
{
    return !watch->known ? 0 : watch->embedded ? DRIFT_DETECTOR_COUNT : DRIFT_BY_EMBEDDING;
}

void drift_watch_measure(double *value, double *limit, const struct drift_watch *watch,
                         enum drift_detector detector)
{
    const struct drift_cusum *chart = &watch->charts[0];

    *value = *limit = 0;
    if ((unsigned)detector >= drift_watch_count(watch))
        return;
    switch (detector) {
    case DRIFT_BY_EDETECTOR:
        *value = watch->edetector.value;
        *limit = watch->edetector.limit;
        return;
    case DRIFT_BY_EMBEDDING:
        *value = watch->direction.value;
        *limit = watch->direction.limit;
        return;
    default:
        chart += detector - DRIFT_BY_FEWER_VERDICTS;
        *value = chart->sum;
        *limit = chart->limit;
        return;
    }
}

static void raise(struct drift_alarm *alarm, struct drift_watch *watch,
                  enum drift_detector detector, int64_t time_us)
{
    *alarm = (struct drift_alarm){
        .detector = detector,
        .bet = drift_edetector_leader(&watch->edetector),
        .time_us = time_us,
        .since_us = detector == DRIFT_BY_EDETECTOR   ? since_us(watch)
                    : detector == DRIFT_BY_EMBEDDING ? drift_direction_since_us(&watch->direction)
                                                     : watch->charts[detector - 1].since_us,
    };
    drift_watch_measure(&alarm->value, &alarm->limit, watch, detector);
    if (detector == DRIFT_BY_EMBEDDING)
        drift_direction_of(alarm->direction, &watch->direction);
    begin_again(watch, time_us);
}

/* What counts as one, for all but the e-detector. */
struct unit {
    double share; /* of AI-generated verdicts */
    double probability;
    bool embedded;
    double places[DRIFT_EMBEDDING]; /* mean of those that have an embedding */
    int64_t time_us;
};

static bool add_unit(struct drift_watch *watch, const struct unit *unit, bool bets,
                     struct drift_alarm *alarm)
{
    bool raised[DRIFT_DETECTOR_COUNT] = {[DRIFT_BY_EDETECTOR] = bets};

    for (unsigned i = 0; i < DRIFT_CHART_COUNT; i++)
        raised[1 + i] = drift_cusum_add(
            &watch->charts[i], drift_chart_value((enum drift_chart)i, unit->share), unit->time_us);
    if (watch->embedded && unit->embedded)
        raised[DRIFT_BY_EMBEDDING] =
            drift_direction_add(&watch->direction, unit->places, unit->time_us);
    (void)drift_adwin_add(&watch->adwin, unit->probability, unit->time_us);
    for (unsigned i = 0; i < DRIFT_DETECTOR_COUNT; i++)
        if (raised[i]) {
            raise(alarm, watch, (enum drift_detector)i, unit->time_us);
            return true;
        }
    return false;
}

/* A limit in groups guarantees a run length in groups; each has at least one prediction, so the run
 * length in predictions is at least the same. */
static bool end_minute(struct drift_watch *watch, int64_t time_us, struct drift_alarm *alarm)
{
    for (size_t i = 0; watch->grouped && i < watch->burst.group_count; i++) {
        const struct drift_burst_group *group = &watch->burst.groups[i];
        struct unit unit = {.share = (double)group->ai_count / group->count,
                            .probability = group->sum / group->count,
                            .embedded = group->embedded > 0,
                            .time_us = time_us};
        for (unsigned k = 0; unit.embedded && k < DRIFT_EMBEDDING; k++)
            unit.places[k] = group->places[k] / group->embedded;
        bool bets = drift_edetector_add_group(&watch->edetector, group);
        if (add_unit(watch, &unit, bets, alarm))
            return true; /* the rest of that minute is part of what was found */
    }
    return false;
}

static bool add_sample(struct drift_watch *watch, const struct drift_sample *sample,
                       struct drift_alarm *alarm)
{
    struct unit unit = {.share = sample->ai_generated ? 1 : 0,
                        .probability = sample->probability,
                        .embedded = sample->embedding != 0,
                        .time_us = sample->time_us};

    drift_embedding_unpack(unit.places, sample->embedding);
    return add_unit(watch, &unit,
                    drift_edetector_add(&watch->edetector, drift_bin(sample->probability)), alarm);
}

bool drift_watch_add(struct drift_watch *watch, const struct drift_sample *sample,
                     struct drift_alarm *alarm)
{
    bool raised = false;

    if (!watch->known)
        return false;
    if (drift_burst_ends(&watch->burst, sample)) {
        raised = end_minute(watch, sample->time_us, alarm);
        drift_burst_begin(&watch->burst, sample);
    }
    watch->seen++;
    uint32_t count = drift_burst_add(&watch->burst, sample)->count;
    if (watch->grouped)
        return raised;
    if (count > watch->burst_size) {
        watch->ignored++;
        return false;
    }
    return add_sample(watch, sample, alarm);
}

bool drift_watch_speaks(const struct drift_watch *watch, const struct drift_alarm *alarm,
                        const struct drift_sample *sample)
{
    double places[DRIFT_EMBEDDING], deviation[DRIFT_EMBEDDING], along = 0;

    switch (alarm->detector) {
    case DRIFT_BY_EDETECTOR:
        return drift_bet_factor(&watch->edetector, alarm->bet, drift_bin(sample->probability)) > 1;
    case DRIFT_BY_FEWER_VERDICTS:
        return !sample->ai_generated;
    case DRIFT_BY_MORE_VERDICTS:
        return sample->ai_generated;
    default:
        if (!watch->embedded || !sample->embedding)
            return false;
        drift_embedding_unpack(places, sample->embedding);
        drift_embedding_deviation(deviation, &watch->direction.normal, places, false);
        for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
            along += deviation[i] * alarm->direction[i];
        return along >= FAR_ALONG;
    }
}

double drift_watch_level(const struct drift_watch *watch, enum drift_detector detector)
{
    double value, limit;

    drift_watch_measure(&value, &limit, watch, detector);
    if (!(limit > 0))
        return 0;
    bool logarithmic = detector == DRIFT_BY_EDETECTOR || detector == DRIFT_BY_EMBEDDING;
    return CLAMP(logarithmic ? log1p(value) / log1p(limit) : value / limit, 0.0, 1.0);
}

/* ---- state ---- */

struct json *drift_watch_save(const struct drift_watch *watch)
{
    struct json *value = json_new_object();
    struct json *evidence = json_new_array();
    struct json *charts = json_new_array();
    struct json *since = json_new_array();
    struct json *adwin = json_new_array();

    for (size_t i = 0; i < DRIFT_BETS; i++)
        json_append_number(evidence, watch->edetector.evidence[i]);
    for (size_t i = 0; i < DRIFT_CHART_COUNT; i++) {
        json_append_number(charts, watch->charts[i].sum);
        json_append_int(since, watch->charts[i].since_us);
    }
    for (unsigned r = watch->adwin.row_count; r-- > 0;)
        for (unsigned i = 0; i < watch->adwin.counts[r]; i++) {
            json_append_int(adwin, r);
            json_append_number(adwin, watch->adwin.rows[r][i].sum);
            json_append_number(adwin, watch->adwin.rows[r][i].spread);
            json_append_int(adwin, watch->adwin.rows[r][i].first_us);
        }
    json_set(value, "evidence", evidence);
    json_set(value, "charts", charts);
    json_set(value, "since_us", since);
    json_set(value, "adwin", adwin); /* row, sum, spread, first_us of each bucket, oldest first */
    json_set_number(value, "adwin_spread", watch->adwin.spread);
    json_set_int(value, "adwin_cuts", (int64_t)watch->adwin.cut_count);
    if (watch->embedded)
        json_set(value, "directions", drift_direction_save(&watch->direction));
    json_set(value, "burst", drift_burst_save(&watch->burst));
    json_set_int(value, "seen", (int64_t)watch->seen);
    json_set_int(value, "ignored", (int64_t)watch->ignored);
    return value;
}

/* A number of `array` in [0, top]; *fine becomes false otherwise. */
static double number_at(const struct json *array, size_t i, double top, bool *fine)
{
    double number = json_number_or(json_at(array, i), NAN);

    *fine = *fine && number >= 0 && number <= top;
    return number;
}

static bool restore_adwin(struct drift_adwin *adwin, const struct json *saved)
{
    const struct json *list = json_get(saved, "adwin");
    double top = ldexp(1, DRIFT_ADWIN_ROWS), cuts = 0;
    unsigned row_before = DRIFT_ADWIN_ROWS;
    bool fine = json_count(list) % 4 == 0;

    for (size_t i = 0; fine && i + 4 <= json_count(list); i += 4) {
        unsigned row = (unsigned)number_at(list, i, DRIFT_ADWIN_ROWS - 1, &fine);
        struct drift_adwin_bucket bucket = {
            .sum = number_at(list, i + 1, top, &fine),
            .spread = number_at(list, i + 2, top, &fine),
            .first_us = (int64_t)number_at(list, i + 3, 9e18, &fine),
        };
        if (!fine || row > row_before || adwin->counts[row] == DRIFT_ADWIN_BUCKETS)
            return false;
        row_before = row;
        adwin->rows[row][adwin->counts[row]++] = bucket;
        adwin->row_count = MAX_OF(adwin->row_count, row + 1);
        adwin->width += UINT64_C(1) << row;
        adwin->sum += bucket.sum;
    }
    fine = fine && json_get_number(&adwin->spread, saved, "adwin_spread") && adwin->spread >= 0 &&
           adwin->spread <= top && json_get_number(&cuts, saved, "adwin_cuts") && cuts >= 0 &&
           cuts <= top;
    adwin->cut_count = fine ? (uint64_t)cuts : 0;
    return fine;
}

enum status drift_watch_restore(struct drift_watch *watch, const struct json *saved,
                                struct err *err)
{
    const struct json *evidence = json_get(saved, "evidence");
    const struct json *charts = json_get(saved, "charts");
    const struct json *since = json_get(saved, "since_us");
    struct drift_watch next = *watch;
    int64_t seen = 0, ignored = 0;
    double sum = 0;
    bool fine = json_count(evidence) == DRIFT_BETS && json_count(charts) == DRIFT_CHART_COUNT &&
                json_count(since) == DRIFT_CHART_COUNT;

    for (size_t i = 0; fine && i < DRIFT_BETS; i++) {
        next.edetector.evidence[i] = number_at(evidence, i, EVIDENCE_TOP, &fine);
        sum += next.edetector.evidence[i];
    }
    next.edetector.value = sum / DRIFT_BETS;
    for (size_t i = 0; fine && i < DRIFT_CHART_COUNT; i++) {
        next.charts[i].sum = number_at(charts, i, 1e9, &fine);
        next.charts[i].since_us = (int64_t)number_at(since, i, 9e18, &fine);
    }
    drift_adwin_open(&next.adwin, ADWIN_DELTA);
    fine = fine && restore_adwin(&next.adwin, saved);
    if (fine && next.embedded && json_get(saved, "directions"))
        fine = drift_direction_restore(&next.direction, json_get(saved, "directions"));
    fine = fine && drift_burst_restore(&next.burst, json_get(saved, "burst"));
    fine = fine && json_get_int(&seen, saved, "seen") && seen >= 0;
    fine = fine && json_get_int(&ignored, saved, "ignored") && ignored >= 0;
    if (!fine)
        return err_set(err, ST_CORRUPT, "the saved state of the detectors is broken");
    next.seen = (uint64_t)seen;
    next.ignored = (uint64_t)ignored;
    *watch = next;
    return ST_OK;
}
