/* evaluate/report_html.c - the page: head, summary, and its sections in order.  It needs nothing
 * but itself: no script, no font, no request. */
#include "evaluate/report_html.h"

#include "evaluate/format.h"
#include "evaluate/plot.h"

static void add_pair(struct buf *out, const char *name, const char *value, const char *style)
{
    buf_printf(out, "<div><dt>%s</dt><dd class=\"%s\">", name, style);
    evaluate_html_text(out, value);
    buf_add_str(out, "</dd></div>\n");
}

static void add_facts(struct buf *out, const struct evaluate_report *report)
{
    size_t rows = report->scores->row_count;
    size_t reals = evaluate_report_reals(report, NULL);
    char text[96];

    buf_add_str(out, "<dl class=\"facts\">\n");
    add_pair(out, "model", report->model, "");
    add_pair(out, "model SHA-256", report->model_sha256, "hash");
    add_pair(out, "data SHA-256", report->manifest->sha256, "hash");
    add_pair(out, "role", report->role ? report->role : "all", "");
    (void)snprintf(text, sizeof text, "%zu real, %zu AI-generated", reals, rows - reals);
    add_pair(out, "photos", text, "");
    (void)snprintf(text, sizeof text, "%.4f, the same for all tiers", report->threshold);
    add_pair(out, "threshold", text, "");
    (void)snprintf(text, sizeof text, "from %.4f, below %.4f", report->band.low, report->band.high);
    add_pair(out, "unsure", text, "");
    buf_add_str(out, "</dl>\n");
}

static void add_tile(struct buf *out, const char *name, const char *value, const char *note)
{
    buf_printf(out, "<li><span>%s</span><strong>%s</strong><small>%s</small></li>\n", name, value,
               note);
}

static void add_tiles(struct buf *out, const struct evaluate_report *report)
{
    enum train_tier tier = evaluate_report_tier(report);
    const struct evaluate_statistics *s = &report->tiers[tier];
    char a[EVALUATE_CELL];
    char b[EVALUATE_CELL];
    char note[3 * EVALUATE_CELL];

    buf_printf(out, "<h2>At %s <small>%s</small></h2>\n<ul class=\"tiles\">\n",
               train_tier_info(tier)->name, train_tier_info(tier)->help);
    add_tile(out, "balanced accuracy, %", evaluate_format_percent(a, s->balanced_accuracy),
             evaluate_format_percents(b, s->balanced_accuracy_ci));
    (void)snprintf(note, sizeof note, "%s, %s&nbsp;%% decided",
                   evaluate_format_percents(b, report->selective[tier].balanced_accuracy_ci),
                   evaluate_format_percent(a, report->selective[tier].coverage));
    add_tile(out, "balanced accuracy when sure, %",
             evaluate_format_percent(a, report->selective[tier].balanced_accuracy), note);
    add_tile(out, "AUC", evaluate_format_decimal(a, s->auc),
             evaluate_format_decimals(b, s->auc_ci));
    add_tile(out, "recall, %", evaluate_format_percent(a, s->recall),
             evaluate_format_percents(
                 b, evaluate_wilson(s->confusion.tp, s->confusion.tp + s->confusion.fn)));
    add_tile(out, "false positives, %", evaluate_format_percent(a, s->fpr),
             evaluate_format_percents(
                 b, evaluate_wilson(s->confusion.fp, s->confusion.fp + s->confusion.tn)));
    add_tile(out, "calibration error (ECE)", evaluate_format_decimal(a, s->ece), "0 is best");
    buf_add_str(out, "</ul>\n");
}

static void begin_section(struct buf *out, const char *name, const char *note)
{
    buf_printf(out, "<section><h2>%s</h2>\n<p>%s</p>\n", name, note);
}

static void end_section(struct buf *out)
{
    buf_add_str(out, "</section>\n");
}

static void add_diagrams(struct buf *out, const struct evaluate_report *report)
{
    begin_section(
        out, "Ranking and abstention",
        "Left: what any threshold would give. Right: how accuracy rises when photos near the "
        "threshold are left to a person; dots stand at the model's own limits.");
    buf_add_str(out, "<div class=\"figures\">\n");
    evaluate_figure_roc(out, report);
    evaluate_figure_coverage(out, report);
    buf_add_str(out, "</div>\n");
    evaluate_table_selective(out, report);
    end_section(out);
    begin_section(out, "Scores", "How the probabilities of each class are spread.");
    buf_add_str(out, "<div class=\"figures\">\n");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            evaluate_figure_histogram(out, report, (enum train_tier)i);
    buf_add_str(out, "</div>\n");
    end_section(out);
    begin_section(out, "Reliability",
                  "Dots on the line: of the photos with a probability of 80&nbsp;%, 80&nbsp;% are "
                  "AI-generated. "
                  "Vertical lines are 95&nbsp;% intervals.");
    buf_add_str(out, "<div class=\"figures\">\n");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            evaluate_figure_reliability(out, report, (enum train_tier)i);
    buf_add_str(out, "</div>\n");
    end_section(out);
}

static void add_tables(struct buf *out, const struct evaluate_report *report)
{
    begin_section(
        out, "Robustness",
        "Every photo of both classes is re-encoded alike, from light to heavy. Rates in percent, "
        "95&nbsp;% intervals in brackets: over photos, and where it says so over whole sources.");
    evaluate_table_tiers(out, report);
    end_section(out);
    begin_section(out, "Confusion", "Counts, and shares of the true class.");
    evaluate_table_confusion(out, report);
    end_section(out);
}

static void add_slices(struct buf *out, const struct evaluate_report *report)
{
    begin_section(
        out, "Generators",
        "Share of each generator's photos that is found; the worst first, those with fewer than 25 "
        "photos last and pale.");
    evaluate_table_slices(out, report, true);
    end_section(out);
    begin_section(out, "Real sources",
                  "Share of each source's real photos that is called AI-generated; the worst "
                  "first, those with "
                  "fewer than 25 photos last and pale.");
    evaluate_table_slices(out, report, false);
    end_section(out);
}

static enum status add_mistakes(struct buf *out, const struct evaluate_report *report,
                                struct err *err)
{
    begin_section(out, "Worst mistakes",
                  "The photos farthest on the wrong side of the threshold, with the probability of "
                  "&ldquo;AI-generated&rdquo; at each tier.");
    enum status st = evaluate_photos(out, report, err);
    end_section(out);
    return st;
}

static void add_rest(struct buf *out, const struct evaluate_report *report)
{
    if (report->has_controls) {
        begin_section(out, "Controls", "All of these should be at chance, an AUC of 0.5.");
        evaluate_table_controls(out, report);
        end_section(out);
    }
    if (report->scores->failure_count) {
        begin_section(out, "Not judged", "These are in no figure of this page.");
        evaluate_table_failures(out, report);
        end_section(out);
    }
}

enum status evaluate_report_html(struct buf *out, const struct evaluate_report *report,
                                 struct err *err)
{
    buf_add_str(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "img-src data:; style-src 'unsafe-inline'\">\n"
                     "<link rel=\"icon\" href=\"data:,\">\n<title>Evaluation of ");
    evaluate_html_text(out, report->model);
    buf_printf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header><h1>Evaluation of ",
               evaluate_report_style);
    evaluate_html_text(out, report->model);
    buf_add_str(out, "</h1>\n");
    add_facts(out, report);
    buf_add_str(out, "</header>\n<main>\n");
    add_tiles(out, report);
    add_tables(out, report);
    add_diagrams(out, report);
    add_slices(out, report);
    enum status st = add_mistakes(out, report, err);
    add_rest(out, report);
    buf_add_str(out, "</main>\n</body>\n</html>\n");
    return st;
}
