/* cli/drift_simulate.h - aidetect drift simulate: detectors on made-up traffic. */
#pragma once

#include "cli/cli.h"

/* Returns the exit status. */
int drift_simulate(const struct cli_arguments *arguments, struct err *err);
