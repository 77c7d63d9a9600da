"""What is measured: requests a second, throughput, processor time of servers, time to the first byte."""

import json
import os
import pathlib
import re
import resource
import socket
import ssl
import subprocess
import time
import urllib.request

TICKS = os.sysconf("SC_CLK_TCK")
REPORT = pathlib.Path(__file__).with_name("report.lua")


def children():
    """{process: what it has started}."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            rest = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        found.setdefault(int(rest[1]), []).append(int(stat.parent.name))
    return found


def family(pids):
    """These processes and all below them."""
    todo, below = list(pids), children()
    found = set(todo)
    while todo:
        for child in below.get(todo.pop(), []):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def with_word(word):
    """The processes that have `word` in their command line or environment; this one is none of them."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def listener(port):
    """The processes that listen on a port of this machine and may be seen; none when there are no such."""
    inodes = {fields[9] for fields in map(str.split, pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
              if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == port}
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(entry).removeprefix("socket:[").removesuffix("]") in inodes:
                found.append(int(entry.parts[2]))
        except OSError:
            continue
    return sorted(set(found))


def cpu_seconds(pids):
    """Processor time of these processes, their children, and what their children that ended have used."""
    total = 0
    for pid in family(pids):
        try:
            rest = [int(n) for n in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]]
        except OSError:
            continue
        total += max(sum(rest[:2]) / TICKS, of_threads(pid)) + sum(rest[2:]) / TICKS
    return total


def of_threads(pid):
    """Processor time of the threads that a process has now: by the nanosecond, where stat(5) counts hundredths of a second."""
    total = 0
    for place in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(place.read_text().split()[0])
        except OSError:
            continue
    return total / 1e9


def own_children():
    """Processor time of what this process has started and seen end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_rss(*pids):
    """The most memory that each of these processes has had, added, in MiB. What they share is counted in each."""
    total = 0
    for pid in pids:
        try:
            peak = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
        except OSError:
            continue
        total += int(peak[1]) if peak else 0
    return total / 1024


def wrk(url, seconds, connections, threads=1):
    """A load of GETs on kept connections: requests, bytes, seconds, the 99th percentile of latency, answers that are not as they should."""
    text = subprocess.run(["wrk", "-s", REPORT, f"-d{seconds}", f"-c{connections}", f"-t{threads}", url],
                          check=True, capture_output=True, text=True).stdout
    return json.loads(text.splitlines()[-1])


def size_of(url):
    """The length of a file, by HEAD."""
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=30) as answer:
        return int(answer.headers["Content-Length"])


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


def herd(build, port, path, clients, size):
    """All at once: the slowest first byte and the slowest last one, in seconds."""
    text = subprocess.run([build / "tests/bench/herd", str(port), path, str(clients)], check=True, stdout=subprocess.PIPE, text=True).stdout
    answers = [[float(word) for word in line.split()] for line in text.splitlines()]
    assert [answer[2] for answer in answers] == [size] * clients, text
    return max(answer[0] for answer in answers), max(answer[1] for answer in answers)
