"""`make pdf`: each page of the built book as a PDF, printed by the browser into `_build/pdf`."""

import shutil
import sys
import time

from tools import browser
from tools.steps import fail, say

PDF = browser.ROOT / "_build" / "pdf"
FOOT = (
    "<div style='font: 7pt sans-serif; color: #555; width: 100%; padding: 0 16mm; display: flex; "
    "justify-content: space-between'><span class='title'></span><span class='pageNumber'></span></div>"
)
MARGINS = {"top": "16mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
WIDTH = 673  # CSS pixels between the margins: charts are drawn for it


def write(page, path) -> None:
    """The page, which stands, as A4 with its title and the page's number in the footer."""
    page.pdf(
        path=path,
        format="A4",
        margin=MARGINS,
        display_header_footer=True,
        header_template="<span></span>",
        footer_template=FOOT,
        print_background=True,  # of code, tables and bars
        outline=True,
        tagged=True,
    )


def main(words: list[str]) -> int:
    """Print the pages whose name holds one of the words, or all."""
    path = browser.find()
    if not (browser.HTML / "index.html").is_file():
        return fail("There is no book to print yet: run make book.")
    if not path:
        return fail(browser.ABSENT)
    names = [
        name for name in browser.pages() if "/" in name and (not words or any(word in name for word in words))
    ]
    if not names:
        return fail(f"No page's name holds {' or '.join(words)}. The pages: {', '.join(browser.pages())}")
    if not words:
        shutil.rmtree(PDF, ignore_errors=True)
    PDF.mkdir(parents=True, exist_ok=True)
    with browser.served() as address, browser.launched(path) as chromium:
        for name in names:
            start = time.monotonic()
            page = chromium.new_page(viewport={"width": WIDTH, "height": 950})
            page.goto(f"{address}/{name}.html", wait_until="load")
            browser.stand(page)
            out = PDF / f"{name.split('/')[1]}.pdf"
            write(page, out)
            page.close()
            say(f"pdf:     {out.name}, {out.stat().st_size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s")
    print(f"\nThe PDFs are in {PDF}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
