/* cli/cmd_keys.c - aidetect keys: makes, lists, rotates and revokes API keys.  A running server
 * reads the file again by itself. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include "access/keys.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/access.h"

#define DAY_S         86400
#define HOUR_S        3600
#define LIST_TEXT_MAX (4u << 20)

/* One change: the file is locked from reading to writing. */
struct change {
    const struct cli_arguments *arguments;
    struct cli_access_paths paths;
    struct access_keys keys;
    int64_t now_s;
    char text[ACCESS_KEY_TEXT_SIZE]; /* of a new key */
    char id[ACCESS_KEY_ID_SIZE];
};

/* No file is no keys yet. */
static enum status load(struct change *change, struct err *err)
{
    struct err mine;
    enum status st = access_keys_load(&change->keys, change->paths.keys, &mine);

    if (st == ST_OK || st == ST_NOT_FOUND)
        return ST_OK;
    *err = mine;
    return st;
}

/* ---- list ---- */

static const char *time_text(char out[CLOCK_TEXT_SIZE], int64_t seconds)
{
    if (seconds)
        return clock_format_utc(out, seconds * 1000000);
    memcpy(out, "-", 2);
    return out;
}

static const char *state_of(const struct access_key *key, int64_t now_s)
{
    if (key->revoked_s)
        return "revoked";
    if (key->expires_s && now_s >= key->expires_s)
        return "expired";
    return now_s < key->previous_until_s ? "rotating" : "valid";
}

static void set_time(struct json *object, const char *name, int64_t seconds)
{
    char text[CLOCK_TEXT_SIZE];

    if (seconds)
        json_set_str(object, name, time_text(text, seconds));
    else
        json_set_null(object, name);
}

static void list_json(const struct access_keys *keys, int64_t now_s)
{
    struct json *list = json_new_array();
    struct buf text;

    for (size_t i = 0; i < keys->count; i++) {
        const struct access_key *key = &keys->items[i];
        struct json *value = json_new_object();
        json_set_str(value, "id", key->id);
        json_set_str(value, "name", key->name);
        json_set_str(value, "role", access_role_name(key->role));
        json_set_str(value, "state", state_of(key, now_s));
        json_set_number(value, "limit_factor", key->limit_factor);
        set_time(value, "created_at", key->created_s);
        set_time(value, "expires_at", key->expires_s);
        set_time(value, "rotated_at", key->rotated_s);
        set_time(value, "previous_until", key->previous_until_s);
        set_time(value, "revoked_at", key->revoked_s);
        json_append(list, value);
    }
    buf_init(&text, LIST_TEXT_MAX);
    json_write(&text, list, 2);
    json_free(list);
    printf("%.*s\n", (int)text.len, (const char *)text.at);
    buf_fini(&text);
}

static void list_table(const struct access_keys *keys, int64_t now_s)
{
    char created[CLOCK_TEXT_SIZE];
    char expires[CLOCK_TEXT_SIZE];

    printf("%-12s  %-8s  %-8s  %-20s  %-20s  %s\n", "ID", "ROLE", "STATE", "CREATED", "EXPIRES",
           "NAME");
    for (size_t i = 0; i < keys->count; i++) {
        const struct access_key *key = &keys->items[i];
        printf("%-12s  %-8s  %-8s  %-20s  %-20s  %s\n", key->id, access_role_name(key->role),
               state_of(key, now_s), time_text(created, key->created_s),
               time_text(expires, key->expires_s), key->name);
    }
}

static enum status list(struct change *change, struct err *err)
{
    enum status st = load(change, err);

    if (st == ST_OK && strcmp(cli_text(change->arguments, "format"), "json") == 0)
        list_json(&change->keys, change->now_s);
    else if (st == ST_OK)
        list_table(&change->keys, change->now_s);
    return st;
}

/* ---- changes ---- */

static enum status create(struct change *change, const char *name, struct err *err)
{
    const struct cli_arguments *arguments = change->arguments;
    struct access_key_options options = {.name = name,
                                         .limit_factor = cli_double(arguments, "limit-factor")};
    int64_t days = cli_int(arguments, "expires-days");

    if (!access_role_parse(&options.role, str_of(cli_text(arguments, "role"))))
        return err_set(err, ST_INVALID, "the role is predict, operator or admin");
    if (days)
        options.expires_s = change->now_s + days * DAY_S;
    enum status st = access_keys_create(&change->keys, change->text, &options, change->now_s, err);
    if (st == ST_OK)
        memcpy(change->id, change->keys.items[change->keys.count - 1].id, sizeof change->id);
    return st;
}

static enum status apply(struct change *change, const char *action, const char *operand,
                         struct err *err)
{
    if (strcmp(action, "create") == 0)
        return create(change, operand, err);
    (void)snprintf(change->id, sizeof change->id, "%s", operand);
    if (strcmp(action, "rotate") == 0)
        return access_keys_rotate(&change->keys, change->text, operand,
                                  cli_int(change->arguments, "grace-hours") * HOUR_S, change->now_s,
                                  err);
    return access_keys_revoke(&change->keys, operand, change->now_s, err);
}

/* The act is recorded before it holds: no key comes to be, or ends, without a line. */
static enum status change_locked(struct change *change, const char *action, const char *operand,
                                 struct err *err)
{
    char name[24];
    enum status st = load(change, err);

    if (st == ST_OK)
        st = apply(change, action, operand, err);
    if (st != ST_OK)
        return st;
    (void)snprintf(name, sizeof name, "keys.%s", action);
    st = cli_audit(&change->paths, name, change->id, err);
    return st == ST_OK ? access_keys_save(&change->keys, change->paths.keys, err) : st;
}

static enum status make_change(struct change *change, const char *folder, const char *action,
                               const char *operand, struct err *err)
{
    int lock = -1;
    enum status st = fs_make_folder(folder, err);

    if (st == ST_OK)
        st = access_keys_lock(&lock, change->paths.keys, err);
    if (st != ST_OK)
        return st;
    st = change_locked(change, action, operand, err);
    access_keys_unlock(lock);
    if (st != ST_OK)
        return st;
    if (change->text[0]) {
        printf("%s\n", change->text);
        fprintf(stderr, "key %s: shown this once, only its hash is kept\n", change->id);
    } else {
        printf("key %s is revoked\n", change->id);
    }
    return ST_OK;
}

/* ---- the command ---- */

static enum status check_usage(const struct cli_arguments *arguments, struct err *err)
{
    const char *action = arguments->operands[0];
    bool lists = strcmp(action, "list") == 0;

    if (!lists && strcmp(action, "create") != 0 && strcmp(action, "rotate") != 0 &&
        strcmp(action, "revoke") != 0)
        return err_set(err, ST_INVALID, "'%.40s' is none of create, list, rotate, revoke", action);
    if (arguments->operand_count != (lists ? 1u : 2u))
        return err_set(err, ST_INVALID, "keys %s takes %s", action,
                       lists                           ? "nothing more"
                       : strcmp(action, "create") == 0 ? "one name"
                                                       : "the id of one key");
    return ST_OK;
}

int cmd_keys(const struct cli_arguments *arguments, struct err *err)
{
    struct change change = {.arguments = arguments, .now_s = clock_utc_us(&clock_system) / 1000000};
    int code = CLI_USAGE;

    if (check_usage(arguments, err) != ST_OK)
        return CLI_USAGE;
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    enum status st =
        cli_load_settings(loaded, arguments, cli_text(arguments, "config"), &code, err);
    if (st == ST_OK) {
        cli_access_paths(&change.paths, &loaded->values);
        st = strcmp(arguments->operands[0], "list") == 0
                 ? list(&change, err)
                 : make_change(&change, loaded->values.data, arguments->operands[0],
                               arguments->operands[1], err);
        bool refused = st == ST_NOT_FOUND || st == ST_CONFLICT; /* that id */
        code = refused ? CLI_PARTIAL : (int)cli_exit_of(st);
    }
    access_keys_free(&change.keys);
    mem_free(loaded);
    return code;
}
