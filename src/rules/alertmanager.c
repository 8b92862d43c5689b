/* rules/alertmanager.c - who is told, how often, who else later, and what silences what, as YAML.
 * Owns nothing.  Thread-safe. */
#include <stdio.h>

#include "rules/rules_internal.h"

#define WAIT_MS    30000
#define WAIT_LEAST 100

static void write_receiver(struct buf *out, const char *name, const char *url)
{
    rules_yaml(out, 2, "- name", name);
    buf_add_str(out, "    webhook_configs:\n");
    rules_yaml(out, 6, "- url", url);
    buf_add_str(out, "        send_resolved: true\n");
}

/* People are asked again as often as the severity has to be responded to. */
static void write_route(struct buf *out, const struct rules_options *options, enum rules_team team,
                        enum rules_severity severity)
{
    const struct rules_severity_row *row = rules_severity(severity);
    char text[64];
    char wait[RULES_DURATION_SIZE];
    char repeat[RULES_DURATION_SIZE];
    int64_t response_ms = 0;

    REQUIRE(rules_parse_duration(&response_ms, str_of(row->response)));
    (void)snprintf(text, sizeof text, "%s-%s", rules_team_id(team), rules_severity_id(severity));
    buf_printf(out, "    - matchers: ['team=\"%s\"', 'priority=\"%s\"']\n", rules_team_id(team),
               rules_severity_id(severity));
    rules_yaml(out, 6, "receiver", text);
    buf_printf(out, "      group_wait: %s\n      repeat_interval: %s\n",
               rules_duration_text(
                   wait, rules_scaled_ms(options, severity == RULES_P1 ? 0 : WAIT_MS, WAIT_LEAST)),
               rules_duration_text(repeat, response_ms));
}

static const char *person_receiver(char out[64], enum rules_team team, enum rules_person person)
{
    bool shared = person == RULES_MANAGER;

    (void)snprintf(out, 64, "%s%s%s", shared ? "" : rules_team_id(team), shared ? "" : "-",
                   rules_person_id(person));
    return out;
}

/* Ahead of the team's own routes, which the same labels would fit. */
static void write_escalation_route(struct buf *out, const struct rules_options *options,
                                   enum rules_team team, const struct rules_escalation *row)
{
    char text[64];
    char wait[RULES_DURATION_SIZE];

    buf_printf(out, "    - matchers: ['team=\"%s\"', 'priority=\"%s\"', 'escalation=\"%s\"']\n",
               rules_team_id(team), rules_severity_id(row->severity), rules_person_id(row->to));
    rules_yaml(out, 6, "receiver", person_receiver(text, team, row->to));
    buf_printf(out, "      group_wait: %s\n      repeat_interval: %s\n",
               rules_duration_text(wait, rules_scaled_ms(options, 0, WAIT_LEAST)),
               rules_severity(row->severity)->response);
    if (row->when == RULES_BUSINESS_DAYS)
        buf_add_str(out, "      active_time_intervals: [business-days]\n");
}

static void write_routes(struct buf *out, const struct rules_options *options)
{
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++)
        for (size_t i = 0; i < rules_escalation_count; i++)
            write_escalation_route(out, options, team, &rules_escalations[i]);
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++)
        for (enum rules_severity severity = 0; severity < RULES_SEVERITY_COUNT; severity++)
            write_route(out, options, team, severity);
}

static void write_inhibitions(struct buf *out)
{
    buf_add_str(out, "inhibit_rules:\n");
    for (size_t i = 0; i < rules_inhibition_count; i++)
        buf_printf(out,
                   "  - source_matchers: ['alertname=\"%s\"']\n"
                   "    target_matchers: ['alertname=~\"%s\"']\n"
                   "    equal: [job]\n",
                   rules_inhibitions[i].source, rules_inhibitions[i].targets);
}

static void write_receivers(struct buf *out, const char *url)
{
    char name[64];

    buf_add_str(out, "receivers:\n");
    write_receiver(out, "unowned", url);
    write_receiver(out, "watchdog", url);
    for (enum rules_team team = 0; team < RULES_TEAM_COUNT; team++) {
        for (enum rules_severity severity = 0; severity < RULES_SEVERITY_COUNT; severity++) {
            buf_printf(out, "  # %s\n", rules_severity(severity)->first);
            (void)snprintf(name, sizeof name, "%s-%s", rules_team_id(team),
                           rules_severity_id(severity));
            write_receiver(out, name, url);
        }
        for (enum rules_person person = 0; person < RULES_MANAGER; person++)
            write_receiver(out, person_receiver(name, team, person), url);
    }
    write_receiver(out, rules_person_id(RULES_MANAGER), url);
}

void rules_write_alertmanager(struct buf *out, const struct rules_options *options)
{
    char interval[RULES_DURATION_SIZE];

    rules_duration_text(interval, rules_scaled_ms(options, WAIT_MS, WAIT_LEAST));
    buf_printf(out,
               RULES_MADE_BY
               "# Nobody can acknowledge to Alertmanager: a silence on the alertname does, and "
               "stops its escalation.\n"
               "route:\n"
               "  receiver: unowned\n"
               "  group_by: [job, team, priority]\n"
               "  group_wait: %s\n"
               "  group_interval: %s\n"
               "  repeat_interval: 4h\n"
               "  routes:\n"
               "    - matchers: ['alertname=\"Watchdog\"']\n"
               "      receiver: watchdog\n"
               "      group_by: [alertname]\n"
               "      group_wait: %s\n"
               "      repeat_interval: 5m\n",
               interval, interval, interval);
    write_routes(out, options);
    buf_add_str(out, "time_intervals:\n"
                     "  - name: business-days\n"
                     "    time_intervals:\n"
                     "      - weekdays: ['monday:friday']\n"
                     "        times: [{start_time: '09:00', end_time: '17:00'}]\n");
    write_inhibitions(out);
    write_receivers(out, rules_or_default(options->webhook, "http://incidents:8080/alerts"));
}
