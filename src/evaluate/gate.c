/* evaluate/gate.c - the bars, and each slice against an earlier report. */
#include "evaluate/gate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "evaluate/statistics.h"

#define ROUNDING 1e-9 /* rates are written with ten digits */

static const char *tier_name(void)
{
    return train_tier_info(EVALUATE_GATE_TIER)->name;
}

static void check(struct evaluate_gate *gate, double value, double limit, const char *text)
{
    struct evaluate_gate_check *one = &gate->checks[gate->count++];

    *one = (struct evaluate_gate_check){
        .value = value, .limit = limit, .met = value >= limit - ROUNDING};
    (void)snprintf(one->text, sizeof one->text, "%s", text);
    gate->failed_count += !one->met;
}

static void check_bar(struct evaluate_gate *gate, const char *what, double value, double limit)
{
    char text[EVALUATE_GATE_TEXT];

    if (isnan(limit))
        return;
    (void)snprintf(text, sizeof text, "%s %.4f at %s, at least %.4f", what, value, tier_name(),
                   limit);
    check(gate, value, limit, text);
}

/* A slice's rate in the earlier report; false: there is none, or of too few photos. */
static bool find_before(double *rate, const struct json *slices, const char *name, bool ai,
                        size_t photos)
{
    const struct json *slice = json_get(slices, name);
    int64_t n = 0;

    return slice && json_get_int(&n, slice, "n") && n >= (int64_t)photos &&
           json_get_number(rate, slice, ai ? "recall" : "fpr") && *rate >= 0 && *rate <= 1;
}

static void check_slices(struct evaluate_gate *gate, const struct evaluate_report *report,
                         const struct json *tier, bool ai,
                         const struct evaluate_gate_options *options)
{
    const struct evaluate_statistics *s = &report->tiers[EVALUATE_GATE_TIER];
    const struct evaluate_slice *slices = ai ? s->families : s->sources;
    size_t count = ai ? s->family_count : s->source_count;
    const char *const *names = ai ? report->manifest->family_names : report->manifest->source_names;
    const struct json *before = json_get(tier, ai ? "per_family" : "per_source");
    char text[EVALUATE_GATE_TEXT];

    for (size_t i = 0; i < count; i++) {
        double rate = (double)slices[i].called_ai / (double)slices[i].n;
        double was = 0;
        if (slices[i].n < options->photos ||
            !find_before(&was, before, names[slices[i].id], ai, options->photos)) {
            gate->skipped_count++;
            continue;
        }
        double right = ai ? rate : 1 - rate;
        double right_before = ai ? was : 1 - was;
        (void)snprintf(text, sizeof text, "%s %.120s: %.4f right at %s, was %.4f, may lose %.4f",
                       ai ? "generator" : "real source", names[slices[i].id], right, tier_name(),
                       right_before, options->margin);
        check(gate, right, right_before - options->margin, text);
        gate->compared_count++;
    }
}

static bool is_same(const struct json *before, const char *key, const char *text)
{
    const char *was = json_get_str(before, key);

    return was && text && strcmp(was, text) == 0;
}

enum status evaluate_gate(struct evaluate_gate *out, const struct evaluate_report *report,
                          const struct json *before, const struct evaluate_gate_options *options,
                          struct err *err)
{
    const struct json *tier = json_get(json_get(before, "tiers"), tier_name());
    const struct evaluate_statistics *s = &report->tiers[EVALUATE_GATE_TIER];
    struct evaluate_gate gate = {0};

    if (!report->present[EVALUATE_GATE_TIER])
        return err_set(err, ST_INVALID, "the gate needs the tier %s", tier_name());
    if (before && (!json_get(tier, "per_source") || !json_get(tier, "per_family")))
        return err_set(err, ST_INVALID, "no report of an evaluation at %s", tier_name());
    gate.checks = mem_try_alloc(2 + s->source_count + s->family_count, sizeof *gate.checks);
    if (!gate.checks)
        return err_set(err, ST_NOMEM, "no room for the checks of %zu slices",
                       s->source_count + s->family_count);
    check_bar(&gate, "balanced accuracy", s->balanced_accuracy, options->accuracy);
    check_bar(&gate, "F1", s->f1, options->f1);
    if (before) {
        gate.other_data = !is_same(before, "data_sha256", report->manifest->sha256) ||
                          !is_same(before, "role", report->role);
        check_slices(&gate, report, tier, false, options);
        check_slices(&gate, report, tier, true, options);
    }
    *out = gate;
    return ST_OK;
}

void evaluate_gate_fini(struct evaluate_gate *gate)
{
    mem_free(gate->checks);
    *gate = (struct evaluate_gate){0};
}

void evaluate_gate_text(struct buf *out, const struct evaluate_gate *gate)
{
    if (gate->other_data)
        buf_add_str(out, "gate: the earlier report is of other photos\n");
    for (size_t i = 0; i < gate->count; i++)
        if (!gate->checks[i].met)
            buf_printf(out, "gate: FAILED %s\n", gate->checks[i].text);
    buf_printf(out, "gate: %s, %zu of %zu checks failed", gate->failed_count ? "not met" : "met",
               gate->failed_count, gate->count);
    if (gate->compared_count || gate->skipped_count)
        buf_printf(out, "; %zu slices compared, %zu too small or new", gate->compared_count,
                   gate->skipped_count);
    buf_add_str(out, "\n");
}

struct json *evaluate_gate_json(const struct evaluate_gate *gate)
{
    struct json *object = json_new_object();
    struct json *checks = json_new_array();

    json_set_bool(object, "met", gate->failed_count == 0);
    json_set_int(object, "compared", (int64_t)gate->compared_count);
    json_set_int(object, "skipped", (int64_t)gate->skipped_count);
    json_set_bool(object, "other_data", gate->other_data);
    for (size_t i = 0; i < gate->count; i++) {
        struct json *one = json_new_object();
        json_set_str(one, "check", gate->checks[i].text);
        json_set_number(one, "value", gate->checks[i].value);
        json_set_number(one, "limit", gate->checks[i].limit);
        json_set_bool(one, "met", gate->checks[i].met);
        json_append(checks, one);
    }
    json_set(object, "checks", checks);
    return object;
}
