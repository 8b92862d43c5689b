/* cli/cmd_serve.c - aidetect serve: model, service and API in order up, and in order down. */
#include "cli/cli.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/access.h"
#include "service/config.h"
#include "service/service.h"

#include "revision.h"

#define PATH_SIZE      4096
#define TEXT_BYTES_MAX (1u << 20)
#define ANSWER_WAIT_MS 2000 /* for answers to leave, once nothing is computed any more */

/* What the settings say about the model; `named` as in cli_find_model(). */
static enum status model_options(struct service_model_options *out,
                                 const struct service_config *config, const char *named,
                                 struct err *err)
{
    *out = (struct service_model_options){
        .threshold = config->threshold,
        .bytes_max = (size_t)config->image_bytes_max,
        .pixels_max = (uint64_t)config->image_pixels_max,
        .side_max_px = (uint32_t)config->image_side_max_px,
    };
    return cli_find_model(out->path, sizeof out->path, named, err);
}

static enum status open_models(struct service_options *options, const struct service_config *config,
                               struct err *err)
{
    struct service_model_options shadow;

    enum status st = model_options(&options->model, config, config->model, err);
    if (st == ST_OK)
        st = service_detect_open(&options->classifier, &options->model, err);
    if (st != ST_OK || !config->shadow[0])
        return st;
    st = model_options(&shadow, config, config->shadow, err);
    if (st == ST_OK)
        st = service_detect_open(&options->shadow, &shadow, err);
    if (st != ST_OK)
        options->classifier.close(options->classifier.payload);
    return st;
}

static enum status open_service(struct service **out, const struct service_config *config,
                                struct err *err)
{
    struct service_options options = {
        .open_model = service_detect_open,
        .worker_count = (unsigned)config->workers,
        .queue_max = (size_t)config->queue_max,
        .wait_ms = (unsigned)config->queue_wait_ms,
        .deadline_ms = (unsigned)config->queue_deadline_ms,
        .clock = &clock_system,
        .endpoints = api_endpoints,
        .endpoint_count = api_endpoint_count,
        .version = AIDETECT_VERSION,
        .revision = AIDETECT_REVISION,
    };
    enum status st = open_models(&options, config, err);

    return st == ST_OK ? service_open(out, &options, err) : st;
}

static enum status open_api(struct api **out, struct service *service,
                            const struct service_config *config, struct err *err)
{
    struct cli_access_paths paths;
    struct api_options options = {
        .listen = config->listen,
        .service = service,
        .clock = &clock_system,
        .no_pages = !config->web_pages,
        .thread_count = (unsigned)config->http_threads,
        .limits =
            {
                .connections_max = (unsigned)config->http_connections_max,
                .address_max = (unsigned)config->http_address_max,
                .bodies_bytes_max = (size_t)config->http_bodies_bytes_max,
                .discard_bytes_max = (size_t)config->http_discard_bytes_max,
                .head_timeout_ms = (unsigned)config->http_head_timeout_ms,
                .body_timeout_ms = (unsigned)config->http_body_timeout_ms,
                .idle_timeout_ms = (unsigned)config->http_idle_timeout_ms,
            },
    };

    if (getentropy(&options.request_id_seed, sizeof options.request_id_seed) != 0)
        options.request_id_seed = (uint64_t)clock_utc_us(&clock_system);
    cli_access_paths(&paths, config);
    cli_access_options(&options, config, &paths);
    return api_open(out, &options, err);
}

/* "http://127.0.0.1:8080": the address that was asked for, with the port that was got. */
static void print_url(const struct service_config *config, unsigned port)
{
    const char *listen = config->listen;
    const char *colon = strrchr(listen, ':');
    int host_len = colon ? (int)(colon - listen) : 0;

    printf("listening on %s://%.*s:%u\n", config->tls_certificate[0] ? "https" : "http",
           host_len ? host_len : 7, host_len ? listen : "0.0.0.0", port);
    (void)fflush(stdout);
}

/* Readiness goes first, then no new connections, then what was accepted is answered. */
static void drain(struct service *service, struct api *api, const struct service_config *config)
{
    unsigned timeout_ms = (unsigned)config->drain_timeout_ms;

    log_info("serve.drain", "timeout_ms=%u", timeout_ms);
    service_start_draining(service);
    bool idle = api_drain(api, timeout_ms);
    service_stop(service);
    if (!idle && !api_drain(api, ANSWER_WAIT_MS))
        log_warn("serve.drain_incomplete", "some clients did not take their answers, closing");
    log_info("serve.stopped", "clean=%s", idle ? "true" : "false");
}

static int run_until_signal(struct service *service, struct api *api,
                            const struct service_config *config, const sigset_t *signals,
                            struct err *err)
{
    int signal_number = 0;

    print_url(config, api_port(api));
    if (service_wait_ready(service, err) != ST_OK)
        return cli_exit_of(err->code);
    log_info("serve.ready", "port=%u", api_port(api));
    while (sigwait(signals, &signal_number) != 0)
        ; /* interrupted: wait again */
    drain(service, api, config);
    return CLI_FINE;
}

static int serve(const struct service_config *config, struct err *err)
{
    struct service *service = NULL;
    struct api *api = NULL;
    sigset_t signals;
    int code;

    /* Blocked before any thread starts, so that only sigwait above ever sees them. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);

    cli_apply_log(config);
    enum status st = open_service(&service, config, err);
    if (st == ST_OK)
        st = open_api(&api, service, config, err);
    if (st != ST_OK)
        code = cli_exit_of(st);
    else
        code = run_until_signal(service, api, config, &signals, err);
    if (service)
        service_stop(service); /* answers whatever is left: the API may close then */
    api_close(api);
    service_close(service);
    return code;
}

static int print_config(const struct service_loaded_config *loaded)
{
    struct buf text;

    buf_init(&text, TEXT_BYTES_MAX);
    service_config_print(&text, loaded);
    (void)fwrite(text.at, 1, text.len, stdout);
    buf_fini(&text);
    return CLI_FINE;
}

int cmd_serve(const struct cli_arguments *arguments, struct err *err)
{
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    enum log_level level = LOG_INFO;
    int code = CLI_FINE;

    if (cli_load_settings(loaded, arguments, cli_text(arguments, "config"), &code, err) == ST_OK) {
        if (log_level_parse(&level, str_of(loaded->values.log_level)))
            log_set_level(level);
        code = cli_flag(arguments, "print-config") ? print_config(loaded)
                                                   : serve(&loaded->values, err);
    }
    mem_free(loaded);
    return code;
}
