/* cli/drift_remote.h - aidetect drift status --url: what a running service sees. */
#pragma once

#include "cli/cli.h"

/* Returns the exit status: 1 when there is drift or an alarm holds. */
int drift_remote(const struct cli_arguments *arguments, struct err *err);
