/* rules/expression.c - do expressions name metrics and labels that exist?  promtool says yes to any
 * name, and a rule over a metric that is not there never fires.
 * Reads only the names out of PromQL; whether it is PromQL at all, promtool says.  Thread-safe. */
#include <string.h>

#include "rules/rules_internal.h"
#include "service/service.h"

/* Where reading stands, and the metric that was read last. */
struct reader {
    const char *at;
    struct str metric;
    struct err *err;
};

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

static struct str read_name(struct reader *reader)
{
    const char *start = reader->at;

    while (is_name_byte(*reader->at))
        reader->at++;
    return (struct str){start, (size_t)(reader->at - start)};
}

static void skip_blanks(struct reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\n')
        reader->at++;
}

/* Past a string whose opening quote is here. */
static void skip_string(struct reader *reader)
{
    for (reader->at++; *reader->at && *reader->at != '"'; reader->at++)
        if (*reader->at == '\\' && reader->at[1])
            reader->at++;
    if (*reader->at)
        reader->at++;
}

static bool is_one_of(struct str name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_equal(name, words[i]))
            return true;
    return false;
}

/* ---- what there is ---- */

static bool is_series_of(struct str name, const struct service_metric *metric)
{
    static const char *const suffixes[] = {"_bucket", "_sum", "_count"};
    size_t len = strlen(metric->name);

    if (name.len < len || memcmp(name.at, metric->name, len) != 0)
        return false;
    struct str suffix = {name.at + len, name.len - len};
    if (strcmp(metric->type, "histogram") == 0)
        return is_one_of(suffix, suffixes, ARRAY_LEN(suffixes));
    return suffix.len == 0;
}

static bool find_metric(struct service_metric *out, struct str name)
{
    for (size_t i = 0; i < service_metric_count; i++) {
        service_metric_at(out, i);
        if (is_series_of(name, out))
            return true;
    }
    return false;
}

static bool is_recorded(struct str name)
{
    for (size_t i = 0; i < rules_record_count; i++)
        if (str_equal(name, rules_records[i].name))
            return true;
    return false;
}

static bool label_exists(struct str metric, struct str label)
{
    static const char *const everywhere[] = {"job", "instance", "__name__"};
    struct service_metric found;

    if (is_one_of(label, everywhere, ARRAY_LEN(everywhere)))
        return true;
    if (!find_metric(&found, metric))
        return false;
    if (str_equal(label, "le"))
        return strcmp(found.type, "histogram") == 0;
    for (size_t i = 0; i < ARRAY_LEN(found.labels) && found.labels[i]; i++)
        if (str_equal(label, found.labels[i]))
            return true;
    return false;
}

/* ---- reading ---- */

static enum status check_metric(struct reader *reader, struct str name)
{
    static const char *const of_prometheus[] = {"up"};
    struct service_metric ignored;

    reader->metric = name;
    if (is_one_of(name, of_prometheus, ARRAY_LEN(of_prometheus)) || is_recorded(name) ||
        find_metric(&ignored, name))
        return ST_OK;
    return err_set(reader->err, ST_NOT_FOUND, "there is no metric %.*s", (int)name.len, name.at);
}

/* {a="x",b!~"y"}: the labels of the metric before it. */
static enum status check_matchers(struct reader *reader)
{
    reader->at++;
    while (*reader->at && *reader->at != '}') {
        if (*reader->at == '@') { /* a placeholder */
            reader->at += MIN_OF(strlen(reader->at), 3);
        } else if (*reader->at == '"') {
            skip_string(reader);
        } else if (is_name_byte(*reader->at)) {
            struct str label = read_name(reader);
            if (!label_exists(reader->metric, label))
                return err_set(reader->err, ST_NOT_FOUND, "metric %.*s has no label %.*s",
                               (int)reader->metric.len, reader->metric.at, (int)label.len,
                               label.at);
        } else {
            reader->at++;
        }
    }
    if (*reader->at)
        reader->at++;
    return ST_OK;
}

static void skip_until(struct reader *reader, char end)
{
    while (*reader->at && *reader->at != end)
        reader->at++;
    if (*reader->at)
        reader->at++;
}

/* A word is a keyword, a function or a metric. */
static enum status check_word(struct reader *reader)
{
    static const char *const with_labels[] = {"by",       "without",    "on",
                                              "ignoring", "group_left", "group_right"};
    static const char *const keywords[] = {"and", "or",  "unless", "offset", "bool",
                                           "sum", "min", "max",    "avg",    "count"};
    struct str name = read_name(reader);

    if (name.at[0] >= '0' && name.at[0] <= '9')
        return ST_OK;
    skip_blanks(reader);
    if (is_one_of(name, with_labels, ARRAY_LEN(with_labels))) {
        if (*reader->at == '(')
            skip_until(reader, ')');
        return ST_OK;
    }
    if (*reader->at == '(' || is_one_of(name, keywords, ARRAY_LEN(keywords)))
        return ST_OK;
    return check_metric(reader, name);
}

enum status rules_check_expression(const char *expression, struct err *err)
{
    struct reader reader = {.at = expression, .err = err};
    enum status st = ST_OK;

    while (*reader.at && st == ST_OK) {
        if (*reader.at == '"')
            skip_string(&reader);
        else if (*reader.at == '[')
            skip_until(&reader, ']');
        else if (*reader.at == '{')
            st = check_matchers(&reader);
        else if (*reader.at == '@')
            reader.at += MIN_OF(strlen(reader.at), 3);
        else if (is_name_byte(*reader.at))
            st = check_word(&reader);
        else
            reader.at++;
    }
    return st;
}

enum status rules_check(struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; st == ST_OK && i < rules_record_count; i++) {
        st = rules_check_expression(rules_records[i].expression, err);
        if (st != ST_OK)
            err_prefix(err, "rule %s", rules_records[i].name);
    }
    for (size_t i = 0; st == ST_OK && i < rules_alert_count; i++) {
        st = rules_check_expression(rules_alerts[i].expression, err);
        if (st != ST_OK)
            err_prefix(err, "alert %s", rules_alerts[i].name);
    }
    return st == ST_OK ? rules_check_dashboards(err) : st;
}
