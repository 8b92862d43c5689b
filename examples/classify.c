/* examples/classify.c - the whole use of libaidetect: classify MODEL PHOTO... */
#include <stdio.h>

#include "detect/detect.h"

static uint8_t buffer[10 << 20]; /* the largest photo */

static void classify(struct detect_session *session, const char *path)
{
    struct detect_result result;
    struct err err;
    struct bytes photo = {.at = buffer};
    FILE *file = fopen(path, "rb");

    if (file) {
        photo.len = fread(buffer, 1, sizeof(buffer), file);
        fclose(file);
    }
    if (detect_photo(&result, session, photo, &err) == ST_OK)
        printf("%s: %s, probability %.3f\n", path, detect_verdict_name(result.verdict),
               result.probability);
    else
        printf("%s: %s\n", path, err.msg);
}

int main(int argc, char **argv)
{
    struct detect_model *model = NULL;
    struct detect_session *session = NULL;
    struct err err = {.msg = "usage: classify MODEL PHOTO..."};
    bool ready = argc > 2 && detect_model_open(&model, argv[1], NULL, &err) == ST_OK &&
                 detect_session_open(&session, model, &err) == ST_OK;

    fputs(ready ? "" : err.msg, stderr);
    for (int i = 2; ready && i < argc; i++)
        classify(session, argv[i]);
    detect_session_close(session);
    detect_model_close(model);
    return ready ? 0 : 1;
}
