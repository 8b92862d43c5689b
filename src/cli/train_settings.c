#include "cli/train_settings.h"

#include <stdio.h>

#define NAME_SIZE 128

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

enum status cli_train_set(struct train_config *config, const struct cli_arguments *arguments,
                          struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < cli_text_count(arguments, "set") && st == ST_OK; i++)
        st = apply(config, cli_text_at(arguments, "set", i), err);
    return st;
}
