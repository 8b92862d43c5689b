/* evaluate/report_figures.c - the diagrams of the page, from the curves of each tier. */
#include <math.h>

#include "evaluate/plot.h"
#include "evaluate/report_html.h"

#define TIP_SIZE 160

static const struct evaluate_plot square = {
    .width = 340, .height = 320, .left = 44, .top = 10, .right = 14, .bottom = 38};

static const char *tier_name(unsigned i)
{
    return train_tier_info((enum train_tier)i)->name;
}

static struct evaluate_axis percents(double low, double high, double step, const char *label)
{
    return (struct evaluate_axis){low, high, step, 0.01, label};
}

static void begin_figure(struct buf *out, const char *name)
{
    buf_printf(out, "<figure><figcaption>%s</figcaption>\n", name);
}

/* What colour is which tier; a dash tells them apart without colours. */
static void end_figure_with_tiers(struct buf *out, const struct evaluate_report *report)
{
    evaluate_plot_end(out);
    buf_add_str(out, "<ul class=\"legend\">");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            buf_printf(out,
                       "<li><svg class=\"key\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><line "
                       "class=\"line tier%u\" x1=\"0\" y1=\"4\" x2=\"24\" y2=\"4\"/></svg>%s</li>",
                       i, tier_name(i));
    buf_add_str(out, "</ul></figure>\n");
}

static void add_roc(struct buf *out, const struct evaluate_plot *plot, unsigned tier,
                    const struct evaluate_curves *curves)
{
    struct evaluate_point points[EVALUATE_ROC_POINTS_MAX];
    char style[16];

    (void)snprintf(style, sizeof style, "tier%u", tier);
    for (size_t i = 0; i < curves->roc_count; i++)
        points[i] = (struct evaluate_point){curves->roc[i].fpr, curves->roc[i].tpr};
    if (curves->roc_count)
        evaluate_plot_line(out, plot, style, points, curves->roc_count);
}

/* Where the threshold puts a tier on its curve. */
static void add_operating_point(struct buf *out, const struct evaluate_plot *plot, unsigned tier,
                                const struct evaluate_statistics *s)
{
    char style[16];
    char tip[TIP_SIZE];

    if (!isfinite(s->fpr) || !isfinite(s->recall))
        return;
    (void)snprintf(style, sizeof style, "tier%u", tier);
    (void)snprintf(tip, sizeof tip, "%s at the threshold: recall %.1f %%, false positives %.1f %%",
                   tier_name(tier), 100 * s->recall, 100 * s->fpr);
    evaluate_plot_dot(out, plot, style, (struct evaluate_point){s->fpr, s->recall}, 4, tip);
}

void evaluate_figure_roc(struct buf *out, const struct evaluate_report *report)
{
    static const struct evaluate_point chance[] = {{0, 0}, {1, 1}};
    struct evaluate_plot plot = square;

    plot.x = percents(0, 1, 0.2, "false-positive rate, %");
    plot.y = percents(0, 1, 0.2, "recall, %");
    begin_figure(out, "ROC; dots stand at the threshold");
    evaluate_plot_begin(out, &plot, "ROC curve of each tier");
    evaluate_plot_line(out, &plot, "guide", chance, ARRAY_LEN(chance));
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            add_roc(out, &plot, i, &report->curves[i]);
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            add_operating_point(out, &plot, i, &report->tiers[i]);
    end_figure_with_tiers(out, report);
}

void evaluate_figure_reliability(struct buf *out, const struct evaluate_report *report,
                                 enum train_tier tier)
{
    static const struct evaluate_point honest[] = {{0, 0}, {1, 1}};
    const struct evaluate_curves *curves = &report->curves[tier];
    struct evaluate_plot plot = square;
    char text[TIP_SIZE];

    plot.x = percents(0, 1, 0.2, "probability, %");
    plot.y = percents(0, 1, 0.2, "AI-generated, %");
    (void)snprintf(text, sizeof text, "%s, ECE %.3f", tier_name(tier), report->tiers[tier].ece);
    begin_figure(out, text);
    (void)snprintf(text, sizeof text,
                   "Reliability at %s: share of AI-generated photos by probability",
                   tier_name(tier));
    evaluate_plot_begin(out, &plot, text);
    evaluate_plot_line(out, &plot, "guide", honest, ARRAY_LEN(honest));
    for (size_t i = 0; i < EVALUATE_BINS; i++) {
        const struct evaluate_bin *bin = &curves->bins[i];
        const struct evaluate_point spread[] = {{bin->mean, bin->share_ci.low},
                                                {bin->mean, bin->share_ci.high}};
        if (!bin->n)
            continue;
        (void)snprintf(text, sizeof text,
                       "%zu photos: mean probability %.1f %%, AI-generated %.1f %%", bin->n,
                       100 * bin->mean, 100 * bin->share);
        evaluate_plot_line(out, &plot, "spread", spread, ARRAY_LEN(spread));
        evaluate_plot_dot(out, &plot, "tier0", (struct evaluate_point){bin->mean, bin->share}, 4,
                          text);
    }
    evaluate_plot_end(out);
    buf_add_str(out, "</figure>\n");
}

/* The largest share of a class in one bar, rounded up to a tenth. */
static double histogram_top(const struct evaluate_curves *curves, const double totals[2])
{
    double top = 0.1;

    for (size_t i = 0; i < EVALUATE_HISTOGRAM_BINS; i++)
        for (unsigned label = 0; label < TRAIN_LABEL_COUNT; label++)
            if (totals[label] > 0)
                top = MAX_OF(top, (double)curves->histogram[label][i] / totals[label]);
    return ceil(top * 10 - 1e-9) / 10;
}

static void add_bars(struct buf *out, const struct evaluate_plot *plot,
                     const struct evaluate_curves *curves, unsigned label, double total)
{
    const double width = 1.0 / EVALUATE_HISTOGRAM_BINS;
    char tip[TIP_SIZE];

    for (size_t i = 0; i < EVALUATE_HISTOGRAM_BINS; i++) {
        size_t n = curves->histogram[label][i];
        double share = (double)n / total;
        if (!n)
            continue;
        (void)snprintf(tip, sizeof tip, "%zu %s photos (%.1f %%) from %.0f to %.0f %%", n,
                       label ? "AI-generated" : "real", 100 * share, 100 * width * (double)i,
                       100 * width * (double)(i + 1));
        evaluate_plot_bar(out, plot, label ? "ai" : "real", width * (double)i,
                          (struct evaluate_point){width * (double)(i + 1), label ? share : -share},
                          tip);
    }
}

void evaluate_figure_histogram(struct buf *out, const struct evaluate_report *report,
                               enum train_tier tier)
{
    const struct evaluate_curves *curves = &report->curves[tier];
    const struct evaluate_confusion *c = &report->tiers[tier].confusion;
    const double totals[TRAIN_LABEL_COUNT] = {(double)(c->fp + c->tn), (double)(c->tp + c->fn)};
    double top = histogram_top(curves, totals);
    const struct evaluate_point threshold[] = {{report->threshold, -top}, {report->threshold, top}};
    struct evaluate_plot plot = square;
    char text[TIP_SIZE];

    plot.x = percents(0, 1, 0.2, "probability, %");
    plot.y = percents(-top, top, top > 0.5 ? 0.2 : 0.1, "photos of the class, %");
    if (top > 0.5)
        plot.y.low = -(plot.y.high = ceil(top * 5 - 1e-9) / 5);
    begin_figure(out, tier_name(tier));
    (void)snprintf(text, sizeof text, "Probabilities at %s: AI-generated photos up, real ones down",
                   tier_name(tier));
    evaluate_plot_begin(out, &plot, text);
    for (unsigned label = 0; label < TRAIN_LABEL_COUNT; label++)
        add_bars(out, &plot, curves, label, totals[label]);
    evaluate_plot_line(out, &plot, "cut", threshold, ARRAY_LEN(threshold));
    evaluate_plot_end(out);
    buf_add_str(out,
                "<ul class=\"legend\"><li><i class=\"swatch ai\"></i>AI-generated</li><li><i "
                "class=\"swatch real\"></i>real</li><li><svg class=\"key\" viewBox=\"0 0 24 8\" "
                "aria-hidden=\"true\"><line class=\"line cut\" x1=\"0\" y1=\"4\" x2=\"24\" "
                "y2=\"4\"/></svg>threshold</li></ul></figure>\n");
}

/* From a tenth below the worst point of any tier, at most from one half. */
static double coverage_low(const struct evaluate_report *report)
{
    double low = 0.5;

    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        for (size_t k = 0; report->present[i] && k < report->curves[i].coverage_count; k++) {
            double accuracy = report->curves[i].coverages[k].balanced_accuracy;
            if (isfinite(accuracy))
                low = MIN_OF(low, floor(accuracy * 10) / 10);
        }
    return low;
}

/* Where the band puts a tier: off its curve, because its limits are not equally far away. */
static void add_decided_point(struct buf *out, const struct evaluate_plot *plot, unsigned tier,
                              const struct evaluate_selective *s)
{
    char style[16];
    char tip[TIP_SIZE];

    if (!isfinite(s->balanced_accuracy))
        return;
    (void)snprintf(style, sizeof style, "tier%u", tier);
    (void)snprintf(tip, sizeof tip, "%s: %.1f %% decided, balanced accuracy of these %.1f %%",
                   tier_name(tier), 100 * s->coverage, 100 * s->balanced_accuracy);
    evaluate_plot_dot(out, plot, style, (struct evaluate_point){s->coverage, s->balanced_accuracy},
                      4, tip);
}

void evaluate_figure_coverage(struct buf *out, const struct evaluate_report *report)
{
    struct evaluate_plot plot = square;

    plot.x = percents(0, 1, 0.2, "photos that are decided, %");
    plot.y = percents(coverage_low(report), 1, 0.1, "balanced accuracy of these, %");
    begin_figure(out, "Accuracy when the least sure photos are left undecided");
    evaluate_plot_begin(out, &plot, "Balanced accuracy against coverage, of each tier");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        struct evaluate_point points[EVALUATE_COVERAGES_MAX];
        char style[16];
        if (!report->present[i])
            continue;
        const struct evaluate_curves *curves = &report->curves[i];
        (void)snprintf(style, sizeof style, "tier%u", i);
        for (size_t k = 0; k < curves->coverage_count; k++)
            points[k] = (struct evaluate_point){curves->coverages[k].coverage,
                                                curves->coverages[k].balanced_accuracy};
        evaluate_plot_line(out, &plot, style, points, curves->coverage_count);
        add_decided_point(out, &plot, i, &report->selective[i]);
    }
    end_figure_with_tiers(out, report);
}
