# What is written is sound to the servers' own tools, and every alert does what its test says.
aidetect rules --out made
promtool check rules --lint=all made/prometheus/rules/aidetect.yml | grep -c SUCCESS
promtool check config made/prometheus/prometheus.yml >config.log && echo "config sound" || cat config.log
amtool check-config made/alertmanager/alertmanager.yml >routing.log && echo "routing sound" || cat routing.log
# A faster place for the many small databases of the tests.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
promtool test rules made/prometheus/tests/*.yml >tests.log 2>&1 || cat tests.log
echo "$(grep -c SUCCESS tests.log) of $(ls made/prometheus/tests | wc -l) alerts tested"
# A test can fail: with another threshold its alert does not fire.
aidetect rules --out other --set HighErrorRate.threshold=0.5 >/dev/null
promtool test rules other/prometheus/tests/HighErrorRate.yml >failed.log 2>&1 || grep -c FAILED: failed.log
