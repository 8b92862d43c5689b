/* Fuzz target: a YAML file of settings.  What is accepted is within the table's ranges; what is
 * refused says why and in which file. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "train/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(const struct train_config *config, const struct config_field *field)
{
    const uint8_t *at = (const uint8_t *)config + field->offset;
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
        REQUIRE(memchr(at, '\0', (size_t)field->top) != NULL);
        return;
    case CONFIG_BOOL:
        REQUIRE(*at <= 1);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct train_config config = {0};
    struct err err = {0};

    config_defaults(&config, &train_config_table);
    enum status st = config_parse(&config, &train_config_table,
                                  (struct bytes){.at = data, .len = size}, "fuzz.yaml", &err);
    if (st != ST_OK)
        REQUIRE(err.code == st && strncmp(err.msg, "fuzz.yaml:", 10) == 0);
    for (size_t i = 0; i < train_config_table.count; i++)
        check_field(&config, &train_config_table.fields[i]);
    return 0;
}
