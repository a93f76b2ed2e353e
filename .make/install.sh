#!/bin/sh
# Runs pip and shows how far it is: what it downloads that is large, and when it unpacks.
#
#   install.sh PYTHON ARGUMENTS…    the arguments of `pip install`

python=$1
shift

# Reads what pip prints. In the shell, for some an awk waits for more lines before it prints one.
show_progress() {
    while IFS= read -r line; do
        case $line in
        *"Downloading "*" MB)" | *"Using cached "*" MB)" | *" GB)")
            size=${line##*\(} rest=${line%" ("*}
            size=${size%)} file=${rest##*[ /]}
            number=${size%% *}
            if [ "${number%%.*}" -ge 20 ] 2>/dev/null || [ "${size##* }" = GB ]; then
                echo "  ${file%%-[0-9]*}, $size"
            fi ;;
        "Installing collected packages: "*)
            set -f
            # shellcheck disable=SC2086  # a word a package
            set -- ${line#*: }
            echo "  unpacking $# packages, a minute or two without a word" ;;
        esac
    done
}

# The exit code of pip, which a pipe would hide, goes around it.
exec 3>&1
code=$({
    {
        "$python" -m pip install --disable-pip-version-check --progress-bar off "$@" 4>&-
        echo $? >&4
    } | show_progress >&3
} 4>&1)
exit "$code"
