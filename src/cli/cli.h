/* cli/cli.h - the command line: one table of commands and options, from which parsing, --help,
 * the manual page and bash completion are made.  A command is a row of cli_commands (commands.c)
 * and a function cmd_NAME (cmd_NAME.c) that reads its options by name.
 * Must not know: how a command does its work.  One thread. */
#pragma once

#include <stdio.h>

#include "base/base.h"
#include "base/clock.h"
#include "detect/detect.h"

/* What the program's exit status means; scripts rely on these. */
enum cli_exit {
    CLI_FINE = 0,
    CLI_FINDING = 1, /* scan: something AI-generated; evaluate: gate not met */
    CLI_PARTIAL = 2, /* some input failed */
    CLI_USAGE = 64,  /* unknown command, option or value */
    CLI_INTERNAL = 70,
    CLI_IO = 74,     /* file, socket, model */
    CLI_CONFIG = 78, /* configuration file or setting */
};

/* The one mapping from what went wrong to an exit status. */
enum cli_exit cli_exit_of(enum status code);

enum cli_type {
    CLI_FLAG, /* present or not */
    CLI_TEXT,
    CLI_INT,    /* in [low, top] */
    CLI_DOUBLE, /* in [low, top] */
    CLI_CHOICE, /* one of the words in value_name, which are separated by '|' */
    CLI_TYPE_COUNT
};

struct cli_option {
    const char *name; /* long name without dashes */
    char short_name;  /* 0: none */
    enum cli_type type;
    bool repeatable;        /* cli_text_count, cli_text_at; otherwise the last one counts */
    const char *value_name; /* "FILE" and "DIR" complete paths; NULL for a flag */
    double low, top;        /* numbers only */
    const char *initial;    /* default, as it would be typed; NULL: none */
    const char *help;       /* one sentence, lower case, no full stop */
    const char *setting;    /* sets this row of service/config.def, which says type, default and
                               help; then type is CLI_TEXT, initial and help are NULL */
};

/* Help and default of an option, wherever they are declared; NULL: no default. */
const char *cli_option_help(const struct cli_option *option);
const char *cli_option_initial(const struct cli_option *option);

struct cli_arguments;

struct cli_command {
    const char *name;
    const char *summary;  /* one line */
    const char *operands; /* "PATH...", or NULL when it takes none */
    size_t operands_min;  /* at most as many as there are arguments */
    size_t operands_max;  /* 0: no limit */
    const struct cli_option *options;
    size_t option_count;
    const char *description; /* paragraphs, separated by an empty line */
    const char *examples;    /* one command line each */
    /* Returns the exit status.  When *err is set, main prints its message. */
    int (*run)(const struct cli_arguments *arguments, struct err *err);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;
const struct cli_command *cli_find_command(const char *name); /* NULL: no such command */

#define CLI_OPTIONS_MAX 32 /* of one command */
#define CLI_REPEATS_MAX 64 /* of one repeatable option */

struct cli_value {
    const char *texts[CLI_REPEATS_MAX]; /* as typed; texts[0] is the default when there is one */
    size_t count;                       /* 0: neither given nor defaulted */
    bool given;
    int64_t integer;
    double number;
};

struct cli_arguments {
    const struct cli_command *command;
    const char *const *operands;
    size_t operand_count;
    bool help; /* --help was asked for: nothing else was checked */
    struct cli_value values[CLI_OPTIONS_MAX];
};

/* Parses what follows the command's name.  `storage` holds `count` pointers for the operands.
 * ST_INVALID: the message names the argument. */
enum status cli_parse(struct cli_arguments *out, const struct cli_command *command,
                      const char *const *arguments, size_t count, const char **storage,
                      struct err *err) MUST_USE;

/* Options by long name; asking for one that is not in the table is a programmer's error. */
bool cli_flag(const struct cli_arguments *arguments, const char *name);
bool cli_given(const struct cli_arguments *arguments, const char *name); /* typed, not defaulted */
const char *cli_text(const struct cli_arguments *arguments, const char *name); /* NULL: absent */
int64_t cli_int(const struct cli_arguments *arguments, const char *name);      /* 0: absent */
double cli_double(const struct cli_arguments *arguments, const char *name);    /* 0: absent */
size_t cli_text_count(const struct cli_arguments *arguments, const char *name);
const char *cli_text_at(const struct cli_arguments *arguments, const char *name, size_t i);

/* Texts made from the table. */
void cli_print_overview(FILE *out);
void cli_print_help(FILE *out, const struct cli_command *command);
void cli_print_manual(FILE *out);     /* man page, troff */
void cli_print_completion(FILE *out); /* bash */

/* The weights file to use: `given` (from --model) unless NULL, $AIDETECT_MODEL, then the shipped
 * model below the working folder, beside the program, or installed.  `out` holds `size` bytes.
 * ST_NOT_FOUND names the places. */
enum status cli_find_model(char *out, size_t size, const char *given, struct err *err) MUST_USE;

/* What --threshold (a number from 0.0001 to 0.9999, "fpr:0.01" or "fpr:0.05"; absent: the model's)
 * and --precision say.  ST_INVALID names the value. */
enum status cli_read_judging(struct detect_options *out, const struct cli_arguments *arguments,
                             struct err *err) MUST_USE;

struct service_loaded_config;
/* The service's settings: defaults, the file (`file`, $AIDETECT_CONFIG, configs/aidetect.yaml,
 * /etc/aidetect/aidetect.yaml), the environment, then the options of the command that are for a
 * setting, and --set.  The texts of `arguments` must outlive *out.  *code is the exit status of a
 * failure: CLI_USAGE for a flag, CLI_CONFIG for anything else. */
enum status cli_load_settings(struct service_loaded_config *out,
                              const struct cli_arguments *arguments, const char *file, int *code,
                              struct err *err) MUST_USE;

/* Commands, one file each. */
int cmd_scan(const struct cli_arguments *arguments, struct err *err);
int cmd_client(const struct cli_arguments *arguments, struct err *err);
int cmd_explain(const struct cli_arguments *arguments, struct err *err);
int cmd_serve(const struct cli_arguments *arguments, struct err *err);
int cmd_keys(const struct cli_arguments *arguments, struct err *err);
int cmd_audit(const struct cli_arguments *arguments, struct err *err);
int cmd_model(const struct cli_arguments *arguments, struct err *err);
int cmd_config(const struct cli_arguments *arguments, struct err *err);
int cmd_predictions(const struct cli_arguments *arguments, struct err *err);
int cmd_drift(const struct cli_arguments *arguments, struct err *err);
int cmd_store(const struct cli_arguments *arguments, struct err *err);
int cmd_rules(const struct cli_arguments *arguments, struct err *err);
int cmd_dashboards(const struct cli_arguments *arguments, struct err *err);
int cmd_ownership(const struct cli_arguments *arguments, struct err *err);
int cmd_selftest(const struct cli_arguments *arguments, struct err *err);
int cmd_drill(const struct cli_arguments *arguments, struct err *err);
int cmd_train(const struct cli_arguments *arguments, struct err *err);
int cmd_twins(const struct cli_arguments *arguments, struct err *err);
int cmd_evaluate(const struct cli_arguments *arguments, struct err *err);
int cmd_version(const struct cli_arguments *arguments, struct err *err);
