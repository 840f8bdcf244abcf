"""Writes the locked requirements of this folder: every package in one version, with the hashes of its files. Needs uv.

    make lock

uv resolves pyproject.toml for every platform and Python version that linksim supports. Versions stay as they are unless pyproject.toml
excludes them; delete the files to take the newest. The result is divided by what needs it:

    torch.txt      torch as on the package index, without what it depends on
    torch-cpu.txt  its CPU build for Python 3.11 on x86-64 Linux, which has another version and lies on another index
    cuda.txt       the libraries that a CUDA build of torch loads; a CPU build needs none of them
    run.txt        all other packages that linksim needs to run, and to be installed
    dev.txt        the packages of the extra "dev" beyond those
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parent / "pyproject.toml"
CPU_BUILD = "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"  # torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl
CUDA = re.compile(r"nvidia-|cuda-|triton$")
HEAD = "# Written by requirements/lock.py; see there.\n"


def resolve(*options: str) -> dict[str, str]:
    """Return the locked requirements, by name of the package: one line each, with continuation lines of hashes."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(line for file in sorted(FOLDER.glob("*.txt")) if file.stem != "torch-cpu" for line in pins(file)))
        command = ["uv", "pip", "compile", str(PROJECT), "--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate"]
        command += ["--no-header", "--quiet", "-c", str(constraints), *options]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {re.split(r"[=\[ ]", entry)[0]: entry for entry in re.findall(r"^[\w].*(?:\n {4}.*)*\n", text, re.MULTILINE)}


def pins(file: Path) -> list[str]:
    """Return the requirements of a locked file without their hashes, one line each."""
    return [line.split(" \\")[0] + "\n" for line in file.read_text().splitlines() if re.match(r"\w", line)]


def main() -> int:
    """Write the files."""
    everything = resolve("--extra", "dev")
    needed = resolve("--extra", "build")
    cpu = f"{everything['torch'].split()[0]}+cpu --hash=sha256:{CPU_BUILD}\n"
    cuda = [name for name in everything if CUDA.match(name)]
    run = [name for name in needed if name != "torch" and name not in cuda]
    dev = [name for name in everything if name != "torch" and name not in needed]
    kinds = {"torch": ["torch"], "cuda": cuda, "run": run, "dev": dev}
    files = {"torch-cpu.txt": [cpu]} | {f"{kind}.txt": [everything[name] for name in names] for kind, names in kinds.items()}
    for file, entries in files.items():
        (FOLDER / file).write_text(HEAD + "".join(entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
