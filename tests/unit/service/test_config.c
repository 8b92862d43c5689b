/* The service's settings: who wins, where each value comes from, and what is refused with its
 * place.  The texts made from the table are read back. */
#include "support/unit.h"

#include "base/fs.h"
#include "service/config.h"
#include "support/temp_folder.h"

static struct temp_folder folder;

/* One name at a time. */
static const char *path_of(const char *name)
{
    static char path[TEMP_PATH_SIZE];

    return temp_path(path, &folder, name);
}

static const char *write_file(const char *name, const char *text)
{
    struct err err = {0};
    const char *path = path_of(name);

    if (fs_write(path, (struct bytes){(const uint8_t *)text, strlen(text)}, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return path;
}

static struct service_loaded_config accept(const struct service_config_inputs *inputs)
{
    struct service_loaded_config loaded = {0};
    struct err err = {0};

    if (service_config_load(&loaded, inputs, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return loaded;
}

static void refuse(const struct service_config_inputs *inputs, enum status status,
                   const char *place, const char *part)
{
    struct service_loaded_config loaded = {.file = "kept"};
    struct err err = {0};
    enum status st = service_config_load(&loaded, inputs, &err);

    if (st != status || !strstr(err.msg, place) || !strstr(err.msg, part))
        fail_msg("%s: %s (wanted %s ... %s)", status_name(st), err.msg, place, part);
    assert_string_equal(loaded.file, "kept"); /* outputs are untouched */
}

static struct service_flag flag(const char *typed, const char *name, const char *value)
{
    return (struct service_flag){typed, str_of(name), str_of(value)};
}

static void test_defaults(void **state)
{
    struct service_loaded_config loaded = accept(&(struct service_config_inputs){0});

    (void)state;
    assert_string_equal(loaded.values.listen, "127.0.0.1:8080");
    assert_int_equal(loaded.values.queue_max, 64);
    assert_string_equal(loaded.values.log_level, "info");
    assert_string_equal(loaded.file, "");
    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++)
        assert_int_equal(loaded.sources[i].origin, SERVICE_FROM_DEFAULT);
}

static void test_the_later_wins(void **state)
{
    static const char *const environment[] = {"AIDETECT_QUEUE_MAX=7", "AIDETECT_WORKERS=2",
                                              "AIDETECT_LISTEN=", "HOME=/", NULL};
    const struct service_flag flags[] = {flag("workers", "workers", "3")};
    const struct service_config_inputs inputs = {
        .file = write_file("wins.yaml", "listen: 127.0.0.1:1\nqueue:\n  max: 5\n"
                                        "  deadline_ms: 9\nworkers: 1\n"),
        .environment = environment,
        .flags = flags,
        .flag_count = 1,
    };
    struct service_loaded_config loaded = accept(&inputs);

    (void)state;
    assert_string_equal(loaded.values.listen, "127.0.0.1:1"); /* an empty variable is none */
    assert_int_equal(loaded.values.queue_deadline_ms, 9);
    assert_int_equal(loaded.values.queue_max, 7);
    assert_int_equal(loaded.values.workers, 3);
    assert_int_equal(loaded.sources[SETTING_listen].origin, SERVICE_FROM_FILE);
    assert_int_equal(loaded.sources[SETTING_listen].line, 1);
    assert_int_equal(loaded.sources[SETTING_queue_deadline_ms].line, 4);
    assert_int_equal(loaded.sources[SETTING_queue_max].origin, SERVICE_FROM_ENVIRONMENT);
    assert_int_equal(loaded.sources[SETTING_workers].origin, SERVICE_FROM_FLAG);
    assert_string_equal(loaded.sources[SETTING_workers].flag, "workers");
}

static void test_refusals_name_their_place(void **state)
{
    static const char *const bad_variable[] = {"AIDETECT_QUEUE_MAX=many", NULL};
    static const char *const bad_listen[] = {"AIDETECT_LISTEN=nowhere", NULL};
    const struct service_flag bad_flag = flag("set", "log.level", "loud");
    const struct service_flag unknown = flag("set", "no.such", "1");

    (void)state;
    refuse(&(struct service_config_inputs){.file = path_of("absent.yaml")}, ST_NOT_FOUND,
           "absent.yaml", "cannot open");
    refuse(&(struct service_config_inputs){.file = write_file("a.yaml", "queue:\n  max: 0\n")},
           ST_INVALID, "a.yaml:2:", "queue.max takes a whole number from 1 to 4096, not '0'");
    refuse(
        &(struct service_config_inputs){
            .file = write_file("b.yaml", "queue:\n  max: 1\nworkers: 1\nqueue:\n  max: 2\n")},
        ST_INVALID, "b.yaml:5:", "queue.max is set already, on line 2");
    refuse(&(struct service_config_inputs){.file = write_file("c.yaml", "qeue:\n  max: 1\n")},
           ST_INVALID, "c.yaml:2:", "unknown setting 'qeue.max'");
    refuse(&(struct service_config_inputs){.environment = bad_variable}, ST_INVALID,
           "AIDETECT_QUEUE_MAX:", "not 'many'");
    refuse(&(struct service_config_inputs){.environment = bad_listen}, ST_INVALID,
           "AIDETECT_LISTEN: listen", "'nowhere' is not ADDRESS:PORT");
    refuse(&(struct service_config_inputs){.flags = &bad_flag, .flag_count = 1}, ST_INVALID,
           "--set:", "log.level takes one of info, error, warn, debug, not 'loud'");
    refuse(&(struct service_config_inputs){.flags = &unknown, .flag_count = 1}, ST_INVALID,
           "--set:", "unknown setting 'no.such'");
}

static void count(void *payload, size_t index)
{
    size_t *seen = payload;

    seen[index]++;
}

static void test_what_is_printed_reads_back(void **state)
{
    static const char *const environment[] = {"AIDETECT_MODEL=/tmp/a \"b\" \\c\x01.safetensors",
                                              "AIDETECT_THRESHOLD=0.25", NULL};
    struct service_loaded_config loaded =
        accept(&(struct service_config_inputs){.environment = environment});
    size_t seen[SERVICE_SETTING_COUNT] = {0};
    struct buf text;

    (void)state;
    buf_init(&text, 1u << 20);
    service_config_print(&text, &loaded);
    buf_add(&text, "", 1);
    struct service_loaded_config again = accept(
        &(struct service_config_inputs){.file = write_file("printed.yaml", (const char *)text.at)});
    service_config_diff(&loaded.values, &again.values, count, seen);
    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++)
        assert_int_equal(seen[i], 0);
    assert_non_null(strstr((const char *)text.at, "threshold: \"0.25\"  # AIDETECT_THRESHOLD\n"));
    assert_non_null(strstr((const char *)text.at, "  max: 64  # default\n"));
    struct service_loaded_config defaults = accept(&(struct service_config_inputs){0});
    service_config_diff(&loaded.values, &defaults.values, count, seen);
    assert_int_equal(seen[SETTING_model], 1);
    assert_int_equal(seen[SETTING_threshold], 1);
    assert_int_equal(seen[SETTING_listen], 0);
    buf_fini(&text);
}

/* Every setting of the example, its mark taken away, is its default: nothing changes. */
static void test_the_example_holds_the_defaults(void **state)
{
    struct service_loaded_config defaults = accept(&(struct service_config_inputs){0});
    size_t seen[SERVICE_SETTING_COUNT] = {0};
    struct buf example;
    struct buf plain;

    (void)state;
    buf_init(&example, 1u << 20);
    buf_init(&plain, 1u << 20);
    service_config_write_example(&example);
    for (struct str rest = buf_str(&example); rest.len;) {
        struct str line = str_split(&rest, '\n');
        if (str_starts(line, "#") && (!str_starts(line, "# ") || str_starts(line, "#  ")))
            buf_printf(&plain, "%.*s\n", (int)line.len - 1, line.at + 1);
    }
    buf_add(&plain, "", 1);
    struct service_loaded_config loaded = accept(&(struct service_config_inputs){
        .file = write_file("example.yaml", (const char *)plain.at)});
    service_config_diff(&defaults.values, &loaded.values, count, seen);
    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        if (seen[i] || loaded.sources[i].origin != SERVICE_FROM_FILE)
            fail_msg("%s is not in the example", service_config_table.fields[i].name);
    }
    buf_fini(&example);
    buf_fini(&plain);
}

static void collect(void *payload, struct str name)
{
    buf_printf(payload, "%.*s ", (int)name.len, name.at);
}

static void test_unknown_variables(void **state)
{
    static const char *const environment[] = {"AIDETECT_QEUE_MAX=1",
                                              "AIDETECT_QUEUE_MAX=1",
                                              "AIDETECT_PORT_8080_TCP=tcp://10.0.0.1:8080",
                                              "AIDETECT_SERVICE_HOST=10.0.0.1",
                                              "AIDETECT_CONFIG=x",
                                              "HOME=/",
                                              NULL};
    struct buf names;

    (void)state;
    buf_init(&names, 4096);
    service_config_unknown_env(environment, collect, &names);
    buf_add(&names, "", 1);
    assert_string_equal((const char *)names.at, "AIDETECT_QEUE_MAX ");
    buf_fini(&names);
}

/* A name is a section and a word at most, sections stand together, and no two variables are alike.
 */
static void test_the_table_is_sound(void **state)
{
    const struct config_field *fields = service_config_table.fields;
    char one[SERVICE_ENV_NAME_SIZE];
    char other[SERVICE_ENV_NAME_SIZE];

    (void)state;
    for (size_t i = 0; i < SERVICE_SETTING_COUNT; i++) {
        service_config_env_name(one, fields[i].name);
        assert_true(strlen(fields[i].help) > 10);
        for (size_t k = 0; k < i; k++) {
            service_config_env_name(other, fields[k].name);
            assert_string_not_equal(one, other);
            size_t len = strcspn(fields[i].name, ".") + 1;
            bool same =
                strchr(fields[i].name, '.') && !strncmp(fields[i].name, fields[k].name, len);
            if (same && strncmp(fields[i - 1].name, fields[i].name, len) != 0)
                fail_msg("%s stands apart from its section", fields[i].name);
        }
    }
}

static int open_folder(void **state)
{
    (void)state;
    temp_folder_open(&folder);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    temp_folder_close(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_the_later_wins),
        cmocka_unit_test(test_refusals_name_their_place),
        cmocka_unit_test(test_what_is_printed_reads_back),
        cmocka_unit_test(test_the_example_holds_the_defaults),
        cmocka_unit_test(test_unknown_variables),
        cmocka_unit_test(test_the_table_is_sound),
    };

    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
