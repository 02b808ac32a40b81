"""
Unpack uv from its wheel with nothing but Python: `python3 bin/fetch_uv.py DIRECTORY`.

Where pip cannot be used, the lock file still names the wheels of uv and their digests.
The program is put at DIRECTORY/bin/uv. An index of one's own (UV_DEFAULT_INDEX or
PIP_INDEX_URL) is asked first; what it gives must have the digest of the lock file.
"""

import hashlib
import io
import os
import platform
import re
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "uv.lock"
WHEEL = re.compile(r'url = "([^"]+/(uv-[^"/]+\.whl))", hash = "sha256:([0-9a-f]{64})"')


def main() -> str:
    """Fetch, check and unpack; return what went wrong, or nothing."""
    directory = Path(sys.argv[1])
    fitting = [found for found in WHEEL.findall(LOCK.read_text()) if fits(found[1])]
    if not fitting:
        return f"uv.lock names no uv for {platform.system()} {platform.machine()}"
    problem = ""
    for url, name, digest in fitting:
        for address in [*from_own_index(name), url]:
            try:
                unpack(fetched(address, digest), directory)
            except (OSError, ValueError, zipfile.BadZipFile) as failure:
                problem = f"{name}: {failure}"
            else:
                return ""
    return problem


def fits(name: str) -> bool:
    """Tell whether a wheel is for this system, machine and C library."""
    tags = name[: -len(".whl")].split("-", 4)[4]
    machine = platform.machine().lower()
    aliases = {"amd64": ("x86_64", "amd64"), "arm64": ("arm64", "aarch64")}
    if not tags.endswith(aliases.get(machine, (machine,))):
        return False
    if platform.system() == "Darwin":
        return tags.startswith("macosx")
    if platform.system() == "Windows":
        return tags.startswith("win")
    has_glibc = platform.libc_ver()[0] == "glibc"
    return ("manylinux" if has_glibc else "musllinux") in tags


def from_own_index(name: str) -> list[str]:
    """Return where an index of one's own keeps a file; nothing if there is none."""
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL")
    if not index:
        return []
    page = index.rstrip("/") + "/uv/"
    try:
        with urllib.request.urlopen(page, timeout=30) as answer:
            text = answer.read().decode(errors="replace")
    except (OSError, ValueError):
        return []
    links = re.findall(r'href="([^"#]+)', text)
    return [urllib.parse.urljoin(page, link) for link in links if link.endswith(name)]


def fetched(address: str, digest: str) -> bytes:
    """Return a file, which must be the one that the lock file means."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        content: bytes = answer.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError("it is not the file that uv.lock names")
    return content


def unpack(wheel: bytes, directory: Path) -> None:
    """Take the program out of the wheel."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        inside = next(
            (name for name in archive.namelist() if re.search(r"/scripts/uv(\.exe)?$", name)),
            None,
        )
        if inside is None:
            raise ValueError("there is no program in it")
        target = directory / "bin" / Path(inside).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(archive.read(inside))
        target.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main() or 0)
