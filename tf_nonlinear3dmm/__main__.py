"""python -m tf_nonlinear3dmm TASK: one command for each user task."""

from tf_nonlinear3dmm import cli

cli.main()
