/* image/png.c - PNG in and out by libpng.
 * Owns the codec object for the length of one call; pixels go to the caller's arena.  Chunks that
 * do not change pixels are skipped unread.  Thread-safe. */
#include "image/image_internal.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>
#include <zlib.h> /* the names of its strategies */

#define CHUNK_BYTES_MAX 65536 /* palette and transparency are far smaller */

/* ---- failures: libpng calls back, we jump out ---- */

struct png_failure {
    jmp_buf back;
    char message[128];
    bool out_of_memory;
};

_Noreturn static void on_error(png_structp codec, png_const_charp message)
{
    struct png_failure *failure = png_get_error_ptr(codec);
    size_t len = MIN_OF(strlen(message), sizeof failure->message - 1);

    memcpy(failure->message, message, len);
    failure->message[len] = '\0';
    longjmp(failure->back, 1);
}

static void on_warning(png_structp codec, png_const_charp message)
{
    (void)codec, (void)message; /* about chunks that we do not use */
}

/* ---- decoding ---- */

struct png_reader {
    png_structp codec;
    png_infop header;
    struct png_failure failure;
    struct bytes rest; /* of the file */
    struct image image;
};

static void on_read(png_structp codec, png_bytep at, size_t len)
{
    struct png_reader *reader = png_get_io_ptr(codec);

    if (len > reader->rest.len)
        png_error(codec, "the file ends early");
    memcpy(at, reader->rest.at, len);
    reader->rest.at += len;
    reader->rest.len -= len;
}

/* Whatever is stored, rows of 8-bit RGB come out, or RGBA when anything is transparent. */
static void ask_for_rgb(png_structp codec, png_infop header)
{
    png_set_expand(codec);
    png_set_gray_to_rgb(codec);
    png_set_strip_16(codec);
    png_set_interlace_handling(codec);
    png_read_update_info(codec, header);
}

/* An interlaced image is read in several passes over all rows. */
static void read_pixels(struct png_reader *reader, uint8_t *at, uint32_t height)
{
    int passes = png_get_interlace_type(reader->codec, reader->header) == PNG_INTERLACE_NONE
                     ? 1
                     : PNG_INTERLACE_ADAM7_PASSES;
    size_t stride = png_get_rowbytes(reader->codec, reader->header);

    for (int pass = 0; pass < passes; pass++)
        for (uint32_t row = 0; row < height; row++)
            png_read_row(reader->codec, at + stride * row, NULL);
    png_read_end(reader->codec, NULL);
}

/* Reads the chunks before the pixels; libpng must see the image that the limits were checked on. */
static enum status read_header(struct png_reader *reader, const struct image_info *info,
                               struct err *err)
{
    reader->header = png_create_info_struct(reader->codec);
    if (!reader->header)
        return err_set(err, ST_NOMEM, "no memory for the PNG decoder");
    png_set_read_fn(reader->codec, reader, on_read);
    png_set_user_limits(reader->codec, info->width, info->height);
    png_set_chunk_malloc_max(reader->codec, CHUNK_BYTES_MAX);
    png_set_keep_unknown_chunks(reader->codec, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(reader->codec, reader->header);
    if (png_get_image_width(reader->codec, reader->header) != info->width ||
        png_get_image_height(reader->codec, reader->header) != info->height)
        return err_set(err, ST_INVALID, "PNG has two headers that differ");
    return ST_OK;
}

/* Jumps to reader->failure.back when libpng gives up. */
static enum status decode_png(struct png_reader *reader, const struct image_info *info,
                              struct arena *arena, struct err *err)
{
    size_t mark = arena_mark(arena);

    enum status st = read_header(reader, info, err);
    if (st)
        return st;
    ask_for_rgb(reader->codec, reader->header);
    size_t channels = png_get_channels(reader->codec, reader->header);
    if (png_get_rowbytes(reader->codec, reader->header) != channels * info->width || channels < 3)
        return err_set(err, ST_INVALID, "PNG does not expand to 8-bit colours");
    if (channels == 4) {
        uint8_t *rgba = NULL;

        st = image_new_rgba(&rgba, info->width, info->height, arena, err);
        if (st)
            return st;
        read_pixels(reader, rgba, info->height);
        reader->image = image_squeeze(rgba, info->width, info->height, arena, mark);
    } else {
        st = image_new(&reader->image, info->width, info->height, arena, err);
        if (st)
            return st;
        read_pixels(reader, reader->image.rgb, info->height);
    }
    return ST_OK;
}

static enum status decode_guarded(struct png_reader *reader, const struct image_info *info,
                                  struct arena *arena, struct err *err)
{
    if (setjmp(reader->failure.back))
        return err_set(err, ST_INVALID, "PNG is damaged or cut off: %s", reader->failure.message);
    return decode_png(reader, info, arena, err);
}

enum status image_decode_png(struct image *out, const struct image_info *info, struct bytes file,
                             struct arena *arena, struct err *err)
{
    struct png_reader reader;

    memset(&reader, 0, sizeof reader);
    reader.rest = file;
    reader.codec =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader.failure, on_error, on_warning);
    if (!reader.codec)
        return err_set(err, ST_NOMEM, "no memory for the PNG decoder");
    enum status st = decode_guarded(&reader, info, arena, err);
    png_destroy_read_struct(&reader.codec, &reader.header, NULL);
    if (!st)
        *out = reader.image;
    return st;
}

/* ---- encoding ---- */

struct png_writer {
    png_structp codec;
    png_infop header;
    struct png_failure failure;
    struct image_sink sink;
};

static void on_write(png_structp codec, png_bytep at, size_t len)
{
    struct png_writer *writer = png_get_io_ptr(codec);

    if (!image_sink_add(&writer->sink, at, len)) {
        writer->failure.out_of_memory = true;
        longjmp(writer->failure.back, 1);
    }
}

static void on_flush(png_structp codec)
{
    (void)codec; /* memory needs none */
}

/* Jumps to writer->failure.back when libpng gives up.
 * Filtered rows of a photo hold runs and hardly any longer repetition: to look for runs only takes
 * a fifth of the time and makes a file 2 % larger. */
static void encode_png(struct png_writer *writer, const struct image *in)
{
    writer->header = png_create_info_struct(writer->codec);
    if (!writer->header)
        png_error(writer->codec, "no memory");
    png_set_write_fn(writer->codec, writer, on_write, on_flush);
    png_set_compression_strategy(writer->codec, Z_RLE);
    png_set_IHDR(writer->codec, writer->header, in->width, in->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer->codec, writer->header);
    for (uint32_t row = 0; row < in->height; row++)
        png_write_row(writer->codec, in->rgb + (size_t)3 * in->width * row);
    png_write_end(writer->codec, NULL);
}

static bool encode_guarded(struct png_writer *writer, const struct image *in)
{
    if (setjmp(writer->failure.back))
        return false;
    encode_png(writer, in);
    return true;
}

enum status image_encode_png(struct bytes *out, const struct image *in, struct arena *arena,
                             struct err *err)
{
    struct png_writer writer;

    memset(&writer, 0, sizeof writer);
    image_sink_open(&writer.sink, arena);
    writer.codec =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer.failure, on_error, on_warning);
    if (!writer.codec)
        return err_set(err, ST_NOMEM, "no memory for the PNG encoder");
    bool done = encode_guarded(&writer, in);
    png_destroy_write_struct(&writer.codec, &writer.header);
    if (!done) {
        arena_release(arena, writer.sink.mark);
        return writer.failure.out_of_memory
                   ? err_set(err, ST_NOMEM, "no room for an encoded PNG of %ux%u pixels", in->width,
                             in->height)
                   : err_set(err, ST_IO, "PNG encoder failed: %s", writer.failure.message);
    }
    *out = image_sink_close(&writer.sink);
    return ST_OK;
}
