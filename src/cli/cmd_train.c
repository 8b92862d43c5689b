/* cli/cmd_train.c - aidetect train: settings from a file and from --set, then one run. */
#include "cli/cli.h"

#include <stdio.h>

#include "cli/finetune.h"
#include "cli/train_settings.h"
#include "revision.h"
#include "train/trainer.h"

#define FINETUNE_EPOCHS "2"
#define FINETUNE_RATE   0.1 /* of the configured one */

/* A trained model needs few and small steps; --set may say otherwise. */
static enum status start_from(struct train_config *config, const char *model, struct err *err)
{
    config->rate *= FINETUNE_RATE;
    enum status st =
        config_set(config, &train_config_table, "run.epochs", str_of(FINETUNE_EPOCHS), err);
    return st == ST_OK ? config_set(config, &train_config_table, "model.from", str_of(model), err)
                       : st;
}

static enum status load(struct train_config *config, const struct cli_arguments *arguments,
                        struct err *err)
{
    enum status st = train_config_load(config, cli_text(arguments, "config"), err);

    if (st == ST_OK && cli_given(arguments, "from"))
        st = start_from(config, cli_text(arguments, "from"), err);
    if (st == ST_OK)
        st = cli_train_set(config, arguments, err);
    if (st == ST_OK && cli_given(arguments, "output"))
        st = config_set(config, &train_config_table, "model.output",
                        str_of(cli_text(arguments, "output")), err);
    if (st == ST_OK && cli_given(arguments, "data") && !config->from[0])
        st = err_set(err, ST_INVALID, "--data adds photos to a model: name it by --from");
    return st;
}

int cmd_train(const struct cli_arguments *arguments, struct err *err)
{
    const struct train_run_options options = {.resume = cli_flag(arguments, "resume"),
                                              .revision = AIDETECT_REVISION,
                                              .clock = &clock_system};
    bool adds = cli_given(arguments, "data");
    struct train_config config;
    struct train_report report;

    if (load(&config, arguments, err) != ST_OK)
        return CLI_CONFIG;
    enum status st = adds ? finetune_prepare(&config, arguments, err) : ST_OK;
    if (st == ST_OK)
        st = train_run(&report, &config, &options, err);
    if (st == ST_OK && adds)
        st = finetune_report(&config, report.model_path, arguments, err);
    if (st != ST_OK)
        return cli_exit_of(st);
    (void)printf("%s  %lld epochs, validation AUC %.4f at epoch %lld\n", report.model_path,
                 (long long)report.epochs, report.best_auc, (long long)report.best_epoch);
    return CLI_FINE;
}
