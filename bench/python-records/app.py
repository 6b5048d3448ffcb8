# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What one would write in Python: Flask, grpcio and pika doors of one table, each record committed by itself.

    gunicorn ... app:application        POST /api/records
    app.py grpc PORT                    lonja.v1.Records/Add
    app.py amqp URL QUEUE               one consumer

The total is exact as in Lonja: the counter's row is locked until the commit."""

import concurrent.futures
import json
import os
import sys
import threading

import psycopg2

DSN = os.environ["BENCH_DSN"]
TEXT = 'Se ingresó un registro mediante {0}, con el mensaje "{1}", total de mensajes {2}'
local = threading.local()


def add(message, client_type):
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(DSN)
    with local.connection, local.connection.cursor() as c:
        c.execute("UPDATE python_counter SET last = last + 1 RETURNING last")
        total = c.fetchone()[0]
        c.execute("INSERT INTO python_record (message, client_type, total, text) VALUES (%s, %s, %s, %s) "
                  "RETURNING id, created_at", (message, client_type, total, TEXT.format(client_type, message, total)))
        number, at = c.fetchone()
    return {"id": number, "message": message, "client_type": client_type, "created_at": at.isoformat(), "total": total}


def make_flask_app():
    from flask import Flask, jsonify, request
    app = Flask("records")

    @app.post("/api/records")
    def post():
        return jsonify(add(request.get_json()["message"], "REST")), 201

    @app.get("/")
    def alive():
        return "ok"

    return app


def serve_grpc(port):
    import grpc
    pool = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, context: json.dumps(add(request, "GRPC")).encode(),
        request_deserializer=lambda b: b[2:].decode(), response_serializer=bytes)
    pool.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lonja.v1.Records", {"Add": handler}),))
    pool.add_insecure_port(f"127.0.0.1:{port}")
    pool.start()
    pool.wait_for_termination()


def consume(url, queue):
    import pika
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.basic_qos(prefetch_count=256)

    def on_message(channel, method, properties, body):
        add(body.decode(), "RabbitMQ")
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, on_message)
    channel.start_consuming()


if __name__ != "__main__":
    application = make_flask_app()  # gunicorn's
elif sys.argv[1] == "grpc":
    serve_grpc(int(sys.argv[2]))
else:
    consume(*sys.argv[2:])
