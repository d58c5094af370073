"""Shows that the memory of a training run stays flat: its own memory, without mapped files.

python scripts/check_memory.py --preset tiny --pretrain.steps 1000 --finetune.steps 1000

Other flags go to scripts/train.py. Exit code 0 where the last quarter of the finetune stage uses at
most 5 % more than its second quarter.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

TRAIN = pathlib.Path(__file__).with_name("train.py")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs/check_memory"))
    options, flags = parser.parse_known_args()
    shutil.rmtree(options.out, ignore_errors=True)
    process = subprocess.Popen([sys.executable, TRAIN, "--out", options.out, *flags])
    samples = {}  # step -> MB
    while process.poll() is None and not (options.out / "report.md").exists():
        stage, step = last_line(options.out / "metrics.jsonl")
        if stage == "finetune":
            samples[step] = megabytes(process.pid)
        time.sleep(0.2)
    process.wait()
    first, last = min(samples), max(samples)
    quarters = [[], [], [], []]
    for step, size in samples.items():
        quarters[min(3, 4 * (step - first) // max(1, last - first))].append(size)
    sizes = [round(statistics.median(quarter)) for quarter in quarters]
    print(f"finetune, steps {first} to {last}: medians of its quarters {sizes} MB")
    sys.exit(0 if sizes[3] <= 1.05 * sizes[1] else 1)


def last_line(path):
    """(stage, step) of the last whole line."""
    lines = path.read_text().splitlines() if path.exists() else []
    for line in reversed(lines):
        try:
            found = json.loads(line)
            return found["stage"], found["step"]
        except json.JSONDecodeError:
            continue
    return None, 0


def megabytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
