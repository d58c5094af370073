"""A trained model for servers and devices: `python scripts/export.py --help`."""

from tf_nonlinear3dmm.cli import export

if __name__ == "__main__":
    export.main()
