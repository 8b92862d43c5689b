/* drift/watch.h - the sequential detectors together, built from a baseline and the one number: an
 * e-detector with half of the tolerated false alarms; two CUSUM charts with the other half, or,
 * when the baseline has embeddings, half of that, and a second e-detector on these with the rest;
 * and ADWIN, which raises no alarm but says since when.  State can be saved and taken up again.
 * Pure: calibration takes some tenths of a second, an update less than a microsecond.
 * One thread at a time. */
#pragma once

#include "base/json.h"
#include "drift/adwin.h"
#include "drift/cusum.h"
#include "drift/direction.h"
#include "drift/edetector.h"

#define DRIFT_WATCH_LEAST 1000u /* samples of a baseline, below which nothing is watched */
#define DRIFT_BURST_LEAST 5u    /* samples of one sender in a minute that always count */

enum drift_detector {
    DRIFT_BY_EDETECTOR,
    DRIFT_BY_FEWER_VERDICTS,
    DRIFT_BY_MORE_VERDICTS,
    DRIFT_BY_EMBEDDING, /* only when the baseline has embeddings */
    DRIFT_DETECTOR_COUNT
};
const char *drift_detector_name(enum drift_detector detector); /* "edetector", ... */

/* Whether all samples of one sender within one minute count as one. */
enum drift_grouping { DRIFT_GROUP_AUTO, DRIFT_GROUP_ON, DRIFT_GROUP_OFF };
/* "on", "off"; anything else is "auto". */
enum drift_grouping drift_grouping_of(const char *name);

struct drift_watch_options {
    struct drift_budget budget;
    enum drift_grouping grouping; /* auto: on when the baseline's samples come in bursts */
    uint32_t burst_limit; /* samples of one sender in a minute that count; 0: 99 % of the baseline's
                             senders had no more, DRIFT_BURST_LEAST at least */
    size_t calibration_steps; /* 0: 8 million */
};

struct drift_watch {
    bool known;        /* there is a baseline, and it is large enough */
    double run_length; /* wanted between two false alarms, predictions */
    bool grouped;
    uint32_t burst_size; /* samples of one sender in a minute that count; the rest does not */
    struct drift_edetector edetector;
    struct drift_cusum charts[DRIFT_CHART_COUNT];
    bool embedded; /* the baseline has embeddings */
    struct drift_direction direction;
    struct drift_adwin adwin;
    struct drift_burst burst;
    uint64_t seen, ignored; /* samples; ignored: beyond burst_size */
};

struct drift_alarm {
    enum drift_detector detector;
    double value, limit;
    unsigned bet;                      /* DRIFT_BY_EDETECTOR: the one with the most evidence */
    double direction[DRIFT_EMBEDDING]; /* DRIFT_BY_EMBEDDING: where the mean moved to; length 1 */
    int64_t time_us;                   /* of the sample that raised it */
    int64_t since_us;                  /* the best guess of when the change was; 0: none */
};
/* What moved, in words. */
const char *drift_alarm_help(const struct drift_alarm *alarm);

void drift_watch_open(struct drift_watch *watch, const struct drift_baseline *baseline,
                      const struct drift_watch_options *options, struct rng rng);
/* True at an alarm, which is then in *alarm; the detectors have begun again. */
bool drift_watch_add(struct drift_watch *watch, const struct drift_sample *sample,
                     struct drift_alarm *alarm);
/* Whether a sample is one of those that made the alarm. */
bool drift_watch_speaks(const struct drift_watch *watch, const struct drift_alarm *alarm,
                        const struct drift_sample *sample);
/* Detectors at work, those before this number; 0: there is no baseline, or a small one. */
unsigned drift_watch_count(const struct drift_watch *watch);
/* What a detector has added up, and at what it raises an alarm. */
void drift_watch_measure(double *value, double *limit, const struct drift_watch *watch,
                         enum drift_detector detector);
/* How near each detector is to its limit, [0, 1]: logarithms for the e-detector. */
double drift_watch_level(const struct drift_watch *watch, enum drift_detector detector);

/* The sums, without what a baseline gives. */
struct json *drift_watch_save(const struct drift_watch *watch) MUST_USE;
/* Into a watch that was opened.  ST_CORRUPT: nothing is taken over. */
enum status drift_watch_restore(struct drift_watch *watch, const struct json *saved,
                                struct err *err) MUST_USE;
