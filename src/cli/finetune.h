/* cli/finetune.h - the part of aidetect train that adds photos to a model: one manifest of old and
 * new, and what each slice was worth before and after. */
#pragma once

#include "cli/cli.h"
#include "train/config.h"

/* Writes OUTPUT/manifest.tsv, which `config` then names.  Errors: those of
 * train_additions_write, ST_IO. */
enum status finetune_prepare(struct train_config *config, const struct cli_arguments *arguments,
                             struct err *err) MUST_USE;
/* Measures config->from and `model_path` on the photos that are held out, prints the table and
 * writes OUTPUT/finetune.json. */
enum status finetune_report(const struct train_config *config, const char *model_path,
                            const struct cli_arguments *arguments, struct err *err) MUST_USE;
