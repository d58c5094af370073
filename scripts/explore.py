"""Opens the page: photo to face, a 3D view, and sliders for the model's directions and the light.

python scripts/explore.py                 the weights that come with the package
python scripts/explore.py --run runs/small
"""

import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="folder of a run; the weights of the package where absent")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1 (%(default)s)")
    flags = parser.parse_args()
    try:
        from tf_nonlinear3dmm import page
    except ImportError as error:
        print(f"explore.py: {error}: pip install fastapi uvicorn python-multipart", file=sys.stderr)
        return 2
    return page.serve(flags.run, flags.port)


if __name__ == "__main__":
    sys.exit(main())
