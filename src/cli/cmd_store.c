/* cli/cmd_store.c - aidetect store: the schema of the database that the settings name. */
#include "cli/cli.h"

#include <string.h>

#include "base/mem.h"
#include "cli/store.h"

static enum status show_status(struct store *store, struct err *err)
{
    struct store_schema schema;

    enum status st = store_read_schema(&schema, store, err);
    if (st != ST_OK)
        return st;
    printf("database  %s\nschema    %u of %u%s\n", store_kind_name(store), schema.version,
           schema.known, schema.version < schema.known ? ": run aidetect store migrate" : "");
    for (size_t i = 0; i < store_migration_count; i++)
        printf("%9u  %-10s %s\n", store_migrations[i].version,
               store_migrations[i].version <= schema.version ? "applied" : "pending",
               store_migrations[i].name);
    return ST_OK;
}

static enum status migrate(struct store *store, struct err *err)
{
    unsigned applied = 0;

    enum status st = store_migrate(store, &clock_system, &applied, err);
    if (st == ST_OK)
        printf("%u applied, the schema is %zu\n", applied, store_migration_count);
    return st;
}

int cmd_store(const struct cli_arguments *arguments, struct err *err)
{
    const char *action = arguments->operands[0];
    bool migrating = strcmp(action, "migrate") == 0;
    char url[STORE_URL_MAX];
    struct store *store = NULL;
    int code = CLI_USAGE;

    if (!migrating && strcmp(action, "status") != 0) {
        (void)err_set(err, ST_INVALID, "'%.40s' is neither migrate nor status", action);
        return CLI_USAGE;
    }
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    if (cli_load_settings(loaded, arguments, cli_text(arguments, "config"), &code, err) == ST_OK) {
        cli_store_url(url, &loaded->values);
        enum status st = store_open(&store, url, NULL, err);
        if (st == ST_OK)
            st = migrating ? migrate(store, err) : show_status(store, err);
        code = cli_exit_of(st);
    }
    store_close(store);
    mem_free(loaded);
    return code;
}
