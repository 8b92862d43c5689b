"""The round trip of real autoencoders in PyTorch, held against run_vae's: pytorch.py VAE_FOLDER PHOTO

The architecture is written here from its description. Exit status 77 without PyTorch."""
import json
import pathlib
import struct
import subprocess
import sys

try:
    import torch
    from torch.nn import functional as F
except ImportError:
    sys.exit(77)

TOLERANCE = 1e-3
TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_tensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        raw = torch.frombuffer(bytearray(data[begin:end]), dtype=TYPES[entry["dtype"]])
        tensors[name] = raw.reshape(entry["shape"]).float()
    return tensors


def conv(tensors, name, x, stride=1):
    weight = tensors[name + ".weight"]
    return F.conv2d(x, weight, tensors.get(name + ".bias"), stride, weight.shape[-1] // 2)


def block(tensors, name, x):
    if name + ".pool.0.weight" in tensors:
        y = conv(tensors, name + ".pool.0", x)
        y = F.group_norm(y, 4, tensors[name + ".pool.1.weight"], tensors[name + ".pool.1.bias"])
        x = x + conv(tensors, name + ".pool.3", F.relu(y))
    y = F.relu(conv(tensors, name + ".conv.0", x))
    y = F.relu(conv(tensors, name + ".conv.2", y))
    return F.relu(conv(tensors, name + ".conv.4", y) + x)


def encode(tensors, x):
    x = conv(tensors, "0", x)
    for number in range(1, 14):
        if f"{number}.conv.0.weight" in tensors:
            x = block(tensors, str(number), x)
        else:
            x = conv(tensors, str(number), x, stride=2)
    return conv(tensors, "14", x)


def decode(tensors, x):
    x = F.relu(conv(tensors, "1", torch.tanh(x / 3) * 3))
    for number in range(3, 19):
        if f"{number}.conv.0.weight" in tensors:
            x = block(tensors, str(number), x)
        elif f"{number}.weight" in tensors:
            x = conv(tensors, str(number), F.interpolate(x, scale_factor=2, mode="nearest"))
    return conv(tensors, "19", x)


def read_ppm(path):
    data = path.read_bytes()
    _, size, _, pixels = data.split(b"\n", 3)
    width, height = map(int, size.split())
    photo = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).reshape(height, width, 3)
    return photo.permute(2, 0, 1)[None].float() / 255


def main(folder, photo):
    torch.set_num_threads(1)
    failed = False
    encoders = sorted(pathlib.Path(folder).glob("*_encoder.safetensors"))
    assert encoders, f"{folder} holds no encoder"
    for encoder in encoders:
        decoder = encoder.with_name(encoder.name.replace("_encoder", "_decoder"))
        subprocess.run(["run_vae", encoder, decoder, photo, "made.bin", "64"], check=True)
        pixels = read_ppm(pathlib.Path("made.bin.ppm"))
        with torch.no_grad():
            latent = encode(read_tensors(encoder), pixels)
            want = decode(read_tensors(decoder), latent)[0].permute(1, 2, 0)
        made = torch.frombuffer(bytearray(pathlib.Path("made.bin").read_bytes()), dtype=torch.float32)
        worst = (made.reshape(want.shape) - want).abs().max().item()
        verdict = "agrees" if worst <= TOLERANCE else f"is off by {worst:.2g}"
        failed = failed or not worst <= TOLERANCE
        print(f"{encoder.name.split('_')[0]} {verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
