/* image/jpeg.c - JPEG in and out by libjpeg-turbo.
 * Owns the codec object for the length of one call; pixels go to the caller's arena.  Every
 * warning that means lost pixels ends the decoding.  Thread-safe. */
#include "image/image_internal.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs FILE and size_t */
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#define SCANS_MAX   64  /* a progressive file of real encoders has about 10 */
#define MEMORY_BASE 16u /* MB that libjpeg may use for any file */

/* ---- failures: libjpeg calls back, we jump out ---- */

struct jpeg_failure {
    struct jpeg_error_mgr manager; /* first: libjpeg hands this pointer back */
    jmp_buf back;
    char message[JMSG_LENGTH_MAX];
    bool out_of_memory;
    bool too_many_scans;
};

_Noreturn static void fail(j_common_ptr codec)
{
    struct jpeg_failure *failure = (struct jpeg_failure *)codec->err;

    codec->err->format_message(codec, failure->message);
    longjmp(failure->back, 1);
}

static void on_error(j_common_ptr codec)
{
    struct jpeg_failure *failure = (struct jpeg_failure *)codec->err;
    int code = codec->err->msg_code;

    failure->out_of_memory = code == JERR_OUT_OF_MEMORY || code == JERR_NO_BACKING_STORE;
    fail(codec);
}

/* Level -1 is a warning.  Tolerated: what camera makers write around intact pixels. */
static void on_message(j_common_ptr codec, int level)
{
    if (level >= 0)
        return;
    switch (codec->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL: /* of values that a sequential decoder ignores */
    case JWRN_TOO_MUCH_DATA:
        return;
    default:
        fail(codec);
    }
}

static void on_output(j_common_ptr codec)
{
    (void)codec; /* nothing is ever printed */
}

static struct jpeg_error_mgr *init_failure(struct jpeg_failure *failure)
{
    struct jpeg_error_mgr *manager = jpeg_std_error(&failure->manager);

    manager->error_exit = on_error;
    manager->emit_message = on_message;
    manager->output_message = on_output;
    failure->message[0] = '\0';
    failure->out_of_memory = false;
    failure->too_many_scans = false;
    return manager;
}

/* ---- decoding ---- */

struct jpeg_reader {
    struct jpeg_decompress_struct codec; /* first: the progress monitor gets its address */
    struct jpeg_failure failure;
    struct jpeg_progress_mgr progress;
    struct image image;
    uint8_t *strip; /* rows that are not yet in their place; NULL when decoding in place */
    uint8_t *inks;  /* CMYK rows; NULL for other files */
    size_t mark;    /* arena level above the image, below the strips */
    uint8_t orientation;
};

/* Each scan costs a pass over the whole image, however few bytes it has. */
static void count_scans(j_common_ptr codec)
{
    struct jpeg_failure *failure = (struct jpeg_failure *)codec->err;
    int scans = ((j_decompress_ptr)codec)->input_scan_number;

    if (scans > SCANS_MAX) {
        failure->too_many_scans = true;
        longjmp(failure->back, 1);
    }
}

/* Adobe writes inks inverted (255 is none); without its marker 255 is full ink. */
static void inks_to_rgb(uint8_t *rgb, const uint8_t *inks, size_t count, bool inverted)
{
    uint8_t flip = inverted ? 0 : 255;

    for (size_t i = 0; i < count; i++) {
        unsigned key = inks[4 * i + 3] ^ flip;

        for (size_t c = 0; c < 3; c++) {
            unsigned light = (inks[4 * i + c] ^ flip) * key + 128;
            rgb[3 * i + c] = (uint8_t)((light + (light >> 8)) >> 8); /* / 255, rounded */
        }
    }
}

static void read_rows(j_decompress_ptr codec, uint8_t *at, size_t stride, uint32_t count)
{
    JSAMPROW rows[IMAGE_STRIP_ROWS];

    for (uint32_t i = 0; i < count; i++)
        rows[i] = at + stride * i;
    for (uint32_t done = 0; done < count;)
        done += jpeg_read_scanlines(codec, rows + done, count - done);
}

static void read_pixels(struct jpeg_reader *reader)
{
    j_decompress_ptr codec = &reader->codec;
    size_t width = codec->output_width;
    bool inverted = codec->saw_Adobe_marker;

    while (codec->output_scanline < codec->output_height) {
        uint32_t first = codec->output_scanline;
        uint32_t count = MIN_OF(IMAGE_STRIP_ROWS, codec->output_height - first);
        uint8_t *rgb = reader->strip ? reader->strip : reader->image.rgb + 3 * width * first;

        if (reader->inks) {
            read_rows(codec, reader->inks, 4 * width, count);
            inks_to_rgb(rgb, reader->inks, width * count, inverted);
        } else {
            read_rows(codec, rgb, 3 * width, count);
        }
        if (reader->strip)
            image_place_rows(&reader->image, reader->strip, first, count, reader->orientation);
    }
}

/* The image itself, and strips of rows where they cannot be decoded in place. */
static enum status take_memory(struct jpeg_reader *reader, const struct image_info *info,
                               struct arena *arena, struct err *err)
{
    size_t strip = (size_t)reader->codec.output_width * IMAGE_STRIP_ROWS;

    enum status st = image_new(&reader->image, info->width, info->height, arena, err);
    if (st)
        return st;
    reader->mark = arena_mark(arena);
    if (info->orientation != 1)
        reader->strip = arena_try(arena, strip, 3);
    if (reader->codec.out_color_space == JCS_CMYK)
        reader->inks = arena_try(arena, strip, 4);
    if ((info->orientation != 1 && !reader->strip) ||
        (reader->codec.out_color_space == JCS_CMYK && !reader->inks))
        return err_set(err, ST_NOMEM, "no room for %zu bytes of JPEG rows", strip * 4);
    return ST_OK;
}

/* libjpeg must see the very image that the limits were checked on. */
static enum status read_header(struct jpeg_reader *reader, const struct image_info *info,
                               struct bytes file, struct err *err)
{
    j_decompress_ptr codec = &reader->codec;
    bool swap = image_orientation_transposes(info->orientation);

    jpeg_mem_src(codec, file.at, file.len);
    (void)jpeg_read_header(codec, TRUE);
    if (codec->image_width != (swap ? info->height : info->width) ||
        codec->image_height != (swap ? info->width : info->height) ||
        codec->num_components != info->components)
        return err_set(err, ST_INVALID, "JPEG has two headers that differ");

    bool inks = codec->jpeg_color_space == JCS_CMYK || codec->jpeg_color_space == JCS_YCCK;
    codec->out_color_space = inks ? JCS_CMYK : JCS_RGB;
    codec->progress = &reader->progress;
    /* Coefficients of a progressive file: 2 bytes for each of at most 4 components. */
    codec->mem->max_memory_to_use =
        (long)((MEMORY_BASE << 20) + 8 * (size_t)info->width * info->height);
    return ST_OK;
}

/* Jumps to reader->failure.back when libjpeg gives up. */
static enum status decode_jpeg(struct jpeg_reader *reader, const struct image_info *info,
                               struct bytes file, struct arena *arena, struct err *err)
{
    enum status st = read_header(reader, info, file, err);

    if (st)
        return st;
    (void)jpeg_start_decompress(&reader->codec);
    st = take_memory(reader, info, arena, err);
    if (st)
        return st;
    read_pixels(reader);
    arena_release(arena, reader->mark);
    return ST_OK;
}

static enum status describe(const struct jpeg_failure *failure, struct err *err)
{
    if (failure->too_many_scans)
        return err_set(err, ST_LIMIT, "JPEG of more than %d scans", SCANS_MAX);
    if (failure->out_of_memory)
        return err_set(err, ST_NOMEM, "no memory for this JPEG: %s", failure->message);
    return err_set(err, ST_INVALID, "JPEG is damaged or cut off: %s", failure->message);
}

static enum status decode_guarded(struct jpeg_reader *reader, const struct image_info *info,
                                  struct bytes file, struct arena *arena, struct err *err)
{
    if (setjmp(reader->failure.back))
        return describe(&reader->failure, err);
    jpeg_create_decompress(&reader->codec);
    return decode_jpeg(reader, info, file, arena, err);
}

enum status image_decode_jpeg(struct image *out, const struct image_info *info, struct bytes file,
                              struct arena *arena, struct err *err)
{
    struct jpeg_reader reader;

    memset(&reader, 0, sizeof reader);
    reader.orientation = info->orientation;
    reader.progress.progress_monitor = count_scans;
    reader.codec.err = init_failure(&reader.failure);
    enum status st = decode_guarded(&reader, info, file, arena, err);
    jpeg_destroy_decompress(&reader.codec);
    if (!st)
        *out = reader.image;
    return st;
}

/* ---- encoding ---- */

struct jpeg_writer {
    struct jpeg_compress_struct codec; /* first: the callbacks get its address */
    struct jpeg_failure failure;
    struct jpeg_destination_mgr destination;
    struct image_sink sink;
};

static void offer_room(struct jpeg_writer *writer)
{
    if (!image_sink_grow(&writer->sink)) {
        writer->failure.out_of_memory = true;
        longjmp(writer->failure.back, 1);
    }
    writer->destination.next_output_byte = writer->sink.at + writer->sink.len;
    writer->destination.free_in_buffer = writer->sink.capacity - writer->sink.len;
}

static void on_output_start(j_compress_ptr codec)
{
    offer_room((struct jpeg_writer *)codec);
}

/* libjpeg calls this when all the room is used. */
static boolean on_output_full(j_compress_ptr codec)
{
    struct jpeg_writer *writer = (struct jpeg_writer *)codec;

    writer->sink.len = writer->sink.capacity;
    offer_room(writer);
    return TRUE;
}

static void on_output_end(j_compress_ptr codec)
{
    struct jpeg_writer *writer = (struct jpeg_writer *)codec;

    writer->sink.len = writer->sink.capacity - writer->destination.free_in_buffer;
}

/* Jumps to writer->failure.back when libjpeg gives up. */
static void encode_jpeg(struct jpeg_writer *writer, const struct image *in, int quality,
                        enum image_subsampling subsampling)
{
    j_compress_ptr codec = &writer->codec;

    codec->dest = &writer->destination;
    codec->image_width = in->width;
    codec->image_height = in->height;
    codec->input_components = 3;
    codec->in_color_space = JCS_RGB;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, quality, TRUE);
    codec->comp_info[0].h_samp_factor = subsampling == IMAGE_SUBSAMPLING_444 ? 1 : 2;
    codec->comp_info[0].v_samp_factor = subsampling == IMAGE_SUBSAMPLING_420 ? 2 : 1;
    jpeg_start_compress(codec, TRUE);
    while (codec->next_scanline < codec->image_height) {
        JSAMPROW row = in->rgb + (size_t)3 * in->width * codec->next_scanline;
        (void)jpeg_write_scanlines(codec, &row, 1);
    }
    jpeg_finish_compress(codec);
}

static bool encode_guarded(struct jpeg_writer *writer, const struct image *in, int quality,
                           enum image_subsampling subsampling)
{
    if (setjmp(writer->failure.back))
        return false;
    jpeg_create_compress(&writer->codec);
    encode_jpeg(writer, in, quality, subsampling);
    return true;
}

enum status image_encode_jpeg(struct bytes *out, const struct image *in, int quality,
                              enum image_subsampling subsampling, struct arena *arena,
                              struct err *err)
{
    struct jpeg_writer writer;

    if (in->width > JPEG_MAX_DIMENSION || in->height > JPEG_MAX_DIMENSION)
        return err_set(err, ST_LIMIT, "JPEG cannot hold %ux%u pixels: %ld a side", in->width,
                       in->height, JPEG_MAX_DIMENSION);
    memset(&writer, 0, sizeof writer);
    image_sink_open(&writer.sink, arena);
    writer.destination.init_destination = on_output_start;
    writer.destination.empty_output_buffer = on_output_full;
    writer.destination.term_destination = on_output_end;
    writer.codec.err = init_failure(&writer.failure);
    bool done = encode_guarded(&writer, in, CLAMP(quality, 1, 100), subsampling);
    jpeg_destroy_compress(&writer.codec);
    if (!done) {
        arena_release(arena, writer.sink.mark);
        return writer.failure.out_of_memory
                   ? err_set(err, ST_NOMEM, "no room for an encoded JPEG of %ux%u pixels",
                             in->width, in->height)
                   : err_set(err, ST_IO, "JPEG encoder failed: %s", writer.failure.message);
    }
    *out = image_sink_close(&writer.sink);
    return ST_OK;
}
