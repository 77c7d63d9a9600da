"""What is measured: requests a second, throughput, processor time of servers, time to the first byte."""

import os
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
SIZES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}


def family(pids):
    """These processes and all below them."""
    found, children = set(pids), {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(rest[1]), []).append(int(stat.parent.name))
    todo = list(pids)
    while todo:
        for child in children.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def cpu_seconds(pids):
    """Processor time of these processes, their children, and what their children that ended have used."""
    total = 0
    for pid in family(pids):
        try:
            rest = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(n) for n in rest[11:15])
    return total / TICKS


def peak_rss(pid):
    """The most memory that a process has had, in MiB."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1024


def wrk(url, seconds, connections, threads=1):
    """A load of GETs on kept connections: requests a second, the 99th percentile in seconds, bytes a second, errors."""
    text = subprocess.run(["wrk", "--latency", f"-d{seconds}", f"-c{connections}", f"-t{threads}", url],
                          check=True, capture_output=True, text=True).stdout
    latency = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    rate = re.search(r"Transfer/sec:\s+([\d.]+)(B|KB|MB|GB)", text)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return {
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
        "p99": float(latency[1]) * UNITS[latency[2]],
        "bytes": float(rate[1]) * SIZES[rate[2]],
        "bad": int(bad[1]) if bad else 0,
    }


def insecure():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Client:
    """A connection that is kept: get() tells when the first byte of the body came and when the last."""

    def __init__(self, port, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = insecure().wrap_socket(self.socket)

    def get(self, path, close=False):
        """(seconds to the first byte of the body, seconds to the last, bytes). The body must have a length."""
        begun = time.perf_counter()
        end = "Connection: close\r\n" if close else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{end}\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data or not data.split(b"\r\n\r\n", 1)[1]:
            piece = self.socket.recv(262144)
            assert piece, f"{path}: no answer: {data[:200]}"
            data += piece
        first = time.perf_counter() - begun
        head, body = data.split(b"\r\n\r\n", 1)
        assert b" 200 " in head.split(b"\r\n")[0], head
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        count = len(body)
        while count < length:
            piece = self.socket.recv(262144)
            assert piece, f"{path}: ended after {count} of {length}"
            count += len(piece)
        return first, time.perf_counter() - begun, count

    def close(self):
        self.socket.close()


def herd(port, path, clients):
    """All at once: the slowest first byte and the slowest last one, in seconds."""
    firsts, lasts, failures = [], [], []
    start = threading.Barrier(clients)

    def one():
        try:
            client = Client(port)
            start.wait()
            first, last, _ = client.get(path, close=True)
            firsts.append(first)
            lasts.append(last)
            client.close()
        except Exception as error:  # a client that was not served counts, and is told
            failures.append(str(error))

    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
    return max(firsts), max(lasts)
