"""The page: what its server answers, and what a person sees in a browser."""

import base64
import dataclasses
import functools
import io
import json
import shutil
import threading
import types

import numpy as np
import PIL.Image
import pytest
import trimesh

from tf_nonlinear3dmm import configs, fitting
from tf_nonlinear3dmm.data import photos
from tf_nonlinear3dmm.data.photos import litert
from tf_nonlinear3dmm.evaluation.directions import Direction
from tf_nonlinear3dmm.face import morph_targets
from tf_nonlinear3dmm.fitting import residual, solver
from tf_nonlinear3dmm.model import Nonlinear3DMM

pytest.importorskip("fastapi", reason="the page needs fastapi, uvicorn and python-multipart")
pytestmark = pytest.mark.filterwarnings("ignore:.*(httpx|multipart|anyio).*")

from tf_nonlinear3dmm import demo  # noqa: E402
from tf_nonlinear3dmm.demo import fits, messages, server  # noqa: E402


@pytest.fixture(scope="module")
def explorer():
    config = configs.preset("tiny").model
    mean = np.array([8, 0, 0, 15.5, 0, -8, 0, 15.5], np.float32)
    model = Nonlinear3DMM(config, mean, np.full(8, 1e-3, np.float32))
    model.encode(np.zeros([1, config.image_size, config.image_size, 3], np.float32))
    for weight in model.shape_decoder.trainable_weights:  # fresh weights hardly move the mesh
        if len(weight.shape) > 1:
            weight.assign(4.0 * weight)
    random = np.random.default_rng(0)
    step = random.normal(0, 3.0, [config.shape_code_size]).astype(np.float32)
    noise = random.integers(0, 255, [45, 45, 3], np.uint8)  # any size
    moves = [Direction("shape_age", "age", "Shape", "shape", step)]
    return demo.Explorer(model, moves, {"Ada": noise})


@pytest.fixture(scope="module")
def client(explorer):
    import fastapi.testclient

    return fastapi.testclient.TestClient(server.application(explorer), "http://127.0.0.1")


@pytest.mark.parametrize("step", [np.zeros(17), np.full(16, np.nan)])
def test_directions_of_another_model_are_refused(explorer, step):
    moves = [Direction("shape_age", "age", "Shape", "shape", step)]
    with pytest.raises(ValueError, match="directions.npz: `shape_age` must be 16 finite numbers"):
        demo.Explorer(explorer.model, moves)


def test_a_full_disk_is_said(client, face, monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(server.tempfile, "TemporaryDirectory", full)
    client = type(client)(client.app, "http://127.0.0.1", raise_server_exceptions=False)
    answer = client.post("/api/glb", json={"face": face})
    assert answer.status_code == 507 and "No space left on device" in answer.json()["detail"]


def decoded(client, face, **more):
    return client.post("/api/decode", json={"face": face, **more}).json()


def numbers_of(text):
    return np.frombuffer(base64.b64decode(text), np.float32)


def vertices_of(answer):
    return numbers_of(answer["vertices"]).reshape(-1, 3)


def picture_of(url):
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))))


@pytest.fixture(scope="module")
def face(client):
    return client.post("/api/sample", json={"name": "Ada"}).json()["face"]


def test_a_slider_moves_the_mesh_as_the_direction_says(client, explorer, face):
    here, there = (decoded(client, face, sliders={"shape_age": s}) for s in (0.0, 2.0))
    code = numbers_of(face["shape_code"])[np.newaxis] + 2.0 * explorer.directions[0].step
    _, vertices = explorer.model.decode_shape(code)
    np.testing.assert_allclose(vertices_of(there), vertices[0], atol=1e-5)
    assert np.abs(vertices_of(there) - vertices_of(here)).max() > 1e-4


def test_the_directional_light_lights_the_side_it_stands_on(client):
    face = client.post("/api/sample", json={"name": "mean"}).json()["face"]

    def brightness(azimuth):
        sliders = {"light_ambient": 0.0, "light_strength": 1.0, "light_azimuth": azimuth}
        drawn = picture_of(decoded(client, face, sliders=sliders, surface="clay")["overlay"])
        left, right = np.array_split(drawn[..., :3].mean(axis=-1), 2, axis=1)
        return left.mean(), right.mean()

    left, right = brightness(70.0)
    assert right > 2 * left
    left, right = brightness(-70.0)
    assert left > 2 * right


def test_the_mean_face_is_the_mean_face(client, explorer):
    answer = client.post("/api/sample", json={"name": "mean"}).json()
    drawn = decoded(client, answer["face"])
    _, vertices = explorer.model.decode_shape(np.zeros([1, 16], np.float32))
    np.testing.assert_allclose(vertices_of(drawn), vertices[0], atol=1e-5)
    assert picture_of(drawn["overlay"])[..., 3].mean() > 40  # a good part of the picture is face


def test_a_glb_holds_the_mesh_that_is_shown(client, explorer, face):
    sliders = {"shape_age": 1.0}
    glb = client.post("/api/glb", json={"face": face, "sliders": sliders})
    mesh = trimesh.load(io.BytesIO(glb.content), file_type="glb", force="mesh", process=False)
    shown = vertices_of(decoded(client, face, sliders=sliders))
    metres = explorer.model.face.units / 1000
    targets = morph_targets.read(glb.content)
    assert {*targets.names} == {*explorer.shapes.names} and "jawOpen" in targets.names
    np.testing.assert_allclose(mesh.vertices + targets.shown, shown * metres, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, explorer.model.face.triangles)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"sliders": {"shape_agee": 1.0}}, "no slider `shape_agee`"),
        ({"sliders": {"shape_age": 1e30}}, "no slider `shape_age` with value 1e+30"),
        ({"sliders": {"light_azimuth": -91}}, "no slider `light_azimuth` with value -91"),
        ({"surface": "gold"}, "one of lit, albedo, clay, got `gold`"),
        ({"face": {"shape_code": [[1.0]]}}, "malformed"),
        ({"sliders": {"shape_age": "much"}}, "malformed"),
    ],
)
def test_a_wrong_request_is_refused_by_name(client, face, change, said):
    answer = client.post("/api/decode", json={"face": face, **change})
    assert answer.status_code in (400, 422) and said in answer.json()["detail"]


@pytest.mark.parametrize(
    "code, said",
    [
        (messages.array(np.ones(2, np.float32)), "`shape_code` must be 16 float32 numbers, got 8"),
        ("AAA", "`shape_code` must be float32 numbers in base 64"),
        ("é", "`shape_code` must be float32 numbers in base 64"),
        (messages.array(np.full(16, np.inf, np.float32)), "`shape_code` must be finite"),
    ],
)
def test_other_codes_are_refused(client, face, code, said):
    answer = client.post("/api/decode", json={"face": {**face, "shape_code": code}})
    assert answer.status_code == 400 and said in answer.json()["detail"]


def test_an_expression_moves_its_part_of_the_face_alone(client, explorer, face):
    answer = client.post("/api/sample", json={"name": "Ada"}).json()
    at_rest = dict.fromkeys(answer["expression"], 0.0)
    opened = vertices_of(decoded(client, face, sliders=at_rest | {"jawOpen": 1.0}))
    moved = opened - vertices_of(decoded(client, face, sliders=at_rest))
    chin, brow = (explorer.model.face.landmarks[i] for i in (8, 19))
    assert moved[chin, 1] * explorer.model.face.units < -20  # millimetres
    np.testing.assert_allclose(moved[brow], 0, atol=1e-4)


def test_the_expression_that_a_face_shows_leaves_it_as_it_is(explorer):
    code = 2 * explorer.directions[0].step[np.newaxis]
    shown = explorer.shapes.weights(code)
    assert len(shown) == 51 and max(shown.values()) > 0.1
    same, face = (explorer.shapes.vertices(code, weights) for weights in (shown, {}))
    np.testing.assert_allclose(same, face, atol=1e-5)


def test_every_expression_has_a_slider_and_few_are_shown_at_first(client, explorer):
    model = client.get("/api/model").json()
    sliders = [s for group in model["expressions"] for s in group["sliders"]]
    assert sorted(s["name"] for s in sliders) == sorted(explorer.shapes.names)
    assert sum(s["often"] for s in sliders) == 15
    labels = [
        (group["title"], s["label"]) for group in model["expressions"] for s in group["sliders"]
    ]
    assert len(set(labels)) == len(labels)


def fit_reports(client, pictures):
    answer = client.post("/api/fit", json={"photos": pictures})
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.slow
def test_a_fit_tells_how_far_it_is_and_draws_the_photo_better(client, explorer, monkeypatch):
    monkeypatch.setattr(fits.fitting, "fit", functools.partial(fitting.fit, steps=4))
    grey = np.full([explorer.picture_size] * 2 + [3], 90, np.uint8)
    before, _ = explorer.reconstruct_crop(grey)
    *progress, last = fit_reports(client, [messages.png(grey)])
    assert [each["done"] for each in progress] == [0.25, 0.5, 0.75, 1.0, 1.0]
    [result] = last["faces"]
    assert result["fitted"] and result["message"].startswith("Fitted: ")
    assert len(result["expression"]) == 51

    def distance(face):
        drawn = picture_of(decoded(client, face)["overlay"]).astype(float)
        return np.abs(drawn[..., :3] - 90)[drawn[..., 3] > 200].mean()

    codes = messages.face_answer(explorer, before)["face"]
    assert distance(result["face"]) < 0.95 * distance(codes)
    without = {name: codes[name] for name in ("shape_residual", "albedo_residual")}  # all 0
    assert distance(result["face"]) < distance(result["face"] | without)


def test_a_fit_to_landmarks_alone_is_no_failure(client, explorer, monkeypatch):
    def aligned(model, pictures, *_, **__):
        errors = np.array([[4.0, 2.0]])
        result = model.reconstruct(pictures)
        left = residual.none(model, 1)
        return solver.Fit(result, np.array([fitting.ALIGNED]), errors, errors / 100, left)

    monkeypatch.setattr(fits.fitting, "fit", aligned)
    grey = np.full([explorer.picture_size] * 2 + [3], 90, np.uint8)
    [result] = fit_reports(client, [messages.png(grey)])[-1]["faces"]
    assert result["fitted"] and result["message"].startswith("Fitted: landmarks from 4.0 to 2.0")


def test_a_fit_that_fails_says_why(client, explorer, monkeypatch):
    def fail(*_):
        raise ValueError("no memory\nis left")

    monkeypatch.setattr(explorer, "fit", fail)
    grey = np.zeros([explorer.picture_size] * 2 + [3], np.uint8)
    assert fit_reports(client, [messages.png(grey)]) == [{"detail": "The fit failed: no memory"}]


@pytest.mark.parametrize(
    "pictures, said",
    [
        ([], "from 1 to 24 photos are fitted together, got 0"),
        (["x"] * 25, "from 1 to 24 photos are fitted together, got 25"),
        (["no base 64!"], "`photos` must be PNG files in base 64"),
        ([base64.b64encode(b"no picture").decode()], "the picture"),
        ([messages.png(np.zeros([50, 40, 3], np.uint8))], "must have 96 x 96 pixels, got (50, 40)"),
        ("text", "malformed"),
    ],
)
def test_what_cannot_be_fitted_is_refused(client, pictures, said):
    answer = client.post("/api/fit", json={"photos": pictures})
    assert answer.status_code in (400, 422) and said in answer.json()["detail"]


def test_names_of_other_sites_do_not_reach_the_server(client):
    assert client.get("/", headers={"Host": "127.0.0.1:8080"}).status_code == 200
    assert client.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_a_model_without_light_has_no_light_sliders():
    config = dataclasses.replace(configs.preset("tiny").model, lighting=False)
    model = Nonlinear3DMM(config, np.zeros(8, np.float32), np.ones(8, np.float32))
    import fastapi.testclient

    app = server.application(demo.Explorer(model))
    client = fastapi.testclient.TestClient(app, "http://127.0.0.1")
    assert client.get("/api/model").json()["groups"] == []
    face = client.post("/api/sample", json={"name": "mean"}).json()["face"]
    assert face["illumination"] is None
    flat, shaded = (
        picture_of(decoded(client, face, surface=s)["overlay"]) for s in ("lit", "clay")
    )
    assert shaded[shaded[..., 3] > 0][:, 0].std() > 5 + flat[flat[..., 3] > 0][:, 0].std()


@pytest.mark.parametrize("contents", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_image_is_refused(client, contents):
    answer = client.post("/api/photo", files={"photo": ("x.png", contents, "image/png")})
    assert answer.status_code == 400 and "the photo" in answer.json()["detail"]


def test_an_upload_that_is_too_large_is_refused(client):
    large = bytes(server.LARGEST_UPLOAD + 2**17)
    answer = client.post("/api/photo", files={"photo": ("x.png", large, "image/png")})
    assert answer.status_code == 413 and "16 MB" in answer.json()["detail"]


def test_a_photo_without_a_face_says_so(client):
    pytest.importorskip("ai_edge_litert")
    blank = io.BytesIO()
    PIL.Image.new("RGB", (80, 60), (90, 120, 90)).save(blank, "PNG")
    answer = client.post("/api/photo", files={"photo": ("x.png", blank.getvalue(), "image/png")})
    assert answer.status_code == 400 and "no face was found" in answer.json()["detail"]


def test_without_the_detector_a_photo_says_what_to_install(client, monkeypatch):
    def missing(name, folder):
        raise ImportError("finding faces needs ai-edge-litert")

    monkeypatch.setattr(litert, "_load", missing)
    blank = io.BytesIO()
    PIL.Image.new("RGB", (80, 60)).save(blank, "PNG")
    answer = client.post("/api/photo", files={"photo": ("x.png", blank.getvalue(), "image/png")})
    assert answer.status_code == 501 and "needs ai-edge-litert" in answer.json()["detail"]


def test_the_page_asks_nothing_of_other_hosts(client):
    ours = [path for path in server.STATIC.glob("*.[hcj]*s*") if path.name != "viewer.js"]
    assert len(ours) > 7
    for path in [server.STATIC / "index.html", *ours]:
        text = path.read_text()
        assert "http://" not in text and "https://" not in text and "//cdn" not in text
    assert client.get("/").status_code == 200


@pytest.fixture
def address(explorer):
    import uvicorn

    config = uvicorn.Config(
        server.application(explorer), port=0, log_level="error", log_config=None
    )
    running = uvicorn.Server(config)
    listener = config.bind_socket()
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    running.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def tab(address):
    """A window of headless Chromium that has loaded the page; `asked` lists its requests."""
    browsers = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs Chromium: no chromium or google-chrome on the PATH")
    with browsers.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=CHROMIUM)
        made = browser.new_page(viewport={"width": 1280, "height": 800})
        made.asked, made.wrong = [], []
        made.on("request", lambda request: made.asked.append(request.url))
        made.on("pageerror", lambda error: made.wrong.append(str(error)))
        made.goto(address)
        made.wait_for_function("document.body.dataset.drawn >= 1", timeout=60_000)
        yield made
        assert not made.wrong
        assert all(url.startswith((address, "data:", "blob:")) for url in made.asked)
        browser.close()


CHROMIUM = [
    "--no-sandbox",
    "--disable-background-networking",
    "--enable-unsafe-swiftshader",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


def said(tab, text):
    return tab.locator("#status", has_text=text).wait_for(timeout=120_000)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_person_opens_the_page_moves_a_slider_and_downloads(tab, tmp_path):
    canvas = tab.locator("#viewer canvas")
    before = canvas.screenshot(), tab.locator("#overlay").get_attribute("src")
    tab.locator("input[name=shape_age]").fill("3")
    tab.wait_for_function("document.body.dataset.drawn >= 2", timeout=60_000)
    tab.wait_for_timeout(300)
    after = canvas.screenshot(), tab.locator("#overlay").get_attribute("src")
    assert before[0] != after[0] and before[1] != after[1]
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 150, box["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 250, box["y"] + 200, steps=3)
    tab.mouse.up()
    tab.wait_for_timeout(300)
    assert canvas.screenshot() != after[0]  # the face was turned
    with tab.expect_download() as download:
        tab.locator("#download").click()
    download.value.save_as(tmp_path / "face.glb")
    assert len(trimesh.load(tmp_path / "face.glb", force="mesh").vertices) > 3000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_person_uploads_a_photo_and_what_is_none(tab, tmp_path):
    skimage_data = pytest.importorskip("skimage.data", reason="the photo comes from scikit-image")
    pytest.importorskip("ai_edge_litert", reason="finding the face in the photo")
    PIL.Image.fromarray(skimage_data.astronaut()).save(tmp_path / "photo.png")
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "large.png").write_bytes(bytes(server.LARGEST_UPLOAD + 1))
    choose = tab.locator("#file").set_input_files
    before = tab.locator("#photo").get_attribute("src")
    choose(tmp_path / "notes.txt")
    said(tab, "not a sound JPEG, PNG or WebP image")
    choose(tmp_path / "large.png")
    said(tab, "large.png has 17 MB; at most 16 MB are taken.")
    assert tab.locator("#photo").get_attribute("src") == before
    choose(tmp_path / "photo.png")
    said(tab, "One face found")
    assert tab.locator("#photo").get_attribute("src") != before


@pytest.fixture
def photographs(explorer, monkeypatch):
    """What the server does with photos, without looking for faces: `slow` ones wait for `go`.

    Attributes of what is given: `begun`, a semaphore, released when a slow one arrives; `go` and
    `done`, events; `made`: bytes of a PNG of one colour from its RGB and its kind.
    """
    state = types.SimpleNamespace(
        begun=threading.Semaphore(0), go=threading.Event(), done=threading.Event(), made=photograph
    )

    def reconstruct(contents):
        image = photos.read(contents, "the photo")
        if contents.endswith(b"slow"):
            state.begun.release()
            assert state.go.wait(60)
            state.done.set()
        return *explorer.reconstruct_crop(image), 1

    monkeypatch.setattr(explorer, "reconstruct", reconstruct)
    yield state
    state.go.set()


def photograph(colour, kind=b""):
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (32, 32), colour).save(buffer, "PNG")
    return buffer.getvalue() + kind


def shown(tab):
    """The colour in the middle of the photo that the page shows, or None."""
    source = tab.locator("#photo").get_attribute("src")
    return tuple(picture_of(source)[40, 40].tolist()) if source else None


def drop(tab, *files):
    """Drops (name, contents) pairs on the page."""
    files = [(name, base64.b64encode(contents).decode()) for name, contents in files]
    carried = tab.evaluate_handle(
        """async (files) => {
          const carried = new DataTransfer();
          for (const [name, text] of files) {
            const answer = await fetch(`data:image/png;base64,${text}`);
            carried.items.add(new File([await answer.blob()], name));
          }
          return carried;
        }""",
        files,
    )
    tab.dispatch_event("body", "drop", {"dataTransfer": carried})


RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("second", ["photo", "sample", "mean", "refused"])
def test_the_newest_choice_wins_over_a_slower_one_before(tab, photographs, caplog, second):
    before = tab.locator("#photo").get_attribute("src")
    drop(tab, ("slow.png", photographs.made(RED, b"slow")))
    assert photographs.begun.acquire(timeout=60)
    said(tab, "Looking for a face in slow.png")
    if second == "photo":
        drop(tab, ("fast.png", photographs.made(GREEN)))
        said(tab, "One face found")
        assert shown(tab) == GREEN
    elif second == "sample":
        tab.locator("#samples button").click()
        said(tab, "Ada: nobody")
    elif second == "mean":
        tab.locator("#mean").click()
        said(tab, "The model's mean face")
        assert shown(tab) is None
    else:
        drop(tab, ("notes.txt", b"no photo"))
        said(tab, "not a sound JPEG, PNG or WebP image")
        assert tab.locator("#photo").get_attribute("src") == before
    tab.wait_for_function("document.getElementById('overlay').hasAttribute('src')", timeout=60_000)
    ids = ["status", "photo", "under", "overlay"]
    whole = [tab.locator(f"#{name}").evaluate("e => e.outerHTML") for name in ids]
    photographs.go.set()
    assert photographs.done.wait(60)
    tab.wait_for_timeout(1500)
    assert whole == [tab.locator(f"#{name}").evaluate("e => e.outerHTML") for name in ids]
    assert not caplog.records  # that nobody waits for an answer troubles the server little


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_of_several_files_the_first_is_taken_and_all_are_offered(tab, photographs):
    offered = tab.locator("#files button")
    assert not tab.locator("#files").is_visible()
    colours = {"red.png": RED, "green.png": GREEN, "blue.png": BLUE}
    drop(tab, *((name, photographs.made(colour)) for name, colour in colours.items()))
    said(tab, "One face found; the first of 3 files, choose another below")
    assert shown(tab) == RED
    assert offered.evaluate_all("all => all.map((b) => b.title)") == list(colours)
    tab.get_by_title("blue.png").click()
    tab.locator("#files button.chosen[title='blue.png']").wait_for(timeout=60_000)
    assert shown(tab) == BLUE and tab.locator(".strip button.chosen").count() == 1
    drop(tab, *((f"{i}.png", photographs.made(GREEN)) for i in range(30)))
    said(tab, "the first of 30 files, choose another below (6 were left out)")
    assert offered.count() == 24
    drop(tab, ("alone.png", photographs.made(BLUE)))
    said(tab, "One face found")
    assert shown(tab) == BLUE and not tab.locator("#files").is_visible()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_file_or_cannot_be_read_is_refused(tab, photographs):
    drop(tab)
    said(tab, "What was dropped is no file")
    tab.evaluate("() => { Blob.prototype.arrayBuffer = () => Promise.reject(new Error()); }")
    drop(tab, ("folder", b""))
    said(tab, "folder cannot be read")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_everything_can_be_reached_on_a_phone(tab):
    tab.set_viewport_size({"width": 360, "height": 740})
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    reset = tab.locator("#reset")
    reset.scroll_into_view_if_needed()
    assert reset.bounding_box()["y"] < 740
    view = tab.locator("#viewer").bounding_box()
    assert 0 <= view["y"] < 10 and view["width"] == 360  # the face stays in sight


@pytest.fixture
def fitter(explorer, monkeypatch):
    """What the server does instead of fits: they are half done until `go`, and move the shape.

    Attributes of what is given: `begun`, a semaphore; `go` and `unwanted`, events; `asked`, list of
    (number of photos, whether of one person).
    """
    state = types.SimpleNamespace(
        begun=threading.Semaphore(0), go=threading.Event(), unwanted=threading.Event(), asked=[]
    )

    def fit(pictures, same_person, progress):
        state.asked.append((len(pictures), same_person))
        state.begun.release()
        try:
            while not state.go.wait(0.05):
                progress(len(pictures) / 2, len(pictures))
        except Exception:
            state.unwanted.set()
            raise
        faces = [explorer.reconstruct_crop(picture)[0] for picture in pictures]
        moved = [
            f._replace(shape_code=f.shape_code + 2 * explorer.directions[0].step) for f in faces
        ]
        return [fits.FittedFace(face, True, f"Fitted {i}") for i, face in enumerate(moved)]

    monkeypatch.setattr(explorer, "fit", fit)
    yield state
    state.go.set()


def drawing(tab, act):
    """The overlay, once the face is drawn that `act()` changes."""
    drawn = tab.evaluate("document.body.dataset.drawn")
    act()
    tab.wait_for_function(f"document.body.dataset.drawn > {drawn}", timeout=60_000)
    return tab.locator("#overlay").get_attribute("src")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_fit_shows_progress_and_the_face_before_and_after(tab, fitter):
    assert not tab.locator("#progress").is_visible() and not tab.locator("#versions").is_visible()
    before = tab.locator("#overlay").get_attribute("src")
    tab.locator("#fit").click()
    tab.locator("#progress[value='0.5']").wait_for(timeout=60_000)
    assert tab.locator("#stop").is_visible()
    after = drawing(tab, fitter.go.set)
    said(tab, "Fitted 0")
    assert after != before and fitter.asked == [(1, False)]
    assert not tab.locator("#progress").is_visible() and not tab.locator("#stop").is_visible()
    version = tab.locator("#versions label")
    assert drawing(tab, version.first.click) == before
    assert drawing(tab, version.last.click) == after


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("second", ["photo", "stop"])
def test_the_newest_choice_wins_over_a_fit_and_ends_it(tab, fitter, photographs, second):
    tab.locator("#fit").click()
    assert fitter.begun.acquire(timeout=60)
    if second == "photo":
        drop(tab, ("fast.png", photographs.made(GREEN)))
        said(tab, "One face found")
    else:
        tab.locator("#stop").click()
        said(tab, "Stopped")
    assert fitter.unwanted.wait(60)
    tab.wait_for_timeout(500)
    assert (shown(tab) == GREEN) == (second == "photo")
    assert not tab.locator("#versions").is_visible() and not tab.locator("#progress").is_visible()
    tab.locator("#fit").click()  # nothing of the first stands in its way
    fitter.go.set()
    said(tab, "Fitted 0")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_several_photos_are_fitted_as_one_person(tab, fitter, photographs):
    fitter.go.set()
    assert not tab.locator("#person").is_visible()
    colours = {"red.png": RED, "green.png": GREEN, "blue.png": BLUE}
    photos_ = [(name, photographs.made(colour)) for name, colour in colours.items()]
    drop(tab, *photos_, ("notes.txt", b"no photo"))
    said(tab, "One face found; the first of 4 files")
    tab.locator("#person").click()
    said(tab, "Fitted 0; one person in 3 photos; no face in notes.txt")
    assert fitter.asked == [(3, True)] and tab.locator("#files button.fitted").count() == 3
    asked = len(tab.asked)
    tab.get_by_title("blue.png").click()
    said(tab, "Fitted 2")
    assert shown(tab) == BLUE and tab.locator("input[value=after]").is_checked()
    assert not any("api/photo" in url for url in tab.asked[asked:])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_expressions_move_the_mesh_and_go_back(tab):
    canvas = tab.locator("#viewer canvas")
    before, overlay = canvas.screenshot(), tab.locator("#overlay").get_attribute("src")
    opened = drawing(tab, lambda: tab.locator("input[name=jawOpen]").fill("1"))
    tab.wait_for_timeout(300)
    assert opened != overlay and canvas.screenshot() != before
    assert drawing(tab, tab.locator("#asphoto").click) == overlay
    drawing(tab, lambda: tab.locator("input[name=jawOpen]").fill("1"))
    assert drawing(tab, tab.locator("#neutral").click) != opened
    assert float(tab.locator("input[name=jawOpen]").input_value()) == 0
    rows = tab.locator("#expressions .slider:visible")
    assert rows.count() == 15
    tab.locator("#search").fill("smile left")
    assert rows.count() == 1
    tab.locator("#search").fill("")
    tab.locator("#all").click()
    assert rows.count() == 51


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_camera_takes_a_photo_and_a_lack_of_it_is_told(tab, photographs):
    before = tab.locator("#photo").get_attribute("src")
    tab.locator("#webcam").click()
    said(tab, "The camera is on")
    assert tab.locator("#camera").is_visible()
    tab.get_by_text("Take picture", exact=True).click()
    said(tab, "One face found")
    assert tab.locator("#photo").get_attribute("src") != before
    assert not tab.locator("#camera").is_visible()
    tab.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => {"
        " throw new DOMException('', 'NotFoundError'); }; }"
    )
    tab.locator("#webcam").click()
    said(tab, "No camera was found.")
