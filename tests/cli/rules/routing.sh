# Who is told about what.
aidetect rules --out made --webhook http://127.0.0.1:9/hook >/dev/null
route() {
    amtool config routes test --config.file=made/alertmanager/alertmanager.yml "$@" 2>/dev/null
}
route alertname=HighErrorRate team=backend priority=P2
route alertname=ModelNotLoaded team=ml-engineering priority=P1
route alertname=HighMemoryUsage team=infrastructure priority=P3
route alertname=Watchdog team=infrastructure priority=P4
route alertname=Other
grep -c 'url: "http://127.0.0.1:9/hook"' made/alertmanager/alertmanager.yml
