/* cli/scan.h - the parts of `aidetect scan`: what to judge, workers that judge it, how results
 * are printed.  One thread calls these; the workers are inside cli_scan_run. */
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "detect/detect.h"

#define CLI_SCAN_FILES_MAX 1000000

struct cli_scan_input {
    char *path;
    bool named;          /* on the command line, not found in a folder */
    struct err *failure; /* known before it is read: a folder that cannot be listed; or NULL */
};

struct cli_scan_inputs {
    struct cli_scan_input *at;
    size_t count, capacity;
};

/* Adds a file, "-", or every file of a folder.  A folder that cannot be listed becomes an input
 * with a failure.  ST_LIMIT: over CLI_SCAN_FILES_MAX files. */
enum status cli_scan_inputs_add(struct cli_scan_inputs *inputs, const char *path,
                                struct err *err) MUST_USE;
void cli_scan_inputs_fini(struct cli_scan_inputs *inputs);

enum cli_scan_state {
    CLI_SCAN_JUDGED,
    CLI_SCAN_FAILED,
    CLI_SCAN_SKIPPED, /* in a folder and no photo */
    CLI_SCAN_STATE_COUNT
};

struct cli_scan_result {
    enum cli_scan_state state;
    struct detect_result verdict; /* judged; its patch maps are gone */
    struct err err;               /* failed */
};

typedef void cli_scan_emit(void *payload, const struct cli_scan_input *input,
                           const struct cli_scan_result *result);

/* Judges all inputs on `workers` pinned threads and calls emit for each, in order, on the calling
 * thread.  Memory does not grow with the number of inputs.  Errors: only what stops everything. */
enum status cli_scan_run(const struct detect_model *model, const struct cli_scan_inputs *inputs,
                         unsigned workers, cli_scan_emit *emit, void *payload,
                         struct err *err) MUST_USE;

enum cli_scan_format { CLI_SCAN_TABLE, CLI_SCAN_JSON, CLI_SCAN_JSONL, CLI_SCAN_CSV };

struct cli_scan_report {
    enum cli_scan_format format;
    FILE *out, *log; /* results; failures of the table, progress and summary */
    bool color;      /* escape sequences may go to out */
    bool live;       /* log is a terminal: progress may be drawn */
    bool quiet;      /* neither progress nor summary */
    bool timings;
    const char *model_version;
    const struct clock *clock;
    size_t total; /* inputs */
    int64_t started_us, drawn_us;
    bool drawn; /* a progress line stands on the terminal */
    size_t real_count, ai_count, failed_count, skipped_count;
    struct buf line; /* scratch */
};

/* The caller has set the fields up to `total`. */
void cli_scan_report_begin(struct cli_scan_report *report);
void cli_scan_report_add(void *payload, const struct cli_scan_input *input,
                         const struct cli_scan_result *result);
void cli_scan_report_end(struct cli_scan_report *report);
