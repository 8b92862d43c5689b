"""PyTorch's side of the network benchmarks; the protocol is that of bench_network.c.

    peer_torch.py FOLDER CROP_COUNT

Reads model.safetensors and crops.bin from FOLDER, writes output_torch.bin (batch norm as PyTorch
computes it, nothing folded).  Then answers "run TASK N" with seconds of CPU time of the whole
process.  Tasks: eager, jit (optimize_for_inference), jit8 (eight crops a call), training, and photo:
FOLDER/photo.jpg from bytes to the same probability as ours, see reference.py.
"""
import os
import sys
import time

import numpy
import torch
from torch import nn

from reference import Reference
from torch_network import Network, read_layers, read_safetensors

TRAINING_BATCH = 16  # as in bench_network.c


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

    photo, reference = read_photo(folder), Reference(folder + "/model.safetensors")
    last, first = crops[-1:].contiguous(), crops[:8].contiguous()
    tasks = {
        "eager": without_gradients(lambda i: network(last)),
        "jit": without_gradients(lambda i: single(last)),
        "jit8": without_gradients(lambda i: eight(first) if i % 8 == 0 else None),
        "training": training,
        "photo": lambda i: reference.judge(photo),
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
