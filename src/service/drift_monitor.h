/* service/drift_monitor.h - drift while the service runs: every prediction goes through the window
 * and the sequential detectors; a thread of its own follows the folder of baselines, builds
 * detectors, keeps the history and saves the state, so that no worker does.
 * Must not know metrics or HTTP.  Thread-safe, but for open and close. */
#pragma once

#include "base/clock.h"
#include "drift/diagnosis.h"
#include "drift/score.h"
#include "drift/watch.h"

#define DRIFT_ID_SIZE      72 /* of a request */
#define DRIFT_EXAMPLES_MAX 5  /* requests that an alarm names */

struct drift_monitor;

struct drift_monitor_options {
    const char
        *folder; /* of baselines, state and history; borrowed until it is open; empty: none */
    size_t window_size;
    struct drift_thresholds thresholds;
    struct drift_watch_options watch;
    double hold_hours; /* an alarm that no other follows counts for as long */
    const struct clock *clock;
};

/* The playbook's thresholds and one false alarm a month; nothing is kept in files. */
void drift_monitor_defaults(struct drift_monitor_options *out);
struct service_config;
/* As the settings say; `folder` is borrowed until the monitor is open. */
void service_drift_settings(struct drift_monitor_options *out, const struct service_config *config,
                            const char *folder);

/* The model in use. */
struct drift_model {
    const char *version, *hash;
    double threshold;
};

/* Takes up the saved state, when it is of that model.  A state that is broken is no error: it
 * begins empty. */
void drift_monitor_open(struct drift_monitor **out, const struct drift_monitor_options *options,
                        const struct drift_model *model);
/* Saves the state; NULL is fine. */
void drift_monitor_close(struct drift_monitor *monitor);
/* Another model, or threshold: another baseline.  The same model's window is judged again. */
void drift_monitor_use(struct drift_monitor *monitor, const struct drift_model *model);

/* One finished prediction.  `model_hash` is that of the model that made it: one that is not in use
 * any more is left out. */
struct drift_prediction {
    struct drift_sample sample; /* verdict and confidence are the threshold's in use */
    const char *model_hash;
    const char *request_id; /* NULL: none */
};
void drift_monitor_add(struct drift_monitor *monitor, const struct drift_prediction *prediction);

/* What the thread does once a second: looks for another baseline, builds, saves, writes history.
 * For tests, which have no time to wait. */
void drift_monitor_tick(struct drift_monitor *monitor);

struct drift_status {
    char model_version[DRIFT_NAME_SIZE];
    double threshold;
    size_t window_size;
    struct drift_figures window;
    struct drift_figures baseline;   /* count 0: none */
    int64_t baseline_version;        /* of its file */
    double baseline_saved_threshold; /* differs from threshold: rebased */
    int64_t baseline_created_us;
    struct drift_thresholds thresholds;
    struct drift_score score;
    unsigned detector_count; /* sequential detectors at work: 0 without a baseline */
    bool grouped;
    double run_length; /* wanted, predictions between two false alarms */
    double levels[DRIFT_DETECTOR_COUNT], values[DRIFT_DETECTOR_COUNT];
    double limits[DRIFT_DETECTOR_COUNT];
    uint64_t adwin_width;
    bool alarmed; /* an alarm, and the hold is not over */
    struct drift_alarm alarm;
    uint64_t alarm_counts[DRIFT_DETECTOR_COUNT]; /* since the start */
    uint64_t seen;                               /* by the detectors, since the baseline */
    int64_t utc_us;
};
void drift_monitor_read(struct drift_status *out, struct drift_monitor *monitor);
/* False while there is no baseline or no prediction. */
bool drift_monitor_diagnose(struct drift_diagnosis *out, struct drift_monitor *monitor) MUST_USE;
/* Requests of the window with a probability from `low` to below `top` (1 included), or, while an
 * alarm of embeddings holds, of photos that look like what made it; the latest first.  Returns how
 * many. */
size_t drift_monitor_examples(char out[DRIFT_EXAMPLES_MAX][DRIFT_ID_SIZE],
                              struct drift_monitor *monitor, double low, double top);
