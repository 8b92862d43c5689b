/* cli/drift_simulate.h - aidetect drift simulate: detectors on made-up traffic; the options of
 * the command. */
#pragma once

#include "cli/cli.h"

#define CLI_DRIFT_OPTIONS 25
extern const struct cli_option cli_drift_options[CLI_DRIFT_OPTIONS]; /* a row of cli_commands */

/* Returns the exit status. */
int drift_simulate(const struct cli_arguments *arguments, struct err *err);
