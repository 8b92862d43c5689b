"""The usual way to serve such a model: FastAPI, uvicorn and PyTorch.

    peer_fastapi.py MODEL

The same network and weights, run by a frozen TorchScript, eight crops of a photo at once; Pillow
decodes.  It does less than the service it is compared with: crops from a fixed grid, sixteen fixed
3x3 filters in place of the front end, no forensic statistics, no limits, log, or metrics.
Prints its port as `aidetect serve` does."""
import io
import math
import socket
import sys
import time

import numpy
import torch
import uvicorn
from fastapi import FastAPI, File, UploadFile
from PIL import Image

from peer_torch import Network, read_layers, read_safetensors

CROPS = 8

app = FastAPI()
state = {}


def load(path):
    torch.set_num_threads(1)
    metadata, tensors = read_safetensors(path)
    layers = read_layers(metadata["network"])
    side, channels = layers[0].side, layers[0].channels
    network = Network(layers, tensors).eval()
    filters = torch.nn.Conv2d(3, channels, 3, padding=1, bias=False)
    example = torch.zeros(CROPS, channels, side, side)
    with torch.no_grad():
        compiled = torch.jit.optimize_for_inference(
            torch.jit.freeze(torch.jit.trace(network, example)))
        for _ in range(3):
            compiled(example)
    state.update(network=compiled, filters=filters, side=side, version=metadata["version"])


def crops_of(pixels, side):
    """A grid over the photo; a photo that is too small is padded."""
    height, width = pixels.shape[:2]
    if height < side or width < side:
        pixels = numpy.pad(pixels, ((0, max(0, side - height)), (0, max(0, side - width)), (0, 0)),
                           mode="symmetric")
        height, width = pixels.shape[:2]
    found = []
    for i in range(CROPS):
        y = (height - side) * (i // 4)
        x = (width - side) * (i % 4) // 3
        found.append(pixels[y:y + side, x:x + side])
    return numpy.stack(found)


# Like the usual tutorial: a plain function, which the framework runs on a thread of its pool.
@app.post("/predict")
def predict(file: UploadFile = File(...)):
    started = time.perf_counter()
    pixels = numpy.asarray(Image.open(io.BytesIO(file.file.read())).convert("RGB"))
    with torch.no_grad():
        crops = torch.from_numpy(crops_of(pixels, state["side"])).permute(0, 3, 1, 2).float()
        logits = state["network"](state["filters"](crops))[:, 0].mean()
    probability = 1 / (1 + math.exp(-float(logits)))
    return {"prediction": "ai_generated" if probability >= 0.5 else "real",
            "probability": probability, "confidence": "high",
            "inference_time_ms": 1e3 * (time.perf_counter() - started),
            "model_version": state["version"]}


@app.get("/health")
async def health():
    return {"status": "healthy", "model_loaded": True, "model_version": state["version"]}


def main():
    load(sys.argv[1])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
