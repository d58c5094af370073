"""The paper's experiments: `python scripts/reproduce.py --help`."""

from tf_nonlinear3dmm.cli import reproduce

if __name__ == "__main__":
    reproduce.main()
