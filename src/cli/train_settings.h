/* cli/train_settings.h - training settings from a file and from --set, for commands that train. */
#pragma once

#include "cli/cli.h"
#include "train/config.h"

/* One KEY=VALUE after the other of --set. */
enum status cli_train_set(struct train_config *config, const struct cli_arguments *arguments,
                          struct err *err) MUST_USE;
