"""Numbers of the most textured windows of two scales, and of the tones of the smaller one.  The
windows lie one behind the other in a flat array; whole numbers stay in 8 or 16 bits, where they are
fastest."""
import math

import numpy

from reference_parts.arrays import histogram, median9, products, squares, step
from reference_parts.crops import choose_crops, cut_window

SIDE, MARGIN, WIDE = 128, 2, 132
WINDOWS_MAX = 4  # a scale
BLOCK = 8
BLOCKS = SIDE // BLOCK


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
