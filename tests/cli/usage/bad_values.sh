# Each names the option, the value and what is allowed.
for arguments in '--threshold 1' '--threshold abc' '--threshold nan' '--workers -1' '--workers 2x' \
    '--workers 99999999999999999999' '--format xml' '--format json|csv' '--timings=yes' '--model'; do
    # shellcheck disable=SC2086  # words are meant
    aidetect scan photo.jpg $arguments
    [ $? -eq 64 ] || echo "$arguments: not 64"
done 2>&1 | grep -v '^Try'
aidetect scan 2>&1 >/dev/null | head -1
aidetect version surplus 2>&1 | head -1
