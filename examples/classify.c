/* examples/classify.c - the whole use of libaidetect: classify MODEL PHOTO... */
#include <stdio.h>
#include <stdlib.h>

#include "detect/detect.h"

#define PHOTO_BYTES_MAX ((size_t)10 << 20)

static void classify(struct detect_session *session, const char *path, uint8_t *buffer)
{
    struct detect_result result;
    struct err err;
    struct bytes photo = {.at = buffer};
    FILE *file = fopen(path, "rb");

    if (file) {
        photo.len = fread(buffer, 1, PHOTO_BYTES_MAX, file);
        fclose(file);
    }
    if (detect_photo(&result, session, photo, &err) == ST_OK)
        printf("%s: %s, probability %.3f, confidence %s\n", path,
               detect_verdict_name(result.verdict), result.probability,
               detect_confidence_name(result.confidence));
    else
        printf("%s: %s\n", path, err.msg);
}

int main(int argc, char **argv)
{
    static uint8_t buffer[PHOTO_BYTES_MAX];
    struct detect_model *model = NULL;
    struct detect_session *session = NULL;
    struct err err = {.msg = "usage: classify MODEL PHOTO..."};
    bool ready = argc > 2 && detect_model_open(&model, argv[1], NULL, &err) == ST_OK &&
                 detect_session_open(&session, model, &err) == ST_OK;

    if (!ready)
        fprintf(stderr, "%s\n", err.msg);
    for (int i = 2; ready && i < argc; i++)
        classify(session, argv[i], buffer);
    detect_session_close(session);
    detect_model_close(model);
    return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
