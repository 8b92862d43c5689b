/* Weights files: what is saved is read back bit by bit, and no wrong byte gets through. */
#include "support/unit.h"

#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "nn/weights.h"

#define NETWORK                                                                                    \
    "input crop channels=4 side=8\n"                                                               \
    "conv stem out=8 kernel=3 norm relu\n"                                                         \
    "conv head out=2 kernel=1 bias\n"
#define MUTATION_COUNT 20000

struct fixture {
    char folder[32];
    char path[64];
    struct nn_graph *graph;
    float *values;
    struct bytes file; /* the saved file */
};

static struct nn_metadata sample_metadata[] = {
    {.key = "version", .value = (char[]){"aidetect-1"}},
    {.key = "note", .value = (char[]){"two \"lines\"\n\xc3\xa9"}},
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(1, sizeof *f);
    struct err err = {0};
    struct rng rng = rng_seed(3);

    (void)snprintf(f->folder, sizeof f->folder, "/tmp/aidetect-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->path, sizeof f->path, "%s/model.safetensors", f->folder);
    assert_int_equal(nn_graph_open(&f->graph, str_of(NETWORK), &err), ST_OK);
    f->values = mem_alloc(f->graph->float_count, sizeof(float));
    nn_graph_initialise(f->values, f->graph, &rng);
    for (size_t i = 0; i < f->graph->float_count; i++)
        f->values[i] += 0.25f;
    if (nn_weights_save(f->path, f->graph, f->values, sample_metadata, 2, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(fs_read(&f->file, f->path, NN_WEIGHTS_BYTES_MAX, &err), ST_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    (void)unlink(f->path);
    (void)rmdir(f->folder);
    mem_free((void *)(uintptr_t)f->file.at);
    mem_free(f->values);
    nn_graph_close(f->graph);
    mem_free(f);
    return 0;
}

static void check_loaded(const struct nn_weights *weights, const struct fixture *f)
{
    assert_string_equal(weights->graph->text, NETWORK);
    assert_memory_equal(weights->values, f->values, f->graph->float_count * sizeof(float));
    assert_int_equal(weights->metadata_count, 3);
    assert_string_equal(nn_weights_metadata(weights, "version"), "aidetect-1");
    assert_string_equal(nn_weights_metadata(weights, "note"), sample_metadata[1].value);
    assert_null(nn_weights_metadata(weights, "absent"));
}

static void test_a_saved_network_is_read_back_in_place(void **state)
{
    const struct fixture *f = *state;
    struct nn_weights *weights = NULL;
    struct err err = {0};

    if (nn_weights_open(&weights, f->path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    check_loaded(weights, f);
    assert_null(weights->copied);
    const uint8_t *values = (const uint8_t *)weights->values;
    assert_true(values > weights->mapped.at && values < weights->mapped.at + weights->mapped.len);
    assert_int_equal((uintptr_t)values % NN_WEIGHTS_ALIGN, 0);
    nn_weights_close(weights);
}

static void test_the_same_from_memory(void **state)
{
    const struct fixture *f = *state;
    struct nn_weights *weights = NULL;
    struct err err = {0};

    assert_int_equal(nn_weights_parse(&weights, f->file, &err), ST_OK);
    check_loaded(weights, f);
    assert_non_null(weights->copied);
    nn_weights_close(weights);
}

static void test_saving_twice_gives_the_same_bytes(void **state)
{
    const struct fixture *f = *state;
    struct nn_weights *weights = NULL;
    struct bytes again = {0};
    struct err err = {0};

    assert_int_equal(nn_weights_open(&weights, f->path, &err), ST_OK);
    /* with the metadata as read: "network" among it is not written twice */
    assert_int_equal(nn_weights_save(f->path, weights->graph, weights->values, weights->metadata,
                                     weights->metadata_count, &err),
                     ST_OK);
    assert_int_equal(fs_read(&again, f->path, NN_WEIGHTS_BYTES_MAX, &err), ST_OK);
    assert_int_equal(again.len, f->file.len);
    assert_memory_equal(again.at, f->file.at, again.len);
    mem_free((void *)(uintptr_t)again.at);
    nn_weights_close(weights);
}

static size_t header_length(struct bytes file)
{
    uint64_t length = 0;

    memcpy(&length, file.at, sizeof length);
    return (size_t)length;
}

/* The fixture's file with the first `find` of its header replaced. */
static void write_variant(struct buf *out, struct bytes file, const char *find, const char *with)
{
    const char *header = (const char *)file.at + 8;
    size_t length = header_length(file);
    const char *at = header;

    while (strncmp(at, find, strlen(find)) != 0)
        if (++at >= header + length)
            fail_msg("'%s' is not in the header", find);
    uint64_t changed = length - strlen(find) + strlen(with);
    buf_init(out, 1u << 22);
    buf_add(out, &changed, sizeof changed);
    buf_add(out, header, (size_t)(at - header));
    buf_add_str(out, with);
    at += strlen(find);
    buf_add(out, at, file.len - (size_t)((const uint8_t *)at - file.at));
}

static void check_refused(struct bytes file, enum status status, const char *message)
{
    struct nn_weights *weights = NULL;
    struct err err = {0};
    enum status st = nn_weights_parse(&weights, file, &err);

    if (st != status || !strstr(err.msg, message))
        fail_msg("want %s '%s', got %s '%s'", status_name(status), message, status_name(st),
                 err.msg);
    assert_null(weights);
}

static void test_every_wrong_header_is_refused_by_name(void **state)
{
    static const struct {
        const char *find, *with;
        enum status status;
        const char *message;
    } cases[] = {
        {"{", "[", ST_CORRUPT, "begin with '{'"},
        {"\"F32\"", "\"F16\"", ST_CORRUPT, "'stem.weight' is not of type F32"},
        {"\"F32\"", "32", ST_CORRUPT, "'stem.weight' is not of type F32"},
        {"[8,4,3,3]", "[8,4,9]", ST_CORRUPT, "'stem.weight' has another shape"},
        {"[8,4,3,3]", "[4,8,3,3]", ST_CORRUPT, "'stem.weight' has another shape"},
        {"[8,4,3,3]", "[8.0,4,3,3]", ST_CORRUPT, "'stem.weight' has another shape"},
        {"[8,4,3,3]", "288", ST_CORRUPT, "'stem.weight' has another shape"},
        {"[0,1152]", "[0,1148]", ST_CORRUPT, "'stem.weight' needs data_offsets of 1152"},
        {"[0,1152]", "[1152,0]", ST_CORRUPT, "'stem.weight' needs data_offsets"},
        {"[0,1152]", "[-4,1148]", ST_CORRUPT, "'stem.weight' needs data_offsets"},
        {"[0,1152]", "[0,1152,0]", ST_CORRUPT, "'stem.weight' needs data_offsets"},
        {"[0,1152]", "[9223372036854774655,9223372036854775807]", ST_CORRUPT,
         "'stem.weight' needs data_offsets"},
        {"[0,1152]", "[4,1156]", ST_CORRUPT, "'stem.weight' begins at byte 4"},
        {"[1152,1184]", "[1184,1216]", ST_CORRUPT, "begins at byte 1184"},
        {"\"stem.weight\"", "\"stem.wait\"", ST_CORRUPT, "'stem.wait' is not in the network"},
        {"\"stem.weight\":", "\"more\":{},\"stem.weight\":", ST_CORRUPT, "'more' is not in"},
        {"\"stem.weight\"", "\"head.weight\"", ST_CORRUPT, "header: JSON"},
        {"\"version\"", "\"\"", ST_CORRUPT, "metadata key ''"},
        {"\"version\"", "\"0123456789012345678901234567890123456789012345678901\"", ST_CORRUPT,
         "is not 1 to 47"},
        {"\"aidetect-1\"", "1", ST_CORRUPT, "metadata 'version' is not text"},
        {"\"network\"", "\"net\"", ST_CORRUPT, "no 'network'"},
        {"__metadata__", "metadata", ST_CORRUPT, "no 'network'"},
        {"conv stem", "conv main", ST_CORRUPT, "'stem.weight' is not in the network"},
        {"conv stem", "loop stem", ST_CORRUPT, "network line 2: unknown layer 'loop'"},
        {"\\nconv head out=2 kernel=1 bias", "", ST_CORRUPT, "'head.weight' is not in"},
        {"kernel=1 bias", "kernel=1 bias norm", ST_CORRUPT, "'head.norm.weight' is missing"},
    };
    const struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf variant;
        write_variant(&variant, f->file, cases[i].find, cases[i].with);
        check_refused(buf_bytes(&variant), cases[i].status, cases[i].message);
        buf_fini(&variant);
    }
}

static void test_lengths_are_checked(void **state)
{
    const struct fixture *f = *state;
    uint8_t huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, '{'};
    uint8_t longer[16] = {9, 0, 0, 0, 0, 0, 0, 0, '{'};
    struct buf more;

    check_refused((struct bytes){0}, ST_CORRUPT, "0 bytes has no header");
    check_refused((struct bytes){.at = huge, .len = 7}, ST_CORRUPT, "7 bytes has no header");
    check_refused((struct bytes){.at = huge, .len = sizeof huge}, ST_LIMIT, "header of 9223");
    check_refused((struct bytes){.at = longer, .len = 16}, ST_CORRUPT, "header of 9 bytes");
    check_refused((struct bytes){.at = f->file.at, .len = NN_WEIGHTS_BYTES_MAX + 1ul}, ST_LIMIT,
                  "weights file of");
    for (size_t len = 0; len < f->file.len; len++) {
        uint8_t *cut = mem_alloc(len ? len : 1, 1); /* exact, so that ASan sees a byte too far */
        memcpy(cut, f->file.at, len);
        check_refused((struct bytes){.at = cut, .len = len}, ST_CORRUPT, "");
        mem_free(cut);
    }
    buf_init(&more, 1u << 20);
    buf_add(&more, f->file.at, f->file.len);
    buf_add(&more, "1234", 4);
    check_refused(buf_bytes(&more), ST_CORRUPT, "4 bytes follow the last tensor");
    buf_fini(&more);
}

static void test_metadata_limits(void **state)
{
    const struct fixture *f = *state;
    struct buf members;
    struct buf variant;

    buf_init(&members, 1u << 20);
    buf_add_str(&members, "\"__metadata__\":{");
    for (int i = 0; i < NN_METADATA_MAX; i++)
        buf_printf(&members, "\"k%d\":\"\",", i);
    write_variant(&variant, f->file, "\"__metadata__\":{", buf_str(&members).at);
    check_refused(buf_bytes(&variant), ST_LIMIT, "over 32 metadata keys");
    buf_fini(&variant);

    buf_reset(&members);
    buf_add_str(&members, "\"");
    for (unsigned i = 0; i <= NN_METADATA_VALUE_MAX; i++)
        buf_add_str(&members, "x");
    buf_add_str(&members, "\"");
    write_variant(&variant, f->file, "\"aidetect-1\"", buf_str(&members).at);
    check_refused(buf_bytes(&variant), ST_LIMIT, "metadata 'version' has 16385 bytes");
    buf_fini(&variant);
    buf_fini(&members);
}

static void test_numbers_that_cannot_be_run_are_refused(void **state)
{
    static const struct {
        const char *name;
        float value;
        const char *message;
    } cases[] = {
        {"stem.weight", NAN, "'stem.weight' holds NaN or infinity"},
        {"head.bias", -INFINITY, "'head.bias' holds NaN or infinity"},
        {"stem.norm.running_mean", INFINITY, "'stem.norm.running_mean' holds NaN"},
        {"stem.norm.running_var", -1e-3f, "'stem.norm.running_var' holds a negative variance"},
    };
    const struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        struct buf file;
        int index = 0;
        while (strcmp(f->graph->parameters[index].name, cases[i].name) != 0)
            index++;
        size_t offset = f->graph->parameters[index].offset + 1;
        buf_init(&file, 1u << 20);
        buf_add(&file, f->file.at, f->file.len);
        memcpy(file.at + 8 + header_length(f->file) + offset * sizeof(float), &cases[i].value,
               sizeof(float));
        check_refused(buf_bytes(&file), ST_CORRUPT, cases[i].message);
        buf_fini(&file);

        float kept = f->values[offset];
        f->values[offset] = cases[i].value;
        assert_int_equal(nn_weights_save(f->path, f->graph, f->values, NULL, 0, &err), ST_INVALID);
        assert_non_null(strstr(err.msg, cases[i].message));
        f->values[offset] = kept;
    }
}

/* Tensors in another order, and data at an odd address: legal for the format, so read. */
static void test_another_order_is_copied_into_place(void **state)
{
    const struct fixture *f = *state;
    struct nn_weights *weights = NULL;
    struct err err = {0};
    struct buf step;
    struct buf swapped;

    write_variant(&step, f->file, "[0,1152]", "[32,1184]");
    write_variant(&swapped, buf_bytes(&step), "[1152,1184]", "[0,32]"); /* stem.norm.weight */
    uint8_t *data = swapped.at + 8 + header_length(buf_bytes(&swapped));
    memmove(data + 32, data, 1152);
    memcpy(data, f->values + 1152 / sizeof(float), 32);
    assert_int_equal(fs_write(f->path, buf_bytes(&swapped), &err), ST_OK);
    if (nn_weights_open(&weights, f->path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    check_loaded(weights, f);
    assert_non_null(weights->copied);
    nn_weights_close(weights);
    buf_fini(&step);

    write_variant(&step, f->file, "{", "{ ");
    assert_int_equal(fs_write(f->path, buf_bytes(&step), &err), ST_OK);
    if (nn_weights_open(&weights, f->path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    check_loaded(weights, f);
    assert_non_null(weights->copied);
    nn_weights_close(weights);
    buf_fini(&step);
    buf_fini(&swapped);
}

static void test_what_the_reader_would_refuse_is_not_written(void **state)
{
    static char too_long[NN_METADATA_VALUE_MAX + 2];
    static struct nn_metadata many[NN_METADATA_MAX];
    const struct fixture *f = *state;
    struct nn_metadata wrong[] = {
        {.key = "", .value = (char[]){"x"}},
        {.key = "tab\t", .value = (char[]){"x"}},
        {.key = "latin", .value = (char[]){"\xe9"}},
        {.key = "null", .value = NULL},
    };
    struct nn_metadata twice[] = {wrong[0], wrong[0]};
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(nn_weights_save(f->path, f->graph, f->values, &wrong[i], 1, &err),
                         ST_INVALID);
    twice[0].key[0] = twice[1].key[0] = 'k';
    assert_int_equal(nn_weights_save(f->path, f->graph, f->values, twice, 2, &err), ST_INVALID);
    assert_non_null(strstr(err.msg, "'k' is given twice"));
    memset(too_long, 'x', sizeof too_long - 1);
    twice[0].value = too_long;
    assert_int_equal(nn_weights_save(f->path, f->graph, f->values, twice, 1, &err), ST_LIMIT);
    for (int i = 0; i < NN_METADATA_MAX; i++) {
        (void)snprintf(many[i].key, sizeof many[i].key, "k%d", i);
        many[i].value = too_long + sizeof too_long - 1; /* "" */
    }
    assert_int_equal(nn_weights_save(f->path, f->graph, f->values, many, NN_METADATA_MAX - 1, &err),
                     ST_OK);
    assert_int_equal(nn_weights_save(f->path, f->graph, f->values, many, NN_METADATA_MAX, &err),
                     ST_LIMIT);
}

static void test_a_file_that_is_not_there(void **state)
{
    struct nn_weights *weights = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(nn_weights_open(&weights, "/nonexistent/model", &err), ST_NOT_FOUND);
    assert_null(weights);
    nn_weights_close(NULL);
}

/* Random damage is either refused or gives a network that is whole: every accepted value is
 * finite and every byte of it is read, so that ASan sees what points outside. */
static void test_random_damage_never_gets_through_halfway(void **state)
{
    const struct fixture *f = *state;
    struct rng rng = rng_seed(11);
    size_t header_end = 8 + header_length(f->file);
    int accepted = 0;

    for (int i = 0; i < MUTATION_COUNT; i++) {
        size_t len = f->file.len - (rng_chance(&rng, 0.1) ? rng_below(&rng, 64) : 0);
        uint8_t *copy = mem_alloc(len, 1);
        struct nn_weights *weights = NULL;
        struct err err = {0};
        memcpy(copy, f->file.at, len);
        for (uint32_t n = 1 + rng_below(&rng, 4); n > 0; n--) {
            size_t at = rng_below(&rng, (uint32_t)(rng_chance(&rng, 0.9) ? header_end : len));
            if (rng_chance(&rng, 0.5))
                copy[at] = (uint8_t)(copy[at] ^ (1u << rng_below(&rng, 8)));
            else
                copy[at] = (uint8_t)("0123456789{}[]\",:-e"[rng_below(&rng, 19)]);
        }
        if (nn_weights_parse(&weights, (struct bytes){.at = copy, .len = len}, &err) == ST_OK) {
            accepted++;
            for (size_t k = 0; k < weights->graph->float_count; k++)
                assert_true(isfinite(weights->values[k]));
        } else {
            assert_null(weights);
            assert_true(err.msg[0] != '\0');
        }
        nn_weights_close(weights);
        mem_free(copy);
    }
    print_message("%d of %d damaged files still hold a whole network\n", accepted, MUTATION_COUNT);
    assert_true(accepted > 0 && accepted < MUTATION_COUNT / 2);
}

/* The files that fuzzing starts from: some whole, the others damaged in one way each. */
static void test_the_fuzzing_corpus(void **state)
{
    static const char *const whole[] = {"all_layers", "other_order", "plain", "unpadded"};
    struct fs_list files = {0};
    struct err err = {0};
    size_t accepted = 0;

    (void)state;
    assert_int_equal(fs_list_files(&files, "tests/fuzz/corpus/model", 1000, &err), ST_OK);
    for (size_t i = 0; i < files.count; i++) {
        const char *name = strrchr(files.paths[i], '/') + 1;
        struct nn_weights *weights = NULL;
        if (nn_weights_open(&weights, files.paths[i], &err) != ST_OK)
            continue;
        assert_true(accepted < ARRAY_LEN(whole));
        assert_string_equal(name, whole[accepted++]);
        nn_weights_close(weights);
    }
    assert_int_equal(accepted, ARRAY_LEN(whole));
    assert_true(files.count > 2 * accepted);
    fs_list_free(&files);
}

/* The format by its definition, in another language: what safetensors readers do. */
static void test_another_reader_agrees(void **state)
{
    static const char script[] =
        "import json,struct,sys\n"
        "b=open(sys.argv[1],'rb').read()\n"
        "n,=struct.unpack('<Q',b[:8])\n"
        "h=json.loads(b[8:8+n]); d=b[8+n:]; m=h.pop('__metadata__')\n"
        "assert all(type(v) is str for v in m.values())\n"
        "assert m['note']=='two \"lines\"\\n\\u00e9'\n"
        "end=0\n"
        "for k,v in sorted(h.items(),key=lambda i:i[1]['data_offsets']):\n"
        "  s,e=v['data_offsets']; c=1\n"
        "  for x in v['shape']: c*=x\n"
        "  assert v['dtype']=='F32' and s==end and e-s==4*c\n"
        "  end=e\n"
        "assert end==len(d) and (8+n)%64==0\n"
        "s,e=h['head.weight']['data_offsets']\n"
        "sys.stdout.write('%d %.6f'%(len(h),sum(struct.unpack('<%df'%((e-s)//4),d[s:e]))))\n";
    const struct fixture *f = *state;
    char text[128] = "";
    char want[128];
    double sum = 0;
    int ends[2];
    int status = -1;

    if (access("/usr/bin/python3", X_OK) != 0)
        skip();
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl("/usr/bin/python3", "python3", "-c", script, f->path, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    ssize_t got = read(ends[0], text, sizeof text - 1);
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (int i = 0; i < f->graph->parameter_count; i++)
        if (strcmp(f->graph->parameters[i].name, "head.weight") == 0)
            for (size_t k = 0; k < f->graph->parameters[i].count; k++)
                sum += (double)f->values[f->graph->parameters[i].offset + k];
    (void)snprintf(want, sizeof want, "%d %.6f", f->graph->parameter_count, sum);
    assert_true(got > 0);
    assert_string_equal(text, want);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_saved_network_is_read_back_in_place),
        CASE(test_the_same_from_memory),
        CASE(test_saving_twice_gives_the_same_bytes),
        CASE(test_every_wrong_header_is_refused_by_name),
        CASE(test_lengths_are_checked),
        CASE(test_metadata_limits),
        CASE(test_numbers_that_cannot_be_run_are_refused),
        CASE(test_another_order_is_copied_into_place),
        CASE(test_what_the_reader_would_refuse_is_not_written),
        CASE(test_a_file_that_is_not_there),
        CASE(test_random_damage_never_gets_through_halfway),
        CASE(test_the_fuzzing_corpus),
        CASE(test_another_reader_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
