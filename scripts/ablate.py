"""What each part of the method does: `python scripts/ablate.py --help`."""

from tf_nonlinear3dmm.cli import ablate

if __name__ == "__main__":
    ablate.main()
