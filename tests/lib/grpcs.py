# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""gRPC by Debian's python3-grpcio, with messages made from descriptor sets: no generated code."""

import os

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Protos:
    """Messages and methods by their full names, of one or more files with a FileDescriptorSet."""

    def __init__(self, *paths):
        self.pool = descriptor_pool.DescriptorPool()
        self.files = {}
        for path in paths:
            with open(path, "rb") as f:
                self.add(descriptor_pb2.FileDescriptorSet.FromString(f.read()).file)

    def add(self, files):
        for file in files:
            if file.name not in self.files:
                self.files[file.name] = file
                self.pool.Add(file)

    def message(self, name):
        return message_factory.MessageFactory(self.pool).GetPrototype(self.pool.FindMessageTypeByName(name))

    def service(self, channel, name):
        return Service(self, channel, name)


def build_path(*parts):
    return os.path.join(os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build"), *parts)


def lonja_protos():
    """Everything below proto/."""
    return Protos(build_path("proto", "proto.set"))


class Service:
    """service.Method(request or iterator, timeout=..., metadata=...), as a generated stub has them; `type(name)` is the
    class of a message of the same package."""

    def __init__(self, protos, channel, name):
        self.protos = protos
        self.package = name.rpartition(".")[0]
        for method in protos.pool.FindServiceByName(name).methods:
            kind = {(False, False): channel.unary_unary, (False, True): channel.unary_stream,
                    (True, False): channel.stream_unary, (True, True): channel.stream_stream}
            streams = self._streams(method)
            output = protos.message(method.output_type.full_name)
            setattr(self, method.name, kind[streams](
                f"/{name}/{method.name}", request_serializer=lambda m: m.SerializeToString(),
                response_deserializer=output.FromString))

    def _streams(self, method):
        proto = descriptor_pb2.MethodDescriptorProto()
        method.CopyToProto(proto)
        return proto.client_streaming, proto.server_streaming

    def type(self, name):
        return self.protos.message(f"{self.package}.{name}")


def channel(address, *, ca=None, **options):
    """`address` "host:port" (or a pair), TLS with the authority `ca`; options as grpc_... or their full names."""
    target = address if isinstance(address, str) else "{}:{}".format(*address)
    settings = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
                ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    settings += [(name.replace("__", "."), value) for name, value in options.items()]
    if ca is None:
        return grpc.insecure_channel(target, settings)
    with open(ca, "rb") as f:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(f.read()), settings)
