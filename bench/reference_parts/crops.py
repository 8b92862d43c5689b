"""Where a photo is looked at, and what is cut out there."""
import numpy

from reference_parts.arrays import absolute_difference

TILE = 16  # pixels a side, of which texture is summed
CONTRAST = 32  # a single strong edge counts no more than this


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
