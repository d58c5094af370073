"""A small face, and writers of it in every format that `face.formats` reads."""

import json
import struct
from typing import NamedTuple

import h5py
import numpy as np
import scipy.io

from tf_nonlinear3dmm.face import FaceModel

ROWS, COLUMNS, KS, KE = 13, 11, 4, 3


class Truth(NamedTuple):
    """What a conversion must give, in millimetres."""

    mean: np.ndarray
    offset: np.ndarray  # of the mean expression, part of `mean`
    triangles: np.ndarray
    shape: np.ndarray  # [KS, V, 3] for coefficients of standard deviation `shape_std`
    shape_std: np.ndarray
    expression: np.ndarray
    expression_std: np.ndarray
    landmarks: np.ndarray
    uv: np.ndarray  # v down


def truth(seed=0):
    """A mask with a nose: V = 143, T = 240."""
    random = np.random.default_rng(seed)
    v, u = np.meshgrid(np.linspace(0, 1, ROWS), np.linspace(0, 1, COLUMNS), indexing="ij")
    angle = (u - 0.5) * 2.4
    x, y = 78 * np.sin(angle), 100 - 190 * v
    z = 90 * np.cos(angle) - 20 * (2 * v - 1) ** 2 + 25 * np.exp(-((x / 15) ** 2) - (y / 30) ** 2)
    mean = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    corner = np.array([COLUMNS * r + c for r in range(ROWS - 1) for c in range(COLUMNS - 1)])
    a, b, c, d = corner, corner + 1, corner + COLUMNS, corner + COLUMNS + 1
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    basis = np.linalg.qr(random.normal(size=[mean.size, KS + KE]))[0].T.reshape(-1, *mean.shape)
    real = FaceModel.load("makehuman")
    marks = real.mean_vertices[real.landmarks] * [100, 100, 0] + [0, 15, 0]
    distance = np.linalg.norm(mean[None] * [1, 1, 0] - marks[:, None], axis=-1)
    return Truth(
        mean=mean,
        offset=random.normal(size=mean.shape) * 0.1,
        triangles=triangles,
        shape=basis[:KS],
        shape_std=np.array([40.0, 30, 20, 10]),
        expression=basis[KS:],
        expression_std=np.array([15.0, 10, 5]),
        landmarks=distance.argmin(axis=1),
        uv=np.stack([u, v], axis=-1).reshape(-1, 2),
    )


def flat(values, unit=1.0):
    """`[V, 3]` or `[K, V, 3]` as x y z x y z ... down a column or K columns."""
    values = np.asarray(values) / unit
    return values.reshape(-1, 1) if values.ndim == 2 else values.reshape(len(values), -1).T


def um(values):
    return flat(values, 0.001).astype(np.float32)


def basel(folder, t, companions=True):
    """01_MorphableModel.mat with 5 more vertices than the crop that model_info.mat keeps."""
    count = len(t.mean)
    order = np.concatenate([np.arange(count), np.arange(5)])  # 5 vertices come twice
    inward = t.triangles[:, ::-1] + 1
    scipy.io.savemat(
        folder / "01_MorphableModel.mat",
        {
            "shapeMU": um((t.mean - t.offset)[order]),
            "shapePC": flat(t.shape[:, order]).astype(np.float32),
            "shapeEV": 1000 * t.shape_std[:, None],
            "texMU": np.zeros([3 * len(order), 1], np.float32),
            "texPC": np.zeros([3 * len(order), 2], np.float32),
            "texEV": np.ones([2, 1]),
            "tl": np.concatenate([inward, [[1, 2, count + 1]]]).astype(np.float64),
            "segbin": np.zeros([len(order), 4]),
        },
    )
    if companions:
        scipy.io.savemat(
            folder / "model_info.mat",
            {
                "trimIndex": np.arange(1, count + 1, dtype=np.uint32)[:, None],
                "keypoints": (t.landmarks + 1)[None].astype(np.float64),
                "tri": inward.T.astype(np.float64),
            },
        )
        expressions(folder / "Model_Exp.mat", t)
    return folder / "01_MorphableModel.mat"


def expressions(path, t):
    scipy.io.savemat(
        path,
        {
            "mu_exp": um(t.offset),
            "w_exp": um(t.expression),
            "sigma_exp": t.expression_std[:, None],
        },
    )


def w300_lp(folder, t):
    expressions(folder / "Model_Expression.mat", t)
    scipy.io.savemat(
        folder / "Model_Shape.mat",
        {
            "mu_shape": um(t.mean - t.offset),
            "w": flat(t.shape).astype(np.float32),
            "sigma": 1000 * t.shape_std[:, None],
            "tri": (t.triangles[:, ::-1].T + 1).astype(np.uint16),
            "keypoints": (t.landmarks + 1)[None].astype(np.uint16),
        },
    )
    return folder  # as a folder


def face3d(folder, t):
    model = {
        "shapeMU": um(t.mean - t.offset),
        "shapePC": flat(t.shape).astype(np.float32),
        "shapeEV": 1000 * t.shape_std[:, None],
        "expMU": um(t.offset),
        "expPC": um(t.expression),
        "expEV": t.expression_std[:, None],
        "texMU": np.zeros([t.mean.size, 1]),
        "texPC": np.zeros([t.mean.size, 1]),
        "texEV": np.ones([1, 1]),
        "tri": t.triangles[:, ::-1].T + 1,
        "tri_mouth": np.ones([3, 1]),
        "kpt_ind": (t.landmarks + 1)[None],
    }
    scipy.io.savemat(folder / "BFM.mat", {"model": model})
    return folder / "BFM.mat"


def h5(folder, t, skip=()):
    named = {"center.nose.tip": 30, "left.eye.corner_outer": 45, "right.eye.corner_outer": 36}
    marks = [{"id": n, "coordinates": t.mean[t.landmarks[k]].tolist()} for n, k in named.items()]
    marks.append({"id": "left.ear.lobule.tip", "coordinates": [0, 0, 0]})
    values = {
        "shape/model/mean": flat(t.mean - t.offset)[:, 0].astype(np.float32),
        "shape/model/pcaBasis": flat(t.shape).astype(np.float32),
        "shape/model/pcaVariance": (t.shape_std**2).astype(np.float32),
        "shape/model/noiseVariance": np.zeros(1, np.float32),
        "shape/representer/points": t.mean.T.astype(np.float32),
        "shape/representer/cells": t.triangles.T.astype(np.int32),
        "color/model/mean": np.full(t.mean.size, 0.5, np.float32),
        "expression/model/mean": flat(t.offset)[:, 0].astype(np.float32),
        "expression/model/pcaBasis": flat(t.expression).astype(np.float32),
        "expression/model/pcaVariance": (t.expression_std**2).astype(np.float32),
        "metadata/landmarks/json": np.array([json.dumps(marks)], h5py.string_dtype()),
    }
    with h5py.File(folder / "model2017-1_bfm_nomouth.h5", "w") as file:
        for key, value in values.items():
            if key not in skip:
                file[key] = value
    return folder / "model2017-1_bfm_nomouth.h5"


def obj(path, vertices, t=None):
    lines = [f"v {x:.8f} {y:.8f} {z:.8f}" for x, y, z in vertices]
    if t is not None:
        lines += [f"vt {u:.8f} {1 - v:.8f}" for u, v in t.uv]
        quads = t.triangles[: len(t.triangles) // 2]  # a c b; d = c + 1
        for a, c, b in quads + 1:
            lines.append(f"f {a}/{a} {c}/{c} {c + 1}/{c + 1} {b}/{b}")
    path.write_text("\n".join(lines) + "\n")


def ict(folder, t):
    folder = folder / "FaceXModel"
    folder.mkdir()
    mean = t.mean / 10
    obj(folder / "generic_neutral_mesh.obj", mean, t)
    for k, mode in enumerate(t.shape * t.shape_std[:, None, None]):
        obj(folder / f"identity{k:03d}.obj", mean + mode / 10)
    for name, mode in zip("browDown_L jawOpen mouthLeft".split(), t.expression, strict=True):
        obj(folder / f"{name}.obj", mean + mode * 2)
    obj(folder / "PupilDilate_L.obj", mean)  # moves nothing of the face
    indices = {"expressions": ["jawOpen"], "idx_to_landmark_verts": t.landmarks.tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(indices))
    return folder.parent


def matrix(values):
    values = np.asarray(values, np.float32)
    values = values[:, None] if values.ndim == 1 else values
    return struct.pack("<ii", *values.shape) + values.T.tobytes()


def rows(values, dtype):
    return struct.pack("<Q", len(values)) + np.asarray(values, dtype).tobytes()


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def eos(folder, t, version=1, pca_expressions=False):
    triangles = rows(t.triangles, "<i4")
    shape = matrix(flat(t.mean - t.offset * pca_expressions)) + matrix(flat(t.shape))
    data = struct.pack("<I", version) + shape + matrix(t.shape_std**2) + triangles
    data += struct.pack("<ii", 0, 0) * 3 + struct.pack("<Q", 0)  # no colour
    shapes = struct.pack("<Q", KE)
    for name, mode in zip(("anger", "disgust", "fear"), t.expression, strict=True):
        shapes += text(name) + matrix(flat(mode))
    if version >= 2 and pca_expressions:
        data += struct.pack("<?i", False, 0)
        data += matrix(flat(t.offset)) + matrix(flat(t.expression))
        data += matrix(t.expression_std**2) + struct.pack("<Q", 0)
    elif version >= 2:
        data += struct.pack("<?i", False, 1) + shapes
    else:
        (folder / "expression_blendshapes_tiny.bin").write_bytes(shapes)
    if version >= 3:
        data += struct.pack("<?Q", False, 68)
        for k, vertex in enumerate(t.landmarks):
            data += text(str(k + 1)) + struct.pack("<i", vertex)
    else:
        lines = [f"{k + 1} = {v}  # a comment" for k, v in enumerate(t.landmarks)]
        (folder / "ibug_to_tiny.txt").write_text("[landmark_mappings]\n" + "\n".join(lines))
    data += rows(t.uv, "<f8")
    if version >= 4:
        data += triangles
    (folder / "sfm_tiny.bin").write_bytes(data)
    return folder / "sfm_tiny.bin"


def original(folder, t):
    folder = folder / "3DMM_definition"
    folder.mkdir()

    def put(name, values, dtype):
        (folder / name).write_bytes(np.ascontiguousarray(values, dtype).tobytes())

    shape = np.concatenate([um(t.mean - t.offset).T, flat(t.shape).T])
    put("3DMM_shape_basis.dat", shape, "<f4")
    put("3DMM_exp_basis.dat", np.concatenate([um(t.offset).T, um(t.expression).T]), "<f4")
    put("3DMM_tri.dat", t.triangles[:, ::-1].T + 1, "<i4")
    put("3DMM_keypoints.dat", t.landmarks + 1, "<i4")
    put("vertices_2d_u.dat", 1 + 191 * t.uv[:, 1], "<f4")  # u is the row
    put("vertices_2d_v.dat", 1 + 223 * t.uv[:, 0], "<f4")
    top = [(r, c) for r in range(1, 97) for c in range(1, 225)]
    put("3DMM_const_alb_mask.dat", top, "u1")
    variance = np.einsum("k,kvd->vd", t.shape_std**2, t.shape**2)
    variance += np.einsum("k,kvd->vd", t.expression_std**2, t.expression**2)
    np.save(folder / "std_shape.npy", 1000 * np.sqrt(variance).reshape(-1))
    np.save(folder / "std_exp_para.npy", t.expression_std)
    return folder


def packed(folder, t):
    np.savez(
        folder / "packed.npz",
        mean=t.mean / 10,
        id_basis=np.moveaxis(t.shape * t.shape_std[:, None, None] / 10, 0, 2).astype(np.float16),
        exp_basis=np.moveaxis(t.expression * 2, 0, 2).astype(np.float16),
        tri=t.triangles.astype(np.uint16),
        uv=t.uv * [1, -1] + [0, 1],
        landmarks68=t.landmarks,
    )
    return folder / "packed.npz"


WRITERS = {
    "basel": basel,
    "300w_lp": w300_lp,
    "face3d": face3d,
    "h5": h5,
    "ict": ict,
    "eos1": eos,
    "eos2": lambda folder, t: eos(folder, t, 2),
    "eos2-pca": lambda folder, t: eos(folder, t, 2, pca_expressions=True),
    "eos3": lambda folder, t: eos(folder, t, 3),
    "eos4": lambda folder, t: eos(folder, t, 4),
    "original": original,
    "packed": packed,
}
