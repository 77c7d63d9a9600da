"""The files beside the programs: units, users, and the manual page of the configuration, each against what it speaks of."""

import re

import pytest

from lib.process import BUILD, TOP, run

SYSTEMD = TOP / "deploy/systemd"
# What systemd-analyze security may find at most, of 10. The one that reloads web servers must be root.
EXPOSURE = {"pkgmirror-acme.service": 3.5, "pkgmirror-fetch.service": 1.5}
SECTIONS = {"ROOT_KEYS": "KEYS OF THE INSTANCE", "TOOLCHAINS_KEYS": "SECTION toolchains", "RULE_KEYS": "SECTIONS package AND artifact",
            "WARMER_KEYS": "SECTION warmer", "SITE_KEYS": "SECTION site"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("places")
    run(["make", "-C", BUILD, "install", f"DESTDIR={root}", "prefix=/opt/mirror", "sysconfdir=/opt/etc", "localstatedir=/opt/var"], timeout=300)
    return root


@pytest.mark.parametrize("unit", sorted(path.name for path in SYSTEMD.glob("*.service")))
def test_service_is_confined(unit):
    # The status of systemd-analyze is the exposure itself.
    said = run(["systemd-analyze", "security", "--offline=true", f"./{unit}"], status=None, cwd=SYSTEMD).stdout
    exposure = float(re.search(rf"exposure level for {unit}: ([0-9.]+)", said).group(1))
    assert exposure <= EXPOSURE.get(unit, 0.6), said


def test_units_are_right_and_name_what_is_installed(installed):
    units = installed / "opt/mirror/lib/systemd/system"
    assert {path.name for path in units.iterdir()} == {path.name for path in SYSTEMD.iterdir() if path.suffix in (".service", ".socket", ".timer")}
    for unit in units.iterdir():
        text = unit.read_text()
        assert not re.search(r"/usr/(sbin|libexec|share)/pkgmirror|[ =]/(etc|var/lib|var/log)/pkgmirror", text), f"{unit.name} names another place"
        for program in re.findall(r"^Exec\w+=(/opt\S+)", text, re.MULTILINE):
            assert (installed / program[1:]).is_file(), f"{unit.name}: {program}"
        for page, section in re.findall(r"man:(\S+)\((\d)\)", text):
            assert (installed / f"opt/mirror/share/man/man{section}/{page}.{section}").is_file()
        if unit.suffix == ".timer":
            assert unit.with_suffix(".service").exists()
    # What systemd itself finds wrong: unknown keys and values. Programs and pages are not where it looks.
    found = run(["systemd-analyze", "verify", "--man=no", *units.iterdir()], status=None).stderr
    found = [line for line in found.splitlines() if str(units) in line and "is not executable" not in line]
    assert found == []


def test_users_folders_and_logs_are_in_their_places(installed):
    assert (installed / "opt/mirror/lib/sysusers.d/pkgmirror.conf").read_text().split("\n")[1] == 'u pkgmirror - "pkgmirror" /opt/var/lib/pkgmirror'
    folders = (installed / "opt/mirror/lib/tmpfiles.d/pkgmirror.conf").read_text()
    assert re.search(r"^d /opt/var/lib/pkgmirror +0755 pkgmirror pkgmirror", folders, re.MULTILINE)
    assert (installed / "opt/etc/logrotate.d/pkgmirror").is_file()
    lua = (installed / "opt/mirror/share/pkgmirror/deploy/lighttpd/rate-limit.conf").read_text()
    assert "/opt/mirror/share/pkgmirror/deploy/lighttpd/rate-limit.lua" in lua


def test_every_file_for_servers_is_installed(installed):
    there = {str(path.relative_to(installed / "opt/mirror/share/pkgmirror")) for path in (installed / "opt/mirror/share/pkgmirror/deploy").rglob("*")}
    for folder in ("apache", "caddy", "examples", "lighttpd", "nginx"):
        assert {f"deploy/{folder}/{path.name}" for path in (TOP / "deploy" / folder).iterdir()} <= there


# ---- pkgmirror.conf(5) against the table of settings ----------------------------------------------------------------------------


def settings():
    """The keys and defaults of the table in mirror/config.c, by its arrays."""
    source = (TOP / "mirror/config.c").read_text()
    tables = re.findall(r"static const struct key (\w+)\[\] = \{(.*?)\};", source, re.DOTALL)
    return {name: re.findall(r'\{"(\w+)", (NULL|"[^"]*")\}', body) for name, body in tables}


def page():
    """The keys of the manual page by section, each with its text."""
    found, section, key = {}, None, None
    for line in (TOP / "man/pkgmirror.conf.5").read_text().splitlines():
        if line.startswith(".Sh "):
            section, key = line[4:], None
            found[section] = {}
        elif line.startswith(".It Ic "):
            key = line.split()[2]
            found[section][key] = ""
        elif key is not None:
            found[section][key] += line + "\n"
    return found


def test_manual_has_every_key_and_no_other():
    tables, sections = settings(), page()
    assert set(tables) == set(SECTIONS)
    for table, section in SECTIONS.items():
        assert [key for key, _ in tables[table]] and set(sections[section]) == {key for key, _ in tables[table]}, section


def test_manual_says_the_default_of_every_key():
    for table, section in SECTIONS.items():
        for key, default in settings()[table]:
            text = page()[section][key].replace("\\-", "-")
            value = default.strip('"')
            if default == "NULL" or value == "":
                continue
            assert value in text or key == "public_key", f"{section}: the default of {key}, {value}, is not told"
