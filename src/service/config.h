/* service/config.h - the settings of the service: one table (config.def), read in the order
 * defaults < file < environment < flags, each value with where it came from; the texts made from
 * it. Must not know what a setting does.  Owns nothing; thread-safe. */
#pragma once

#include "base/buf.h"
#include "base/config.h"

#define SERVICE_TEXT_SIZE       128
#define SERVICE_PATH_SIZE       512
#define SERVICE_LIST_SIZE       1024
#define SERVICE_CHOICE_SIZE     16
#define SERVICE_ENV_PREFIX      "AIDETECT_"
#define SERVICE_CONFIG_FILE_MAX (1u << 20) /* bytes of a configuration file */

/* A member for each row: int64_t, double, bool or text. */
struct service_config {
#define SETTING_INT(member, ...)                int64_t member;
#define SETTING_REAL(member, ...)               double member;
#define SETTING_BOOL(member, ...)               bool member;
#define SETTING_TEXT(member, name, size, ...)   char member[size];
#define SETTING_SECRET(member, name, size, ...) char member[size];
#define SETTING_CHOICE(member, ...)             char member[SERVICE_CHOICE_SIZE];
#include "service/config.def"
};

/* SETTING_listen, SETTING_queue_max, ...: the place of a row. */
enum service_setting_index {
#define SETTING_INT(member, ...)    SETTING_##member,
#define SETTING_REAL(member, ...)   SETTING_##member,
#define SETTING_BOOL(member, ...)   SETTING_##member,
#define SETTING_TEXT(member, ...)   SETTING_##member,
#define SETTING_SECRET(member, ...) SETTING_##member,
#define SETTING_CHOICE(member, ...) SETTING_##member,
#include "service/config.def"
    SERVICE_SETTING_COUNT
};

/* What a row says besides its config_field, which has the same index. */
struct service_setting {
    const char *unit; /* "" without one */
    bool reloadable;  /* SIGHUP applies it */
    bool secret;      /* never printed */
};
extern const struct config_table service_config_table;
extern const struct service_setting service_settings[];

enum service_origin {
    SERVICE_FROM_DEFAULT,
    SERVICE_FROM_FILE,
    SERVICE_FROM_ENVIRONMENT,
    SERVICE_FROM_FLAG
};

struct service_loaded_config {
    struct service_config values;
    char file[SERVICE_PATH_SIZE]; /* "": none was read */
    struct {
        enum service_origin origin;
        size_t line;      /* in the file */
        const char *flag; /* "listen", "set"; borrowed from the inputs */
    } sources[SERVICE_SETTING_COUNT];
};

/* One setting from the command line. */
struct service_flag {
    const char *flag; /* without its dashes: "listen" */
    struct str name;  /* of the setting */
    struct str value;
};

struct service_config_inputs {
    const char *file;               /* NULL: none */
    const char *const *environment; /* "NAME=VALUE", ends in NULL; NULL: none */
    const struct service_flag *flags;
    size_t flag_count;
};

/* Errors name the file and line, the variable or the flag: ST_NOT_FOUND or ST_IO for the file,
 * ST_INVALID and ST_LIMIT for what is in it. */
enum status service_config_load(struct service_loaded_config *out,
                                const struct service_config_inputs *inputs,
                                struct err *err) MUST_USE;

#define SERVICE_ENV_NAME_SIZE 80
/* "AIDETECT_QUEUE_MAX" for "queue.max". */
void service_config_env_name(char out[SERVICE_ENV_NAME_SIZE], const char *setting);
/* Calls visit(payload, name) for each variable that has the prefix and means nothing, but for what
 * Kubernetes sets by itself beside a service called "aidetect". */
void service_config_unknown_env(const char *const *environment,
                                void (*visit)(void *payload, struct str name), void *payload);

struct access_settings;
/* The rows that access/policy.h reads; borrows the texts.  loopback_only is false. */
void service_access_settings(struct access_settings *out, const struct service_config *config);

/* Calls visit(payload, index) for each setting that is not the same in both. */
void service_config_diff(const struct service_config *a, const struct service_config *b,
                         void (*visit)(void *payload, size_t index), void *payload);

/* Every value and where it came from, as a configuration file. */
void service_config_print(struct buf *out, const struct service_loaded_config *loaded);
/* configs/aidetect.yaml: every setting, commented out at its default. */
void service_config_write_example(struct buf *out);
/* docs/CONFIGURATION.md. */
void service_config_write_reference(struct buf *out);
