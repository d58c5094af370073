"""Photos to 3D faces: `python scripts/reconstruct.py --help`."""

from tf_nonlinear3dmm.cli import reconstruct

if __name__ == "__main__":
    reconstruct.main()
