#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# tests/examples/http_peer.py - what a client of HTTP may meet. Prints its port, and serves until it is killed.
#
#	/bytes/N	N bytes, the same for the same N
#	/together/N	an answer as soon as N clients ask for one
#	/never		none
#	all else	404
import http.server
import threading

barriers, lock = {}, threading.Lock()
never = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, status, body):
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        kind, _, number = self.path[1:].partition('/')
        if kind == 'bytes':
            self.answer(200, b'0123456789abcdef' * (int(number) // 16))
        elif kind == 'together':
            with lock:
                barrier = barriers.setdefault(number, threading.Barrier(int(number)))
            barrier.wait(60)
            self.answer(200, b'all are here\n')
        elif kind == 'never':
            never.wait()
        else:
            self.answer(404, b'nothing\n')

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(('127.0.0.1', 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
