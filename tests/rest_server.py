"""A small HTTP server with the documented request format of TensorFlow Serving, for tests.

    POST /v1/models/NAME:predict   {"signature_name": ..., "instances": [...]} (row by row)
                                   {"signature_name": ..., "inputs": {...}} (column by column)
    GET  /v1/models/NAME           status
Binary values are {"b64": "..."}; a single input or output has no name; errors are {"error": ...}.
"""

import base64
import contextlib
import http.server
import json
import threading

import numpy as np
import tensorflow as tf

DTYPES = {tf.uint8: np.uint8, tf.float32: np.float32, tf.string: object}


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # of clients that wait to be let in


class Refused(Exception):
    """A request that cannot be answered: HTTP status and message."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


@contextlib.contextmanager
def serve(signatures, name):
    """Serves the signatures of a loaded SavedModel on loopback; yields the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state = {"version": "1", "state": "AVAILABLE"}
            state["status"] = {"error_code": "OK", "error_message": ""}
            found = self.path == f"/v1/models/{name}"
            self._answer(200, {"model_version_status": [state]}) if found else self._lost()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != f"/v1/models/{name}:predict":
                return self._lost()
            try:
                self._answer(200, predict(signatures, body))
            except Refused as error:
                self._answer(error.status, {"error": str(error)})

        def _lost(self):
            self._answer(404, {"error": f"Servable not found for request: {self.path}"})

        def _answer(self, status, content):
            content = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/models/{name}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def predict(signatures, body):
    """The answer to a predict request, as a dict."""
    try:
        request = json.loads(body)
    except ValueError as error:
        raise Refused(400, f"JSON Parse error: {error}") from None
    if not isinstance(request, dict) or ("instances" in request) == ("inputs" in request):
        raise Refused(400, "Missing 'inputs' or 'instances' key")
    signature = signatures.get(request.get("signature_name", "serving_default"))
    if signature is None:
        raise Refused(400, f"signature not found: {request['signature_name']}")
    specs = signature.structured_input_signature[1]
    rows = "instances" in request
    given = _columns(request["instances"], specs) if rows else _named(request["inputs"], specs)
    if {*given} != {*specs}:
        raise Refused(400, f"inputs must be {sorted(specs)}, got {sorted(given)}")
    outputs = call(signature, {n: _tensor(n, given[n], s) for n, s in specs.items()})
    outputs = {key: value.tolist() for key, value in outputs.items()}
    if not rows:
        return {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
    if len(outputs) == 1:
        return {"predictions": next(iter(outputs.values()))}
    split = zip(*outputs.values(), strict=True)
    return {"predictions": [dict(zip(outputs, row, strict=True)) for row in split]}


def call(signature, inputs):
    """Runs a signature; a complaint of the graph becomes `Refused`."""
    try:
        return {key: value.numpy() for key, value in signature(**inputs).items()}
    except (tf.errors.InvalidArgumentError, ValueError, TypeError) as error:
        raise Refused(400, str(error)) from None


def _columns(instances, specs):
    if not isinstance(instances, list) or not instances:
        raise Refused(400, "'instances' must be a list that is not empty")
    rows = [_named(instance, specs) for instance in instances]
    if any({*row} != {*rows[0]} for row in rows):
        raise Refused(400, "instances have different inputs")
    return {key: [row[key] for row in rows] for key in rows[0]}


def _named(value, specs):
    """A dict by input names; the value of a single input may come without its name."""
    if isinstance(value, dict) and "b64" not in value:
        return value
    if len(specs) > 1:
        raise Refused(400, f"inputs must be named {sorted(specs)}")
    return {next(iter(specs)): value}


def _tensor(name, value, spec):
    try:
        if spec.dtype == tf.string:
            value = [base64.b64decode(v["b64"], validate=True) for v in value]
            return tf.constant(value, tf.string)
        array = np.array(value, np.float64)
        if spec.dtype == tf.uint8 and not (array == np.clip(np.round(array), 0, 255)).all():
            raise ValueError("not bytes")
        tensor = tf.constant(array.astype(DTYPES[spec.dtype]))
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(400, f"input `{name}` is not a {spec.dtype.name} tensor: {error}") from None
    if not spec.shape.is_compatible_with(tensor.shape):
        raise Refused(400, f"input `{name}` must have shape {spec.shape}, got {tensor.shape}")
    return tensor
