#!/bin/sh
# Prints the path of the Python that an environment is made with, or says in one line on stderr
# why there is none, and fails.
#
#   find_python.sh suite    Python 3.10 to 3.13, for .venv; PYTHON=… names the one to take
#   find_python.sh tf115    Python 3.7, the last that TensorFlow 1.15 has packages for, for
#                           .venv-tf115; PYTHON37=… names the one to take
#
# Where none is named, PATH is searched first, then pyenv's folder of versions, newest first.

case ${1-} in
suite) oldest=10 newest=13 needed="Python 3.10 to 3.13" variable=PYTHON named=${PYTHON-} ;;
tf115) oldest=7 newest=7 needed="Python 3.7" variable=PYTHON37 named=${PYTHON37-} ;;
*) echo "usage: find_python.sh suite|tf115" >&2; exit 2 ;;
esac
pyenv_versions=${PYENV_ROOT:-${HOME-}/.pyenv}/versions

# One command or path a line.
list_candidates() {
    if [ -n "$named" ]; then echo "$named"; return; fi
    if [ "$1" = suite ]; then echo python3; fi
    minor=$newest
    while [ "$minor" -ge "$oldest" ]; do
        echo "python3.$minor"
        for python in "$pyenv_versions/3.$minor".*/bin/python; do echo "$python"; done
        minor=$((minor - 1))
    done
}

# Line 1: the version. Line 2: the interpreter itself, not a shim and not the virtual environment
# that happens to be active (it may be the very one about to be replaced); this line is missing
# when no virtual environment can be made. Reads the same to every Python from 2.7 on.
probe='
import sys
print("%d %d" % tuple(sys.version_info[:2]))
import ensurepip, venv
print(getattr(sys, "_base_executable", sys.executable))
'

wrong_version= without_venv=
while IFS= read -r candidate; do
    answer=$("$candidate" -c "$probe" 2>/dev/null </dev/null)
    version=${answer%%
*}
    major=${version% *} minor=${version#* }
    if [ -z "$version" ]; then
        continue  # nothing of this name, or nothing that runs
    elif [ "$major" != 3 ] || [ "$minor" -lt "$oldest" ] || [ "$minor" -gt "$newest" ]; then
        : "${wrong_version:="$candidate is Python $major.$minor"}"
    elif [ "$version" = "$answer" ]; then
        : "${without_venv:="$candidate (Python $major.$minor)"}"
    else
        echo "${answer#*
}"
        exit 0
    fi
done <<CANDIDATES
$(list_candidates "$1")
CANDIDATES

name_one="name one with $variable=/path/to/python"
if [ -n "$without_venv" ]; then
    echo "$without_venv has no venv or ensurepip module; install it" \
        "(Debian, Ubuntu: apt install python3-venv) or $name_one"
elif [ -n "$wrong_version" ]; then
    echo "$needed is needed, but $wrong_version; install one or $name_one"
elif [ -n "$named" ]; then
    echo "$needed is needed, but $variable=$named does not run"
else
    echo "$needed is needed, but none was found on PATH or in $pyenv_versions;" \
        "install one or $name_one"
fi >&2
exit 1
