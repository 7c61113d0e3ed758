"""The README's "Watch a sender fail and recover", followed to the letter, with the pictures that it shows."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from tests.browser import chromium
from tests.fake_backend.on_page import opened, requests_of, row, told
from tests.readme import README, ROOT, URL, backend, shell

pytestmark = [pytest.mark.one_python, pytest.mark.no_cover]

SECTION = README.partition("## Watch a sender fail and recover")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"^```sh\n(.*?)^```", SECTION, flags=re.MULTILINE | re.DOTALL)
CLICKS = re.findall(r"click \*\*(.*?)\*\*", SECTION, flags=re.IGNORECASE)
PICTURES = dict(re.findall(r"(docs/images/watch-(\w+)\.png)", SECTION))


def test_the_readme_shows_how_a_sender_fails_and_recovers() -> None:
    """Its commands and its clicks lead to what its pictures show; with SENDPROOF_SCREENSHOTS=1 they are made anew."""
    installing, send = COMMANDS
    start = installing.splitlines()[-1]
    looks: list[Any] = ["light", "dark"]
    assert list(PICTURES.values()) == ["dark", "light"]
    assert CLICKS == ["Lose the next answer", "503 for the next 3 requests"]
    with chromium() as browser, backend(start) as url:
        screens = [opened(browser, url, color_scheme=look, height=860, device_scale_factor=1.5) for look in looks]
        with screens[0] as light, screens[1] as dark, shell(send.replace(URL, url)):
            row(light, "event 2").wait_for()
            light.get_by_role("button", name=CLICKS[0]).click()
            row(light, "no answer").wait_for()
            ((sent, _, *did),) = told(row(light, "no answer"))
            assert did == ["1 accepted", "reset_peer after-accept"]
            last = int(sent.split()[-1])
            next_ones = re.compile(rf"events? {last + 1}\b.*200 up to", flags=re.DOTALL)
            requests_of(light).filter(has_text=next_ones).wait_for()
            said = told(requests_of(light))
            lost = next(at for at, (_, got, *_) in enumerate(said) if got == "no answer")
            assert said[lost + 1] == ("sync", f"200 up to {last}", "tells how far it is", "")
            assert next_ones.match(" ".join(said[lost + 2]))
            light.get_by_role("button", name=CLICKS[1]).click()
            light.get_by_text("2 spent").wait_for()
            row(light, "503").nth(2).wait_for()
            requests_of(light).last.filter(has_text="accepted").wait_for()
            said = told(requests_of(light))
            refused = [each for each in said if each[1].startswith("503 ")]
            assert refused == [("body not read", refused[0][1], "nothing taken", "status 503 before-accept")] * 3
            after = said[said.index(refused[-1]) + 3 :]
            assert after[0][0].startswith("event")
            assert after[0][1].startswith("200 up to")
            assert not any("duplicate" in taken for _, _, taken, _ in said)
            if os.environ.get("SENDPROOF_SCREENSHOTS") == "1":
                for look, page in zip(looks, (light, dark), strict=True):
                    page.mouse.move(0, 0)
                    page.evaluate("document.activeElement.blur()")
                    page.screenshot(path=ROOT / "docs" / "images" / f"watch-{look}.png")


@pytest.mark.parametrize("picture", PICTURES)
def test_the_pictures_of_the_readme_are_there(picture: str) -> None:
    """As PNG files."""
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")
