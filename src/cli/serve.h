/* cli/serve.h - what the files of `aidetect serve` share: cmd_serve.c goes up and down,
 * serve_loop.c waits for signals, serve_reload.c reads the settings again.
 * One thread, but for what says otherwise. */
#pragma once

#include <stdatomic.h>

#include "api/api.h"
#include "cli/cli.h"
#include "cli/upgrade.h"
#include "service/config.h"
#include "service/service.h"

/* Settings that were read and wait for their model. */
struct serve_reload {
    struct service_loaded_config *fresh; /* NULL: no reload is under way */
    struct service_swap swap;
    bool submitted;     /* the spare thread has the swap */
    _Atomic bool ended; /* set by the spare thread */
    bool again;         /* asked for once more meanwhile */
};

struct serve {
    const struct cli_arguments *arguments;
    struct service_loaded_config *config; /* in use */
    struct service *service;
    struct service_review *review; /* NULL: no photos are kept */
    struct prediction_log *log;    /* NULL: none is kept */
    struct api *api;
    char models[SERVICE_PATH_SIZE]; /* the API's, as long as it is open */
    int wake_fd;                    /* an eventfd: something ended that the loop waits for */
    struct serve_reload reload;
    struct upgrade upgrade;
    struct upgrade_inheritance inherited;
};

/* What the settings say about a model; `named` as in cli_find_model(). */
enum status serve_model_options(struct service_model_options *out,
                                const struct service_config *config, const char *named,
                                struct err *err) MUST_USE;
/* What they say about the queue, the log and whatever else is no model; at once. */
void serve_apply(const struct service_config *config, struct service *service);

/* Until a signal ends it, or a successor takes over: the exit status. */
int serve_loop(struct serve *serve, struct err *err);

/* Reads the settings; when they are sound, their model is loaded beside the one in use. */
void serve_reload_start(struct serve *serve);
/* Goes on when it can; true while there is something to wait for. */
bool serve_reload_step(struct serve *serve);
/* The spare thread must have ended. */
void serve_reload_drop(struct serve *serve);
