/* evaluate/format.h - how the reports for people write a figure; private to evaluate/.
 * Pure. */
#pragma once

#include "evaluate/evaluate.h"

#define EVALUATE_CELL 32

/* "81.3" or "-"; "[79.0, 83.1]"; "0.912"; "[0.900, 0.923]".  Return `out`. */
const char *evaluate_format_percent(char out[EVALUATE_CELL], double share);
const char *evaluate_format_percents(char out[EVALUATE_CELL], struct evaluate_interval interval);
const char *evaluate_format_decimal(char out[EVALUATE_CELL], double value);
const char *evaluate_format_decimals(char out[EVALUATE_CELL], struct evaluate_interval interval);

/* The tier at which single photos are looked at: T1, or the lightest there is. */
enum train_tier evaluate_report_tier(const struct evaluate_report *report);
/* Rows that are real; `tier_count`, unless NULL, is the number of scores a row has. */
size_t evaluate_report_reals(const struct evaluate_report *report, size_t *tier_count);
