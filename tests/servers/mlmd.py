"""ML Metadata's gRPC server, as a program: what its server image speaks, over its own library and an SQLite file.

    python tests/servers/mlmd.py PORT FILE [CERTIFICATE KEY CA]

With a certificate it speaks TLS, and lets in only clients whose own certificate the CA has signed.
"""

from __future__ import annotations

import sys
import threading
from concurrent import futures
from pathlib import Path
from typing import Any


def serve(port: int, file: Path, tls: tuple[Path, Path, Path] | None) -> None:
    """Serve until killed."""
    import grpc
    from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store as library
    from ml_metadata.proto import metadata_store_pb2 as mlmd
    from ml_metadata.proto import metadata_store_service_pb2 as service

    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(file)
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    opened = library.CreateMetadataStore(config.SerializeToString(), mlmd.MigrationOptions().SerializeToString())
    lock = threading.Lock()

    def handler(name: str) -> Any:
        def answer(request: bytes, context: Any) -> bytes:
            with lock:
                answered, message, code = getattr(library, name)(opened, request)
            if code:
                status = next(status for status in grpc.StatusCode if status.value[0] == code)
                context.abort(status, message.decode())
            return bytes(answered)

        return grpc.unary_unary_rpc_method_handler(answer)

    methods = service.DESCRIPTOR.services_by_name["MetadataStoreService"].methods
    handlers = {method.name: handler(method.name) for method in methods}
    server = grpc.server(futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("ml_metadata.MetadataStoreService", handlers),)
    )
    address = f"127.0.0.1:{port}"
    if tls is None:
        server.add_insecure_port(address)
    else:
        certificate, key, ca = (path.read_bytes() for path in tls)
        credentials = grpc.ssl_server_credentials([(key, certificate)], ca, require_client_auth=True)
        server.add_secure_port(address, credentials)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    files = tuple(Path(name) for name in sys.argv[3:6])
    serve(int(sys.argv[1]), Path(sys.argv[2]), files if len(files) == 3 else None)
