"""A page to explore the model: photo, 3D view and sliders, served on this computer.

Needs the extra `page`: fastapi, uvicorn and python-multipart.
"""

import socket
import threading
from collections.abc import Callable

import uvicorn

from tf_nonlinear3dmm.core.types import Path
from tf_nonlinear3dmm.demo.explorer import Explorer
from tf_nonlinear3dmm.demo.labelled import directions_of
from tf_nonlinear3dmm.demo.samples import read_samples
from tf_nonlinear3dmm.demo.server import application
from tf_nonlinear3dmm.serving import load

__all__ = ["Explorer", "application", "serve"]


def serve(run: Path | None = None, port: int = 8080, say: Callable[[str], None] = print) -> None:
    """Serves the page on 127.0.0.1 until interrupted.

    Args:
        run: as for `load`; None: the weights that come with the package.
        port: 0: any free one.
        say: called with lines about progress; the last has the address.

    Raises:
        FileNotFoundError, ValueError: as `load`.
        OSError: the port is taken.
    """
    model = load(run)
    with socket.create_server(("127.0.0.1", port)) as listener:
        explorer = Explorer(model, directions_of(run, say), read_samples(run))
        explorer.warm_up()
        threading.Thread(target=explorer.warm_up_photos, daemon=True).start()
        say(f"http://127.0.0.1:{listener.getsockname()[1]}  (Ctrl-C stops)")
        config = uvicorn.Config(application(explorer), log_level="warning")
        uvicorn.Server(config).run(sockets=[listener])
