/* cli/settings.c - the service's settings as the command line sees them: which file, which flags.
 * Must not know what a setting does.  One thread. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "service/config.h"

extern char **environ;

#define FLAGS_MAX (CLI_OPTIONS_MAX + CLI_REPEATS_MAX)

static const struct config_field *setting_of(const struct cli_option *option)
{
    if (!option->setting)
        return NULL;
    const struct config_field *field = config_find(&service_config_table, str_of(option->setting));
    REQUIRE(field); /* the table of commands names a setting that there is not */
    return field;
}

const char *cli_option_help(const struct cli_option *option)
{
    const struct config_field *field = setting_of(option);

    return field ? field->help : option->help;
}

const char *cli_option_initial(const struct cli_option *option)
{
    const struct config_field *field = setting_of(option);

    if (field && field->initial[0] && field->type != CONFIG_CHOICE)
        return field->initial;
    return option->initial;
}

/* The first of the usual places that has a file; NULL: none has. */
static const char *usual_file(void)
{
    static const char *const places[] = {"configs/aidetect.yaml", "/etc/aidetect/aidetect.yaml"};
    const char *named = getenv(SERVICE_ENV_PREFIX "CONFIG");

    if (named && named[0])
        return named;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (fs_exists(places[i]))
            return places[i];
    return NULL;
}

/* The options that are for a setting, then --set; returns how many. */
static size_t collect_flags(struct service_flag *out, const struct cli_arguments *arguments)
{
    const struct cli_command *command = arguments->command;
    size_t count = 0;

    for (size_t i = 0; i < command->option_count; i++) {
        const struct cli_option *option = &command->options[i];
        if (option->setting && arguments->values[i].given)
            out[count++] = (struct service_flag){option->name, str_of(option->setting),
                                                 str_of(cli_text(arguments, option->name))};
    }
    for (size_t i = 0; cli_given(arguments, "set") && i < cli_text_count(arguments, "set"); i++) {
        struct str value = str_of(cli_text_at(arguments, "set", i));
        struct str name = str_split(&value, '=');
        out[count++] = (struct service_flag){"set", name, value};
    }
    return count;
}

enum status cli_load_settings(struct service_loaded_config *out,
                              const struct cli_arguments *arguments, const char *file, int *code,
                              struct err *err)
{
    struct service_flag flags[FLAGS_MAX];
    struct service_config_inputs inputs = {.flags = flags};
    struct service_loaded_config *alone = mem_alloc(1, sizeof *alone);

    inputs.flag_count = collect_flags(flags, arguments);
    *code = CLI_USAGE;
    enum status st = service_config_load(alone, &inputs, err);
    mem_free(alone);
    if (st != ST_OK)
        return st;
    *code = CLI_CONFIG;
    inputs.file = file ? file : usual_file();
    inputs.environment = (const char *const *)environ;
    return service_config_load(out, &inputs, err);
}
