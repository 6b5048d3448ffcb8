#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The stack behind ./dev up, down and env: one directory that outlives the command that made it.

    devstack.py DIRECTORY up|down|env

`up` on a running stack installs the new build and lets the daemons leave: the next knock starts the new ones.  What an
earlier run left behind, after a crash too, is stopped by its own noted pids and removed."""

import csv
import fcntl
import glob
import io
import json
import os
import shlex
import shutil
import sys
import urllib.request

import holder
from postgres import Postgres
from process import Process, StartError
from rabbitmq import RabbitMQ
from stack import SOURCE, Stack

# As root, the daemons run as somebody who may nothing; the servers as the users that their packages made.
DAEMON_USER = "nobody"
N_PRODUCTS = 1000

GOODS = ("Coffee beans", "Green tea", "Olive oil", "Basmati rice", "Sea salt", "Cane sugar", "Oat flakes", "Chick peas",
         "Tomato paste", "Wild honey", "Black pepper", "Dark chocolate", "Rye flour", "Apple juice", "Red lentils",
         "Sunflower seeds", "Dried figs", "White beans", "Maple syrup", "Peanut butter")
SIZES = ("100 g", "250 g", "500 g", "1 kg", "2 kg")
BRANDS = ("Aldea", "Bravo", "Cima", "Delta", "Enebro", "Faro", "Granja", "Huerta", "Isla", "Jara")


def say(text):
    print(f"dev: {text}", file=sys.stderr, flush=True)


def samples():
    """1,000 products, the same each time, as CSV."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["code", "buying_price", "selling_price", "description"])
    for i in range(N_PRODUCTS):
        good, size, brand = GOODS[i // 50], SIZES[i // 10 % 5], BRANDS[i % 10]
        cents = 95 + (i * 7919) % 1400
        rows.writerow([f"P{i + 1:04}", f"{cents / 100:.2f}", f"{cents * 1.3 / 100:.2f}", f"{good} {brand}, {size}"])
    return text.getvalue()


class DevStack:
    def __init__(self, directory):
        self.directory = directory
        self.note = os.path.join(directory, "stack.json")
        self.bin = os.path.join(directory, "bin")

    # A stack that is up, from another process than the one that started it

    def make(self):
        user = DAEMON_USER if os.geteuid() == 0 else None
        return Stack(self.directory, build=self.bin, ports="default", tied=False, user=user)

    def attach(self):
        """The running stack, or None when any of its servers is gone."""
        try:
            with open(self.note) as f:
                note = json.load(f)
        except (OSError, ValueError):
            return None
        stack = self.make()
        stack.pg.process = Process.read(stack.pg.note)
        stack.rmq.process = Process.read(stack.rmq.note)
        stack.rmq.port, stack.rmq.dist_port, stack.rmq.password = note["rmq"]
        stack.holder = Process.read(os.path.join(stack.run_dir, "holder.pid"))
        stack.set_token(note["token"])
        return stack if stack.pg.process and stack.rmq.process and stack.holder else None

    # up

    def up(self):
        stack = self.attach()
        if stack is not None:
            say("already up: installing the new build")
            self.install()
            stack.migrate()
            for name, service in stack.status()["services"].items():
                if service["pid"] is not None:
                    holder.ask(stack.run_dir, "stop", name)
        else:
            self.down()
            os.makedirs(self.directory, mode=0o711)
            self.install()
            stack = self.make()
            say("starting PostgreSQL, RabbitMQ and the sockets")
            stack.start()
            self.load(stack)
            with open(os.open(self.note, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                json.dump({"rmq": [stack.rmq.port, stack.rmq.dist_port, stack.rmq.password], "token": stack.token}, f)
        self.print_examples(stack)

    def install(self):
        """Copies: the daemons' user may not see into the clone, and a build must not change a running program."""
        build = os.path.join(SOURCE, "build")
        programs = [p for p in glob.glob(f"{build}/lonja*") if os.path.isfile(p) and os.access(p, os.X_OK)]
        programs.append(os.path.join(build, "tests/lib/listen-exec"))
        for source in programs + glob.glob(f"{build}/systemd/*.service"):
            target = os.path.join(self.bin, os.path.relpath(source, build))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(source, target + ".new")
            os.rename(target + ".new", target)
        www = os.path.join(self.bin, "www")
        shutil.rmtree(www, ignore_errors=True)
        shutil.copytree(os.path.join(SOURCE, "www"), www)

    def load(self, stack):
        say(f"loading {N_PRODUCTS} sample products")
        request = urllib.request.Request(
            f"{stack.products_url}/api/products:import", samples().encode(),
            {"Content-Type": "text/csv", "Authorization": f"Bearer {stack.token}"})
        with urllib.request.urlopen(request) as answer:
            answer.read()

    def print_examples(self, stack):
        url = stack.products_url
        host, port = stack.bridge
        print(f"""
Lonja is up. Try, in another terminal as well:

  eval "$(./dev env)"
  curl -s {url}/api/products/P0001
  curl -s '{url}/api/products?limit=3&ordering=-selling_price'
  printf 'GET+PRODUCT+{{"code":"P0001"}}+interval=60\\n' | nc {host} {port}
  curl -s -X PATCH -H "Authorization: Bearer $LONJA_TOKEN" -H 'Content-Type: application/merge-patch+json' \\
       -d '{{"selling_price":"12.50"}}' {url}/api/products/P0001
  lonja products list 'selling_price__gte=17' --limit 5
  lonja products get P0001 --watch
  lonja status

The dashboard: {stack.notifier_url}/

Logs are in {stack.log_dir}; ./dev down stops everything.""")

    # env

    def env(self):
        stack = self.attach()
        if stack is None:
            raise StartError("nothing is up: ./dev up")
        host, port = stack.bridge
        for name, value in (
            ("LONJA_PRODUCTS_URL", stack.products_url),
            ("LONJA_BRIDGE", f"{host}:{port}"),
            ("LONJA_GATEWAY_URL", stack.gateway_url),
            ("LONJA_GATEWAY_GRPC", "{}:{}".format(*stack.gateway_grpc)),
            ("LONJA_NOTIFIER_URL", stack.notifier_url),
            ("LONJA_SCHEDULER_URL", stack.scheduler_url),
            ("LONJA_TOKEN", stack.token),
            ("LONJA_AMQP_URL", stack.amqp_url),
            ("LONJA_DATABASE", stack.database),
            ("LONJA_RUNTIME_DIR", stack.run_dir),
            ("LONJA_SQL_DIR", os.path.join(SOURCE, "sql")),
        ):
            print(f"export {name}={shlex.quote(value)}")
        print(f"export PATH={shlex.quote(self.bin)}:\"$PATH\"")

    # down

    def down(self):
        if not os.path.isdir(self.directory):
            return
        if os.stat(self.directory).st_uid != os.geteuid():
            raise StartError(f"{self.directory} belongs to somebody else")
        run_dir = os.path.join(self.directory, "run")
        process = Process.read(os.path.join(run_dir, "holder.pid"))
        if process is not None:
            process.signal(15)
            if not process.wait(60):
                process.signal(9)
        for server in (RabbitMQ(os.path.join(self.directory, "rmq")), Postgres(os.path.join(self.directory, "pg"))):
            server.process = Process.read(server.note)
            server.stop()
        shutil.rmtree(self.directory)


def main(argv):
    if len(argv) != 2 or argv[1] not in ("up", "down", "env"):
        sys.exit(__doc__)
    os.umask(0o022)
    stack = DevStack(argv[0])
    if argv[1] == "env":
        stack.env()
        return
    with open(os.path.join(SOURCE, "dev")) as lock:  # one at a time for each clone
        fcntl.flock(lock, fcntl.LOCK_EX)
        getattr(stack, argv[1])()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (StartError, RuntimeError, OSError) as e:
        sys.exit(f"dev: {e}")
