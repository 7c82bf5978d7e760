"""attach against the Postfix and Dovecot of whole Debian systems (11: 3.5 and 2.3.13, 12: 3.7 and
2.3.19, 13: 3.10 and 2.4), made with debootstrap and run chrooted. Slow: part of `scripts/test deep`."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from labkit import ROOT
from plainsite import PlainSite
from test_attach import check_attach_and_undo, need_users

pytestmark = pytest.mark.skipif(not os.environ.get("SEKIMORI_SLOW"),
                                reason="downloads whole systems; SEKIMORI_SLOW=1 runs it")

PACKAGES = ("postfix", "postfix-sqlite", "dovecot-imapd", "dovecot-lmtpd", "dovecot-sqlite",
            "procps")
# The suite, Dovecot's version, Postfix's compatibility level (a plain number before 3.6).
SYSTEMS = {"bullseye": ("2.3", "2"), "bookworm": ("2.3", "3.6"), "trixie": ("2.4", "3.6")}
# Kept, so that a second run downloads nothing.
CACHE = pathlib.Path(os.environ.get("SEKIMORI_CHROOTS", ROOT / "build/chroots"))


def run(*words, **options):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=1800, **options)
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])


def make(suite):
    root = CACHE / suite
    if not (root / "usr/bin/doveconf").exists():
        shutil.rmtree(root, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", suite, root,
            "http://deb.debian.org/debian")
        policy = root / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        run("/usr/sbin/chroot", root, "apt-get", "install", "-y", "--no-install-recommends",
            *PACKAGES, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                            "DEBIAN_FRONTEND": "noninteractive"})
    return root


@contextlib.contextmanager
def mounted(root):
    for source, place, kind in (("proc", "proc", ["-t", "proc"]), ("/dev", "dev", ["--bind"])):
        if not os.path.ismount(root / place):
            run("mount", *kind, source, str(root / place))
    try:
        yield
    finally:
        for place in ("dev", "proc"):
            subprocess.run(["umount", "-l", str(root / place)], check=False)


@pytest.mark.parametrize("suite", SYSTEMS)
def test_attach_on_debian(suite):
    need_users()
    root = make(suite)
    own = tempfile.mkdtemp(prefix=f"sekimori-{suite}-")
    pathlib.Path(own).chmod(0o755)
    with mounted(root):
        for left in ("srv/plain", "var/lib/sekimori"):
            shutil.rmtree(root / left, ignore_errors=True)
        site = PlainSite(own, root, *SYSTEMS[suite])
        try:
            site.start()
            check_attach_and_undo(site)
        finally:
            site.stop()
    shutil.rmtree(own)
