/* train/vae_layers.h - the layers of the TAESD family as network descriptions: inside vae*.c only.
 * A round trip is three networks, cut where the resolution allows it: what runs tile by tile down
 * to an eighth, what runs whole there, what runs tile by tile up again. */
#pragma once

#include "nn/graph.h"
#include "train/vae.h"

enum train_vae_stage { TRAIN_VAE_DOWN, TRAIN_VAE_DEEP, TRAIN_VAE_UP, TRAIN_VAE_STAGE_COUNT };

struct train_vae_shape {
    int latent;  /* channels */
    bool pooled; /* the blocks at an eighth begin with a normalised branch */
};

/* Input (height, width) in positions of the stage's input: pixels for TRAIN_VAE_DOWN, eighths
 * otherwise. Out: *out is the caller's. */
enum status train_vae_graph_open(struct nn_graph **out, enum train_vae_stage stage,
                                 const struct train_vae_shape *shape, int height, int width,
                                 struct err *err) MUST_USE;

/* A parameter "e1-conv-0.weight" is tensor "1.conv.0.weight" of the encoder, "d..." of the decoder.
 * Writes the tensor's name; whether it is the encoder's. */
bool train_vae_tensor_name(char out[NN_SAFETENSORS_NAME_SIZE], const char *parameter);
