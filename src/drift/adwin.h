/* drift/adwin.h - ADWIN (Bifet & Gavalda 2007): a window that grows while its mean is steady and
 * drops its old part when two parts of it differ; here to say since when.
 * Owns nothing: fixed memory, O(log n) buckets.  One thread at a time. */
#pragma once

#include "drift/drift.h"

#define DRIFT_ADWIN_ROWS    32
#define DRIFT_ADWIN_BUCKETS 5 /* of each row; row r's hold 2^r samples each */

struct drift_adwin_bucket {
    double sum, spread; /* spread: squared distances from their mean, added up */
    int64_t first_us;
};

struct drift_adwin {
    double delta; /* tolerated chance of a false cut at each check */
    uint64_t width;
    double sum, spread;
    uint64_t cut_count;
    unsigned until_check;
    unsigned row_count;
    unsigned counts[DRIFT_ADWIN_ROWS];
    struct drift_adwin_bucket rows[DRIFT_ADWIN_ROWS][DRIFT_ADWIN_BUCKETS + 1]; /* oldest first */
};

void drift_adwin_open(struct drift_adwin *adwin, double delta);
/* True when the window was cut. */
bool drift_adwin_add(struct drift_adwin *adwin, double value, int64_t time_us);
int64_t drift_adwin_since_us(const struct drift_adwin *adwin); /* of its oldest sample; 0: none */
