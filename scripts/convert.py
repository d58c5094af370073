"""Someone else's face model as one .npz: `python scripts/convert.py --help`."""

from tf_nonlinear3dmm.cli import convert

if __name__ == "__main__":
    convert.main()
