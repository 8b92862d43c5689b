"""For everybody: names, contrast, keyboard, themes, phones."""
from answers import batch, explained, verdict
from browser import ENTER, ESCAPE, RIGHT, TAB
from pages import API, DRIFT
from edge import error
from run_server import check

INTERACTIVE = {"button", "link", "textbox", "combobox", "slider", "checkbox", "DisclosureTriangle", "progressbar",
               "image", "img", "region", "navigation", "listbox", "spinbutton"}

# Every visible text whose contrast with what is behind it is below 4.5, and controls below 24 pixels.
LOW_CONTRAST = """
    const channels = (text) => {
        const n = (text.match(/[\\d.]+(e-?\\d+)?/g) || []).map(Number);
        const [r, g, b, a = 1] = n;
        return text.startsWith('color(') ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
    };
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const light = (c) => c.slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (node) => {
        const layers = [];
        for (let at = node; at; at = at.parentElement)
            layers.push(channels(getComputedStyle(at).backgroundColor));
        return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim();
        const node = walker.currentNode.parentElement;
        if (!text || !node.checkVisibility({visibilityProperty: true}) || node.closest('.unseen, .skip, option, noscript'))
            continue;
        const back = behind(node);
        const style = getComputedStyle(node);
        const front = over(channels(style.color), back);
        const [low, high] = [light(front), light(back)].sort((a, b) => a - b);
        const contrast = (high + 0.05) / (low + 0.05);
        if (contrast < 4.5)
            found.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)} ${style.color}`);
    }
    return found;
"""

SMALL = """
    return [...document.querySelectorAll('button, select, input, summary, a')]
        .filter((n) => n.checkVisibility() && !n.closest('.unseen, p, .skip') && !n.matches('.unseen, .skip'))
        .map((n) => [n.outerHTML.slice(0, 60), n.getBoundingClientRect()])
        .filter(([, box]) => box.height < 24 || box.width < 24).map(([text]) => text);
"""


def empty(web):
    web.open("/")


def single(web):
    web.edge.answers.update({"/predict/explain": explained(), "/predict": verdict(threshold=0.5, quality=[
        {"flag": "over_compressed", "help": "fine traces are gone"}])})
    web.open("/")
    web.add_one()
    web.browser.wait("document.querySelector('.map')")
    web.browser.run("document.querySelectorAll('.developers details').forEach((n) => { n.open = true; });")


def failed(web):
    web.edge.answers["/predict"] = error(400, "Invalid image", "the file is no photo")
    web.open("/")
    web.add(web.photo("texture-jpeg", "shoe.jpg"))
    web.browser.wait_text("#verdict", "Invalid image")


def many(web):
    web.edge.answers["/predict/batch"] = batch
    web.open("/")
    web.add(*[web.photo("texture-jpeg", name) for name in (
        "a-90.jpg", "b-10.jpg", "c-bad.jpg", "a photo with a name that is far too long for any table-40.jpg")])
    web.browser.wait_text(".summary", "4 of 4")


def holding(web):
    web.edge.answers["/predict"] = error(429, "Too many requests", "", Retry_After=600)
    web.open("/")
    web.add(web.photo("texture-jpeg", "shoe.jpg"))
    web.browser.wait("!document.querySelector('#notice').hidden")


def status(web):
    web.edge.answers["/monitoring/drift"] = (200, DRIFT, {})
    web.open("/status")
    web.browser.wait("document.querySelectorAll('.meter').length && document.querySelector('#traffic svg')")


def docs(web):
    web.edge.answers["/openapi.json"] = (200, API, {})
    web.open("/docs")
    web.browser.wait("document.querySelector('.operation')")
    web.browser.run("document.querySelectorAll('.operation').forEach((n) => { n.open = true; });")
    web.browser.wait("document.querySelectorAll('.try').length === 3")


def docs_of_the_server(web):
    web.open("/docs")
    web.browser.wait("document.querySelector('.operation')")
    web.browser.run("document.querySelectorAll('.operation').forEach((n) => { n.open = true; });")
    web.browser.wait("document.querySelectorAll('.try').length === document.querySelectorAll('.operation').length")


def has_names(web):
    """Every control, picture and region has a name, by the browser's own reckoning."""
    web.browser.devtools("Accessibility.enable")
    nodes = [node for node in web.browser.devtools("Accessibility.getFullAXTree")["nodes"]
             if not node["ignored"] and node.get("role", {}).get("value") in INTERACTIVE]
    for node in nodes:
        check(node.get("name", {}).get("value", "").strip(), f"no name: {node}")
    check(len(nodes) > 8, f"only {len(nodes)} controls were looked at")


def has_contrast(web):
    for dark in (False, True):
        web.browser.set_dark(dark)
        web.browser.wait("!document.getAnimations().some((one) => one instanceof CSSTransition)")
        found = web.browser.run(LOW_CONTRAST)
        check(not found, f"{'dark' if dark else 'light'}: {found}")


def fits_a_phone(web):
    for width in (320, 390):
        web.browser.set_size(width, 844, mobile=True)
        wide = web.browser.run("return document.documentElement.scrollWidth;")
        check(wide <= width, f"{wide} pixels on {width}")
        found = web.browser.run(SMALL)
        check(not found, f"too small to touch: {found}")


def is_well_formed(web):
    levels = web.browser.run("""return [...document.querySelectorAll('h1,h2,h3,h4')]
        .filter((n) => n.checkVisibility()).map((n) => Number(n.tagName[1]));""")
    check(all(after <= before + 1 for before, after in zip([0] + levels, levels)), f"headings: {levels}")
    twice = web.browser.run("""const ids = [...document.querySelectorAll('[id]')].map((n) => n.id);
        return ids.filter((id, i) => ids.indexOf(id) !== i);""")
    check(not twice, f"used twice: {twice}")
    marks = web.browser.run("""return ['main', 'header', 'footer', 'nav', 'h1', 'html[lang=en]']
        .filter((selector) => !document.querySelector(selector));""")
    check(not marks, f"no {marks}")
    lost = web.browser.run("""return [...document.querySelectorAll('[aria-labelledby], [aria-describedby], label[for]')]
        .flatMap((n) => [n.getAttribute('aria-labelledby'), n.getAttribute('aria-describedby'), n.htmlFor])
        .filter((id) => id && !document.getElementById(id));""")
    check(not lost, f"nothing is called {lost}")
    check(web.browser.run("return document.title;").startswith("aidetect: "), "the title")


def tried(view):
    def test(web):
        view(web)
        for holds in (has_names, is_well_formed, has_contrast, fits_a_phone):
            holds(web)
    return test


test_empty, test_single, test_failed, test_many, test_holding = map(tried, (empty, single, failed, many, holding))
test_status, test_docs, test_docs_of_the_server = map(tried, (status, docs, docs_of_the_server))


def test_the_contrast_check_can_fail(web):
    web.browser.run("document.querySelector('h1').style.color = '#bbb';")
    check(len(web.browser.run(LOW_CONTRAST)) == 1, "a pale heading was not noticed")


def test_the_system_decides_between_light_and_dark(web):
    paper = "return getComputedStyle(document.body).backgroundColor;"
    light = web.browser.run(paper)
    web.browser.set_dark(True)
    dark = web.browser.run(paper)
    check(light == "rgb(248, 247, 244)" and dark == "rgb(19, 21, 24)", f"{light} {dark}")


def test_the_choice_of_a_theme_lasts(web):
    web.browser.click("#theme option[value=dark]")
    web.open("/status")
    check(web.browser.run("return getComputedStyle(document.body).backgroundColor;") == "rgb(19, 21, 24)", "light")
    check(web.browser.run("return document.querySelector('#theme').value;") == "dark", "the choice is not shown")
    web.browser.click("#theme option[value=system]")
    check(web.browser.run("return getComputedStyle(document.body).backgroundColor;") == "rgb(248, 247, 244)", "dark")


FOCUS = "(document.activeElement.id || document.activeElement.className || document.activeElement.tagName)"


def test_tab_goes_through_the_page_in_order(web):
    order = []
    for _ in range(9):
        web.browser.press(TAB)
        order.append(web.browser.run("return document.activeElement.textContent.trim().slice(0, 16);"))
    check(order[:6] == ["Skip to content", "aidetect", "Check", "Status", "API", "API key"], order)
    check(order[7:] == ["Choose photos", "Choose a folder"], order)


def test_the_skip_link_skips(web):
    web.browser.press(TAB)
    check(web.browser.run("return document.activeElement.getBoundingClientRect().top >= 0;"), "it is not seen")
    web.browser.press(ENTER)
    web.browser.press(TAB)
    check(web.browser.run(f"return {FOCUS};") == "choose", web.browser.run(f"return {FOCUS};"))


def test_focus_is_seen(web):
    web.browser.press_until(TAB, f"{FOCUS} === 'choose'")
    width = web.browser.run("return getComputedStyle(document.activeElement).outlineWidth;")
    check(width == "3px", width)


def test_a_whole_visit_with_the_keyboard(web):
    web.edge.answers.update({"/predict": verdict(), "/predict/explain": explained(), "/predict/batch": batch})
    browser = web.browser
    browser.devtools("Page.setInterceptFileChooserDialog", enabled=True)
    browser.press_until(TAB, f"{FOCUS} === 'choose'")
    browser.press(ENTER)  # the system's own dialog is not ours to test
    browser.devtools("Page.setInterceptFileChooserDialog", enabled=False)
    web.add_one()
    browser.wait("document.querySelector('.map')")
    browser.press_until(TAB, f"{FOCUS} === 'opacity'")
    browser.press(RIGHT)
    check(browser.text(".slider output") == "65 %", browser.text(".slider output"))
    browser.press_until(TAB, "document.activeElement.tagName === 'SUMMARY'")
    browser.press(ENTER)
    check(browser.run("return document.querySelector('.developers details').open;"), "the JSON stays closed")
    web.add(web.photo("texture-jpeg", "a-20.jpg"), web.photo("texture-jpeg", "b-10.jpg"))
    browser.wait_text(".summary", "3 of 3")
    browser.press_until(TAB, "document.activeElement.closest('.column-probability')")
    browser.press(ENTER)
    check(browser.texts("tbody th") == ["b-10.jpg", "a-20.jpg", "shoe.jpg"], browser.texts("tbody th"))
    browser.press_until(TAB, "document.activeElement.className === 'open'")
    browser.press(ENTER)
    browser.wait_text("figcaption", "b-10.jpg")
    check(browser.run(f"return {FOCUS};") == "verdict", browser.run(f"return {FOCUS};"))


def test_escape_closes_the_key_panel(web):
    web.browser.click(".key summary")
    web.browser.wait(f"{FOCUS} === 'key'")
    web.browser.press(ESCAPE)
    check(not web.browser.run("return document.querySelector('.key').open;"), "it is open")
    check(web.browser.run("return document.activeElement.tagName;") == "SUMMARY", "the focus is lost")


def test_less_motion_when_asked_for(web):
    web.browser.devtools("Emulation.setEmulatedMedia",
                         features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    web.browser.run("document.body.append(Object.assign(document.createElement('div'), {className: 'scanning', id: 'probe'}));")
    name = web.browser.run("return getComputedStyle(document.querySelector('#probe'), '::after').animationName;")
    check(name == "none", name)
