/* evaluate/report_html.h - the parts of the page, one function a section; private to evaluate/.
 * Everything that comes from outside goes through evaluate_html_text. */
#pragma once

#include "base/buf.h"
#include "evaluate/curves.h"
#include "evaluate/evaluate.h"

extern const char evaluate_report_style[]; /* CSS */

/* report_figures.c: the diagrams */
void evaluate_figure_roc(struct buf *out, const struct evaluate_report *report);
void evaluate_figure_reliability(struct buf *out, const struct evaluate_report *report,
                                 enum train_tier tier);
void evaluate_figure_histogram(struct buf *out, const struct evaluate_report *report,
                               enum train_tier tier);
void evaluate_figure_coverage(struct buf *out, const struct evaluate_report *report);

/* report_tables.c */
void evaluate_table_tiers(struct buf *out, const struct evaluate_report *report);
void evaluate_table_selective(struct buf *out, const struct evaluate_report *report);
void evaluate_table_confusion(struct buf *out, const struct evaluate_report *report);
/* ai: recall of generators; else false-positive rate of real sources. */
void evaluate_table_slices(struct buf *out, const struct evaluate_report *report, bool ai);
void evaluate_table_controls(struct buf *out, const struct evaluate_report *report);
void evaluate_table_failures(struct buf *out, const struct evaluate_report *report);

/* report_photos.c: the worst mistakes.  Files that cannot be read are shown without a picture.
 * ST_NOMEM. */
enum status evaluate_photos(struct buf *out, const struct evaluate_report *report,
                            struct err *err) MUST_USE;
