"""The page: photo to face, 3D view, sliders: `python scripts/explore.py --help`."""

from tf_nonlinear3dmm.cli import explore

if __name__ == "__main__":
    explore.main()
