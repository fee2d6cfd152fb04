"""The browser that tests drive: found on this machine, or installed. `python -m tests.browser.provide` before the tests.

In this order: PORTAL_CHROMIUM, a Chromium or Chrome on the PATH, the one that Playwright has downloaded, a new one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def works(browser: str) -> bool:
    """Whether it starts. Some systems have a script of that name which only says where to get one."""
    try:
        return subprocess.run([browser, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def candidates() -> Iterator[str]:
    if chosen := os.environ.get("PORTAL_CHROMIUM"):
        yield chosen
        return
    for name in NAMES:
        if path := shutil.which(name):
            yield path
    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def found() -> Path | None:
    """The browser to drive, None where there is none."""
    return next((Path(path) for path in candidates() if works(path)), None)


def install() -> None:
    """Fetch one: the system's package where we may install it, else Playwright's own build. Their output is the operator's."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "-qq", "update"], env=quiet, check=False)
        subprocess.run(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", "chromium"], env=quiet, check=False)
        if found():
            return
    with_libraries = ["--with-deps"] if os.geteuid() == 0 else []
    subprocess.run([sys.executable, "-m", "playwright", "install", *with_libraries, "chromium"], check=False)


def main() -> int:
    if not found() and "PORTAL_CHROMIUM" not in os.environ:
        print("Installing Chromium for the browser tests")
        install()
    browser = found()
    if browser is None:
        print("The browser tests need Chromium, and none could be found or installed.", file=sys.stderr)
        print("Install Chromium or Chrome, or set PORTAL_CHROMIUM to the path of one that starts.", file=sys.stderr)
        return 1
    print(f"Browser: {browser}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
