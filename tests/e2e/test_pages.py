"""The pages for people, in a real browser on the real stack."""

import urllib.parse

import pytest

from lib.browser import Browser
from lib.lighttpd import Lighttpd
from lib.waiting import wait_until
from lib.zig import file_name

RULES = """
package "mach" {
  path     = "/mach/{ref}.tar.gz"
  upstream = "https://forge.example/mach/archive/{ref}.tar.gz"
}
"""


@pytest.fixture
def browse(tmp_path):
    """Opens a browser: browse(url, width=…, dark=…, scripts=…)."""
    opened = []

    def open_page(url, **how):
        opened.append(Browser(tmp_path / f"browser{len(opened)}", **how))
        return opened[-1].open(url)

    yield open_page
    for browser in opened:
        browser.close()


@pytest.fixture
def stack(make_mirror, site):
    """A mirror that has its index, one file, and one failure."""
    mirror = make_mirror(extra=RULES, status_access="open")
    assert mirror.get("/zig/index.json").status == 200
    assert mirror.get(f"/zig/{file_name('0.14.1')}").status == 200
    assert mirror.get("/zig/zig-x86_64-linux-0.99.0.tar.xz").status == 404
    return mirror


@pytest.mark.parametrize("page", ["/", "/-/status"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_is_clean_at_any_width(stack, browse, page, dark):
    browser = browse(stack.url + page, width=360, dark=dark)
    assert browser.violations() == []
    assert browser.script("return document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways on a phone"
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                   {"width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": False})
    assert browser.violations() == []
    ground = browser.script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(n) for n in ground[4:-1].split(",")) < 380) == dark
    assert {urllib.parse.urlsplit(url).netloc for url in browser.requested() if url.startswith("http")} == {f"127.0.0.1:{stack.port}"}
    assert [line for line in browser.complaints() if "favicon" not in line] == []


def test_visitor_is_offered_the_own_platform_and_gets_the_file(stack, browse, site):
    browser = browse(stack.url + "/")
    link = browser.find("a.download")[0]
    assert link.text == "Zig 0.14.1 for x86_64-linux"
    target = urllib.parse.urlsplit(link.get_attribute("href")).path
    assert target == f"/zig/{file_name('0.14.1')}"
    assert stack.get(target).body == site.body(file_name("0.14.1"))
    first = browser.find("tbody tr th")[0]
    assert first.text.startswith("x86_64-linux")


def test_every_link_and_digest_of_the_front_page_is_true(stack, site):
    page = stack.get("/").text
    for version in ("0.14.1", "0.15.0-dev.621+a63f7875f"):
        for target in ("src", "bootstrap", "x86_64-linux", "aarch64-macos", "x86_64-windows"):
            name = file_name(version, target)
            assert f'href="{stack.url}/zig/{name}"' in page
            assert f'href="{stack.url}/zig/{name}.minisig"' in page
    for entry in (site.index["0.14.1"], site.index["master"]):
        for part in entry.values():
            if isinstance(part, dict):
                assert part["shasum"] in page


def test_copy_button_copies_the_commands(stack, browse):
    browser = browse(stack.url + "/")
    browser.driver.execute_cdp_cmd("Browser.grantPermissions", {
        "origin": stack.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
    button = browser.find(".copy button")[0]
    button.click()
    wait_until(lambda: button.text == "Copied", "the button to say so")
    text = browser.wait_script("const done = arguments[0]; navigator.clipboard.readText().then(done, e => done(String(e)))")
    assert text == browser.find(".copy code")[0].text
    assert text.startswith(f"curl -fO {stack.url}/zig/")


def test_page_reads_well_without_scripts(stack, browse):
    browser = browse(stack.url + "/", scripts=False)
    assert browser.find(".copy button") == []
    text = browser.find("body")[0].text
    for words in ("curl -fO", "minisign -Vm", "mlugg/setup-zig", f"zig fetch --save {stack.url}/mach/", "Zig 0.14.1 for x86_64-linux"):
        assert words in text


def test_status_shows_what_there_is_and_what_failed(stack, browse):
    browser = browse(stack.url + "/-/status")
    text = browser.find("main")[0].text
    assert "zig/zig-x86_64-linux-0.99.0.tar.xz" in text and "upstream answered 404" in text
    assert "2\nfiles" in text  # and its signature
    assert browser.find("svg.chart rect title")[0].get_attribute("textContent").endswith("2 files, 200.3 kB")


def test_front_page_answers_before_there_is_any_state(make_mirror, mode):
    mirror = make_mirror(front=Lighttpd(mode), offline=True)
    answer = mirror.get("/")
    assert answer.status == 200 and "has not seen an index yet" in answer.text
    assert mirror.head("/").status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
    assert answer.text.count(f'nonce="{nonce}"') == 2
    assert nonce not in mirror.get("/").text


def test_status_is_for_this_machine_alone_unless_opened(make_mirror, mode):
    stranger = Lighttpd(mode, extra='server.modules += ( "mod_extforward" )\nextforward.forwarder = ( "all" => "trust" )\n')
    mirror = make_mirror(front=stranger)
    for page in ("/-/status", "/-/metrics"):
        assert mirror.get(page).status == 200
        refused = mirror.get(page, {"X-Forwarded-For": "192.0.2.7"})
        assert refused.status == 404 and "status_access" in refused.text
    assert mirror.get("/-/health", {"X-Forwarded-For": "192.0.2.7"}).status == 200


def test_name_text_and_logo_are_the_operators(make_mirror, tmp_path):
    picture = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
    (tmp_path / "logo.svg").write_bytes(picture)
    mirror = make_mirror(extra=f"""site {{
  name = "Zig <mirror> & friends"
  text = "Run by the \\"night\\" shift."
  contact = "mailto:zig@example.org"
  logo = "{tmp_path}/logo.svg"
}}
""")
    page = mirror.get("/").text
    assert "<h1>Zig &lt;mirror&gt; &amp; friends</h1>" in page
    assert 'Run by the "night" shift.' in page and 'href="mailto:zig@example.org"' in page
    assert f'<img src="{mirror.url}/-/logo" alt="">' in page
    logo = mirror.get("/-/logo")
    assert (logo.status, logo.headers["Content-Type"], logo.body) == (200, "image/svg+xml", picture)
    assert mirror.get("/-/logo", {"If-None-Match": logo.headers["ETag"]}).status == 304


def test_own_template_is_used_and_a_broken_one_is_not(make_mirror, tmp_path):
    own = tmp_path / "landing.html"
    own.write_text("<title>{{text site}}</title>{{each rules}}{{text name}}{{else}}no rules{{end}}")
    mirror = make_mirror(extra=f'site {{\n  templates = "{tmp_path}"\n}}\n')
    assert mirror.get("/").text == f"<title>127.0.0.1:{mirror.port}</title>no rules"
    for broken in ("{{text nobody}}", "{{each rules}}", "x" * 300_000):
        own.write_text(broken)
        assert "Why you need not trust this mirror" in mirror.get("/").text
    assert "a value is not known" in mirror.log("responder.log") and "a block has no end" in mirror.log("responder.log")
