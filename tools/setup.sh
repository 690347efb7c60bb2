#!/bin/sh
# Finds a Python that can run the book, then hands over to tools/bootstrap.py.
# PYTHON=/path/to/python make book   chooses one by hand.
new_enough='import sys; sys.exit(sys.version_info < (3, 10))'

if [ -x .venv/bin/python ] && .venv/bin/python -c "$new_enough" 2>/dev/null; then
    exec .venv/bin/python -m tools.bootstrap
fi

if [ -n "$PYTHON" ]; then
    candidates=$PYTHON
else
    candidates="python3 python3.13 python3.12 python3.11 python3.10 python"
fi
found=""
IFS_before=$IFS
[ -n "$PYTHON" ] && IFS=''   # a chosen path may hold a space
for candidate in $candidates; do
    version=$("$candidate" -c 'import platform; print(platform.python_version())' 2>/dev/null) || continue
    if "$candidate" -c "$new_enough" 2>/dev/null; then
        IFS=$IFS_before
        exec "$candidate" -m tools.bootstrap
    fi
    found="$found $candidate is $version;"
done
cat >&2 <<END
The book needs Python 3.10 or newer, and none was found:${found:- there is no python3 on the PATH.}
Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python), or name one
that is installed elsewhere: make book PYTHON=/path/to/python3
END
exit 1
