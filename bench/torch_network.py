"""The shipped network in PyTorch, from its description and weights."""
import json
import struct

import numpy
import torch
from torch import nn

EPSILON = 1e-5


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
