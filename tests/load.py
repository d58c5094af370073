"""Run as a program: the page and the REST and gRPC servers under many requests at once.

python tests/load.py --seconds 60

Good and bad requests are mixed. Exit code 0: every good answer is the one that a request alone
gets, every bad request is refused as such, and memory grows by less than `GROWTH`.
"""

import base64
import collections
import contextlib
import gc
import io
import json
import pathlib
import random
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import NamedTuple

import grpc
import grpc_server
import numpy as np
import PIL.Image
import rest_server
import tensorflow as tf
import uvicorn

from tf_nonlinear3dmm import configs, demo, serving
from tf_nonlinear3dmm.core import command_line
from tf_nonlinear3dmm.model import Nonlinear3DMM

CLIENTS = 50
GROWTH = 64 * 2**20  # bytes of memory, from after a first round to the end
PNG = "data:image/png;base64,"
REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)


class Ask(NamedTuple):
    """One kind of request.

    Attributes:
        name: what the summary calls it.
        send: () -> its answer; raises `Refused` where the server refuses it.
        good: whether it is to be answered.
    """

    name: str
    send: Callable
    good: bool


class Refused(Exception):
    """The server says that the request is wrong."""


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--seconds", type=command_line.number(float, 1), default=60)
    parser.add_argument("--clients", type=command_line.number(int, 1), default=CLIENTS)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        asks = [*_page(stack), *_served(stack, pathlib.Path(folder))]
        alone = {ask.name: _answer(ask) for ask in asks}
        wrong = [f"{a.name} alone: {alone[a.name]}" for a in asks if not _right(a, alone)]
        _load(asks, alone, flags.clients, flags.seconds / 4)
        before = _memory()
        counts, more = _load(asks, alone, flags.clients, flags.seconds)
        growth = _memory() - before
    for name, count in sorted(counts.items()):
        print(f"{name:24} {count}")
    print(f"memory grew by {growth / 2**20:.1f} MiB, {GROWTH >> 20} are allowed")
    for line in [*wrong, *more][:20]:
        print(f"wrong: {line}")
    sys.exit(1 if wrong or more or growth > GROWTH else 0)


def _load(asks, alone, clients, seconds):
    """Requests by chance from many threads; (name -> count, lines about what went wrong)."""
    end, counts, wrong = time.monotonic() + seconds, collections.Counter(), []

    def client(seed):
        chance = random.Random(seed)
        while time.monotonic() < end:
            ask = chance.choice(asks)
            answer = _answer(ask)
            counts[ask.name] += 1
            if not _right(ask, {ask.name: answer}) or not same(answer, alone[ask.name]):
                wrong.append(f"{ask.name}: {str(answer)[:200]}")

    threads = [threading.Thread(target=client, args=[seed]) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts, wrong


def _answer(ask):
    """What a request gets; `Refused`, or another error, as a value."""
    try:
        return ask.send()
    except Exception as error:
        return error


def _right(ask, answers):
    answer = answers[ask.name]
    return not isinstance(answer, Exception) if ask.good else isinstance(answer, Refused)


def same(one, other):
    """Whether two answers are equal but for rounding."""
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is type(other)
    if isinstance(one, dict):
        return {*one} == {*other} and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and any(isinstance(part, dict) for part in one):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, str) and one.startswith(PNG):
        one, other = (_picture(text) for text in (one, other))
    if isinstance(one, str | bytes | type(None)):
        return one == other
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if one.shape != other.shape:
        return False
    difference = np.abs(one - other)
    if one.max(initial=0) > 1.5 and (one == np.round(one)).all():  # colours: an outline may move
        return np.mean(difference > 1) < 0.01
    return bool((difference <= 1e-3 + 1e-3 * np.abs(other)).all())


def _picture(text):
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(text.removeprefix(PNG)))), int)


def _memory():
    """Bytes of memory that the process holds when nothing happens."""
    gc.collect()
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmRSS in /proc/self/status")


def _http(address, content=None, kind="application/json"):
    """The JSON that an address answers with."""
    contents = content if content is None or isinstance(content, bytes) else json.dumps(content)
    contents = contents.encode() if isinstance(contents, str) else contents
    request = urllib.request.Request(address, contents, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            error.read()
        if 400 <= error.code < 500:
            raise Refused(error.code) from None
        raise


def _model():
    tf.keras.utils.set_random_seed(0)
    mean = np.float32([14, 0, 0, 16, 0, -14, 0, 17])
    return Nonlinear3DMM(configs.preset("tiny").model, mean, np.full(8, 0.5, np.float32))


def _page(stack):
    """The requests to the page, which runs until `stack` ends."""
    crop = np.random.default_rng(0).integers(0, 256, [45, 45, 3], np.uint8)
    explorer = demo.Explorer(_model(), samples={"Ada": crop})
    explorer.warm_up()
    server = uvicorn.Server(uvicorn.Config(demo.application(explorer), log_level="error"))
    listener = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    stack.callback(listener.close)
    stack.callback(thread.join)
    stack.callback(setattr, server, "should_exit", True)
    while not server.started:
        time.sleep(0.05)
    root = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    face = _http(f"{root}/sample", {"name": "Ada"})["face"]
    decode, light = {"face": face}, {"light_strength": 1.0}
    boundary = "multipart/form-data; boundary=b"
    disposition = b'Content-Disposition: form-data; name="photo"; filename="x.png"'
    upload = b"--b\r\n" + disposition + b"\r\n\r\nno photo\r\n--b--"

    def decoded(**more):
        answer = _http(f"{root}/decode", decode | more)
        vertices = np.frombuffer(base64.b64decode(answer["vertices"]), np.float32)
        return {"vertices": vertices, "overlay": answer["overlay"]}

    return [
        Ask("page: model", lambda: _http(f"{root}/model"), True),
        Ask("page: sample", lambda: _http(f"{root}/sample", {"name": "Ada"}), True),
        Ask("page: decode", decoded, True),
        Ask("page: light", lambda: decoded(sliders=light, surface="clay"), True),
        Ask("page: no slider", lambda: decoded(sliders={"nose": 1.0}), False),
        Ask("page: no surface", lambda: decoded(surface="gold"), False),
        Ask("page: no JSON", lambda: _http(f"{root}/decode", b"{"), False),
        Ask("page: deep JSON", lambda: _http(f"{root}/decode", b"[" * 100_000), False),
        Ask("page: no photo", lambda: _http(f"{root}/photo", upload, boundary), False),
        Ask("page: nowhere", lambda: _http(f"{root}/nowhere"), False),
    ]


def _served(stack, folder):
    """The requests to the REST and the gRPC server of a SavedModel."""
    model, name = _model(), "face"
    size = model.config.image_size
    signatures = tf.saved_model.load(str(serving.export(model, folder))).signatures
    address = stack.enter_context(rest_server.serve(signatures, name)) + ":predict"
    stub = stack.enter_context(grpc_server.serve(signatures, name))
    pictures = np.random.default_rng(1).integers(0, 256, [1, size, size, 3], np.uint8)
    png = base64.b64encode(tf.io.encode_png(pictures[0]).numpy()).decode()

    def rest(content):
        answer = _http(address, content)["outputs"]
        return {key: np.array(value) for key, value in answer.items()}

    def rpc(signature, **inputs):
        try:
            outputs = stub.Predict(grpc_server.request(name, signature, **inputs), 120).outputs
        except grpc.RpcError as error:
            if error.code() in REFUSED:
                raise Refused(error.code()) from None
            raise
        return {key: tf.make_ndarray(value) for key, value in outputs.items()}

    by_bytes = {"signature_name": "reconstruct_bytes", "inputs": {"image_bytes": [{"b64": png}]}}
    cut = {"signature_name": "reconstruct_bytes", "inputs": {"image_bytes": [{"b64": png[:40]}]}}
    codes = {key: np.zeros([1, 16], np.float32) for key in ("shape_code", "albedo_code")}
    bad_codes = codes | {"shape_code": np.full([1, 16], np.nan, np.float32)}
    return [
        Ask("REST: pixels", lambda: rest({"inputs": pictures.tolist()}), True),
        Ask("REST: file", lambda: rest(by_bytes), True),
        Ask("REST: cut file", lambda: rest(cut), False),
        Ask("REST: no JSON", lambda: rest(b"{"), False),
        Ask("REST: shape", lambda: rest({"inputs": [[1, 2]]}), False),
        Ask("gRPC: pixels", lambda: rpc("reconstruct", images=pictures), True),
        Ask("gRPC: codes", lambda: rpc("decode", **codes), True),
        Ask("gRPC: NaN", lambda: rpc("decode", **bad_codes), False),
        Ask("gRPC: shape", lambda: rpc("reconstruct", images=pictures[:, 1:]), False),
        Ask("gRPC: no signature", lambda: rpc("nowhere", images=pictures), False),
    ]


if __name__ == "__main__":
    main()
