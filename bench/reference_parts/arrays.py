"""Counting and comparing whole arrays; and neighbours in flat ones, which are shifts of all of it.
What comes out where rows and windows end is never used."""
import numpy
from PIL import Image


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
