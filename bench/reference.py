"""The whole way from a photo's bytes to its probability in Python: Pillow, NumPy and PyTorch.

    reference.py MODEL PHOTO...

Prints a line of JSON a photo; milliseconds are CPU time.  An independent check of the program's
answers, and the fair inside of a usual service: one thread, and whole arrays wherever there is more
than one of a kind.  Steps and names are those of src/detect; why they are as they are is said
there.  Limits are not checked.

Fast only with OMP_NUM_THREADS=1 and the TORCH_MEMORY of harness.py in its environment.
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

from reference_parts.crops import choose_crops, tile_textures
from reference_parts.front_end import CHANNELS, FrontEnd
from reference_parts.pixels import decode, halve, measure_pixels, planes_of, quality_flags
from reference_parts.windows import Statistics
from torch_network import Network, read_layers, read_safetensors


@dataclasses.dataclass
class Answer:
    probability: float
    network_logit: float
    statistics_logit: float
    crops: list  # (x, y, logit), in pixels of the upright photo
    embedding: int
    quality: list  # names


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
