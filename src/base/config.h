/* base/config.h - settings from a YAML file into a struct, driven by one table (libyaml stays
 * inside config.c).  Nested mappings are dotted: `optimizer: {rate: 1}` is `optimizer.rate`.
 * Unknown keys, wrong types and values out of range are errors that name file and line. */
#pragma once

#include "base/base.h"

enum config_type { CONFIG_INT, CONFIG_DOUBLE, CONFIG_BOOL, CONFIG_TEXT, CONFIG_CHOICE };

/* One setting: an int64_t, double, bool or char[top] at `offset` in the settings struct. */
struct config_field {
    const char *name; /* dotted */
    enum config_type type;
    size_t offset;
    double low;          /* smallest value; for text and choice, ignored */
    double top;          /* largest value; for text and choice, size of the array with its NUL */
    const char *initial; /* default, as it would be written in the file; of a choice all its words,
                            separated by '|', the default first */
    const char *help;    /* one line, with the unit */
};

struct config_table {
    const struct config_field *fields;
    size_t count;
};

/* NULL when there is none of that name. */
const struct config_field *config_find(const struct config_table *table, struct str name);
/* Every field to its default. */
void config_defaults(void *settings, const struct config_table *table);
/* Sets one field from text, as from a flag or the environment. */
enum status config_set(void *settings, const struct config_table *table, const char *name,
                       struct str value, struct err *err) MUST_USE;
/* Reads a YAML document over what is in `settings`.  On failure `settings` may be half-written:
 * load into a copy.  `origin` names the document in messages. */
enum status config_parse(void *settings, const struct config_table *table, struct bytes yaml,
                         const char *origin, struct err *err) MUST_USE;
/* The same; lines[i] becomes the line that sets field i, and stays what it is for the others.  A
 * field that is set twice is an error. */
enum status config_parse_lines(void *settings, const struct config_table *table, struct bytes yaml,
                               const char *origin, size_t *lines, struct err *err) MUST_USE;
/* "whole number from 1 to 65535", "one of info, warn", ... */
void config_describe(char *out, size_t size, const struct config_field *field);
struct str config_initial(const struct config_field *field);
/* The current value of a field as text. */
void config_get_text(char *out, size_t size, const void *settings,
                     const struct config_field *field);
