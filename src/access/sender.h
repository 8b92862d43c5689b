/* access/sender.h - whom a photo is from, as a number: equal for all photos of one seller, and to
 * whoever has not the secret it tells nothing else.  Immutable after opening; thread-safe. */
#pragma once

#include "base/base.h"

#define ACCESS_SENDER_NAME_MAX 128 /* bytes */

struct access_senders {
    uint8_t secret[32];
};

/* The secret in the file `path`, which is made when it is not there (mode 0600): numbers stay the
 * same over restarts.  On an error (ST_CORRUPT, and those of files), and when path is NULL, it is
 * this process's own. */
enum status access_senders_open(struct access_senders *out, const char *path, struct err *err);

/* What is known of a client, in the order in which it is asked for. */
enum access_sender_kind {
    ACCESS_SENDER_NAMED, /* by itself: a marketplace names its sellers */
    ACCESS_SENDER_KEY,   /* the id of its API key */
    ACCESS_SENDER_ADDRESS,
};
/* From 1 to INT64_MAX; the same name of another kind is another sender. */
uint64_t access_sender(const struct access_senders *senders, enum access_sender_kind kind,
                       struct bytes name);
