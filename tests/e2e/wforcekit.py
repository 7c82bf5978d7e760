"""Speaks to Sekimori as a site's programs speak to weakforced."""

import base64
import http.client
import json
import urllib.parse


class Wforce:
    def __init__(self, endpoints, password=None):
        url = urllib.parse.urlsplit(endpoints["wforce_url"])
        self.place = url.hostname, url.port
        words = f"anybody:{password or endpoints['wforce_password']}"
        self.headers = {"Authorization": "Basic " + base64.b64encode(words.encode()).decode(),
                        "Content-Type": "application/json"}

    def ask(self, method, command, body=None, slash=False, headers=None):
        """(status, text, headers) of one request on a connection of its own."""
        connection = http.client.HTTPConnection(*self.place, timeout=20)
        try:
            target = f"/command/{command}" if slash else f"/?command={command}"
            connection.request(method, target, None if body is None else json.dumps(body),
                               self.headers if headers is None else headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def many(self, command, bodies):
        """POSTs all of them over one connection, as a busy program does: a new one for each would
        come to the end of this machine's ports. Every answer must be `ok`."""
        connection = http.client.HTTPConnection(*self.place, timeout=60)
        try:
            for body in bodies:
                connection.request("POST", f"/?command={command}", json.dumps(body), self.headers)
                answer = connection.getresponse()
                text = answer.read().decode()
                assert answer.status == 200 and json.loads(text) == {"status": "ok"}, text
        finally:
            connection.close()

    def post(self, command, body, slash=False):
        status, text, _ = self.ask("POST", command, body, slash)
        assert status == 200, text
        return json.loads(text)

    def get(self, command, slash=False):
        status, text, _ = self.ask("GET", command, None, slash)
        assert status == 200, text
        return json.loads(text)

    def allow(self, login, remote, **more):
        return self.post("allow", {"login": login, "remote": remote, "pwhash": "025a", **more})

    def report(self, login, remote, success, **more):
        return self.post("report", {"login": login, "remote": remote, "pwhash": "025a",
                                    "success": success, **more})
