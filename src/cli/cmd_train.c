/* cli/cmd_train.c - aidetect train. */
#include "cli/cli.h"

int cmd_train(const struct cli_arguments *arguments, struct err *err)
{
    (void)arguments;
    err_set(err, ST_UNSUPPORTED, "not part of this build");
    return CLI_INTERNAL;
}
