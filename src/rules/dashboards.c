/* rules/dashboards.c - Grafana's dashboards as JSON, from service/dashboards.def.
 * Owns nothing.  Thread-safe. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "rules/rules_internal.h"

#define TEXT_MAX     (1u << 16)
#define GRID_WIDTH   24
#define STAT_WIDTH   6
#define SERIES_WIDTH 8
#define STAT_HEIGHT  4
#define HEIGHT       8
#define SCHEMA       38 /* of Grafana 9.4 and later */

enum kind { DASHBOARD_ROW, SECTION_ROW, SERIES_ROW, STAT_ROW, HEAT_ROW, QUERY_ROW };

struct row {
    enum kind kind;
    const char *a, *b, *c;
};

#define DASHBOARD(uid, title, description)    {DASHBOARD_ROW, uid, title, description},
#define SECTION(title)                        {SECTION_ROW, title, NULL, NULL},
#define PANEL(type, unit, title, description) {type##_ROW, title, description, unit},
#define QUERY(expression, legend)             {QUERY_ROW, expression, legend, NULL},
static const struct row rows[] = {
#include "service/dashboards.def"
};

#define DASHBOARD(uid, ...) uid,
#define SECTION(...)
#define PANEL(...)
#define QUERY(...)
static const char *const uids[] = {
#include "service/dashboards.def"
};
const size_t rules_dashboard_count = ARRAY_LEN(uids);

static const struct rules_selectors chosen = {"job=~\"$job\",instance=~\"$instance\""};

/* The row of dashboard i. */
static size_t find_dashboard(size_t i)
{
    size_t at = 0;

    for (; at < ARRAY_LEN(rows); at++)
        if (rows[at].kind == DASHBOARD_ROW && i-- == 0)
            break;
    REQUIRE(at < ARRAY_LEN(rows));
    return at;
}

const char *rules_dashboard_uid(size_t i)
{
    return uids[i];
}

enum status rules_check_dashboards(struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].kind != QUERY_ROW)
            continue;
        enum status st = rules_check_expression(rows[i].a, err);
        if (st != ST_OK) {
            err_prefix(err, "a dashboard");
            return st;
        }
    }
    return ST_OK;
}

/* ---- pieces ---- */

static struct json *datasource(void)
{
    struct json *value = json_new_object();

    json_set_str(value, "type", "prometheus");
    json_set_str(value, "uid", "${datasource}");
    return value;
}

static struct json *place(int x, int y, int width, int height)
{
    struct json *value = json_new_object();

    json_set_int(value, "h", height);
    json_set_int(value, "w", width);
    json_set_int(value, "x", x);
    json_set_int(value, "y", y);
    return value;
}

static struct json *target(const struct row *row, unsigned number, bool heat)
{
    static const struct rules_options as_is = {0};
    struct json *value = json_new_object();
    const char name[] = {(char)('A' + number), '\0'};
    struct buf text;

    buf_init(&text, TEXT_MAX);
    rules_expand_expression(&text, row->a, &chosen, &as_is, NAN);
    json_set(value, "datasource", datasource());
    json_set_str(value, "expr", (const char *)text.at);
    json_set_str(value, "format", heat ? "heatmap" : "time_series");
    json_set_str(value, "legendFormat", row->b);
    json_set_str(value, "refId", name);
    buf_fini(&text);
    return value;
}

static struct json *options_of(enum kind kind)
{
    struct json *value = json_new_object();
    struct json *part = json_new_object();

    if (kind == STAT_ROW) {
        struct json *how = json_new_array();
        json_append_str(how, "lastNotNull");
        json_set(part, "calcs", how);
        json_set_bool(part, "values", false);
        json_set(value, "reduceOptions", part);
        json_set_str(value, "textMode", "value_and_name");
    } else {
        json_set_bool(part, "showLegend", kind == SERIES_ROW);
        json_set_str(part, "displayMode", "list");
        json_set_str(part, "placement", "bottom");
        json_set(value, "legend", part);
    }
    return value;
}

static struct json *field_config(const char *unit)
{
    struct json *value = json_new_object();
    struct json *defaults = json_new_object();

    json_set_str(defaults, "unit", unit);
    json_set(value, "defaults", defaults);
    json_set(value, "overrides", json_new_array());
    return value;
}

static struct json *panel(size_t at, int id, struct json *grid)
{
    static const char *const types[] = {
        [SERIES_ROW] = "timeseries", [STAT_ROW] = "stat", [HEAT_ROW] = "heatmap"};
    const struct row *row = &rows[at];
    struct json *value = json_new_object();
    struct json *targets = json_new_array();

    for (unsigned i = 0; at + 1 + i < ARRAY_LEN(rows) && rows[at + 1 + i].kind == QUERY_ROW; i++)
        json_append(targets, target(&rows[at + 1 + i], i, row->kind == HEAT_ROW));
    json_set_int(value, "id", id);
    json_set_str(value, "type", types[row->kind]);
    json_set_str(value, "title", row->a);
    json_set_str(value, "description", row->b);
    json_set(value, "datasource", datasource());
    json_set(value, "fieldConfig", field_config(row->c));
    json_set(value, "gridPos", grid);
    json_set(value, "options", options_of(row->kind));
    json_set(value, "targets", targets);
    return value;
}

static struct json *section(const struct row *row, int id, int y)
{
    struct json *value = json_new_object();

    json_set_int(value, "id", id);
    json_set_str(value, "type", "row");
    json_set_str(value, "title", row->a);
    json_set_bool(value, "collapsed", false);
    json_set(value, "gridPos", place(0, y, GRID_WIDTH, 1));
    json_set(value, "panels", json_new_array());
    return value;
}

/* From left to right; a new line where the next panel does not fit. */
static struct json *panels(size_t at)
{
    struct json *list = json_new_array();
    int x = 0;
    int y = 0;
    int height = 0;
    int id = 1;

    for (at++; at < ARRAY_LEN(rows) && rows[at].kind != DASHBOARD_ROW; at++) {
        if (rows[at].kind == QUERY_ROW)
            continue;
        if (rows[at].kind == SECTION_ROW) {
            y += height;
            json_append(list, section(&rows[at], id++, y));
            x = 0, y++, height = 0;
            continue;
        }
        int width = rows[at].kind == STAT_ROW ? STAT_WIDTH : SERIES_WIDTH;
        if (x + width > GRID_WIDTH)
            x = 0, y += height, height = 0;
        int own = rows[at].kind == STAT_ROW ? STAT_HEIGHT : HEIGHT;
        json_append(list, panel(at, id++, place(x, y, width, own)));
        x += width, height = MAX_OF(height, own);
    }
    return list;
}

/* ---- what a viewer chooses ---- */

static struct json *variable(const char *name, const char *label, const char *query)
{
    struct json *value = json_new_object();

    json_set_str(value, "name", name);
    json_set_str(value, "label", label);
    json_set_str(value, "type", "query");
    json_set(value, "datasource", datasource());
    json_set_str(value, "query", query);
    json_set_str(value, "definition", query);
    json_set_int(value, "refresh", 2); /* when the time range changes */
    json_set_bool(value, "multi", true);
    json_set_bool(value, "includeAll", true);
    json_set_str(value, "allValue", ".+");
    json_set_int(value, "sort", 1);
    return value;
}

static struct json *templating(void)
{
    struct json *value = json_new_object();
    struct json *list = json_new_array();
    struct json *source = json_new_object();

    json_set_str(source, "name", "datasource");
    json_set_str(source, "label", "Data source");
    json_set_str(source, "type", "datasource");
    json_set_str(source, "query", "prometheus");
    json_append(list, source);
    json_append(list, variable("job", "Job", "label_values(aidetect_build_info, job)"));
    json_append(list, variable("instance", "Instance",
                               "label_values(aidetect_build_info{job=~\"$job\"}, instance)"));
    json_set(value, "list", list);
    return value;
}

static struct json *links(void)
{
    struct json *list = json_new_array();
    struct json *tags = json_new_array();
    struct json *value = json_new_object();

    json_append_str(tags, "ai-detector");
    json_set_str(value, "title", "AI detector");
    json_set_str(value, "type", "dashboards");
    json_set(value, "tags", tags);
    json_set_bool(value, "includeVars", true);
    json_set_bool(value, "keepTime", true);
    json_append(list, value);
    return list;
}

void rules_write_dashboard(struct buf *out, size_t i)
{
    size_t at = find_dashboard(i);
    struct json *value = json_new_object();
    struct json *tags = json_new_array();
    struct json *time = json_new_object();

    json_append_str(tags, "ai-detector");
    json_set_str(time, "from", "now-6h");
    json_set_str(time, "to", "now");
    json_set_str(value, "uid", rows[at].a);
    json_set_str(value, "title", rows[at].b);
    json_set_str(value, "description", rows[at].c);
    json_set(value, "tags", tags);
    json_set_bool(value, "editable", false);
    json_set_int(value, "graphTooltip", 1); /* one crosshair in all panels */
    json_set(value, "links", links());
    json_set(value, "panels", panels(at));
    json_set_str(value, "refresh", "30s");
    json_set_int(value, "schemaVersion", SCHEMA);
    json_set(value, "templating", templating());
    json_set(value, "time", time);
    json_set_str(value, "timezone", "utc");
    json_set_int(value, "version", 1);
    json_write(out, value, 2);
    buf_add_str(out, "\n");
    json_free(value);
}

void rules_write_datasource(struct buf *out)
{
    buf_add_str(out, "# Made by `aidetect dashboards`: do not edit.\n"
                     "apiVersion: 1\n"
                     "datasources:\n"
                     "  - name: Prometheus\n"
                     "    type: prometheus\n"
                     "    uid: prometheus\n"
                     "    access: proxy\n"
                     "    url: http://prometheus:9090\n"
                     "    isDefault: true\n"
                     "    editable: false\n"
                     "    jsonData:\n"
                     "      timeInterval: 15s\n"
                     "      httpMethod: POST\n");
}

void rules_write_provider(struct buf *out)
{
    buf_add_str(out, "# Made by `aidetect dashboards`: do not edit.\n"
                     "apiVersion: 1\n"
                     "providers:\n"
                     "  - name: aidetect\n"
                     "    type: file\n"
                     "    allowUiUpdates: false\n"
                     "    disableDeletion: true\n"
                     "    options:\n"
                     "      path: /var/lib/grafana/dashboards\n");
}
