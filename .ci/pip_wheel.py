"""Install pip into the virtual environment that runs this, for a Python that came without `ensurepip`.

Debian and Ubuntu keep `ensurepip` in a package of its own (python3-venv), which a fresh machine may lack.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

VERSION = "26.3"
SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
INDEX = f"https://pypi.org/pypi/pip/{VERSION}/json"


def main() -> None:
    """Fetch the one pinned wheel, check its hash, and let it install itself."""
    with urllib.request.urlopen(INDEX, timeout=60) as answer:
        files = json.load(answer)["urls"]
    wheel = next(file for file in files if file["filename"].endswith("-py3-none-any.whl"))
    with urllib.request.urlopen(urllib.parse.urljoin(INDEX, wheel["url"]), timeout=60) as answer:
        body = answer.read()
    if hashlib.sha256(body).hexdigest() != SHA256:
        raise SystemExit(f"{wheel['filename']} is not the pip {VERSION} that we know: its SHA-256 differs")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / wheel["filename"]
        path.write_bytes(body)
        subprocess.run([sys.executable, f"{path}/pip", "install", "-q", "--no-index", str(path)], check=True)


main()
