#include "cli/drift_remote.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/drift_scores.h"
#include "http/client.h"

#include "revision.h"

#define URL_MAX 2048

/* What a service sends must not steer a terminal. */
static void print_text(const char *text)
{
    for (; text && *text; text++)
        (void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

/* NaN: null, or not there. */
static double number(const struct json *value, const char *key)
{
    double out = 0;

    return json_get_number(&out, value, key) ? out : NAN;
}

static void print_member(const char *label, const struct json *value, const char *key)
{
    printf("%-12s", label);
    print_text(json_get_str(value, key));
    (void)putchar('\n');
}

/* ---- parts of the answer ---- */

static void print_figure(const char *label, const char *key, const struct json *drift,
                         const char *shift, const char *limit)
{
    const struct json *baseline = json_get(drift, "baseline_figures");
    const struct json *window = drift;

    if (strcmp(key, "ai_generated") == 0) {
        window = json_get(drift, "prediction_ratio");
        baseline = json_get(baseline, "prediction_ratio");
    }
    printf("  %-22s %8.4f %8.4f %8.4f %8.3f  %s\n", label, number(baseline, key),
           number(window, key), number(drift, shift), number(drift, limit),
           number(drift, shift) > number(drift, limit) ? "OVER" : "ok");
}

static void print_score(const struct json *drift)
{
    printf("%-12s", "model");
    print_text(json_get_str(drift, "model_version"));
    printf(", threshold %.4f\n", number(drift, "threshold"));
    print_member("baseline", drift, "baseline");
    printf("%-12s%.0f of %.0f predictions\n", "window", number(drift, "window_size"),
           number(drift, "window_max"));
    if (isnan(number(drift, "drift_score"))) {
        printf("%-12sunknown: no baseline, or fewer than %.0f predictions\n", "level",
               number(drift, "window_min"));
        return;
    }
    printf("%-12s", "level");
    print_text(json_get_str(drift, "level"));
    printf(", drift score %.3f\n", number(drift, "drift_score"));
    print_member("action", drift, "action_help");
    printf("\n  %-22s %8s %8s %8s %8s\n", "INDICATOR", "BASELINE", "WINDOW", "DRIFT", "LIMIT");
    print_figure("mean probability", "mean_probability", drift, "probability_drift",
                 "probability_threshold");
    print_figure("low confidence", "low_confidence_ratio", drift, "confidence_drift",
                 "confidence_threshold");
    print_figure("AI-generated", "ai_generated", drift, "ratio_drift", "ratio_threshold");
}

static void print_detectors(const struct json *drift)
{
    const struct json *detectors = json_get(drift, "detectors"), *alarm = json_get(drift, "alarm");

    printf("\n%-12s%zu%s\n", "detectors", json_count(detectors),
           json_count(detectors) ? "" : ": no baseline, or a small one");
    for (size_t i = 0; i < json_count(detectors); i++) {
        const char *name = json_get_str(json_at(detectors, i), "name");
        printf("  %-24.24s %5.1f %% of the way to an alarm\n", name ? name : "?",
               100 * number(json_at(detectors, i), "level"));
    }
    if (!json_get_str(alarm, "what"))
        return;
    printf("%-12s", "alarm");
    print_text(json_get_str(alarm, "raised"));
    (void)fputs("  ", stdout);
    print_text(json_get_str(alarm, "what"));
    if (json_get_str(alarm, "since")) {
        (void)fputs("; since about ", stdout);
        print_text(json_get_str(alarm, "since"));
    }
    (void)putchar('\n');
}

static void print_shifts(const struct json *shifts)
{
    printf("\n  %-16s %9s %9s %7s %7s\n", "PROPERTY", "BASELINE", "WINDOW", "SHIFT", "Z");
    for (size_t i = 0; i < json_count(shifts); i++) {
        const struct json *shift = json_at(shifts, i);
        const char *name = json_get_str(shift, "name");
        printf("  %-16.16s %9.3f %9.3f %7.2f %7.1f  ", name ? name : "?", number(shift, "baseline"),
               number(shift, "window"), number(shift, "shift"), number(shift, "z"));
        print_text(json_get_str(shift, "help"));
        (void)putchar('\n');
    }
}

static void print_diagnosis(const struct json *diagnosis)
{
    const struct json *range = json_get(diagnosis, "grown_range");
    const struct json *examples = json_get(diagnosis, "examples");

    (void)putchar('\n');
    print_member("what moved", diagnosis, "story_help");
    printf("  most grown: probabilities from %.2f to %.2f: %.1f %% of the window, %.1f %% before\n",
           number(range, "from"), number(range, "to"), 100 * number(range, "window"),
           100 * number(range, "baseline"));
    printf("  PSI %.3f   KS %.3f (p %.2g)   Jensen-Shannon %.3f   Wasserstein %.3f\n",
           number(diagnosis, "psi"), number(diagnosis, "ks"), number(diagnosis, "ks_p"),
           number(diagnosis, "jensen_shannon"), number(diagnosis, "wasserstein"));
    printf("  MMD of the properties %.4f (p %.3f)\n", number(diagnosis, "mmd"),
           number(diagnosis, "mmd_p"));
    if (json_get(json_get(diagnosis, "embedding"), "z"))
        printf("  embedding: %.2f deviations from the baseline's, z %.1f\n",
               number(json_get(diagnosis, "embedding"), "shift"),
               number(json_get(diagnosis, "embedding"), "z"));
    print_shifts(json_get(diagnosis, "shifts"));
    for (size_t i = 0; i < json_count(examples); i++) {
        printf(i ? "            " : "\n%-12s", "examples");
        print_text(json_text(json_at(examples, i)));
        (void)putchar('\n');
    }
}

static bool read_places(double out[DRIFT_EMBEDDING], const struct json *array)
{
    for (size_t i = 0; i < DRIFT_EMBEDDING; i++)
        out[i] = json_number_or(json_at(array, i), NAN);
    return json_count(array) == DRIFT_EMBEDDING;
}

static void print_alike(const struct json *diagnosis, const struct drift_scores *scores)
{
    const struct json *embedding = json_get(diagnosis, "embedding");
    double baseline[DRIFT_EMBEDDING], window[DRIFT_EMBEDDING];

    (void)putchar('\n');
    if (read_places(baseline, json_get(embedding, "baseline")) &&
        read_places(window, json_get(embedding, "window")))
        drift_scores_print_alike(scores, baseline, window);
    else
        printf("looks like  unknown: the service has no embeddings of its photos\n");
}

/* ---- the question ---- */

static enum status ask(struct json **answer, struct http_client *client, const char *service,
                       struct err *err)
{
    struct http_client_answer got;
    struct json *value = NULL;
    char url[URL_MAX];
    size_t len = strlen(service);

    while (len && service[len - 1] == '/')
        len--;
    (void)snprintf(url, sizeof url, "%.*s/monitoring/drift", (int)len, service);
    enum status st = http_client_get(&got, client, url, err);
    if (st != ST_OK)
        return st;
    st = json_parse(&value, got.body, err);
    if (got.status != 200) {
        const char *detail = json_get_str(value, "detail");
        st = err_set(err, ST_INVALID, "the service answered %u%s%.160s", got.status,
                     detail ? ": " : "", detail ? detail : "");
    } else if (st != ST_OK) {
        err_prefix(err, "the answer is not JSON");
    } else if (!json_get(value, "detectors")) {
        st = err_set(err, ST_CORRUPT, "the answer says nothing of drift");
    }
    if (st == ST_OK)
        *answer = value;
    else
        json_free(value);
    return st;
}

static enum status check_usage(const struct cli_arguments *arguments, struct err *err)
{
    const char *url = cli_text(arguments, "url");

    if (strcmp(arguments->operands[0], "status") != 0)
        return err_set(err, ST_INVALID, "--url goes with status only");
    if (cli_given(arguments, "model"))
        return err_set(err, ST_INVALID, "--model needs the prediction log: it goes without --url");
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return err_set(err, ST_INVALID, "'%.60s' is no http:// or https:// address", url);
    if (strlen(url) > URL_MAX / 2)
        return err_set(err, ST_LIMIT, "the address is over %d bytes", URL_MAX / 2);
    return ST_OK;
}

static void print_answer(const struct json *drift, const struct drift_scores *scores)
{
    const struct json *diagnosis = json_get(drift, "diagnosis");

    print_score(drift);
    print_detectors(drift);
    if (!json_get(diagnosis, "story"))
        return;
    print_diagnosis(diagnosis);
    if (scores->count)
        print_alike(diagnosis, scores);
}

int drift_remote(const struct cli_arguments *arguments, struct err *err)
{
    const char *key = cli_text(arguments, "api-key"), *path = cli_text(arguments, "scores");
    const struct http_client_options options = {
        .timeout_ms = (unsigned)cli_int(arguments, "timeout") * 1000,
        .api_key = key ? key : getenv("AIDETECT_API_KEY"),
        .user_agent = "aidetect/" AIDETECT_VERSION,
    };
    struct http_client *client = NULL;
    struct drift_scores scores = {0};
    struct json *drift = NULL;

    if (check_usage(arguments, err) != ST_OK)
        return CLI_USAGE;
    enum status st = path ? drift_scores_read(&scores, path, err) : ST_OK;
    if (st != ST_OK)
        return cli_exit_of(st);
    st = http_client_open(&client, &options, err);
    if (st == ST_OK)
        st = ask(&drift, client, cli_text(arguments, "url"), err);
    http_client_close(client);
    if (st != ST_OK) {
        drift_scores_close(&scores);
        return st == ST_IO ? CLI_IO : CLI_PARTIAL;
    }
    print_answer(drift, &scores);
    drift_scores_close(&scores);
    bool finding = json_count(json_get(drift, "alerts")) > 0; /* indicators and alarms alike */
    json_free(drift);
    return finding ? CLI_FINDING : CLI_FINE;
}
