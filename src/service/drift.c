/* service/drift.c - drift as the service sees it: a job becomes a sample, and the monitor's status
 * an answer.  Thread-safe. */
#include <string.h>

#include "service/state.h"

#define WINDOW_DEFAULT 1000u

void drift_monitor_defaults(struct drift_monitor_options *out)
{
    *out = (struct drift_monitor_options){
        .folder = "",
        .window_size = WINDOW_DEFAULT,
        .thresholds = {.probability = 0.15,
                       .confidence = 0.15,
                       .ratio = 0.20,
                       .warning = 0.10,
                       .detected = 0.15,
                       .critical = 0.30,
                       .minimum = 100},
        .watch = {.budget = {.false_alarms_a_month = 1, .predictions_a_day = 50000}},
        .hold_hours = 24,
        .clock = &clock_system,
    };
}

void service_drift_settings(struct drift_monitor_options *out, const struct service_config *config,
                            const char *folder)
{

    drift_monitor_defaults(out);
    out->folder = folder;
    out->window_size = (size_t)config->drift_window;
    out->thresholds = (struct drift_thresholds){
        .probability = config->drift_probability,
        .confidence = config->drift_confidence,
        .ratio = config->drift_ratio,
        .warning = config->drift_warning,
        .detected = config->drift_detected,
        .critical = config->drift_critical,
        .minimum = (size_t)config->drift_minimum,
    };
    out->watch.budget =
        (struct drift_budget){config->drift_false_alarms, config->drift_predictions};
    out->watch.grouping = drift_grouping_of(config->drift_grouping);
    out->watch.burst_limit = (uint32_t)config->drift_burst_limit;
    out->hold_hours = config->drift_hold_hours;
}

void service_drift_open(struct service *service)
{
    const struct service_classifier *classifier = &service->options.classifier;
    const struct drift_model model = {classifier->model_version, classifier->model_hash,
                                      classifier->threshold};
    struct drift_monitor_options options;

    if (service->options.drift)
        options = *service->options.drift;
    else
        drift_monitor_defaults(&options);
    options.clock = service->options.clock;
    drift_monitor_open(&service->drift, &options, &model);
    service->options.drift = NULL; /* it was the caller's */
}

void service_drift_watch(struct service *service, const struct service_job *job)
{
    const struct service_verdict *verdict = &job->verdict;
    const struct drift_photo photo = {
        .probability = verdict->probability,
        .width = verdict->width,
        .height = verdict->height,
        .bytes = job->photo.len,
        .quality = verdict->quality,
    };
    struct drift_prediction prediction = {
        .sample = {.time_us = clock_utc_us(service->options.clock),
                   .probability = verdict->probability,
                   .group = job->sender,
                   .embedding = verdict->embedding},
        .model_hash = job->prediction.model_hash,
        .request_id = job->request_id,
    };

    drift_features(prediction.sample.features, &photo);
    drift_monitor_add(service->drift, &prediction);
}

void service_drift_health(struct service_health *out, struct service *service)
{
    struct drift_status status;

    drift_monitor_read(&status, service->drift);
    out->drift_known = status.score.known;
    out->drift_detected = status.score.detected || status.alarmed;
}

static void fill_detectors(struct service_drift *out, const struct drift_status *status)
{
    for (unsigned i = 0; i < status->detector_count; i++)
        out->detectors[i] = (struct service_drift_detector){
            .name = drift_detector_name((enum drift_detector)i),
            .level = status->levels[i],
            .value = status->values[i],
            .limit = status->limits[i],
        };
    out->detector_count = status->detector_count;
    out->run_length = status->run_length;
    out->steady_predictions = status->adwin_width;
    out->grouped = status->grouped;
}

static void fill_alarm(struct service_drift *out, const struct drift_status *status)
{
    out->alarmed = status->alarmed;
    if (!status->alarmed)
        return;
    out->alarm_detector = drift_detector_name(status->alarm.detector);
    out->alarm_what = drift_alarm_help(&status->alarm);
    out->alarm_us = status->alarm.time_us;
    out->alarm_since_us = status->alarm.since_us;
}

static void fill_diagnosis(struct service_drift *out, const struct drift_diagnosis *diagnosis)
{
    const struct drift_distances *distances = &diagnosis->distances;

    out->diagnosed = true;
    out->psi = distances->psi;
    out->ks = distances->ks;
    out->ks_p = distances->ks_p;
    out->jensen_shannon = distances->jensen_shannon;
    out->wasserstein = distances->wasserstein;
    out->wasserstein_normed = distances->wasserstein_normed;
    out->mmd = diagnosis->mmd;
    out->mmd_p = diagnosis->mmd_p;
    out->story = drift_story_name(diagnosis->story);
    out->story_help = drift_story_help(diagnosis->story);
    out->more_low = diagnosis->more_low;
    out->more_top = diagnosis->more_top;
    out->more_window = diagnosis->more_window;
    out->more_before = diagnosis->more_before;
    out->embedding_count = diagnosis->embedding.count;
    out->embedding_shift = diagnosis->embedding.shift;
    out->embedding_z = diagnosis->embedding.z;
    memcpy(out->embedding_baseline, diagnosis->embedding.baseline, sizeof out->embedding_baseline);
    memcpy(out->embedding_window, diagnosis->embedding.window, sizeof out->embedding_window);
    for (unsigned i = 0; i < DRIFT_FEATURE_COUNT; i++) {
        const struct drift_shift *shift = &diagnosis->shifts[i];
        out->shifts[i] = (struct service_drift_shift){
            .name = drift_feature_name((enum drift_feature)i),
            .help = drift_feature_help((enum drift_feature)i),
            .baseline = shift->baseline,
            .window = shift->window,
            .shift = shift->shift,
            .z = shift->z,
        };
    }
}

static void fill_score(struct service_drift *out, const struct drift_status *status)
{
    const struct drift_score *score = &status->score;
    const struct drift_thresholds *thresholds = &status->thresholds;

    out->known = score->known;
    out->score = score->score;
    out->probability_drift = score->probability;
    out->confidence_drift = score->confidence;
    out->ratio_drift = score->ratio;
    out->over_probability = score->over_probability;
    out->over_confidence = score->over_confidence;
    out->over_ratio = score->over_ratio;
    out->detected = score->detected;
    out->confirmed = score->confirmed;
    out->level = drift_level_name(score->level);
    out->action = drift_action_name(score->action);
    out->action_help = drift_action_help(score->action);
    out->probability_threshold = thresholds->probability;
    out->confidence_threshold = thresholds->confidence;
    out->ratio_threshold = thresholds->ratio;
    out->warning_threshold = thresholds->warning;
    out->detected_threshold = thresholds->detected;
    out->critical_threshold = thresholds->critical;
    out->minimum = thresholds->minimum;
}

static struct service_drift_figures figures_of(const struct drift_figures *figures)
{
    return (struct service_drift_figures){
        .count = figures->count,
        .mean_probability = figures->mean_probability,
        .std_probability = figures->std_probability,
        .low_confidence_ratio = figures->low_confidence_ratio,
        .ai_generated_ratio = figures->ai_generated_ratio,
    };
}

void service_read_drift(struct service_drift *out, struct service *service)
{
    struct drift_diagnosis diagnosis;
    struct drift_status status;

    _Static_assert(SERVICE_DRIFT_SHIFTS == DRIFT_FEATURE_COUNT, "every feature is reported");
    _Static_assert(SERVICE_DRIFT_PLACES == DRIFT_EMBEDDING, "every place is reported");
    _Static_assert(SERVICE_DRIFT_DETECTORS == DRIFT_DETECTOR_COUNT, "every detector is reported");
    drift_monitor_read(&status, service->drift);
    *out = (struct service_drift){
        .window_max = status.window_size,
        .window = figures_of(&status.window),
        .baseline = figures_of(&status.baseline),
        .baseline_version = status.baseline_version,
        .baseline_created_us = status.baseline_created_us,
        .baseline_rebased =
            status.baseline.count && status.baseline_saved_threshold != status.threshold,
        .baseline_saved_threshold = status.baseline_saved_threshold,
        .threshold = status.threshold,
        .model_version = service_model_version(service),
        .utc_us = status.utc_us,
    };
    fill_score(out, &status);
    fill_detectors(out, &status);
    fill_alarm(out, &status);
    _Static_assert(SERVICE_DRIFT_EXAMPLES == DRIFT_EXAMPLES_MAX &&
                       sizeof out->examples[0] == DRIFT_ID_SIZE,
                   "examples are handed on as they are");
    if (!drift_monitor_diagnose(&diagnosis, service->drift))
        return;
    fill_diagnosis(out, &diagnosis);
    out->example_count = drift_monitor_examples(out->examples, service->drift, diagnosis.more_low,
                                                diagnosis.more_top);
}
