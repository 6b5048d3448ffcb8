# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A private RabbitMQ node: loopback, free ports, no epmd, any user.

Debian's wrappers insist on root or the user rabbitmq, and the stock start searches the code path of seventy plugin
folders, half of its start-up time. So the node gets a plugin folder of its own that holds only what the broker needs,
and everything it writes stays below one directory."""

import glob
import os
import secrets
import socket
import subprocess
import time

from process import Server, StartError, free_port

BROKER_APPLICATIONS = """
    accept amqp10_common aten base64url credentials_obfuscation cuttlefish enough gen_batch_server getopt jsx
    observer_cli osiris quantile_estimator ra rabbit rabbit_common rabbitmq_prelaunch ranch recon seshat stdout_formatter
    syslog sysmon_handler systemd""".split()

USER = "lonja"
CONF = """\
listeners.tcp.1 = 127.0.0.1:{port}
log.console = true
log.console.level = warning
log.file = false
default_user = {user}
default_pass = {password}
default_vhost = {vhost}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 10MB
"""


def home():
    found = sorted(glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*"))
    if not found:
        raise StartError("no RabbitMQ here: apt install rabbitmq-server")
    return found[-1]


def erl_call():
    return glob.glob("/usr/lib/erlang/erts-*/bin/erl_call")[0]


class RabbitMQ(Server):
    def __init__(self, directory, *, vhost="lonja", tied=True, user=None):
        super().__init__(directory, tied)
        self.vhost = vhost
        self.user = user if os.geteuid() == 0 else None
        self.port = self.dist_port = self.password = None

    @property
    def node(self):
        return f"lonja-{self.dist_port}@localhost"

    def url(self, vhost=None):
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.port}/{vhost or self.vhost}"

    def start(self):
        if self.port is None:
            self._make()
        env = self._environment()
        # ALLOW_INPUT makes the script exec beam itself: the pid is the node's, and kill -9 hits it.
        env["RABBITMQ_ALLOW_INPUT"] = "1"
        env["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = " ".join([
            "-noinput", f"-sname {self.node}", f"-start_epmd false -erl_epmd_port {self.dist_port}",
            f"-kernel inet_dist_listen_min {self.dist_port} -kernel inet_dist_listen_max {self.dist_port}",
            "-kernel inet_dist_use_interface {127,0,0,1}",
            "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        ])
        self._spawn([os.path.join(home(), "sbin/rabbitmq-server")], env=env, cwd=self.directory)
        self._wait_ready(self._is_ready)
        self.eval("rabbit:await_startup()")  # rabbitmqctl refuses until then

    def _make(self):
        self.port, self.dist_port, self.password = free_port(), free_port(), secrets.token_urlsafe(12)
        plugins = os.path.join(self.directory, "rmq/plugins")
        for folder in ("mnesia", "home", "rmq/plugins"):
            os.makedirs(os.path.join(self.directory, folder))
        for name in ("sbin", "escript"):
            os.symlink(os.path.join(home(), name), os.path.join(self.directory, "rmq", name))
        for name in BROKER_APPLICATIONS:
            for path in glob.glob(f"{home()}/plugins/{name}-[0-9]*"):
                os.symlink(path, os.path.join(plugins, os.path.basename(path)))
        self._write("home/.erlang.cookie", secrets.token_hex(16), 0o400)
        self._write("enabled_plugins", "[].\n")
        self._write("rabbitmq.conf", CONF.format(port=self.port, user=USER, password=self.password, vhost=self.vhost))
        if self.user is not None:
            subprocess.run(["chown", "-R", "-h", f"{self.user}:", self.directory], check=True)

    def _write(self, name, text, mode=0o600):
        path = os.path.join(self.directory, name)
        with open(path, "w") as f:
            os.fchmod(f.fileno(), mode)
            f.write(text)

    def _environment(self):
        d = self.directory
        return {
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": f"{d}/home",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SCRIPTS_DIR": f"{d}/rmq/sbin",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_CONFIG_FILE": f"{d}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{d}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{d}/enabled_plugins",
            "RABBITMQ_PLUGINS_EXPAND_DIR": f"{d}/expand",
            "RABBITMQ_MNESIA_BASE": f"{d}/mnesia",
            "RABBITMQ_LOG_BASE": d,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": f"{d}/pid",
            "RABBITMQ_CTL_ERL_ARGS":
                f"-start_epmd false -erl_epmd_port {self.dist_port} -dist_listen false",
        }

    def _is_ready(self):
        """The broker answers the protocol header with connection.start; the port alone opens earlier."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as s:
                s.sendall(b"AMQP\0\0\x09\x01")
                return s.recv(1) == b"\x01"
        except OSError:
            time.sleep(0.05)
            return False

    def ctl(self, *args):
        done = subprocess.run([os.path.join(home(), "sbin/rabbitmqctl"), "-q", "-n", self.node, *args],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self._environment(),
                              cwd=self.directory)
        if done.returncode != 0:
            raise RuntimeError(f"rabbitmqctl {args}: {done.stdout}{done.stderr}")
        return done.stdout

    def eval(self, expressions):
        """Evaluates Erlang in the node and returns the last result. A thousandth of what rabbitmqctl costs, which is an
        Erlang of its own."""
        done = subprocess.run([erl_call(), "-address", f"localhost:{self.dist_port}", "-R", "-e"], text=True,
                              input=f"{expressions}.\n", capture_output=True, env=self._environment(), cwd=self.directory)
        if not done.stdout.startswith("{ok, "):
            raise RuntimeError(f"{expressions}: {done.stdout}{done.stderr}")
        return done.stdout[len("{ok, "):-1]

    def create_vhost(self, vhost):
        self.eval(f"""
            ok = rabbit_vhost:add(<<"{vhost}">>, <<"{USER}">>),
            ok = rabbit_auth_backend_internal:set_permissions(<<"{USER}">>, <<"{vhost}">>, <<".*">>, <<".*">>, <<".*">>,
                                                              <<"{USER}">>)""")
        return self.url(vhost)

    def delete_vhost(self, vhost):
        self.eval(f'rabbit_vhost:delete(<<"{vhost}">>, <<"{USER}">>)')

    def n_messages(self, queue, vhost=None):
        """Of a quorum queue, those in the hands of consumers included, as it is now: what list_queues shows is seconds
        old."""
        return int(self.eval(f"""
            {{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost or self.vhost}">>, queue, <<"{queue}">>)),
            {{ok, {{_, N}}, _}} = ra:local_query(amqqueue:get_pid(Q), fun rabbit_fifo:query_messages_total/1), N"""))
