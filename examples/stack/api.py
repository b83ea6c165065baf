"""Counts visits in redis and answers over HTTP; the standard library is all it needs."""

import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REDIS = ("127.0.0.1", int(os.environ["REDIS_PORT"]))


def redis(*words: str) -> str:
    """Sends one command and returns the first line of a simple answer."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.create_connection(REDIS, timeout=1) as connection:
        connection.sendall(request.encode())
        return connection.recv(4096).decode().split("\r\n")[0].lstrip(":+$")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            body = "ok" if self.path == "/health" else f"visit {redis('INCR', 'visits')}"
            if self.path == "/health":
                redis("PING")
            status = 200
        except OSError as error:
            body, status = f"redis: {error}", 503
        self.send_response(status)
        self.end_headers()
        self.wfile.write(f"{body}\n".encode())


def stop(*_):
    print("api: bye")
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
print(f"api: listening on port {os.environ['PORT']}")
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
