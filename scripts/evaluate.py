"""Trained weights measured on a test set: `python scripts/evaluate.py --help`."""

from tf_nonlinear3dmm.cli import evaluate

if __name__ == "__main__":
    evaluate.main()
