/* cli/cmd_train.c - aidetect train: settings from a file and from --set, then one run. */
#include "cli/cli.h"

#include <stdio.h>

#include "revision.h"
#include "train/trainer.h"

#define NAME_SIZE 128

/* One KEY=VALUE of --set. */
static enum status apply(struct train_config *config, const char *assignment, struct err *err)
{
    struct str value = str_of(assignment);
    struct str key = str_split(&value, '=');
    char name[NAME_SIZE];

    if (!key.len || key.len >= sizeof name || value.at == key.at + key.len)
        return err_set(err, ST_INVALID, "--set takes KEY=VALUE, not '%.80s'", assignment);
    (void)snprintf(name, sizeof name, "%.*s", (int)key.len, key.at);
    return config_set(config, &train_config_table, name, value, err);
}

static enum status load(struct train_config *config, const struct cli_arguments *arguments,
                        struct err *err)
{
    enum status st = train_config_load(config, cli_text(arguments, "config"), err);

    for (size_t i = 0; i < cli_text_count(arguments, "set") && st == ST_OK; i++)
        st = apply(config, cli_text_at(arguments, "set", i), err);
    if (st == ST_OK && cli_given(arguments, "output"))
        st = config_set(config, &train_config_table, "model.output",
                        str_of(cli_text(arguments, "output")), err);
    return st;
}

int cmd_train(const struct cli_arguments *arguments, struct err *err)
{
    const struct train_run_options options = {.resume = cli_flag(arguments, "resume"),
                                              .revision = AIDETECT_REVISION,
                                              .clock = &clock_system};
    struct train_config config;
    struct train_report report;

    if (load(&config, arguments, err) != ST_OK)
        return CLI_CONFIG;
    enum status st = train_run(&report, &config, &options, err);
    if (st != ST_OK)
        return cli_exit_of(st);
    (void)printf("%s  %lld epochs, validation AUC %.4f at epoch %lld\n", report.model_path,
                 (long long)report.epochs, report.best_auc, (long long)report.best_epoch);
    return CLI_FINE;
}
