/* api/drift.c - what moved: the window against its baseline, detectors and diagnosis as JSON.
 * Threads: HTTP threads; waits for nobody longer than a worker does. */
#include "api/routes.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static void set_time(struct json *value, const char *key, int64_t utc_us)
{
    char text[CLOCK_TEXT_SIZE];

    if (utc_us)
        json_set_str(value, key, clock_format_utc(text, utc_us));
    else
        json_set_null(value, key);
}

static void set_figures(struct json *value, const struct service_drift_figures *figures)
{
    struct json *ratio = json_new_object();
    double none = figures->count ? 0 : NAN; /* becomes null */

    json_set_number(value, "mean_probability", figures->mean_probability + none);
    json_set_number(value, "std_probability", figures->std_probability + none);
    json_set_number(value, "low_confidence_ratio", figures->low_confidence_ratio + none);
    json_set_number(ratio, "real", 1 - figures->ai_generated_ratio + none);
    json_set_number(ratio, "ai_generated", figures->ai_generated_ratio + none);
    json_set(value, "prediction_ratio", ratio);
}

static void set_score(struct json *value, const struct service_drift *drift)
{
    double none = drift->known ? 0 : NAN;

    if (drift->known) {
        json_set_bool(value, "drift_detected", drift->detected);
        json_set_bool(value, "drift_confirmed", drift->confirmed);
    } else {
        json_set_null(value, "drift_detected"); /* nothing can be said: not false */
        json_set_null(value, "drift_confirmed");
    }
    json_set_number(value, "drift_score", drift->score + none);
    json_set_number(value, "drift_threshold", drift->detected_threshold);
    json_set_number(value, "warning_threshold", drift->warning_threshold);
    json_set_number(value, "critical_threshold", drift->critical_threshold);
    json_set_number(value, "probability_drift", drift->probability_drift + none);
    json_set_number(value, "probability_threshold", drift->probability_threshold);
    json_set_number(value, "confidence_drift", drift->confidence_drift + none);
    json_set_number(value, "confidence_threshold", drift->confidence_threshold);
    json_set_number(value, "ratio_drift", drift->ratio_drift + none);
    json_set_number(value, "ratio_threshold", drift->ratio_threshold);
    json_set_str(value, "level", drift->level);
    json_set_str(value, "action", drift->action);
    json_set_str(value, "action_help", drift->action_help);
}

static void append_alert(struct json *alerts, const char *what, double value, double limit)
{
    char text[160];

    (void)snprintf(text, sizeof text, "%s %.3f is over %.3f", what, value, limit);
    json_append_str(alerts, text);
}

static struct json *alerts_of(const struct service_drift *drift)
{
    struct json *alerts = json_new_array();

    if (drift->over_probability)
        append_alert(alerts, "probability drift", drift->probability_drift,
                     drift->probability_threshold);
    if (drift->over_confidence)
        append_alert(alerts, "confidence drift", drift->confidence_drift,
                     drift->confidence_threshold);
    if (drift->over_ratio)
        append_alert(alerts, "ratio drift", drift->ratio_drift, drift->ratio_threshold);
    if (drift->confirmed)
        json_append_str(alerts, "DRIFT_DETECTED: all three indicators are over their thresholds");
    if (drift->alarmed)
        json_append_str(alerts, drift->alarm_what);
    return alerts;
}

static struct json *baseline_of(const struct service_drift *drift)
{
    struct json *value = json_new_object();

    json_set_int(value, "version", drift->baseline_version);
    json_set_int(value, "predictions", (int64_t)drift->baseline.count);
    set_figures(value, &drift->baseline);
    json_set_number(value, "saved_threshold", drift->baseline_saved_threshold);
    json_set_bool(value, "rebased", drift->baseline_rebased);
    set_time(value, "created", drift->baseline_created_us);
    return value;
}

static struct json *detectors_of(const struct service_drift *drift)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < drift->detector_count; i++) {
        const struct service_drift_detector *detector = &drift->detectors[i];
        struct json *value = json_new_object();
        json_set_str(value, "name", detector->name);
        json_set_number(value, "level", detector->level);
        json_set_number(value, "value", detector->value);
        json_set_number(value, "limit", detector->limit);
        json_append(list, value);
    }
    return list;
}

static struct json *alarm_of(const struct service_drift *drift)
{
    struct json *value = json_new_object();

    json_set_str(value, "detector", drift->alarm_detector);
    json_set_str(value, "what", drift->alarm_what);
    set_time(value, "raised", drift->alarm_us);
    set_time(value, "since", drift->alarm_since_us);
    return value;
}

static struct json *shifts_of(const struct service_drift *drift)
{
    struct json *list = json_new_array();

    for (size_t i = 0; i < SERVICE_DRIFT_SHIFTS; i++) {
        const struct service_drift_shift *shift = &drift->shifts[i];
        struct json *value = json_new_object();
        json_set_str(value, "name", shift->name);
        json_set_str(value, "help", shift->help);
        json_set_number(value, "baseline", shift->baseline);
        json_set_number(value, "window", shift->window);
        json_set_number(value, "shift", shift->shift);
        json_set_number(value, "z", shift->z);
        json_append(list, value);
    }
    return list;
}

static struct json *embedding_of(const struct service_drift *drift)
{
    struct json *value = json_new_object();
    struct json *baseline = json_new_array(), *window = json_new_array();

    for (size_t i = 0; i < SERVICE_DRIFT_PLACES; i++) {
        json_append_number(baseline, drift->embedding_baseline[i]);
        json_append_number(window, drift->embedding_window[i]);
    }
    json_set_int(value, "photos", (int64_t)drift->embedding_count);
    json_set_number(value, "shift", drift->embedding_shift);
    json_set_number(value, "z", drift->embedding_z);
    json_set(value, "baseline", baseline);
    json_set(value, "window", window);
    return value;
}

static struct json *diagnosis_of(const struct service_drift *drift)
{
    struct json *value = json_new_object();
    struct json *range = json_new_object();
    struct json *examples = json_new_array();

    json_set_str(value, "story", drift->story);
    json_set_str(value, "story_help", drift->story_help);
    json_set_number(range, "from", drift->more_low);
    json_set_number(range, "to", drift->more_top);
    json_set_number(range, "window", drift->more_window);
    json_set_number(range, "baseline", drift->more_before);
    json_set(value, "grown_range", range);
    json_set_number(value, "psi", drift->psi);
    json_set_number(value, "ks", drift->ks);
    json_set_number(value, "ks_p", drift->ks_p);
    json_set_number(value, "jensen_shannon", drift->jensen_shannon);
    json_set_number(value, "wasserstein", drift->wasserstein);
    json_set_number(value, "wasserstein_normed", drift->wasserstein_normed);
    json_set_number(value, "mmd", drift->mmd);
    json_set_number(value, "mmd_p", drift->mmd_p);
    json_set(value, "shifts", shifts_of(drift));
    if (drift->embedding_count)
        json_set(value, "embedding", embedding_of(drift));
    else
        json_set_null(value, "embedding");
    for (size_t i = 0; i < drift->example_count; i++)
        json_append_str(examples, drift->examples[i]);
    json_set(value, "examples", examples);
    return value;
}

static void set_monitor(struct json *value, const struct service_drift *drift)
{
    char name[64] = "none";

    if (drift->baseline.count)
        (void)snprintf(name, sizeof name, "version %" PRId64, drift->baseline_version);
    json_set_str(value, "baseline", name);
    if (drift->baseline.count)
        json_set(value, "baseline_figures", baseline_of(drift));
    else
        json_set_null(value, "baseline_figures");
    json_set(value, "detectors", detectors_of(drift));
    json_set_number(value, "run_length", drift->detector_count ? drift->run_length : NAN);
    json_set_int(value, "steady_predictions", (int64_t)drift->steady_predictions);
    if (drift->alarmed)
        json_set(value, "alarm", alarm_of(drift));
    else
        json_set_null(value, "alarm");
    if (drift->diagnosed)
        json_set(value, "diagnosis", diagnosis_of(drift));
    else
        json_set_null(value, "diagnosis");
}

void api_handle_drift(void *payload, struct http_request *request)
{
    struct service_drift drift;
    struct json *value = json_new_object();
    char time_text[CLOCK_TEXT_SIZE];

    service_read_drift(&drift, ((struct api *)payload)->options.service);
    json_set_int(value, "window_size", (int64_t)drift.window.count);
    json_set_int(value, "window_max", (int64_t)drift.window_max);
    json_set_int(value, "window_min", (int64_t)drift.minimum);
    set_figures(value, &drift.window);
    set_score(value, &drift);
    json_set(value, "alerts", alerts_of(&drift));
    set_monitor(value, &drift);
    json_set_number(value, "threshold", drift.threshold);
    json_set_str(value, "model_version", drift.model_version);
    json_set_str(value, "timestamp", clock_format_utc(time_text, drift.utc_us));
    api_answer_json(request, 200, value);
}
