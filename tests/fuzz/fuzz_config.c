/* Fuzz target: a YAML file of settings, of a training run and of the service.  What is accepted is
 * within the table's ranges; what is refused says why and in which file. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "service/config.h"
#include "train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(const void *settings, const struct config_field *field)
{
    const uint8_t *at = (const uint8_t *)settings + field->offset;
    int64_t whole = 0;
    double real = 0;

    switch (field->type) {
    case CONFIG_INT:
        memcpy(&whole, at, sizeof whole);
        REQUIRE((double)whole >= field->low && (double)whole <= field->top);
        return;
    case CONFIG_DOUBLE:
        memcpy(&real, at, sizeof real);
        REQUIRE(real >= field->low && real <= field->top);
        return;
    case CONFIG_TEXT:
    case CONFIG_CHOICE:
        REQUIRE(memchr(at, '\0', (size_t)field->top) != NULL);
        return;
    case CONFIG_BOOL:
        REQUIRE(*at <= 1);
        return;
    }
}

static void read_settings(void *settings, const struct config_table *table, struct bytes yaml)
{
    size_t lines[SERVICE_SETTING_COUNT + 128] = {0};
    struct err err = {0};

    REQUIRE(table->count <= ARRAY_LEN(lines));
    config_defaults(settings, table);
    enum status st = config_parse_lines(settings, table, yaml, "fuzz.yaml", lines, &err);
    if (st != ST_OK)
        REQUIRE(err.code == st && strncmp(err.msg, "fuzz.yaml:", 10) == 0);
    for (size_t i = 0; i < table->count; i++)
        check_field(settings, &table->fields[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct train_config train = {0};
    struct service_config service = {0};

    read_settings(&train, &train_config_table, (struct bytes){.at = data, .len = size});
    read_settings(&service, &service_config_table, (struct bytes){.at = data, .len = size});
    return 0;
}
