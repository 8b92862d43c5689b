/* rules/table.c - the rows of service/alerts.def, and how their texts are completed.
 * Owns nothing.  Thread-safe. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rules/rules.h"
#include "rules/rules_internal.h"

static const struct rules_severity_row severities[] = {
#define SEVERITY(id, ...) [RULES_##id] = {__VA_ARGS__},
#include "service/alerts.def"
};
_Static_assert(ARRAY_LEN(severities) == RULES_SEVERITY_COUNT, "one row for each severity");

#define ESCALATION(severity, after, to, when) {RULES_##severity, after, RULES_##to, RULES_##when},
const struct rules_escalation rules_escalations[] = {
#include "service/alerts.def"
};
const size_t rules_escalation_count = ARRAY_LEN(rules_escalations);

#define RECORD(...) {__VA_ARGS__},
const struct rules_record rules_records[] = {
#include "service/alerts.def"
};
const size_t rules_record_count = ARRAY_LEN(rules_records);

#define ALERT(name, severity, team, dashboard, duration, threshold, kind, scope, ...)              \
    {name,      RULES_##severity, RULES_##team,  dashboard,  duration,                             \
     threshold, RULES_##kind,     RULES_##scope, __VA_ARGS__},
const struct rules_alert rules_alerts[] = {
#include "service/alerts.def"
};
const size_t rules_alert_count = ARRAY_LEN(rules_alerts);

#define INPUT(alert, series, shape, bad, good) {alert, series, RULES_##shape, bad, good},
const struct rules_input rules_inputs[] = {
#include "service/alerts.def"
};
const size_t rules_input_count = ARRAY_LEN(rules_inputs);

#define ALSO(...) {__VA_ARGS__},
const struct rules_other_way rules_other_ways[] = {
#include "service/alerts.def"
};
const size_t rules_other_way_count = ARRAY_LEN(rules_other_ways);

#define INHIBIT(...) {__VA_ARGS__},
const struct rules_inhibition rules_inhibitions[] = {
#include "service/alerts.def"
};
const size_t rules_inhibition_count = ARRAY_LEN(rules_inhibitions);

const struct rules_severity_row *rules_severity(enum rules_severity severity)
{
    return &severities[severity];
}

const char *rules_severity_id(enum rules_severity severity)
{
    static const char *const ids[] = {"P1", "P2", "P3", "P4"};

    return ids[severity];
}

const char *rules_team_id(enum rules_team team)
{
    static const char *const ids[] = {"backend", "ml-engineering", "infrastructure"};
    _Static_assert(ARRAY_LEN(ids) == RULES_TEAM_COUNT, "one id for each team");

    return ids[team];
}

const char *rules_team_name(enum rules_team team)
{
    static const char *const names[] = {"Backend", "ML Engineering", "Infrastructure"};
    _Static_assert(ARRAY_LEN(names) == RULES_TEAM_COUNT, "one name for each team");

    return names[team];
}

const char *rules_person_id(enum rules_person person)
{
    static const char *const ids[] = {"team-lead", "second-engineer", "engineering-manager"};
    _Static_assert(ARRAY_LEN(ids) == RULES_PERSON_COUNT, "one id for each person");

    return ids[person];
}

const char *rules_person_name(enum rules_person person)
{
    static const char *const names[] = {"team lead", "second engineer", "engineering manager"};
    _Static_assert(ARRAY_LEN(names) == RULES_PERSON_COUNT, "one name for each person");

    return names[person];
}

/* ---- durations ---- */

static int64_t unit_ms(struct str *text)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        size_t len = strlen(units[i].name);
        bool fits = text->len >= len && memcmp(text->at, units[i].name, len) == 0;
        if (fits && (text->len == len || (text->at[len] >= '0' && text->at[len] <= '9'))) {
            *text = (struct str){text->at + len, text->len - len};
            return units[i].ms;
        }
    }
    return 0;
}

bool rules_parse_duration(int64_t *out_ms, struct str text)
{
    int64_t total_ms = 0;

    if (text.len == 0)
        return false;
    while (text.len) {
        size_t digits = 0;
        int64_t count = 0;
        while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
            digits++;
        if (!str_to_int(&count, (struct str){text.at, digits}, 0, 1000000))
            return false;
        text = (struct str){text.at + digits, text.len - digits};
        int64_t ms = unit_ms(&text);
        if (ms == 0)
            return false;
        total_ms += count * ms;
    }
    *out_ms = total_ms;
    return true;
}

const char *rules_duration_text(char out[RULES_DURATION_SIZE], int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ms && ms % units[i].ms == 0) {
            (void)snprintf(out, RULES_DURATION_SIZE, "%" PRId64 "%s", ms / units[i].ms,
                           units[i].name);
            return out;
        }
    }
    (void)snprintf(out, RULES_DURATION_SIZE, ms ? "%" PRId64 "ms" : "%" PRId64 "s", ms);
    return out;
}

int64_t rules_scaled_ms(const struct rules_options *options, int64_t ms, int64_t least_ms)
{
    if (options->time_scale <= 0 || options->time_scale >= 1)
        return ms;
    return MAX_OF((int64_t)llround((double)ms * options->time_scale), least_ms);
}

int64_t rules_alert_duration_ms(const struct rules_options *options, size_t alert)
{
    int64_t ms = 0;

    REQUIRE(rules_parse_duration(&ms, str_of(rules_alerts[alert].duration)));
    for (size_t i = 0; i < options->change_count; i++)
        if (options->changes[i].alert == alert && options->changes[i].duration_ms >= 0)
            ms = options->changes[i].duration_ms;
    return rules_scaled_ms(options, ms, 0);
}

int64_t rules_escalation_ms(const struct rules_options *options, size_t escalation)
{
    int64_t ms = 0;

    REQUIRE(rules_parse_duration(&ms, str_of(rules_escalations[escalation].after)));
    return rules_scaled_ms(options, ms, 0);
}

double rules_alert_threshold(const struct rules_options *options, size_t alert)
{
    double threshold = rules_alerts[alert].threshold;

    for (size_t i = 0; i < options->change_count; i++)
        if (options->changes[i].alert == alert && !isnan(options->changes[i].threshold))
            threshold = options->changes[i].threshold;
    return threshold;
}

/* ---- changes ---- */

static enum status parse_change(struct rules_change *out, struct str member, struct str value,
                                struct err *err)
{
    if (str_equal(member, "threshold")) {
        if (!str_to_double(&out->threshold, value, -1e15, 1e15))
            return err_set(err, ST_INVALID, "'%.*s' is not a threshold", (int)MIN_OF(value.len, 40),
                           value.at);
        return ST_OK;
    }
    if (!str_equal(member, "for"))
        return err_set(err, ST_INVALID, "'%.*s' is neither threshold nor for",
                       (int)MIN_OF(member.len, 40), member.at);
    if (!rules_parse_duration(&out->duration_ms, value))
        return err_set(err, ST_INVALID, "'%.*s' is not a duration such as 90s, 5m, 1h30m",
                       (int)MIN_OF(value.len, 40), value.at);
    return ST_OK;
}

enum status rules_change(struct rules_options *options, const char *text, struct err *err)
{
    struct str value = str_of(text);
    struct str member = str_split(&value, '=');
    struct str name = str_split(&member, '.');
    struct rules_change change = {.alert = rules_alert_count, .threshold = NAN, .duration_ms = -1};

    for (size_t i = 0; i < rules_alert_count; i++)
        if (str_equal(name, rules_alerts[i].name))
            change.alert = i;
    if (change.alert == rules_alert_count)
        return err_set(err, ST_NOT_FOUND, "there is no alert '%.*s'", (int)MIN_OF(name.len, 60),
                       name.at);
    if (options->change_count == RULES_CHANGES_MAX)
        return err_set(err, ST_LIMIT, "over %d changes", RULES_CHANGES_MAX);
    enum status st = parse_change(&change, member, value, err);
    if (st == ST_OK)
        options->changes[options->change_count++] = change;
    return st;
}

/* ---- texts with placeholders ---- */

static const char *kind_template(enum rules_kind kind)
{
    static const char *const templates[] = {
        [RULES_SHARE] = "{{ $value | humanizePercentage }}",
        [RULES_SECONDS] = "{{ $value | humanizeDuration }}",
        [RULES_NUMBER] = "{{ $value | printf \"%.4g\" }}",
        [RULES_BYTES_A_SECOND] = "{{ $value | humanize }}B/s",
    };
    _Static_assert(ARRAY_LEN(templates) == RULES_KIND_COUNT, "one template for each kind");

    return templates[kind];
}

static void write_threshold(struct buf *out, enum rules_kind kind, double threshold)
{
    switch (kind) {
    case RULES_SHARE:
        buf_printf(out, "%g%%", threshold * 100);
        break;
    case RULES_SECONDS:
        buf_printf(out, "%gs", threshold);
        break;
    case RULES_BYTES_A_SECOND:
        buf_printf(out, "%gkB/s", threshold / 1e3);
        break;
    default:
        buf_printf(out, "%g", threshold);
    }
}

void rules_expand_text(struct buf *out, const char *text, const struct rules_options *options,
                       size_t alert, const char *value)
{
    const struct rules_alert *row = &rules_alerts[alert];
    char duration[RULES_DURATION_SIZE];

    for (; *text; text++) {
        if (text[0] != '@' || !text[1] || text[2] != '@') {
            buf_add(out, text, 1);
            continue;
        }
        if (text[1] == 'V')
            buf_add_str(out, value ? value : kind_template(row->kind));
        else if (text[1] == 'T')
            write_threshold(out, row->kind, rules_alert_threshold(options, alert));
        else
            buf_add_str(out,
                        rules_duration_text(duration, rules_alert_duration_ms(options, alert)));
        text += 2;
    }
}

/* [5m], scaled. */
static const char *write_range(struct buf *out, const char *at, const struct rules_options *options)
{
    const char *end = strchr(at, ']');
    char text[RULES_DURATION_SIZE];
    int64_t ms = 0;

    if (!end || !rules_parse_duration(&ms, (struct str){at + 1, (size_t)(end - at) - 1})) {
        buf_add(out, at, 1);
        return at;
    }
    ms = rules_scaled_ms(options, ms, RULES_RANGE_LEAST_MS);
    buf_printf(out, "[%s]", rules_duration_text(text, ms));
    return end;
}

void rules_expand_expression(struct buf *out, const char *text,
                             const struct rules_selectors *selectors,
                             const struct rules_options *options, double threshold)
{
    for (; *text; text++) {
        if (*text == '[') {
            text = write_range(out, text, options);
            continue;
        }
        if (text[0] != '@' || !text[1] || text[2] != '@') {
            buf_add(out, text, 1);
            continue;
        }
        if (text[1] == 'S')
            buf_add_str(out, selectors->ours);
        else if (text[1] == 'P')
            buf_add_str(out, RULES_NO_PROBES);
        else if (text[1] == 'I')
            buf_add_str(out, "job=\"ai-detector-api\",instance=\"api:8080\"");
        else
            buf_printf(out, "%.10g", threshold);
        text += 2;
    }
}
