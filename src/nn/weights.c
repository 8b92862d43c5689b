#include "nn/weights.h"

#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "nn/safetensors.h"

#define LENGTH_SIZE   NN_SAFETENSORS_LENGTH_SIZE
#define METADATA_NAME "__metadata__"
#define NETWORK_KEY   "network"

_Static_assert(NN_WEIGHTS_BYTES_MAX >= NN_FLOATS_MAX * sizeof(float) + NN_WEIGHTS_HEADER_MAX,
               "the largest network fits into a file");

/* What a file says, while it is read. */
struct reading {
    struct nn_weights *weights;
    struct json *header;
    struct bytes data;                /* after the header */
    size_t begins[NN_PARAMETERS_MAX]; /* offset of each parameter in `data` */
    struct err *err;
    enum status status; /* of a walk through JSON members: the first failure stays */
};

/* How much of a key or name from outside goes into a message. */
#define SHOWN(text) (int)strnlen((text), 64), (text)

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static enum status check_metadata(const char *key, const char *value, struct err *err)
{
    if (!key[0] || strlen(key) >= NN_METADATA_KEY_SIZE || !is_printable(key))
        return err_set(err, ST_INVALID, "metadata key '%.*s' is not 1 to %d printable characters",
                       SHOWN(key), NN_METADATA_KEY_SIZE - 1);
    if (!value)
        return err_set(err, ST_INVALID, "metadata '%s' is not text", key);
    if (strlen(value) > NN_METADATA_VALUE_MAX)
        return err_set(err, ST_LIMIT, "metadata '%s' has %zu bytes, allowed are %u", key,
                       strlen(value), NN_METADATA_VALUE_MAX);
    return ST_OK;
}

/* One member of "__metadata__" (visitor of json_each). */
static void read_metadata_member(void *payload, const char *key, const struct json *value)
{
    struct reading *r = payload;
    struct nn_weights *weights = r->weights;
    const char *text = json_text(value);

    if (r->status != ST_OK)
        return;
    r->status = check_metadata(key, text, r->err);
    if (r->status == ST_OK && weights->metadata_count == NN_METADATA_MAX)
        r->status = err_set(r->err, ST_LIMIT, "over %d metadata keys", NN_METADATA_MAX);
    if (r->status != ST_OK)
        return;
    struct nn_metadata *metadata = &weights->metadata[weights->metadata_count++];
    memcpy(metadata->key, key, strlen(key));
    metadata->value = mem_copy_str(str_of(text));
}

static enum status read_metadata(struct reading *r, struct err *err)
{
    struct err inner = {0};

    r->err = &inner;
    json_each(json_get(r->header, METADATA_NAME), read_metadata_member, r);
    if (r->status != ST_OK)
        return err_set(err, r->status == ST_LIMIT ? ST_LIMIT : ST_CORRUPT, "%s", inner.msg);
    const char *network = nn_weights_metadata(r->weights, NETWORK_KEY);
    if (!network)
        return err_set(err, ST_CORRUPT, "metadata has no '%s'", NETWORK_KEY);
    if (nn_graph_open(&r->weights->graph, str_of(network), &inner) != ST_OK)
        return err_set(err, ST_CORRUPT, "metadata '%s': %.160s", NETWORK_KEY, inner.msg);
    return ST_OK;
}

static int find_parameter(const struct nn_graph *graph, const char *name)
{
    for (int i = 0; i < graph->parameter_count; i++)
        if (strcmp(name, graph->parameters[i].name) == 0)
            return i;
    return -1;
}

/* A header's member is metadata or one of the network's tensors (visitor of json_each). */
static void check_known(void *payload, const char *key, const struct json *value)
{
    struct reading *r = payload;

    (void)value;
    if (r->status == ST_OK && strcmp(key, METADATA_NAME) != 0 &&
        find_parameter(r->weights->graph, key) < 0)
        r->status = err_set(r->err, ST_CORRUPT, "tensor '%.*s' is not in the network", SHOWN(key));
}

static enum status check_shape(const struct json *entry, const struct nn_parameter *parameter,
                               struct err *err)
{
    const struct json *shape = json_get(entry, "shape");
    bool same = json_count(shape) == (size_t)parameter->dim_count;

    for (int i = 0; i < parameter->dim_count && same; i++)
        same = json_int_or(json_at(shape, (size_t)i), -1) == parameter->dims[i];
    if (!same)
        return err_set(err, ST_CORRUPT, "tensor '%s' has another shape than the network",
                       parameter->name);
    return ST_OK;
}

static enum status read_tensor(struct reading *r, int index, struct err *err)
{
    const struct nn_parameter *parameter = &r->weights->graph->parameters[index];
    const struct json *entry = json_get(r->header, parameter->name);
    const struct json *offsets = json_get(entry, "data_offsets");
    const char *type = json_get_str(entry, "dtype");

    if (!entry)
        return err_set(err, ST_CORRUPT, "tensor '%s' is missing", parameter->name);
    if (!type || strcmp(type, "F32") != 0)
        return err_set(err, ST_CORRUPT, "tensor '%s' is not of type F32", parameter->name);
    enum status st = check_shape(entry, parameter, err);
    if (st != ST_OK)
        return st;
    int64_t begin = json_int_or(json_at(offsets, 0), -1);
    int64_t end = json_int_or(json_at(offsets, 1), -1);
    if (json_count(offsets) != 2 || begin < 0 || end < begin || (uint64_t)end > r->data.len ||
        (uint64_t)(end - begin) != parameter->count * sizeof(float))
        return err_set(err, ST_CORRUPT,
                       "tensor '%s' needs data_offsets of %zu bytes inside the %zu present",
                       parameter->name, parameter->count * sizeof(float), r->data.len);
    r->begins[index] = (size_t)begin;
    return ST_OK;
}

static enum status check_extents(const struct reading *r, struct err *err)
{
    const struct nn_graph *graph = r->weights->graph;
    struct nn_extent extents[NN_PARAMETERS_MAX];
    size_t count = (size_t)graph->parameter_count;

    for (size_t i = 0; i < count; i++)
        extents[i] =
            (struct nn_extent){.begin = r->begins[i],
                               .end = r->begins[i] + graph->parameters[i].count * sizeof(float),
                               .name = graph->parameters[i].name};
    return nn_safetensors_check_cover(extents, count, r->data.len, err);
}

/* Numbers that a network can run on. */
static enum status check_values(const struct nn_graph *graph, const float *values,
                                enum status status, struct err *err)
{
    for (int i = 0; i < graph->parameter_count; i++) {
        const struct nn_parameter *parameter = &graph->parameters[i];
        if (!nn_is_finite(values + parameter->offset, parameter->count))
            return err_set(err, status, "tensor '%s' holds NaN or infinity", parameter->name);
    }
    for (int i = 0; i < graph->node_count; i++) {
        int index = graph->nodes[i].norm_variance;
        for (size_t c = 0; index >= 0 && c < graph->parameters[index].count; c++)
            if (values[graph->parameters[index].offset + c] < 0)
                return err_set(err, status, "tensor '%s' holds a negative variance",
                               graph->parameters[index].name);
    }
    return ST_OK;
}

/* Whether `data` is the block of values as it stands. */
static bool is_in_order(const struct reading *r)
{
    const struct nn_graph *graph = r->weights->graph;

    for (int i = 0; i < graph->parameter_count; i++)
        if (r->begins[i] != graph->parameters[i].offset * sizeof(float))
            return false;
    return (uintptr_t)r->data.at % sizeof(float) == 0;
}

static enum status take_values(struct reading *r, bool in_place, struct err *err)
{
    struct nn_weights *weights = r->weights;
    const struct nn_graph *graph = weights->graph;

    if (in_place && is_in_order(r)) {
        weights->values = (const float *)(const void *)r->data.at;
        return ST_OK;
    }
    weights->copied = mem_try_alloc(graph->float_count, sizeof(float));
    if (!weights->copied)
        return err_set(err, ST_NOMEM, "no room for %zu parameters", graph->float_count);
    for (int i = 0; i < graph->parameter_count; i++)
        memcpy(weights->copied + graph->parameters[i].offset, r->data.at + r->begins[i],
               graph->parameters[i].count * sizeof(float));
    weights->values = weights->copied;
    return ST_OK;
}

static enum status read_tensors(struct reading *r, bool in_place, struct err *err)
{
    enum status st = ST_OK;

    r->err = err;
    json_each(r->header, check_known, r);
    st = r->status;
    for (int i = 0; i < r->weights->graph->parameter_count && st == ST_OK; i++)
        st = read_tensor(r, i, err);
    if (st == ST_OK)
        st = check_extents(r, err);
    if (st == ST_OK)
        st = take_values(r, in_place, err);
    if (st == ST_OK)
        st = check_values(r->weights->graph, r->weights->values, ST_CORRUPT, err);
    return st;
}

/* `in_place`: the values may stay where they are in `file`. */
static enum status parse(struct nn_weights *weights, struct bytes file, bool in_place,
                         struct err *err)
{
    struct reading r = {.weights = weights};
    enum status st = nn_safetensors_header(&r.header, &r.data, file, err);

    if (st == ST_OK)
        st = read_metadata(&r, err);
    if (st == ST_OK)
        st = read_tensors(&r, in_place, err);
    json_free(r.header);
    return st;
}

enum status nn_weights_parse(struct nn_weights **out, struct bytes file, struct err *err)
{
    struct nn_weights *weights = mem_alloc(1, sizeof *weights);
    enum status st = parse(weights, file, false, err);

    if (st != ST_OK) {
        nn_weights_close(weights);
        return st;
    }
    *out = weights;
    return ST_OK;
}

enum status nn_weights_open(struct nn_weights **out, const char *path, struct err *err)
{
    struct nn_weights *weights = mem_alloc(1, sizeof *weights);
    struct err inner = {0};
    enum status st = fs_map(&weights->mapped, path, NN_WEIGHTS_BYTES_MAX, err);

    if (st != ST_OK)
        goto out;
    st = parse(weights, weights->mapped, true, &inner);
    if (st != ST_OK) {
        st = err_set(err, st, "'%.80s': %.130s", path, inner.msg);
        goto out;
    }
    *out = weights;
    weights = NULL; /* handed over */
out:
    nn_weights_close(weights);
    return st;
}

void nn_weights_close(struct nn_weights *weights)
{
    if (!weights)
        return;
    for (int i = 0; i < weights->metadata_count; i++)
        mem_free(weights->metadata[i].value);
    nn_graph_close(weights->graph);
    mem_free(weights->copied);
    fs_unmap(weights->mapped);
    mem_free(weights);
}

const char *nn_weights_metadata(const struct nn_weights *weights, const char *key)
{
    for (int i = 0; i < weights->metadata_count; i++)
        if (strcmp(weights->metadata[i].key, key) == 0)
            return weights->metadata[i].value;
    return NULL;
}

/* Writing --------------------------------------------------------------------------------- */

/* Sets a text and makes sure that it arrived whole: JSON takes UTF-8 only. */
static enum status add_metadata(struct json *object, const char *key, const char *value,
                                struct err *err)
{
    enum status st = check_metadata(key, value, err);

    if (st != ST_OK)
        return st;
    json_set_str(object, key, value);
    if (strcmp(json_get_str(object, key), value) != 0)
        return err_set(err, ST_INVALID, "metadata '%s' is not UTF-8", key);
    return ST_OK;
}

static enum status build_metadata(struct json *header, const struct nn_graph *graph,
                                  const struct nn_metadata *metadata, int count, struct err *err)
{
    struct json *object = json_new_object();
    int written = 1;
    enum status st = add_metadata(object, NETWORK_KEY, graph->text, err);

    for (int i = 0; i < count && st == ST_OK; i++) {
        if (strcmp(metadata[i].key, NETWORK_KEY) == 0)
            continue;
        if (json_get(object, metadata[i].key))
            st = err_set(err, ST_INVALID, "metadata '%.*s' is given twice", SHOWN(metadata[i].key));
        else if (++written > NN_METADATA_MAX)
            st = err_set(err, ST_LIMIT, "over %d metadata keys", NN_METADATA_MAX);
        else
            st = add_metadata(object, metadata[i].key, metadata[i].value, err);
    }
    json_set(header, METADATA_NAME, object);
    return st;
}

static void add_tensor(struct json *header, const struct nn_parameter *parameter)
{
    struct json *entry = json_new_object();
    struct json *shape = json_new_array();
    struct json *offsets = json_new_array();
    size_t begin = parameter->offset * sizeof(float);

    for (int i = 0; i < parameter->dim_count; i++)
        json_append_int(shape, parameter->dims[i]);
    json_append_int(offsets, (int64_t)begin);
    json_append_int(offsets, (int64_t)(begin + parameter->count * sizeof(float)));
    json_set_str(entry, "dtype", "F32");
    json_set(entry, "shape", shape);
    json_set(entry, "data_offsets", offsets);
    json_set(header, parameter->name, entry);
}

/* The tensors in the order of the block: trained ones first. */
static void add_tensors(struct json *header, const struct nn_graph *graph)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < graph->parameter_count; i++)
            if (graph->parameters[i].trained == (pass == 0))
                add_tensor(header, &graph->parameters[i]);
}

/* Length, JSON, spaces up to the alignment. */
static void add_header(struct buf *file, const struct json *header)
{
    uint8_t length[LENGTH_SIZE] = {0};

    buf_add(file, length, sizeof length);
    json_write(file, header, 0);
    while (file->len % NN_WEIGHTS_ALIGN && !file->failed)
        buf_add(file, " ", 1);
    if (file->failed)
        return;
    for (size_t i = 0; i < LENGTH_SIZE; i++)
        file->at[i] = (uint8_t)((uint64_t)(file->len - LENGTH_SIZE) >> (8 * i));
}

enum status nn_weights_save(const char *path, const struct nn_graph *graph, const float *values,
                            const struct nn_metadata *metadata, int metadata_count, struct err *err)
{
    struct json *header = json_new_object();
    struct buf file;
    enum status st = check_values(graph, values, ST_INVALID, err);

    buf_init(&file, NN_WEIGHTS_BYTES_MAX);
    if (st == ST_OK)
        st = build_metadata(header, graph, metadata, metadata_count, err);
    if (st != ST_OK)
        goto out;
    add_tensors(header, graph);
    add_header(&file, header);
    if (file.len > LENGTH_SIZE + NN_WEIGHTS_HEADER_MAX) {
        st = err_set(err, ST_LIMIT, "a header of %zu bytes is over %u", file.len - LENGTH_SIZE,
                     NN_WEIGHTS_HEADER_MAX);
        goto out;
    }
    buf_add(&file, values, graph->float_count * sizeof(float));
    st = buf_check(&file, "a weights file", err);
    if (st == ST_OK)
        st = fs_write(path, buf_bytes(&file), err);
out:
    buf_fini(&file);
    json_free(header);
    return st;
}
