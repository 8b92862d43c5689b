/* cli/cmd_rules.c - aidetect rules, dashboards, ownership: files for Prometheus, Alertmanager,
 * Grafana and people, made from the tables of the program. */
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "cli/rules.h"
#include "rules/rules.h"

#define TEXT_MAX  (1u << 20)
#define PATH_SIZE 1024

enum status cli_write_made(const char *folder, const char *name, const struct buf *text,
                           struct err *err)
{
    char path[PATH_SIZE];
    char parent[PATH_SIZE];

    enum status st = buf_check(text, name, err);
    if (st != ST_OK)
        return st;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return err_set(err, ST_LIMIT, "the folder's name is over %d bytes", PATH_SIZE / 2);
    memcpy(parent, path, sizeof parent);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    st = fs_make_folder(parent, err);
    return st == ST_OK ? fs_write(path, buf_bytes(text), err) : st;
}

/* A file that is being made; the first failure counts, and later ones are not tried. */
struct making {
    const char *folder;
    struct buf text;
    size_t count;
    enum status status;
    struct err *err;
};

static void put(struct making *making, const char *name)
{
    if (making->status == ST_OK)
        making->status = cli_write_made(making->folder, name, &making->text, making->err);
    making->count += making->status == ST_OK;
    buf_reset(&making->text);
}

enum status cli_write_rules(const char *folder, const struct rules_options *options, size_t *count,
                            struct err *err)
{
    struct making making = {.folder = folder, .status = rules_check(err), .err = err};
    char name[128];

    buf_init(&making.text, TEXT_MAX);
    rules_write_prometheus(&making.text, options);
    put(&making, "prometheus/prometheus.yml");
    rules_write_rules(&making.text, options);
    put(&making, "prometheus/rules/aidetect.yml");
    rules_write_alertmanager(&making.text, options);
    put(&making, "alertmanager/alertmanager.yml");
    for (size_t i = 0; i < rules_alert_count; i++) {
        (void)snprintf(name, sizeof name, "prometheus/tests/%s.yml", rules_alerts[i].name);
        rules_write_test(&making.text, i);
        put(&making, name);
    }
    rules_write_escalation_test(&making.text);
    put(&making, "prometheus/tests/escalations.yml");
    buf_fini(&making.text);
    *count += making.count;
    return making.status;
}

static int finish(const char *folder, size_t count, enum status st)
{
    if (st != ST_OK)
        return cli_exit_of(st);
    printf("%zu files below %s\n", count, folder);
    return CLI_FINE;
}

int cmd_rules(const struct cli_arguments *arguments, struct err *err)
{
    const char *folder = cli_text(arguments, "out");
    struct rules_options options = {
        .target = cli_text(arguments, "target"),
        .alertmanager = cli_text(arguments, "alertmanager"),
        .webhook = cli_text(arguments, "webhook"),
        .grafana = cli_text(arguments, "grafana"),
        .runbooks = cli_text(arguments, "runbooks"),
        .time_scale = cli_double(arguments, "time-scale"),
    };
    size_t count = 0;

    for (size_t i = 0; i < cli_text_count(arguments, "set"); i++)
        if (rules_change(&options, cli_text_at(arguments, "set", i), err) != ST_OK)
            return CLI_USAGE;
    enum status st = cli_write_rules(folder, &options, &count, err);
    return finish(folder, count, st);
}

int cmd_dashboards(const struct cli_arguments *arguments, struct err *err)
{
    struct making making = {
        .folder = cli_text(arguments, "out"), .status = rules_check(err), .err = err};
    char name[128];

    buf_init(&making.text, TEXT_MAX);
    for (size_t i = 0; i < rules_dashboard_count; i++) {
        (void)snprintf(name, sizeof name, "grafana/dashboards/%s.json", rules_dashboard_uid(i));
        rules_write_dashboard(&making.text, i);
        put(&making, name);
    }
    rules_write_datasource(&making.text);
    put(&making, "grafana/provisioning/datasources/aidetect.yml");
    rules_write_provider(&making.text);
    put(&making, "grafana/provisioning/dashboards/aidetect.yml");
    buf_fini(&making.text);
    return finish(making.folder, making.count, making.status);
}

int cmd_ownership(const struct cli_arguments *arguments, struct err *err)
{
    struct making making = {.folder = cli_text(arguments, "out"), .status = ST_OK, .err = err};

    buf_init(&making.text, TEXT_MAX);
    rules_write_ownership(&making.text);
    put(&making, "ALERTS.md");
    rules_write_metrics(&making.text);
    put(&making, "METRICS.md");
    buf_fini(&making.text);
    return finish(making.folder, making.count, making.status);
}
