/* cli/cmd_twins.c - aidetect twins: which autoencoders, which photos, then one run. */
#include "cli/cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/fs.h"
#include "base/mem.h"
#include "train/manifest.h"
#include "train/twins.h"

#define PATH_SIZE        4096
#define FOLDER_FILES_MAX 10000
#define ENCODER_END      "_encoder.safetensors"
#define DECODER_END      "_decoder.safetensors"
#define PROGRESS_STEP_US 200000

/* Everything of one run. */
struct twins {
    struct train_vae *vaes[TRAIN_TWINS_VAES_MAX];
    size_t vae_count;
    struct train_twins_input *inputs;
    char **texts; /* what inputs point to: path and source of each */
    size_t count, capacity;
    bool live, quiet, drawn;
    int64_t started_us, drawn_us;
};

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);

    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Autoencoders ---------------------------------------------------------------------------- */

/* `path` is that of one half; the other lies beside it. */
static enum status add_pair(struct twins *twins, const char *path, struct err *err)
{
    char halves[2][PATH_SIZE];
    char name[PATH_SIZE];
    size_t len = strlen(path) - strlen(ENCODER_END);

    if (twins->vae_count == TRAIN_TWINS_VAES_MAX)
        return err_set(err, ST_LIMIT, "over %u autoencoders", TRAIN_TWINS_VAES_MAX);
    if (strlen(path) >= PATH_SIZE)
        return err_set(err, ST_LIMIT, "a path of %zu bytes is over %d", strlen(path),
                       PATH_SIZE - 1);
    (void)snprintf(halves[0], PATH_SIZE, "%.*s%s", (int)len, path, ENCODER_END);
    (void)snprintf(halves[1], PATH_SIZE, "%.*s%s", (int)len, path, DECODER_END);
    (void)snprintf(name, sizeof name, "%.*s", (int)(len - (size_t)(last_part(path) - path)),
                   last_part(path));
    for (size_t i = 0; i < twins->vae_count; i++)
        if (strcmp(name, train_vae_name(twins->vaes[i])) == 0)
            return ST_OK; /* its other half named it, or it was given twice */
    enum status st =
        train_vae_open(&twins->vaes[twins->vae_count], name, halves[0], halves[1], err);
    if (st == ST_OK)
        twins->vae_count++;
    return st;
}

static bool is_half(const char *path)
{
    return (ends_with(path, ENCODER_END) || ends_with(path, DECODER_END)) &&
           strlen(last_part(path)) > strlen(ENCODER_END);
}

static enum status add_folder_pairs(struct twins *twins, const char *folder, struct err *err)
{
    struct fs_list list = {0};
    size_t before = twins->vae_count;
    enum status st = fs_list_files(&list, folder, FOLDER_FILES_MAX, err);

    for (size_t i = 0; i < list.count && st == ST_OK; i++)
        if (is_half(list.paths[i]))
            st = add_pair(twins, list.paths[i], err);
    fs_list_free(&list);
    if (st == ST_OK && twins->vae_count == before)
        st = err_set(err, ST_NOT_FOUND, "'%.100s' holds no NAME" ENCODER_END, folder);
    return st;
}

static int compare_vaes(const void *a, const void *b)
{
    return strcmp(train_vae_name(*(struct train_vae *const *)a),
                  train_vae_name(*(struct train_vae *const *)b));
}

/* Only the one of that name. */
static enum status keep_one(struct twins *twins, const char *name, struct err *err)
{
    for (size_t i = 0; i < twins->vae_count; i++) {
        if (strcmp(train_vae_name(twins->vaes[i]), name) != 0)
            continue;
        struct train_vae *kept = twins->vaes[i];
        for (size_t k = 0; k < twins->vae_count; k++)
            if (k != i)
                train_vae_close(twins->vaes[k]);
        twins->vaes[0] = kept;
        twins->vae_count = 1;
        return ST_OK;
    }
    return err_set(err, ST_INVALID, "--pick: no autoencoder is called '%.60s'", name);
}

static enum status open_vaes(struct twins *twins, const struct cli_arguments *arguments,
                             struct err *err)
{
    const char *pick = cli_text(arguments, "pick");
    enum status st = ST_OK;

    if (!cli_given(arguments, "vae"))
        return err_set(err, ST_INVALID, "--vae is missing: a folder or files of autoencoders");
    for (size_t i = 0; i < cli_text_count(arguments, "vae") && st == ST_OK; i++) {
        const char *path = cli_text_at(arguments, "vae", i);
        if (fs_is_folder(path))
            st = add_folder_pairs(twins, path, err);
        else if (is_half(path))
            st = add_pair(twins, path, err);
        else
            st = err_set(err, ST_INVALID,
                         "--vae: '%.80s' is neither a folder nor called NAME" ENCODER_END, path);
    }
    if (st != ST_OK)
        return st;
    qsort(twins->vaes, twins->vae_count, sizeof(struct train_vae *), compare_vaes);
    if (strcmp(pick, "random") == 0 || strcmp(pick, "all") == 0)
        return ST_OK;
    return keep_one(twins, pick, err);
}

/* Photos ---------------------------------------------------------------------------------- */

static enum status grow(struct twins *twins, struct err *err)
{
    size_t capacity = twins->capacity ? twins->capacity * 2 : 64;
    struct train_twins_input *inputs =
        mem_try_resize(twins->inputs, capacity, sizeof *twins->inputs);

    if (inputs)
        twins->inputs = inputs;
    char **texts = inputs ? mem_try_resize(twins->texts, 2 * capacity, sizeof(char *)) : NULL;
    if (!texts)
        return err_set(err, ST_NOMEM, "no room for %zu photos", capacity);
    twins->texts = texts;
    twins->capacity = capacity;
    return ST_OK;
}

/* Takes copies of `path` and `source`. */
static enum status push(struct twins *twins, const char *path, const char *source,
                        struct train_twins_input input, struct err *err)
{
    enum status st = ST_OK;

    if (twins->count == TRAIN_TWINS_INPUTS_MAX)
        return err_set(err, ST_LIMIT, "over %u photos in one run", TRAIN_TWINS_INPUTS_MAX);
    if (twins->count == twins->capacity)
        st = grow(twins, err);
    if (st != ST_OK)
        return st;
    input.path = twins->texts[2 * twins->count] = mem_copy_str(str_of(path));
    input.source = twins->texts[2 * twins->count + 1] = mem_copy_str(str_of(source));
    twins->inputs[twins->count++] = input;
    return ST_OK;
}

/* Without --source a photo's source is the folder it lies in. */
static enum status push_file(struct twins *twins, const char *path, const char *source,
                             bool optional, struct err *err)
{
    char real[PATH_MAX];
    char *end = NULL;

    if (!source && realpath(path, real) && (end = strrchr(real, '/')) != NULL) {
        *end = '\0';
        source = last_part(real);
    }
    return push(twins, path, source && source[0] ? source : "photos",
                (struct train_twins_input){.optional = optional}, err);
}

static enum status push_folder(struct twins *twins, const char *folder, const char *source,
                               struct err *err)
{
    struct fs_list list = {0};
    enum status st = fs_list_files(&list, folder, TRAIN_TWINS_INPUTS_MAX, err);

    for (size_t i = 0; i < list.count && st == ST_OK; i++)
        st = push_file(twins, list.paths[i], source, true, err);
    fs_list_free(&list);
    return st;
}

/* The real photos of one role. */
static enum status push_manifest(struct twins *twins, const char *path, const char *role,
                                 struct err *err)
{
    struct train_manifest *manifest = NULL;
    uint32_t *chosen = NULL;
    size_t count = 0;
    enum status st = train_manifest_open(&manifest, path, err);

    if (st == ST_OK)
        st = train_manifest_select(&chosen, &count, manifest, role, 1u << TRAIN_LABEL_REAL, err);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        const struct train_manifest_row *row = &manifest->rows[chosen[i]];
        st = push(twins, row->path, manifest->source_names[row->source],
                  (struct train_twins_input){.original_width = row->original_width,
                                             .original_height = row->original_height},
                  err);
    }
    if (st == ST_OK && count == 0)
        st = err_set(err, ST_NOT_FOUND, "'%.80s' has no real photo of role '%.40s'", path, role);
    mem_free(chosen);
    train_manifest_close(manifest);
    return st;
}

static enum status list_photos(struct twins *twins, const struct cli_arguments *arguments,
                               struct err *err)
{
    const char *source = cli_text(arguments, "source");
    enum status st = ST_OK;

    for (size_t i = 0; i < arguments->operand_count && st == ST_OK; i++) {
        const char *path = arguments->operands[i];
        if (ends_with(path, ".tsv"))
            st = push_manifest(twins, path, cli_text(arguments, "role"), err);
        else if (fs_is_folder(path))
            st = push_folder(twins, path, source, err);
        else
            st = push_file(twins, path, source, false, err);
    }
    return st;
}

/* Telling --------------------------------------------------------------------------------- */

static void on_twin(void *payload, const struct train_twins_report *so_far, const char *path,
                    const struct err *err)
{
    struct twins *twins = payload;
    int64_t now = clock_monotonic_us(&clock_system);
    size_t made = so_far->counts[TRAIN_TWINS_MADE];
    size_t done = made + so_far->counts[TRAIN_TWINS_KEPT] + so_far->counts[TRAIN_TWINS_FAILED];

    if (err) {
        (void)fprintf(stderr, "%saidetect twins: %s: %s\n", twins->drawn ? "\r\033[K" : "", path,
                      err->msg);
        twins->drawn = false;
    }
    if (!made || twins->quiet || !twins->live || now - twins->drawn_us < PROGRESS_STEP_US)
        return;
    if (made == 1)
        twins->started_us = now;
    double rate = made > 1 ? (double)(made - 1) * 1e6 / (double)(now - twins->started_us) : 0;
    (void)fprintf(stderr, "\r%zu of %zu  %.2f photos/s  %.0f s left\033[K", done, so_far->total,
                  rate, rate > 0 ? (double)(so_far->total - done) / rate : 0);
    (void)fflush(stderr);
    twins->drawn_us = now;
    twins->drawn = true;
}

static void print_summary(const struct twins *twins, const struct train_twins_report *report)
{
    size_t made = report->counts[TRAIN_TWINS_MADE];

    if (twins->drawn)
        (void)fprintf(stderr, "\r\033[K");
    if (twins->quiet)
        return;
    (void)printf("%zu twins made, %zu kept, %zu failed", made, report->counts[TRAIN_TWINS_KEPT],
                 report->counts[TRAIN_TWINS_FAILED]);
    if (report->counts[TRAIN_TWINS_PASSED_OVER])
        (void)printf(", %zu files passed over", report->counts[TRAIN_TWINS_PASSED_OVER]);
    if (made)
        (void)printf("; %.2f levels from their photos; %.1f s, %.2f MP/s", report->difference,
                     report->seconds, (double)report->pixels / 1e6 / report->seconds);
    (void)printf("\n");
}

/* The command ----------------------------------------------------------------------------- */

/* "0.3" or "0.2-0.8". */
static enum status parse_mix(double *low, double *high, const char *text, struct err *err)
{
    struct str rest = str_of(text);
    struct str first = str_split(&rest, '-');
    bool range = first.len < strlen(text);
    double from = 0;
    double to = 0;

    if (!str_to_double(&from, first, 0.01, 1) || (range && !str_to_double(&to, rest, from, 1)))
        return err_set(err, ST_INVALID,
                       "--mix takes a share from 0.01 to 1, or two such as 0.2-0.8, not '%.40s'",
                       text);
    *low = from;
    *high = range ? to : from;
    return ST_OK;
}

static enum status set_options(struct train_twins_options *options, struct twins *twins,
                               const struct cli_arguments *arguments, struct err *err)
{
    unsigned workers = (unsigned)cli_int(arguments, "workers");

    *options = (struct train_twins_options){.pick = strcmp(cli_text(arguments, "pick"), "all") == 0
                                                        ? TRAIN_TWINS_ALL
                                                        : TRAIN_TWINS_RANDOM,
                                            .seed = (uint64_t)cli_int(arguments, "seed"),
                                            .crop_px = (uint32_t)cli_int(arguments, "crop"),
                                            .tile_px = (uint32_t)cli_int(arguments, "tile"),
                                            .workers = workers ? workers : cpu_count(),
                                            .output = cli_text(arguments, "output"),
                                            .listener = on_twin,
                                            .payload = twins,
                                            .clock = &clock_system};
    if (!options->output)
        return err_set(err, ST_INVALID, "--output is missing: the folder for the twins");
    if (options->tile_px % TRAIN_VAE_STRIDE != 0 || options->crop_px % TRAIN_VAE_STRIDE != 0)
        return err_set(err, ST_INVALID, "--tile and --crop take multiples of %d", TRAIN_VAE_STRIDE);
    return parse_mix(&options->mix_low, &options->mix_high, cli_text(arguments, "mix"), err);
}

static void close_twins(struct twins *twins)
{
    for (size_t i = 0; i < twins->vae_count; i++)
        train_vae_close(twins->vaes[i]);
    for (size_t i = 0; i < 2 * twins->count; i++)
        mem_free(twins->texts[i]);
    mem_free(twins->inputs);
    mem_free(twins->texts);
}

/* A wrong option is CLI_USAGE, an autoencoder that does not load CLI_IO. */
static int prepare(struct train_twins_options *options, struct twins *twins,
                   const struct cli_arguments *arguments, struct err *err)
{
    enum status st = set_options(options, twins, arguments, err);

    if (st != ST_OK)
        return CLI_USAGE;
    st = open_vaes(twins, arguments, err);
    if (st != ST_OK)
        return st == ST_INVALID ? CLI_USAGE : CLI_IO;
    options->vaes = (const struct train_vae *const *)twins->vaes;
    options->vae_count = twins->vae_count;
    st = list_photos(twins, arguments, err);
    return st == ST_OK ? CLI_FINE : (int)cli_exit_of(st);
}

int cmd_twins(const struct cli_arguments *arguments, struct err *err)
{
    struct twins twins = {.live = isatty(STDERR_FILENO), .quiet = cli_flag(arguments, "quiet")};
    struct train_twins_options options;
    struct train_twins_report report = {0};
    int code = prepare(&options, &twins, arguments, err);

    if (code == CLI_FINE) {
        enum status st = train_twins_run(&report, twins.inputs, twins.count, &options, err);
        code = st == ST_OK ? CLI_FINE : st == ST_CONFLICT ? CLI_IO : (int)cli_exit_of(st);
        if (st == ST_OK)
            print_summary(&twins, &report);
    }
    if (code == CLI_FINE && report.counts[TRAIN_TWINS_FAILED])
        code = CLI_PARTIAL;
    close_twins(&twins);
    return code;
}
