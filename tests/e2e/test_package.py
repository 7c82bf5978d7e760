"""The Debian package in a Debian 12 of its own (debootstrap): installed, configured, running; an upgrade
keeps the data; purge leaves nothing. Slow: part of `scripts/test deep`."""

import os
import pathlib
import re
import shutil
import subprocess
import urllib.request

import pytest

from labkit import ROOT, wait_for
from plainsite import answers
from test_attach_chroots import CACHE, make, mounted, run

pytestmark = pytest.mark.skipif(not os.environ.get("SEKIMORI_SLOW"),
                                reason="downloads a whole system; SEKIMORI_SLOW=1 runs it")

PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
OURS = ("etc/sekimori", "etc/logrotate.d/sekimori", "var/lib/sekimori", "var/lib/sekimori-helper",
        "var/log/sekimori", "usr/bin/sekimori", "usr/share/man/man1/sekimori.1.gz",
        "usr/share/man/ja/man1/sekimori.1.gz", "usr/lib/systemd/system/sekimori.service",
        "usr/share/bash-completion/completions/sekimori", "usr/lib/sysusers.d/sekimori.conf")


EXPOSURE = {"sekimori": 1.5, "sekimori-helper": 3.2}


@pytest.fixture(scope="module")
def package():
    environment = os.environ | {"SEKIMORI_LAB_NO_BUILD": "1"}
    done = subprocess.run([ROOT / "scripts/package"], capture_output=True, text=True, timeout=1800,
                          env=environment)
    assert done.returncode == 0, done.stderr
    return pathlib.Path(done.stdout.split()[-1])


def of_version(package, version, folder):
    """The same package under an earlier version's number, to be upgraded from."""
    tree = folder / "tree"
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN/control"
    text, count = re.subn(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.M)
    assert count == 1
    control.write_text(text)
    earlier = folder / f"sekimori_{version}.deb"
    run("dpkg-deb", "--root-owner-group", "-b", tree, earlier)
    return earlier


def inside(root, *words, check=True, **options):
    done = subprocess.run(["/usr/sbin/chroot", root, *words], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=1800, env=PATH, **options)
    assert not check or done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    return done


def fetched(path):
    with urllib.request.urlopen(f"http://127.0.0.1:10080{path}", timeout=10) as answer:
        return answer.read().decode()


def start(root, word):
    """As the unit starts it, without systemd, which a chroot has not."""
    user = ["--userspec=sekimori:sekimori"] if word == "serve" else []
    return subprocess.Popen(["/usr/sbin/chroot", *user, str(root), "/usr/bin/sekimori", word,
                             "--config", "/etc/sekimori/sekimori.toml"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=PATH)


def test_install_upgrade_purge(package, tmp_path):
    base = make("bookworm")
    root = CACHE / "bookworm-package"
    if not (root / "usr/bin/doveconf").exists():
        run("cp", "-a", base, root)
    earlier = of_version(package, "0.0.9", tmp_path)
    for one in (package, earlier):
        shutil.copy(one, root / "tmp" / one.name)
    with mounted(root):
        inside(root, "apt-get", "install", "-y", "--no-install-recommends",
               f"/tmp/{earlier.name}")
        for path in OURS[:1] + OURS[5:]:
            assert (root / path).exists(), path
        for unit in ("sekimori", "sekimori-helper"):
            # Without the manual pages: it would look for them outside the chroot.
            told = subprocess.run(["systemd-analyze", "verify", "--man=no", f"--root={root}",
                                   f"{unit}.service"], capture_output=True, text=True, timeout=60)
            assert "sekimori" not in told.stderr, told.stderr
            # 0 is shut, 10 is open; the helper is root and works on Postfix's queue.
            told = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager",
                                   f"--root={root}", f"{unit}.service"], capture_output=True,
                                  text=True, timeout=60)
            exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told.stdout)
            assert exposure, told.stdout[-500:] + told.stderr
            print(exposure[0])
            assert float(exposure[1]) <= EXPOSURE[unit], told.stdout
        inside(root, "sekimori", "config", "check")
        assert "sekimori attach" in inside(root, "sekimori", "manual", "man").stdout.replace("\\", "")
        inside(root, "bash", "-n", "/usr/share/bash-completion/completions/sekimori")

        processes = [start(root, "helper"), start(root, "serve")]
        try:
            wait_for(lambda: answers(10080) and answers(10040), 60, "Sekimori of the package")
            assert inside(root, "sekimori", "health", "--json", check=False).returncode == 0
            # The panel and the portal are in it, with what they load.
            for page in ("/", "/portal"):
                html = fetched(page)
                loaded = re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', html)
                assert any(name.endswith(".js") for name in loaded), html[:500]
                assert all(fetched(name) for name in loaded)
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait(30)

        # An upgrade keeps settings, also those of another name, and state.
        settings = root / "etc/sekimori/sekimori.toml"
        mine = settings.read_text() + '[web]\nsession_lifetime = "4h"  # mine\n'
        settings.write_text(mine)
        state = (root / "var/lib/sekimori/hash.key").read_bytes()
        inside(root, "apt-get", "install", "-y", f"/tmp/{package.name}")
        assert settings.read_text() == mine
        assert (root / "var/lib/sekimori/hash.key").read_bytes() == state
        checked = inside(root, "sekimori", "config", "check", "--lang", "en").stdout
        assert "the earlier name of web.session_length" in checked
        shown = inside(root, "sekimori", "config", "show").stdout
        assert re.search(r'^web.session_length = "4h"  # .*sekimori.toml:\d+$', shown, re.M), shown

        # Attached: it does not go and leave the mail server asking nobody.
        kept = root / "var/lib/sekimori-attach"
        kept.mkdir()
        (kept / "manifest.json").write_text("{}")
        refused = inside(root, "dpkg", "--remove", "sekimori", check=False)
        assert refused.returncode != 0 and "sekimori attach --undo" in refused.stderr
        shutil.rmtree(kept)

        inside(root, "dpkg", "--purge", "sekimori")
        for path in OURS:
            assert not (root / path).exists(), path
        for name in ("passwd", "group"):
            assert "sekimori" not in (root / "etc" / name).read_text(), name
