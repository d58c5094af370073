import json
import struct

import numpy as np
import pytest

from tf_nonlinear3dmm.face import FaceModel, mesh_files
from tf_nonlinear3dmm.face.morph_targets import MorphTargets
from tf_nonlinear3dmm.face.normals import vertex_normals

HU, WU = 24, 28
WRITERS = {".obj": mesh_files.write_obj, ".glb": mesh_files.write_glb}


@pytest.fixture(scope="module")
def face():
    return FaceModel.load("makehuman")


@pytest.fixture(scope="module")
def scene(face):
    random = np.random.default_rng(0)
    vertices = face.mean_vertices + random.normal(0, 0.01, face.mean_vertices.shape)
    return vertices, random.integers(0, 256, [HU, WU, 3]).astype(np.uint8)


@pytest.mark.parametrize("ending", WRITERS)
def test_write_then_read_gives_the_same_mesh(face, scene, tmp_path, ending):
    vertices, texture = scene
    path = tmp_path / f"a face{ending}"
    written = WRITERS[ending](path, vertices, face, texture)
    assert sorted(written) == sorted(tmp_path.iterdir())
    mesh = mesh_files.read(path)
    np.testing.assert_allclose(mesh.vertices, vertices * 100, atol=1e-4)  # mm; glb holds float32
    np.testing.assert_array_equal(mesh.triangles, face.triangles)
    np.testing.assert_allclose(mesh.uv, face.uv, atol=1e-6)
    expected = vertex_normals(vertices, face.triangles[face.normal_triangles])
    np.testing.assert_allclose(mesh.normals, expected, atol=1e-5)
    np.testing.assert_array_equal(mesh.texture, texture)


def test_float_textures_are_rounded(face, scene, tmp_path):
    vertices, texture = scene
    mesh_files.write_glb(tmp_path / "a.glb", vertices, face, texture / 255.0)
    np.testing.assert_array_equal(mesh_files.read(tmp_path / "a.glb").texture, texture)


def numbers(path, word):
    lines = path.read_text().splitlines()
    return np.array([line.split()[1:] for line in lines if line.startswith(f"{word} ")], float)


def test_an_obj_counts_v_up_from_the_edge_of_the_last_texel(face, scene, tmp_path):
    mesh_files.write_obj(tmp_path / "a.obj", *scene[:1], face, scene[1])
    u, v = face.uv.astype(np.float64).T
    expected = np.stack([(u * (WU - 1) + 0.5) / WU, 1 - (v * (HU - 1) + 0.5) / HU], axis=1)
    np.testing.assert_allclose(numbers(tmp_path / "a.obj", "vt"), expected, atol=1e-7)
    np.testing.assert_allclose(numbers(tmp_path / "a.obj", "v"), scene[0] * 100, atol=1e-5)
    assert "mtllib a.mtl" in (tmp_path / "a.obj").read_text()
    assert "map_Kd a.png" in (tmp_path / "a.mtl").read_text()


def glb_parts(path):
    data = path.read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def test_a_glb_counts_v_down_and_measures_in_metres(face, scene, tmp_path):
    mesh_files.write_glb(tmp_path / "a.glb", *scene[:1], face, scene[1])
    head, data = glb_parts(tmp_path / "a.glb")
    (primitive,) = head["meshes"][0]["primitives"]

    def attribute(name, width):
        accessor = head["accessors"][primitive["attributes"][name]]
        start = head["bufferViews"][accessor["bufferView"]].get("byteOffset", 0)
        array = np.frombuffer(data, np.float32, accessor["count"] * width, start)
        return array.reshape(-1, width)

    u, v = face.uv.T
    expected = np.stack([(u * (WU - 1) + 0.5) / WU, (v * (HU - 1) + 0.5) / HU], axis=1)
    np.testing.assert_allclose(attribute("TEXCOORD_0", 2), expected, atol=1e-6)
    np.testing.assert_allclose(attribute("POSITION", 3), scene[0] * 0.1, atol=1e-6)
    assert head["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] == [1, 1, 1, 1]


def test_morph_targets_keep_a_glb_sound(face, scene, tmp_path):
    random = np.random.default_rng(1)
    offsets = random.normal(0, 0.1, [3, *scene[0].shape])
    targets = MorphTargets(["a", "b", "c"], offsets, np.array([0.25, 0, 1]))
    path = tmp_path / "a.glb"
    mesh_files.write_glb(path, *scene[:1], face, scene[1], targets)
    head, data = glb_parts(path)
    assert struct.unpack("<4sII", path.read_bytes()[:12]) == (b"glTF", 2, path.stat().st_size)
    assert head["buffers"][0]["byteLength"] <= len(data) and path.stat().st_size % 4 == 0
    [mesh] = head["meshes"]
    assert mesh["extras"]["targetNames"] == ["a", "b", "c"] and mesh["weights"] == [0.25, 0, 1]
    views = head["bufferViews"]
    ends = [view.get("byteOffset", 0) + view["byteLength"] for view in views]
    assert max(ends) == head["buffers"][0]["byteLength"]
    for target, expected in zip(mesh["primitives"][0]["targets"], offsets, strict=True):
        accessor = head["accessors"][target["POSITION"]]
        start = views[accessor["bufferView"]]["byteOffset"]
        assert start % 4 == 0 and accessor["count"] == len(expected)
        stored = np.frombuffer(data, "<f4", expected.size, start).reshape(-1, 3)
        np.testing.assert_allclose(stored, expected * 0.1, atol=1e-6)  # metres
        np.testing.assert_array_equal(accessor["min"], stored.min(axis=0))
        np.testing.assert_array_equal(accessor["max"], stored.max(axis=0))
    np.testing.assert_allclose(mesh_files.read(path).vertices, scene[0] * 100, atol=1e-4)


def test_normals_point_out_of_the_face_and_leave_the_stitches_out(face):
    points = face.mean_vertices.astype(float)
    normals = vertex_normals(points, face.triangles[face.normal_triangles])
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-9)
    assert np.all(normals[face.landmarks[27:31], 2] > 0.4)
    other = vertex_normals(points, face.triangles)
    changed = np.flatnonzero(np.abs(other - normals).max(axis=1) > 1e-6)
    stitched = np.unique(face.triangles[~face.normal_triangles])
    assert len(changed) > 0 and set(changed) <= set(stitched)


def test_refusals(face, scene, tmp_path):
    vertices, texture = scene
    with pytest.raises(ValueError, match="a.ply: must end in .obj, got `.ply`"):
        mesh_files.write_obj(tmp_path / "a.ply", vertices, face, texture)
    with pytest.raises(
        ValueError, match=r"`vertices` must have shape \[V, 3\] with V = 3016, got \["
    ):
        mesh_files.write_glb(tmp_path / "a.glb", vertices[:-1], face, texture)
    with pytest.raises(
        ValueError, match=r"`texture` must have shape \[Hu, Wu, 3\], got \[24, 28\]"
    ):
        mesh_files.write_glb(tmp_path / "a.glb", vertices, face, texture[..., 0])
    vertices = vertices.copy()
    vertices[7] = np.nan
    with pytest.raises(ValueError, match=r"`vertices` must be finite, got 1 that are not: \[7\]"):
        mesh_files.write_glb(tmp_path / "a.glb", vertices, face, texture)
    assert list(tmp_path.iterdir()) == []


def test_reading_what_is_not_there_or_not_a_mesh(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.glb: there is no such mesh file"):
        mesh_files.read(tmp_path / "none.glb")
    for name in ("bad.glb", "bad.obj"):
        (tmp_path / name).write_text("this is not a mesh")
        with pytest.raises(ValueError, match=f"{name}: (not a mesh|must hold one mesh)"):
            mesh_files.read(tmp_path / name)
    (tmp_path / "plain.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(ValueError, match="plain.obj: must be a mesh with UV and a texture image"):
        mesh_files.read(tmp_path / "plain.obj")
