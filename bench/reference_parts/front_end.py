"""The sixteen channels of crops."""
import numpy
import torch

from reference_parts.arrays import median9, pair, squares, step
from reference_parts.crops import cut_window

FRONTEND_MARGIN = 8
CHANNELS = 16
CHANNELS_CLAMPED = 14  # the first ones, all but level and texture
CHANNEL_LIMIT = 2


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
