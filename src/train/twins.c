/* train/twins.c - plans the twins of a list of photos, then makes what is missing on pinned
 * threads, photos of one autoencoder and size after each other.  `lock` guards the report, the
 * listener and which job is next; a job belongs to the thread that took it. */
#include "train/twins.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/twins_manifest.h"

#define PATH_SIZE   4096
#define ARENA_BYTES ((size_t)2 << 30)   /* virtual: 50 MP as bytes and floats */
#define ARENA_KEEP  ((size_t)128 << 20) /* pages kept between photos */
#define WORKERS_MAX 256
#define NAME_DIGITS 24 /* of the recipe's hash */

struct job {
    const struct train_twins_input *input;
    const struct train_vae *vae;
    bool pending;
    struct train_twins_row row;
};

struct team {
    const struct train_twins_options *options;
    struct job *jobs;
    size_t job_count;
    struct job **pending;
    size_t pending_count;
    size_t next;
    double differences; /* sum over made twins of their mean difference */
    struct train_twins_report report;
    pthread_mutex_t lock;
    struct err failure; /* of a thread that could not start */
    bool failed;
};

struct worker {
    struct team *team;
    unsigned index;
    pthread_t thread;
    struct train_vae_session *session;
    struct arena *arena;
};

/* Telling --------------------------------------------------------------------------------- */

static void tell(struct team *team, enum train_twins_outcome outcome, const char *path,
                 const struct err *err)
{
    const struct train_twins_options *options = team->options;

    team->report.counts[outcome]++;
    if (options->listener)
        options->listener(options->payload, &team->report, path, err);
}

/* Planning -------------------------------------------------------------------------------- */

/* The middle of a photo, on the grid. */
static void choose_crop(struct train_twins_row *row, uint32_t width, uint32_t height, uint32_t crop)
{
    row->width = crop ? MIN_OF(width, crop) : width;
    row->height = crop ? MIN_OF(height, crop) : height;
    row->x = (width - row->width) / 2 / TRAIN_TWINS_GRID_PX * TRAIN_TWINS_GRID_PX;
    row->y = (height - row->height) / 2 / TRAIN_TWINS_GRID_PX * TRAIN_TWINS_GRID_PX;
}

/* Everything that a twin's pixels depend on; tiles are not among it. */
static void name_twin(struct job *job, const struct train_twins_options *options)
{
    char text[512];
    char hash[HASH_HEX_SIZE];
    int len = snprintf(text, sizeof text, "twin %d encoder %s decoder %s mix %.6f crop %u photo %s",
                       TRAIN_TWINS_VERSION, train_vae_encoder_sha256(job->vae),
                       train_vae_decoder_sha256(job->vae), job->row.mix, options->crop_px,
                       job->row.photo_sha256);

    (void)hash_sha256_hex(hash, (struct bytes){(const uint8_t *)text, (size_t)len});
    (void)snprintf(job->row.file, sizeof job->row.file, "%s/%.*s.png", train_vae_name(job->vae),
                   NAME_DIGITS, hash);
}

static void add_job(struct team *team, const struct train_twins_input *input,
                    const struct train_vae *vae, const struct train_twins_row *row, struct rng *rng)
{
    const struct train_twins_options *options = team->options;
    struct job *job = &team->jobs[team->job_count++];
    char path[PATH_SIZE];

    *job = (struct job){.input = input, .vae = vae, .row = *row};
    job->row.vae = train_vae_name(vae);
    job->row.real = mem_copy_str(str_of(row->real));
    job->row.mix = rng_range(rng, options->mix_low, options->mix_high);
    name_twin(job, options);
    (void)snprintf(path, sizeof path, "%s/%s", options->output, job->row.file);
    job->pending = !fs_exists(path);
    team->report.total++;
    if (!job->pending)
        tell(team, TRAIN_TWINS_KEPT, NULL, NULL);
}

/* A number of the photo's own, so that choices do not depend on names or order. */
static struct rng rng_of(uint64_t seed, const char *sha256)
{
    uint64_t number = 0;

    for (int i = 0; i < 16; i++)
        number =
            number << 4 | (uint64_t)(sha256[i] <= '9' ? sha256[i] - '0' : sha256[i] - 'a' + 10);
    return rng_derive(seed, number);
}

/* row->real is `real`, PATH_MAX bytes of the caller's. */
static enum status describe_photo(struct train_twins_row *row, char *real,
                                  const struct train_twins_input *input, struct bytes file,
                                  const struct train_twins_options *options, struct err *err)
{
    struct image_info info;
    enum status st = image_probe(&info, file, &image_limits_default, err);

    if (st != ST_OK)
        return st;
    row->source = input->source;
    row->original_width = input->original_width ? input->original_width : info.width;
    row->original_height = input->original_height ? input->original_height : info.height;
    choose_crop(row, info.width, info.height, options->crop_px);
    (void)hash_sha256_hex(row->photo_sha256, file);
    if (!realpath(input->path, real))
        return err_set(err, ST_IO, "its path cannot be resolved");
    row->real = real;
    if (!train_twins_manifest_fits(real) || !train_twins_manifest_fits(input->source))
        return err_set(err, ST_UNSUPPORTED,
                       "a path or source with a tab or line end cannot stand in a manifest");
    return ST_OK;
}

static enum status plan_photo(struct team *team, const struct train_twins_input *input,
                              struct bytes file, struct err *err)
{
    const struct train_twins_options *options = team->options;
    struct train_twins_row row = {.file = ""};
    char real[PATH_MAX];
    enum status st = describe_photo(&row, real, input, file, options, err);

    if (st != ST_OK)
        return st;
    struct rng rng = rng_of(options->seed, row.photo_sha256);
    size_t first = rng_below(&rng, (uint32_t)options->vae_count);
    size_t count = options->pick == TRAIN_TWINS_ALL ? options->vae_count : 1;
    for (size_t i = 0; i < count; i++)
        add_job(team, input, options->vaes[count > 1 ? i : first], &row, &rng);
    return ST_OK;
}

static void plan_input(struct team *team, const struct train_twins_input *input)
{
    struct bytes file = {0};
    struct err err = {0};
    enum status st = fs_read(&file, input->path, image_limits_default.bytes_max, &err);

    if (st == ST_OK && input->optional && image_format_of(file) == IMAGE_FORMAT_UNKNOWN) {
        tell(team, TRAIN_TWINS_PASSED_OVER, NULL, NULL);
        goto out;
    }
    if (st == ST_OK)
        st = plan_photo(team, input, file, &err);
    if (st != ST_OK) {
        team->report.total++;
        tell(team, TRAIN_TWINS_FAILED, input->path, &err);
    }
out:
    mem_free((void *)(uintptr_t)file.at);
}

/* By autoencoder, then size: a session compiles once for a run of equals.  The same twin of two
 * copies of a photo stands together. */
static int compare_jobs(const void *a, const void *b)
{
    const struct job *left = *(struct job *const *)a;
    const struct job *right = *(struct job *const *)b;
    int order = strcmp(left->row.vae, right->row.vae);

    if (order == 0)
        order = (left->row.width > right->row.width) - (left->row.width < right->row.width);
    if (order == 0)
        order = (left->row.height > right->row.height) - (left->row.height < right->row.height);
    return order ? order : strcmp(left->row.file, right->row.file);
}

/* Of copies only the first is made. */
static void drop_repeated(struct team *team)
{
    size_t kept = 0;

    for (size_t i = 0; i < team->pending_count; i++) {
        struct job *job = team->pending[i];
        if (kept > 0 && strcmp(team->pending[kept - 1]->row.file, job->row.file) == 0)
            tell(team, TRAIN_TWINS_KEPT, NULL, NULL);
        else
            team->pending[kept++] = job;
    }
    team->pending_count = kept;
}

static void plan(struct team *team, const struct train_twins_input *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        plan_input(team, &inputs[i]);
    for (size_t i = 0; i < team->job_count; i++)
        if (team->jobs[i].pending)
            team->pending[team->pending_count++] = &team->jobs[i];
    qsort(team->pending, team->pending_count, sizeof(struct job *), compare_jobs);
    drop_repeated(team);
}

/* Making ---------------------------------------------------------------------------------- */

/* In place: the photo becomes its twin.  Returns the mean distance, in levels. */
static double mix_pixels(struct image *photo, const float *fake, double share)
{
    size_t count = (size_t)3 * photo->width * photo->height;
    float mix = (float)share;
    uint64_t distance = 0;

    for (size_t i = 0; i < count; i++) {
        int real = photo->rgb[i];
        float level = mix * CLAMP(fake[i], 0.0f, 1.0f) * 255.0f + (1.0f - mix) * (float)real;
        int made = (int)(level + 0.5f);
        distance += (uint64_t)abs(made - real);
        photo->rgb[i] = (uint8_t)made;
    }
    return (double)distance / (double)count;
}

static enum status decode(struct image *out, const struct job *job, struct arena *arena,
                          struct err *err)
{
    const struct train_twins_row *row = &job->row;
    struct bytes file = {0};
    struct image photo;
    enum status st = fs_read(&file, job->input->path, image_limits_default.bytes_max, err);

    if (st != ST_OK)
        return st;
    st = image_decode(&photo, NULL, file, &image_limits_default, arena, err);
    mem_free((void *)(uintptr_t)file.at);
    if (st != ST_OK)
        return st;
    if (row->x + row->width > photo.width || row->y + row->height > photo.height)
        return err_set(err, ST_CONFLICT, "the photo has changed while it was at work");
    if (row->width == photo.width && row->height == photo.height)
        *out = photo;
    else
        st = image_crop(out, &photo, row->x, row->y, row->width, row->height, arena, err);
    return st;
}

static enum status make(double *difference, struct worker *worker, const struct job *job,
                        struct err *err)
{
    char path[PATH_SIZE];
    struct image photo;
    struct bytes png;
    enum status st = decode(&photo, job, worker->arena, err);

    if (st != ST_OK)
        return st;
    float *fake = ARENA_NEW(worker->arena, float, (size_t)3 * photo.width * photo.height);
    if (!fake)
        return err_set(err, ST_NOMEM, "no room for %ux%u pixels", photo.width, photo.height);
    st = train_vae_round_trip(fake, worker->session, job->vae, &photo, err);
    if (st != ST_OK)
        return st;
    *difference = mix_pixels(&photo, fake, job->row.mix);
    st = image_encode_png(&png, &photo, worker->arena, err);
    (void)snprintf(path, sizeof path, "%s/%s", worker->team->options->output, job->row.file);
    return st == ST_OK ? fs_write(path, png, err) : st;
}

static struct job *take(struct team *team)
{
    struct job *job = NULL;

    pthread_mutex_lock(&team->lock);
    if (!team->failed && team->next < team->pending_count)
        job = team->pending[team->next++];
    pthread_mutex_unlock(&team->lock);
    return job;
}

static void finish(struct team *team, struct job *job, double difference, const struct err *err)
{
    pthread_mutex_lock(&team->lock);
    if (err) {
        job->row.file[0] = '\0';
        tell(team, TRAIN_TWINS_FAILED, job->input->path, err);
    } else {
        team->differences += difference;
        team->report.pixels += (uint64_t)job->row.width * job->row.height;
        tell(team, TRAIN_TWINS_MADE, NULL, NULL);
    }
    pthread_mutex_unlock(&team->lock);
}

static enum status open_worker(struct worker *worker, struct err *err)
{
    enum status st = arena_open(&worker->arena, ARENA_BYTES, err);

    return st == ST_OK
               ? train_vae_session_open(&worker->session, worker->team->options->tile_px, err)
               : st;
}

static void *run_worker(void *payload)
{
    struct worker *worker = payload;
    struct team *team = worker->team;
    struct job *job = NULL;
    struct err err = {0};

    cpu_pin_thread(worker->index);
    if (open_worker(worker, &err) != ST_OK) {
        pthread_mutex_lock(&team->lock);
        team->failed = true;
        team->failure = err;
        pthread_mutex_unlock(&team->lock);
    }
    while ((job = take(team)) != NULL) {
        double difference = 0;
        enum status st = make(&difference, worker, job, &err);
        finish(team, job, difference, st == ST_OK ? NULL : &err);
        arena_reset(worker->arena);
        arena_trim(worker->arena, ARENA_KEEP);
    }
    train_vae_session_close(worker->session);
    arena_close(worker->arena);
    return NULL;
}

/* At least one thread, or ST_NOMEM; fewer than asked for is only slower. */
static enum status run_workers(struct team *team, struct err *err)
{
    struct worker workers[WORKERS_MAX] = {{0}};
    size_t wanted =
        MIN_OF((size_t)CLAMP(team->options->workers, 1u, WORKERS_MAX), team->pending_count);
    size_t started = 0;

    for (; started < wanted; started++) {
        workers[started] = (struct worker){.team = team, .index = (unsigned)started};
        if (pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) != 0)
            break;
    }
    for (size_t i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    if (team->failed) {
        *err = team->failure;
        return team->failure.code;
    }
    return started || !wanted ? ST_OK : err_set(err, ST_NOMEM, "cannot start a worker thread");
}

/* All ------------------------------------------------------------------------------------- */

static enum status check(const struct train_twins_options *options, size_t count, struct err *err)
{
    if (options->vae_count < 1 || options->vae_count > TRAIN_TWINS_VAES_MAX)
        return err_set(err, ST_LIMIT, "%zu autoencoders, allowed are 1 to %u", options->vae_count,
                       TRAIN_TWINS_VAES_MAX);
    if (count > TRAIN_TWINS_INPUTS_MAX)
        return err_set(err, ST_LIMIT, "over %u photos in one run", TRAIN_TWINS_INPUTS_MAX);
    if (!(options->mix_low > 0 && options->mix_low <= options->mix_high && options->mix_high <= 1))
        return err_set(err, ST_INVALID, "a mix of %g to %g is no range within 0 to 1",
                       options->mix_low, options->mix_high);
    if (strlen(options->output) > PATH_SIZE / 2)
        return err_set(err, ST_LIMIT, "the output's path is over %d bytes", PATH_SIZE / 2);
    return ST_OK;
}

static enum status make_folders(const struct train_twins_options *options, struct err *err)
{
    char path[PATH_SIZE];
    enum status st = fs_make_folder(options->output, err);

    for (size_t i = 0; i < options->vae_count && st == ST_OK; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", options->output,
                       train_vae_name(options->vaes[i]));
        st = fs_make_folder(path, err);
    }
    return st;
}

static enum status write_manifest(const struct team *team, struct err *err)
{
    struct train_twins_row *rows = mem_alloc(team->job_count + 1, sizeof *rows);

    for (size_t i = 0; i < team->job_count; i++)
        rows[i] = team->jobs[i].row;
    enum status st = train_twins_manifest_write(team->options->output, rows, team->job_count, err);
    mem_free(rows);
    return st;
}

enum status train_twins_run(struct train_twins_report *out, const struct train_twins_input *inputs,
                            size_t count, const struct train_twins_options *options,
                            struct err *err)
{
    struct team team = {.options = options, .lock = PTHREAD_MUTEX_INITIALIZER};
    size_t most = count * (options->pick == TRAIN_TWINS_ALL ? options->vae_count : 1);
    enum status st = check(options, count, err);

    if (st != ST_OK)
        return st;
    st = make_folders(options, err);
    if (st == ST_OK)
        st = train_twins_manifest_write(options->output, NULL, 0,
                                        err); /* refuses a foreign one early */
    if (st != ST_OK)
        return st;
    team.jobs = mem_alloc(most + 1, sizeof *team.jobs);
    team.pending = mem_alloc(most + 1, sizeof(struct job *));
    plan(&team, inputs, count);
    int64_t started_us = clock_monotonic_us(options->clock);
    st = run_workers(&team, err);
    team.report.seconds = (double)(clock_monotonic_us(options->clock) - started_us) / 1e6;
    size_t made = team.report.counts[TRAIN_TWINS_MADE];
    team.report.difference = made ? team.differences / (double)made : 0;
    if (st == ST_OK)
        st = write_manifest(&team, err);
    if (st == ST_OK)
        *out = team.report;
    for (size_t i = 0; i < team.job_count; i++)
        mem_free(team.jobs[i].row.real);
    mem_free(team.jobs);
    mem_free(team.pending);
    return st;
}
