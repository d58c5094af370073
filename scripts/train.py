"""Data, training, evaluation and export in one command: `python scripts/train.py --help`."""

from tf_nonlinear3dmm.cli import train

if __name__ == "__main__":
    train.main()
