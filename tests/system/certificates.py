# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A certificate authority for the time of a test."""

import os
import subprocess


class Authority:
    def __init__(self, directory):
        self.directory = str(directory)
        self.file = os.path.join(self.directory, "ca.pem")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", "/CN=The story's authority", "-keyout", self._path("ca.key"), "-out", self.file)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def issue(self, *names):
        """(certificate, key) in PEM form for these names and addresses; another one each time."""
        kinds = ["IP" if name.replace(".", "").isdigit() else "DNS" for name in names]
        with open(self._path("names"), "w", encoding="ascii") as f:
            f.write("subjectAltName=" + ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names)))
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={names[0]}",
                      "-keyout", self._path("key"), "-out", self._path("request"))
        self._openssl("x509", "-req", "-in", self._path("request"), "-CA", self.file, "-CAkey", self._path("ca.key"),
                      "-CAcreateserial", "-days", "2", "-extfile", self._path("names"), "-out", self._path("certificate"))
        return self.read("certificate"), self.read("key")

    def read(self, name):
        with open(self._path(name), encoding="ascii") as f:
            return f.read()
