"""The whole way from a photo's bytes to its probability in Python: Pillow, NumPy and PyTorch.

    reference.py MODEL PHOTO...

Prints a line of JSON a photo; milliseconds are CPU time.  An independent check of the program's
answers, and the fair inside of a usual service: one thread, and whole arrays wherever there is more
than one of a kind.  The windows of a photo lie one behind the other in a flat array, so that a
neighbour is a shift of all of it; what comes out where rows and windows end is never used.  Whole
numbers stay in 8 or 16 bits, where they are fastest.  Steps and names are those of src/detect; why
they are as they are is said there.  Limits are not checked.

Fast only with OMP_NUM_THREADS=1 and the TORCH_MEMORY of driver.py in its environment.
"""
import dataclasses
import io
import json
import math
import sys
import time

import numpy
import torch
from PIL import Image

from torch_network import Network, read_layers, read_safetensors

TILE = 16  # pixels a side, of which texture is summed
CONTRAST = 32  # a single strong edge counts no more than this
SIDE, MARGIN, WIDE = 128, 2, 132  # windows of the statistics
WINDOWS_MAX = 4  # a scale
BLOCK = 8
BLOCKS = SIDE // BLOCK
FRONTEND_MARGIN = 8
CHANNELS = 16
CHANNELS_CLAMPED = 14  # the first ones, all but level and texture
CHANNEL_LIMIT = 2
QUALITY = ("too_small", "upscaled", "over_compressed", "flat")
ORIENTATION = 0x0112  # of EXIF
TURNS = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
         4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
         6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
         8: Image.Transpose.ROTATE_90}


@dataclasses.dataclass
class Answer:
    probability: float
    network_logit: float
    statistics_logit: float
    crops: list  # (x, y, logit), in pixels of the upright photo
    embedding: int
    quality: list  # names


# Pixels ----------------------------------------------------------------------------------------

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


def histogram(values):
    """How often each byte occurs.  Pillow counts bytes faster than bincount, most of all when they
    pass for four channels: equal neighbours then do not wait for each other."""
    values = values.reshape(-1)
    fours = len(values) // 4
    image = Image.frombuffer("RGBA", (fours, 1), values, "raw", "RGBA", 0, 1)
    counts = numpy.fromiter(image.histogram(), numpy.int64, 4 * 256).reshape(4, 256).sum(0)
    return counts + numpy.bincount(values[4 * fours:], minlength=256)


def products(rows, pairs):
    """Inner products; of a few long rows faster than a product of matrices."""
    return [float(numpy.dot(rows[a], rows[b])) for a, b in pairs]


def absolute_difference(a, b):
    """Of bytes."""
    out = numpy.maximum(a, b)
    out -= numpy.minimum(a, b)
    return out


def middle(a, b, c):
    low, high = numpy.minimum(a, b), numpy.maximum(a, b)
    numpy.minimum(high, c, out=high)
    return numpy.maximum(low, high, out=high)


# Neighbours in flat arrays ---------------------------------------------------------------------

def step(values, apart):
    """What is added from each pixel to the one `apart` behind it."""
    return values[..., apart:] - values[..., :-apart]


def pair(values, apart):
    """The sum of each pixel and the one `apart` behind it."""
    return values[..., apart:] + values[..., :-apart]


def squares(values, wide, side, row, column):
    """A view: of each window of `wide` pixels a side the square of `side` from (row, column) on."""
    size = values.itemsize
    windows = -(-values.shape[-1] // (wide * wide))
    return numpy.ndarray(
        values.shape[:-1] + (windows, side, side), values.dtype, values,
        (row * wide + column) * size,
        values.strides[:-1] + (wide * wide * size, wide * size, size))


def median9(values, wide):
    """Medians of 3x3 pixels from each pixel on: columns sorted, then the middle of the largest low,
    the middle middle and the smallest high (Smith 1996)."""
    above, here, below = values[..., :-2 * wide], values[..., wide:-wide], values[..., 2 * wide:]
    low, high = numpy.minimum(above, here), numpy.maximum(above, here)
    rest = numpy.minimum(high, below)
    lows, middles, highs = [
        (column[..., :-2], column[..., 1:-1], column[..., 2:])
        for column in (numpy.minimum(low, below), numpy.maximum(low, rest),
                       numpy.maximum(high, below))]
    low = numpy.maximum(numpy.maximum(lows[0], lows[1]), lows[2])
    high = numpy.minimum(numpy.minimum(highs[0], highs[1]), highs[2])
    return middle(low, middle(*middles), high)


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


# Crops -----------------------------------------------------------------------------------------

def tile_textures(green):
    """Clipped steps to the right and down, every second row, summed over tiles."""
    height, width = green.shape
    rows, columns = max(height // TILE, 1), max(width // TILE, 1)
    bottom, right = min(rows * TILE, height - 1), min(columns * TILE, width - 1)
    even, odd = green[0:bottom:2], green[1:bottom + 1:2]
    across = absolute_difference(even[:, :right], even[:, 1:right + 1])
    down = absolute_difference(even[:, :right], odd[:, :right])
    steps = numpy.zeros((rows * TILE // 2, columns * TILE), numpy.uint8)
    numpy.add(numpy.minimum(across, CONTRAST), numpy.minimum(down, CONTRAST),
              out=steps[:len(even), :right])
    lines = steps.reshape(rows, TILE // 2, columns * TILE).sum(1, dtype=numpy.uint16)
    return lines.reshape(rows, columns, TILE).sum(2, dtype=numpy.int64)


def list_candidates(tiles, side):
    """Places two tiles apart and the mean texture of a crop there, the most textured first."""
    rows, columns = tiles.shape
    sums = numpy.zeros((rows + 1, columns + 1), numpy.int64)
    tiles.cumsum(0).cumsum(1, out=sums[1:, 1:])
    across = -(-side // TILE)
    top = numpy.arange(0, max(rows - across, 0) + 1, 2)
    left = numpy.arange(0, max(columns - across, 0) + 1, 2)
    bottom, right = numpy.minimum(top + across, rows), numpy.minimum(left + across, columns)
    strips = sums[bottom] - sums[top]
    pixels = numpy.outer(bottom - top, right - left) * (TILE * TILE // 2)
    inside = strips[:, right] - strips[:, left]
    texture = (inside.astype(numpy.float32) / pixels.astype(numpy.float32)).ravel()
    order = numpy.argsort(-texture, kind="stable")
    y, x = numpy.divmod(order, len(left))
    return 2 * TILE * x, 2 * TILE * y, texture[order]


def choose_crops(tiles, side, count):
    """Up to `count` places (x, y), textured and far from each other; the texture of the best."""
    x, y, texture = list_candidates(tiles, side)
    chosen = []
    for distance in (side * 3 // 4, side * 3 // 8, side // 4):
        if len(chosen) == count:
            break
        free = numpy.ones(len(x), bool)
        for at in chosen:
            free &= (abs(x - at[0]) >= distance) | (abs(y - at[1]) >= distance)
        while len(chosen) < count and free.any():
            best = free.argmax()
            chosen.append((int(x[best]), int(y[best])))
            free &= (abs(x - x[best]) >= distance) | (abs(y - y[best]) >= distance)
    return chosen, float(texture[0])


def mirror(start, count, size):
    """Coordinates from `start` on, folded into [0, size)."""
    folded = numpy.arange(start, start + count) % (2 * size)
    return numpy.minimum(folded, 2 * size - 1 - folded)


def cut_window(out, planes, x, y):
    """Fills out, (3, wide, wide), from (x, y) on, mirrored at the photo's borders."""
    wide = out.shape[-1]
    height, width = planes[0].shape
    if x >= 0 and y >= 0 and x + wide <= width and y + wide <= height:
        for colour, plane in zip(out, planes):
            colour[:] = plane[y:y + wide, x:x + wide]
        return
    rows, columns = mirror(y, wide, height), mirror(x, wide, width)
    for colour, plane in zip(out, planes):
        colour[:] = plane.take(rows, 0).take(columns, 1)


# Front end -------------------------------------------------------------------------------------

def smooth(values, wide, apart):
    """[1 2 1] / 4 in both directions with taps `apart`; its middle is at (apart, apart)."""
    for shift in (apart, apart, apart * wide, apart * wide):
        values = pair(values, shift)
    values *= numpy.float32(1 / 16)
    return values


def log_texture(values):
    """log2(1 + t) / 2 - 1: exponent plus a quadratic in the mantissa."""
    values += 1
    bits = values.view(numpy.int32)
    exponent = (bits >> 23).astype(numpy.float32)
    bits &= 0x007fffff
    bits |= 0x3f800000
    fraction = values * numpy.float32(-0.34484843)
    fraction += numpy.float32(2.02466578)
    fraction *= values
    fraction += exponent
    fraction -= numpy.float32(127 + 1.67487759 + 2)
    fraction *= numpy.float32(0.5)
    return fraction


class FrontEnd:
    """Windows of pixels to channels, in units that make all limits the same."""

    def __init__(self, side):
        self.side = side
        self.wide = side + 2 * FRONTEND_MARGIN

    def inner(self, values, first):
        """The crops; the first value is that of the pixel at row and column `first`."""
        row, column = first
        return squares(values, self.wide, self.side, FRONTEND_MARGIN - row,
                       FRONTEND_MARGIN - column)

    def put(self, out, values, first, unit):
        numpy.multiply(self.inner(values, first), numpy.float32(1 / unit), out=out)

    def put_colours(self, out, pixels, colours):
        median = median9(pixels, self.wide).astype(numpy.float32)
        start = self.wide + 1
        numpy.subtract(colours[:, start:-start], median, out=median)
        self.put(out[0:3], median, (1, 1), 1.5)
        self.put(out[3:6], step(step(colours, 1), self.wide), (0, 0), 2)

    def put_differences(self, out, luma):
        """Second differences along rows and columns, and the 5x5 kernel of the spatial rich model,
        which is made of second differences in both directions."""
        wide = self.wide
        across = step(step(luma, 1), 1)
        both = step(step(across, wide), wide)
        self.put(out[0], across, (0, 1), 2)
        self.put(out[1], step(step(luma, wide), wide), (1, 0), 2)
        around = pair(pair(both, 2), 2 * wide)
        both *= 2
        around += both[wide + 1:-wide - 1]
        self.put(out[2], around, (2, 2), -12 * 1.5)

    def put_chroma(self, out, colour, luma, weight):
        chroma = colour - luma
        chroma *= numpy.float32(weight)
        start = self.wide + 1
        self.put(out, chroma[start:-start] - smooth(chroma, self.wide, 1), (1, 1), 1)

    def put_cells(self, out, luma):
        """Luma minus the even-row, even-column pixel of its 2x2 cell."""
        inner = self.inner(luma, (0, 0))
        even = inner.copy()
        even[..., 1::2] = even[..., ::2]
        even[..., 1::2, :] = even[..., ::2, :]
        numpy.subtract(inner, even, out=even)
        numpy.multiply(even, numpy.float32(1 / 2), out=out)

    def put_scales(self, out, luma):
        """Starlet bands 2 and 3, level, log of texture."""
        wide = self.wide

        def inside(values, count):
            return values[count * (wide + 1):-count * (wide + 1)]

        smooth1 = smooth(luma, wide, 1)
        smooth2 = smooth(smooth1, wide, 2)
        smooth3 = smooth(smooth2, wide, 4)
        self.put(out[0], inside(smooth1, 2) - smooth2, (3, 3), 2)
        self.put(out[1], inside(smooth2, 4) - smooth3, (7, 7), 4)
        texture = smooth(numpy.abs(inside(luma, 1) - smooth1), wide, 2)
        smooth1 -= 128
        self.put(out[2], smooth1, (1, 1), 64)
        out[3] = log_texture(self.inner(texture, (3, 3)).copy())

    def channels(self, planes, places):
        """(crops, channels, side, side)."""
        pixels = numpy.empty((3, len(places), self.wide, self.wide), numpy.uint8)
        for i, (x, y) in enumerate(places):
            cut_window(pixels[:, i], planes, x - FRONTEND_MARGIN, y - FRONTEND_MARGIN)
        pixels = pixels.reshape(3, -1)
        out = numpy.empty((len(places), CHANNELS, self.side, self.side), numpy.float32)
        channel = out.transpose(1, 0, 2, 3)
        red, green, blue = colours = pixels.astype(numpy.float32)
        luma = red * numpy.float32(0.299)
        luma += green * numpy.float32(0.587)
        luma += blue * numpy.float32(0.114)
        self.put_colours(channel[0:6], pixels, colours)
        self.put_differences(channel[6:9], luma)
        self.put_chroma(channel[9], blue, luma, 0.564)
        self.put_chroma(channel[10], red, luma, 0.713)
        self.put_cells(channel[11], luma)
        self.put_scales(channel[12:16], luma)
        out = torch.from_numpy(out)
        out[:, :CHANNELS_CLAMPED].clamp_(-CHANNEL_LIMIT, CHANNEL_LIMIT)
        return out


# Classes of tuples -----------------------------------------------------------------------------

def classes_of(base, count, ordered=False):
    """Which class each tuple of `count` digits to the base is in, as a matrix of zeros and ones.
    Tuples that become each other by negation, or by reversal unless ordered, are one class."""
    codes = numpy.arange(base ** count)
    powers = base ** numpy.arange(count)
    digits = codes[:, None] // powers % base
    reverse = codes if ordered else digits @ powers[::-1]
    least = numpy.minimum(numpy.minimum(codes, reverse), codes[-1] - numpy.maximum(codes, reverse))
    return (least[:, None] == numpy.unique(least)).astype(numpy.float64)


def quantise(residual, unit, cut):
    """To 0 .. 2 * cut: in units, halves rounded away from zero."""
    edges = [((2 * k - 1) * unit + 1) // 2 for k in range(1, cut + 1)]
    edges += [1 - edge for edge in edges]
    out = (residual >= edges[0]).view(numpy.uint8)
    for edge in edges[1:]:
        out += (residual >= edge).view(numpy.uint8)
    return out


def shares(counts):
    """Square roots of the shares of classes, the last of all, the others without the last."""
    every, last = counts.sum(-1, keepdims=True), counts[..., -1:]
    out = counts / numpy.maximum(every - last, 1)
    out[..., -1:] = last / numpy.maximum(every, 1)
    return numpy.sqrt(out)


# Statistics of windows -------------------------------------------------------------------------

def cosines():
    """The cosine transform of an 8x8 block, flat, as a matrix."""
    k = numpy.arange(BLOCK)
    across = numpy.cos((2 * k + 1) * k[:, None] * numpy.pi / (2 * BLOCK)) * 0.5
    across[0] = numpy.sqrt(1 / BLOCK)
    return numpy.kron(across, across).astype(numpy.float32)


def start_inside(start, size):
    last = max(size - SIDE - MARGIN, 0)
    return max(min(start + MARGIN, last), MARGIN)


def blocks_inside(start, size):
    return min(max((size - start - MARGIN) // BLOCK, 1), BLOCKS)


class Windows:
    """The most textured windows of each scale, their planes, and which blocks are in the photo."""

    def __init__(self, scales, tiles):
        places = []
        for scale, textures in enumerate(tiles):
            height, width = scales[scale][0].shape
            chosen, _ = choose_crops(textures, SIDE, WINDOWS_MAX)
            places += [(scale, start_inside(x, width), start_inside(y, height)) for x, y in chosen]
        self.count = len(places)
        self.scale = numpy.array([scale for scale, _, _ in places])
        self.parts = [slice(*numpy.searchsorted(self.scale, (scale, scale + 1)))
                      for scale in range(len(scales))]
        self.blocks = []
        pixels = numpy.empty((3, self.count, WIDE, WIDE), numpy.uint8)
        for i, (scale, x, y) in enumerate(places):
            height, width = scales[scale][0].shape
            cut_window(pixels[:, i], scales[scale], x - MARGIN, y - MARGIN)
            self.blocks.append((blocks_inside(y, height), blocks_inside(x, width)))
        self.whole = all(inside == (BLOCKS, BLOCKS) for inside in self.blocks)
        self.colours = pixels.reshape(3, -1)

    def mask(self, values, outside):
        """Sets what is not in the photo, of (windows, ..., height, width), pixels or blocks."""
        size = values.shape[-1] // BLOCKS
        for window, (rows, columns) in zip(values, self.blocks):
            window[..., rows * size:, :] = outside
            window[..., columns * size:] = outside


def put_codes(out, quantised, base, count, start):
    """Tuples of `count` neighbours to the right and below of each pixel, as numbers to the base;
    out: (windows, 2, SIDE, SIDE)."""
    digits = [quantised * base ** k for k in range(count - 1, 0, -1)] + [quantised]
    for direction, apart in enumerate((1, WIDE)):
        length = len(quantised) - (count - 1) * apart
        code = digits[0][:length] + digits[1][apart:apart + length]
        for k in range(2, count):
            code += digits[k][k * apart:k * apart + length]
        out[:, direction] = squares(code, WIDE, SIDE, *start)


class Statistics:
    """Numbers of two scales and of the tones of the smaller one."""

    def __init__(self):
        self.triples = classes_of(5, 3)
        self.pairs = classes_of(7, 2)
        self.colours = classes_of(3, 3, ordered=True)
        self.cosines = cosines()
        self.block_sums = numpy.kron(numpy.eye(BLOCKS), numpy.ones((BLOCK, 1))).astype("f4")
        frequencies = numpy.arange(BLOCK * BLOCK).reshape(BLOCK, BLOCK)
        upper = numpy.triu_indices(BLOCK)
        self.frequencies = frequencies[upper][1:], frequencies.T[upper][1:]
        level = numpy.arange(256)
        inner = 1 + level * 10 // 256
        self.brightness = numpy.where(level < 2, 0, numpy.where(level < 254, inner, 11))
        self.tone_weights = numpy.array([[0.299, 0.587, 0.114],
                                         [1.128 * -0.299, 1.128 * -0.587, 1.128 * (1 - 0.114)],
                                         [1.426 * (1 - 0.299), 1.426 * -0.587, 1.426 * -0.114]])

    # Planes and residuals

    @staticmethod
    def luma_and_chroma(colours):
        """Luma, in bytes, and both chroma plus 512, as the program's fixed point rounds them."""
        red, green, blue = colours.astype(numpy.float32)
        luma = red * numpy.float32(19595 / 65536)
        green *= numpy.float32(38470 / 65536)
        luma += green
        luma += blue * numpy.float32(7471 / 65536)
        luma += numpy.float32(0.5)
        luma = luma.astype(numpy.uint8)
        rounded = luma.astype(numpy.float32)
        chroma = numpy.empty((2, len(luma)), numpy.int16)
        for out, colour, weight in zip(chroma, (blue, red), (73924 / 65536, 93454 / 65536)):
            colour -= rounded
            colour *= numpy.float32(weight)
            colour += numpy.float32(512.5)
            numpy.copyto(out, colour, casting="unsafe")
        return luma, chroma

    @staticmethod
    def code_luma(codes, luma, median):
        """Triples; residuals that differ in sign only are in the same classes."""
        across = step(luma, 1)
        crossed = step(across, WIDE)
        patterns = ((across, 1, (1, 1)), (across, 4, (1, 1)), (step(across, 1), 2, (1, 0)),
                    (crossed, 1, (1, 1)), (step(step(crossed, 1), WIDE), 4, (0, 0)),
                    (median, 1, (0, 0)))
        for out, (residual, unit, start) in zip(codes, patterns):
            put_codes(out, quantise(residual, unit, 2), 5, 3, start)

    @staticmethod
    def code_chroma(codes, chroma):
        across = step(chroma, 1)
        for first, residual, unit in ((0, step(across, WIDE), 1), (1, across, 2)):
            for k, plane in enumerate(quantise(residual, unit, 3)):
                put_codes(codes[first + 2 * k], plane, 7, 2, (1, 1))

    @staticmethod
    def code_colours(codes, across, down):
        for direction, steps in enumerate((across, down)):
            red, green, blue = quantise(steps, 3, 1)  # at least two levels
            red *= 9
            green *= 3
            red += green
            red += blue
            codes[:, direction] = squares(red, WIDE, SIDE, 2, 2)

    # Numbers of both scales

    def class_numbers(self, codes, windows):
        """Of each scale the shares of the classes of all patterns; codes: (pattern, window, ...).
        Both scales are counted at once, the codes of the second with the top bit set."""
        if not windows.whole:
            windows.mask(codes.swapaxes(0, 1), 255)
        codes[:, windows.parts[1]] |= 128
        counts = numpy.array([histogram(pattern) for pattern in codes], numpy.float64)
        counts = counts.reshape(len(codes), 2, 128).swapaxes(0, 1)
        return numpy.concatenate([
            shares(counts[:, patterns, :len(classes)] @ classes).reshape(2, -1)
            for patterns, classes in ((slice(0, 6), self.triples), (slice(6, 10), self.pairs),
                                      (slice(10, 11), self.colours))], 1)

    def noise_numbers(self, median, bright, windows, inside):
        """Root mean square of the median residual in blocks: how it is spread, by brightness."""
        residual = squares(median, WIDE, SIDE, 1, 1).astype(numpy.float32)
        residual *= residual
        lines = residual.reshape(-1, SIDE) @ self.block_sums
        square = lines.reshape(-1, BLOCK, BLOCKS).sum(1).ravel()
        root = numpy.sqrt(square.astype(numpy.float64) / 64)
        level = 1 + (numpy.log2(numpy.maximum(root, 0.05) / 0.05) / 0.75).astype(int)
        level = numpy.where(root < 0.05, 0, numpy.minimum(level, 11))
        logarithm = numpy.log(root + 0.05)
        out = []
        for scale in range(len(windows.parts)):
            here = inside[scale]
            spread = numpy.bincount(level[here], minlength=12)
            sums = numpy.bincount(bright[here], logarithm[here], 4)
            counts = numpy.bincount(bright[here], minlength=4)
            out.append(numpy.concatenate((numpy.sqrt(spread / max(spread.sum(), 1)),
                                          sums / (counts + 1))))
        return out

    @staticmethod
    def channel_numbers(across, windows):
        """Relations of the curvatures of red, green and blue along rows."""
        values = numpy.empty((4, windows.count, SIDE, SIDE), numpy.float32)
        values[:3] = squares(step(across, 1), WIDE, SIDE, 2, 1)
        numpy.multiply(values[1], values[1], out=values[3])
        if not windows.whole:
            windows.mask(values.swapaxes(0, 1), 0)
        out = []
        for part in windows.parts:
            here = values[:, part].reshape(4, -1)
            rr, gg, bb, rg, gb, rb, fourth = products(
                here, ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2), (3, 3)))
            pixels = BLOCK * BLOCK * sum(rows * columns for rows, columns in windows.blocks[part])
            out.append([
                rg / math.sqrt(rr * gg + 1), gb / math.sqrt(gg * bb + 1),
                rb / math.sqrt(rr * bb + 1), math.log((rr + 1) / (gg + 1)),
                math.log((bb + 1) / (gg + 1)), math.log(gg / pixels + 0.1),
                math.log(fourth * pixels / (gg * gg + 1) + 1)])
        return out

    def spectrum_numbers(self, blocks, sizes, inside):
        """Mean size of each frequency against their common level, and how heavy its tail is."""
        textured = (blocks.max(0) - blocks.min(0) >= 4) & inside
        weight = textured.T.astype(numpy.float32)
        means = (sizes @ weight).T
        sizes *= sizes
        moments = (sizes @ weight).T
        a, b = self.frequencies
        out = []
        for mean, square, count in zip(means, moments, textured.sum(1)):
            mean = mean.astype(numpy.float64)
            mean = (mean[a] + mean[b]) / (2 * max(count, 1))
            square = (square[a] + square[b]) / (2 * max(count, 1))
            logarithm = numpy.log(mean + 0.05)
            level = logarithm.mean()
            tail = numpy.log((mean * mean + 0.01) / (square + 0.01))
            out.append(numpy.concatenate(
                ([level], numpy.stack((logarithm - level, tail), 1).ravel())))
        return out

    @staticmethod
    def blocks_of(luma):
        """(64, blocks) bytes; a row of a block is first moved as one number of 64 bits."""
        pixels = numpy.ascontiguousarray(squares(luma, WIDE, SIDE, MARGIN, MARGIN))
        rows = pixels.view(numpy.uint64).reshape(-1, BLOCKS, BLOCK, BLOCKS)
        blocks = rows.swapaxes(2, 3).reshape(-1, BLOCK).view(numpy.uint8)
        return numpy.ascontiguousarray(blocks.T)

    @staticmethod
    def blocks_counted(windows):
        """(scales, blocks): which are in the photo and of the scale."""
        counted = numpy.ones((windows.count, BLOCKS, BLOCKS), bool)
        if not windows.whole:
            windows.mask(counted, False)
        scale = numpy.repeat(windows.scale, BLOCKS * BLOCKS)
        return counted.ravel() & (scale == numpy.arange(len(windows.parts))[:, None])

    def scale_numbers(self, windows):
        colours = windows.colours.astype(numpy.int16)
        across = step(colours, 1)
        luma, chroma = self.luma_and_chroma(windows.colours)
        level = luma.astype(numpy.int16)
        median = level[WIDE + 1:-WIDE - 1] - median9(luma, WIDE)
        codes = numpy.empty((11, windows.count, 2, SIDE, SIDE), numpy.uint8)
        self.code_luma(codes[:6], level, median)
        self.code_chroma(codes[6:10], chroma)
        self.code_colours(codes[10], across, step(colours, WIDE))
        blocks = self.blocks_of(luma)
        sizes = numpy.abs(self.cosines @ blocks.astype(numpy.float32))
        bright = (sizes[0] / 512).astype(int)  # the first is an eighth of the block's sum
        inside = self.blocks_counted(windows)
        parts = (self.class_numbers(codes, windows),
                 self.noise_numbers(median, bright, windows, inside),
                 self.channel_numbers(across, windows),
                 self.spectrum_numbers(blocks, sizes, inside))
        return [number for of_scale in zip(*parts) for number in of_scale]

    # Tones

    def tone_classes(self, colours, luma):
        """Shares of saturation and of brightness; luma is in thousandths."""
        red, green, blue = colours
        most = numpy.maximum(numpy.maximum(red, green), blue)
        least = numpy.minimum(numpy.minimum(red, green), blue)
        saturation = (most - least) * numpy.float32(8)
        saturation /= most + numpy.float32(1)
        luma += numpy.float32(500.5)
        luma *= numpy.float32(0.001)
        levels = histogram(luma.astype(numpy.uint8))
        counts = (histogram(saturation.astype(numpy.uint8))[:8],
                  numpy.bincount(self.brightness, levels, 12))
        return [numpy.sqrt(count / len(red)) for count in counts]

    def tone_numbers(self, planes):
        """Of all pixels: shares, and mean and variance of luma and chroma.  Colours are centred
        before they are weighed and squared, so that single precision is enough."""
        colours = numpy.stack(planes).reshape(3, -1)
        values = colours.astype(numpy.float32)
        thousandths = numpy.array([299, 587, 114], numpy.float32) @ values
        count = values.shape[1]
        middles = numpy.rint(values @ numpy.full(count, 1 / count, numpy.float32))
        values -= middles[:, None]
        weighed = self.tone_weights.astype(numpy.float32) @ values
        offset = (weighed @ numpy.ones(count, numpy.float32)).astype(numpy.float64) / count
        luma, blue, red, across = products(weighed, ((0, 0), (1, 1), (2, 2), (1, 2)))
        variance = numpy.maximum(numpy.array([luma, blue, red]) / count - offset * offset, 0)
        covariance = across / count - offset[1] * offset[2]
        means = self.tone_weights @ middles + offset
        pairs = numpy.stack((means, numpy.log(variance + 1)), 1).ravel()
        correlation = covariance / math.sqrt(variance[1] * variance[2] + 1)
        return self.tone_classes(colours, thousandths) + [pairs, [correlation]]

    def measure(self, scales, tiles):
        numbers = self.scale_numbers(Windows(scales, tiles)) + self.tone_numbers(scales[-1])
        return numpy.concatenate(numbers).astype(numpy.float32)


# Model -----------------------------------------------------------------------------------------

class Classifier:
    """What the statistics say: a score and an embedding."""

    def __init__(self, table, directions):
        self.mean, self.deviation, self.weight, self.damage, self.damaged_weight = table.numpy()
        self.directions = directions.numpy()

    def judge(self, values):
        standard = numpy.clip((values - self.mean) / self.deviation, -3, 3)
        damage = (self.damage * standard).sum(dtype=numpy.float64)
        damage = numpy.float32(min(max(damage, -1.5), 1.5))
        weight = self.weight + damage * self.damaged_weight
        return (weight * standard).sum(dtype=numpy.float64), self.embedding(standard)

    def embedding(self, standard):
        """Four bits a direction; never 0."""
        places = (self.directions * standard).sum(1, dtype=numpy.float64)
        levels = numpy.clip(numpy.rint(2 * places) + 8, 0, 15).astype(int)
        return sum(int(level) << (4 * i) for i, level in enumerate(levels)) or 1


def compile_network(layers, tensors, crop_count):
    """Compiled, and warm for every number of crops."""
    head = layers[-1].name
    of_head = {head + part: tensors[head + part][:1] for part in (".weight", ".bias")}
    network = Network(layers, {**tensors, **of_head}).eval()  # its other channels are for training
    example = torch.zeros(crop_count, CHANNELS, layers[0].side, layers[0].side)
    network = torch.jit.optimize_for_inference(
        torch.jit.freeze(torch.jit.trace(network, example)))
    for count in range(1, crop_count + 1):
        for _ in range(3):
            network(example[:count])
    return network


def warming_photo():
    file = io.BytesIO()
    Image.effect_noise((1024, 768), 32).convert("RGB").save(file, "JPEG")
    return file.getvalue()


class Reference:
    """A model, ready to judge photos; threads may share it."""

    def __init__(self, model_path):
        torch.set_num_threads(1)
        metadata, tensors = read_safetensors(model_path)
        layers = read_layers(metadata["network"])
        self.version = metadata["version"]
        self.side = layers[0].side
        self.crop_count = int(metadata["crop_count"])
        self.scale = float(metadata["calibration_scale"])
        self.bias = float(metadata["calibration_bias"])
        self.statistics_scale = float(metadata["statistics_scale"])
        self.statistics = Statistics()
        self.classifier = Classifier(tensors["statistics.values"], tensors["embedding.values"])
        self.front_end = FrontEnd(self.side)
        with torch.inference_mode():
            self.network = compile_network(layers, tensors, self.crop_count)
        for _ in range(3):
            self.judge(warming_photo())

    def run_network(self, planes, places):
        """The median of each crop's patches, as the network's calibrated log-odds."""
        with torch.inference_mode():
            patches = self.network(self.front_end.channels(planes, places))
        patches = numpy.sort(patches.reshape(len(places), -1).numpy(), axis=1)
        count = patches.shape[1]
        return self.scale * (patches[:, (count - 1) // 2] + patches[:, count // 2]) / 2

    def judge(self, data):
        photo = decode(data)
        measured = measure_pixels(photo)  # while the processor still has it at hand
        half = halve(photo)
        scales = [planes_of(half), planes_of(halve(half))]
        tiles = [tile_textures(planes[1]) for planes in scales]
        places, texture = choose_crops(tiles[0], self.side, self.crop_count)
        score, embedding = self.classifier.judge(self.statistics.measure(scales, tiles))
        statistics_logit = self.statistics_scale * score
        logits = self.run_network(scales[0], places)
        offset = self.bias + statistics_logit
        network_logit = float(logits.mean())
        return Answer(
            probability=1 / (1 + math.exp(-network_logit - offset)),
            network_logit=network_logit, statistics_logit=float(statistics_logit),
            crops=[(2 * x, 2 * y, float(logit + offset)) for (x, y), logit in zip(places, logits)],
            embedding=embedding, quality=quality_flags(photo.size, *measured, texture))


def main():
    reference = Reference(sys.argv[1])
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            data = file.read()
        started = time.process_time()
        answer = reference.judge(data)
        spent = 1e3 * (time.process_time() - started)
        print(json.dumps({"file": path, "probability": answer.probability,
                          "network_logit": answer.network_logit,
                          "statistics_logit": answer.statistics_logit, "milliseconds": spent}))


if __name__ == "__main__":
    main()
