"""Fixtures of the end-to-end tests: labs made by scripts/up, and nothing simulated.

Labs need root (Postfix and Dovecot do). Each test leaves the accounts it used as it found them, or
uses accounts that no other test relies on.
"""

import os
import tempfile

import pytest

import faultkit
import labkit


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        skip = pytest.mark.skip(reason="a lab needs root")
        for item in items:
            item.add_marker(skip)


def _lab(name):
    # A lab that runs already, for trying tests again and again.
    if name in ("lab", "faults") and "SEKIMORI_TEST_LAB" in os.environ:
        yield labkit.Lab(os.environ["SEKIMORI_TEST_LAB"])
        return
    directory = tempfile.mkdtemp(prefix=f"sekimori-{name}-")
    os.chmod(directory, 0o755)
    try:
        yield labkit.start_lab(directory)
    finally:
        # What a failed run left behind is worth reading.
        if os.environ.get("SEKIMORI_KEEP_LABS"):
            labkit.stop_lab(directory)
        else:
            labkit.discard_lab(directory)


@pytest.fixture(scope="session")
def lab():
    """A running lab with everything, shared by all tests of the run."""
    yield from _lab("lab")


@pytest.fixture(autouse=True)
def whole(request):
    """Whoever uses the shared lab finds its daemon running and nothing stopped as a whole."""
    if "lab" not in request.fixturenames:
        yield
        return
    lab = request.getfixturevalue("lab")
    if not lab.daemon_runs():
        lab.start_daemon()
    yield
    if not lab.daemon_runs():
        lab.start_daemon()
    if lab.api.get("/server")["standing"] != "normal":
        lab.api.change("restore", "server")
    if lab.api.get("/health")["bypass"]:
        lab.api.call("POST", "/bypass", {"on": False})


@pytest.fixture
def people(lab):
    """Three fresh mailboxes in a fresh domain; `all@` and `one@` are aliases there."""
    return lab.hire()


@pytest.fixture(scope="session")
def faulty_site():
    """A lab of its own to break, shared by the reliability tests."""
    for lab in _lab("faults"):
        yield faultkit.Site(lab)


@pytest.fixture
def site(faulty_site):
    """The same, whole at the beginning and at the end of each test."""
    faulty_site.mend()
    yield faulty_site
    faulty_site.mend()


@pytest.fixture(scope="module")
def lab_without_daemon():
    """A lab of the module's own whose daemon was killed: what Postfix and Dovecot do alone."""
    for lab in _lab("alone"):
        lab.kill_daemon()
        yield lab
