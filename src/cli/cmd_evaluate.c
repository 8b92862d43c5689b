/* cli/cmd_evaluate.c - aidetect evaluate. */
#include "cli/cli.h"

int cmd_evaluate(const struct cli_arguments *arguments, struct err *err)
{
    (void)arguments;
    err_set(err, ST_UNSUPPORTED, "not part of this build");
    return CLI_INTERNAL;
}
