"""Nothing from elsewhere, nothing inline, nothing on the console."""
from answers import explained
from run_server import check


def visit_everything(web):
    web.edge.answers.update({"/predict/explain": explained(),
                             "/monitoring/drift": (200, {"window_size": 3, "drift_detected": None}, {}),
                             "/openapi.json": (200, {"openapi": "3.1.0", "paths": {}}, {})})
    web.open("/")
    web.add_one()
    web.browser.wait("document.querySelector('.map')?.naturalWidth")
    web.browser.run("document.querySelector('.map').decode();")
    web.open("/status")
    web.browser.wait_text("#drift", "3")
    web.open("/docs")
    web.browser.wait("!document.querySelector('#docs').hidden")


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
