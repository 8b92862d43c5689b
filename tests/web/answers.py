"""Answers that the edge gives in the service's place."""
import base64
import re
import struct
import zlib


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, pixel=(33, 145, 140, 255)):
    """A picture of one colour."""
    rows = (b"\0" + bytes(pixel) * width) * height
    return (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)) +
            _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b""))


def prediction(probability=0.973, confidence="high", **more):
    return {"prediction": "ai_generated" if probability >= 0.5 else "real", "probability": probability,
            "confidence": confidence, "inference_time_ms": 41.2, "model_version": "test-model", **more}


def verdict(*arguments, **more):
    return 200, prediction(*arguments, **more), {}


def explained(**more):
    return 200, prediction(heatmap_base64=base64.b64encode(png(48, 32)).decode(), regions=[
        {"x": 240, "y": 160, "width": 24, "height": 24, "log_odds": 0.412},
        {"x": 0, "y": 32, "width": 24, "height": 24, "log_odds": -0.095}], **more), {}


def batch(body):
    """One result a file: a name with "bad" fails, a number in a name is the probability in percent."""
    results = []
    for name in re.findall(rb'filename="([^"]*)"', body):
        name = name.decode()
        if "bad" in name:
            results.append({"filename": name, "prediction": None, "probability": None, "confidence": None,
                            "error": "the JPEG ends too early", "error_class": "invalid_image"})
            continue
        percent = int(re.search(r"\d+", name).group())
        sure = "low" if 35 < percent < 65 else "high"
        results.append({"filename": name, **prediction(percent / 100, sure), "error": None})
    failed = sum(result["error"] is not None for result in results)
    return 200, {"results": results, "total": len(results), "successful": len(results) - failed,
                 "failed": failed, "total_inference_time_ms": 10.0, "model_version": "test-model"}, {}


