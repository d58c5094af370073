"""Kills a training run at random moments, resumes it, and compares it with the unbroken run.

python scripts/maintenance/kill_and_resume.py --preset tiny --pretrain.steps 60 --finetune.steps 60
python scripts/maintenance/kill_and_resume.py --pretrain.steps 60 --finetune.steps 60

Other flags are those of training. Exit code 0 where it was killed as often as asked for, and
metrics.jsonl and weights.npz are the same, bit for bit.
"""

import pathlib
import random
import shutil
import subprocess
import sys
import time

from tf_nonlinear3dmm.core import command_line

TRAIN = [sys.executable, "-m", "tf_nonlinear3dmm", "train", "--train.checkpoint_minutes", "0"]


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_count("--kills", "of the run", 20)
    parser.add_count("--seed", "of the moments", 0, low=0)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/kill_and_resume"))
    options, flags = parser.parse_known_args()
    shutil.rmtree(options.out, ignore_errors=True)
    whole, broken = options.out / "whole", options.out / "broken"
    steps, seconds = train(whole, flags)
    if options.kills >= steps:
        parser.error(f"a run of {steps} steps can be killed {steps - 1} times; give it more steps")
    moments, done = random.Random(options.seed), 0
    for goal in sorted(moments.sample(range(1, steps), options.kills)):
        if not kill(broken, flags, goal, moments.uniform(0, seconds)):
            break
        done += 1
        print(f"{done} kills, checkpoints: {checkpoints(broken)} of {steps}", flush=True)
    start(broken, flags).wait()
    names = ("metrics.jsonl", "weights.npz")
    same = {n: (whole / n).read_bytes() == (broken / n).read_bytes() for n in names}
    print(f"after {done} kills the same, bit for bit: {same}")
    sys.exit(0 if all(same.values()) and done == options.kills else 1)


def train(folder: pathlib.Path, flags: list[str]) -> tuple[int, float]:
    """Trains without a break; returns the number of steps and the seconds of one."""
    process = start(folder, flags)
    wait(process, folder, 1)
    began = time.time()
    process.wait()
    ended = max(path.stat().st_mtime for path in folder.glob("checkpoints/*.npz"))
    steps = checkpoints(folder)[-1]
    return steps, (ended - began) / steps


def start(folder: pathlib.Path, flags: list[str]) -> subprocess.Popen:
    return subprocess.Popen([*TRAIN, "--out", folder, *flags], stdout=subprocess.DEVNULL)


def kill(folder: pathlib.Path, flags: list[str], step: int, seconds: float) -> bool:
    """Starts the run, kills it so long after a step, or the next if past it; whether it ran."""
    step = max([step, *(done + 1 for done in checkpoints(folder))])
    process = start(folder, flags)
    wait(process, folder, step)
    time.sleep(seconds)
    running = process.poll() is None
    process.kill()
    process.wait()
    return running


def wait(process: subprocess.Popen, folder: pathlib.Path, step: int) -> None:
    """Until a step is saved, or the process has ended."""
    while process.poll() is None and step > max(checkpoints(folder), default=0):
        time.sleep(0.05)


def checkpoints(folder: pathlib.Path) -> list[int]:
    return sorted(int(path.stem) for path in (folder / "checkpoints").glob("[0-9]*.npz"))


if __name__ == "__main__":
    main()
