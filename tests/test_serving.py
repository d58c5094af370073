import base64
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

import grpc
import grpc_server
import numpy as np
import pytest
import rest_server
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tf_nonlinear3dmm import configs, serving
from tf_nonlinear3dmm.model import Nonlinear3DMM
from tf_nonlinear3dmm.serving import saved_model, warmup

CONFIG = configs.preset("tiny").model
S, NAME = CONFIG.image_size, saved_model.NAME
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}  # another graph adds in another order


def make(config=CONFIG):
    tf.keras.utils.set_random_seed(0)
    mean = np.array([14, 0, 0, 16, 0, -14, 0, 17], np.float32)
    return Nonlinear3DMM(config, mean, np.full(8, 0.5, np.float32))


@pytest.fixture(scope="module")
def model():
    made = make()
    for decoder in (made.shape_decoder, made.albedo_decoder):  # untrained ones say nothing
        bias = decoder.seed.bias
        bias.assign(np.random.default_rng(0).normal(size=bias.shape))
        decoder.last.kernel.assign(decoder.last.kernel * 10)
    return made


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return serving.export(model, tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def signatures(loaded):
    return loaded.signatures


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, [count, S, S, 3], np.uint8)


def pngs(pictures):
    return [tf.io.encode_png(picture).numpy() for picture in pictures]


def expected(model, pictures):
    """What the signatures must answer, from the eager model."""
    tf.config.run_functions_eagerly(True)
    result = model.reconstruct(pictures)
    tf.config.run_functions_eagerly(False)
    names = "vertices landmarks projection illumination shape_code albedo_code".split()
    values = {name: getattr(result, name).numpy() for name in names}
    values["albedo"] = result.albedo_map.numpy()
    values["texture"] = np.clip(result.texture, 0, 1)
    values["image"] = np.round(255 * np.clip(result.image, 0, 1)).astype(np.uint8)
    values["mask"] = (255 * result.mask.numpy()).astype(np.uint8)
    return values


def same(found, wanted):
    assert {*found} == {*wanted}
    for name, value in wanted.items():
        if value.dtype == np.uint8:  # a pixel on an outline may fall to the other side
            difference = np.abs(np.asarray(found[name], int) - value)
            assert np.mean(difference > 1) < 0.01
        else:
            np.testing.assert_allclose(found[name], value, **TOLERANCE)


@pytest.mark.parametrize("count", [1, 3])
def test_every_signature_agrees_with_the_eager_model(model, signatures, count):
    pictures = images(count)
    wanted = expected(model, pictures)
    same(signatures["reconstruct"](images=pictures), wanted)
    same(signatures["serving_default"](images=pictures), wanted)
    same(signatures["reconstruct_bytes"](image_bytes=tf.constant(pngs(pictures))), wanted)
    codes = {name: wanted[name] for name in ("shape_code", "albedo_code")}
    same(signatures["decode"](**codes), {n: wanted[n] for n in ("vertices", "albedo")})
    scene = {n: wanted[n] for n in ("vertices", "albedo", "projection", "illumination")}
    same(signatures["render"](**scene), {n: wanted[n] for n in ("image", "mask")})


@pytest.mark.slow
def test_a_model_without_light_has_no_illumination(tmp_path):
    """The variant of CVPR 2018: a texture, and vertices instead of a map."""
    model = make(dataclasses.replace(CONFIG, lighting=False, shape_decoder="mlp"))
    signatures = tf.saved_model.load(str(serving.export(model, tmp_path))).signatures
    pictures = images(2)
    found = signatures["reconstruct"](images=pictures)
    assert "illumination" not in found
    np.testing.assert_array_equal(found["texture"], found["albedo"])
    np.testing.assert_allclose(found["vertices"], model.reconstruct(pictures).vertices, atol=1e-4)
    drawn = signatures["render"](**{n: found[n] for n in ("vertices", "albedo", "projection")})
    assert np.mean(drawn["image"] == found["image"]) > 0.99


@pytest.mark.slow
def test_it_runs_in_a_process_without_the_package_on_stock_ops(model, folder, tmp_path):
    pictures = images(2)
    wanted = expected(model, pictures)
    rows = [np.frombuffer(len(p).to_bytes(4, "big") + p, np.uint8) for p in pngs(pictures)]
    longest = max(map(len, rows))
    rows = np.stack([np.pad(row, (0, longest - len(row))) for row in rows])
    inputs = {"reconstruct/images": pictures, "reconstruct_bytes/image_bytes": rows}
    for name in ("shape_code", "albedo_code"):
        inputs[f"decode/{name}"] = wanted[name]
    for name in ("vertices", "albedo", "projection", "illumination"):
        inputs[f"render/{name}"] = wanted[name]
    np.savez(tmp_path / "in.npz", **inputs)
    script = pathlib.Path(__file__).parent / "run_alone.py"
    files = [str(folder), str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    done = subprocess.run(
        [sys.executable, "-I", str(script), *files], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(np.load(tmp_path / "out.npz"))
    assert not {op for op in found["ops"].tolist() if "PyFunc" in op or "Xla" in op}
    for signature in ("reconstruct", "reconstruct_bytes"):
        same({n: found[f"{signature}/{n}"] for n in wanted}, wanted)
    same({"vertices": found["decode/vertices"]}, {"vertices": wanted["vertices"]})
    same({"image": found["render/image"]}, {"image": wanted["image"]})


def test_every_weight_is_stored_once(model, folder):
    stored = sum(path.stat().st_size for path in (folder / "variables").iterdir())
    weights = sum(v.numpy().nbytes for v in model.weights)
    assert weights < stored < 1.1 * weights


def test_the_loaded_model_has_gradients(model, loaded):
    """Codes can be fitted with the SavedModel alone."""
    scene = {n: tf.constant(v) for n, v in expected(model, images(1)).items()}
    with tf.GradientTape() as tape:
        tape.watch(scene["shape_code"])
        vertices = loaded.decode(scene["shape_code"], scene["albedo_code"])["vertices"]
        total = tf.reduce_sum(vertices[..., 2] ** 2)
    assert tf.reduce_sum(tf.abs(tape.gradient(total, scene["shape_code"]))) > 0


def test_jpegs_of_any_size_are_cut_to_their_central_square(model, signatures):
    picture = tf.image.resize(images(1), [4 * S, 4 * S]).numpy().astype(np.uint8)[0]
    wide = np.pad(picture, [(0, 0), (40, 40), (0, 0)])
    files = [tf.io.encode_jpeg(p, quality=100).numpy() for p in (picture, wide)]
    found = signatures["reconstruct_bytes"](image_bytes=tf.constant(files))
    np.testing.assert_allclose(*found["landmarks"].numpy(), atol=0.05)
    grey = tf.io.encode_png(picture[..., :1]).numpy()
    assert signatures["reconstruct_bytes"](image_bytes=tf.constant([grey]))["mask"].shape[0] == 1


def bomb(width, height):
    """The header of a PNG file of that size."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")


BROKEN = {
    "": "neither a JPEG nor a PNG",
    "text": "neither a JPEG nor a PNG",
    "\xff\xd8\xff and no more": "JPEG",
    "\x89PNG\r\n\x1a\n": "pixels, got",
}


@pytest.mark.parametrize("content, message", BROKEN.items())
def test_what_is_no_image_is_refused(signatures, content, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signatures["reconstruct_bytes"](image_bytes=tf.constant([content.encode("latin1")]))


def test_an_image_too_large_is_refused_before_it_is_unpacked(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels, got"):
        signatures["reconstruct_bytes"](image_bytes=tf.constant([bomb(60000, 60000)]))


def test_bad_numbers_are_refused(model, signatures):
    codes = {"shape_code": tf.zeros([2, 16]), "albedo_code": tf.zeros([3, 16])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have the batch size"):
        signatures["decode"](**codes)
    codes = {"shape_code": tf.fill([2, 16], np.nan), "albedo_code": tf.zeros([2, 16])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="`shape_code` must be finite"):
        signatures["decode"](**codes)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one image"):
        signatures["reconstruct"](images=images(0))


def test_other_shapes_are_refused(signatures):
    """A loaded graph does not look at the shapes of its signature by itself."""
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        signatures["reconstruct"](images=tf.zeros([1, S, S + 1, 3], tf.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible with expected shape"):
        signatures["decode"](shape_code=tf.zeros([2, 16]), albedo_code=tf.zeros([2, 1]))


def test_warm_up_requests_are_those_of_the_official_protocol(folder, signatures):
    records = tf.data.TFRecordDataset(str(folder / warmup.FILE)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    requests = [log.predict_log.request for log in logs]
    names = [request.model_spec.signature_name for request in requests]
    assert names == ["reconstruct", "reconstruct_bytes", "decode", "render"]
    for request in requests:
        assert request.model_spec.name == NAME
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        signatures[request.model_spec.signature_name](**inputs)


def test_the_export_says_what_face_it_holds(folder):
    about = json.loads((folder / "assets.extra" / "about.json").read_text())
    assert about["image_size"] == S and about["millimetres_per_face_unit"] == 100
    assert "CC0" in about["licence_of_the_face"]


def test_a_version_is_never_overwritten(model, folder):
    with pytest.raises(serving.ExportError, match="is there already"):
        serving.export(model, folder.parent)


@pytest.fixture(scope="module")
def rest(signatures):
    with rest_server.serve(signatures, NAME) as address:
        yield address


def post(address, content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(f"{address}:predict", data)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_rest_row_by_row(model, rest):
    pictures = images(2)
    status, answer = post(rest, {"instances": pictures.tolist()})
    assert status == 200
    found = {
        n: np.array([row[n] for row in answer["predictions"]]) for n in answer["predictions"][0]
    }
    same(found, expected(model, pictures))


def test_rest_column_by_column_with_bytes(model, rest):
    pictures = images(2, seed=1)
    files = [{"b64": base64.b64encode(p).decode()} for p in pngs(pictures)]
    content = {"signature_name": "reconstruct_bytes", "inputs": {"image_bytes": files}}
    status, answer = post(rest, content)
    assert status == 200
    same({n: np.array(v) for n, v in answer["outputs"].items()}, expected(model, pictures))


def test_rest_status(rest):
    with urllib.request.urlopen(rest) as response:
        assert json.load(response)["model_version_status"][0]["state"] == "AVAILABLE"


MALFORMED = {
    "not JSON": b"{",
    "no inputs": {"signature_name": "decode"},
    "unknown signature": {"signature_name": "encode", "instances": [1]},
    "wrong shape": {"instances": np.zeros([1, S, S, 4], int).tolist()},
    "wrong type": {"instances": np.full([1, S, S, 3], 0.5).tolist()},
    "text for numbers": {"instances": ["face"]},
    "ragged": {"instances": [[[0, 0, 0]], [[0, 0]]]},
    "empty": {"instances": []},
    "not base64": {"signature_name": "reconstruct_bytes", "instances": [{"b64": "?"}]},
    "not an image": {"signature_name": "reconstruct_bytes", "instances": [{"b64": "YWJj"}]},
    "missing input": {"signature_name": "decode", "inputs": {"shape_code": [[0.0] * 16]}},
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_malformed_rest_requests_get_an_error_and_the_server_lives(rest, content):
    status, answer = post(rest, content)
    assert status == 400 and answer["error"]
    assert post(rest, {"instances": images(1).tolist()})[0] == 200


@pytest.mark.slow
def test_a_hundred_megabytes_of_noise_get_an_error_and_the_server_lives(rest):
    noise = base64.b64encode(bytes(100 * 2**20)).decode()
    content = {"signature_name": "reconstruct_bytes", "instances": [{"b64": noise}]}
    assert post(rest, content)[0] == 400
    assert post(rest, {"instances": images(1).tolist()})[0] == 200


@pytest.mark.slow
def test_the_request_of_the_documentation_is_answered(model, rest, tmp_path):
    """The curl command as it stands there, but for the port."""
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    text = (pathlib.Path(__file__).parents[1] / "docs" / "serving.md").read_text()
    command = re.search(r"^    (curl .*?)\n\n", text, re.DOTALL | re.MULTILINE)[1]
    command, count = re.subn(r"http://localhost:8501/v1/models/nonlinear_3dmm", rest, command)
    assert count == 1
    (tmp_path / "face.jpg").write_bytes(tf.io.encode_jpeg(images(1)[0], quality=100).numpy())
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    [prediction] = json.loads(done.stdout)["predictions"]
    decoded = tf.io.decode_jpeg((tmp_path / "face.jpg").read_bytes()).numpy()
    wanted = model.reconstruct(decoded[np.newaxis]).landmarks[0]
    np.testing.assert_allclose(prediction["landmarks"], wanted, **TOLERANCE)


@pytest.fixture(scope="module")
def stub(signatures):
    with grpc_server.serve(signatures, NAME) as made:
        yield made


def test_grpc_on_the_official_stubs(model, stub):
    pictures = images(2)
    answer = stub.Predict(grpc_server.request(NAME, "reconstruct", images=pictures))
    same({n: tf.make_ndarray(t) for n, t in answer.outputs.items()}, expected(model, pictures))
    answer = stub.Predict(
        grpc_server.request(NAME, "reconstruct_bytes", image_bytes=pngs(pictures))
    )
    assert tf.make_ndarray(answer.outputs["mask"]).shape == (2, S, S, 1)


def test_an_answer_is_as_large_as_the_documentation_says(model, stub):
    def size(config, names=None):
        pixels, texels = config.image_size**2, 12 * config.uv_size[0] * config.uv_size[1]
        parts = {"vertices": 12 * 3016, "landmarks": 8 * 68, "projection": 32, "illumination": 108}
        parts |= {n: 4 * getattr(config, f"{n}_size") for n in ("shape_code", "albedo_code")}
        parts |= {"albedo": texels, "texture": texels, "image": 3 * pixels, "mask": pixels}
        return sum(parts[name] for name in names or parts)

    request = grpc_server.request(NAME, "reconstruct", images=images(1))
    whole = stub.Predict(request)
    assert 0 < whole.ByteSize() - size(model.config) < 1000
    picked = ["vertices", "landmarks", "projection"]
    request.output_filter.extend(picked)
    small = stub.Predict(request)
    assert {*small.outputs} == {*picked} and 0 < small.ByteSize() - size(model.config, picked) < 300
    shipped = configs.preset("small").model
    assert round(size(shipped) / 1000) == 346 and round(size(shipped, picked) / 1000) == 37
    assert 12 * size(shipped) < 4 * 2**20 < 13 * size(shipped)


@pytest.mark.parametrize(
    "signature, inputs, code",
    [
        ("reconstruct", {"images": np.zeros([1, S, S, 3], np.float32)}, "INVALID_ARGUMENT"),
        ("reconstruct", {"images": np.zeros([1, S, 5, 3], np.uint8)}, "INVALID_ARGUMENT"),
        ("reconstruct", {"pictures": images(1)}, "INVALID_ARGUMENT"),
        ("reconstruct_bytes", {"image_bytes": [b""]}, "INVALID_ARGUMENT"),
        ("encode", {"images": images(1)}, "NOT_FOUND"),
    ],
)
def test_malformed_grpc_requests_get_an_error_and_the_server_lives(stub, signature, inputs, code):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(grpc_server.request(NAME, signature, **inputs))
    assert caught.value.code() == grpc.StatusCode[code]
    assert stub.Predict(grpc_server.request(NAME, "reconstruct", images=images(1))).outputs


@pytest.mark.slow
def test_the_python_of_the_documentation_runs(folder, tmp_path, monkeypatch, capsys):
    text = (pathlib.Path(__file__).parents[1] / "docs" / "serving.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "served").symlink_to(folder.parent)
    (tmp_path / "face.jpg").write_bytes(tf.io.encode_jpeg(images(1)[0]).numpy())
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert "3016" in capsys.readouterr().out
