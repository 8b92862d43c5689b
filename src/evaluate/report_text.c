/* evaluate/report_text.c - the report for people: aligned columns, rates as percentages. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluate/curves.h"
#include "evaluate/format.h"

#define NAME_WIDTH     44
#define FAILURES_SHOWN 20

static const char *tier_name(unsigned i)
{
    return train_tier_info((enum train_tier)i)->name;
}

static void write_head(struct buf *out, const struct evaluate_report *report)
{
    size_t rows = report->scores->row_count;
    size_t reals = evaluate_report_reals(report, NULL);

    buf_printf(out, "model      %s  (sha256 %.16s)\n", report->model, report->model_sha256);
    buf_printf(out, "data       role %s: %zu photos, %zu real, %zu AI-generated  (sha256 %.16s)\n",
               report->role, rows, reals, rows - reals, report->manifest->sha256);
    buf_printf(out, "threshold  %.4f, the same for all tiers\n", report->threshold);
    buf_printf(out, "unsure     from %.4f, below %.4f\n", report->band.low, report->band.high);
    buf_printf(out, "speed      %.1f s for %zu judgements\n", report->scores->seconds,
               report->scores->count);
}

static void write_accuracy(struct buf *out, const struct evaluate_report *report)
{
    char a[EVALUATE_CELL];
    char b[EVALUATE_CELL];
    char c[EVALUATE_CELL];

    buf_printf(out, "\n%-10s %-24s %6s  %8s  %-14s  %-14s  %5s  %-14s  %s\n", "tier", "", "n",
               "bal.acc.", "95 % photos", "95 % sources", "AUC", "95 % photos", "95 % sources");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        const struct evaluate_statistics *s = &report->tiers[i];
        if (!report->present[i])
            continue;
        buf_printf(out, "%-10s %-24s %6zu  ", tier_name(i),
                   train_tier_info((enum train_tier)i)->help, s->n);
        buf_printf(out, "%8s  %-14s  %-14s  ", evaluate_format_percent(a, s->balanced_accuracy),
                   evaluate_format_percents(b, s->balanced_accuracy_ci),
                   evaluate_format_percents(c, s->balanced_accuracy_ci_by_source));
        buf_printf(out, "%5s  %-14s  %s\n", evaluate_format_decimal(a, s->auc),
                   evaluate_format_decimals(b, s->auc_ci),
                   evaluate_format_decimals(c, s->auc_ci_by_source));
    }
}

static void write_rates(struct buf *out, const struct evaluate_report *report)
{
    char c[8][EVALUATE_CELL];

    buf_printf(out, "\n%-10s %9s %6s %6s %6s %9s %9s %6s %6s %6s %6s %6s %6s\n", "tier",
               "precision", "recall", "F1", "FPR", "TPR@FPR1", "TPR@FPR5", "ECE", "Brier", "TP",
               "FP", "TN", "FN");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        const struct evaluate_statistics *s = &report->tiers[i];
        if (!report->present[i])
            continue;
        buf_printf(out, "%-10s %9s %6s %6s %6s %9s %9s %6s %6s %6zu %6zu %6zu %6zu\n", tier_name(i),
                   evaluate_format_percent(c[0], s->precision),
                   evaluate_format_percent(c[1], s->recall), evaluate_format_percent(c[2], s->f1),
                   evaluate_format_percent(c[3], s->fpr),
                   evaluate_format_percent(c[4], s->tpr_at_fpr_1),
                   evaluate_format_percent(c[5], s->tpr_at_fpr_5),
                   evaluate_format_decimal(c[6], s->ece), evaluate_format_decimal(c[7], s->brier),
                   s->confusion.tp, s->confusion.fp, s->confusion.tn, s->confusion.fn);
    }
}

/* What the three-way decision is worth, and what any other share of decided photos would give. */
static void write_selective(struct buf *out, const struct evaluate_report *report)
{
    char c[8][EVALUATE_CELL];

    buf_printf(out, "\n%-10s %7s %6s %6s  %8s  %-14s  %-14s  %7s %7s\n", "tier", "decided", "real",
               "AI", "bal.acc.", "95 % photos", "95 % sources", "at 90 %", "at 80 %");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        const struct evaluate_selective *s = &report->selective[i];
        if (!report->present[i])
            continue;
        buf_printf(out, "%-10s %7s %6s %6s  %8s  %-14s  %-14s  %7s %7s\n", tier_name(i),
                   evaluate_format_percent(c[0], s->coverage),
                   evaluate_format_percent(c[1], (double)s->decided[0] / (double)s->all[0]),
                   evaluate_format_percent(c[2], (double)s->decided[1] / (double)s->all[1]),
                   evaluate_format_percent(c[3], s->balanced_accuracy),
                   evaluate_format_percents(c[4], s->balanced_accuracy_ci),
                   evaluate_format_percents(c[5], s->balanced_accuracy_ci_by_source),
                   evaluate_format_percent(c[6], evaluate_accuracy_at(&report->curves[i], 0.9)),
                   evaluate_format_percent(c[7], evaluate_accuracy_at(&report->curves[i], 0.8)));
    }
}

/* A name cut to the column without splitting a UTF-8 character; control bytes become "?". */
static void write_name(struct buf *out, const char *name)
{
    size_t len = strlen(name);
    size_t width = 0;

    for (size_t i = 0; i < len && width < NAME_WIDTH; i++) {
        unsigned char byte = (unsigned char)name[i];
        bool continues = (byte & 0xC0) == 0x80;
        buf_printf(out, "%c", byte < 0x20 || byte == 0x7F ? '?' : byte);
        width += !continues;
        while (i + 1 < len && ((unsigned char)name[i + 1] & 0xC0) == 0x80)
            buf_add(out, &name[++i], 1);
    }
    buf_printf(out, "%*s", (int)(NAME_WIDTH - width), "");
}

static void write_slice(struct buf *out, const struct evaluate_report *report, bool ai,
                        const struct evaluate_slice *slice)
{
    write_name(out,
               (ai ? report->manifest->family_names : report->manifest->source_names)[slice->id]);
    buf_printf(out, " %6zu", slice->n);
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        const struct evaluate_statistics *s = &report->tiers[i];
        char cell[EVALUATE_CELL];
        if (!report->present[i])
            continue;
        const struct evaluate_slice *same = evaluate_slice_find(s, ai, slice->id);
        buf_printf(out, " %9s",
                   evaluate_format_percent(cell, same ? (double)same->called_ai / (double)same->n
                                                      : (double)NAN));
    }
    buf_add_str(out, "\n");
}

/* Share called AI-generated: false alarms of real sources, hits of generators.  The first tier
 * gives the rows and their counts. */
static void write_slices(struct buf *out, const struct evaluate_report *report, bool ai)
{
    const struct evaluate_statistics *first = NULL;

    buf_printf(out, "\n%-*s %6s", NAME_WIDTH,
               ai ? "recall by generator, %" : "false-positive rate by real source, %", "n");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        if (!report->present[i])
            continue;
        first = first ? first : &report->tiers[i];
        buf_printf(out, " %9s", tier_name(i));
    }
    buf_add_str(out, "\n");
    if (!first)
        return;
    const struct evaluate_slice *slices = ai ? first->families : first->sources;
    size_t count = ai ? first->family_count : first->source_count;
    for (size_t i = 0; i < count; i++)
        write_slice(out, report, ai, &slices[i]);
}

static void write_controls(struct buf *out, const struct evaluate_controls *controls)
{
    char a[EVALUATE_CELL];
    char b[EVALUATE_CELL];
    char c[EVALUATE_CELL];

    buf_printf(out, "\ncontrols at %s, all of which should be at chance (AUC 0.5)\n",
               train_tier_info(controls->tier)->name);
    buf_printf(out,
               "labels shuffled by source     AUC %s, middle 95 %% %s; %s %% of the shuffles "
               "reach the true AUC\n",
               evaluate_format_decimal(a, controls->shuffled_auc_mean),
               evaluate_format_decimals(b, controls->shuffled_auc_range),
               evaluate_format_percent(c, controls->shuffled_at_least));
    for (size_t i = 0; i < EVALUATE_CONTROL_SETS; i++) {
        const struct evaluate_control_set *set = &controls->sets[i];
        buf_printf(out, "metadata only, %-14s AUC %s, by source %s  (%s)\n", set->name,
                   evaluate_format_decimal(a, set->statistics.auc),
                   evaluate_format_decimals(b, set->statistics.auc_ci_by_source), set->help);
    }
    buf_printf(out, "metadata fitted on %zu rows of role %s\n", controls->fit_count,
               controls->fit_role);
}

static void write_failures(struct buf *out, const struct evaluate_report *report)
{
    const struct evaluate_scores *scores = report->scores;

    if (!scores->failure_count)
        return;
    buf_printf(out, "\n%zu failed and are not in the figures\n", scores->failure_count);
    for (size_t i = 0; i < MIN_OF(scores->failure_count, FAILURES_SHOWN); i++) {
        const struct evaluate_failure *failure = &scores->failures[i];
        const char *tier =
            failure->tier == TRAIN_TIER_COUNT ? "all" : train_tier_info(failure->tier)->name;
        buf_printf(out, "  %s, tier %s: %s\n", report->manifest->rows[failure->row].file, tier,
                   failure->message);
    }
    if (scores->failure_count > FAILURES_SHOWN)
        buf_printf(out, "  and %zu more\n", scores->failure_count - FAILURES_SHOWN);
}

void evaluate_report_text(struct buf *out, const struct evaluate_report *report)
{
    write_head(out, report);
    write_accuracy(out, report);
    write_rates(out, report);
    write_selective(out, report);
    write_slices(out, report, false);
    write_slices(out, report, true);
    if (report->has_controls)
        write_controls(out, &report->controls);
    write_failures(out, report);
}
