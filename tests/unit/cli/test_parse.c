/* The parser against a table of its own, and the soundness of the program's table. */
#include "support/unit.h"

#include "cli/cli.h"

static const struct cli_option options[] = {
    {.name = "flag", .short_name = 'f', .type = CLI_FLAG, .help = "a"},
    {.name = "count",
     .short_name = 'c',
     .type = CLI_INT,
     .value_name = "N",
     .low = -5,
     .top = 5,
     .initial = "3",
     .help = "b"},
    {.name = "share", .type = CLI_DOUBLE, .value_name = "P", .low = 0, .top = 1, .help = "c"},
    {.name = "set", .short_name = 's', .type = CLI_TEXT, .repeatable = true, .value_name = "K=V"},
    {.name = "format", .type = CLI_CHOICE, .value_name = "one|two", .initial = "one"},
};
static const struct cli_command command = {
    .name = "test", .operands = "PATH...", .options = options, .option_count = ARRAY_LEN(options)};

static struct cli_arguments parsed;
static const char *operands[128];
static struct err failure;

static enum status parse(const char *const *words, size_t count)
{
    return cli_parse(&parsed, &command, words, count, operands, &failure);
}
#define PARSE(...)                                                                                 \
    parse((const char *const[]){__VA_ARGS__}, ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void test_defaults(void **state)
{
    (void)state;
    assert_int_equal(parse(NULL, 0), ST_OK);
    assert_int_equal(cli_int(&parsed, "count"), 3);
    assert_false(cli_given(&parsed, "count"));
    assert_string_equal(cli_text(&parsed, "format"), "one");
    assert_null(cli_text(&parsed, "set"));
    assert_int_equal(cli_text_count(&parsed, "set"), 0);
    assert_false(cli_flag(&parsed, "flag"));
    assert_int_equal(parsed.operand_count, 0);
}

static void test_every_way_to_write_a_value(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--count", "-5", "--share=0.25", "-f", "-sa=1", "-s", "b=2", "x"),
                     ST_OK);
    assert_int_equal(cli_int(&parsed, "count"), -5);
    assert_true(cli_given(&parsed, "count"));
    assert_true(cli_double(&parsed, "share") == 0.25);
    assert_true(cli_flag(&parsed, "flag"));
    assert_int_equal(cli_text_count(&parsed, "set"), 2);
    assert_string_equal(cli_text_at(&parsed, "set", 0), "a=1");
    assert_string_equal(cli_text_at(&parsed, "set", 1), "b=2");
    assert_null(cli_text_at(&parsed, "set", 2));
    assert_int_equal(parsed.operand_count, 1);
}

static void test_the_last_one_counts(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-c", "1", "--count=2", "--format", "two"), ST_OK);
    assert_int_equal(cli_int(&parsed, "count"), 2);
    assert_string_equal(cli_text(&parsed, "format"), "two");
}

static void test_dashes_end_the_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-", "--", "--count", "-f"), ST_OK);
    assert_int_equal(parsed.operand_count, 3);
    assert_string_equal(parsed.operands[0], "-");
    assert_string_equal(parsed.operands[1], "--count");
    assert_false(cli_flag(&parsed, "flag"));
}

static void test_errors_name_the_argument(void **state)
{
    static const struct {
        const char *words[2], *named;
    } cases[] = {
        {{"--count", "6"}, "'6'"},
        {{"--count", "1.5"}, "'1.5'"},
        {{"--share", "nan"}, "'nan'"},
        {{"--share", ""}, "''"},
        {{"--format", "on"}, "'on'"},
        {{"--format", ""}, "''"},
        {{"--flag=x", "y"}, "no value"},
        {{"x", "--set"}, "needs a value"},
        {{"-z", "x"}, "'-z'"},
        {{"--", "-f"}, NULL},
        {{"--counts", "1"}, "--count meant"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum status st = parse(cases[i].words, 2);
        assert_int_equal(st == ST_OK, cases[i].named == NULL);
        if (cases[i].named)
            assert_non_null(strstr(failure.msg, cases[i].named));
    }
}

static void test_too_many_repeats_are_refused(void **state)
{
    const char *words[CLI_REPEATS_MAX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        words[i] = "--set=a=b";
    assert_int_equal(parse(words, CLI_REPEATS_MAX), ST_OK);
    assert_int_equal(parse(words, CLI_REPEATS_MAX + 1), ST_LIMIT);
}

static void test_a_failure_leaves_the_output_alone(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--count", "4"), ST_OK);
    assert_int_equal(PARSE("--count", "1", "--bad"), ST_INVALID);
    assert_int_equal(cli_int(&parsed, "count"), 4);
}

static void test_the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *row = &cli_commands[i];
        assert_ptr_equal(cli_find_command(row->name), row); /* no name twice */
        assert_true(row->summary && row->description && row->examples && row->run);
        assert_true(row->option_count <= CLI_OPTIONS_MAX);
        for (size_t k = 0; k < row->option_count; k++) {
            const struct cli_option *option = &row->options[k];
            assert_true(cli_option_help(option) && cli_option_help(option)[0]);
            assert_int_equal(option->type == CLI_FLAG, option->value_name == NULL);
            assert_true(strcmp(option->name, "help") != 0 && option->short_name != 'h');
            for (size_t other = 0; other < k; other++) {
                assert_string_not_equal(option->name, row->options[other].name);
                assert_true(!option->short_name ||
                            option->short_name != row->options[other].short_name);
            }
        }
        /* Every default passes its own check. */
        const char *words[] = {"x", "x", "x", "x"};
        size_t count = row->operands ? MAX_OF(row->operands_min, 1u) : 0;
        assert_in_range(count, 0, ARRAY_LEN(words));
        assert_int_equal(cli_parse(&parsed, row, words, count, operands, &failure), ST_OK);
    }
}

static void test_exit_statuses(void **state)
{
    (void)state;
    assert_int_equal(cli_exit_of(ST_OK), 0);
    assert_int_equal(cli_exit_of(ST_INVALID), 2);
    assert_int_equal(cli_exit_of(ST_IO), 74);
    assert_int_equal(cli_exit_of(ST_NOMEM), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_way_to_write_a_value),
        cmocka_unit_test(test_the_last_one_counts),
        cmocka_unit_test(test_dashes_end_the_options),
        cmocka_unit_test(test_errors_name_the_argument),
        cmocka_unit_test(test_too_many_repeats_are_refused),
        cmocka_unit_test(test_a_failure_leaves_the_output_alone),
        cmocka_unit_test(test_the_table_is_sound),
        cmocka_unit_test(test_exit_statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
