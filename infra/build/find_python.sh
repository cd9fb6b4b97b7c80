#!/bin/sh
# Print a Python of the given version, as in `find_python.sh 3.13`; nothing if this machine has none.
version=$1
for candidate in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python \
    "$(uv python find --no-python-downloads "$version" 2> /dev/null)"; do
    found=$("$candidate" -c 'import sys; print(sys.executable, "%d.%d" % sys.version_info[:2])' 2> /dev/null)
    if [ "${found##* }" = "$version" ]; then
        echo "${found% *}"
        exit
    fi
done
