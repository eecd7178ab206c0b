"""The gallery: one page of several runs, which a browser shows without a network and without an error."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from geodrift.testing.command import command

# Works the page as a reader does, and writes what came of it into the document.
READER = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("load", () => setTimeout(() => {
  const pages = [...document.querySelectorAll("iframe")].map((frame) => frame.contentDocument);
  const find = (query) => pages.map((page) => page.querySelector(query)).find((found) => found);
  const choice = find("select[data-sorts]"), bar = find("input[data-slices]");
  const order = () => [...choice.closest("section").querySelectorAll("figcaption b")].map((b) => b.textContent);
  const before = order();
  choice.value = "Weight, Da";
  choice.dispatchEvent(new Event("change"));
  const place = bar.previousElementSibling.style.backgroundPosition;
  bar.value = 0;
  bar.dispatchEvent(new Event("input"));
  const weights = [...choice.closest("section").querySelectorAll("[data-values]")]
    .map((card) => JSON.parse(card.dataset.values)["Weight, Da"]);
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = JSON.stringify({
    errors, before, after: order(), weights, moved: [place, bar.previousElementSibling.style.backgroundPosition],
    canvases: pages.reduce((sum, page) => sum + page.querySelectorAll("canvas").length, 0),
    loaded: pages.flatMap((page) => page.defaultView.performance.getEntriesByType("resource").map((e) => e.name))
      .filter((name) => !name.startsWith("data:")),
  });
  document.body.append(result);
}, 500));
</script>
"""
RUNS = {
    "molecules": ("graphs", "--preset", "qm9", "-n", 6, "--steps", 8),
    "crystals": ("crystals", "--preset", "perov-csp", "-n", 3, "--steps", 4, "--condition", "formula=SrTiO3"),
    "brains": ("mri3d", "--preset", "ixi-4mm", "-n", 2, "--steps", 2),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    for name, words in RUNS.items():
        assert command("generate", *words, "--quiet", "--out", folder / name).code == 0
    result = command("gallery", *(folder / name for name in RUNS), "--out", folder / "gallery.html")
    assert (result.code, result.output.strip()) == (0, str(folder / "gallery.html"))
    return folder / "gallery.html"


def test_it_shows_every_run_below_its_command(page: Path) -> None:
    text = page.read_text()
    assert text.count("<iframe") == 3
    assert "geodrift generate crystals --preset perov-csp -n 3 --steps 4 --condition formula=SrTiO3 --quiet" in text
    assert not re.search(r"(src|href)=.?https?:", text)


def test_what_is_no_run_is_refused(page: Path, tmp_path: Path) -> None:
    assert command("gallery", tmp_path, "--out", tmp_path / "a.html").code == 2
    assert command("gallery", page.parent / "brains", "--out", tmp_path / "a.txt").code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_reader_can_work_with_it(page: Path, tmp_path: Path) -> None:
    said = read(page, tmp_path)
    assert (said["errors"], said["loaded"]) == ([], [])
    assert sorted(said["before"]) == sorted(said["after"])
    assert said["before"] == [str(number) for number in range(6)]
    assert said["weights"] == sorted(said["weights"], reverse=True)
    assert said["moved"][0] != said["moved"][1]
    assert said["canvases"] == 3


def read(page: Path, folder: Path) -> Any:
    """What the reader found."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    worked = folder / "worked.html"
    worked.write_text(page.read_text().replace("<body>", f"<body>{READER}"))
    options = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=20000",
        f"--user-data-dir={folder}/profile",
    )
    unplugged = "--host-resolver-rules=MAP * ~NOTFOUND"
    words = [browser, *options, unplugged, "--dump-dom", worked.as_uri()]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r'<pre id="result">(.*?)</pre>', shown, re.DOTALL)
    assert found, "the page did not come to its end"
    return json.loads(found[1].replace("&amp;", "&").replace("&gt;", ">").replace("&lt;", "<"))
