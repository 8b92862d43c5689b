"""The usual way to serve such a model: FastAPI, uvicorn and PyTorch.

    peer_fastapi.py MODEL

Gives the same answers (reference.py), from the same network and weights; it has no limits, keys,
log, metrics or record of what it said.  Prints its port as `aidetect serve` does."""
import socket
import sys
import time

import uvicorn
from fastapi import FastAPI, File, UploadFile

from reference import Reference

app = FastAPI()
state = {}


# Like the usual tutorial: a plain function, which the framework runs on a thread of its pool.
@app.post("/predict")
def predict(file: UploadFile = File(...)):
    started = time.perf_counter()
    answer = state["reference"].judge(file.file.read())
    return {"prediction": "ai_generated" if answer.probability >= 0.5 else "real",
            "probability": answer.probability, "confidence": "high",
            "inference_time_ms": 1e3 * (time.perf_counter() - started),
            "model_version": state["reference"].version}


@app.get("/health")
async def health():
    return {"status": "healthy", "model_loaded": True,
            "model_version": state["reference"].version}


def main():
    state["reference"] = Reference(sys.argv[1])
    # with the protocol, which asyncio wants to see before it sends without delay
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
