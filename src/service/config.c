#include "service/config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "access/policy.h"
#include "base/fs.h"
#include "base/mem.h"
#include "detect/detect.h"
#include "http/listen.h"

#define AT(member) offsetof(struct service_config, member)

/* clang-format off */
static const struct config_field fields[] = {
#define SETTING_INT(member, name, low, top, initial, unit, when, help) \
    {name, CONFIG_INT, AT(member), low, top, initial, help},
#define SETTING_REAL(member, name, low, top, initial, unit, when, help) \
    {name, CONFIG_DOUBLE, AT(member), low, top, initial, help},
#define SETTING_BOOL(member, name, initial, when, help) \
    {name, CONFIG_BOOL, AT(member), 0, 0, initial, help},
#define SETTING_TEXT(member, name, size, initial, when, help) \
    {name, CONFIG_TEXT, AT(member), 0, size, initial, help},
#define SETTING_SECRET(member, name, size, initial, when, help) \
    {name, CONFIG_TEXT, AT(member), 0, size, initial, help},
#define SETTING_CHOICE(member, name, words, when, help) \
    {name, CONFIG_CHOICE, AT(member), 0, SERVICE_CHOICE_SIZE, words, help},
#include "service/config.def"
};

#define RELOAD  true
#define RESTART false
const struct service_setting service_settings[] = {
#define SETTING_INT(member, name, low, top, initial, unit, when, help)  {unit, when, false},
#define SETTING_REAL(member, name, low, top, initial, unit, when, help) {unit, when, false},
#define SETTING_BOOL(member, name, initial, when, help)                 {"", when, false},
#define SETTING_TEXT(member, name, size, initial, when, help)           {"", when, false},
#define SETTING_SECRET(member, name, size, initial, when, help)         {"", when, true},
#define SETTING_CHOICE(member, name, words, when, help)                 {"", when, false},
#include "service/config.def"
};
/* clang-format on */
_Static_assert(ARRAY_LEN(fields) == SERVICE_SETTING_COUNT, "one field for each setting");

const struct config_table service_config_table = {.fields = fields, .count = ARRAY_LEN(fields)};

#define VALUE_SIZE (SERVICE_PATH_SIZE + 64)

/* ---- reading ---- */

static enum status read_file(struct service_loaded_config *out, const char *path, struct err *err)
{
    size_t lines[SERVICE_SETTING_COUNT] = {0};
    struct bytes file;

    if (strlen(path) >= sizeof out->file)
        return err_set(err, ST_LIMIT, "the path of the configuration is over %zu bytes",
                       sizeof out->file - 1);
    enum status st = fs_read(&file, path, SERVICE_CONFIG_FILE_MAX, err);
    if (st != ST_OK)
        return st;
    st = config_parse_lines(&out->values, &service_config_table, file, path, lines, err);
    mem_free((void *)(uintptr_t)file.at);
    if (st != ST_OK)
        return st;
    memcpy(out->file, path, strlen(path) + 1);
    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        if (!lines[i])
            continue;
        out->sources[i].origin = SERVICE_FROM_FILE;
        out->sources[i].line = lines[i];
    }
    return ST_OK;
}

void service_config_env_name(char out[SERVICE_ENV_NAME_SIZE], const char *setting)
{
    int len = snprintf(out, SERVICE_ENV_NAME_SIZE, SERVICE_ENV_PREFIX "%s", setting);

    REQUIRE(len < SERVICE_ENV_NAME_SIZE);
    for (char *at = out; *at; at++)
        *at = *at == '.' ? '_' : (char)toupper((unsigned char)*at);
}

/* The index of the setting that a variable is for, SERVICE_SETTING_COUNT without one. */
static size_t setting_of_variable(struct str name)
{
    char variable[SERVICE_ENV_NAME_SIZE];

    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        service_config_env_name(variable, fields[i].name);
        if (str_equal(name, variable))
            return i;
    }
    return SERVICE_SETTING_COUNT;
}

/* A variable that is set to nothing counts as not set. */
static enum status read_environment(struct service_loaded_config *out,
                                    const char *const *environment, struct err *err)
{
    for (; *environment; environment++) {
        struct str value = str_of(*environment);
        struct str name = str_split(&value, '=');
        if (!str_starts(name, SERVICE_ENV_PREFIX) || value.len == 0)
            continue;
        size_t i = setting_of_variable(name);
        if (i == SERVICE_SETTING_COUNT)
            continue;
        enum status st =
            config_set(&out->values, &service_config_table, fields[i].name, value, err);
        if (st != ST_OK) {
            err_prefix(err, "%.*s", (int)name.len, name.at);
            return st;
        }
        out->sources[i].origin = SERVICE_FROM_ENVIRONMENT;
    }
    return ST_OK;
}

static enum status read_flags(struct service_loaded_config *out,
                              const struct service_config_inputs *inputs, struct err *err)
{
    for (size_t k = 0; k < inputs->flag_count; k++) {
        const struct service_flag *flag = &inputs->flags[k];
        const struct config_field *field = config_find(&service_config_table, flag->name);
        enum status st = ST_OK;
        if (field)
            st = config_set(&out->values, &service_config_table, field->name, flag->value, err);
        else
            st = err_set(err, ST_INVALID, "unknown setting '%.*s'", (int)MIN_OF(flag->name.len, 80),
                         flag->name.at);
        if (st != ST_OK) {
            err_prefix(err, "--%s", flag->flag);
            return st;
        }
        out->sources[field - fields].origin = SERVICE_FROM_FLAG;
        out->sources[field - fields].flag = flag->flag;
    }
    return ST_OK;
}

static const char *source_text(char *out, size_t size, const struct service_loaded_config *loaded,
                               size_t i);

static enum status check_access(const struct service_loaded_config *loaded, struct err *err)
{
    struct access_policy *policy = mem_alloc(1, sizeof *policy);
    const struct service_config *values = &loaded->values;
    struct access_settings settings;
    char source[VALUE_SIZE];

    service_access_settings(&settings, values);
    enum status st = access_policy_read(policy, &settings, err);
    mem_free(policy);
    if (st == ST_OK && values->tls_key[0] && !values->tls_certificate[0])
        st = err_set(err, ST_INVALID, "%s: tls.key without tls.certificate",
                     source_text(source, sizeof source, loaded, SETTING_tls_key));
    return st;
}

static enum status check_threshold(const struct service_loaded_config *loaded, struct err *err)
{
    struct detect_options ignored = {0};
    char source[VALUE_SIZE];
    enum status st = detect_threshold_read(&ignored, loaded->values.threshold, err);

    if (st != ST_OK)
        err_prefix(err, "%s: threshold",
                   source_text(source, sizeof source, loaded, SETTING_threshold));
    return st;
}

/* What no single row can say. */
static enum status check_together(const struct service_loaded_config *loaded, struct err *err)
{
    struct str host;
    struct str port;
    char source[VALUE_SIZE];

    enum status st = http_listen_split(&host, &port, loaded->values.listen, err);
    if (st != ST_OK)
        err_prefix(err, "%s: listen", source_text(source, sizeof source, loaded, SETTING_listen));
    if (st == ST_OK)
        st = check_threshold(loaded, err);
    if (st == ST_OK)
        st = check_access(loaded, err);
    return st;
}

enum status service_config_load(struct service_loaded_config *out,
                                const struct service_config_inputs *inputs, struct err *err)
{
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    enum status st = ST_OK;

    config_defaults(&loaded->values, &service_config_table);
    if (inputs->file)
        st = read_file(loaded, inputs->file, err);
    if (st == ST_OK && inputs->environment)
        st = read_environment(loaded, inputs->environment, err);
    if (st == ST_OK)
        st = read_flags(loaded, inputs, err);
    if (st == ST_OK)
        st = check_together(loaded, err);
    if (st == ST_OK)
        *out = *loaded;
    mem_free(loaded);
    return st;
}

void service_config_unknown_env(const char *const *environment,
                                void (*visit)(void *payload, struct str name), void *payload)
{
    static const char *const foreign[] = {
        SERVICE_ENV_PREFIX "CONFIG",   SERVICE_ENV_PREFIX "INHERITED", SERVICE_ENV_PREFIX "PORT",
        SERVICE_ENV_PREFIX "SERVICE_", SERVICE_ENV_PREFIX "API_KEY",
    };

    for (; *environment; environment++) {
        struct str value = str_of(*environment);
        struct str name = str_split(&value, '=');
        bool known = setting_of_variable(name) < SERVICE_SETTING_COUNT;
        for (size_t i = 0; i < ARRAY_LEN(foreign) && !known; i++)
            known = str_starts(name, foreign[i]);
        if (!known && str_starts(name, SERVICE_ENV_PREFIX))
            visit(payload, name);
    }
}

void service_config_diff(const struct service_config *a, const struct service_config *b,
                         void (*visit)(void *payload, size_t index), void *payload)
{
    char one[VALUE_SIZE];
    char other[VALUE_SIZE];

    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        config_get_text(one, sizeof one, a, &fields[i]);
        config_get_text(other, sizeof other, b, &fields[i]);
        if (strcmp(one, other) != 0)
            visit(payload, i);
    }
}

/* ---- writing ---- */

static bool is_text(const struct config_field *field)
{
    return field->type == CONFIG_TEXT || field->type == CONFIG_CHOICE;
}

/* "file.yaml:12", "AIDETECT_LISTEN", "--listen", "default". */
static const char *source_text(char *out, size_t size, const struct service_loaded_config *loaded,
                               size_t i)
{
    char variable[SERVICE_ENV_NAME_SIZE];

    switch (loaded->sources[i].origin) {
    case SERVICE_FROM_DEFAULT:
        return "default";
    case SERVICE_FROM_FILE:
        (void)snprintf(out, size, "%s:%zu", loaded->file, loaded->sources[i].line);
        break;
    case SERVICE_FROM_ENVIRONMENT:
        service_config_env_name(variable, fields[i].name);
        (void)snprintf(out, size, "%s", variable);
        break;
    case SERVICE_FROM_FLAG:
        (void)snprintf(out, size, "--%s", loaded->sources[i].flag);
        break;
    }
    return out;
}

/* A YAML scalar: text in double quotes, with what is not printable escaped. */
static void write_scalar(struct buf *out, const struct config_field *field, struct str value)
{
    if (!is_text(field)) {
        buf_add(out, value.at, value.len);
        return;
    }
    buf_add_str(out, "\"");
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", c);
        else
            buf_add(out, &c, 1);
    }
    buf_add_str(out, "\"");
}

/* The part of a name before its dot; empty without one. */
static struct str section_of(const struct config_field *field)
{
    struct str rest = str_of(field->name);
    struct str head = str_split(&rest, '.');

    return rest.len ? head : (struct str){field->name, 0};
}

/* Opens a section when row `i` begins one.  Returns the row's own name. */
static const char *open_section(struct buf *out, size_t i, const char *comment)
{
    struct str section = section_of(&fields[i]);
    struct str before = i ? section_of(&fields[i - 1]) : (struct str){"", 0};

    if (!section.len)
        return fields[i].name;
    if (section.len != before.len || memcmp(section.at, before.at, before.len) != 0)
        buf_printf(out, "%s%s%.*s:\n", comment[0] ? "\n" : "", comment, (int)section.len,
                   section.at);
    return fields[i].name + section.len + 1;
}

void service_config_print(struct buf *out, const struct service_loaded_config *loaded)
{
    char value[VALUE_SIZE];
    char source[VALUE_SIZE];

    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        const char *name = open_section(out, i, "");
        config_get_text(value, sizeof value, &loaded->values, &fields[i]);
        bool hidden = service_settings[i].secret && value[0];
        buf_printf(out, "%s%s: ", name == fields[i].name ? "" : "  ", name);
        write_scalar(out, &fields[i], str_of(hidden ? "(not shown)" : value));
        buf_printf(out, "  # %s\n", source_text(source, sizeof source, loaded, i));
    }
}

/* Sentences behind "# ", at most 100 bytes a line. */
static void write_comment(struct buf *out, const char *text)
{
    struct str rest = str_of(text);
    size_t column = 0;

    while (rest.len) {
        struct str word = str_split(&rest, ' ');
        if (column && column + 1 + word.len > 100) {
            buf_add_str(out, "\n");
            column = 0;
        }
        buf_add_str(out, column ? " " : "# ");
        buf_add(out, word.at, word.len);
        column += word.len + (column ? 1 : 2);
    }
    buf_add_str(out, "\n");
}

void service_config_write_example(struct buf *out)
{
    char allowed[160];
    char comment[640];

    buf_add_str(out,
                "# Settings of the service, each at its default; docs/CONFIGURATION.md explains "
                "them.\n"
                "# Made by `aidetect config print --format example` from "
                "src/service/config.def: `aidetect config\n"
                "# check FILE` checks a changed one, SIGHUP reloads what can be reloaded.\n\n");
    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        const char *unit = service_settings[i].unit;
        const char *name = open_section(out, i, "#");
        config_describe(allowed, sizeof allowed, &fields[i]);
        (void)snprintf(comment, sizeof comment, "%s (%s%s%s)", fields[i].help, allowed,
                       unit[0] ? " " : "", unit);
        write_comment(out, comment);
        buf_printf(out, "#%s%s: ", name == fields[i].name ? "" : "  ", name);
        write_scalar(out, &fields[i], config_initial(&fields[i]));
        buf_add_str(out, "\n");
    }
}

static const char reference_head[] =
    "# Configuration\n\n"
    "Settings of `aidetect serve`. The later wins: default, configuration file, environment, "
    "flags.\n\n"
    "- **File**: `--config FILE`, else `$AIDETECT_CONFIG`, else `configs/aidetect.yaml` in the "
    "working folder, else `/etc/aidetect/aidetect.yaml`; the first that exists. "
    "`configs/aidetect.yaml` lists every setting at its default.\n"
    "- **Environment**: the variable of the table; one that is set to nothing counts as not set.\n"
    "- **Flags**: `--set NAME=VALUE` for every setting, and a flag of its own for the common "
    "ones.\n\n"
    "`aidetect config check [FILE]` says what is wrong, with its line (exit status 78). `aidetect "
    "config print` and `aidetect serve --print-config` show every value and where it came from.\n\n"
    "**SIGHUP** reads everything again. If anything in it is wrong, or the model does not load, "
    "nothing changes and `aidetect_config_last_reload_successful` is 0. Otherwise all settings "
    "marked "
    "*reload* apply together; the others wait for a restart, and the log names those that "
    "changed.\n\n"
    "Made from `src/service/config.def` by `tools/generate.sh`.\n\n"
    "| setting | environment | default | allowed | applies on | meaning |\n"
    "|---|---|---|---|---|---|\n";

void service_config_write_reference(struct buf *out)
{
    char variable[SERVICE_ENV_NAME_SIZE];
    char allowed[160];

    buf_add_str(out, reference_head);
    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        const char *unit = service_settings[i].unit;
        struct str initial = config_initial(&fields[i]);
        service_config_env_name(variable, fields[i].name);
        config_describe(allowed, sizeof allowed, &fields[i]);
        buf_printf(out, "| `%s` | `%s` | %s%.*s%s | %s%s%s | %s | %s |\n", fields[i].name, variable,
                   initial.len ? "`" : "", (int)MAX_OF(initial.len, 1),
                   initial.len ? initial.at : " ", initial.len ? "`" : "", allowed,
                   unit[0] ? " " : "", unit, service_settings[i].reloadable ? "reload" : "restart",
                   fields[i].help);
    }
}
