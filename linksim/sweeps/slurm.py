"""A sweep as a job array of Slurm: a script whose tasks each run a part of the points.

    sweep --engine slurm --> DIR/sweep.sbatch --> task i of n: sweep --part i/n --> DIR/part-i-of-n/journal.sqlite --+
    the same command without --engine <-------------------------------------------- all finished points -------------+

Every part has a journal of its own, because SQLite does not share a database between machines over a network file system.
"""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from linksim.errors import LinksimError
from linksim.files import atomic_write


def write_script(command: Sequence[str], folder: Path, name: str, tasks: int) -> Path:
    """Write the script of a sweep and return its path.

    command  words of `linksim sweep` without the part
    folder   folder of the sweep
    name     name of the sweep
    tasks    number of tasks

    Raises LinksimError if it cannot be written.
    """
    path = folder / "sweep.sbatch"
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name=linksim-{name}",
        f"#SBATCH --array=1-{tasks}",
        "#SBATCH --cpus-per-task=1",
        f"#SBATCH --output={shlex.quote(str(folder))}/slurm-%a.log",
        f'exec {shlex.join([sys.executable, "-m", "linksim", *command])} --workers 1 --quiet --part "$SLURM_ARRAY_TASK_ID/{tasks}"',
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as staged:
            staged.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as fault:
        raise LinksimError(f"{path} cannot be written: {fault.strerror or fault}") from fault
    return path


def submit(script: Path) -> str:
    """Submit a script and return the answer of sbatch. Raises LinksimError if there is no Slurm here, or if it refuses the script."""
    if shutil.which("sbatch") is None:
        raise LinksimError(f"there is no sbatch on this machine; --dry-run only writes the script {script}")
    done = subprocess.run(["sbatch", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LinksimError(f"sbatch {script}: {' '.join(done.stderr.split())}")
    return done.stdout.strip()
