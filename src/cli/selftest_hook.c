#include "cli/selftest.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/http.h"
#include "rules/rules.h"

#define BODY_MAX   (1u << 20)
#define ALERTS_MAX 64

struct selftest_hook {
    struct http_server *server;
    pthread_mutex_t lock; /* guards everything below */
    bool fires[ALERTS_MAX];
    bool escalates[ALERTS_MAX][RULES_PERSON_COUNT];
    size_t notification_count;
};

static void answer(struct http_request *request, unsigned status)
{
    const struct http_answer answer = {.status = status, .content_type = "text/plain"};

    http_answer(request, &answer);
}

static void on_refused(void *payload, struct http_request *request, unsigned status,
                       const char *detail)
{
    (void)payload;
    (void)detail;
    answer(request, status);
}

static void on_done(void *payload, const struct http_done *done)
{
    (void)payload;
    (void)done;
}

/* `to`: whom its escalation asks; NULL: the alert itself. */
static void note(struct selftest_hook *hook, size_t alert, const char *to, bool firing)
{
    if (!to)
        hook->fires[alert] = firing;
    for (enum rules_person person = 0; to && person < RULES_PERSON_COUNT; person++)
        if (strcmp(to, rules_person_id(person)) == 0)
            hook->escalates[alert][person] = firing;
}

/* One name may stand for several instances: what fires counts more than what has ended. */
static void note_all(struct selftest_hook *hook, const struct json *alerts, bool firing)
{
    for (size_t i = 0; i < json_count(alerts); i++) {
        const struct json *alert = json_at(alerts, i);
        const char *status = json_get_str(alert, "status");
        const char *name = json_get_str(json_get(alert, "labels"), "alertname");
        const char *to = json_get_str(json_get(alert, "labels"), "escalation");
        if (!status || !name || (strcmp(status, "firing") == 0) != firing)
            continue;
        for (size_t k = 0; k < rules_alert_count; k++)
            if (strcmp(rules_alerts[k].name, name) == 0)
                note(hook, k, to, firing);
    }
}

static void on_notification(void *payload, struct http_request *request)
{
    struct selftest_hook *hook = payload;
    struct json *body = NULL;
    struct err ignored;

    if (json_parse(&body, http_request_body(request), &ignored) != ST_OK) {
        answer(request, 400);
        return;
    }
    const struct json *alerts = json_get(body, "alerts");
    (void)pthread_mutex_lock(&hook->lock);
    hook->notification_count++;
    note_all(hook, alerts, false);
    note_all(hook, alerts, true);
    (void)pthread_mutex_unlock(&hook->lock);
    json_free(body);
    answer(request, 200);
}

enum status selftest_hook_open(struct selftest_hook **out, struct err *err)
{
    static const struct http_route routes[] = {
        {.method = "POST", .path = "/alerts", .body_max = BODY_MAX, .handle = on_notification}};
    struct selftest_hook *hook = mem_alloc(1, sizeof *hook);
    const struct http_options options = {
        .listen = "127.0.0.1:0",
        .routes = routes,
        .route_count = ARRAY_LEN(routes),
        .clock = &clock_system,
        .payload = hook,
        .refuse = on_refused,
        .done = on_done,
    };

    REQUIRE(rules_alert_count <= ALERTS_MAX);
    (void)pthread_mutex_init(&hook->lock, NULL);
    enum status st = http_server_open(&hook->server, &options, err);
    if (st == ST_OK)
        *out = hook;
    else
        selftest_hook_close(hook);
    return st;
}

void selftest_hook_close(struct selftest_hook *hook)
{
    if (!hook)
        return;
    http_server_close(hook->server);
    (void)pthread_mutex_destroy(&hook->lock);
    mem_free(hook);
}

unsigned selftest_hook_port(const struct selftest_hook *hook)
{
    return http_server_port(hook->server);
}

bool selftest_hook_fires(struct selftest_hook *hook, size_t i)
{
    (void)pthread_mutex_lock(&hook->lock);
    bool fires = hook->fires[i];
    (void)pthread_mutex_unlock(&hook->lock);
    return fires;
}

bool selftest_hook_escalates(struct selftest_hook *hook, size_t i, unsigned to)
{
    REQUIRE(to < RULES_PERSON_COUNT);
    (void)pthread_mutex_lock(&hook->lock);
    bool escalates = hook->escalates[i][to];
    (void)pthread_mutex_unlock(&hook->lock);
    return escalates;
}

size_t selftest_hook_notifications(struct selftest_hook *hook)
{
    (void)pthread_mutex_lock(&hook->lock);
    size_t count = hook->notification_count;
    (void)pthread_mutex_unlock(&hook->lock);
    return count;
}
