/* cli/cmd_config.c - aidetect config: checks and prints the settings of the service. */
#include "cli/cli.h"

#include <string.h>

#include "base/mem.h"
#include "service/config.h"

#define TEXT_BYTES_MAX (1u << 20)

extern char **environ;

static void warn_unknown(void *payload, struct str name)
{
    (void)payload;
    fprintf(stderr, "aidetect config: warning: %.*s is no setting's variable\n", (int)name.len,
            name.at);
}

static int check(const struct service_loaded_config *loaded)
{
    service_config_unknown_env((const char *const *)environ, warn_unknown, NULL);
    if (loaded->file[0])
        printf("%s: sound\n", loaded->file);
    else
        printf("no file; defaults, environment and flags: sound\n");
    return CLI_FINE;
}

static int print(const struct service_loaded_config *loaded, const char *format)
{
    struct buf text;

    buf_init(&text, TEXT_BYTES_MAX);
    if (strcmp(format, "example") == 0)
        service_config_write_example(&text);
    else if (strcmp(format, "markdown") == 0)
        service_config_write_reference(&text);
    else
        service_config_print(&text, loaded);
    (void)fwrite(text.at, 1, text.len, stdout);
    buf_fini(&text);
    return CLI_FINE;
}

int cmd_config(const struct cli_arguments *arguments, struct err *err)
{
    const char *action = arguments->operands[0];
    const char *file = arguments->operand_count > 1 ? arguments->operands[1] : NULL;
    bool checking = strcmp(action, "check") == 0;
    int code = CLI_USAGE;

    if (!checking && strcmp(action, "print") != 0) {
        (void)err_set(err, ST_INVALID, "'%.40s' is neither check nor print", action);
        return CLI_USAGE;
    }
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    if (cli_load_settings(loaded, arguments, file, &code, err) == ST_OK)
        code = checking ? check(loaded) : print(loaded, cli_text(arguments, "format"));
    mem_free(loaded);
    return code;
}
