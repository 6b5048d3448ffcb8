# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A real Celery client for tests, and looks at what Lonja has made of its tasks."""

import contextlib

import celery
import kombu
import pika
import psycopg2
from waiting import wait_for


QUEUE = "lonja.tasks.products"
TIMEOUT = 60


def client(lonja, queue=QUEUE, declares=False):
    """A Celery application as a user of Lonja writes it (lonja-tasks(7)); with its results.

    `declares`: it declares the queue in its own way, as Celery does unless it is told not to."""
    app = celery.Celery("shop", broker=lonja.amqp_url, backend="rpc://", set_as_current=False)
    app.conf.task_default_queue = queue
    if not declares:
        app.conf.task_queues = [kombu.Queue(queue, exchange="", routing_key=queue, no_declare=True)]
    app.conf.broker_connection_retry_on_startup = True
    return app


class Broker:
    """Queues as an operator sees them."""

    def __init__(self, lonja):
        self.connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url))
        self.channel = self.connection.channel()

    def take(self, queue):
        """The next message, acked: (method, properties, body) or None."""
        method, properties, body = self.channel.basic_get(queue, auto_ack=True)
        return (method, properties, body) if method else None

    def depth(self, queue):
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def has(self, queue, consumers=0):
        """Whether it was declared, and consumed. A new quorum queue has a name before it has a leader, and loses what
        an unconfirmed publish brings it then; a consumer proves that it has one."""
        if self.channel.is_closed:
            self.channel = self.connection.channel()
        try:
            return self.channel.queue_declare(queue, passive=True).method.consumer_count >= consumers
        except pika.exceptions.ChannelClosedByBroker:
            return False

    def send(self, body, queue=QUEUE, **properties):
        self.channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2, **properties))

    def close(self):
        with contextlib.suppress(pika.exceptions.AMQPError):
            self.connection.close()


def row(lonja, task_id):
    """(status, attempts, result) of the ledger, or None."""
    connection = psycopg2.connect(lonja.database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT status, attempts, result FROM task WHERE id = %s", [task_id])
            return cursor.fetchone()
    finally:
        connection.close()


def kill_with_backends(lonja, word):
    """kill -9; the database notices at once that the worker is gone, and not only when its statements end."""
    pids = lonja.psql(f"""SELECT string_agg(pid::text, ',') FROM pg_stat_activity
                          WHERE datname = current_database() AND application_name = 'lonja-{word}'""")
    lonja.daemon(word).kill9()
    lonja.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN ({pids})")
    wait_for(lambda: lonja.psql(f"SELECT count(*) FROM pg_stat_activity WHERE pid IN ({pids})") == "0")


@contextlib.contextmanager
def standstill(lonja):
    """While it is held no product can be changed: tasks that want to are in the middle of it."""
    connection = psycopg2.connect(lonja.database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE product IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        connection.close()
