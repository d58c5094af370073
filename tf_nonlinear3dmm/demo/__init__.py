"""A page to look at the model with: photo, 3D view and sliders, served on this computer.

Needs the extra `page`: fastapi, uvicorn and python-multipart.
"""

import socket
import threading

import uvicorn

from tf_nonlinear3dmm.demo.explorer import Explorer
from tf_nonlinear3dmm.demo.labelled import directions_of
from tf_nonlinear3dmm.demo.samples import read_samples
from tf_nonlinear3dmm.demo.server import application
from tf_nonlinear3dmm.serving import load

__all__ = ["Explorer", "application", "serve"]


def serve(run=None, port=8080, say=print):
    """Serves the page on 127.0.0.1 until interrupted.

    Args:
        run: as for `load`; None: the weights that come with the package.
        port: 0 takes a free one.
        say: called with a line that has the address, and others before.

    Raises:
        FileNotFoundError, ValueError: as `load`.
        OSError: the port is taken.
    """
    model = load(run)
    with socket.create_server(("127.0.0.1", port)) as listener:
        explorer = Explorer(model, directions_of(run, say), read_samples(run))
        explorer.warm_up()
        threading.Thread(target=explorer.warm_up_detector, daemon=True).start()
        say(f"http://127.0.0.1:{listener.getsockname()[1]}  (Ctrl-C stops)")
        config = uvicorn.Config(application(explorer), log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])
