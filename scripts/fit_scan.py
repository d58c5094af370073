"""A scan to the model's mesh and code: `python scripts/fit_scan.py --help`."""

from tf_nonlinear3dmm.cli import fit_scan

if __name__ == "__main__":
    fit_scan.main()
