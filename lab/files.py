"""Writing files so that a reader sees the old text or the new, never half of one."""

import os
import pwd
import grp
import secrets


def write(path, text, mode=0o644, user="root", group="root"):
    """Replaces the file at once. Returns whether its text changed."""
    old = path.read_text() if path.exists() else None
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
    own(temporary, mode, user, group)
    temporary.rename(path)
    return old != text


def own(path, mode, user, group):
    os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
    os.chmod(path, mode)


def directory(path, mode, user, group):
    path.mkdir(exist_ok=True)
    own(path, mode, user, group)


def secret(path, user="root", group="root", mode=0o600):
    """The random token kept in the file, made at the first call: 32 bytes of entropy in hex."""
    if not path.exists():
        write(path, secrets.token_hex(32) + "\n", mode, user, group)
    own(path, mode, user, group)
    return path.read_text().strip()
