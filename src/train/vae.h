/* train/vae.h - tiny autoencoders of latent diffusion models (TAESD family): a photo goes to its
 * latent and back, and comes out with the traces that a generator's decoder leaves.  Owns the
 * architecture: which layers, which tensors of the two files.  Must not know why a photo is sent
 * through, or where it is stored. */
#pragma once

#include "image/image.h"
#include "nn/safetensors.h"

#define TRAIN_VAE_STRIDE      8  /* pixels a side of one position of the latent */
#define TRAIN_VAE_REACH_PX    72 /* how far an output looks outside its own tile, at most */
#define TRAIN_VAE_CHANNELS    64
#define TRAIN_VAE_LATENT_MAX  64 /* channels */
#define TRAIN_VAE_NAME_SIZE   48
#define TRAIN_VAE_TILE_MIN_PX 64
#define TRAIN_VAE_TILE_MAX_PX 1536
#define TRAIN_VAE_TILE_PX     512 /* default */

/* Weights of an encoder and its decoder.  Immutable, shared by threads. */
struct train_vae;

/* Takes two files in the naming of madebyollin/taesd: tensors "0.weight", "1.conv.0.bias" ... of
 * F32, F16 or BF16; blocks with "pool" (FLUX.2) are told by their tensors.  name is [a-z0-9._-]+.
 * Errors: those of nn_safetensors_open, and ST_CORRUPT when a tensor is missing, unknown or of
 * another shape: the message names it.  Out: *out is the caller's. */
enum status train_vae_open(struct train_vae **out, const char *name, const char *encoder_path,
                           const char *decoder_path, struct err *err) MUST_USE;
/* The same from files that were read already. */
enum status train_vae_build(struct train_vae **out, const char *name,
                            const struct nn_safetensors *encoder,
                            const struct nn_safetensors *decoder, struct err *err) MUST_USE;
void train_vae_close(struct train_vae *vae); /* NULL is fine */

const char *train_vae_name(const struct train_vae *vae);
const char *train_vae_encoder_sha256(const struct train_vae *vae);
const char *train_vae_decoder_sha256(const struct train_vae *vae);
/* Multiply-adds of one round trip of a photo that is one tile. */
uint64_t train_vae_multiply_adds(const struct train_vae *vae, uint32_t width, uint32_t height);

/* Networks compiled for the last size and autoencoder: one thread's.  Photos of one size in a row
 * cost no compilation. */
struct train_vae_session;

/* Where a photo is larger than a tile, its layers at full, half and quarter resolution run tile by
 * tile with TRAIN_VAE_REACH_PX of surroundings, so that the result is the untiled one; what is left
 * runs whole, at an eighth.  Memory: about 2,200 bytes for each pixel of a tile and surroundings,
 * 30 for each pixel of the photo.  tile_px: a multiple of 8 within the limits above. */
enum status train_vae_session_open(struct train_vae_session **out, uint32_t tile_px,
                                   struct err *err) MUST_USE;
void train_vae_session_close(struct train_vae_session *session); /* NULL is fine */

/* `out` is 3 * width * height floats, as the decoder gives them: RGB, about 0..1, not clamped.  A
 * side that is no multiple of 8 is continued by its mirror image, and the result cut. */
enum status train_vae_round_trip(float *out, struct train_vae_session *session,
                                 const struct train_vae *vae, const struct image *photo,
                                 struct err *err) MUST_USE;
