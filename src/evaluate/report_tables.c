/* evaluate/report_tables.c - the tables of the page. */
#include <math.h>
#include <stdlib.h>

#include "evaluate/format.h"
#include "evaluate/plot.h"
#include "evaluate/report_html.h"
#include "evaluate/statistics.h"

#define SLICES_SHOWN   200 /* rows of one table; report.json has all */
#define SLICE_SURE     25  /* photos from which a rate says something about a source */
#define FAILURES_SHOWN 50

static const char *tier_name(unsigned i)
{
    return train_tier_info((enum train_tier)i)->name;
}

/* On a phone a table moves within its own frame, which the keyboard reaches. */
static void begin_table(struct buf *out, const char *name)
{
    buf_printf(out, "<div class=\"frame\" role=\"region\" tabindex=\"0\" aria-label=\"%s\"><table>",
               name);
}

static void end_table(struct buf *out)
{
    buf_add_str(out, "</tbody></table></div>\n");
}

static void add_rate(struct buf *out, double rate, struct evaluate_interval interval)
{
    char a[EVALUATE_CELL];
    char b[EVALUATE_CELL];

    buf_printf(out, "<td><b>%s</b> <small>%s</small></td>", evaluate_format_percent(a, rate),
               evaluate_format_percents(b, interval));
}

static void add_tier(struct buf *out, unsigned tier, const struct evaluate_statistics *s)
{
    const double rates[] = {s->recall, s->fpr,          s->precision,
                            s->f1,     s->tpr_at_fpr_1, s->tpr_at_fpr_5};
    const double decimals[] = {s->ece, s->brier};
    char a[EVALUATE_CELL];
    char b[EVALUATE_CELL];

    buf_printf(out, "<tr><th scope=\"row\">%s <small>%s</small></th><td>%zu</td>", tier_name(tier),
               train_tier_info((enum train_tier)tier)->help, s->n);
    add_rate(out, s->balanced_accuracy, s->balanced_accuracy_ci);
    buf_printf(out, "<td><small>%s</small></td>",
               evaluate_format_percents(a, s->balanced_accuracy_ci_by_source));
    buf_printf(out, "<td><b>%s</b> <small>%s</small></td>", evaluate_format_decimal(a, s->auc),
               evaluate_format_decimals(b, s->auc_ci));
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        buf_printf(out, "<td>%s</td>", evaluate_format_percent(a, rates[i]));
    for (size_t i = 0; i < ARRAY_LEN(decimals); i++)
        buf_printf(out, "<td>%s</td>", evaluate_format_decimal(a, decimals[i]));
    buf_add_str(out, "</tr>");
}

void evaluate_table_tiers(struct buf *out, const struct evaluate_report *report)
{
    begin_table(out, "Figures of each tier");
    buf_add_str(
        out,
        "<thead><tr><th scope=\"col\">tier</th><th scope=\"col\">photos</th><th scope=\"col\">"
        "balanced accuracy</th><th scope=\"col\">by source</th><th scope=\"col\">AUC</th>"
        "<th scope=\"col\">recall</th><th scope=\"col\">false positives</th><th "
        "scope=\"col\">precision</th><th scope=\"col\">F1</th><th scope=\"col\">recall at 1&nbsp;% "
        "FPR</th><th scope=\"col\">at 5&nbsp;% FPR</th><th scope=\"col\">ECE</th><th "
        "scope=\"col\">Brier</th></tr></thead><tbody>");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            add_tier(out, i, &report->tiers[i]);
    end_table(out);
}

void evaluate_table_selective(struct buf *out, const struct evaluate_report *report)
{
    char text[EVALUATE_CELL];

    begin_table(out, "Decided photos of each tier");
    buf_add_str(out, "<thead><tr><th scope=\"col\">tier</th><th scope=\"col\">decided</th><th "
                     "scope=\"col\">of the real</th><th scope=\"col\">of the AI-generated</th>"
                     "<th scope=\"col\">balanced accuracy of these</th><th scope=\"col\">by "
                     "source</th></tr></thead><tbody>");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        const struct evaluate_selective *s = &report->selective[i];
        const double shares[] = {s->coverage, (double)s->decided[0] / (double)s->all[0],
                                 (double)s->decided[1] / (double)s->all[1]};
        if (!report->present[i])
            continue;
        buf_printf(out, "<tr><th scope=\"row\">%s</th>", tier_name(i));
        for (size_t k = 0; k < ARRAY_LEN(shares); k++)
            buf_printf(out, "<td>%s</td>", evaluate_format_percent(text, shares[k]));
        add_rate(out, s->balanced_accuracy, s->balanced_accuracy_ci);
        buf_printf(out, "<td><small>%s</small></td></tr>",
                   evaluate_format_percents(text, s->balanced_accuracy_ci_by_source));
    }
    end_table(out);
}

static void add_confusion_row(struct buf *out, const char *truth, size_t right, size_t wrong,
                              bool ai)
{
    double all = right + wrong ? (double)(right + wrong) : (double)NAN;
    const size_t cells[2] = {ai ? wrong : right, ai ? right : wrong};
    char text[EVALUATE_CELL];

    buf_printf(out, "<tr><th scope=\"row\">%s</th>", truth);
    for (unsigned called_ai = 0; called_ai < 2; called_ai++)
        buf_printf(out, "<td class=\"%s\"><b>%zu</b> <small>%s&nbsp;%%</small></td>",
                   (called_ai == 1) == ai ? "right" : "wrong", cells[called_ai],
                   evaluate_format_percent(text, (double)cells[called_ai] / all));
    buf_add_str(out, "</tr>");
}

void evaluate_table_confusion(struct buf *out, const struct evaluate_report *report)
{
    buf_add_str(out, "<div class=\"matrices\">");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        const struct evaluate_confusion *c = &report->tiers[i].confusion;
        if (!report->present[i])
            continue;
        buf_printf(out,
                   "<table class=\"matrix\"><caption>%s</caption><thead><tr><td></td><th "
                   "scope=\"col\">called "
                   "real</th><th scope=\"col\">called AI</th></tr></thead><tbody>",
                   tier_name(i));
        add_confusion_row(out, "real", c->tn, c->fp, false);
        add_confusion_row(out, "AI-generated", c->tp, c->fn, true);
        buf_add_str(out, "</tbody></table>");
    }
    buf_add_str(out, "</div>\n");
}

/* Slices of enough photos first; among these the worst first. */
static int compare_rates(const struct evaluate_slice *x, const struct evaluate_slice *y, bool ai)
{
    bool x_sure = x->n >= SLICE_SURE;
    bool y_sure = y->n >= SLICE_SURE;
    double x_rate = (double)x->called_ai / (double)x->n;
    double y_rate = (double)y->called_ai / (double)y->n;

    if (x_sure != y_sure)
        return x_sure ? -1 : 1;
    if (x_rate != y_rate)
        return (x_rate < y_rate) == ai ? -1 : 1;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int compare_sources(const void *a, const void *b)
{
    return compare_rates(a, b, false);
}

static int compare_families(const void *a, const void *b)
{
    return compare_rates(a, b, true);
}

/* A bar of 100 units, and the interval as a line over it. */
static void add_bar(struct buf *out, const struct evaluate_slice *slice, bool ai)
{
    double rate = (double)slice->called_ai / (double)slice->n;
    struct evaluate_interval interval = evaluate_wilson(slice->called_ai, slice->n);
    char a[EVALUATE_CELL];
    char b[EVALUATE_CELL];

    buf_printf(
        out,
        "<td class=\"measure\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
        "aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"10\"/><rect "
        "class=\"%s\" "
        "width=\"%.1f\" height=\"10\"/><line class=\"spread\" x1=\"%.1f\" x2=\"%.1f\" y1=\"5\" "
        "y2=\"5\"/></svg></td><td><b>%s</b> <small>%s</small></td>",
        ai ? "ai" : "wrong", 100 * rate, 100 * interval.low, 100 * interval.high,
        evaluate_format_percent(a, rate), evaluate_format_percents(b, interval));
}

static void add_slice(struct buf *out, const struct evaluate_report *report, bool ai,
                      const struct evaluate_slice *slice)
{
    const struct train_manifest *manifest = report->manifest;
    char cell[EVALUATE_CELL];

    buf_printf(out, "<tr%s><th scope=\"row\"><bdi>", slice->n < SLICE_SURE ? " class=\"few\"" : "");
    evaluate_html_text(out, (ai ? manifest->family_names : manifest->source_names)[slice->id]);
    buf_printf(out, "</bdi></th><td>%zu</td>", slice->n);
    add_bar(out, slice, ai);
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        if (!report->present[i] || i == evaluate_report_tier(report))
            continue;
        const struct evaluate_slice *same = evaluate_slice_find(&report->tiers[i], ai, slice->id);
        buf_printf(out, "<td>%s</td>",
                   evaluate_format_percent(cell, same ? (double)same->called_ai / (double)same->n
                                                      : (double)NAN));
    }
    buf_add_str(out, "</tr>\n");
}

static void add_slices_head(struct buf *out, const struct evaluate_report *report, bool ai)
{
    enum train_tier shown = evaluate_report_tier(report);

    begin_table(out, ai ? "Recall of each generator" : "False-positive rate of each real source");
    buf_printf(out,
               "<thead><tr><th scope=\"col\">%s</th><th scope=\"col\">photos</th><th scope=\"col\" "
               "colspan=\"2\">%s at %s, %%</th>",
               ai ? "generator" : "source", ai ? "recall" : "false positives", tier_name(shown));
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i] && i != shown)
            buf_printf(out, "<th scope=\"col\">%s</th>", tier_name(i));
    buf_add_str(out, "</tr></thead><tbody>\n");
}

void evaluate_table_slices(struct buf *out, const struct evaluate_report *report, bool ai)
{
    const struct evaluate_statistics *s = &report->tiers[evaluate_report_tier(report)];
    const struct evaluate_slice *slices = ai ? s->families : s->sources;
    size_t count = ai ? s->family_count : s->source_count;

    if (!count) {
        buf_add_str(out, "<p>None in this data.</p>\n");
        return;
    }
    struct evaluate_slice *sorted = mem_alloc(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = slices[i];
    qsort(sorted, count, sizeof *sorted, ai ? compare_families : compare_sources);
    add_slices_head(out, report, ai);
    for (size_t i = 0; i < MIN_OF(count, SLICES_SHOWN); i++)
        add_slice(out, report, ai, &sorted[i]);
    end_table(out);
    if (count > SLICES_SHOWN)
        buf_printf(out, "<p>And %zu more, see report.json.</p>\n", count - SLICES_SHOWN);
    mem_free(sorted);
}

void evaluate_table_controls(struct buf *out, const struct evaluate_report *report)
{
    const struct evaluate_controls *controls = &report->controls;
    char a[EVALUATE_CELL];
    char b[EVALUATE_CELL];

    begin_table(out, "Controls");
    buf_printf(
        out,
        "<thead><tr><th scope=\"col\">control at %s</th><th scope=\"col\">AUC</th><th "
        "scope=\"col\">range</th></tr></thead><tbody><tr><th scope=\"row\">labels shuffled by "
        "source</th><td><b>%s</b></td><td>%s</td></tr>",
        tier_name(controls->tier), evaluate_format_decimal(a, controls->shuffled_auc_mean),
        evaluate_format_decimals(b, controls->shuffled_auc_range));
    for (size_t i = 0; i < EVALUATE_CONTROL_SETS; i++) {
        const struct evaluate_control_set *set = &controls->sets[i];
        buf_printf(out,
                   "<tr><th scope=\"row\">%s alone "
                   "<small>%s</small></th><td><b>%s</b></td><td>%s</td></tr>",
                   set->name, set->help, evaluate_format_decimal(a, set->statistics.auc),
                   evaluate_format_decimals(b, set->statistics.auc_ci_by_source));
    }
    end_table(out);
}

void evaluate_table_failures(struct buf *out, const struct evaluate_report *report)
{
    const struct evaluate_scores *scores = report->scores;

    begin_table(out, "Photos that could not be judged");
    buf_add_str(out, "<thead><tr><th scope=\"col\">file</th><th scope=\"col\">tier</th><th "
                     "scope=\"col\">reason</th></tr></thead><tbody>");
    for (size_t i = 0; i < MIN_OF(scores->failure_count, FAILURES_SHOWN); i++) {
        const struct evaluate_failure *failure = &scores->failures[i];
        buf_add_str(out, "<tr><th scope=\"row\"><bdi>");
        evaluate_html_text(out, report->manifest->rows[failure->row].file);
        buf_printf(out, "</bdi></th><td>%s</td><td class=\"text\">",
                   failure->tier == TRAIN_TIER_COUNT ? "all" : tier_name(failure->tier));
        evaluate_html_text(out, failure->message);
        buf_add_str(out, "</td></tr>\n");
    }
    end_table(out);
    if (scores->failure_count > FAILURES_SHOWN)
        buf_printf(out, "<p>And %zu more, see report.json.</p>\n",
                   scores->failure_count - FAILURES_SHOWN);
}
