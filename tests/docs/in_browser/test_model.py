"""The model on its way into the page, and what the page and its thread are not let do."""

import shutil

import pytest

from serving import served

SENDING = """const tried = `fetch(${JSON.stringify(given[0])}, { mode: "no-cors" })
  .then(() => "sent", (error) => error.name)`;
const text = `${tried}.then(postMessage)`;
const thread = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
const inThread = new Promise((resolve) => { thread.onmessage = ({ data }) => resolve(data); });
const element = document.createElement("img");
const inPage = new Promise((resolve) => {
  element.onload = () => resolve("sent");
  element.onerror = () => resolve("refused");
});
element.src = given[0];
const asked = fetch(given[0], { mode: "no-cors" }).then(() => "sent", (error) => error.name);
return [await inPage, await asked, await inThread];"""


def test_the_browser_lets_neither_the_page_nor_its_thread_ask_another_host(opened, tmp_path):
    with served(tmp_path) as other:
        answers = opened.script(SENDING, f"{other.base}/voice.png")
        assert answers == ["refused", "TypeError", "TypeError"]
        assert other.asked == []
    assert "Content Security Policy" in str(opened.until(lambda: opened.driver.get_log("browser")))
    list(opened.requests())


def test_a_browser_without_webassembly_is_told_of(page, server):
    hidden = page.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "delete globalThis.WebAssembly"}
    )
    page.driver.get("about:blank")
    page.driver.get(f"{server.base}/#compare")
    page.until(lambda: "no WebAssembly" in page.text("#health"))
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", hidden)


@pytest.mark.parametrize(
    ("missing", "words"),
    [("model.onnx", "as model.onnx does not come"), ("thread.js", "cannot run the model")],
)
def test_a_site_that_is_not_whole_is_told_of(page, site, tmp_path, missing, words):
    shutil.copytree(site, tmp_path / "site", ignore=shutil.ignore_patterns(missing))
    with served(tmp_path / "site") as poor:
        page.base = poor.base
        page.driver.get(poor.base)
        page.until(lambda: words in page.text("#health"))
        list(page.requests())
    page.driver.get_log("browser")
