/* cli/selftest.h - what the files of `aidetect selftest` share: cmd_selftest.c has the plan,
 * selftest_stack.c the processes, selftest_hook.c what receives alerts, selftest_load.c requests.
 */
#pragma once

#include <sys/types.h>

#include "cli/cli.h"

#define SELFTEST_PATH_SIZE 512

/* ---- processes, each with its output in FOLDER/NAME.log ---- */

struct selftest_process {
    const char *name;
    pid_t pid; /* 0: not running */
};

/* `arguments` ends in NULL; its first is looked up in PATH. */
enum status selftest_start(struct selftest_process *out, const char *folder, const char *name,
                           const char *const *arguments, struct err *err) MUST_USE;
/* Until it accepts connections.  ST_CONFLICT when it ends first: the message has its last line. */
enum status selftest_wait(struct selftest_process *process, const char *folder, unsigned port,
                          unsigned timeout_ms, struct err *err) MUST_USE;
void selftest_stop(struct selftest_process *process); /* not running is fine */
/* A port of 127.0.0.1 that nobody listens on now. */
enum status selftest_free_port(unsigned *out, struct err *err) MUST_USE;
void selftest_remove(const char *folder); /* and all below it */

/* ---- the receiver of Alertmanager's notifications ---- */

struct selftest_hook;

enum status selftest_hook_open(struct selftest_hook **out, struct err *err) MUST_USE;
void selftest_hook_close(struct selftest_hook *hook); /* NULL is fine */
unsigned selftest_hook_port(const struct selftest_hook *hook);
/* Whether the last that was heard of alert i of rules_alerts is that it fires. */
bool selftest_hook_fires(struct selftest_hook *hook, size_t i);
/* Whether the last that was heard is that `to` (enum rules_person) is asked about it. */
bool selftest_hook_escalates(struct selftest_hook *hook, size_t i, unsigned to);
size_t selftest_hook_notifications(struct selftest_hook *hook);

/* ---- requests ---- */

enum selftest_load { SELFTEST_QUIET, SELFTEST_PREDICT, SELFTEST_BATCH, SELFTEST_EXPLAIN };

struct selftest_requests;

/* Four clients that ask the service on `port` about one small photo, again and again. */
enum status selftest_requests_open(struct selftest_requests **out, unsigned port,
                                   struct err *err) MUST_USE;
void selftest_requests_set(struct selftest_requests *requests, enum selftest_load load);
void selftest_requests_close(struct selftest_requests *requests); /* NULL is fine */
