/* evaluate/report_json.c - the report for programs; its keys are described in docs/FORMATS.md. */
#include "base/json.h"
#include "evaluate/curves.h"
#include "evaluate/gate.h"
#include "evaluate/mistakes.h"

static void set_interval(struct json *object, const char *key, struct evaluate_interval interval)
{
    struct json *pair = json_new_array();

    json_append_number(pair, interval.low);
    json_append_number(pair, interval.high);
    json_set(object, key, pair);
}

static void set_slices(struct json *object, const char *key, const char *rate,
                       const struct evaluate_slice *slices, size_t count, const char *const *names)
{
    struct json *all = json_new_object();

    for (size_t i = 0; i < count; i++) {
        struct json *one = json_new_object();
        json_set_int(one, "n", (int64_t)slices[i].n);
        json_set_number(one, rate, (double)slices[i].called_ai / (double)slices[i].n);
        json_set(all, names[slices[i].id], one);
    }
    json_set(object, key, all);
}

static struct json *confusion_json(const struct evaluate_confusion *confusion)
{
    struct json *object = json_new_object();

    json_set_int(object, "tp", (int64_t)confusion->tp);
    json_set_int(object, "fp", (int64_t)confusion->fp);
    json_set_int(object, "tn", (int64_t)confusion->tn);
    json_set_int(object, "fn", (int64_t)confusion->fn);
    return object;
}

static struct json *roc_json(const struct evaluate_curves *curves)
{
    struct json *roc = json_new_object();
    struct json *fpr = json_new_array();
    struct json *tpr = json_new_array();
    struct json *threshold = json_new_array();

    for (size_t i = 0; i < curves->roc_count; i++) {
        json_append_number(fpr, curves->roc[i].fpr);
        json_append_number(tpr, curves->roc[i].tpr);
        json_append_number(threshold, curves->roc[i].threshold); /* infinity becomes null */
    }
    json_set(roc, "fpr", fpr);
    json_set(roc, "tpr", tpr);
    json_set(roc, "threshold", threshold);
    return roc;
}

static struct json *reliability_json(const struct evaluate_curves *curves)
{
    struct json *bins = json_new_array();

    for (size_t i = 0; i < EVALUATE_BINS; i++) {
        const struct evaluate_bin *bin = &curves->bins[i];
        struct json *one = json_new_object();
        json_set_int(one, "n", (int64_t)bin->n);
        json_set_number(one, "probability", bin->mean);
        json_set_number(one, "ai_share", bin->share);
        set_interval(one, "ai_share_ci", bin->share_ci);
        json_append(bins, one);
    }
    return bins;
}

static struct json *histogram_json(const struct evaluate_curves *curves)
{
    struct json *both = json_new_object();

    for (unsigned label = 0; label < TRAIN_LABEL_COUNT; label++) {
        struct json *counts = json_new_array();
        for (size_t i = 0; i < EVALUATE_HISTOGRAM_BINS; i++)
            json_append_int(counts, (int64_t)curves->histogram[label][i]);
        json_set(both, train_label_name((enum train_label)label), counts);
    }
    return both;
}

static struct json *selective_json(const struct evaluate_curves *curves)
{
    struct json *selective = json_new_array();

    for (size_t i = 0; i < curves->coverage_count; i++) {
        const struct evaluate_coverage *at = &curves->coverages[i];
        struct json *one = json_new_object();
        json_set_number(one, "coverage", at->coverage);
        json_set_number(one, "distance", at->distance);
        json_set_number(one, "accuracy", at->accuracy);
        json_set_number(one, "balanced_accuracy", at->balanced_accuracy);
        json_append(selective, one);
    }
    return selective;
}

static struct json *curves_json(const struct evaluate_curves *curves)
{
    struct json *all = json_new_object();

    json_set(all, "roc", roc_json(curves));
    json_set(all, "reliability", reliability_json(curves));
    json_set(all, "histogram", histogram_json(curves));
    json_set(all, "selective", selective_json(curves));
    return all;
}

/* Photos on the wrong side of the threshold; the probabilities at all tiers. */
static struct json *mistakes_of_class_json(const struct evaluate_report *report,
                                           const struct evaluate_mistake *items, size_t count)
{
    struct json *list = json_new_array();
    size_t tier_count = report->scores->count / report->scores->row_count;

    for (size_t i = 0; i < count; i++) {
        const struct train_manifest_row *row = &report->manifest->rows[items[i].scores[0].row];
        struct json *one = json_new_object();
        struct json *probabilities = json_new_object();
        for (size_t k = 0; k < tier_count; k++)
            if (!items[i].scores[k].failed)
                json_set_number(probabilities, train_tier_info(items[i].scores[k].tier)->name,
                                items[i].scores[k].probability);
        json_set_str(one, "file", row->file);
        json_set_str(one, "source", report->manifest->source_names[row->source]);
        json_set_str(one, "family", report->manifest->family_names[row->family]);
        json_set(one, "probability", probabilities);
        json_append(list, one);
    }
    return list;
}

static struct json *mistakes_json(const struct evaluate_report *report)
{
    struct evaluate_mistakes mistakes;
    struct json *all = json_new_object();

    evaluate_mistakes_find(&mistakes, report);
    json_set_str(all, "tier", train_tier_info(mistakes.tier)->name);
    for (unsigned label = 0; label < TRAIN_LABEL_COUNT; label++) {
        struct json *one = json_new_object();
        json_set_int(one, "n", (int64_t)mistakes.totals[label]);
        json_set(one, "worst",
                 mistakes_of_class_json(report, mistakes.items[label], mistakes.counts[label]));
        json_set(all, train_label_name((enum train_label)label), one);
    }
    return all;
}

/* Photos inside the band are not decided. */
static struct json *decided_json(const struct evaluate_report *report, unsigned i)
{
    static const double shares[] = {0.95, 0.9, 0.85, 0.8, 0.7};
    const struct evaluate_selective *s = &report->selective[i];
    struct json *object = json_new_object();
    struct json *at = json_new_array();

    json_set_number(object, "coverage", s->coverage);
    json_set_number(object, "coverage_real", (double)s->decided[0] / (double)s->all[0]);
    json_set_number(object, "coverage_ai", (double)s->decided[1] / (double)s->all[1]);
    json_set_number(object, "balanced_accuracy", s->balanced_accuracy);
    set_interval(object, "balanced_accuracy_ci", s->balanced_accuracy_ci);
    set_interval(object, "balanced_accuracy_ci_by_source", s->balanced_accuracy_ci_by_source);
    for (size_t k = 0; k < ARRAY_LEN(shares); k++) {
        struct json *one = json_new_object();
        json_set_number(one, "coverage", shares[k]);
        json_set_number(one, "balanced_accuracy",
                        evaluate_accuracy_at(&report->curves[i], shares[k]));
        json_append(at, one);
    }
    json_set(object, "at", at);
    return object;
}

static struct json *tier_json(const struct evaluate_report *report, unsigned i, bool curves)
{
    const struct evaluate_statistics *s = &report->tiers[i];
    const struct train_manifest *manifest = report->manifest;
    struct json *tier = json_new_object();

    json_set_int(tier, "n", (int64_t)s->n);
    json_set_number(tier, "balanced_accuracy", s->balanced_accuracy);
    set_interval(tier, "balanced_accuracy_ci", s->balanced_accuracy_ci);
    set_interval(tier, "balanced_accuracy_ci_by_source", s->balanced_accuracy_ci_by_source);
    json_set_number(tier, "auc", s->auc);
    set_interval(tier, "auc_ci", s->auc_ci);
    set_interval(tier, "auc_ci_by_source", s->auc_ci_by_source);
    json_set_number(tier, "precision", s->precision);
    json_set_number(tier, "recall", s->recall);
    json_set_number(tier, "f1", s->f1);
    json_set_number(tier, "fpr", s->fpr);
    json_set_number(tier, "tpr_at_fpr_1", s->tpr_at_fpr_1);
    json_set_number(tier, "tpr_at_fpr_5", s->tpr_at_fpr_5);
    json_set_number(tier, "ece", s->ece);
    json_set_number(tier, "brier", s->brier);
    json_set(tier, "decided", decided_json(report, i));
    json_set(tier, "confusion", confusion_json(&s->confusion));
    set_slices(tier, "per_source", "fpr", s->sources, s->source_count, manifest->source_names);
    set_slices(tier, "per_family", "recall", s->families, s->family_count, manifest->family_names);
    if (curves)
        json_set(tier, "curves", curves_json(&report->curves[i]));
    return tier;
}

static struct json *failures_json(const struct evaluate_report *report)
{
    struct json *all = json_new_array();

    for (size_t i = 0; i < report->scores->failure_count; i++) {
        const struct evaluate_failure *failure = &report->scores->failures[i];
        struct json *one = json_new_object();
        json_set_str(one, "file", report->manifest->rows[failure->row].file);
        json_set_str(one, "tier",
                     failure->tier == TRAIN_TIER_COUNT ? "all"
                                                       : train_tier_info(failure->tier)->name);
        json_set_str(one, "error", status_name(failure->code));
        json_set_str(one, "detail", failure->message);
        json_append(all, one);
    }
    return all;
}

static struct json *controls_json(const struct evaluate_controls *controls)
{
    struct json *all = json_new_object();
    struct json *shuffled = json_new_object();
    struct json *metadata = json_new_object();

    json_set_str(all, "tier", train_tier_info(controls->tier)->name);
    json_set_int(shuffled, "shuffles", EVALUATE_PERMUTATIONS);
    json_set_number(shuffled, "auc_mean", controls->shuffled_auc_mean);
    set_interval(shuffled, "auc_range", controls->shuffled_auc_range);
    json_set_number(shuffled, "share_at_least_as_good", controls->shuffled_at_least);
    json_set(all, "shuffled_labels", shuffled);
    json_set_str(metadata, "fit_role", controls->fit_role);
    json_set_int(metadata, "fit_n", (int64_t)controls->fit_count);
    for (size_t i = 0; i < EVALUATE_CONTROL_SETS; i++) {
        const struct evaluate_control_set *set = &controls->sets[i];
        struct json *one = json_new_object();
        json_set_bool(one, "visible", set->visible);
        json_set_int(one, "n", (int64_t)set->statistics.n);
        json_set_number(one, "auc", set->statistics.auc);
        set_interval(one, "auc_ci", set->statistics.auc_ci);
        set_interval(one, "auc_ci_by_source", set->statistics.auc_ci_by_source);
        json_set_number(one, "balanced_accuracy", set->statistics.balanced_accuracy);
        json_set(metadata, set->name, one);
    }
    json_set(all, "metadata", metadata);
    return all;
}

void evaluate_report_json(struct buf *out, const struct evaluate_report *report, bool curves)
{
    struct json *object = json_new_object();
    struct json *tiers = json_new_object();

    json_set_str(object, "model", report->model);
    json_set_str(object, "model_sha256", report->model_sha256);
    json_set_number(object, "threshold", report->threshold);
    json_set_number(object, "unsure_low", report->band.low);
    json_set_number(object, "unsure_high", report->band.high);
    json_set_str(object, "data_sha256", report->manifest->sha256);
    json_set_str(object, "role", report->role);
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++)
        if (report->present[i])
            json_set(tiers, train_tier_info((enum train_tier)i)->name,
                     tier_json(report, i, curves));
    json_set(object, "tiers", tiers);
    json_set(object, "failed", failures_json(report));
    if (report->has_controls)
        json_set(object, "controls", controls_json(&report->controls));
    if (report->gate)
        json_set(object, "gate", evaluate_gate_json(report->gate));
    if (curves)
        json_set(object, "mistakes", mistakes_json(report));
    json_write(out, object, 2);
    buf_add_str(out, "\n");
    json_free(object);
}
