"""Serves the built book on the loopback address."""

import functools
import http.server
import sys
from pathlib import Path

from tools.steps import fail

HTML = Path(__file__).resolve().parents[1] / "_build" / "html"


def main(port: int) -> int:
    if not (HTML / "index.html").is_file():
        return fail("There is no book to serve yet: run make book.")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(HTML))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        return fail(f"Port {port} cannot be used ({error.strerror}). Choose another: make serve PORT=8001")
    print(f"The book is at http://127.0.0.1:{port}/ (Ctrl+C stops)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
