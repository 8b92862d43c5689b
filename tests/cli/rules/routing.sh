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
# Who is asked when it goes on: the playbook's matrix.
for priority in P1 P2 P3; do
    for who in team-lead second-engineer engineering-manager; do
        echo "$priority $who: $(route alertname=Any team=ml-engineering priority=$priority escalation=$who)"
    done
done
# A P3 waits for business hours; nobody else does.
grep -B4 -c 'active_time_intervals: \[business-days\]' made/alertmanager/alertmanager.yml
grep -B4 'active_time_intervals: \[business-days\]' made/alertmanager/alertmanager.yml | grep -o 'priority="P.".*[a-z]'
grep -c 'url: "http://127.0.0.1:9/hook"' made/alertmanager/alertmanager.yml
