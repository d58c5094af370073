"""Cameras found again from images: `python scripts/recover_pose.py --help`."""

from tf_nonlinear3dmm.cli import recover_pose

if __name__ == "__main__":
    recover_pose.main()
