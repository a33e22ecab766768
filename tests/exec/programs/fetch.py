"""A server with a thread for each connection, and a pool of threads that sends it a thousand requests."""

import concurrent.futures
import http.server
import socketserver
import threading
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.path.encode() * 10
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    request_queue_size = 1024
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()


def fetch(i):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{i}") as response:
        return response.read() == f"/{i}".encode() * 10


with concurrent.futures.ThreadPoolExecutor(100) as pool:
    print(sum(pool.map(fetch, range(1000))))
server.shutdown()
