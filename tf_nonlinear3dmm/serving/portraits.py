"""Photos to faces, and faces to files: meshes, landmarks, camera and a picture.

    photo-name.glb                       mesh in metres with its texture
    photo-name.obj, .mtl, .png           the same in millimetres
    photo-name.json                      camera, pose, light, codes, landmarks: see `description`
    photo-name.pts                       68 landmarks in the 300-W format (pixels count from 1)
    photo-name_overview.png              photo, landmarks, overlay, mesh, albedo, relit

Pixels are those of the photo after the rotation that its EXIF data asks for.
"""

import json
import os
import pathlib
import tempfile
from typing import NamedTuple

import numpy as np
import scipy.ndimage
import tensorflow as tf

from tf_nonlinear3dmm.data import crop, photos
from tf_nonlinear3dmm.data.photos import faces
from tf_nonlinear3dmm.face import mesh_files
from tf_nonlinear3dmm.model import Reconstruction
from tf_nonlinear3dmm.rendering import camera, lighting, renderer, unwrap, upsampling, visualize
from tf_nonlinear3dmm.serving import names

TEXTURES = ("photo", "albedo", "lit")
AROUND = 1.6  # the photo's texture comes from a square so many times the crop's
PICTURE = 320  # pixels of one picture of the overview
LAMP = (-0.6, 0.5, 0.6)  # of the relit picture: from the upper left
CONFIDENCE = 0.5  # of a face that is reconstructed, at least
COLUMNS = ("photo", "landmarks", "overlay", "mesh", "albedo", "relit")


class Portrait(NamedTuple):
    """A face in a photo. Its pixels are those of the photo turned by `face.quarter_turns`.

    Attributes:
        face: `faces.PhotoFace`, as it was found.
        square: `crop.Square` of scalars, what the model saw.
        projection: `[2, 4]`, face units to pixels.
        landmarks: `[68, 2]` pixels.
        result: `Reconstruction` of a batch of this one face, in pixels of the crop.
    """

    face: faces.PhotoFace
    square: crop.Square
    projection: np.ndarray
    landmarks: np.ndarray
    result: Reconstruction


def find(model, photo, confidence=CONFIDENCE):
    """The faces of a photo, the largest first.

    Args:
        model: `Nonlinear3DMM`.
        photo: `[H, W, 3]` uint8.
        confidence: of the detector, at least.

    Returns:
        list of `Portrait`.
    """
    found = [face for face in photos.detect(photo) if face.confidence >= confidence]
    return [portrait(model, photo, face) for face in found]


def portrait(model, photo, face):
    """The `Portrait` of one `faces.PhotoFace`."""
    size, square = model.config.image_size, face.square
    image = tf.clip_by_value(crop.image(photos.upright(photo, face), square, size) / 255, 0, 1)
    result = model.reconstruct(image[tf.newaxis])
    k = size / square.side
    back = (-square.x0 * k, -square.y0 * k, 1 / k)
    return Portrait(
        face=face,
        square=square,
        projection=camera.crop(result.projection, *back)[0].numpy(),
        landmarks=camera.crop_points(result.landmarks, *back)[0].numpy(),
        result=result,
    )


def of_crop(model, crop_image):
    """The `Portrait` of a crop `[S, S, 3]` uint8, which the model sees as it is."""
    side = float(len(crop_image))
    face = faces.PhotoFace(np.array([0, 0, side, side]), 1.0, crop.whole(side))
    return portrait(model, crop_image, face)


def write(portrait, photo, model, stem, texture=TEXTURES[0], about=None):
    """Writes the files of a face, all or none.

    Args:
        portrait: `Portrait`.
        photo: `[H, W, 3]` uint8 it was found in.
        model: `Nonlinear3DMM` that made it.
        stem: path of the files without their endings.
        texture: "photo": the photo's colours where it shows the face, else the model's; "albedo":
            without light; "lit": albedo times light.
        about: dict to add to the .json.

    Returns:
        list of paths.
    """
    stem = pathlib.Path(stem)
    with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=stem.parent) as folder:
        inside = pathlib.Path(folder) / stem.name
        _write(portrait, photo, model, inside, texture, about or {})
        paths = [stem.with_name(name) for name in names.of(stem.name)]
        for path in paths:
            os.replace(inside.with_name(path.name), path)
    return paths


def _write(portrait, photo, model, stem, texture, about):
    paths = [stem.with_name(f"{stem.name}{end}") for end in (".glb", ".obj", ".json", ".pts")]
    colours = texture_map(portrait, photo, model, texture)
    vertices = portrait.result.vertices[0].numpy()
    mesh_files.write_glb(paths[0], vertices, model.face, colours)
    mesh_files.write_obj(paths[1], vertices, model.face, colours)
    text = description(portrait, photo, model, texture) | about
    paths[2].write_text(json.dumps(text, indent=1) + "\n")
    points = "\n".join(f"{x:.3f} {y:.3f}" for x, y in np.array(text["landmarks"]) + 1)
    paths[3].write_text(f"version: 1\nn_points: 68\n{{\n{points}\n}}\n")
    picture = stem.with_name(f"{stem.name}_overview.png")
    visualize.save(picture, overview([(portrait, photo)], model))


def description(portrait, photo, model, texture):
    """The content of the .json: everything that puts the mesh back on the photo.

    A vertex (x, y, z) in millimetres, as the .obj has it (1,000 times that of the .glb), lies at
    `projection` (x, y, z, 1), in pixels of the photo; larger depth is nearer. Only `crop` is in
    the photo turned counter-clockwise by `quarter_turns`, in which the face is upright.
    """
    units = model.face.units
    back = faces.turn_back(portrait.face.quarter_turns, *photo.shape[:2])
    projection = back[:, :2] @ portrait.projection.astype(np.float64)
    projection[:, 3] += back[:, 2]
    projection[:, :3] /= units
    yaw, pitch, roll, scale, shift = (
        np.asarray(part)[0].tolist() for part in camera.decompose(tf.constant(projection[None]))
    )
    result, face = portrait.result, portrait.face
    light = result.illumination
    if light is not None:
        light = lighting.turn(light, face.quarter_turns)[0].numpy().tolist()
    return {
        "photo_size": {"height": photo.shape[0], "width": photo.shape[1]},
        "box": dict(zip(("x", "y", "width", "height"), map(float, face.box), strict=True)),
        "confidence": face.confidence,
        "quarter_turns": face.quarter_turns,
        "crop": {name: float(v) for name, v in portrait.square._asdict().items()},
        "projection": projection.tolist(),
        "pose": {
            "yaw_deg": np.degrees(yaw),
            "pitch_deg": np.degrees(pitch),
            "roll_deg": np.degrees(roll),
            "pixels_per_millimetre": scale,
            "origin": shift,
        },
        "illumination": light,
        "shape_code": result.shape_code[0].numpy().tolist(),
        "albedo_code": result.albedo_code[0].numpy().tolist(),
        "landmarks": faces.move(portrait.landmarks, back).tolist(),
        "texture": texture,
        "face_model": model.face.name,
        "licence_of_the_face_model": model.face.licence,
    }


def texture_map(portrait, photo, model, texture):
    """`[Hu, Wu, 3]` RGB in [0, 1] of a kind in `TEXTURES`."""
    if texture not in TEXTURES:
        raise ValueError(f"`texture` must be one of {', '.join(TEXTURES)}, got {texture!r}")
    if texture == "albedo":
        return portrait.result.albedo_map[0].numpy()
    lit = _lit(portrait.result, model)
    if texture == "lit":
        return lit[0].numpy()
    tensors = upsampling.tensors(model)
    size = int(2 * max(tensors.texel_triangle.shape))
    square = crop.grow(portrait.square, AROUND)
    photo = photos.upright(photo, portrait.face)
    image = tf.clip_by_value(crop.image(photo, square, size) / 255, 0, 1)[tf.newaxis]
    projection = crop.projection(portrait.projection[np.newaxis], square, size)
    vertices = portrait.result.vertices
    colours, seen = unwrap.unwrap(image, vertices, projection, tensors)
    normals = lighting.vertex_normals(vertices, tensors.normal_triangles)
    towards = tf.matmul(normals, camera.rotation(projection), transpose_b=True)[..., 2:]
    weight = _feather(seen[0].numpy(), renderer.to_texels(towards, tensors)[0].numpy())
    fallback = _matched(lit[0].numpy(), colours[0].numpy(), weight)
    return weight * colours[0].numpy() + (1 - weight) * fallback


def _feather(seen, towards):
    """Weights `[Hu, Wu, 1]` of the photo's colours: a soft seam, and none at grazing angles.

    Args:
        seen: `[Hu, Wu, 1]`, 1 where the photo shows the texel.
        towards: `[Hu, Wu, 1]`, cosine of the angle to the viewing direction.
    """
    depth = scipy.ndimage.distance_transform_edt(np.pad(seen[..., 0] > 0, 1))[1:-1, 1:-1, None]
    return np.clip(depth / (0.015 * max(depth.shape)), 0, 1) * np.clip((towards - 0.2) / 0.3, 0, 1)


def _matched(fallback, colours, weight):
    """`fallback` with the mean and spread that `colours` have where `weight` is large."""
    sure = weight[..., 0] > 0.5
    if not sure.any():
        return fallback
    own, other = colours[sure], fallback[sure]
    gain = np.clip(own.std(axis=0) / np.maximum(other.std(axis=0), 1e-3), 0.5, 2)
    return np.clip((fallback - other.mean(axis=0)) * gain + own.mean(axis=0), 0, 1)


def _lit(result, model):
    parts = result.albedo_map, result.vertices, result.projection, result.illumination
    return upsampling.texture(model, *parts)


def overview(faces, model):
    """`[H, W, 3]` uint8, pictures in `COLUMNS` with a row for each (`Portrait`, its photo)."""
    rows = np.concatenate([_row(portrait, photo, model) for portrait, photo in faces])
    return visualize.grid(rows, COLUMNS)


def _row(portrait, photo, model):
    """`[1, 6, S, S, 3]` uint8: the `COLUMNS` of one face."""
    face, result = upsampling.tensors(model), portrait.result
    k = PICTURE / model.config.image_size
    photo = photos.upright(photo, portrait.face)
    image = tf.clip_by_value(crop.image(photo, portrait.square, PICTURE) / 255, 0, 1)[tf.newaxis]
    image = image.numpy()
    projection = camera.crop(result.projection, 0.0, 0.0, k)
    seen = visualize.see(result.vertices, projection, face, PICTURE)
    light = None
    if result.illumination is not None:
        lamp = lighting.directional(tf.constant([LAMP]))
        ambient = tf.one_hot([[0] * 3], 9, axis=1) * 0.2 / lighting.SH_CONSTANTS[0]
        strength = tf.maximum(tf.reduce_mean(result.shading), 1.2)  # as the photo's, not dim
        light = 1.3 * strength * (lamp + ambient)
    relit = upsampling.texture(model, result.albedo_map, result.vertices, projection, light)
    front = visualize.frontal(result.vertices, PICTURE)
    ahead = visualize.see(result.vertices, front, face, PICTURE)
    columns = [
        image,
        visualize.overlay(image, result.landmarks, k=k),
        visualize.paint(_lit(result, model), seen, face, image),
        visualize.mesh(result.vertices, projection, face, PICTURE, fragments=seen),
        visualize.paint(result.albedo_map, ahead, model.tensors),
        visualize.paint(relit, seen, face),
    ]
    return np.stack([visualize.to_uint8(c) for c in columns], axis=1)
