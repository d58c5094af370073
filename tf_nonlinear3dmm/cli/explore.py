"""Opens the page: photo to face, a 3D view, and sliders for the model's directions and the light.

nonlinear3dmm explore                 the weights that come with the package
nonlinear3dmm explore --run runs/small
"""

import functools

from tf_nonlinear3dmm.core import command_line


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_path("--run", "run, or file or folder of weights [the shipped ones]")
    parser.add_count("--port", "on 127.0.0.1", 8080, low=0, high=65535)
    flags = parser.parse_args()
    try:
        with command_line.quiet_imports():
            from tf_nonlinear3dmm import demo
    except ImportError as error:
        parser.error(f"{error}; the page needs: pip install fastapi uvicorn python-multipart")
    with command_line.one_line(parser):
        demo.serve(flags.run, flags.port, functools.partial(print, flush=True))
