"""What make install puts where, and how the programs are linked."""

import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PKGMIRROR_BUILD", TOP / "build/test"))
PROGRAMS = ["libexec/pkgmirror/pkgmirror.fcgi", "libexec/pkgmirror/pkgmirror-fetch", "sbin/pkgmirror-warm"]
SCRIPTS = ["bin/pkgmirror-inspect", "sbin/pkgmirror-acme"]


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A DESTDIR with what make install put there, below the configured prefix."""
    root = tmp_path_factory.mktemp("install")
    done = subprocess.run(
        ["make", "-C", str(BUILD), "install", f"DESTDIR={root}", "prefix=/usr"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return root / "usr"


def test_programs_are_in_their_places(installed):
    for name in PROGRAMS + SCRIPTS:
        assert os.access(installed / name, os.X_OK)


def test_each_manual_page_is_installed(installed):
    pages = sorted(path.name for path in (TOP / "man").glob("*.[1-8]"))
    assert pages
    for name in pages:
        assert (installed / "share/man" / f"man{name[-1]}" / name).is_file()


def test_each_program_and_each_page_that_is_named_has_its_manual(installed):
    named = {f"{name}({section})" for name, section in re.findall(r"(pkgmirror[-.a-z]*)\((\d)\)", (TOP / "README.md").read_text())}
    for page in (TOP / "man").iterdir():
        text = page.read_text().replace("\\-", "-")
        named |= {f"{name}({section})" for name, section in re.findall(r"^\.Xr (pkgmirror\S*) (\d)", text, re.MULTILINE)}
        named |= {f"{name}({section})" for name, section in re.findall(r"^\.BR (pkgmirror\S*) \((\d)\)", text, re.MULTILINE)}
    there = {f"{path.stem}({path.suffix[1:]})" for path in installed.glob("share/man/man*/*")}
    assert named - there == set()
    programs = {pathlib.Path(name).name for name in PROGRAMS + SCRIPTS}
    assert programs - {page.split("(")[0] for page in there} == set()
    # And each page is of something that is there.
    assert {page.split("(")[0] for page in there} - programs == {"pkgmirror.conf"}
    assert (TOP / "deploy/debian/pkgmirror.conf").is_file()


def test_documents_are_installed(installed):
    documents = {path.name for path in (TOP / "docs").iterdir()} | {"README.md", "SECURITY.md"}
    assert {path.name for path in (installed / "share/doc/pkgmirror").iterdir()} == documents
    pages = [path.read_text() for path in (TOP / "man").iterdir()]
    assert all("operations.md" in page for page in pages)


def test_sections_that_a_page_refers_to_are_there():
    for page in (TOP / "man").iterdir():
        text = page.read_text()
        heads = {head.strip('"').upper() for head in re.findall(r"^\.S[Hh] (.*)$", text, re.MULTILINE)}
        named = {name.upper() for name in re.findall(r"^\.Sx ([^.,;]*?)(?: [.,;)])?$", text, re.MULTILINE)}
        named |= set(re.findall(r"\bsee (?:\.BR )?([A-Z]{4,})\b", text.replace("\n", " ")))
        assert named - heads == set(), page.name


def test_no_library_of_ours_is_installed(installed):
    assert [str(path) for path in installed.rglob("*.a")] == []
    assert [str(path) for path in installed.rglob("*.h")] == []


def test_responder_links_neither_curl_nor_openssl(installed):
    libraries = output_of("ldd", str(installed / "libexec/pkgmirror/pkgmirror.fcgi"))
    assert "libfcgi" in libraries and "libsqlite3" in libraries
    assert not re.search(r"libcurl|libssl|libcrypto|libarchive", libraries)


def test_warmer_does_not_link_curl(installed):
    libraries = output_of("ldd", str(installed / "sbin/pkgmirror-warm"))
    assert "libsqlite3" in libraries and "libcrypto" in libraries and "libsodium" in libraries
    assert not re.search(r"libcurl|libssl|libfcgi", libraries)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_hardened(installed, name):
    program = str(installed / name)
    assert re.search(r"Type:\s+DYN", output_of("readelf", "-hW", program)), "no position independent executable"
    headers = output_of("readelf", "-lW", program)
    assert "GNU_RELRO" in headers
    assert re.search(r"GNU_STACK\s.*\sRW\s", headers), "the stack can be executed"
    assert "NOW" in output_of("readelf", "-dW", program)


def test_inspect_and_its_queries_are_installed(installed):
    names = sorted(path.name for path in (TOP / "sql/queries").glob("*.sql"))
    assert sorted(path.name for path in (installed / "share/pkgmirror/queries").iterdir()) == names
    program = installed / "bin/pkgmirror-inspect"
    assert os.access(program, os.X_OK) and not re.search(r"@\w+@", program.read_text())
    listed = subprocess.run(
        [program], check=True, capture_output=True, text=True, env={**os.environ, "PKGMIRROR_QUERIES": str(installed / "share/pkgmirror/queries")})
    assert len(listed.stdout.splitlines()) == len(names)
