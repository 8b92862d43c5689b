/* service/drift_state.h - the drift monitor's files: its saved state and its history.  The state is
 * JSON, written whole; the history one JSON object a line, appended, begun anew at a size.
 * Every byte read is outside input.  Owns nothing; thread-safe. */
#pragma once

#include "service/drift_monitor.h"

#define DRIFT_STATE_BYTES   (16u << 20)
#define DRIFT_HISTORY_BYTES (1u << 20) /* then it becomes history.1.jsonl */
#define DRIFT_HISTORY_LINE  4096u

/* What outlives a restart, besides the folder of baselines. */
struct drift_saved {
    char model_version[DRIFT_NAME_SIZE], model_hash[DRIFT_NAME_SIZE];
    double threshold;
    int64_t baseline_version; /* that the detectors were built from */
    bool alarmed;
    struct drift_alarm alarm;
    struct drift_window window;
    char (*ids)[DRIFT_ID_SIZE]; /* of requests, one for each place of the window */
    struct json *watch;         /* drift_watch_save; NULL: none */
};

void drift_state_write(struct buf *out, const struct drift_saved *saved);
/* Into a window and ids that the caller has opened.  ST_CORRUPT: half-written, start anew. */
enum status drift_state_parse(struct drift_saved *out, struct bytes text, struct err *err) MUST_USE;

/* One line of the history. */
struct drift_event {
    int64_t time_us;
    const char *name; /* "alarm", "level", "baseline", "model" */
    char what[160];   /* in words */
    char detector[32];
    double value, limit, score;
    int64_t since_us;
    char story[16];
    char examples[DRIFT_EXAMPLES_MAX][DRIFT_ID_SIZE]; /* requests; empty ones end the list */
};
enum status drift_history_append(const char *folder, const struct drift_event *event,
                                 struct err *err) MUST_USE;
