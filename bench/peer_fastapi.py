"""The usual way to serve such a model: FastAPI, uvicorn and PyTorch.

    peer_fastapi.py MODEL

The same network and weights, run by a frozen TorchScript, all crops of a photo at once; Pillow
decodes.  It does less than the service it is compared with: crops from a fixed grid, sixteen fixed
3x3 filters in place of the front end, no forensic statistics, no limits, log, or metrics.
Prints its port as `aidetect serve` does."""
import socket
import sys
import time

import torch
import uvicorn
from fastapi import FastAPI, File, UploadFile

from peer_torch import PHOTO_CROPS as CROPS, Network, judge, make_filters, read_layers, \
    read_safetensors

app = FastAPI()
state = {}


def load(path):
    torch.set_num_threads(1)
    metadata, tensors = read_safetensors(path)
    layers = read_layers(metadata["network"])
    side, channels = layers[0].side, layers[0].channels
    network = Network(layers, tensors).eval()
    filters = make_filters(channels)
    example = torch.zeros(CROPS, channels, side, side)
    with torch.no_grad():
        compiled = torch.jit.optimize_for_inference(
            torch.jit.freeze(torch.jit.trace(network, example)))
        for _ in range(3):
            compiled(example)
    state.update(network=compiled, filters=filters, side=side, version=metadata["version"])


# Like the usual tutorial: a plain function, which the framework runs on a thread of its pool.
@app.post("/predict")
def predict(file: UploadFile = File(...)):
    started = time.perf_counter()
    probability = judge(file.file.read(), state["network"], state["filters"], state["side"])
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
