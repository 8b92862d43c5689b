"""Bytes to pixels, their halves, and what the pixels say about the photo's quality."""
import io
import math

import numpy
from PIL import Image

from reference_parts.arrays import absolute_difference

BLOCK = 8  # of JPEG
QUALITY = ("too_small", "upscaled", "over_compressed", "flat")
ORIENTATION = 0x0112  # of EXIF
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
         6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}


def turn_upright(image):
    exif = Image.Exif()
    exif.load(image.info["exif"])
    turn = TURNS.get(exif.get(ORIENTATION))
    return image if turn is None else image.transpose(turn)


def lay_on_white(image):
    image = image.convert("RGBA")
    out = Image.new("RGB", image.size, "white")
    out.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return out


def decode(data):
    """Upright RGB."""
    image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP"))
    if image.format == "JPEG" and "exif" in image.info:
        image = turn_upright(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return lay_on_white(image)
    if image.mode == "I":  # 16 bits of grey
        image = image.point(lambda level: level * (1 / 256)).convert("L")
    image.load()
    return image if image.mode == "RGB" else image.convert("RGB")


def box_weights(size, out):
    """What each of `out` pixels along a side is made of; like Pillow's, but rounded only once."""
    scale = size / out
    stretch = max(scale, 1)
    taps = min(math.ceil(stretch), size)
    centre = (numpy.arange(out)[:, None] + 0.5) * scale
    start = numpy.clip(numpy.floor(centre - stretch / 2 + 0.5), 0, size - taps)
    stop = numpy.minimum(numpy.floor(centre + stretch / 2 + 0.5), start + taps)
    at = numpy.arange(size)
    distance = (at + 0.5 - centre) / stretch
    inside = (at >= start) & (at < stop) & (distance > -0.5) & (distance <= 0.5 + 1e-9)
    return (inside / inside.sum(1, keepdims=True)).astype(numpy.float32)


def resize(image, width, height):
    """For photos that are too small to be halved."""
    pixels = numpy.einsum("ay,yxc,bx->abc", box_weights(image.height, height),
                          numpy.asarray(image, numpy.float32), box_weights(image.width, width))
    return Image.fromarray((pixels + numpy.float32(0.5)).astype(numpy.uint8))


def halve(image):
    """Means of 2x2 pixels, halves rounded up; an odd last row or column is left out."""
    width, height = image.width // 2, image.height // 2
    if width >= 8 and height >= 8:
        return image.reduce(2, (0, 0, 2 * width, 2 * height))
    return resize(image, max(width, 8), max(height, 8))


def planes_of(image):
    """Red, green and blue, each (height, width)."""
    return [numpy.asarray(band) for band in image.split()]


# Quality ---------------------------------------------------------------------------------------

def total(values):
    return float(values.sum(0, dtype=numpy.uint32).sum())  # columns first, which is faster


def measure_pixels(photo):
    """Blocking and sharpness of green, every fourth row."""
    rows = photo.transform((photo.width, (photo.height + 3) // 4), Image.Transform.AFFINE,
                           (1, 0, 0, 0, 4, -1.5))
    green = numpy.asarray(rows.getchannel("G"))
    near = absolute_difference(green[:, :-2], green[:, 1:-1])
    step1 = total(near)
    step2 = total(absolute_difference(green[:, :-2], green[:, 2:]))
    border = near[:, BLOCK - 1::BLOCK]
    blocking = border.mean() * near.size / step1 if step1 and border.size else 1
    return blocking, step1 / step2 if step2 else 1


def quality_flags(size, blocking, sharpness, texture):
    flags = (min(size) < 128, sharpness < 0.528, blocking > 1.8, texture < 0.75)
    return [name for name, flag in zip(QUALITY, flags) if flag]
