/* cli/cmd_version.c - aidetect version: what a report about a fault needs. */
#include "cli/cli.h"

#include "revision.h"

int cmd_version(const struct cli_arguments *arguments, struct err *err)
{
    (void)arguments;
    (void)err;
    printf("aidetect %s (%s)\n", AIDETECT_VERSION, AIDETECT_REVISION);
    return CLI_FINE;
}
