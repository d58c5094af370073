"""Run by a process that has TensorFlow but not the package: loads a SavedModel and calls it.

    python -I run_alone.py SAVED_MODEL INPUTS.npz OUTPUTS.npz

INPUTS holds `signature/input` arrays; OUTPUTS gets `signature/output`, and `ops`, the graph's ops.
"""

import pathlib
import sys

sys.modules["tf_nonlinear3dmm"] = None  # importing it now fails

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402
from tensorflow.python.framework import op_def_registry  # noqa: E402

folder, inputs_path, outputs_path = sys.argv[1:]
try:
    import tf_nonlinear3dmm  # noqa: F401
except ImportError:
    pass
else:
    sys.exit("the package can be imported")

content = pathlib.Path(folder, "saved_model.pb").read_bytes()
graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
functions = graph.library.function
nodes = [*graph.node, *(node for function in functions for node in function.node_def)]
ops = {node.op for node in nodes} - {function.signature.name for function in functions}
compiled = [f.signature.name for f in functions if f.attr["_XlaMustCompile"].b]
if compiled:
    sys.exit(f"compiled by XLA: {compiled}")

loaded = tf.saved_model.load(folder)
unknown = [op for op in ops if op_def_registry.get(op) is None]  # no library was loaded for them
if unknown:
    sys.exit(f"not ops of stock TensorFlow: {unknown}")
inputs = dict(np.load(inputs_path))
outputs = {"ops": np.array(sorted(ops))}
for signature in {name.split("/")[0] for name in inputs}:
    own = {n.split("/")[1]: v for n, v in inputs.items() if n.startswith(f"{signature}/")}
    if signature == "reconstruct_bytes":  # a string array drops trailing zero bytes: one per row
        own = {
            "image_bytes": [
                bytes(row[4:][: int.from_bytes(row[:4].tobytes(), "big")])
                for row in own["image_bytes"]
            ]
        }
    made = loaded.signatures[signature](**{n: tf.constant(v) for n, v in own.items()})
    outputs |= {f"{signature}/{n}": v.numpy() for n, v in made.items()}
np.savez(outputs_path, **outputs)
