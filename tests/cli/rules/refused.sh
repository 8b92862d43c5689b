# Mistakes are named, and nothing is written.
aidetect rules --out made --set Nothing.for=5m; echo $?
aidetect rules --out made --set HighLatency.for=soon; echo $?
aidetect rules --out made --time-scale 2; echo $?
touch file
aidetect dashboards --out file/below; echo $?
ls
