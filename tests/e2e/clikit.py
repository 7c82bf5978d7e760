"""The command line of a running lab, as a person or a script calls it."""

import json
import os
import pathlib
import subprocess

# The least that a program needs: no locale and no settings of whoever runs the tests.
ENVIRONMENT = {"PATH": os.environ["PATH"]}


class Finished:
    """What a command said and how it ended."""

    def __init__(self, process):
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self):
        return json.loads(self.out)


def sekimori(lab, *words, stdin=None, deadline=120, **environment):
    """Runs the lab's own program with --config; returns a Finished."""
    program = pathlib.Path(lab.inside["home"]) / "bin/sekimori"
    done = subprocess.run([program, *map(str, words), "--config", lab.endpoints["config"]],
                          input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                          text=True, capture_output=True, timeout=deadline,
                          env=ENVIRONMENT | environment)
    return Finished(done)


def done(lab, *words, **options):
    """The same, which must succeed; with --json its JSON."""
    finished = sekimori(lab, *words, "--json", **options)
    assert finished.code == 0, (words, finished.code, finished.out, finished.err)
    return finished.json
