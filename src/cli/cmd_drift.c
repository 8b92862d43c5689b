/* cli/cmd_drift.c - aidetect drift: what is normal, what moved, what happened, and what detectors
 * are worth.  Reads the prediction log and the folder of baselines; a running service notices a new
 * baseline by itself. */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/drift_remote.h"
#include "cli/drift_scores.h"
#include "cli/drift_simulate.h"
#include "cli/store.h"
#include "cli/time.h"
#include "service/baselines.h"
#include "service/drift_replay.h"
#include "service/drift_state.h"

#define STATEMENT_MS 3600000u

struct run {
    const struct cli_arguments *arguments;
    const struct service_config *config;
    char folder[SERVICE_PATH_SIZE + 16], baselines[SERVICE_PATH_SIZE + 32];
    struct store *store; /* NULL: not opened yet */
};

static enum status open_store(struct run *run, struct err *err)
{
    const struct store_options options = {.statement_ms = STATEMENT_MS};
    char url[STORE_URL_MAX];

    cli_store_url(url, run->config);
    enum status st = store_open(&run->store, url, &options, err);
    return st == ST_OK ? store_migrate(run->store, &clock_system, NULL, err) : st;
}

static enum status read_filter(struct service_predictions_filter *out,
                               const struct cli_arguments *arguments, struct err *err)
{
    const char *since = cli_text(arguments, "since"), *until = cli_text(arguments, "until");
    int64_t now_us = clock_utc_us(&clock_system);
    enum status st = ST_OK;

    *out = (struct service_predictions_filter){.model = cli_text(arguments, "model")};
    if (since)
        st = cli_read_time(&out->since_us, "since", since, now_us, err);
    if (st == ST_OK && until)
        st = cli_read_time(&out->until_us, "until", until, now_us, err);
    return st;
}

/* ---- baseline ---- */

static void print_baseline(void *payload, const struct drift_baseline *baseline)
{
    char time[CLOCK_TEXT_SIZE];

    (void)payload;
    printf("%-14.14s %9.4f %7" PRId64 " %11zu %7.4f %7.4f %8.2f%% %8.2f%% %6.2f  %s\n",
           baseline->model_version, baseline->threshold, baseline->version, baseline->count,
           baseline->figures.mean_probability, baseline->figures.std_probability,
           100 * baseline->figures.low_confidence_ratio, 100 * baseline->figures.ai_generated_ratio,
           baseline->burst_effect, clock_format_utc(time, baseline->created_us));
}

static void print_baseline_head(void)
{
    printf("%-14s %9s %7s %11s %7s %7s %9s %9s %6s  %s\n", "MODEL", "THRESHOLD", "VERSION",
           "PREDICTIONS", "MEAN P", "STD P", "LOW CONF", "AI", "BURST", "SAVED");
}

static enum status show_baselines(const struct run *run, struct err *err)
{
    size_t broken = 0;

    print_baseline_head();
    enum status st = baselines_each(run->baselines, print_baseline, NULL, &broken, err);
    if (st == ST_OK && broken)
        st = err_set(err, ST_CORRUPT, "%zu files of %.120s are no baselines", broken,
                     run->baselines);
    return st;
}

static enum status save_baseline(struct run *run, struct err *err)
{
    struct service_predictions_filter filter;
    struct drift_subject subject = {.threshold = 0};
    struct drift_baseline baseline = {0};

    enum status st = read_filter(&filter, run->arguments, err);
    if (st == ST_OK)
        st = open_store(run, err);
    if (st == ST_OK)
        st = drift_replay_subject(&subject, run->store, &filter, err);
    if (st == ST_OK)
        st = drift_replay_baseline(&baseline, run->store, &filter, &subject,
                                   clock_utc_us(&clock_system), err);
    if (st == ST_OK)
        st = baselines_save(&baseline, run->baselines, err);
    if (st == ST_OK) {
        print_baseline_head();
        print_baseline(NULL, &baseline);
        if (baseline.count < DRIFT_WATCH_LEAST)
            printf("below %u predictions only the indicators are watched\n", DRIFT_WATCH_LEAST);
    }
    drift_baseline_close(&baseline);
    return st;
}

static enum status baseline_action(struct run *run, struct err *err)
{
    const struct cli_arguments *arguments = run->arguments;
    const char *what = arguments->operand_count > 1 ? arguments->operands[1] : "show";

    if (strcmp(what, "save") == 0)
        return save_baseline(run, err);
    if (strcmp(what, "show") == 0)
        return show_baselines(run, err);
    return err_set(err, ST_INVALID, "'%.40s' is none of save, show", what);
}

/* ---- status ---- */

static void print_indicator(const char *name, double baseline, double window, double drift,
                            double limit, bool over)
{
    printf("  %-22s %8.4f %8.4f %8.4f %8.3f  %s\n", name, baseline, window, drift, limit,
           over ? "OVER" : "ok");
}

static void print_score(const struct drift_status *status)
{
    const struct drift_score *score = &status->score;

    printf("model       %s, threshold %.4f\n", status->model_version, status->threshold);
    printf("baseline    version %" PRId64 ", %zu predictions%s\n", status->baseline_version,
           status->baseline.count,
           status->baseline_saved_threshold != status->threshold ? ", rebased to this threshold"
                                                                 : "");
    printf("window      %zu of %zu predictions\n", status->window.count, status->window_size);
    if (!score->known) {
        printf("level       unknown: fewer than %zu predictions since the baseline\n",
               status->thresholds.minimum);
        return;
    }
    printf("level       %s, drift score %.3f\n", drift_level_name(score->level), score->score);
    printf("action      %s\n\n", drift_action_help(score->action));
    printf("  %-22s %8s %8s %8s %8s\n", "INDICATOR", "BASELINE", "WINDOW", "DRIFT", "LIMIT");
    print_indicator("mean probability", status->baseline.mean_probability,
                    status->window.mean_probability, score->probability,
                    status->thresholds.probability, score->over_probability);
    print_indicator("low confidence", status->baseline.low_confidence_ratio,
                    status->window.low_confidence_ratio, score->confidence,
                    status->thresholds.confidence, score->over_confidence);
    print_indicator("AI-generated", status->baseline.ai_generated_ratio,
                    status->window.ai_generated_ratio, score->ratio, status->thresholds.ratio,
                    score->over_ratio);
}

static void print_alarm(const struct drift_alarm *alarm)
{
    char raised[CLOCK_TEXT_SIZE], since[CLOCK_TEXT_SIZE];

    printf("  %s  %s: %s", clock_format_utc(raised, alarm->time_us),
           drift_detector_name(alarm->detector), drift_alarm_help(alarm));
    if (alarm->since_us)
        printf("; since about %s", clock_format_utc(since, alarm->since_us));
    printf("\n");
}

static void print_detectors(const struct drift_replay *replay)
{
    const struct drift_status *status = &replay->status;
    size_t kept = MIN_OF(replay->alarm_count, (size_t)DRIFT_REPLAY_ALARMS);

    if (!status->detector_count) {
        printf("\ndetectors   none: the baseline has fewer than %u predictions\n",
               DRIFT_WATCH_LEAST);
        return;
    }
    printf("\ndetectors   %" PRIu64 " predictions replayed, one false alarm in %.0f%s\n",
           replay->replayed, status->run_length, status->grouped ? ", bursts count as one" : "");
    for (unsigned i = 0; i < status->detector_count; i++)
        printf("  %-24s %5.1f %% of the way to an alarm\n",
               drift_detector_name((enum drift_detector)i), 100 * status->levels[i]);
    printf("alarms      %zu\n", replay->alarm_count);
    for (size_t i = 0; i < kept; i++)
        print_alarm(
            &replay->alarms[(replay->alarm_count - kept + i) % (size_t)DRIFT_REPLAY_ALARMS]);
}

static void print_diagnosis(const struct drift_replay *replay)
{
    const struct drift_diagnosis *diagnosis = &replay->diagnosis;
    const struct drift_distances *distances = &diagnosis->distances;

    printf("\nwhat moved  %s (gain %.1f nats)\n", drift_story_help(diagnosis->story),
           diagnosis->story_gain);
    printf("  most grown: probabilities from %.2f to %.2f: %.1f %% of the window, %.1f %% before\n",
           diagnosis->more_low, diagnosis->more_top, 100 * diagnosis->more_window,
           100 * diagnosis->more_before);
    printf("  PSI %.3f   KS %.3f (p %.2g)   Jensen-Shannon %.3f   Wasserstein %.3f (%.2f sd)\n",
           distances->psi, distances->ks, distances->ks_p, distances->jensen_shannon,
           distances->wasserstein, distances->wasserstein_normed);
    printf("  MMD of the properties %.4f (p %.3f)   classifier of new against old: AUC %.3f\n",
           diagnosis->mmd, diagnosis->mmd_p, replay->domain_auc);
    if (diagnosis->embedding.count)
        printf("  embedding: %.2f deviations from the baseline's, z %.1f\n",
               diagnosis->embedding.shift, diagnosis->embedding.z);
    printf("\n");
    printf("  %-16s %9s %9s %7s %7s %8s\n", "PROPERTY", "BASELINE", "WINDOW", "SHIFT", "Z",
           "WEIGHT");
    for (unsigned i = 0; i < DRIFT_FEATURE_COUNT; i++)
        printf("  %-16s %9.3f %9.3f %7.2f %7.1f %8.2f  %s\n",
               drift_feature_name((enum drift_feature)i), diagnosis->shifts[i].baseline,
               diagnosis->shifts[i].window, diagnosis->shifts[i].shift, diagnosis->shifts[i].z,
               replay->domain_weights[i], drift_feature_help((enum drift_feature)i));
    if (replay->example_count)
        printf("\nexamples    %-12s %-20s %s\n", "PROBABILITY", "REQUEST", "PHOTO");
    for (size_t i = 0; i < replay->example_count; i++)
        printf("            %-12.4f %-20s %.16s\n", replay->example_probabilities[i],
               replay->examples[i], replay->example_photos[i]);
}

static enum status print_nearest(const struct drift_replay *replay, const char *path,
                                 struct err *err)
{
    struct drift_scores scores;
    double share = 0;

    enum status st = drift_scores_read(&scores, path, err);
    if (st != ST_OK)
        return st;
    const char *name = drift_scores_nearest(&share, &scores, &replay->window, replay->baseline);
    if (name)
        printf("\nnearest     like %.0f %% of photos by %s\n", 100 * share, name);
    else
        printf("\nnearest     no known generator explains a difference\n");
    if (replay->diagnosis.embedding.count)
        drift_scores_print_alike(&scores, replay->diagnosis.embedding.baseline,
                                 replay->diagnosis.embedding.window);
    drift_scores_close(&scores);
    return ST_OK;
}

static enum status print_status(const struct run *run, const struct drift_replay *replay,
                                struct err *err)
{
    const char *scores = cli_text(run->arguments, "scores");

    print_score(&replay->status);
    print_detectors(replay);
    if (replay->diagnosed)
        print_diagnosis(replay);
    return scores && replay->diagnosed ? print_nearest(replay, scores, err) : ST_OK;
}

static enum status status_action(struct run *run, bool *finding, struct err *err)
{
    struct service_predictions_filter filter;
    struct drift_monitor_options options;
    struct drift_subject subject = {.threshold = 0};
    struct drift_baseline baseline = {0};
    struct drift_replay *replay = mem_alloc(1, sizeof *replay);

    service_drift_settings(&options, run->config, run->folder);
    enum status st = read_filter(&filter, run->arguments, err);
    if (st == ST_OK)
        st = open_store(run, err);
    if (st == ST_OK)
        st = drift_replay_subject(&subject, run->store, &filter, err);
    const struct baselines_key key = {subject.model_version, subject.model_hash, subject.threshold};
    if (st == ST_OK)
        st = baselines_load(&baseline, run->baselines, &key, err);
    if (st == ST_OK)
        st = drift_replay_run(replay, run->store, &baseline, &subject, &options, err);
    if (st == ST_OK) {
        st = print_status(run, replay, err);
        *finding = replay->status.score.detected || replay->alarm_count > 0;
    }
    drift_replay_close(replay);
    drift_baseline_close(&baseline);
    mem_free(replay);
    return st;
}

/* ---- history ---- */

static void print_line(struct bytes line)
{
    struct json *value = NULL;
    double score = 0;

    if (json_parse(&value, line, NULL) != ST_OK)
        return; /* a line that was cut */
    const char *time = json_get_str(value, "time"), *name = json_get_str(value, "event");
    const char *what = json_get_str(value, "what"), *detector = json_get_str(value, "detector");
    const char *example = json_text(json_at(json_get(value, "examples"), 0));
    bool scored = json_get_number(&score, value, "drift_score");
    printf("%-21s %-10s ", time ? time : "-", name ? name : "-");
    if (scored)
        printf("%6.3f  ", score);
    else
        printf("%6s  ", "-");
    printf("%-24s %s%s%s\n", detector ? detector : "-", what ? what : "",
           example ? "; such as request " : "", example ? example : "");
    json_free(value);
}

static enum status print_history(const char *folder, const char *name, struct err *err)
{
    char path[SERVICE_PATH_SIZE + 64];
    struct bytes text;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!fs_exists(path))
        return ST_OK;
    enum status st = fs_read(&text, path, 2 * DRIFT_HISTORY_BYTES, err);
    if (st != ST_OK)
        return st;
    struct str rest = {(const char *)text.at, text.len};
    while (rest.len) {
        struct str line = str_split(&rest, '\n');
        print_line((struct bytes){(const uint8_t *)line.at, line.len});
    }
    mem_free((void *)(uintptr_t)text.at);
    return ST_OK;
}

static enum status history_action(const struct run *run, struct err *err)
{
    printf("%-21s %-10s %6s  %-24s %s\n", "TIME", "EVENT", "SCORE", "DETECTOR", "WHAT");
    enum status st = print_history(run->folder, "history.1.jsonl", err);
    return st == ST_OK ? print_history(run->folder, "history.jsonl", err) : st;
}

/* ---- the command ---- */

static int act(struct run *run, struct err *err)
{
    const char *action = run->arguments->operands[0];
    enum status st = ST_OK;
    bool finding = false;

    if (strcmp(action, "status") == 0)
        st = status_action(run, &finding, err);
    else if (strcmp(action, "baseline") == 0)
        st = baseline_action(run, err);
    else
        st = history_action(run, err);
    store_close(run->store);
    if (st != ST_OK)
        return st == ST_INVALID && !run->store ? CLI_USAGE : (int)cli_exit_of(st);
    return finding ? CLI_FINDING : CLI_FINE;
}

int cmd_drift(const struct cli_arguments *arguments, struct err *err)
{
    static const char *const actions[] = {"status", "baseline", "history", "simulate"};
    const char *action = arguments->operands[0];
    bool known = false;
    int code = CLI_USAGE;

    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        known = known || strcmp(action, actions[i]) == 0;
    if (!known || (arguments->operand_count > 1 && strcmp(action, "baseline") != 0)) {
        (void)err_set(err, ST_INVALID,
                      "'%.40s' is none of status, baseline save, baseline show, history, simulate",
                      known ? arguments->operands[1] : action);
        return CLI_USAGE;
    }
    if (cli_given(arguments, "url"))
        return drift_remote(arguments, err);
    if (strcmp(action, "simulate") == 0)
        return drift_simulate(arguments, err);
    struct run *run = mem_alloc(1, sizeof *run);
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    if (cli_load_settings(loaded, arguments, cli_text(arguments, "config"), &code, err) == ST_OK) {
        run->arguments = arguments;
        run->config = &loaded->values;
        cli_drift_folder(run->folder, sizeof run->folder, run->config);
        (void)snprintf(run->baselines, sizeof run->baselines, "%s/baselines", run->folder);
        code = act(run, err);
    }
    mem_free(loaded);
    mem_free(run);
    return code;
}
