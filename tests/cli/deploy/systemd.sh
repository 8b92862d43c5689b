# The unit's exposure is at most 1.5.
command -v systemd-analyze >/dev/null || exit 77
systemd-analyze security --offline=true --no-pager --threshold=15 \
    "$AIDETECT_SOURCE/deploy/aidetect.service" >report || tail -1 report
grep -q 'exposure level' report && echo 'exposed little'
