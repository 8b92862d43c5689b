/* cli/main.c - finds the command, parses its arguments, runs it, prints what went wrong.
 * The only file that may hold global state. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "cli/cli.h"

#include "revision.h"

static int usage_error(const char *name, const char *message)
{
    if (name)
        fprintf(stderr, "aidetect %s: %s\nTry 'aidetect %s --help'.\n", name, message, name);
    else
        fprintf(stderr, "aidetect: %s\nTry 'aidetect --help'.\n", message);
    return CLI_USAGE;
}

static int run_command(const struct cli_command *command, const char *const *arguments,
                       size_t count)
{
    const char **operands = mem_alloc(count + 1, sizeof(*operands));
    struct cli_arguments parsed;
    struct err err = {.code = ST_OK};
    int code;

    if (cli_parse(&parsed, command, arguments, count, operands, &err) != ST_OK) {
        code = usage_error(command->name, err.msg);
    } else if (parsed.help) {
        cli_print_help(stdout, command);
        code = CLI_FINE;
    } else {
        code = command->run(&parsed, &err);
        if (err.code != ST_OK)
            fprintf(stderr, "aidetect %s: %s\n", command->name, err.msg);
    }
    mem_free(operands);
    return code;
}

/* What stands before any command: 0, 64, or -1 when `word` is none of it. */
static int run_global_option(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        cli_print_overview(stdout);
    else if (strcmp(word, "--version") == 0)
        printf("aidetect %s (%s)\n", AIDETECT_VERSION, AIDETECT_REVISION);
    else if (strcmp(word, "--man") == 0)
        cli_print_manual(stdout);
    else if (strcmp(word, "--completion") == 0)
        cli_print_completion(stdout);
    else
        return -1;
    return CLI_FINE;
}

static int dispatch(int argc, char **argv)
{
    char message[128];
    const struct cli_command *command;
    int code;

    if (argc < 2) {
        cli_print_overview(stderr);
        return CLI_USAGE;
    }
    code = run_global_option(argv[1]);
    if (code >= 0)
        return code;
    command = cli_find_command(argv[1]);
    if (!command) {
        snprintf(message, sizeof(message), "unknown command '%.60s'", argv[1]);
        return usage_error(NULL, message);
    }
    return run_command(command, (const char *const *)(argv + 2), (size_t)argc - 2);
}

int main(int argc, char **argv)
{
    int code = dispatch(argc, argv);

    /* A full disk or a closed pipe is an error too: results were lost. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code < CLI_USAGE) {
        fprintf(stderr, "aidetect: cannot write to standard output\n");
        return CLI_IO;
    }
    return code;
}
