/* cli/options.h - options that several commands share, and the tables that stand in a file of their
 * own; for cli/commands.c and those files. */
#pragma once

#include "cli/cli.h"

#define MODEL_OPTION                                                                               \
    {                                                                                              \
        .name = "model", .short_name = 'm', .type = CLI_TEXT, .value_name = "FILE",                \
        .help = "weights file; without it $AIDETECT_MODEL, then the shipped model"                 \
    }
#define THRESHOLD_OPTION                                                                           \
    {                                                                                              \
        .name = "threshold", .short_name = 't', .type = CLI_TEXT, .value_name = "P",               \
        .help = "probability from which a photo counts as AI-generated, or fpr:0.01, fpr:0.05 "    \
                "for the "                                                                         \
                "model's threshold at that false-positive rate; without it the model's own"        \
    }
#define PRECISION_OPTION                                                                           \
    {                                                                                              \
        .name = "precision", .type = CLI_CHOICE, .value_name = "fp32|bf16|int8|auto",              \
        .initial = "fp32",                                                                         \
        .help = "how the network computes; auto: the fastest that processor and model can do"      \
    }
#define WORKERS_OPTION                                                                             \
    {                                                                                              \
        .name = "workers", .short_name = 'w', .type = CLI_INT, .value_name = "N", .low = 0,        \
        .top = 256, .initial = "0", .help = "worker threads; 0: one for each processor"            \
    }
/* Of commands that ask a running service. */
#define API_KEY_OPTION(text)                                                                       \
    {                                                                                              \
        .name = "api-key", .short_name = 'k', .type = CLI_TEXT, .value_name = "KEY",               \
        .help = (text)                                                                             \
    }
#define TIMEOUT_OPTION(text)                                                                       \
    {                                                                                              \
        .name = "timeout", .type = CLI_INT, .value_name = "S", .low = 1, .top = 3600,              \
        .initial = "60", .help = (text)                                                            \
    }
#define SEED_OPTION(text)                                                                          \
    {                                                                                              \
        .name = "seed", .type = CLI_INT, .value_name = "N", .low = 0, .top = 1e15, .initial = "1", \
        .help = (text)                                                                             \
    }
#define TABLE_FORMAT_OPTION(text)                                                                  \
    {                                                                                              \
        .name = "format", .short_name = 'f', .type = CLI_CHOICE, .value_name = "table|json",       \
        .initial = "table", .help = (text)                                                         \
    }

#define CLI_DRILL_OPTIONS 9
extern const struct cli_option cli_drill_options[CLI_DRILL_OPTIONS];
#define CLI_TRAIN_OPTIONS 7
extern const struct cli_option cli_train_options[CLI_TRAIN_OPTIONS];
#define CLI_TWINS_OPTIONS 11
extern const struct cli_option cli_twins_options[CLI_TWINS_OPTIONS];
#define CLI_EVALUATE_OPTIONS 19
extern const struct cli_option cli_evaluate_options[CLI_EVALUATE_OPTIONS];
