/* cli/cmd_selftest.c - aidetect selftest alerts: every alert, from a fault in a service of its own
 * through real Prometheus and Alertmanager to a receiver.  Durations are scaled down, expressions
 * and thresholds are those of production. */
#include "cli/selftest.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/rules.h"
#include "http/client.h"
#include "rules/rules.h"

#define TIME_SCALE      0.005 /* 5 minutes are 1.5 s */
#define START_MS        60000
#define STEP_MS         100
#define DESCRIPTORS     256 /* that the service may open */
#define MEMORY_STEP     (32 << 20)
#define MEMORY_TOP      (256 << 20)
#define MEMORY_EVERY_MS 1000
#define ALERTS_MAX      64
#define PARENT_MAX      ((size_t)360) /* bytes of the path of the folder of temporary files */

/* One stretch of the trial, until its alerts have come.  `faults` are members of the form that
 * POST /admin/faults reads. */
struct phase {
    const char *name;
    const char *faults[5][2];
    enum selftest_load load;
    bool grows;      /* memory, step by step */
    bool bad_config; /* SIGHUP with a broken file */
    bool stops;      /* the service */
    bool only;       /* until nothing but these alerts fires */
    bool escalates;  /* until everybody was asked about its first alert */
    const char *alerts[9];
};

static const struct phase phases[] = {
    {.name = "a healthy service", .only = true, .alerts = {"Watchdog"}},
    {.name = "scarce resources, too many requests, lost records, early drift",
     .faults = {{"drift_score", "0.12"},
                {"descriptors", "210"},
                {"cpu_threads", "2"},
                {"records_lost", "1"}},
     .load = SELFTEST_PREDICT,
     .grows = true,
     .bad_config = true,
     .alerts = {"DriftWarning", "HighRateLimiting", "HighMemoryUsage", "MemoryLeakSuspected",
                "HighFileDescriptorUsage", "HighCPUUsage", "ConfigReloadFailed",
                "PredictionRecordsLost"}},
    {.name = "photos that fail inside batches, a detector's alarm",
     .faults = {{"drift_alarm", "1"}, {"error_ratio", "1"}},
     .load = SELFTEST_BATCH,
     .alerts = {"DriftEarlyWarning", "HighPredictionErrorRate"}},
    {.name = "drift", .faults = {{"drift_score", "0.2"}}, .alerts = {"DriftDetected"}},
    {.name = "failing requests, far drift",
     .faults = {{"drift_score", "0.5"}, {"error_ratio", "1"}},
     .load = SELFTEST_EXPLAIN,
     .alerts = {"DriftCritical", "HighErrorRate", "AvailabilityBudgetBurnFast"}},
    {.name = "slow requests",
     .faults = {{"delay_ms", "2700"}},
     .load = SELFTEST_EXPLAIN,
     .alerts = {"HighLatency", "LatencyBudgetBurnFast", "AvailabilityBudgetBurnSlow"}},
    {.name = "quiet: what the faults have used of the budgets",
     .alerts = {"LatencyBudgetBurnSlow"}},
    {.name = "no model", .faults = {{"model_unloaded", "1"}}, .alerts = {"ModelNotLoaded"}},
    {.name = "no service, until the last of its escalation",
     .stops = true,
     .escalates = true,
     .alerts = {"ServiceDown"}},
};

struct trial {
    const struct cli_arguments *arguments;
    char folder[SELFTEST_PATH_SIZE];
    char config[SELFTEST_PATH_SIZE];
    unsigned service_port, prometheus_port, alertmanager_port;
    struct selftest_process service, prometheus, alertmanager;
    struct selftest_hook *hook;
    struct selftest_requests *requests;
    struct http_client *client;
    int64_t memory_bytes;
    int64_t started_us;
    int64_t came_us[ALERTS_MAX];          /* in its own phase; 0: it did not */
    int64_t asked_us[RULES_PERSON_COUNT]; /* by escalation; 0: they were not */
};

/* ---- the stack ---- */

static enum status write_config(const struct trial *trial, const char *text, struct err *err)
{
    return fs_write(trial->config, (struct bytes){(const uint8_t *)text, strlen(text)}, err);
}

/* The limit of descriptors is inherited; ours is put back. */
static enum status start_limited(struct trial *trial, const char *const *arguments, struct err *err)
{
    struct rlimit old;

    (void)getrlimit(RLIMIT_NOFILE, &old);
    struct rlimit few = old;
    few.rlim_cur = MIN_OF(old.rlim_cur, DESCRIPTORS);
    (void)setrlimit(RLIMIT_NOFILE, &few);
    enum status st = selftest_start(&trial->service, trial->folder, "service", arguments, err);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    return st;
}

/* The program itself. */
static enum status start_service(struct trial *trial, struct err *err)
{
    char model[SELFTEST_PATH_SIZE];
    char listen[64];
    char data[SELFTEST_PATH_SIZE + 16]; /* exists: administrative acts are recorded in it */
    const char *const arguments[] = {"/proc/self/exe",
                                     "serve",
                                     "--config",
                                     trial->config,
                                     "--listen",
                                     listen,
                                     "--model",
                                     model,
                                     "--set",
                                     data,
                                     "--set",
                                     "faults.enabled=true",
                                     "--set",
                                     "rate.enabled=on",
                                     "--set",
                                     "rate.predict=6",
                                     "--set",
                                     "rate.batch=0",
                                     "--set",
                                     "rate.explain=0",
                                     "--set",
                                     "monitoring.cpu_limit=0.1",
                                     "--set",
                                     "monitoring.memory_limit_bytes=268435456",
                                     NULL};

    enum status st = cli_find_model(model, sizeof model, cli_text(trial->arguments, "model"), err);
    if (st == ST_OK)
        st = write_config(trial, "# read again by the trial\nworkers: 4\n", err);
    if (st != ST_OK)
        return st;
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", trial->service_port);
    (void)snprintf(data, sizeof data, "data=%s", trial->folder);
    st = start_limited(trial, arguments, err);
    return st == ST_OK
               ? selftest_wait(&trial->service, trial->folder, trial->service_port, START_MS, err)
               : st;
}

static enum status write_rules(const struct trial *trial, struct err *err)
{
    char target[64];
    char alertmanager[64];
    char webhook[64];
    struct rules_options options = {.target = target,
                                    .alertmanager = alertmanager,
                                    .webhook = webhook,
                                    .time_scale = TIME_SCALE};
    size_t count = 0;

    (void)snprintf(target, sizeof target, "127.0.0.1:%u", trial->service_port);
    (void)snprintf(alertmanager, sizeof alertmanager, "127.0.0.1:%u", trial->alertmanager_port);
    (void)snprintf(webhook, sizeof webhook, "http://127.0.0.1:%u/alerts",
                   selftest_hook_port(trial->hook));
    return cli_write_rules(trial->folder, &options, &count, err);
}

static enum status start_alertmanager(struct trial *trial, struct err *err)
{
    char config[SELFTEST_PATH_SIZE + 64];
    char storage[SELFTEST_PATH_SIZE + 64];
    char listen[64];
    const char *arguments[] = {
        "prometheus-alertmanager", config, storage, listen, "--cluster.listen-address=",
        "--log.level=warn",        NULL};

    (void)snprintf(config, sizeof config, "--config.file=%s/alertmanager/alertmanager.yml",
                   trial->folder);
    (void)snprintf(storage, sizeof storage, "--storage.path=%s/silences", trial->folder);
    (void)snprintf(listen, sizeof listen, "--web.listen-address=127.0.0.1:%u",
                   trial->alertmanager_port);
    enum status st =
        selftest_start(&trial->alertmanager, trial->folder, "alertmanager", arguments, err);
    if (st == ST_NOT_FOUND) { /* its name outside Debian */
        arguments[0] = "alertmanager";
        st = selftest_start(&trial->alertmanager, trial->folder, "alertmanager", arguments, err);
    }
    return st == ST_OK ? selftest_wait(&trial->alertmanager, trial->folder,
                                       trial->alertmanager_port, START_MS, err)
                       : st;
}

static enum status start_prometheus(struct trial *trial, struct err *err)
{
    char config[SELFTEST_PATH_SIZE + 64];
    char storage[SELFTEST_PATH_SIZE + 64];
    char listen[64];
    const char *const arguments[] = {
        "prometheus",       config, storage, listen, "--rules.alert.resend-delay=1s",
        "--log.level=warn", NULL};

    (void)snprintf(config, sizeof config, "--config.file=%s/prometheus/prometheus.yml",
                   trial->folder);
    (void)snprintf(storage, sizeof storage, "--storage.tsdb.path=%s/series", trial->folder);
    (void)snprintf(listen, sizeof listen, "--web.listen-address=127.0.0.1:%u",
                   trial->prometheus_port);
    enum status st =
        selftest_start(&trial->prometheus, trial->folder, "prometheus", arguments, err);
    return st == ST_OK ? selftest_wait(&trial->prometheus, trial->folder, trial->prometheus_port,
                                       START_MS, err)
                       : st;
}

/* ---- faults ---- */

static enum status post_faults(struct trial *trial, const struct phase *phase, struct err *err)
{
    struct http_client_part parts[ARRAY_LEN(phase->faults) + 1];
    struct http_client_answer answer;
    char url[64];
    char bytes[32];
    size_t count = 0;

    for (; count < ARRAY_LEN(phase->faults) && phase->faults[count][0]; count++) {
        const char *value = phase->faults[count][1];
        parts[count] = (struct http_client_part){.name = phase->faults[count][0],
                                                 .data = {(const uint8_t *)value, strlen(value)}};
    }
    (void)snprintf(bytes, sizeof bytes, "%lld", (long long)trial->memory_bytes);
    parts[count++] = (struct http_client_part){.name = "memory_bytes",
                                               .data = {(const uint8_t *)bytes, strlen(bytes)}};
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/admin/faults", trial->service_port);
    enum status st = http_client_post_form(&answer, trial->client, url, parts, count, err);
    if (st == ST_OK && answer.status != 200)
        st = err_set(err, ST_CONFLICT, "the service refused its faults: %u %.*s", answer.status,
                     (int)MIN_OF(answer.body.len, 120), (const char *)answer.body.at);
    return st;
}

static enum status wait_ready(struct trial *trial, struct err *err)
{
    static const struct phase none = {.name = "none"};
    struct err last;

    for (int waited_ms = 0; waited_ms < START_MS; waited_ms += STEP_MS) {
        if (post_faults(trial, &none, &last) == ST_OK)
            return ST_OK;
        (void)poll(NULL, 0, STEP_MS);
    }
    return err_set(err, ST_CONFLICT, "%s", last.msg);
}

static enum status begin(struct trial *trial, const struct phase *phase, struct err *err)
{
    enum status st = ST_OK;

    printf("%s\n", phase->name);
    (void)fflush(stdout);
    trial->memory_bytes = 0;
    selftest_requests_set(trial->requests, phase->load);
    if (phase->stops)
        selftest_stop(&trial->service);
    else
        st = post_faults(trial, phase, err);
    if (st == ST_OK && phase->bad_config) {
        st = write_config(trial, "workers: many\n", err);
        if (st == ST_OK && kill(trial->service.pid, SIGHUP) != 0)
            st = err_set(err, ST_IO, "the service is gone");
    }
    return st;
}

/* ---- what came ---- */

static size_t find_alert(const char *name)
{
    size_t i = 0;

    while (i < rules_alert_count && strcmp(rules_alerts[i].name, name) != 0)
        i++;
    REQUIRE(i < rules_alert_count);
    return i;
}

/* Notes who was asked about an alert; true when everybody of its severity was. */
static bool look_escalations(struct trial *trial, size_t alert)
{
    bool done = true;

    for (size_t k = 0; k < rules_escalation_count; k++) {
        const struct rules_escalation *row = &rules_escalations[k];
        if (row->severity != rules_alerts[alert].severity)
            continue;
        if (selftest_hook_escalates(trial->hook, alert, row->to) && !trial->asked_us[row->to])
            trial->asked_us[row->to] = clock_monotonic_us(&clock_system);
        done = done && trial->asked_us[row->to];
    }
    return done;
}

/* Notes which alerts of the phase fire; true when it has done what it is for. */
static bool look(struct trial *trial, const struct phase *phase)
{
    bool done = true;
    size_t firing = 0;
    size_t expected = 0;

    for (; expected < ARRAY_LEN(phase->alerts) && phase->alerts[expected]; expected++) {
        size_t i = find_alert(phase->alerts[expected]);
        if (selftest_hook_fires(trial->hook, i) && !trial->came_us[i])
            trial->came_us[i] = clock_monotonic_us(&clock_system);
        done = done && trial->came_us[i];
    }
    for (size_t i = 0; i < rules_alert_count; i++)
        firing += selftest_hook_fires(trial->hook, i);
    if (phase->escalates)
        done = look_escalations(trial, find_alert(phase->alerts[0])) && done;
    return done && (!phase->only || firing == expected);
}

static enum status run_phase(struct trial *trial, const struct phase *phase, struct err *err)
{
    int64_t timeout_ms = cli_int(trial->arguments, "timeout") * 1000;
    enum status st = begin(trial, phase, err);

    for (int64_t waited_ms = 0; st == ST_OK && waited_ms < timeout_ms; waited_ms += STEP_MS) {
        if (look(trial, phase))
            break;
        (void)poll(NULL, 0, STEP_MS);
        if (!phase->grows || waited_ms % MEMORY_EVERY_MS || trial->memory_bytes >= MEMORY_TOP)
            continue;
        trial->memory_bytes += MEMORY_STEP;
        st = post_faults(trial, phase, err);
    }
    return st;
}

static bool report_escalation(const struct trial *trial)
{
    bool all = true;

    printf("%-28s\n", "ESCALATION");
    for (enum rules_person i = 0; i < RULES_PERSON_COUNT; i++) {
        printf("%-53s ", rules_person_name(i));
        if (trial->asked_us[i])
            printf("after %.1f s\n", (double)(trial->asked_us[i] - trial->started_us) / 1e6);
        else
            printf("never\n");
        all = all && trial->asked_us[i];
    }
    return all;
}

static int report(const struct trial *trial)
{
    size_t came_count = 0;

    printf("%-28s %-8s %-15s %s\n", "ALERT", "PRIORITY", "TEAM", "ARRIVED");
    for (size_t i = 0; i < rules_alert_count; i++) {
        const struct rules_alert *alert = &rules_alerts[i];
        int64_t came_us = trial->came_us[i];
        printf("%-28s %-8s %-15s ", alert->name, rules_severity_id(alert->severity),
               rules_team_id(alert->team));
        if (came_us)
            printf("after %.1f s\n", (double)(came_us - trial->started_us) / 1e6);
        else
            printf("never\n");
        came_count += came_us != 0;
    }
    bool escalated = report_escalation(trial);
    printf("%zu of %zu alerts arrived, in %zu notifications\n", came_count, rules_alert_count,
           selftest_hook_notifications(trial->hook));
    return came_count == rules_alert_count && escalated ? CLI_FINE : CLI_FINDING;
}

static enum status open_trial(struct trial *trial, struct err *err)
{
    static const struct http_client_options client = {.timeout_ms = 15000};

    const char *parent = getenv("TMPDIR");

    if (!parent || !parent[0])
        parent = "/tmp";
    if (strlen(parent) > PARENT_MAX)
        return err_set(err, ST_LIMIT, "TMPDIR is over %zu bytes", PARENT_MAX);
    (void)snprintf(trial->folder, sizeof trial->folder, "%s/aidetect-selftest-XXXXXX", parent);
    if (!mkdtemp(trial->folder))
        return err_set(err, ST_IO, "cannot make a folder in '%s'", parent);
    (void)snprintf(trial->config, sizeof trial->config, "%.400s/settings.yaml", trial->folder);
    enum status st = selftest_free_port(&trial->service_port, err);
    if (st == ST_OK)
        st = selftest_free_port(&trial->prometheus_port, err);
    if (st == ST_OK)
        st = selftest_free_port(&trial->alertmanager_port, err);
    if (st == ST_OK)
        st = selftest_hook_open(&trial->hook, err);
    if (st == ST_OK)
        st = http_client_open(&trial->client, &client, err);
    if (st == ST_OK)
        st = write_rules(trial, err);
    if (st == ST_OK)
        st = start_service(trial, err);
    if (st == ST_OK)
        st = wait_ready(trial, err);
    if (st == ST_OK)
        st = start_alertmanager(trial, err);
    if (st == ST_OK)
        st = start_prometheus(trial, err);
    if (st == ST_OK)
        st = selftest_requests_open(&trial->requests, trial->service_port, err);
    trial->started_us = clock_monotonic_us(&clock_system);
    return st;
}

static void close_trial(struct trial *trial, bool keep)
{
    selftest_requests_close(trial->requests);
    selftest_stop(&trial->prometheus);
    selftest_stop(&trial->alertmanager);
    selftest_stop(&trial->service);
    http_client_close(trial->client);
    selftest_hook_close(trial->hook);
    if (keep)
        printf("logs and files: %s\n", trial->folder);
    else if (trial->folder[0])
        selftest_remove(trial->folder);
}

int cmd_selftest(const struct cli_arguments *arguments, struct err *err)
{
    struct trial *trial = NULL;
    int code = CLI_FINE;

    if (strcmp(arguments->operands[0], "alerts") != 0) {
        (void)err_set(err, ST_INVALID, "'%.40s' is not alerts", arguments->operands[0]);
        return CLI_USAGE;
    }
    REQUIRE(rules_alert_count <= ALERTS_MAX);
    (void)signal(SIGPIPE, SIG_IGN);
    trial = mem_alloc(1, sizeof *trial);
    trial->arguments = arguments;
    enum status st = open_trial(trial, err);
    for (size_t i = 0; st == ST_OK && i < ARRAY_LEN(phases); i++)
        st = run_phase(trial, &phases[i], err);
    code = st == ST_OK ? report(trial) : (int)cli_exit_of(st);
    close_trial(trial, cli_flag(arguments, "keep"));
    mem_free(trial);
    return code;
}
