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
#include "service/service.h"

#include "revision.h"

#define PATH_SIZE        4096
#define DRAIN_TIMEOUT_MS 20000 /* for requests under way when a stop is asked for */
#define ANSWER_WAIT_MS   2000  /* for their answers to leave, once nothing is computed any more */

static enum status open_service(struct service **out, const struct cli_arguments *arguments,
                                struct err *err)
{
    char model[PATH_SIZE];
    struct service_options options = {
        .worker_count = (unsigned)cli_int(arguments, "workers"),
        .queue_max = (size_t)cli_int(arguments, "queue"),
        .clock = &clock_system,
        .endpoints = api_endpoints,
        .endpoint_count = api_endpoint_count,
        .version = AIDETECT_VERSION,
        .revision = AIDETECT_REVISION,
    };
    enum status st = cli_find_model(model, sizeof model, cli_text(arguments, "model"), err);

    if (st == ST_OK)
        st = service_detect_open(&options.classifier, model, cli_double(arguments, "threshold"),
                                 err);
    if (st == ST_OK && cli_text(arguments, "shadow")) {
        st = service_detect_open(&options.shadow, cli_text(arguments, "shadow"),
                                 cli_double(arguments, "threshold"), err);
        if (st != ST_OK)
            options.classifier.close(options.classifier.payload);
    }
    return st == ST_OK ? service_open(out, &options, err) : st;
}

static enum status open_api(struct api **out, struct service *service,
                            const struct cli_arguments *arguments, struct err *err)
{
    struct api_options options = {
        .listen = cli_text(arguments, "listen"),
        .service = service,
        .clock = &clock_system,
    };

    if (getentropy(&options.request_id_seed, sizeof options.request_id_seed) != 0)
        options.request_id_seed = (uint64_t)clock_utc_us(&clock_system);
    return api_open(out, &options, err);
}

/* "http://127.0.0.1:8080": the address that was asked for, with the port that was got. */
static void print_url(const char *listen, unsigned port)
{
    const char *colon = strrchr(listen, ':');
    int host_len = colon ? (int)(colon - listen) : 0;

    printf("listening on http://%.*s:%u\n", host_len ? host_len : 7, host_len ? listen : "0.0.0.0",
           port);
    (void)fflush(stdout);
}

/* Readiness goes first, then no new connections, then what was accepted is answered. */
static void drain(struct service *service, struct api *api)
{
    log_info("serve.drain", "timeout_ms=%d", DRAIN_TIMEOUT_MS);
    service_start_draining(service);
    bool idle = api_drain(api, DRAIN_TIMEOUT_MS);
    service_stop(service);
    if (!idle && !api_drain(api, ANSWER_WAIT_MS))
        log_warn("serve.drain_incomplete", "some clients did not take their answers, closing");
    log_info("serve.stopped", "clean=%s", idle ? "true" : "false");
}

static int run_until_signal(struct service *service, struct api *api, const char *listen,
                            const sigset_t *signals, struct err *err)
{
    int signal_number = 0;

    print_url(listen, api_port(api));
    if (service_wait_ready(service, err) != ST_OK)
        return cli_exit_of(err->code);
    log_info("serve.ready", "port=%u", api_port(api));
    while (sigwait(signals, &signal_number) != 0)
        ; /* interrupted: wait again */
    drain(service, api);
    return CLI_FINE;
}

int cmd_serve(const struct cli_arguments *arguments, struct err *err)
{
    struct service *service = NULL;
    struct api *api = NULL;
    sigset_t signals;
    int code;

    /* Blocked before any thread starts, so that only sigwait below ever sees them. */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);

    enum status st = open_service(&service, arguments, err);
    if (st == ST_OK)
        st = open_api(&api, service, arguments, err);
    if (st != ST_OK)
        code = cli_exit_of(st);
    else
        code = run_until_signal(service, api, cli_text(arguments, "listen"), &signals, err);
    if (service)
        service_stop(service); /* answers whatever is left: the API may close then */
    api_close(api);
    service_close(service);
    return code;
}
