"""Install pip into the virtual environment that runs this, for a Python that came without `ensurepip`.

Debian and Ubuntu keep `ensurepip` in a package of its own (python3-venv), which a fresh machine may lack.
"""

import hashlib
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
WHEEL = (
    "https://files.pythonhosted.org/packages/07/25/"
    "ee8c38ae72d66b844ce8eb9711ba905dba21ca1a8a0c960057c41cd23337/pip-26.3-py3-none-any.whl"
)


def main() -> None:
    """Fetch the one pinned wheel, check its hash, and let it install itself."""
    with urllib.request.urlopen(WHEEL, timeout=60) as answer:
        body = answer.read()
    if hashlib.sha256(body).hexdigest() != SHA256:
        raise SystemExit(f"{WHEEL} is not the pip that we know: its SHA-256 differs")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WHEEL.rpartition("/")[2]
        path.write_bytes(body)
        subprocess.run([sys.executable, f"{path}/pip", "install", "-q", "--no-index", str(path)], check=True)


main()
