# The completion is sound bash and completes commands, options and choices.
aidetect --completion >completion
bash -n completion || exit 1
# shellcheck disable=SC1091
. ./completion
complete_line() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _aidetect
    echo "${COMPREPLY[@]}"
}
complete_line aidetect sc
complete_line aidetect scan --format ''
complete_line aidetect scan --for
touch photo-1.jpg
complete_line aidetect scan photo
complete_line aidetect scan --model photo
