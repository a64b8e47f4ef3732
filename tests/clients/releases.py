"""Released packages in virtual environments of their own, made once per machine and kept in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import platformdirs

# Both releases pin pillow 8.4.0, which has no wheel for Python 3.11 and would be compiled; any later one serves. So the packages
# are installed without their own requirements, and what their clients import is listed here. Tried with Python 3.11.
REQUIREMENTS = {
    "pymemri==0.0.12": ("requests", "tqdm", "fastcore==1.3.21", "fastscript", "pillow", "numpy", "matplotlib", "pandas"),
    "pymemri==0.1.2": ("requests", "pydantic==1.10.2", "loguru~=0.6.0", "pillow", "numpy", "fastapi==0.78.0", "uvicorn", "jinja2==3.0.0"),
}


def python_of(release: str) -> Path:
    """The interpreter of an environment that holds the release; made if this machine has none yet."""
    requirements = REQUIREMENTS[release]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(repr((release, requirements, version)).encode()).hexdigest()[:12]
    folder = Path(platformdirs.user_cache_dir("datapod-tests")) / f"{release.replace('==', '-')}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    environment, ready = folder / "environment", folder / "ready"
    python = environment / "bin" / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes may want it at once
        if not ready.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
            prefix = subprocess.run([str(python), "-c", "import sys; print(sys.prefix)"], check=True, capture_output=True, text=True)
            assert Path(prefix.stdout.strip()).samefile(environment), "never install into another Python than the one just made"
            for arguments in (["--no-deps", release], list(requirements)):
                subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments], check=True)
            ready.touch()
    return python
