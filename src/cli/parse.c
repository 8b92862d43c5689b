/* cli/parse.c - arguments against the table of one command.
 * --name value, --name=value, -n value; `--` ends the options; `-` is an operand. */
#include "cli/cli.h"

#include <string.h>

/* What is left to read, and where the result goes. */
struct parser {
    struct cli_arguments *out;
    const char *const *arguments;
    size_t count, next;
    const char **operands;
};

static const struct cli_option *find_long(const struct cli_command *command, struct str name)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (str_equal(name, command->options[i].name))
            return &command->options[i];
    return NULL;
}

static const struct cli_option *find_short(const struct cli_command *command, char name)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (command->options[i].short_name == name)
            return &command->options[i];
    return NULL;
}

/* Is `word` one of the '|'-separated `choices`? */
static bool is_choice(const char *choices, const char *word)
{
    struct str rest = str_of(choices);

    while (rest.len > 0)
        if (str_equal(str_split(&rest, '|'), word))
            return true;
    return false;
}

/* Checks `text` against the option's type and stores it. */
static enum status store(struct cli_value *value, const struct cli_option *option, const char *text,
                         struct err *err)
{
    if (option->type == CLI_INT &&
        !str_to_int(&value->integer, str_of(text), (int64_t)option->low, (int64_t)option->top))
        return err_set(err, ST_INVALID, "--%s '%s' is not a whole number from %.0f to %.0f",
                       option->name, text, option->low, option->top);
    if (option->type == CLI_DOUBLE &&
        !str_to_double(&value->number, str_of(text), option->low, option->top))
        return err_set(err, ST_INVALID, "--%s '%s' is not a number from %g to %g", option->name,
                       text, option->low, option->top);
    if (option->type == CLI_CHOICE && !is_choice(option->value_name, text))
        return err_set(err, ST_INVALID, "--%s '%s' is not one of %s", option->name, text,
                       option->value_name);
    if (option->repeatable && value->given && value->count == CLI_REPEATS_MAX)
        return err_set(err, ST_LIMIT, "--%s is given more than %d times", option->name,
                       CLI_REPEATS_MAX);
    if (!option->repeatable || !value->given)
        value->count = 0;
    value->texts[value->count++] = text;
    return ST_OK;
}

/* Stores an option's value: `attached`, or the next argument. */
static enum status take_value(struct parser *parser, const struct cli_option *option,
                              const char *attached, struct err *err)
{
    struct cli_value *value = &parser->out->values[option - parser->out->command->options];
    enum status st;

    if (option->type == CLI_FLAG) {
        if (attached)
            return err_set(err, ST_INVALID, "--%s takes no value", option->name);
        value->given = true;
        return ST_OK;
    }
    if (!attached && parser->next == parser->count)
        return err_set(err, ST_INVALID, "--%s needs a value: %s", option->name, option->value_name);
    st = store(value, option, attached ? attached : parser->arguments[parser->next++], err);
    value->given = st == ST_OK;
    return st;
}

static enum status unknown_option(const struct cli_command *command, const char *argument,
                                  struct err *err)
{
    const char *name = argument + strspn(argument, "-");

    for (size_t i = 0; i < command->option_count; i++)
        if (name[0] && strncmp(command->options[i].name, name, 3) == 0)
            return err_set(err, ST_INVALID, "unknown option '%.60s'; is --%s meant?", argument,
                           command->options[i].name);
    return err_set(err, ST_INVALID, "unknown option '%.60s'", argument);
}

static enum status parse_option(struct parser *parser, const char *argument, struct err *err)
{
    const struct cli_command *command = parser->out->command;
    const struct cli_option *option;
    const char *attached = NULL;

    if (argument[1] == '-') {
        struct str rest = str_of(argument + 2);
        struct str name = str_split(&rest, '=');
        if (str_equal(name, "help"))
            return parser->out->help = true, ST_OK;
        option = find_long(command, name);
        attached = argument[2 + name.len] == '=' ? argument + 2 + name.len + 1 : NULL;
    } else {
        if (strcmp(argument, "-h") == 0)
            return parser->out->help = true, ST_OK;
        option = find_short(command, argument[1]);
        attached = argument[2] ? argument + 2 : NULL;
    }
    if (!option)
        return unknown_option(command, argument, err);
    return take_value(parser, option, attached, err);
}

static enum status store_defaults(struct cli_arguments *out, struct err *err)
{
    for (size_t i = 0; i < out->command->option_count; i++) {
        const struct cli_option *option = &out->command->options[i];
        if (!option->initial)
            continue;
        enum status st = store(&out->values[i], option, option->initial, err);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status check_operands(const struct cli_arguments *out, struct err *err)
{
    const struct cli_command *command = out->command;

    if (!command->operands && out->operand_count > 0)
        return err_set(err, ST_INVALID, "unexpected argument '%.60s'", out->operands[0]);
    if (out->operand_count < command->operands_min)
        return err_set(err, ST_INVALID, "missing argument: %s", command->operands);
    if (command->operands_max && out->operand_count > command->operands_max)
        return err_set(err, ST_INVALID, "unexpected argument '%.60s'",
                       out->operands[command->operands_max]);
    return ST_OK;
}

enum status cli_parse(struct cli_arguments *out, const struct cli_command *command,
                      const char *const *arguments, size_t count, const char **storage,
                      struct err *err)
{
    struct cli_arguments result = {.command = command, .operands = storage};
    struct parser parser = {
        .out = &result, .arguments = arguments, .count = count, .operands = storage};
    bool options_end = false;
    enum status st = store_defaults(&result, err);

    while (st == ST_OK && parser.next < count && !result.help) {
        const char *argument = arguments[parser.next++];
        if (!options_end && strcmp(argument, "--") == 0)
            options_end = true;
        else if (!options_end && argument[0] == '-' && argument[1])
            st = parse_option(&parser, argument, err);
        else
            parser.operands[result.operand_count++] = argument;
    }
    if (st == ST_OK && !result.help)
        st = check_operands(&result, err);
    if (st == ST_OK)
        *out = result;
    return st;
}

static const struct cli_value *value_of(const struct cli_arguments *arguments, const char *name)
{
    const struct cli_option *option = find_long(arguments->command, str_of(name));

    REQUIRE(option); /* the command asks for an option that its table does not have */
    return &arguments->values[option - arguments->command->options];
}

bool cli_flag(const struct cli_arguments *arguments, const char *name)
{
    return value_of(arguments, name)->given;
}

bool cli_given(const struct cli_arguments *arguments, const char *name)
{
    return value_of(arguments, name)->given;
}

const char *cli_text(const struct cli_arguments *arguments, const char *name)
{
    const struct cli_value *value = value_of(arguments, name);

    return value->count > 0 ? value->texts[value->count - 1] : NULL;
}

int64_t cli_int(const struct cli_arguments *arguments, const char *name)
{
    return value_of(arguments, name)->integer;
}

double cli_double(const struct cli_arguments *arguments, const char *name)
{
    return value_of(arguments, name)->number;
}

size_t cli_text_count(const struct cli_arguments *arguments, const char *name)
{
    return value_of(arguments, name)->count;
}

const char *cli_text_at(const struct cli_arguments *arguments, const char *name, size_t i)
{
    const struct cli_value *value = value_of(arguments, name);

    return i < value->count ? value->texts[i] : NULL;
}
