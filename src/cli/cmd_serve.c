/* cli/cmd_serve.c - aidetect serve: model, service and API in order up, and in order down. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/access.h"
#include "cli/serve.h"
#include "cli/store.h"
#include "cli/systemd.h"
#include "service/drift_monitor.h"

#include "revision.h"

#define TEXT_BYTES_MAX (1u << 20)

enum status serve_model_options(struct service_model_options *out,
                                const struct service_config *config, const char *named,
                                struct err *err)
{
    struct detect_options threshold = {0};
    enum detect_precision precision = DETECT_FP32;
    enum status st = detect_threshold_read(&threshold, config->threshold, err);

    if (st != ST_OK)
        return st;
    (void)detect_precision_read(&precision, config->precision); /* the table knows no other word */
    *out = (struct service_model_options){
        .threshold = threshold.threshold,
        .fpr = threshold.fpr,
        .precision = precision,
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

    enum status st = serve_model_options(&options->model, config, config->model, err);
    if (st == ST_OK)
        st = service_detect_open(&options->classifier, &options->model, err);
    if (st != ST_OK || !config->shadow[0])
        return st;
    st = serve_model_options(&shadow, config, config->shadow, err);
    if (st == ST_OK)
        st = service_detect_open(&options->shadow, &shadow, err);
    if (st != ST_OK)
        options->classifier.close(options->classifier.payload);
    return st;
}

static enum status open_service(struct serve *serve, struct err *err)
{
    const struct service_config *config = &serve->config->values;
    char folder[SERVICE_PATH_SIZE + 16];
    struct drift_monitor_options drift;
    struct service_options options = {
        .drift = &drift,
        .open_model = service_detect_open,
        .worker_count = (unsigned)config->workers,
        .queue_max = (size_t)config->queue_max,
        .wait_ms = (unsigned)config->queue_wait_ms,
        .deadline_ms = (unsigned)config->queue_deadline_ms,
        .memory_limit_bytes = (uint64_t)config->monitoring_memory,
        .cpu_limit = config->monitoring_cpu,
        .faults_allowed = config->faults_enabled,
        .clock = &clock_system,
        .log = serve->log,
        .review = serve->review,
        .endpoints = api_endpoints,
        .endpoint_count = api_endpoint_count,
        .version = AIDETECT_VERSION,
        .revision = AIDETECT_REVISION,
    };
    cli_drift_folder(folder, sizeof folder, config);
    service_drift_settings(&drift, config, folder);
    enum status st = open_models(&options, config, err);

    return st == ST_OK ? service_open(&serve->service, &options, err) : st;
}

static enum status open_api(struct serve *serve, int listen_fd, struct err *err)
{
    const struct service_config *config = &serve->config->values;
    struct cli_access_paths paths;
    struct api_options options = {
        .listen = config->listen,
        .listen_fd = listen_fd,
        .service = serve->service,
        .models = serve->models,
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
    memcpy(serve->models, config->models, sizeof serve->models);
    return api_open(&serve->api, &options, err);
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

static void block_signals(void)
{
    sigset_t signals;

    /* Before any thread starts, so that only serve_loop ever sees them. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* A successor listens only once it is ready: what it accepts, its predecessor would have answered.
 * Otherwise probes are answered while the model is loaded. */
static enum status open_all(struct serve *serve, struct err *err)
{
    const struct service_config *config = &serve->config->values;
    int listen_fd = serve->inherited.listen_fd;
    enum status st = ST_OK;

    serve->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (serve->wake_fd < 0)
        return err_set(err, ST_IO, "cannot make an event descriptor: %s", strerror(errno));
    if (!listen_fd)
        st = systemd_listen_fd(&listen_fd, err);
    if (st == ST_OK)
        st = cli_open_review(&serve->review, config, err);
    if (st == ST_OK)
        st = cli_open_log(&serve->log, config, serve->review, err);
    if (st == ST_OK)
        st = open_service(serve, err);
    if (st == ST_OK && serve->inherited.listen_fd)
        st = service_wait_ready(serve->service, err);
    if (st == ST_OK)
        st = open_api(serve, listen_fd, err);
    if (st == ST_OK)
        print_url(config, api_port(serve->api));
    return st == ST_OK ? service_wait_ready(serve->service, err) : st;
}

static int run(struct serve *serve, struct err *err)
{
    int code;

    block_signals();
    upgrade_init(&serve->upgrade);
    upgrade_inherit(&serve->inherited);
    enum status st = open_all(serve, err);
    if (st == ST_OK) {
        log_info("serve.ready", "port=%u", api_port(serve->api));
        systemd_notify("READY=1\nSTATUS=serving");
        upgrade_tell_ready(&serve->inherited);
        code = serve_loop(serve, err);
    } else {
        code = cli_exit_of(st);
    }
    if (serve->service)
        service_stop(serve->service); /* answers whatever is left: the API may close then */
    api_close(serve->api);
    service_close(serve->service);
    prediction_log_close(serve->log); /* writes what is left */
    service_review_close(serve->review);
    serve_reload_drop(serve);
    if (serve->wake_fd > 0)
        (void)close(serve->wake_fd);
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
    struct serve *serve = mem_alloc(1, sizeof *serve);
    struct service_loaded_config *loaded = mem_alloc(1, sizeof *loaded);
    int code = CLI_FINE;

    mem_return_large_blocks();
    serve->arguments = arguments;
    serve->config = loaded;
    if (cli_load_settings(loaded, arguments, cli_text(arguments, "config"), &code, err) == ST_OK) {
        cli_apply_log(&loaded->values);
        code = cli_flag(arguments, "print-config") ? print_config(loaded) : run(serve, err);
    }
    mem_free(loaded);
    mem_free(serve);
    return code;
}
