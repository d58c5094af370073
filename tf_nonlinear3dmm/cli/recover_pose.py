"""Recovers cameras that are off by 3 pixels and 3 degrees, with and without antialiasing.

nonlinear3dmm recover_pose
"""

import dataclasses
import functools
import sys

from tf_nonlinear3dmm import configs
from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--preset", default="small", help="whose faces [%(default)s]")
    parser.add_argument("--data", default="data", help="folder of prepared faces [%(default)s]")
    parser.add_count("--faces", "how many", 32)
    parser.add_count("--steps", "of Adam", 200)
    flags = parser.parse_args()
    with command_line.quiet_imports():
        from tf_nonlinear3dmm.studies import pose_recovery

    say = functools.partial(print, file=sys.stderr, flush=True)
    with command_line.one_line(parser):
        config = configs.preset(flags.preset)
        source = dataclasses.replace(config.data, folder=flags.data)
        config = dataclasses.replace(config, data=source)
        faces = pose_recovery.load(config, flags.faces)
        errors = pose_recovery.recover(faces, flags.steps, say)
        print(pose_recovery.table(errors))
