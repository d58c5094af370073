"""Morph targets in a .glb: named displacements that viewers and animation programs blend.

glTF 2.0, section 3.7.2.2: an accessor of positions for each target, default weights on the mesh,
and the names in `extras.targetNames`, where three.js and Blender look for them.
"""

import json
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_JSON, _BINARY = b"JSON", b"BIN\0"
_FLOAT, _ARRAY_BUFFER = 5126, 34962  # of OpenGL


class MorphTargets(NamedTuple):
    """How a mesh of V vertices can move in M named ways.

    Attributes:
        names: M names.
        offsets: `[M, V, 3]` in the mesh's units, at weight 1.
        weights: `[M]` at which the mesh is shown.
    """

    names: Sequence[str]
    offsets: np.ndarray
    weights: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """`[V, 3]`: what the weights add."""
        return np.tensordot(self.weights, self.offsets, 1)


def add(glb: bytes, targets: MorphTargets) -> bytes:
    """A .glb of one mesh with `MorphTargets`, whose offsets are in metres."""
    head, binary = _parts(glb)
    [mesh] = head["meshes"]
    [primitive] = mesh["primitives"]
    offsets = np.ascontiguousarray(targets.offsets, "<f4")
    primitive["targets"] = []
    for each in offsets:
        primitive["targets"].append({"POSITION": len(head["accessors"])})
        view = {"buffer": 0, "byteOffset": len(binary), "byteLength": each.nbytes}
        view |= {"target": _ARRAY_BUFFER}
        accessor = {"type": "VEC3", "componentType": _FLOAT, "count": len(each)}
        accessor |= {"bufferView": len(head["bufferViews"])}
        accessor |= {"min": each.min(axis=0).tolist(), "max": each.max(axis=0).tolist()}
        head["bufferViews"].append(view)
        head["accessors"].append(accessor)
        binary += each.tobytes()
    mesh["weights"] = np.asarray(targets.weights, float).tolist()
    mesh["extras"] = mesh.get("extras", {}) | {"targetNames": list(targets.names)}
    head["buffers"][0]["byteLength"] = len(binary)
    return _joined(head, binary)


def read(glb: bytes) -> MorphTargets | None:
    """The `MorphTargets` of a .glb that `add` wrote, or None where it has none."""
    head, binary = _parts(glb)
    mesh = head["meshes"][0]
    numbers = [target["POSITION"] for target in mesh["primitives"][0].get("targets", [])]
    if not numbers:
        return None

    def offsets(accessor):
        start = head["bufferViews"][accessor["bufferView"]].get("byteOffset", 0)
        return np.frombuffer(binary, "<f4", 3 * accessor["count"], start).reshape(-1, 3)

    names = mesh["extras"]["targetNames"]
    values = np.stack([offsets(head["accessors"][number]) for number in numbers])
    return MorphTargets(names, values, np.array(mesh["weights"]))


def _parts(glb):
    """The JSON and the binary chunk of a .glb."""
    length = struct.unpack_from("<I", glb, 12)[0]
    return json.loads(glb[20 : 20 + length]), glb[28 + length :]


def _joined(head, binary):
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = b"".join(
        struct.pack("<I4s", len(content), kind) + content
        for kind, content in ((_JSON, text), (_BINARY, binary))
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
