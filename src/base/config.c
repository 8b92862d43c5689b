#include "base/config.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define CONFIG_NAME_MAX  128
#define CONFIG_DEPTH_MAX 4

static void *field_at(void *settings, const struct config_field *field)
{
    return (uint8_t *)settings + field->offset;
}

static enum status set_bool(bool *out, const struct config_field *field, struct str value,
                            struct err *err)
{
    bool yes = str_equal(value, "true") || str_equal(value, "yes") || str_equal(value, "on");
    bool no = str_equal(value, "false") || str_equal(value, "no") || str_equal(value, "off");

    if (!yes && !no)
        return err_set(err, ST_INVALID, "%s takes true or false, not '%.*s'", field->name,
                       (int)MIN_OF(value.len, 40u), value.at);
    *out = yes;
    return ST_OK;
}

static enum status set_text(char *out, const struct config_field *field, struct str value,
                            struct err *err)
{
    if ((double)value.len + 1 > field->top)
        return err_set(err, ST_LIMIT, "%s has %zu bytes, allowed are %.0f", field->name, value.len,
                       field->top - 1);
    if (value.len)
        memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return ST_OK;
}

struct str config_initial(const struct config_field *field)
{
    struct str rest = str_of(field->initial);

    return field->type == CONFIG_CHOICE ? str_split(&rest, '|') : rest;
}

static enum status set_choice(char *out, const struct config_field *field, struct str value,
                              struct err *err)
{
    struct str rest = str_of(field->initial);
    char allowed[CONFIG_NAME_MAX];

    while (rest.len > 0) {
        struct str word = str_split(&rest, '|');
        if (word.len == value.len && memcmp(word.at, value.at, word.len) == 0)
            return set_text(out, field, value, err);
    }
    config_describe(allowed, sizeof allowed, field);
    return err_set(err, ST_INVALID, "%s takes %s, not '%.*s'", field->name, allowed,
                   (int)MIN_OF(value.len, 40u), value.at);
}

void config_describe(char *out, size_t size, const struct config_field *field)
{
    struct str rest = str_of(field->initial);

    switch (field->type) {
    case CONFIG_INT:
        (void)snprintf(out, size, "whole number from %.0f to %.0f", field->low, field->top);
        return;
    case CONFIG_DOUBLE:
        (void)snprintf(out, size, "number from %g to %g", field->low, field->top);
        return;
    case CONFIG_BOOL:
        (void)snprintf(out, size, "true or false");
        return;
    case CONFIG_TEXT:
        (void)snprintf(out, size, "text of at most %.0f bytes", field->top - 1);
        return;
    case CONFIG_CHOICE:
        break;
    }
    int used = snprintf(out, size, "one of");
    for (const char *comma = ""; rest.len > 0 && used > 0 && (size_t)used < size; comma = ",") {
        struct str word = str_split(&rest, '|');
        used += snprintf(out + used, size - (size_t)used, "%s %.*s", comma, (int)word.len, word.at);
    }
}

static enum status set_field(void *settings, const struct config_field *field, struct str value,
                             struct err *err)
{
    void *at = field_at(settings, field);
    int64_t whole = 0;
    double real = 0;

    switch (field->type) {
    case CONFIG_BOOL:
        return set_bool(at, field, value, err);
    case CONFIG_TEXT:
        return set_text(at, field, value, err);
    case CONFIG_CHOICE:
        return set_choice(at, field, value, err);
    case CONFIG_INT:
        if (!str_to_int(&whole, value, (int64_t)field->low, (int64_t)field->top))
            break;
        memcpy(at, &whole, sizeof whole);
        return ST_OK;
    case CONFIG_DOUBLE:
        if (!str_to_double(&real, value, field->low, field->top))
            break;
        memcpy(at, &real, sizeof real);
        return ST_OK;
    }
    return err_set(err, ST_INVALID, "%s takes a%s number from %g to %g, not '%.*s'", field->name,
                   field->type == CONFIG_INT ? " whole" : "", field->low, field->top,
                   (int)MIN_OF(value.len, 40u), value.at);
}

void config_defaults(void *settings, const struct config_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct err err = {0};
        enum status st =
            set_field(settings, &table->fields[i], config_initial(&table->fields[i]), &err);
        REQUIRE(st == ST_OK); /* the table's own defaults */
    }
}

const struct config_field *config_find(const struct config_table *table, struct str name)
{
    for (size_t i = 0; i < table->count; i++)
        if (str_equal(name, table->fields[i].name))
            return &table->fields[i];
    return NULL;
}

enum status config_set(void *settings, const struct config_table *table, const char *name,
                       struct str value, struct err *err)
{
    const struct config_field *field = config_find(table, str_of(name));

    if (!field)
        return err_set(err, ST_INVALID, "unknown setting '%.80s'", name);
    return set_field(settings, field, value, err);
}

/* One walk through the events of a document. */
struct walk {
    void *settings;
    const struct config_table *table;
    const char *origin;
    char path[CONFIG_NAME_MAX]; /* dotted name of the mapping we are in, then of the key */
    size_t prefix_len[CONFIG_DEPTH_MAX + 1]; /* length of path at each depth */
    int depth;                               /* 0: outside the top mapping */
    bool has_key;                            /* path ends in a key that waits for its value */
    size_t line;                             /* of the current event */
    size_t *lines;                           /* see config_parse_lines(); NULL: nobody asks */
};

static enum status on_value(struct walk *walk, struct str text, struct err *err)
{
    const struct config_field *field = config_find(walk->table, str_of(walk->path));

    if (field && walk->lines) {
        size_t *line = &walk->lines[field - walk->table->fields];
        if (*line)
            return err_set(err, ST_INVALID, "%s is set already, on line %zu", walk->path, *line);
        *line = walk->line;
    }
    return config_set(walk->settings, walk->table, walk->path, text, err);
}

static enum status on_scalar(struct walk *walk, struct str text, struct err *err)
{
    if (walk->depth == 0)
        return err_set(err, ST_INVALID, "the document must be a mapping");
    if (walk->has_key) {
        walk->has_key = false;
        return on_value(walk, text, err);
    }
    size_t used = walk->prefix_len[walk->depth];
    int len = snprintf(walk->path + used, sizeof walk->path - used, "%s%.*s", used ? "." : "",
                       (int)MIN_OF(text.len, sizeof walk->path), text.at);
    if (len < 0 || (size_t)len >= sizeof walk->path - used)
        return err_set(err, ST_LIMIT, "a key is over %d bytes", CONFIG_NAME_MAX);
    walk->has_key = true;
    return ST_OK;
}

static enum status on_mapping(struct walk *walk, struct err *err)
{
    if (walk->depth > 0 && !walk->has_key)
        return err_set(err, ST_INVALID, "a mapping stands where a key is expected");
    if (walk->depth == CONFIG_DEPTH_MAX)
        return err_set(err, ST_LIMIT, "mappings nest deeper than %d", CONFIG_DEPTH_MAX);
    walk->depth++;
    walk->prefix_len[walk->depth] = walk->has_key ? strlen(walk->path) : 0;
    walk->has_key = false;
    return ST_OK;
}

static enum status on_event(struct walk *walk, const yaml_event_t *event, struct err *err)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(walk,
                         (struct str){.at = (const char *)event->data.scalar.value,
                                      .len = event->data.scalar.length},
                         err);
    case YAML_MAPPING_START_EVENT:
        return on_mapping(walk, err);
    case YAML_MAPPING_END_EVENT:
        walk->depth--;
        return ST_OK;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_ALIAS_EVENT:
        return err_set(err, ST_UNSUPPORTED, "lists and aliases have no meaning here");
    default:
        return ST_OK;
    }
}

enum status config_parse(void *settings, const struct config_table *table, struct bytes yaml,
                         const char *origin, struct err *err)
{
    return config_parse_lines(settings, table, yaml, origin, NULL, err);
}

enum status config_parse_lines(void *settings, const struct config_table *table, struct bytes yaml,
                               const char *origin, size_t *lines, struct err *err)
{
    struct walk walk = {.settings = settings, .table = table, .origin = origin, .lines = lines};
    enum status st = ST_OK;
    yaml_parser_t parser;
    bool more = true;

    REQUIRE(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, yaml.at, yaml.len);
    while (more && st == ST_OK) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            st = err_set(err, ST_INVALID, "%s:%zu: not YAML: %s", origin,
                         parser.problem_mark.line + 1, parser.problem ? parser.problem : "?");
            break;
        }
        walk.line = event.start_mark.line + 1;
        more = event.type != YAML_STREAM_END_EVENT;
        st = on_event(&walk, &event, err);
        yaml_event_delete(&event);
        if (st != ST_OK)
            err_prefix(err, "%s:%zu", origin, walk.line);
    }
    yaml_parser_delete(&parser);
    return st;
}

void config_get_text(char *out, size_t size, const void *settings, const struct config_field *field)
{
    const uint8_t *at = (const uint8_t *)settings + field->offset;
    int64_t whole = 0;
    double real = 0;
    bool truth = false;

    switch (field->type) {
    case CONFIG_INT:
        memcpy(&whole, at, sizeof whole);
        (void)snprintf(out, size, "%lld", (long long)whole);
        return;
    case CONFIG_DOUBLE:
        memcpy(&real, at, sizeof real);
        (void)snprintf(out, size, "%.10g", real);
        return;
    case CONFIG_BOOL:
        memcpy(&truth, at, sizeof truth);
        (void)snprintf(out, size, "%s", truth ? "true" : "false");
        return;
    case CONFIG_TEXT:
    case CONFIG_CHOICE:
        (void)snprintf(out, size, "%s", (const char *)at);
        return;
    }
}
