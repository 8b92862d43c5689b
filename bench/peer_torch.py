"""PyTorch's side of the network benchmarks; the protocol is that of bench_network.c.

    peer_torch.py FOLDER CROP_COUNT

Reads model.safetensors and crops.bin from FOLDER, writes output_torch.bin (batch norm as PyTorch
computes it, nothing folded).  Then answers "run TASK N" with seconds of CPU time of the whole
process.  Tasks: eager, jit (optimize_for_inference), jit8 (eight crops a call), training, and photo:
FOLDER/photo.jpg from bytes to probability, Pillow decoding, see judge().
"""
import io
import json
import math
import os
import struct
import sys
import time

import numpy
import torch
from PIL import Image
from torch import nn

TRAINING_BATCH = 16  # as in bench_network.c
EPSILON = 1e-5
PHOTO_CROPS = 4  # crop_count of the shipped model


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return metadata, tensors


class Layer:
    """One line of the network description."""

    def __init__(self, line, above):
        self.op, self.name, *rest = line.split()
        given = dict(word.split("=", 1) if "=" in word else (word, True) for word in rest)
        self.source = given.get("from", above)
        self.add = given.get("add")
        self.relu = "relu" in given
        self.norm = "norm" in given
        self.depthwise = "depthwise" in given
        self.kernel = int(given.get("kernel", 1))
        self.stride = int(given.get("stride", 1))
        self.channels = int(given.get("channels", 0))
        self.side = int(given.get("side", 0))


def read_layers(text):
    layers = []
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith(("#", "table ")):  # a table is no layer
            layers.append(Layer(line, layers[-1].name if layers else None))
    return layers


class Network(nn.Module):
    """The description, run layer by layer."""

    def __init__(self, layers, tensors):
        super().__init__()
        self.layers = layers
        self.modules_by_name = nn.ModuleDict()
        for layer in layers:
            if layer.name + ".weight" in tensors:
                self.modules_by_name[layer.name] = self.make(layer, tensors)

    @staticmethod
    def make(layer, tensors):
        weight = tensors[layer.name + ".weight"]
        if layer.op == "linear":
            weight = weight.reshape(*weight.shape, 1, 1)
        bias = tensors.get(layer.name + ".bias")
        groups = weight.shape[0] if layer.depthwise else 1
        conv = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], layer.kernel, layer.stride,
                         layer.kernel // 2, groups=groups, bias=bias is not None)
        conv.weight.data.copy_(weight)
        if bias is not None:
            conv.bias.data.copy_(bias)
        if not layer.norm:
            return nn.Sequential(conv)
        norm = nn.BatchNorm2d(weight.shape[0], eps=EPSILON)
        for key in ("weight", "bias", "running_mean", "running_var"):
            getattr(norm, key).data.copy_(tensors[f"{layer.name}.norm.{key}"])
        return nn.Sequential(conv, norm)

    def forward(self, crops):
        values = {self.layers[0].name: crops}
        for layer in self.layers[1:]:
            value = values[layer.source]
            if layer.name in self.modules_by_name:
                value = self.modules_by_name[layer.name](value)
            else:
                kernel = layer.kernel if layer.kernel > 1 else value.shape[2]
                stride = layer.stride if layer.kernel > 1 else kernel
                pool = nn.functional.max_pool2d if layer.op == "max_pool" \
                    else nn.functional.avg_pool2d
                value = pool(value, kernel, stride)
            if layer.add:
                value = value + values[layer.add]
            if layer.relu:
                value = torch.relu(value)
            values[layer.name] = value
        return values[self.layers[-1].name]


def crops_of(pixels, side):
    """A grid over the photo; a photo that is too small is padded."""
    height, width = pixels.shape[:2]
    if height < side or width < side:
        pixels = numpy.pad(pixels, ((0, max(0, side - height)), (0, max(0, side - width)), (0, 0)),
                           mode="symmetric")
        height, width = pixels.shape[:2]
    found = []
    for i in range(PHOTO_CROPS):
        y = (height - side) * (i // 4)
        x = (width - side) * (i % 4) // 3
        found.append(pixels[y:y + side, x:x + side])
    return numpy.stack(found)


def make_filters(channels):
    """What stands in the place of the front end."""
    return nn.Conv2d(3, channels, 3, padding=1, bias=False)


def judge(data, network, filters, side):
    """Bytes to probability, less than the whole way: crops from a fixed grid, fixed 3x3 filters
    in place of the front end, no forensic statistics, no limits."""
    pixels = numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    with torch.no_grad():
        crops = torch.from_numpy(crops_of(pixels, side)).permute(0, 3, 1, 2).float()
        logits = network(filters(crops))[:, 0].mean()
    return 1 / (1 + math.exp(-float(logits)))


def read_photo(folder):
    path = os.path.join(folder, "photo.jpg")
    if not os.path.exists(path):
        return b""
    with open(path, "rb") as file:
        return file.read()


def make_training(network, crops):
    picks = [i % len(crops) for i in range(TRAINING_BATCH)]
    batch = crops[picks].contiguous()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.02, foreach=True)
    loss = nn.BCEWithLogitsLoss()
    network.train()
    with torch.no_grad():
        target = torch.zeros_like(network(batch).mean((2, 3)))
    target[:, 1::2] = 1

    def step(_):
        optimiser.zero_grad()
        loss(network(batch).mean((2, 3)), target).backward()
        optimiser.step()

    return step


def main():
    folder, count = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    metadata, tensors = read_safetensors(folder + "/model.safetensors")
    layers = read_layers(metadata["network"])
    side, channels = layers[0].side, layers[0].channels
    crops = numpy.fromfile(folder + "/crops.bin", dtype="<f4").reshape(count, side, side, channels)
    crops = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()

    network = Network(layers, tensors).eval()
    with torch.no_grad():
        output = network(crops).permute(0, 2, 3, 1).contiguous()
        output.numpy().astype("<f4").tofile(folder + "/output_torch.bin")
        single = torch.jit.optimize_for_inference(
            torch.jit.freeze(torch.jit.trace(network, crops[:1])))
        eight = torch.jit.optimize_for_inference(
            torch.jit.freeze(torch.jit.trace(network, crops[:8])))
    training = make_training(Network(layers, tensors), crops)

    def without_gradients(function):
        def call(i):
            with torch.no_grad():
                function(i)
        return call

    photo, filters = read_photo(folder), make_filters(channels)
    last, first = crops[-1:].contiguous(), crops[:8].contiguous()
    tasks = {
        "eager": without_gradients(lambda i: network(last)),
        "jit": without_gradients(lambda i: single(last)),
        "jit8": without_gradients(lambda i: eight(first) if i % 8 == 0 else None),
        "training": training,
        "photo": lambda i: judge(photo, eight, filters, side),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        _, task, repeats = line.split()
        started = time.process_time()
        for i in range(int(repeats)):
            tasks[task](i)
        print(f"{time.process_time() - started:.6f}", flush=True)


if __name__ == "__main__":
    main()
