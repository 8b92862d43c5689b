/* access/audit.h - the record of administrative acts: one JSON line each, only ever appended, each
 * line sealed with the hash of the one before it, so that a changed or missing line shows.
 * Owns nothing between two calls.  Must not know what an act does.  Thread-safe, also between
 * processes: a line is written under the file's lock and synced. */
#pragma once

#include "base/base.h"

#define ACCESS_AUDIT_FILE_MAX (1u << 30) /* bytes */
#define ACCESS_AUDIT_LINE_MAX 4096
#define ACCESS_AUDIT_TEXT_MAX 400 /* bytes of each text below; longer ones are cut */

/* Texts may be NULL. */
struct access_audit_act {
    const char *actor;   /* "key:0123456789ab", "address:192.0.2.7", "user:operator" */
    const char *role;    /* of the actor */
    const char *address; /* where it came from */
    const char *action;  /* "keys.create", "POST /model/rollback" */
    const char *target;  /* what it was done to */
    const char *outcome; /* "done", or why not */
    const char *request_id;
};

/* A line as read back; the texts live until the visit ends, "" when absent. */
struct access_audit_record {
    int64_t number; /* counts from 1 */
    const char *time;
    struct access_audit_act act;
    bool intact; /* the seal holds and follows the line before */
};

/* ST_LIMIT when the file is full: archive it, the chain then begins anew. */
enum status access_audit_append(const char *path, const struct access_audit_act *act,
                                int64_t now_us, struct err *err) MUST_USE;
/* Calls `visit` for each line in order; lines that cannot be read are visited as not intact, with
 * number 0.  *damaged counts the lines that are not intact. */
enum status access_audit_read(const char *path, size_t *damaged,
                              void (*visit)(void *payload, const struct access_audit_record *),
                              void *payload, struct err *err) MUST_USE;
