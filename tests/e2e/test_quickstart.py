"""The README's two commands: deploy/quickstart --demo, in a copy of the tree, from nothing to a verified download."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request

import pytest

from lib.waiting import wait_until

TOP = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    """A port that is free together with the next one, which the demo upstream takes."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            try:
                second.bind(("127.0.0.1", first.getsockname()[1] + 1))
            except (OSError, OverflowError):
                continue
            return first.getsockname()[1]


def processes_of(folder):
    """The command lines that name a folder: lighttpd, the responder and the fetch service do."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word.startswith(str(folder) + "/") for word in words):
            found.append(words)
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """What git would clone, with what is not yet committed."""
    copy = tmp_path_factory.mktemp("quickstart") / "tree"
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={TOP}", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (TOP / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, copy / name)
    return copy


def quickstart(tree, *options):
    return [str(tree / "deploy/quickstart"), "--dir", str(tree.parent / "run"), *options]


@pytest.fixture(scope="module")
def checked(tree):
    """The output of one --demo --check."""
    done = subprocess.run(
        quickstart(tree, "--demo", "--check", "--port", str(free_port())),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_check_downloads_twice_verifies_and_stops(tree, checked):
    assert checked.rstrip().endswith("quickstart: check: passed")
    assert "first download 200" in checked and "second download 200" in checked
    assert processes_of(tree.parent / "run") == []


def test_sources_get_no_build(tree, checked):
    made = {path.suffix for path in tree.rglob("*") if path.is_file() and "autom4te.cache" not in path.parts}
    assert not made & {".o", ".a"}
    assert not (tree / "run").exists()


@contextlib.contextmanager
def running(tree, port):
    """A quickstart --demo that says that it runs."""
    run = subprocess.Popen(
        quickstart(tree, "--demo", "--port", str(port)),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )
    try:
        shown = ""
        for line in run.stdout:
            shown += line
            if line.startswith("configuration "):
                break
        assert f"http://127.0.0.1:{port}/" in shown, shown
        yield run, shown
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.stdout.close()
        run.wait(60)


def test_ctrl_c_leaves_nothing_behind(tree, checked):
    port = free_port()
    with running(tree, port) as (run, shown):
        # What it says that one can do now, as it says it.
        said = "\n".join(line for line in shown.splitlines() if line.startswith("    "))
        assert said.count("\n") == 7
        tried = subprocess.run(["bash", "-ec", said], cwd=tree.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        assert tried.returncode == 0 and "Signature and comment signature verified" in tried.stdout and "free on disk" in tried.stdout, tried.stdout
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/zig/zig-0.13.0.tar.xz.minisig", timeout=30) as answer:
            assert answer.status == 200
        assert any("pkgmirror-fetch" in words[0] for words in processes_of(tree.parent / "run"))
        os.killpg(run.pid, signal.SIGINT)
        assert run.wait(timeout=60) == 0
    assert processes_of(tree.parent / "run") == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_second_one_in_the_folder_is_refused_and_a_killed_one_leaves_no_server(tree, checked):
    port = free_port()
    with running(tree, port) as (run, _):
        second = subprocess.run(quickstart(tree, "--port", str(free_port())), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert second.returncode == 1 and second.stderr == f"quickstart: another quickstart runs in {tree.parent / 'run'}: end it, or choose another folder with --dir\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/health", timeout=30) as answer:
            assert answer.status == 200
        os.kill(run.pid, signal.SIGKILL)
        run.wait(60)
        wait_until(lambda: not any("lighttpd" in words[0] or words[0].endswith("pkgmirror.fcgi") for words in processes_of(tree.parent / "run")),
                   "the servers to end")


def test_folders_that_cannot_be_written_are_told_in_a_line(tree):
    """One that another user made, as sudo does; one that cannot be made; sources on a read-only file system that need autoreconf."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="pkgmirror-quick-"))
    try:
        place.chmod(0o755)
        (place / "tree/deploy").mkdir(parents=True)
        for name in ("configure.ac", "Makefile.am", "deploy/quickstart"):
            shutil.copy2(TOP / name, place / "tree" / name)
        (place / "run/log").mkdir(parents=True)
        (place / "run").chmod(0o777)
        command = [place / "tree/deploy/quickstart", "--port", str(free_port()), "--dir"]
        nobody = ["setpriv", "--reuid=nobody", "--clear-groups"]
        read_only = ["unshare", "--mount", "sh", "-ec", f'mount --bind {place}/tree {place}/tree && mount -o remount,bind,ro {place}/tree && exec "$@"', "sh"]
        for before, folder, said in (
            (nobody, place / "run", f"{place}/run is not yours to write to: remove it, or choose another folder with --dir"),
            (nobody, place / "other", f"{place}/other cannot be made: choose another folder with --dir"),
            (read_only, place / "third", "the build failed"),
        ):
            done = subprocess.run([*before, *command, folder], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, cwd="/")
            assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1, done
        assert f"{place}/tree cannot be written to" in done.stdout
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize(
    "options, said",
    [
        (["--port", "0"], "is no port"),
        (["--port", "http"], "is no port"),
        (["--nonsense"], "usage:"),
        (["--port"], "usage:"),
    ],
)
def test_wrong_options_are_refused(tree, tmp_path, options, said):
    done = subprocess.run(
        [str(tree / "deploy/quickstart"), "--dir", str(tmp_path / "run"), *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
    )
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize("name, said", [("with a space", "may only have"), ("x" * 90, "is too long")])
def test_a_path_that_cannot_be_used_is_refused_before_it_is_made(tree, tmp_path, name, said):
    for place, folder in ((tmp_path / name, "/"), (name, tmp_path)):
        done = subprocess.run(
            [str(tree / "deploy/quickstart"), "--dir", str(place)], cwd=folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )
        assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use_is_named(tree, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [str(tree / "deploy/quickstart"), "--dir", str(tmp_path / "run"), "--port", str(port)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
        )
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
