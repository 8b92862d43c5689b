"""Nothing from elsewhere, nothing inline, nothing on the console."""
from run_server import check


def visit_everything(web):
    web.open("/")
    web.add_one()
    web.browser.wait("document.querySelector('.map')?.naturalWidth")
    web.add(web.photo("texture-png", "a.png"), web.photo("texture-webp", "b.webp"))
    web.browser.wait_text(".summary", "3 of 3")
    web.open("/status")
    web.browser.wait("document.querySelector('#drift .value') && document.querySelector('#traffic svg')")
    web.open("/docs")
    web.browser.wait("document.querySelector('.operation')")
    web.browser.run("document.querySelectorAll('.operation').forEach((n) => { n.open = true; });")
    web.browser.wait("document.querySelectorAll('.try').length === document.querySelectorAll('.operation').length")


def test_the_console_stays_empty(web):
    visit_everything(web)
    said = web.browser.console()
    check(not said, said)


def test_no_request_leaves_the_origin(web):
    visit_everything(web)
    urls = web.browser.requested()
    foreign = [url for url in urls if not url.startswith((web.edge.url + "/", f"blob:{web.edge.url}/"))]
    check(not foreign, foreign)
    check(len(urls) > 20, f"only {len(urls)} requests were seen")


def test_the_policy_forbids_what_is_inline(web):
    for path in ("/", "/status", "/docs"):
        web.open(path)
        web.browser.run("""
            window.broken = [];
            document.addEventListener('securitypolicyviolation', (event) => window.broken.push(event.effectiveDirective));
            document.body.append(Object.assign(document.createElement('style'), {textContent: 'h1 {color: red}'}));
            const image = document.createElement('img');
            image.src = 'http://127.0.0.1:9/x.png';
            document.body.append(image);
        """)
        web.browser.wait("window.broken.length === 2")
        broken = sorted(web.browser.run("return window.broken;"))
        check(broken == ["img-src", "style-src-elem"], f"{path}: {broken}")
        thrown = web.browser.run("try { document.body.innerHTML = '<b>x</b>'; return ''; } catch (e) { return e.name; }")
        check(thrown == "TypeError", "markup from a string was let in")


def test_files_are_asked_for_again_but_not_sent_again(web):
    web.open("/")
    web.edge.requests.clear()
    web.open("/")
    again = [fields for _, path, fields in web.edge.requests if path == "/web/page.css"]
    check(again and all("If-None-Match" in fields for fields in again), again)
