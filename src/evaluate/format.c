#include "evaluate/format.h"

#include <math.h>

const char *evaluate_format_percent(char out[EVALUATE_CELL], double share)
{
    if (isfinite(share))
        (void)snprintf(out, EVALUATE_CELL, "%.1f", 100 * share);
    else
        (void)snprintf(out, EVALUATE_CELL, "-");
    return out;
}

const char *evaluate_format_percents(char out[EVALUATE_CELL], struct evaluate_interval interval)
{
    if (isfinite(interval.low))
        (void)snprintf(out, EVALUATE_CELL, "[%.1f, %.1f]", 100 * interval.low, 100 * interval.high);
    else
        (void)snprintf(out, EVALUATE_CELL, "-");
    return out;
}

const char *evaluate_format_decimal(char out[EVALUATE_CELL], double value)
{
    if (isfinite(value))
        (void)snprintf(out, EVALUATE_CELL, "%.3f", value);
    else
        (void)snprintf(out, EVALUATE_CELL, "-");
    return out;
}

const char *evaluate_format_decimals(char out[EVALUATE_CELL], struct evaluate_interval interval)
{
    if (isfinite(interval.low))
        (void)snprintf(out, EVALUATE_CELL, "[%.3f, %.3f]", interval.low, interval.high);
    else
        (void)snprintf(out, EVALUATE_CELL, "-");
    return out;
}

enum train_tier evaluate_report_tier(const struct evaluate_report *report)
{
    unsigned tier = TRAIN_T1;

    if (report->present[TRAIN_T1])
        return TRAIN_T1;
    for (tier = 0; tier + 1 < TRAIN_TIER_COUNT && !report->present[tier];)
        tier++;
    return (enum train_tier)tier;
}

size_t evaluate_report_reals(const struct evaluate_report *report, size_t *tier_count)
{
    size_t rows = report->scores->row_count;
    size_t tiers = report->scores->count / rows;
    size_t reals = 0;

    for (size_t i = 0; i < rows; i++) {
        const struct evaluate_score *score = &report->scores->scores[i * tiers];
        reals += report->manifest->rows[score->row].label == TRAIN_LABEL_REAL;
    }
    if (tier_count)
        *tier_count = tiers;
    return reals;
}
