#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/access.h"
#include "cli/serve.h"
#include "cli/systemd.h"

void serve_apply(const struct service_config *config, struct service *service)
{
    cli_apply_log(config);
    service_set_queue(service, (size_t)config->queue_max, (unsigned)config->queue_wait_ms,
                      (unsigned)config->queue_deadline_ms);
}

/* On the spare thread. */
static void on_swapped(struct service_swap *swap)
{
    struct serve *serve = swap->payload;
    const uint64_t one = 1;

    atomic_store(&serve->reload.ended, true);
    ssize_t written = write(serve->wake_fd, &one, sizeof one);
    (void)written; /* only a full counter refuses, and then it is readable already */
}

static void end(struct serve *serve, const struct err *failure)
{
    char detail[LOG_QUOTED_SIZE];

    mem_free(serve->reload.fresh);
    serve->reload.fresh = NULL;
    service_count_reload(serve->service, failure == NULL);
    if (failure)
        log_error("config.reload_failed", "detail=%s", log_quote(detail, failure->msg));
    else
        log_info("config.reloaded", "file=%s", log_quote(detail, serve->config->file));
    systemd_notify("READY=1\nSTATUS=%s",
                   failure ? "serving; the last reading of the settings failed" : "serving");
}

/* Keys, limits, certificate and audit: all of them or none. */
static enum status reload_access(struct serve *serve, const struct service_config *config,
                                 struct err *err)
{
    struct api_options options = {.service = serve->service};
    struct cli_access_paths paths;

    cli_access_paths(&paths, config);
    cli_access_options(&options, config, &paths);
    return api_reload(serve->api, &options.access, err);
}

static void tell_change(void *payload, size_t index)
{
    const struct config_field *field = &service_config_table.fields[index];

    (void)payload;
    if (service_settings[index].reloadable)
        log_info("config.changed", "setting=%s", field->name);
    else
        log_warn("config.restart_needed", "setting=%s", field->name);
}

void serve_reload_start(struct serve *serve)
{
    struct serve_reload *reload = &serve->reload;
    struct err err;
    int ignored = 0;

    if (reload->fresh) {
        reload->again = true;
        return;
    }
    systemd_notify_reloading(clock_monotonic_us(&clock_system));
    reload->fresh = mem_alloc(1, sizeof *reload->fresh);
    enum status st = cli_load_settings(reload->fresh, serve->arguments,
                                       cli_text(serve->arguments, "config"), &ignored, &err);
    reload->swap = (struct service_swap){.payload = serve, .done = on_swapped};
    if (st == ST_OK)
        st = serve_model_options(&reload->swap.model, &reload->fresh->values,
                                 reload->fresh->values.model, &err);
    if (st == ST_OK)
        st = reload_access(serve, &reload->fresh->values, &err);
    reload->submitted = false;
    atomic_store(&reload->ended, false);
    if (st != ST_OK)
        end(serve, &err);
}

/* The model could not be loaded: access goes back to what it was. */
static void roll_back(struct serve *serve, const struct err *failure)
{
    char detail[LOG_QUOTED_SIZE];
    struct err err;

    if (reload_access(serve, &serve->config->values, &err) != ST_OK)
        log_error("config.access_lost", "detail=%s", log_quote(detail, err.msg));
    end(serve, failure);
}

/* Everything was checked: from here on nothing fails. */
static void commit(struct serve *serve)
{
    struct serve_reload *reload = &serve->reload;

    service_config_diff(&serve->config->values, &reload->fresh->values, tell_change, NULL);
    serve_apply(&reload->fresh->values, serve->service);
    *serve->config = *reload->fresh;
    end(serve, NULL);
}

bool serve_reload_step(struct serve *serve)
{
    struct serve_reload *reload = &serve->reload;
    struct err err;

    if (!reload->fresh)
        return false;
    if (!reload->submitted) {
        enum status st = service_swap_model(serve->service, &reload->swap, &err);
        reload->submitted = st == ST_OK;
        if (st != ST_OK && st != ST_BUSY) /* busy: another swap ends soon */
            roll_back(serve, &err);
    } else if (atomic_load(&reload->ended)) {
        if (reload->swap.status == ST_OK)
            commit(serve);
        else
            roll_back(serve, &reload->swap.err);
    }
    if (reload->fresh || !reload->again)
        return reload->fresh != NULL;
    reload->again = false;
    serve_reload_start(serve);
    return reload->fresh != NULL;
}

void serve_reload_drop(struct serve *serve)
{
    mem_free(serve->reload.fresh);
    serve->reload.fresh = NULL;
}
