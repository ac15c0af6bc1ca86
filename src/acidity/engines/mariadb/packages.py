"""Unpack the distribution's MariaDB packages into the cache, without root and without installing anything."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from acidity.engines import cache
from acidity.errors import EngineUnavailable

WANTED = ("mariadb-server-core", "mariadb-client-core")
_NEW_PACKAGE = re.compile(r"^Inst (\S+) \(", re.MULTILINE)  # with "[version]" before the parenthesis it is an upgrade


def unpacked(where: str) -> Path:
    """The directory in which the packages are unpacked; the first call downloads them.

    Args:
        where: the path on which ``apt-get`` and ``dpkg`` are looked up.

    Raises:
        EngineUnavailable: this is no Debian, or the packages cannot be had.
    """
    apt, dpkg = shutil.which("apt-get", path=where), shutil.which("dpkg", path=where)
    if apt is None or dpkg is None:
        raise EngineUnavailable("no apt-get and dpkg to download it with")
    system = hashlib.sha256(Path("/etc/os-release").read_bytes()).hexdigest()[:8]  # libraries of another one do not fit
    target = cache.cache_root() / "mariadb" / f"packages-{system}"
    return cache.once(target, lambda tree: _download(tree, [apt, "-q"], dpkg))


def _download(tree: Path, apt: list[str | Path], dpkg: str) -> None:
    environment = cache.server_environment()
    area = tree / "downloaded"
    area.mkdir()
    apt += ["-o", "APT::Sandbox::User=root"]  # no complaint that another user could not write to this directory
    simulated = ["install", "--simulate", "--no-install-recommends", *WANTED]
    try:
        plan = cache.run([*apt, *simulated], area, environment)
    except EngineUnavailable:  # the machine's lists of packages are missing or old: fetch lists of our own
        (area / "lists" / "partial").mkdir(parents=True)
        (area / "archives" / "partial").mkdir(parents=True)
        apt += ["-o", f"Dir::State::lists={area / 'lists'}", "-o", f"Dir::Cache={area}"]
        cache.run([*apt, "update"], area, environment)
        plan = cache.run([*apt, *simulated], area, environment)
    missing = sorted({*_NEW_PACKAGE.findall(plan), *WANTED})
    cache.run([*apt, "download", *missing], area, environment)
    for package in sorted(area.glob("*.deb")):
        cache.run([dpkg, "-x", package, tree], area, environment)
    shutil.rmtree(area)
    cache.open_to_all(tree)
