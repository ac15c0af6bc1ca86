"""Unpack packages of the distribution into the cache, without root and without installing anything.

`apt-get` says what this machine lacks and downloads it, and `dpkg` unpacks the packages beside each other. Their
scripts never run, so no service is started and no user is made.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from acidity.engines import cache
from acidity.errors import EngineUnavailable

_NEW_PACKAGE = re.compile(r"^Inst (\S+) \(", re.MULTILINE)  # with "[version]" before the parenthesis it is an upgrade


def unpacked(name: str, wanted: Sequence[str], where: str) -> Path:
    """The directory in which the packages are unpacked; the first call downloads them.

    Args:
        name: of what they make, a directory of the cache.
        wanted: the packages; those that they need and this machine lacks come along.
        where: the path on which ``apt-get`` and ``dpkg`` are looked up.

    Raises:
        EngineUnavailable: this is no Debian, or the packages cannot be had.
    """
    apt, dpkg = shutil.which("apt-get", path=where), shutil.which("dpkg", path=where)
    if apt is None or dpkg is None:
        raise EngineUnavailable("no apt-get and dpkg to download it with")
    system = hashlib.sha256(Path("/etc/os-release").read_bytes()).hexdigest()[:8]  # libraries of another one do not fit
    target = cache.cache_root() / name / f"packages-{system}"
    return cache.once(target, lambda tree: _download(wanted, tree, [apt, "-q"], dpkg))


def libraries(tree: Path) -> tuple[Path, ...]:
    """Where the loader has to look for the libraries of unpacked packages."""
    return tuple(sorted(tree.glob("**/lib/*-linux-gnu*")))


def _download(wanted: Sequence[str], tree: Path, apt: list[str | Path], dpkg: str) -> None:
    environment = cache.server_environment()
    area = tree / "downloaded"
    area.mkdir()
    apt += ["-o", "APT::Sandbox::User=root"]  # no complaint that another user could not write to this directory
    simulated = ["install", "--simulate", "--no-install-recommends", *wanted]
    try:
        plan = cache.run([*apt, *simulated], area, environment)
    except EngineUnavailable:  # the machine's lists of packages are missing or old: fetch lists of our own
        (area / "lists" / "partial").mkdir(parents=True)
        (area / "archives" / "partial").mkdir(parents=True)
        apt += ["-o", f"Dir::State::lists={area / 'lists'}", "-o", f"Dir::Cache={area}"]
        cache.run([*apt, "update"], area, environment)
        plan = cache.run([*apt, *simulated], area, environment)
    missing = sorted({*_NEW_PACKAGE.findall(plan), *wanted})
    cache.run([*apt, "download", *missing], area, environment)
    for package in sorted(area.glob("*.deb")):
        cache.run([dpkg, "-x", package, tree], area, environment)
    shutil.rmtree(area)
    cache.open_to_all(tree)
