#include "service/drift_state.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define FORMAT    "aidetect drift state 1"
#define PATH_SIZE 1024
#define US_TOP    9000000000000000 /* 2255: exact as a double */

/* ---- state ---- */

static struct json *write_alarm(const struct drift_alarm *alarm)
{
    struct json *value = json_new_object();
    struct json *direction = json_new_array();

    json_set_int(value, "detector", alarm->detector);
    json_set_number(value, "value", alarm->value);
    json_set_number(value, "limit", alarm->limit);
    json_set_int(value, "bet", alarm->bet);
    json_set_int(value, "time_us", alarm->time_us);
    json_set_int(value, "since_us", alarm->since_us);
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++)
        json_append_number(direction, alarm->direction[i]);
    json_set(value, "direction", direction);
    return value;
}

/* Time, probability, sender, features, request, embedding if there is one; verdict and confidence
 * follow from the threshold. */
static struct json *write_sample(const struct drift_sample *sample, const char *id)
{
    struct json *value = json_new_array();

    json_append_int(value, sample->time_us);
    json_append_number(value, sample->probability);
    json_append_int(value, (int64_t)(sample->group & INT64_MAX));
    for (unsigned f = 0; f < DRIFT_FEATURES; f++)
        json_append_number(value, (double)sample->features[f]);
    json_append_str(value, id);
    if (sample->embedding)
        json_append_int(value, (int64_t)sample->embedding);
    return value;
}

void drift_state_write(struct buf *out, const struct drift_saved *saved)
{
    struct json *value = json_new_object();
    struct json *samples = json_new_array();

    json_set_str(value, "format", FORMAT);
    json_set_str(value, "model_version", saved->model_version);
    json_set_str(value, "model_hash", saved->model_hash);
    json_set_number(value, "threshold", saved->threshold);
    json_set_int(value, "baseline_version", saved->baseline_version);
    if (saved->alarmed)
        json_set(value, "alarm", write_alarm(&saved->alarm));
    for (size_t i = 0; i < saved->window.count; i++)
        json_append(samples, write_sample(drift_window_at(&saved->window, i),
                                          saved->ids[drift_window_place(&saved->window, i)]));
    json_set(value, "window", samples);
    if (saved->watch)
        json_set_copy(value, "watch", saved->watch);
    json_write(out, value, 0);
    json_free(value);
}

static enum status broken(const char *what, struct err *err)
{
    return err_set(err, ST_CORRUPT, "the saved state's '%s' is missing or out of range", what);
}

static bool read_text(char *out, size_t size, const char *text)
{
    if (!text || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool read_time(int64_t *out, const struct json *object, const char *key)
{
    return json_get_int(out, object, key) && *out >= 0 && *out <= US_TOP;
}

static bool read_alarm(struct drift_alarm *out, const struct json *object)
{
    struct drift_alarm alarm = {0};
    int64_t detector = 0, bet = 0;
    bool fine = json_get_int(&detector, object, "detector") && detector >= 0 &&
                detector < DRIFT_DETECTOR_COUNT && json_get_int(&bet, object, "bet") && bet >= 0 &&
                bet < DRIFT_BETS && json_get_number(&alarm.value, object, "value") &&
                json_get_number(&alarm.limit, object, "limit") &&
                read_time(&alarm.time_us, object, "time_us") &&
                read_time(&alarm.since_us, object, "since_us");

    alarm.detector = (enum drift_detector)detector;
    alarm.bet = (unsigned)bet;
    for (unsigned i = 0; i < DRIFT_EMBEDDING; i++) { /* older states have none */
        double along = json_number_or(json_at(json_get(object, "direction"), i), 0);
        fine = fine && fabs(along) <= 1 + 1e-6;
        alarm.direction[i] = along;
    }
    *out = alarm;
    return fine;
}

static bool read_sample(struct drift_sample *out, char id[DRIFT_ID_SIZE], const struct json *list,
                        double threshold)
{
    int64_t time_us = json_int_or(json_at(list, 0), -1);
    double p = json_number_or(json_at(list, 1), NAN);
    int64_t group = json_int_or(json_at(list, 2), -1);
    size_t count = json_count(list);
    bool fine = (count == 4 + DRIFT_FEATURES || count == 5 + DRIFT_FEATURES) && time_us >= 0 &&
                time_us <= US_TOP && p >= 0 && p <= 1 && group >= 0;

    *out = (struct drift_sample){
        .time_us = time_us,
        .probability = p,
        .group = (uint64_t)group,
        .embedding = (uint64_t)json_int_or(json_at(list, 4 + DRIFT_FEATURES), 0),
    };
    for (unsigned f = 0; fine && f < DRIFT_FEATURES; f++) {
        double feature = json_number_or(json_at(list, 3 + f), NAN);
        fine = fabs(feature) <= 1e6; /* false for NaN */
        out->features[f] = fine ? (float)feature : 0;
    }
    if (!fine || !read_text(id, DRIFT_ID_SIZE, json_text(json_at(list, 3 + DRIFT_FEATURES))))
        return false;
    out->ai_generated = drift_is_ai(p, threshold);
    out->low = drift_is_low(p, threshold);
    return true;
}

static enum status read_window(struct drift_saved *out, const struct json *samples, struct err *err)
{
    size_t count = json_count(samples);
    size_t first = count > out->window.size ? count - out->window.size : 0;

    if (!samples || count > DRIFT_WINDOW_MAX)
        return broken("window", err);
    for (size_t i = first; i < count; i++) {
        struct drift_sample sample;
        char id[DRIFT_ID_SIZE];
        if (!read_sample(&sample, id, json_at(samples, i), out->threshold))
            return broken("window", err);
        size_t place = drift_window_add(&out->window, &sample);
        memcpy(out->ids[place], id, sizeof id);
    }
    return ST_OK;
}

static enum status read_state(struct drift_saved *out, struct json *value, struct err *err)
{
    const char *format = json_get_str(value, "format");

    if (!format || strcmp(format, FORMAT) != 0)
        return err_set(err, ST_CORRUPT, "this is no '%s'", FORMAT);
    if (!read_text(out->model_version, DRIFT_NAME_SIZE, json_get_str(value, "model_version")) ||
        !read_text(out->model_hash, DRIFT_NAME_SIZE, json_get_str(value, "model_hash")))
        return broken("model_version, model_hash", err);
    if (!json_get_number(&out->threshold, value, "threshold") ||
        !(out->threshold > 0 && out->threshold < 1))
        return broken("threshold", err);
    if (!json_get_int(&out->baseline_version, value, "baseline_version"))
        return broken("baseline_version", err);
    out->alarmed = json_get(value, "alarm") != NULL;
    if (out->alarmed && !read_alarm(&out->alarm, json_get(value, "alarm")))
        return broken("alarm", err);
    return read_window(out, json_get(value, "window"), err);
}

enum status drift_state_parse(struct drift_saved *out, struct bytes text, struct err *err)
{
    struct json *value = NULL;

    if (text.len > DRIFT_STATE_BYTES)
        return err_set(err, ST_LIMIT, "a state of %zu bytes is over %u", text.len,
                       DRIFT_STATE_BYTES);
    if (json_parse(&value, text, err) != ST_OK)
        return ST_CORRUPT;
    enum status st = read_state(out, value, err);
    out->watch = st == ST_OK ? json_take(value, "watch") : NULL;
    json_free(value);
    return st;
}

/* ---- history ---- */

static struct json *write_event(const struct drift_event *event)
{
    struct json *value = json_new_object();
    struct json *examples = json_new_array();
    char time[CLOCK_TEXT_SIZE];

    json_set_str(value, "time", clock_format_utc(time, event->time_us));
    json_set_str(value, "event", event->name);
    json_set_str(value, "what", event->what);
    json_set_number(value, "drift_score", event->score);
    if (event->detector[0]) {
        json_set_str(value, "detector", event->detector);
        json_set_number(value, "value", event->value);
        json_set_number(value, "limit", event->limit);
        if (event->since_us)
            json_set_str(value, "since", clock_format_utc(time, event->since_us));
        json_set_str(value, "story", event->story);
        for (unsigned i = 0; i < DRIFT_EXAMPLES_MAX && event->examples[i][0]; i++)
            json_append_str(examples, event->examples[i]);
        json_set_copy(value, "examples", examples);
    }
    json_free(examples);
    return value;
}

static void rotate(const char *folder, const char *path)
{
    char old[PATH_SIZE];
    struct stat info;

    if (stat(path, &info) != 0 || info.st_size < (off_t)DRIFT_HISTORY_BYTES)
        return;
    (void)snprintf(old, sizeof old, "%s/history.1.jsonl", folder);
    (void)rename(path, old);
}

enum status drift_history_append(const char *folder, const struct drift_event *event,
                                 struct err *err)
{
    char path[PATH_SIZE];
    struct buf line;
    struct json *value = write_event(event);

    buf_init(&line, DRIFT_HISTORY_LINE);
    json_write(&line, value, 0);
    buf_add_str(&line, "\n");
    json_free(value);
    (void)snprintf(path, sizeof path, "%s/history.jsonl", folder);
    rotate(folder, path);
    enum status st = fs_make_folder(folder, err);
    int fd = st == ST_OK ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : -1;
    if (st == ST_OK && (fd < 0 || write(fd, line.at, line.len) != (ssize_t)line.len))
        st = err_set(err, ST_IO, "cannot append to '%s': %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    buf_fini(&line);
    return st;
}
