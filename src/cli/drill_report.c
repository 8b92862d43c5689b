#include "cli/drill_report.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

#define CELL_SIZE 40

static const char *const moment_names[] = {"before", "drifted", "retrained", "kept"};
_Static_assert(ARRAY_LEN(moment_names) == DRILL_MOMENT_COUNT, "one for each");

/* What a figure is, by whom it is stated in the playbook: before, drifted, retrained. */
static const struct figure {
    const char *key, *name, *playbook[3];
} figures[] = {
    {"balanced_accuracy", "Accuracy (balanced)", {"83.2", "65.1", "87.4"}},
    {"precision", "Precision (AI class)", {"85.7", "58.3", "88.1"}},
    {"recall", "Recall (AI class)", {"80.1", "71.2", "85.6"}},
    {"false_negative_rate", "False negative rate", {"19.9", "41.7", "-"}},
    {"false_positive_rate", "False positive rate", {"-", "-", "-"}},
    {"low_confidence", "Low confidence ratio", {"12.3", "34.8", "9.7"}},
};

static double value_of(const struct cli_measured *measured, size_t figure)
{
    const struct evaluate_statistics *s = &measured->statistics;
    const double values[] = {s->balanced_accuracy, s->precision, s->recall,
                             1 - s->recall,        s->fpr,       measured->low_confidence};
    _Static_assert(ARRAY_LEN(values) == ARRAY_LEN(figures), "one for each");

    return values[figure];
}

static const char *cell_of(char out[CELL_SIZE], const struct cli_measured *measured, size_t figure)
{
    const struct evaluate_interval *interval = &measured->statistics.balanced_accuracy_ci;
    double value = value_of(measured, figure);

    (void)snprintf(out, CELL_SIZE, "-");
    if (isfinite(value))
        (void)snprintf(out, CELL_SIZE, "%.1f", 100 * value);
    if (isfinite(value) && figure == 0)
        (void)snprintf(out, CELL_SIZE, "%.1f [%.1f, %.1f]", 100 * value, 100 * interval->low,
                       100 * interval->high);
    return out;
}

static void print_row(const char *name, const char *const cells[DRILL_MOMENT_COUNT],
                      const char *playbook)
{
    printf("| %-20s |", name);
    for (size_t i = 0; i < DRILL_MOMENT_COUNT; i++)
        printf(" %-19s |", cells[i]);
    printf(" %-22s |\n", playbook);
}

static void print_table(const struct drill_report *report)
{
    static const char *const heads[] = {"before: old", "drifted: new", "retrained: new",
                                        "retrained: old"};
    static const char *const rule[] = {"---", "---", "---", "---"};
    char texts[DRILL_MOMENT_COUNT][CELL_SIZE];
    const char *cells[DRILL_MOMENT_COUNT];
    char playbook[CELL_SIZE];

    print_row("at T1, %", heads, "playbook");
    print_row("---", rule, "---");
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        for (size_t m = 0; m < DRILL_MOMENT_COUNT; m++)
            cells[m] = cell_of(texts[m], &report->moments[m], i);
        (void)snprintf(playbook, sizeof playbook, "%s, %s, %s", figures[i].playbook[0],
                       figures[i].playbook[1], figures[i].playbook[2]);
        print_row(figures[i].name, cells, playbook);
    }
}

static void print_indicator(const char *name, double value, double threshold, bool over)
{
    printf("%-28s %.3f, threshold %.2f%s\n", name, value, threshold, over ? ": exceeded" : "");
}

static void print_drift(const struct drill_report *report)
{
    const struct drift_score *drift = &report->drift;

    printf("\nWould drift have been seen? Old generators are the baseline, new ones the window:\n");
    if (!drift->known) {
        printf("too few photos to tell: %zu are needed\n", report->thresholds.minimum);
        return;
    }
    print_indicator("shift of mean probability", drift->probability, report->thresholds.probability,
                    drift->over_probability);
    print_indicator("rise of low confidence", drift->confidence, report->thresholds.confidence,
                    drift->over_confidence);
    print_indicator("shift of AI-generated share", drift->ratio, report->thresholds.ratio,
                    drift->over_ratio);
    printf("level %s: %s\n", drift_level_name(drift->level), drift_action_help(drift->action));
}

static void print_next(const struct drill_report *report)
{
    printf(
        "\nNext:\n"
        "  aidetect evaluate --data MANIFEST --model %s --gate --against %s\n"
        "  aidetect serve --shadow %s                # canary: POST /predict/compare\n"
        "  aidetect model use NAME                   # roll out, a copy in the folder of models\n"
        "  aidetect drift baseline save --since 2d   # what is normal from now on\n",
        report->new_model, report->old_model, report->new_model);
}

void drill_report_print(const struct drill_report *report)
{
    printf("trained on %zu real photos, %zu of old generators, then also %zu of new ones%s\n"
           "measured on %zu real, %zu old, %zu new ones of sources that were never trained on; "
           "95 %% intervals over photos\n\n",
           report->real_count, report->old_count, report->new_count,
           report->epochs ? "" : "; statistics alone, without a network", report->real_held_count,
           report->old_held_count, report->new_held_count);
    print_table(report);
    print_drift(report);
    print_next(report);
}

static struct json *interval_json(struct evaluate_interval interval)
{
    struct json *pair = json_new_array();

    json_append_number(pair, interval.low);
    json_append_number(pair, interval.high);
    return pair;
}

static struct json *moment_json(const struct cli_measured *measured)
{
    const struct evaluate_statistics *s = &measured->statistics;
    struct json *object = json_new_object();

    json_set_int(object, "n", (int64_t)s->n);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        json_set_number(object, figures[i].key, value_of(measured, i));
    json_set(object, "balanced_accuracy_ci", interval_json(s->balanced_accuracy_ci));
    json_set(object, "balanced_accuracy_ci_by_source",
             interval_json(s->balanced_accuracy_ci_by_source));
    json_set_number(object, "auc", s->auc);
    json_set(object, "auc_ci", interval_json(s->auc_ci));
    json_set_number(object, "mean_probability", measured->mean_probability);
    json_set_number(object, "threshold", measured->threshold);
    return object;
}

struct json *drill_report_json(const struct drill_report *report)
{
    struct json *object = json_new_object();
    struct json *photos = json_new_object();
    struct json *drift = json_new_object();

    json_set_int(photos, "real", (int64_t)report->real_count);
    json_set_int(photos, "old", (int64_t)report->old_count);
    json_set_int(photos, "new", (int64_t)report->new_count);
    json_set_int(photos, "real_held", (int64_t)report->real_held_count);
    json_set_int(photos, "old_held", (int64_t)report->old_held_count);
    json_set_int(photos, "new_held", (int64_t)report->new_held_count);
    json_set(object, "photos", photos);
    json_set_int(object, "epochs", report->epochs);
    for (size_t i = 0; i < DRILL_MOMENT_COUNT; i++)
        json_set(object, moment_names[i], moment_json(&report->moments[i]));
    json_set_bool(drift, "known", report->drift.known);
    json_set_number(drift, "probability", report->drift.probability);
    json_set_number(drift, "confidence", report->drift.confidence);
    json_set_number(drift, "ratio", report->drift.ratio);
    json_set_bool(drift, "detected", report->drift.detected);
    json_set_str(drift, "level", drift_level_name(report->drift.level));
    json_set_str(drift, "action", drift_action_name(report->drift.action));
    json_set(object, "drift", drift);
    json_set_str(object, "old_model", report->old_model);
    json_set_str(object, "new_model", report->new_model);
    return object;
}
