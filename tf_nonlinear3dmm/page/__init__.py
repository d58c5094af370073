"""A page to look at the model with: photo, 3D view and sliders, served on this computer.

Needs the extra `page`: fastapi, uvicorn and python-multipart.
"""

import socket

import uvicorn

from tf_nonlinear3dmm.page import samples
from tf_nonlinear3dmm.page.explorer import Explorer
from tf_nonlinear3dmm.page.server import application
from tf_nonlinear3dmm.serving import load

__all__ = ["Explorer", "application", "serve"]


def serve(run=None, port=8080):
    """Serves the page on 127.0.0.1 until interrupted.

    Args:
        run: folder of a run, or file of weights; None: the weights that come with the package.
        port: 0 takes a free one.

    Returns:
        exit code: 2 where there are no weights, or the port is taken.
    """
    try:
        model = load(run)
        listener = socket.create_server(("127.0.0.1", port))
    except (OSError, ValueError) as error:
        print(f"explore.py: {error}")
        return 2
    explorer = Explorer(model, samples.directions_of(run), samples.faces(model.config.image_size))
    explorer.warm_up()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}  (Ctrl-C stops)", flush=True)
    config = uvicorn.Config(application(explorer), log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])
    return 0
